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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encryption_alone),
        cmocka_unit_test(encryption_and_secure_boot),
    };
    return ss_test_main(argc, argv, tests);
}
