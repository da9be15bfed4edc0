// SPDX-License-Identifier: Apache-2.0
// First boots: flash encryption and secure boot are enabled on the way to the app.
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slotseal/otadata.h"
#include "support/boot_bench.h"
#include "support/sample_image.h"

static uint32_t efuse(const struct bench *b, const char *name)
{
    return ss_efuse_get_name(b->chip->silicon, name);
}

static struct bench *to_be_enabled(const char *version, bool secure_boot)
{
    struct bench *b = bench_bootable(300);
    snprintf(b->profile.idf_version, sizeof b->profile.idf_version, "%s", version);
    assert_true(ss_profile_idf_number(version, &b->profile.idf));
    b->profile.flash_encryption = true;
    if (secure_boot) {
        b->profile.secure_boot = SS_PROFILE_SECURE_BOOT_V1;
        bench_lay_signed_app(b, BENCH_SLOT_0, bench_sign_with_v1(b));
    }
    return b;
}

static void encryption_alone(void **state)
{
    (void)state;
    static const char *const versions[] = {"v3.2", "v4.0.1", "v5.2"};
    for (unsigned i = 0; i < 3; i++) {
        struct bench *b = to_be_enabled(versions[i], false);
        uint8_t plain[64];
        memcpy(plain, b->chip->flash.data + BENCH_SLOT_0, sizeof plain);
        bench_boot(b);
        bench_expect(b, "I (T) boot: Checking flash encryption...");
        bench_expect(b, "I (T) flash_encrypt: Generating new flash encryption key...");
        bench_expect(b, "I (T) flash_encrypt: Setting CRYPT_CONFIG efuse to 0xF");
        bench_expect(b, "W (T) flash_encrypt: Not disabling UART bootloader encryption");
        bench_expect(b, "I (T) flash_encrypt: Disable UART bootloader decryption...");
        bench_expect(b, "I (T) flash_encrypt: Disable UART bootloader MMU cache...");
        bench_expect(b, "I (T) flash_encrypt: Disable JTAG...");
        bench_expect(b, "I (T) flash_encrypt: Disable ROM BASIC interpreter fallback...");
        bench_expect(b, "I (T) flash_encrypt: Flash encryption completed");
        bench_expect(b, "I (T) boot: Resetting with flash encryption enabled...");
        bench_expect(b, "rst:0x3 (SW_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)");
        bench_expect(b, "I (T) flash_encrypt: flash encryption is enabled (3 plaintext flashes left)");
        assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
        assert_int_equal(b->result.address, BENCH_SLOT_0);
        assert_int_equal(b->result.resets, 1);
        assert_int_equal(efuse(b, "FLASH_CRYPT_CNT"), 1);
        assert_int_equal(efuse(b, "FLASH_CRYPT_CONFIG"), 15);
        assert_int_equal(efuse(b, "DISABLE_DL_ENCRYPT"), 0);
        assert_int_equal(efuse(b, "DISABLE_DL_DECRYPT"), 1);
        assert_int_equal(efuse(b, "DISABLE_DL_CACHE"), 1);
        assert_int_equal(efuse(b, "JTAG_DISABLE"), 1);
        assert_int_equal(efuse(b, "CONSOLE_DEBUG_DISABLE"), 1);
        assert_int_equal(b->chip->silicon->words[0] & 0x10080, 0x10080); // BLOCK1 protected
        assert_memory_not_equal(b->chip->flash.data + BENCH_SLOT_0, plain, sizeof plain);
        // The slot without an app stays as it is, sector 0 too.
        assert_int_equal(b->chip->flash.data[BENCH_SLOT_1], 0xFF);
        assert_int_equal(b->chip->flash.data[0], 0xFF);
        // The next boot changes nothing.
        uint64_t operations = b->chip->power.operations;
        bench_boot(b);
        assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
        assert_int_equal(b->result.resets, 0);
        assert_int_equal(b->chip->power.operations, operations);
        bench_free(b);
    }
}

