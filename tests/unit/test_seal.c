// SPDX-License-Identifier: Apache-2.0
#include "slotseal/seal.h"

#include "support/alloc_fault.h"
#include "support/sample_image.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/flash_xts.h"
#include "slotseal/otadata.h"
#include "slotseal/partition_table.h"

#define BUFFER_SIZE 0x4000

static uint8_t key[64], plain[BUFFER_SIZE], sealed[BUFFER_SIZE], again[BUFFER_SIZE];

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    memset(plain, 0, sizeof plain);
    memset(sealed, 0xA5, sizeof sealed);
    memset(again, 0xA5, sizeof again);
    return 0;
}

static struct ss_seal_params params_for(enum ss_seal_kind kind, uint32_t address)
{
    return (struct ss_seal_params){.kind = kind,
                                   .address = address,
                                   .capacity = 0x150000,
                                   .place = "slot ota_0",
                                   .key = key,
                                   .key_len = 32,
                                   .crypt_config = SS_SEAL_CRYPT_CONFIG_DEFAULT};
}

/// Asserts that check and sealing refuse with these words, and that no byte is written.
static void assert_refused(const struct ss_seal_params *p, const uint8_t *in, size_t len, ss_status_t status,
                           const char *message)
{
    struct ss_error err = {0};
    size_t out_len = 1;
    memset(sealed, 0xA5, sizeof sealed);
    assert_int_equal(ss_seal_check(p, in, len, NULL, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(ss_seal(p, in, len, sealed, sizeof sealed, &out_len, NULL, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(out_len, 0);
    assert_true(ss_all_bytes(sealed, sizeof sealed, 0xA5));
    assert_int_equal(ss_seal_check(p, in, len, NULL, NULL), status);
}

static void test_app_is_sealed_as_the_cipher_does(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x160000);
    struct ss_seal_report report;
    struct ss_flash_cipher cipher;
    struct ss_error err = {0};
    size_t len = sample_app(plain, sizeof plain), out_len;

    assert_ok(ss_seal(&p, plain, len, sealed, sizeof sealed, &out_len, &report, &err), err);
    assert_int_equal(out_len, len);
    assert_int_equal(report.padded_len, len);
    assert_int_equal(report.signature, SS_IMAGE_UNSIGNED);
    assert_string_equal(report.image.app_desc.version, "1.2.3");
    assert_ok(ss_flash_cipher_init(&cipher, key, 32, 15, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, 0x160000, plain, again, len, &err), err);
    assert_memory_equal(sealed, again, len);

    assert_ok(ss_unseal(&p, sealed, out_len, sealed, out_len, &out_len, &report, &err), err);
    assert_int_equal(out_len, len);
    assert_memory_equal(sealed, plain, len);
    assert_string_equal(report.image.app_desc.version, "1.2.3");
}

static void test_signed_app_is_padded_with_ff(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x10000);
    struct ss_seal_report report;
    struct ss_error err = {0};
    size_t unsigned_len = sample_app(plain, sizeof plain), out_len;
    size_t len = sample_sign_v1(plain, unsigned_len, sizeof plain);

    assert_int_equal(len % 16, 4);
    assert_ok(ss_seal(&p, plain, len, sealed, sizeof sealed, &out_len, &report, &err), err);
    assert_int_equal(out_len, len + 12);
    assert_int_equal(report.plaintext_len, len);
    assert_int_equal(report.signature, SS_IMAGE_SIGNED_V1);
    assert_int_equal(report.signature_offset, unsigned_len);
    assert_ok(ss_unseal(&p, sealed, out_len, again, sizeof again, &out_len, &report, &err), err);
    assert_memory_equal(again, plain, len);
    assert_true(ss_all_bytes(again + len, 12, 0xFF));
    assert_int_equal(report.signature, SS_IMAGE_SIGNED_V1);

    // The same bytes for every unit of padding, and in place.
    p.pad_unit = 4096;
    memcpy(again, plain, len);
    assert_ok(ss_seal(&p, again, len, again, sizeof again, &out_len, NULL, &err), err);
    assert_int_equal(out_len, 4096);
    assert_memory_equal(again, sealed, len + 12);
    assert_ok(ss_unseal(&p, again, out_len, again, out_len, &out_len, NULL, &err), err);
    assert_true(ss_all_bytes(again + len, 4096 - len, 0xFF));
}

static void test_other_chips_use_xts(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_DATA, 0x9010);
    struct ss_flash_xts cipher;
    struct ss_error err = {0};
    size_t out_len;

    p.chip = ss_chip_find("esp32s3");
    p.key_len = 64;
    p.crypt_config = 99; // ignored
    assert_ok(ss_seal(&p, plain, 1000, sealed, sizeof sealed, &out_len, NULL, &err), err);
    assert_int_equal(out_len, 1008);
    memset(again, 0xFF, sizeof again);
    memcpy(again, plain, 1000);
    assert_ok(ss_flash_xts_init(&cipher, key, 64, &err), err);
    assert_ok(ss_flash_xts_seal(&cipher, 0x9010, again, again, 1008, &err), err);
    assert_memory_equal(again, sealed, 1008);
    ss_flash_xts_wipe(&cipher);

    memset(key + 32, 0, 32);
    memcpy(key + 32, key, 32);
    assert_refused(&p, plain, 0, SS_ERROR_INVALID_ARGUMENT, "the input is empty");
    assert_int_equal(ss_seal(&p, plain, 1000, sealed, sizeof sealed, &out_len, NULL, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(out_len, 0);
    assert_true(ss_all_bytes(sealed, sizeof sealed, 0xA5));
}

static void test_parameters_are_checked(void **state)
{
    (void)state;
    struct ss_seal_params good = params_for(SS_SEAL_APP, 0x10000), p;
    size_t len = sample_app(plain, sizeof plain);

    p = good, p.address = 0x10008;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT, "address 0x10008 is not a multiple of 16");
    p = good, p.address = 0x11000;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT,
                   "app address 0x11000 is not a multiple of 64 KiB (0x10000)");
    p = good, p.address = 0xFFFFFFF0, p.kind = SS_SEAL_DATA;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT,
                   "736 bytes at 0xfffffff0 pass the end of the address "
                   "space");
    p = good, p.address = 0x1000000;
    assert_refused(&p, plain, len, SS_ERROR_INSUFFICIENT_SPACE,
                   "app ends at 0x10002e0, ESP32 maps flash up to "
                   "0x1000000");
    p = good, p.key_len = 16;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT, "flash key is 16 bytes, ESP32 takes 24 or 32");
    p = good, p.key_len = 33, p.chip = ss_chip_find("esp32s3");
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT, "flash key is 33 bytes, ESP32-S3 takes 32 or 64");
    p = good, p.key_len = 64, p.chip = ss_chip_find("esp32c2");
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT, "flash key is 64 bytes, ESP32-C2 takes 16 or 32");
    p = good, p.key_len = 64, p.chip = ss_chip_find("esp32c3");
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT, "flash key is 64 bytes, ESP32-C3 takes 32");
    assert_int_equal(ss_seal_check_key(&p, NULL), SS_ERROR_INVALID_ARGUMENT);
    p.key_len = 32;
    assert_int_equal(ss_seal_check_key(&p, NULL), SS_OK);
    p = good, p.key = NULL;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT, "flash key is 32 bytes, ESP32 takes 24 or 32");
    p = good, p.crypt_config = 16;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT, "FLASH_CRYPT_CONFIG 16 is above 15");
    p = good, p.pad_unit = 8;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT,
                   "padding to 8 bytes: must be a power of two from 16 to 4096");
    p = good, p.pad_unit = 48;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT,
                   "padding to 48 bytes: must be a power of two from 16 to 4096");
    p = good, p.pad_unit = 8192;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT,
                   "padding to 8192 bytes: must be a power of two from 16 to 4096");
    p = good, p.kind = (enum ss_seal_kind)99;
    assert_refused(&p, plain, len, SS_ERROR_INVALID_ARGUMENT, "kind 99 is not known");
}

