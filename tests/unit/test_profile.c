// SPDX-License-Identifier: Apache-2.0
// Bootloader profiles: given, of a build, guessed.
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip/profile.h"
#include "slotseal/signing_key.h"
#include "support/vectors.h"

static struct ss_error err;

static void parse(const char *text, struct ss_boot_profile *p)
{
    assert_ok(ss_profile_parse(text, strlen(text), p, &err), err);
}

static void refuse(const char *text, const char *message)
{
    struct ss_boot_profile p;
    assert_int_equal(ss_profile_parse(text, strlen(text), &p, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, message);
}

static void nothing_is_the_default_profile(void **state)
{
    (void)state;
    struct ss_boot_profile p, d = SS_BOOT_PROFILE_DEFAULT;
    parse("", &p);
    assert_memory_equal(&p, &d, sizeof p);
    parse("\n# only a comment\n   \n", &p);
    assert_memory_equal(&p, &d, sizeof p);
    assert_string_equal(ss_profile_source_name(p.source), "given");
    assert_int_equal(p.idf, 40001);
    assert_true(p.allow_dl_encrypt);
}

static void every_key_has_its_place(void **state)
{
    (void)state;
    struct ss_boot_profile p;
    parse("idf_version = v5.2-dev-254-g1950b15 # a comment\r\n"
          "compile_time=Apr 25 2023 00:13:32\n"
          "secure_boot = V2\nsigned_on_boot = no\nflash_encryption = yes\nmode = release\n"
          "require_encrypted = 1\nrollback = no\nanti_rollback = true\nsecure_version_bits = 16\n"
          "allow_jtag = yes\nallow_rom_basic = yes\nallow_dl_decrypt = yes\nallow_dl_cache = yes\n"
          "public_key = 00fFA5\ntable_offset = 0x10000\nlog = warn\nunicore = yes",
          &p);
    assert_string_equal(p.idf_version, "v5.2-dev-254-g1950b15");
    assert_int_equal(p.idf, 50200);
    assert_string_equal(p.compile_time, "Apr 25 2023 00:13:32");
    assert_int_equal(p.secure_boot, SS_PROFILE_SECURE_BOOT_V2);
    assert_true(p.signed_on_boot); // secure boot means it
    assert_true(p.flash_encryption && p.release && p.require_encrypted && p.anti_rollback);
    assert_true(p.rollback); // anti-rollback means it
    assert_int_equal(p.secure_version_bits, 16);
    assert_true(p.allow_jtag && p.allow_basic && p.allow_dl_decrypt && p.allow_dl_cache && p.unicore);
    assert_false(p.allow_dl_encrypt); // release means not
    assert_true(p.has_public_key);
    assert_int_equal(p.public_key_len, 3);
    assert_memory_equal(p.public_key, "\x00\xFF\xA5", 3);
    assert_int_equal(p.table_offset, 0x10000);
    assert_int_equal(p.log, SS_PROFILE_LOG_WARN);
    parse("mode = release\nallow_dl_encrypt = yes\n", &p);
    assert_true(p.allow_dl_encrypt);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refuse("secure_boot = v3\n", "profile line 1: 'v3' is no value of secure_boot");
    refuse("\nrollback = maybe\n", "profile line 2: 'maybe' is no value of rollback");
    refuse("rolback = yes\n", "profile line 1: there is no key 'rolback'");
    refuse("mode = release\nmode = release\n", "profile line 2: mode is given twice");
    refuse("mode = production\n", "profile line 1: 'production' is no value of mode");
    refuse("rollback\n", "profile line 1: not 'key = value'");
    refuse("idf_version = 401\n", "profile: idf_version '401' does not begin with a version such as v4.0.1");
    refuse("idf_version = \n", "profile line 1: '' is no value of idf_version");
    refuse("compile_time = 123456789012345678901234567890123\n",
           "profile line 1: '123456789012345678901234567890123' is no value of compile_time");
    refuse("public_key = 123\n", "profile line 1: '123' is no value of public_key");
    refuse("public_key = 1g\n", "profile line 1: '1g' is no value of public_key");
    refuse("secure_version_bits = 33\n", "profile line 1: '33' is no value of secure_version_bits");
    refuse("secure_version_bits = x\n", "profile line 1: 'x' is no value of secure_version_bits");
    refuse("secure_version_bits = 0\n", "profile line 1: '0' is no value of secure_version_bits");
    refuse("table_offset = 0x8100\n", "profile line 1: '0x8100' is no value of table_offset");
    refuse("table_offset = 0x1000\n", "profile line 1: '0x1000' is no value of table_offset");
    refuse("log = debug\n", "profile line 1: 'debug' is no value of log");
}

static void sdkconfig_of_old_and_new_releases(void **state)
{
    (void)state;
    static const char v401[] = "#\n# Automatically generated file.\n#\n"
                               "CONFIG_PARTITION_TABLE_OFFSET=0x10000\n"
                               "CONFIG_SECURE_BOOT_ENABLED=y\n"
                               "CONFIG_SECURE_FLASH_ENC_ENABLED=y\n"
                               "# CONFIG_SECURE_FLASH_ENCRYPTION_MODE_RELEASE is not set\n"
                               "CONFIG_SECURE_FLASH_UART_BOOTLOADER_ALLOW_ENC=y\n"
                               "CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=y\n"
                               "CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK=y\n"
                               "CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD=20\n"
                               "CONFIG_BOOTLOADER_LOG_LEVEL=3\n"
                               "CONFIG_SOMETHING_ELSE=\"text\"\n";
    struct ss_boot_profile p;
    assert_ok(ss_profile_from_sdkconfig(v401, strlen(v401), NULL, &p, &err), err);
    assert_string_equal(ss_profile_source_name(p.source), "build");
    assert_string_equal(ss_profile_secure_boot_name(p.secure_boot), "v1");
    assert_true(p.signed_on_boot && p.flash_encryption && p.allow_dl_encrypt && p.rollback && p.anti_rollback);
    assert_false(p.release || p.allow_jtag || p.has_public_key);
    assert_int_equal(p.secure_version_bits, 20);
    assert_int_equal(p.table_offset, 0x10000);
    assert_int_equal(p.log, SS_PROFILE_LOG_INFO);

    static const char v32[] = "CONFIG_FLASH_ENCRYPTION_ENABLED=y\r\nCONFIG_LOG_BOOTLOADER_LEVEL=0\r\n";
    const struct ss_profile_build build = {
        .idf_version = "v3.2", .public_key = (const uint8_t *)"key", .public_key_len = 3, .table_offset = 0x9000};
    assert_ok(ss_profile_from_sdkconfig(v32, strlen(v32), &build, &p, &err), err);
    assert_true(p.flash_encryption);
    assert_false(p.allow_dl_encrypt || p.signed_on_boot);
    assert_int_equal(p.log, SS_PROFILE_LOG_NONE);
    assert_int_equal(p.idf, 30200);
    assert_int_equal(p.public_key_len, 3);
    assert_int_equal(p.table_offset, 0x9000);

    static const char v52[] = "CONFIG_SECURE_BOOT=y\nCONFIG_SECURE_BOOT_V2_ENABLED=y\nCONFIG_BOOTLOADER_LOG_LEVEL=5\n";
    assert_ok(ss_profile_from_sdkconfig(v52, strlen(v52), NULL, &p, &err), err);
    assert_int_equal(p.secure_boot, SS_PROFILE_SECURE_BOOT_V2);
    assert_int_equal(p.log, SS_PROFILE_LOG_INFO);
}

static void sdkconfig_with_mistakes(void **state)
{
    (void)state;
    struct ss_boot_profile p;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[section]\nkey = value\n", "not an sdkconfig: no line begins with CONFIG_"},
        {"", "not an sdkconfig: no line begins with CONFIG_"},
        {"CONFIG_PARTITION_TABLE_OFFSET=0x8001\n", "sdkconfig line 1: '0x8001' is no value of PARTITION_TABLE_OFFSET"},
        {"CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD=99\n",
         "sdkconfig line 1: '99' is no value of BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD"},
        {"CONFIG_BOOTLOADER_LOG_LEVEL=loud\n", "sdkconfig line 1: 'loud' is no value of BOOTLOADER_LOG_LEVEL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ss_profile_from_sdkconfig(cases[i].text, strlen(cases[i].text), NULL, &p, &err),
                         SS_ERROR_DATA_INVALID);
        assert_string_equal(err.message, cases[i].message);
    }
    const struct ss_profile_build bad_version = {.idf_version = "master"};
    assert_int_equal(ss_profile_from_sdkconfig("CONFIG_A=y", 10, &bad_version, &p, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "the build's ESP-IDF version 'master' is none such as v4.0.1");
    static const uint8_t long_key[600];
    const struct ss_profile_build bad_key = {.public_key = long_key, .public_key_len = sizeof long_key};
    assert_int_equal(ss_profile_from_sdkconfig("CONFIG_A=y", 10, &bad_key, &p, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "the build's public key has 600 bytes, room is for 512");
}

/// A text with its terminator at @p at.
static size_t put(uint8_t *image, size_t at, const char *text)
{
    memcpy(image + at, text, strlen(text) + 1);
    return (at + strlen(text) + 4) & ~(size_t)3;
}

static void a_guess_reads_strings_and_the_key(void **state)
{
    (void)state;
    uint8_t image[4096] = {0xE9}, xy[64];
    ss_signing_key_t *key;
    struct ss_boot_profile p;
    size_t at = put(image, 0x40, "visible v9 before");
    at = put(image, at, "v4.0.1-dirty");
    at = put(image, at, "I (%d) %s: compile time 12:34:56");
    at = put(image, at, "Verifying image signature...");
    at = put(image, at, "secure boot is now enabled for bootloader image");
    at = put(image, at, "Checking flash encryption...");
    at = put(image, at, "Write protecting FLASH_CRYPT_CNT eFuse");
    at = put(image, at, "Enabled a check secure version of app for anti rollback");
    assert_ok(ss_signing_key_generate(SS_KEY_P256, &key, &err), err);
    assert_ok(ss_signing_key_raw_public(key, xy, &err), err);
    ss_signing_key_free(key);
    memcpy(image + 0x800, xy, sizeof xy);
    ss_profile_guess(image, sizeof image, &p);
    assert_string_equal(ss_profile_source_name(p.source), "guessed");
    assert_string_equal(p.idf_version, "v4.0.1-dirty");
    assert_int_equal(p.idf, 40001);
    assert_string_equal(p.compile_time, "12:34:56");
    assert_int_equal(p.secure_boot, SS_PROFILE_SECURE_BOOT_V1);
    assert_true(p.signed_on_boot && p.flash_encryption && p.release && p.anti_rollback && p.rollback);
    assert_false(p.allow_dl_encrypt || p.allow_jtag);
    assert_true(p.has_public_key);
    assert_memory_equal(p.public_key, xy, sizeof xy);

    put(image, at, "enabling secure boot v2...");
    ss_profile_guess(image, sizeof image, &p);
    assert_int_equal(p.secure_boot, SS_PROFILE_SECURE_BOOT_V2);
    assert_false(p.has_public_key);
}

static void a_guess_from_noise_is_the_default(void **state)
{
    (void)state;
    uint8_t noise[8192];
    uint64_t seed = 7;
    struct ss_boot_profile p, d = SS_BOOT_PROFILE_DEFAULT;
    test_random_bytes(&seed, noise, sizeof noise);
    ss_profile_guess(noise, sizeof noise, &p);
    d.source = SS_PROFILE_GUESSED;
    d.allow_dl_encrypt = false;
    assert_memory_equal(&p, &d, sizeof p);
    ss_profile_guess(noise, 0, &p);
    assert_memory_equal(&p, &d, sizeof p);
}

static void guesses_of_real_bootloaders(void **state)
{
    (void)state;
    static const struct {
        const char *file, *version, *compile_time;
        unsigned idf;
    } cases[] = {{"firmware/bootloader-idf-v3.2.bin", "v3.2-dev-931-g6f5820814-dirty", "09:24:01", 30200},
                 {"firmware/bootloader-idf-v5.2.bin", "v5.2-dev-254-g1950b15", "Apr 25 2023 00:13:32", 50200}};
    for (size_t i = 0; i < 2; i++) {
        size_t len;
        uint8_t *image = material_read(cases[i].file, &len);
        if (!image)
            skip();
        struct ss_boot_profile p;
        ss_profile_guess(image, len, &p);
        assert_string_equal(p.idf_version, cases[i].version);
        assert_string_equal(p.compile_time, cases[i].compile_time);
        assert_int_equal(p.idf, cases[i].idf);
        assert_int_equal(p.secure_boot, SS_PROFILE_SECURE_BOOT_NONE);
        assert_false(p.signed_on_boot || p.flash_encryption || p.anti_rollback || p.has_public_key);
        free(image);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_the_default_profile),
        cmocka_unit_test(every_key_has_its_place),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(sdkconfig_of_old_and_new_releases),
        cmocka_unit_test(sdkconfig_with_mistakes),
        cmocka_unit_test(a_guess_reads_strings_and_the_key),
        cmocka_unit_test(a_guess_from_noise_is_the_default),
        cmocka_unit_test(guesses_of_real_bootloaders),
    };
    return ss_test_main(argc, argv, tests);
}