static void encryption_and_secure_boot(void **state)
{
    (void)state;
    static const char *const versions[] = {"v3.2", "v4.0.1", "v5.2"};
    static const char *const tags[] = {"secure_boot", "secure_boot", "secure_boot_v1"};
    for (unsigned i = 0; i < 3; i++) {
        struct bench *b = to_be_enabled(versions[i], true);
        char line[128];
        bench_boot(b);
        static const char *const said[] = {"Generating new secure boot key...", "Generating secure boot digest...",
                                           "Digest generation complete.", "blowing secure boot efuse...",
                                           "secure boot is now enabled for bootloader image"};
        for (unsigned n = 0; n < 5; n++) {
            snprintf(line, sizeof line, "I (T) %s: %s", tags[i], said[n]);
            bench_expect(b, line);
        }
        bench_expect(b, "I (T) boot: Checking secure boot...");
        bench_expect(b, "I (T) secure_boot: Read & write protecting new key...");
        assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
        assert_int_equal(efuse(b, "ABS_DONE_0"), 1);
        assert_int_equal(b->chip->silicon->words[0] & 0x20100, 0x20100); // BLOCK2 protected
        // The digest holds at the next boot, through decryption.
        bench_boot(b);
        assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
        assert_null(ss_boot_first_failure(&b->result));
        bench_free(b);
    }
}

static void expect_encryption_refused(struct bench *b, const char *line, const char *rule, const char *reason)
{
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    bench_expect(b, line);
    bench_expect(b, "E (T) boot: OTA app partition slot 0 is not bootable");
    bench_expect_failure(b, rule, reason);
    assert_int_equal(efuse(b, "FLASH_CRYPT_CNT") & 1, 0);
}

static void keys_burned_before(void **state)
{
    (void)state;
    static const char *const versions[] = {"v4.0.1", "v5.2"};
    static const char *const used[] = {"W (T) flash_encrypt: Using pre-loaded flash encryption key in EFUSE block 1",
                                       "I (T) flash_encrypt: Using pre-loaded flash encryption key in efuse"};
    static const char *const refused[] = {
        "E (T) flash_encrypt: Flash encryption key has to be either unset or both read and write protected\n"
        "E (T) boot: Flash encryption check failed (259).",
        "E (T) flash_encrypt: Invalid key state, check read&write protection for key and keypurpose(if exists)\n"
        "I (T) efuse: Batch mode of writing fields is cancelled\n"
        "E (T) boot: Initialization of Flash Encryption key failed (259)"};
    for (unsigned i = 0; i < 2; i++) {
        struct bench *b = to_be_enabled(versions[i], true);
        bench_set_key(b, 1, 0x40, true);
        bench_set_key(b, 2, 0x80, true);
        bench_boot(b);
        bench_expect(b, used[i]);
        assert_non_null(strstr(b->log, "Using pre-loaded secure boot key in EFUSE block 2"));
        assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
        bench_free(b);
        b = to_be_enabled(versions[i], false);
        bench_set_key(b, 1, 0x40, false);
        expect_encryption_refused(b, refused[i], "encryption-setup",
                                  "BLOCK1 is neither empty nor both read- and write-protected");
        bench_free(b);
    }
}

static void coding_schemes(void **state)
{
    (void)state;
    static const char *const versions[] = {"v4.0.1", "v5.2"};
    for (unsigned i = 0; i < 2; i++) {
        struct bench *b = to_be_enabled(versions[i], true);
        bench_set(b, "CODING_SCHEME", SS_EFUSE_CODING_34);
        bench_boot(b);
        assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
        bench_boot(b);
        assert_null(ss_boot_first_failure(&b->result));
        bench_free(b);

        b = to_be_enabled(versions[i], false);
        bench_set(b, "CODING_SCHEME", SS_EFUSE_CODING_REPEAT);
        expect_encryption_refused(b, "E (T) flash_encrypt: Unknown/unsupported CODING_SCHEME value 0x2",
                                  "encryption-setup", "coding scheme 2 is not supported");
        bench_expect(b, i ? "E (T) boot: Initialization of Flash Encryption key failed (262)"
                          : "E (T) boot: Flash encryption check failed (262).");
        bench_free(b);
    }
    struct bench *b = to_be_enabled("v4.0.1", true);
    bench_set(b, "CODING_SCHEME", SS_EFUSE_CODING_REPEAT);
    expect_encryption_refused(b,
                              "E (T) secure_boot: Unknown/unsupported CODING_SCHEME value 0x2\n"
                              "E (T) boot: Bootloader digest generation for secure boot failed (262).",
                              "secure-boot-digest", "coding scheme 2 is not supported");
    bench_free(b);
}