static void test_space_counts_signature_and_padding(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x10000);
    struct ss_error err = {0};
    size_t len = sample_app(plain, sizeof plain);

    p.capacity = (uint32_t)len;
    assert_ok(ss_seal_check(&p, plain, len, NULL, &err), err);
    len = sample_sign_v1(plain, len, sizeof plain);
    assert_refused(&p, plain, len, SS_ERROR_INSUFFICIENT_SPACE, "image is 804 bytes, slot ota_0 holds 736");
    p.capacity = (uint32_t)len;
    p.place = NULL;
    assert_refused(&p, plain, len, SS_ERROR_INSUFFICIENT_SPACE, "image is 816 bytes when padded, the space holds 804");
    p.capacity = 0;
    assert_ok(ss_seal_check(&p, plain, len, NULL, &err), err);
}

static void test_output_too_small(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x10000);
    size_t len = sample_app(plain, sizeof plain), out_len = 0;
    len = sample_sign_v1(plain, len, sizeof plain);

    assert_int_equal(ss_seal(&p, plain, len, sealed, 815, &out_len, NULL, NULL), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(out_len, 816);
    assert_true(ss_all_bytes(sealed, sizeof sealed, 0xA5));
    assert_int_equal(ss_unseal(&p, plain, 816, sealed, 815, &out_len, NULL, NULL), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(out_len, 816);
    assert_true(ss_all_bytes(sealed, sizeof sealed, 0xA5));
}

static void test_wrong_order_is_refused(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x10000);
    struct ss_error err = {0};
    size_t len = sample_app(plain, sizeof plain), out_len;

    assert_ok(ss_seal(&p, plain, len, again, sizeof again, &out_len, NULL, &err), err);
    assert_refused(&p, again, out_len, SS_ERROR_NOT_PERMITTED,
                   "this looks like ciphertext: it is sealed already; seal the plaintext image");
    len = sample_sign_v1(again, out_len, sizeof again);
    assert_int_equal(ss_seal_check(&p, again, len, NULL, &err), SS_ERROR_NOT_PERMITTED);
    assert_non_null(strstr(err.message, "sign the plaintext, then pad, then seal"));
    len = sample_sign_v2(again, out_len, sizeof again);
    assert_int_equal(ss_seal_check(&p, again, len, NULL, &err), SS_ERROR_NOT_PERMITTED);
    assert_non_null(strstr(err.message, "sign the plaintext, then pad, then seal"));

    // Declared as data anything goes.
    p.kind = SS_SEAL_DATA;
    assert_ok(ss_seal(&p, again, out_len, sealed, sizeof sealed, &out_len, NULL, &err), err);
}

