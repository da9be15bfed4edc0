// SPDX-License-Identifier: Apache-2.0
#include "provision/key_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/sample_image.h"
#include "support/unit.h"

static char folder[] = "/tmp/slotseal-keys-XXXXXX";
static const char *const *const flash = ss_flash_key_patterns;
static const char *const *const sign = ss_sign_key_patterns;

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_files(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s/* %s/.hidden*", folder, folder);
    return system(command);
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void touch(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static void assert_entry(const struct ss_key_folder_entry *e, const char *id, const char *flash_name,
                         const char *sign_name)
{
    char path[128];
    assert_string_equal(e->id, id);
    snprintf(path, sizeof path, "%s/%s", folder, flash_name ? flash_name : "");
    if (flash_name)
        assert_string_equal(e->flash_key, path);
    else
        assert_null(e->flash_key);
    snprintf(path, sizeof path, "%s/%s", folder, sign_name ? sign_name : "");
    if (sign_name)
        assert_string_equal(e->sign_key, path);
    else
        assert_null(e->sign_key);
}

static void files_of_devices(void **state)
{
    (void)state;
    struct ss_key_folder f;
    struct ss_error err = {0};
    touch("meter-2_flash_key.bin");
    touch("meter-2_signing_key.pem");
    touch("meter-1_flash_encryption_key.bin");
    touch("240AC4010203.bin");
    touch("meter-3_secure_boot_signing_key.pem");
    touch("notes.txt");
    touch(".hidden_flash_key.bin");
    assert_ok(ss_key_folder_scan(folder, flash, sign, &f, &err), err);
    assert_int_equal(f.count, 4);
    assert_int_equal(f.others, 1);
    assert_entry(&f.entries[0], "240ac4010203", "240AC4010203.bin", NULL);
    assert_entry(&f.entries[1], "meter-1", "meter-1_flash_encryption_key.bin", NULL);
    assert_entry(&f.entries[2], "meter-2", "meter-2_flash_key.bin", "meter-2_signing_key.pem");
    assert_entry(&f.entries[3], "meter-3", NULL, "meter-3_secure_boot_signing_key.pem");
    ss_key_folder_free(&f);
    // A pattern of the user's own, and only flash keys.
    const char *const own[] = {"key-{mac}.dat", NULL};
    touch("key-24:0a:c4:01:02:03.dat");
    touch("key-240ac4010204.dat");
    assert_ok(ss_key_folder_scan(folder, own, NULL, &f, &err), err);
    assert_int_equal(f.count, 1);
    assert_entry(&f.entries[0], "240ac4010204", "key-240ac4010204.dat", NULL);
    ss_key_folder_free(&f);
}

static void refuse(const char *path, const char *const *patterns, ss_status_t status, const char *message)
{
    struct ss_key_folder f;
    struct ss_error err = {0};
    assert_int_equal(ss_key_folder_scan(path, patterns, NULL, &f, &err), status);
    assert_string_equal(err.message, message);
    ss_key_folder_free(&f);
    assert_int_equal(f.count, 0);
}

static void folders_that_do_not_tell(void **state)
{
    (void)state;
    char message[300];
    const char *const bad[] = {"key.bin", NULL};
    touch("notes.txt");
    snprintf(message, sizeof message, "%s: no file is named as a device's key (1 others)", folder);
    refuse(folder, flash, SS_ERROR_DOES_NOT_EXIST, message);
    refuse(folder, bad, SS_ERROR_INVALID_ARGUMENT,
           "pattern key.bin: exactly one of {id}, {mac} and {MAC}, and something beside it, is needed");
    refuse("/nowhere", flash, SS_ERROR_IO, "/nowhere: No such file or directory");
    touch("a_flash_key.bin");
    touch("a_flash_encryption_key.bin");
    struct ss_key_folder f;
    struct ss_error err = {0};
    assert_int_equal(ss_key_folder_scan(folder, flash, sign, &f, &err), SS_ERROR_ALREADY_EXISTS);
    assert_non_null(strstr(err.message, "are both the flash key of a"));
    ss_key_folder_free(&f);
}

static uint8_t dump[0x8000];
static const uint8_t key[32] = {1, 2, 3, 4};

/// A dump with a bootloader sealed for @p config at @p address, noise-free elsewhere.
static size_t make_dump(uint32_t address, unsigned config, bool seal)
{
    struct ss_seal_params p = {
        .kind = SS_SEAL_DATA, .address = address, .key = key, .key_len = sizeof key, .crypt_config = config};
    struct ss_error err = {0};
    size_t len = sample_bootloader(dump + address, 4096), out;
    memset(dump + address + len, 0xFF, sizeof dump - address - len);
    memset(dump, 0xFF, address);
    if (seal)
        assert_ok(ss_seal(&p, dump + address, 0x2000, dump + address, 0x2000, &out, NULL, &err), err);
    return sizeof dump;
}

static void check(unsigned config, const uint8_t *with, size_t len, ss_status_t status, const char *message)
{
    struct ss_seal_params p = {.key = with, .key_len = 32, .crypt_config = config};
    struct ss_error err = {0};
    assert_int_equal(ss_key_check_dump(&p, dump, len, &err), status);
    assert_string_equal(err.message, message);
}

static void a_dump_tells_whose_key_it_is(void **state)
{
    (void)state;
    static const uint8_t other[32] = {9};
    size_t len = make_dump(0x1000, 0xF, true);
    check(0xF, key, len, SS_OK, "");
    check(0xF, other, len, SS_ERROR_NOT_PERMITTED,
          "the bootloader at 0x1000 does not unseal with this key: it is another device's");
    check(0xF, key, 0x1800, SS_ERROR_DATA_INVALID,
          "a dump of 6144 bytes does not reach the bootloader: read flash from address 0 on");
    len = make_dump(0x1000, 0x0, true);
    check(0xF, key, len, SS_ERROR_NOT_PERMITTED,
          "this flash is sealed with this key, but for FLASH_CRYPT_CONFIG 0x0, not 0xF");
    len = make_dump(0x1000, 0xF, false);
    check(0xF, key, len, SS_ERROR_NOT_PERMITTED, "the flash is not encrypted: image at 0x1000");
    struct ss_seal_params p = {.key = key, .key_len = 31, .crypt_config = 15};
    assert_int_equal(ss_key_check_dump(&p, dump, len, NULL), SS_ERROR_INVALID_ARGUMENT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(files_of_devices, remove_files),
        cmocka_unit_test_teardown(folders_that_do_not_tell, remove_files),
        cmocka_unit_test(a_dump_tells_whose_key_it_is),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