static void encryption_that_is_not_allowed(void **state)
{
    (void)state;
    struct bench *b = to_be_enabled("v4.0.1", false);
    b->chip->silicon->words[0] |= 1u << 2;
    expect_encryption_refused(b,
                              "E (T) flash_encrypt: Cannot re-encrypt data (FLASH_CRYPT_CNT 0x00 write disabled 1\n"
                              "E (T) boot: Flash encryption check failed (-1).",
                              "encryption-state", "FLASH_CRYPT_CNT is 0x00 and write-protected");
    b->profile.idf = 50200;
    expect_encryption_refused(
        b, "E (T) flash_encrypt: Flash Encryption cannot be enabled (CRYPT_CNT (0) is write protected)",
        "encryption-state", "FLASH_CRYPT_CNT is 0x00 and write-protected");
    bench_free(b);
    b = to_be_enabled("v4.0.1", false);
    b->profile.require_encrypted = true;
    static const char text[] =
        "flash encryption is not enabled, and SECURE_FLASH_REQUIRE_ALREADY_ENABLED is set, refusing to boot.";
    char line[200];
    snprintf(line, sizeof line, "E (T) flash_encrypt: %s\nE (T) boot: Flash encryption check failed (259).", text);
    expect_encryption_refused(b, line, "encryption-state", "FLASH_CRYPT_CNT is 0x00, and encrypting is not allowed");
    b->profile.idf = 50200;
    snprintf(line, sizeof line, "E (T) boot: %s", text);
    expect_encryption_refused(b, line, "encryption-state", "FLASH_CRYPT_CNT is 0x00, and encrypting is not allowed");
    bench_free(b);
}