static void test_images_that_would_not_boot(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x10000);
    size_t len = sample_app(plain, sizeof plain);

    plain[12] = 9;
    sample_refresh(plain, len);
    assert_refused(&p, plain, len, SS_ERROR_NOT_SUPPORTED, "image is for ESP32-S3 (chip id 9), the chip is ESP32 (0)");
    plain[12] = 0x77;
    sample_refresh(plain, len);
    assert_refused(&p, plain, len, SS_ERROR_NOT_SUPPORTED,
                   "image is for a chip that is not known (chip id 119), the chip is ESP32 (0)");
    sample_app(plain, sizeof plain);
    plain[SAMPLE_APP_DRAM] ^= 1;
    struct ss_error err = {0};
    assert_int_equal(ss_seal_check(&p, plain, len, NULL, &err), SS_ERROR_DATA_CORRUPT);
    assert_non_null(strstr(err.message, "image would not boot: "));
    assert_refused(&p, (const uint8_t *)"nvs, data, nvs, 0x9000, 0x4000,\n", 32, SS_ERROR_DATA_INVALID,
                   "this is not an image; if it is plain data, say so");
    memset(plain, 0xFF, 4096);
    assert_refused(&p, plain, 4096, SS_ERROR_DATA_INVALID,
                   "there is nothing but 0xFF in it; to seal an erased region, declare it as data");
}

static void test_bootloader(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_BOOTLOADER, 0x1000);
    struct ss_error err = {0};
    size_t len = sample_bootloader(plain, sizeof plain), out_len;

    p.capacity = 0x7000;
    p.place = "the space before the partition table";
    p.flash_needed = 0x100000;
    assert_int_equal(plain[3] >> 4, 2); // 4 MB
    assert_ok(ss_seal(&p, plain, len, sealed, sizeof sealed, &out_len, NULL, &err), err);
    assert_ok(ss_unseal(&p, sealed, out_len, sealed, out_len, &out_len, NULL, &err), err);
    p.flash_needed = 0x400000;
    assert_ok(ss_seal_check(&p, plain, len, NULL, &err), err);
    p.flash_needed = 0x400010;
    assert_refused(&p, plain, len, SS_ERROR_INSUFFICIENT_SPACE,
                   "bootloader header says 0x400000 bytes of flash, the table needs 0x400010");
    p.flash_needed = 0;
    p.capacity = 464;
    assert_refused(&p, plain, len, SS_ERROR_INSUFFICIENT_SPACE,
                   "bootloader is 480 bytes, the space before the partition table holds 464");
    p.capacity = 0x7000;
    len = sample_app(plain, sizeof plain);
    assert_int_equal(ss_seal_check(&p, plain, len, NULL, &err), SS_ERROR_DATA_INVALID);
}

static void test_digest_and_bootloader_in_one_file(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_BOOTLOADER, 0);
    struct ss_error err = {0};
    struct ss_seal_report report;
    uint64_t seed = 1;
    size_t out_len;

    memset(plain, 0xFF, 0x1000);
    test_random_bytes(&seed, plain, 192);
    size_t len = 0x1000 + sample_bootloader(plain + 0x1000, sizeof plain - 0x1000);
    p.capacity = 0x8000;
    assert_ok(ss_seal(&p, plain, len, sealed, sizeof sealed, &out_len, &report, &err), err);
    assert_int_equal(report.image.image_len, len - 0x1000);
    assert_int_equal(ss_seal_guess_kind(NULL, 0, plain, len), SS_SEAL_BOOTLOADER);
    assert_int_equal(ss_seal_guess_kind(NULL, 0x10000, plain, len), SS_SEAL_DATA);
    p.address = 0x1000;
    assert_refused(&p, plain, len, SS_ERROR_DATA_INVALID,
                   "this file belongs at flash address 0 as one piece: digest, then the bootloader at 0x1000");
    p.address = 0;
    plain[0x1000 + 100] ^= 1;
    assert_int_equal(ss_seal_check(&p, plain, len, NULL, &err), SS_ERROR_DATA_CORRUPT);
}

static size_t forum_table(uint8_t *out)
{
    static const char csv[] = "nvs, data, nvs, 0x9000, 0x4000,\notadata, data, ota, 0xd000, 0x2000,\n"
                              "ota_0, 0, ota_0, 0x10000, 0x150000, encrypted\n";
    struct ss_partition_table table;
    struct ss_error err = {0};
    assert_ok(ss_table_from_csv(csv, sizeof csv - 1, NULL, &table, &err), err);
    assert_ok(ss_table_to_binary(&table, out, &err), err);
    return SS_TABLE_BINARY_SIZE;
}

static void test_table(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_TABLE, 0x8000);
    struct ss_seal_report report;
    struct ss_error err = {0};
    size_t len = forum_table(plain), out_len;

    p.capacity = 0x1000;
    p.place = "the sector of the partition table";
    assert_ok(ss_seal(&p, plain, len, sealed, sizeof sealed, &out_len, &report, &err), err);
    assert_int_equal(out_len, 0xC00);
    assert_int_equal(report.signature, SS_IMAGE_UNSIGNED);
    assert_refused(&p, sealed, 0, SS_ERROR_INVALID_ARGUMENT, "the input is empty");

    len = sample_sign_v1(plain, len, sizeof plain);
    assert_ok(ss_seal(&p, plain, len, sealed, sizeof sealed, &out_len, &report, &err), err);
    assert_int_equal(out_len, 0xC50);
    assert_int_equal(report.signature, SS_IMAGE_SIGNED_V1);
    assert_int_equal(report.signature_offset, 0xC00);
    memcpy(again, sealed, out_len);
    assert_refused(&p, again, out_len, SS_ERROR_NOT_PERMITTED,
                   "this looks like ciphertext: it is sealed already; seal the plaintext image");
    assert_refused(&p, (const uint8_t *)"nvs, data, nvs, 0x9000, 0x4000,\n", 32, SS_ERROR_DATA_INVALID,
                   "not a binary partition table: build one from the CSV file first");
    plain[12]++;
    assert_int_equal(ss_seal_check(&p, plain, len, NULL, &err), SS_ERROR_DATA_CORRUPT);
    assert_non_null(strstr(err.message, "partition table: "));
    forum_table(plain);
    p.address = 0x9000;
    assert_int_equal(ss_seal_check(&p, plain, 0xC00, NULL, &err), SS_ERROR_DATA_INVALID);
}