static void encrypting_again(void **state)
{
    (void)state;
    struct bench *b = to_be_enabled("v4.0.1", false);
    bench_set_key(b, 1, 0, true);
    bench_set(b, "FLASH_CRYPT_CONFIG", 15);
    bench_set(b, "FLASH_CRYPT_CNT", 3);
    bench_boot(b);
    bench_expect_not(b, "I (T) flash_encrypt: Setting CRYPT_CONFIG efuse to 0xF");
    bench_expect(b, "I (T) flash_encrypt: flash encryption is enabled (2 plaintext flashes left)");
    assert_int_equal(efuse(b, "FLASH_CRYPT_CNT"), 7);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void release_mode(void **state)
{
    (void)state;
    struct bench *b = to_be_enabled("v4.0.1", false);
    b->profile.release = true;
    b->profile.allow_dl_encrypt = false;
    bench_boot(b);
    bench_expect(b, "I (T) flash_encrypt: Disable UART bootloader encryption...");
    bench_expect(b, "I (T) flash_encrypt: Write protecting FLASH_CRYPT_CNT eFuse");
    bench_expect(b, "I (T) flash_encrypt: flash encryption is enabled (0 plaintext flashes left)");
    assert_int_equal(efuse(b, "FLASH_CRYPT_CNT"), 1);
    assert_int_equal(efuse(b, "DISABLE_DL_ENCRYPT"), 1);
    assert_int_equal(b->chip->silicon->words[0] & 4, 4);
    bench_free(b);
    b = to_be_enabled("v5.2", false);
    b->profile.release = true;
    bench_boot(b);
    bench_expect(b, "I (T) flash_encrypt: Setting CRYPT_CNT for permanent encryption");
    assert_int_equal(efuse(b, "FLASH_CRYPT_CNT"), 0x7F);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void what_is_left_enabled(void **state)
{
    (void)state;
    struct bench *b = to_be_enabled("v4.0.1", true);
    b->profile.allow_dl_decrypt = b->profile.allow_dl_cache = b->profile.allow_jtag = b->profile.allow_basic = true;
    bench_boot(b);
    bench_expect(b, "W (T) flash_encrypt: Not disabling UART bootloader encryption\n"
                    "W (T) flash_encrypt: Not disabling UART bootloader decryption - SECURITY COMPROMISED\n"
                    "W (T) flash_encrypt: Not disabling UART bootloader MMU cache - SECURITY COMPROMISED\n"
                    "W (T) flash_encrypt: Not disabling JTAG - SECURITY COMPROMISED\n"
                    "W (T) flash_encrypt: Not disabling ROM BASIC fallback - SECURITY COMPROMISED");
    bench_expect(b, "W (T) secure_boot: Not disabling JTAG - SECURITY COMPROMISED\n"
                    "W (T) secure_boot: Not disabling ROM BASIC fallback - SECURITY COMPROMISED");
    assert_int_equal(b->chip->silicon->words[6] & ~3u, 1u << 4);
    bench_free(b);
}

/// FLASH_CRYPT_CONFIG that cannot be burned, or was burned to something else.
static void crypt_config(void **state)
{
    (void)state;
    struct bench *b = to_be_enabled("v4.0.1", false);
    b->chip->silicon->words[0] |= 1u << 10;
    bench_boot(b); // v4.0.1 does not look: the chip encrypts without address tweak
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_int_equal(efuse(b, "FLASH_CRYPT_CONFIG"), 0);
    bench_free(b);
    b = to_be_enabled("v5.2", false);
    b->chip->silicon->words[0] |= 1u << 10;
    expect_encryption_refused(b,
                              "E (T) efuse: BURN BLOCK0 - ERROR (written bits != read bits)\n"
                              "W (T) efuse: BLOCK0: next retry to fix an error [3/3]...\n"
                              "E (T) efuse: Written data are incorrect\n"
                              "I (T) efuse: Batch mode. Prepared fields are committed\n"
                              "E (T) flash_encrypt: Error programming security eFuses (err=0xffffffff).\n"
                              "E (T) boot: Initialization of Flash Encryption key failed (-1)",
                              "encryption-setup", "not all could be burned, key as it was, FLASH_CRYPT_CONFIG is 0x0");
    bench_free(b);
    b = to_be_enabled("v5.2", false);
    bench_set(b, "FLASH_CRYPT_CONFIG", 5);
    bench_boot(b);
    bench_expect(b, "E (T) flash_encrypt: EFUSE_ENCRYPT_CONFIG should be set 0xF but it is 0x5");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void a_partition_that_does_not_begin_at_a_sector(void **state)
{
    (void)state;
    static const char *const versions[] = {"v4.0.1", "v5.2"};
    for (unsigned i = 0; i < 2; i++) {
        struct bench *b = to_be_enabled(versions[i], false);
        bench_add_row(b, "secret", SS_PARTITION_DATA, 0x99, 0x30100, 0x1000);
        b->table->rows[3].flags = SS_PARTITION_ENCRYPTED;
        bench_lay_table(b);
        bench_boot(b);
        bench_expect(b, i ? "I (T) flash_encrypt: Encrypting partition 3 at offset 0x30100 (length 0x1000)...\n"
                            "E (T) flash_encrypt: esp_flash_encrypt_region bad src_addr 0x30100\n"
                            "I (T) flash_encrypt: Done encrypting\n"
                            "E (T) flash_encrypt: Failed to encrypt partition 3\n"
                            "E (T) boot: Encryption flash contents failed (-1)"
                          : "I (T) flash_encrypt: Encrypting partition 3 at offset 0x30100...\n"
                            "E (T) flash_encrypt: esp_flash_encrypt_region bad src_addr 0x30100\n"
                            "E (T) flash_encrypt: Failed to encrypt partition 3\n"
                            "E (T) boot: Flash encryption check failed (-1).");
        // The bootloader was encrypted before: nothing is left that starts.
        assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
        bench_free(b);
    }
}

/// A bootloader whose hash lies under the table: the mask ROM does not look at it, the second stage wants room for it.
static struct bench *overgrown_bootloader(const char *version, bool secure_boot)
{
    struct bench *b = to_be_enabled(version, secure_boot);
    uint8_t image[0x1100];
    size_t len = sample_image(image, sizeof image, &(struct sample_segment){0x40080400, 0xFD0}, 1, true);
    assert_int_equal(len, 0x1020);
    b->profile.table_offset = 0x2000;
    bench_lay(b, 0x1000, image, len);
    memcpy(b->chip->flash.data + 0x2000, b->chip->flash.data + BENCH_TABLE, 0xC00);
    return b;
}

static void a_bootloader_that_does_not_verify(void **state)
{
    (void)state;
    struct bench *b = overgrown_bootloader("v4.0.1", false);
    bench_boot(b); // goes on, and dies of it
    bench_expect(b, "E (T) esp_image: Image length 4128 doesn't fit in partition length 4096\n"
                    "W (T) flash_encrypt: no valid bootloader was found");
    bench_expect(b, "I (T) boot: Resetting with flash encryption enabled...");
    assert_int_equal(b->result.outcome, SS_OUTCOME_ROM);
    bench_free(b);
    b = overgrown_bootloader("v5.2", false);
    bench_boot(b);
    bench_expect(b, "W (T) flash_encrypt: no valid bootloader was found\n"
                    "E (T) boot: Encryption flash contents failed (261)");
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    bench_free(b);
    b = overgrown_bootloader("v4.0.1", true);
    bench_boot(b);
    bench_expect(b, "E (T) secure_boot: bootloader image appears invalid! error 8194\n"
                    "E (T) boot: Bootloader digest generation for secure boot failed (8194).");
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    bench_free(b);
    b = overgrown_bootloader("v3.2", true);
    b->profile.flash_encryption = false;
    bench_boot(b); // starts the app without secure boot
    bench_expect(b, "E (T) boot: Bootloader digest generation failed (8194). SECURE BOOT IS NOT ENABLED.");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_int_equal(efuse(b, "ABS_DONE_0"), 0);
    bench_free(b);
}

static void expect_abort(struct bench *b, const char *line, const char *reason)
{
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    bench_expect(b, line);
    bench_expect(b, "abort() was called at PC 0x(PC)\nets Jul 29 2019 12:21:46\n"
                    "rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)");
    bench_expect(b, "W (T) boot: PRO CPU has been reset by WDT.\nW (T) boot: APP CPU has been reset by WDT.\n"
                    "W (T) boot: WDT reset info: PRO CPU PC=0x(PC)\nW (T) boot: WDT reset info: APP CPU PC=0x(PC)");
    bench_expect_failure(b, "secure-boot-enable", reason);
}

static void secure_boot_that_cannot_be_enabled(void **state)
{
    (void)state;
    static const char *const half[] = {"read", "write"};
    for (unsigned i = 0; i < 2; i++) {
        struct bench *b = to_be_enabled("v4.0.1", true);
        char line[160];
        bench_set_key(b, 2, 0, false);
        b->chip->silicon->words[0] |= i ? 1u << 17 : 1u << 8;
        snprintf(line, sizeof line,
                 "E (T) secure_boot: Pre-loaded key is not %s protected. Refusing to blow secure boot efuse.\n"
                 "E (T) boot: FAILED TO ENABLE SECURE BOOT (259).",
                 half[i]);
        expect_abort(b, line,
                     i ? "BLOCK2 is protected half: not against writing"
                       : "BLOCK2 is protected half: not against reading");
        bench_free(b);
        b = to_be_enabled("v5.2", true);
        bench_set_key(b, 2, 0, false);
        b->chip->silicon->words[0] |= i ? 1u << 17 : 1u << 8;
        expect_abort(
            b,
            i ? "E (T) secure_boot_v1: Pre-loaded key is not     protected. Refusing to blow secure boot efuse."
              : "E (T) secure_boot_v1: Pre-loaded key is not read, write protected. Refusing to blow secure "
                "boot efuse.",
            "BLOCK2 is protected half");
        bench_free(b);
    }
    struct bench *b = to_be_enabled("v4.0.1", true);
    b->chip->silicon->words[0] |= 1u << 12;
    expect_abort(
        b,
        "E (T) secure_boot: secure boot not enabled for bootloader image, EFUSE_RD_ABS_DONE_0 is probably write "
        "protected!\nE (T) boot: FAILED TO ENABLE SECURE BOOT (259).",
        "ABS_DONE_0 is write-protected");
    bench_free(b);
    b = to_be_enabled("v5.2", true);
    b->chip->silicon->words[0] |= 1u << 12;
    expect_abort(b,
                 "E (T) secure_boot_v1: Error programming security eFuses (err=0xffffffff).\n"
                 "E (T) boot: FAILED TO ENABLE SECURE BOOT (-1).",
                 "bits of BLOCK0 are write-protected");
    bench_free(b);
}

static void the_old_release_enables_secure_boot_first(void **state)
{
    (void)state;
    struct bench *b = to_be_enabled("v3.2", true);
    bench_set_key(b, 2, 0, false);
    bench_boot(b);
    bench_expect(b, "E (T) secure_boot: Pre-loaded key is not read protected. Refusing to blow secure boot efuse.\n"
                    "E (T) boot: Bootloader digest generation failed (259). SECURE BOOT IS NOT ENABLED.\n"
                    "I (T) boot: Checking flash encryption...");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void what_is_done_is_not_done_again(void **state)
{
    (void)state;
    struct bench *b = to_be_enabled("v4.0.1", true);
    bench_boot(b);
    bench_boot(b);
    bench_expect(
        b, "I (T) secure_boot: bootloader secure boot is already enabled. No need to generate digest. continuing..\n"
           "I (T) boot: Checking flash encryption...\n"
           "I (T) flash_encrypt: flash encryption is enabled (3 plaintext flashes left)\n"
           "I (T) boot: Checking secure boot...\n"
           "I (T) secure_boot: bootloader secure boot is already enabled, continuing..\n"
           "I (T) boot: Disabling RNG early entropy source...");
    b->profile.idf = 30200;
    bench_boot(b);
    bench_expect(b, "I (T) boot: Checking secure boot...\n"
                    "I (T) secure_boot: bootloader secure boot is already enabled, continuing..\n"
                    "I (T) boot: Checking flash encryption...");
    bench_free(b);
}

static void blocks_that_are_not_known(void **state)
{
    (void)state;
    struct bench *b = to_be_enabled("v4.0.1", false);
    b->chip->silicon->words[0] |= 1u << 7 | 1u << 16;
    b->chip->unknown_blocks = 1 << 1;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_UNKNOWN);
    bench_expect_failure(b, "encryption-contents", "the key in BLOCK1 is read-protected and not known");
    bench_free(b);
    static const char *const versions[] = {"v3.2", "v4.0.1"};
    for (unsigned i = 0; i < 2; i++) {
        b = to_be_enabled(versions[i], true);
        b->chip->silicon->words[0] |= 1u << 8 | 1u << 17;
        b->chip->unknown_blocks = 1 << 2;
        bench_boot(b);
        assert_int_equal(b->result.outcome, SS_OUTCOME_UNKNOWN);
        bench_expect_failure(b, "secure-boot-digest", "the key in BLOCK2 is read-protected and not known");
        bench_free(b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encryption_alone),
        cmocka_unit_test(encryption_and_secure_boot),
        cmocka_unit_test(keys_burned_before),
        cmocka_unit_test(coding_schemes),
        cmocka_unit_test(encryption_that_is_not_allowed),
        cmocka_unit_test(encrypting_again),
        cmocka_unit_test(release_mode),
        cmocka_unit_test(what_is_left_enabled),
        cmocka_unit_test(crypt_config),
        cmocka_unit_test(a_partition_that_does_not_begin_at_a_sector),
        cmocka_unit_test(a_bootloader_that_does_not_verify),
        cmocka_unit_test(secure_boot_that_cannot_be_enabled),
        cmocka_unit_test(the_old_release_enables_secure_boot_first),
        cmocka_unit_test(what_is_done_is_not_done_again),
        cmocka_unit_test(blocks_that_are_not_known),
    };
    return ss_test_main(argc, argv, tests);
}