static void test_otadata(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_OTADATA, 0xD000);
    struct ss_error err = {0};
    size_t out_len;

    assert_ok(ss_otadata_build(1, 2, SS_OTA_VALID, plain, &err), err);
    assert_ok(ss_seal(&p, plain, SS_OTADATA_SIZE, sealed, sizeof sealed, &out_len, NULL, &err), err);
    assert_ok(ss_unseal(&p, sealed, out_len, again, sizeof again, &out_len, NULL, &err), err);
    assert_memory_equal(again, plain, SS_OTADATA_SIZE);
    plain[0] = 3;
    assert_refused(&p, plain, SS_OTADATA_SIZE, SS_ERROR_DATA_CORRUPT,
                   "otadata copy 0 has sequence 0x3 with CRC 0x55f63774, not 0xed4a5011");
    memset(plain, 0xFF, SS_OTADATA_SIZE);
    assert_ok(ss_seal_check(&p, plain, SS_OTADATA_SIZE, NULL, &err), err);
    assert_int_equal(ss_seal_check(&p, plain, 0x1000, NULL, &err), SS_ERROR_INSUFFICIENT_SPACE);
}

static void test_unseal_refuses_noise(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x10000), other = p;
    struct ss_error err = {0};
    size_t len = sample_app(plain, sizeof plain), out_len;

    assert_ok(ss_seal(&p, plain, len, sealed, sizeof sealed, &out_len, NULL, &err), err);
    other.address = 0x160000;
    assert_int_equal(ss_unseal(&other, sealed, len, again, sizeof again, &out_len, NULL, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message,
                        "result is no app: wrong flash key, address or FLASH_CRYPT_CONFIG, or not sealed at all");
    assert_int_equal(out_len, 0);
    assert_true(ss_all_bytes(again, len, 0));
    other = p, other.crypt_config = 0;
    assert_int_equal(ss_unseal(&other, sealed, len, again, sizeof again, &out_len, NULL, &err), SS_ERROR_DATA_INVALID);
    other = p, other.kind = SS_SEAL_TABLE;
    assert_int_equal(ss_unseal(&other, sealed, len, again, sizeof again, &out_len, NULL, &err), SS_ERROR_DATA_INVALID);
    other = p, other.chip = ss_chip_find("esp32s3");
    assert_int_equal(ss_unseal(&other, sealed, len, again, sizeof again, &out_len, NULL, &err), SS_ERROR_DATA_INVALID);

    sealed[0x200] ^= 1; // garbles one block: the image is recognised and its checksum wrong
    assert_int_equal(ss_unseal(&p, sealed, len, again, sizeof again, &out_len, NULL, &err), SS_ERROR_DATA_CORRUPT);
    assert_non_null(strstr(err.message, "result: image would not boot: "));
    assert_int_equal(ss_unseal(&p, sealed, 100, again, sizeof again, &out_len, NULL, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message,
                        "sealed data is 100 bytes, not a multiple of 16: cut off, or signed after sealing");
    assert_int_equal(out_len, 0);
    p.kind = SS_SEAL_DATA;
    assert_ok(ss_unseal(&p, sealed, 96, again, sizeof again, &out_len, NULL, &err), err);
    assert_memory_equal(again, plain, 96);
}

static void test_unseal_takes_a_whole_slot(void **state)
{
    (void)state;
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x10000);
    struct ss_error err = {0};
    size_t len = sample_app(plain, sizeof plain), out_len;

    assert_ok(ss_seal(&p, plain, len, sealed, sizeof sealed, &out_len, NULL, &err), err);
    memset(sealed + len, 0xFF, sizeof sealed - len);
    assert_ok(ss_unseal(&p, sealed, sizeof sealed, again, sizeof again, &out_len, NULL, &err), err);
    assert_int_equal(out_len, sizeof again);
    assert_memory_equal(again, plain, len);
}

static void test_guess(void **state)
{
    (void)state;
    struct ss_error err = {0};
    size_t len = sample_bootloader(plain, sizeof plain);

    assert_int_equal(ss_seal_guess_kind(NULL, 0x1000, plain, len), SS_SEAL_BOOTLOADER);
    assert_int_equal(ss_seal_guess_kind(ss_chip_find("esp32s3"), 0x1000, plain, len), SS_SEAL_APP);
    assert_int_equal(ss_seal_guess_kind(ss_chip_find("esp32s3"), 0, plain, len), SS_SEAL_BOOTLOADER);
    assert_int_equal(ss_seal_guess_kind(NULL, 0x10000, plain, len), SS_SEAL_APP);
    len = forum_table(plain);
    assert_int_equal(ss_seal_guess_kind(NULL, 0x8000, plain, len), SS_SEAL_TABLE);
    assert_ok(ss_otadata_build(0, 2, SS_OTA_VALID, plain, &err), err);
    assert_int_equal(ss_seal_guess_kind(NULL, 0xD000, plain, SS_OTADATA_SIZE), SS_SEAL_OTADATA);
    assert_int_equal(ss_seal_guess_kind(NULL, 0xD000, plain, SS_OTADATA_SIZE - 16), SS_SEAL_DATA);
    plain[100] = 1;
    assert_int_equal(ss_seal_guess_kind(NULL, 0xD000, plain, SS_OTADATA_SIZE), SS_SEAL_DATA);
    assert_int_equal(ss_seal_guess_kind(NULL, 0, plain, 0), SS_SEAL_DATA);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(ss_seal_kind_name(SS_SEAL_APP), "app");
    assert_string_equal(ss_seal_kind_name(SS_SEAL_DATA), "data");
    assert_string_equal(ss_seal_kind_name((enum ss_seal_kind)77), "unknown");
}

static ss_status_t seal_once(void *context)
{
    struct ss_seal_params p = params_for(SS_SEAL_APP, 0x10000);
    size_t out_len;
    return ss_seal(&p, plain, *(size_t *)context, sealed, sizeof sealed, &out_len, NULL, NULL);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    size_t len = sample_app(plain, sizeof plain);
    assert_true(alloc_fault_each(seal_once, &len) > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_app_is_sealed_as_the_cipher_does, setup),
        cmocka_unit_test_setup(test_signed_app_is_padded_with_ff, setup),
        cmocka_unit_test_setup(test_other_chips_use_xts, setup),
        cmocka_unit_test_setup(test_parameters_are_checked, setup),
        cmocka_unit_test_setup(test_space_counts_signature_and_padding, setup),
        cmocka_unit_test_setup(test_output_too_small, setup),
        cmocka_unit_test_setup(test_wrong_order_is_refused, setup),
        cmocka_unit_test_setup(test_images_that_would_not_boot, setup),
        cmocka_unit_test_setup(test_bootloader, setup),
        cmocka_unit_test_setup(test_digest_and_bootloader_in_one_file, setup),
        cmocka_unit_test_setup(test_table, setup),
        cmocka_unit_test_setup(test_otadata, setup),
        cmocka_unit_test_setup(test_unseal_refuses_noise, setup),
        cmocka_unit_test_setup(test_unseal_takes_a_whole_slot, setup),
        cmocka_unit_test_setup(test_guess, setup),
        cmocka_unit_test_setup(test_names, setup),
        cmocka_unit_test_setup(test_allocation_failures, setup),
    };
    return ss_test_main(argc, argv, tests);
}
