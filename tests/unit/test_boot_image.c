// SPDX-License-Identifier: Apache-2.0
// Images as the second stage checks and loads them, with and without signatures.
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/secure_boot_v2.h"
#include "support/alloc_fault.h"
#include "support/boot_bench.h"
#include "support/sample_image.h"

static struct ss_error err;

static struct bench *bench_as(const char *version)
{
    struct bench *b = bench_bootable(300);
    snprintf(b->profile.idf_version, sizeof b->profile.idf_version, "%s", version);
    assert_true(ss_profile_idf_number(version, &b->profile.idf));
    return b;
}

static uint8_t *app_of(struct bench *b)
{
    return b->chip->flash.data + BENCH_SLOT_0;
}

/// Checksum and hash as they have to be after a change.
static void refresh(struct bench *b)
{
    sample_refresh(app_of(b), SAMPLE_APP_LEN);
}

static void expect_refused(struct bench *b, const char *line, const char *rule, const char *reason)
{
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    bench_expect(b, line);
    bench_expect(b, "E (T) boot: OTA app partition slot 0 is not bootable");
    bench_expect_failure(b, rule, reason);
}

/// For findings whose reason is what is logged.
static void expect_image_error(struct bench *b, const char *rule, const char *text)
{
    char line[256];
    snprintf(line, sizeof line, "E (T) esp_image: %s", text);
    expect_refused(b, line, rule, text);
}

static void no_magic_byte(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    memset(app_of(b), 0xFF, 24);
    expect_refused(b,
                   "E (T) esp_image: image at 0x10000 has invalid magic byte\n"
                   "E (T) boot_comm: mismatch chip ID, expected 0, found 65535\n"
                   "E (T) boot_comm: can't run on lower chip revision, expected 3, found 255\n"
                   "W (T) esp_image: image at 0x10000 has invalid SPI mode 255\n"
                   "W (T) esp_image: image at 0x10000 has invalid SPI size 15",
                   "image", "0x10000 begins with 0xff, not with 0xe9");
    bench_free(b);
    b = bench_as("v5.2");
    memset(app_of(b), 0xFF, 24);
    expect_refused(b,
                   "E (T) esp_image: image at 0x10000 has invalid magic byte (nothing flashed here?)\n"
                   "E (T) boot: OTA app partition slot 0 is not bootable",
                   "image", "0x10000 begins with 0xff, not with 0xe9");
    bench_free(b);
}

static void an_app_for_another_chip(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    app_of(b)[12] = 9;
    refresh(b);
    expect_refused(b, "E (T) boot_comm: mismatch chip ID, expected 0, found 9", "image",
                   "the image at 0x10000 is not for this chip or revision");
    app_of(b)[12] = 0;
    app_of(b)[14] = 1;
    refresh(b);
    bench_boot(b);
    bench_expect(b, "I (T) boot_comm: chip revision: 3, min. application chip revision: 1");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
    b = bench_as("v5.2");
    ss_put_le16(app_of(b) + 15, 301);
    refresh(b);
    expect_refused(b, "E (T) boot_comm: Image requires chip rev >= v3.1, but chip is v3.0", "image",
                   "the image at 0x10000 is not for this chip or revision");
    ss_put_le16(app_of(b) + 15, 0);
    ss_put_le16(app_of(b) + 17, 199);
    refresh(b);
    expect_refused(b, "E (T) boot_comm: Image requires chip rev <= v1.99, but chip is v3.0", "image",
                   "the image at 0x10000 is not for this chip or revision");
    bench_free(b);
}

static void segments_that_are_refused(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    app_of(b)[1] = 17;
    expect_image_error(b, "image", "image at 0x10000 segment count 17 exceeds max 16");
    app_of(b)[1] = 4;
    ss_put_le32(app_of(b) + 28, 0x202);
    expect_image_error(b, "image", "invalid segment length 0x202");
    ss_put_le32(app_of(b) + 28, 0x1000000);
    expect_image_error(b, "image", "invalid segment length 0x1000000");
    ss_put_le32(app_of(b) + 28, 0xFFF000);
    bench_boot(b);
    bench_expect(b, "E (T) esp_image: bootloader_mmap(0x10020, 0xfff000) failed");
    ss_put_le32(app_of(b) + 28, 0x200);
    ss_put_le32(app_of(b) + 24, 0x3F400000);
    expect_image_error(b, "image", "Segment 0 load address 0x3f400000, doesn't match data 0x00010020");
    bench_free(b);
}

/// Header of the DRAM segment of the sample app.
#define DRAM_SEGMENT (SAMPLE_APP_DRAM - 8)

static void addresses_that_v4_0_1_refuses(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    ss_put_le32(app_of(b) + DRAM_SEGMENT, 0x3FFDC200);
    expect_image_error(b, "load-address",
                       "Segment 2 end address 0x3ffdc220 too high (bootloader stack 0x3ffe4200 limit 0x3ffdc200)");
    assert_int_equal(ss_boot_first_failure(&b->result)->basis, SS_BASIS_INFERRED);
    ss_put_le32(app_of(b) + DRAM_SEGMENT, 0x4007FFF0);
    expect_image_error(b, "load-address",
                       "Segment 2 (0x4007fff0-0x40080010) overlaps bootloader IRAM (0x40078000-0x40080000)");
    bench_free(b);
}

static void addresses_that_v5_2_refuses(void **state)
{
    (void)state;
    struct bench *b = bench_as("v5.2");
    ss_put_le32(app_of(b) + DRAM_SEGMENT, 0x3FF40000);
    expect_image_error(b, "load-address", "Segment 2 0x3ff40000-0x3ff40020 invalid: bad load address range");
    ss_put_le32(app_of(b) + DRAM_SEGMENT, 0x3FFE0000);
    expect_image_error(b, "load-address", "Segment 2 0x3ffe0000-0x3ffe0020 invalid: overlaps bootloader stack");
    ss_put_le32(app_of(b) + DRAM_SEGMENT, 0x40078100);
    expect_image_error(b, "load-address", "Segment 2 0x40078100-0x40078120 invalid: overlaps loader IRAM");
    // A bootloader with data in DRAM.
    uint8_t image[1024];
    static const struct sample_segment segments[] = {{0x3FFF0000, 64}, {0x40080400, 64}};
    bench_lay(b, 0x1000, image, sample_image(image, sizeof image, segments, 2, true));
    ss_put_le32(app_of(b) + DRAM_SEGMENT, 0x3FFF0020);
    expect_image_error(b, "load-address", "Segment 2 0x3fff0020-0x3fff0040 invalid: overlaps bootloader data");
    bench_free(b);
}

static void damaged_images(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    app_of(b)[SAMPLE_APP_DRAM] ^= 1;
    bench_boot(b);
    bench_expect(b, "E (T) boot: OTA app partition slot 0 is not bootable");
    assert_non_null(strstr(b->log, "E (T) esp_image: Checksum failed. Calculated 0x"));
    // Two changes that the checksum does not see.
    app_of(b)[SAMPLE_APP_DRAM + 1] ^= 1;
    expect_image_error(b, "image", "Image hash failed - image is corrupt");
    // Without a hash they pass.
    uint8_t app[1024];
    size_t len = sample_image(app, sizeof app, &(struct sample_segment){0x3FFB0000, 64}, 1, false);
    bench_lay(b, BENCH_SLOT_0, app, len);
    app_of(b)[40] ^= 1;
    app_of(b)[41] ^= 1;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void images_that_do_not_fit(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    b->table->rows[1].size = SAMPLE_APP_LEN - 4;
    bench_lay_table(b);
    expect_image_error(b, "image", "Image length 736 doesn't fit in partition length 732");
    // Offset and size that wrap around pass the table's check.
    b->table->rows[1].size = 0xFFFF8000;
    bench_lay_table(b);
    expect_image_error(b, "image", "partition size 0xffff8000 invalid, larger than 16MB");
    // v4.4 and later count the signature.
    b->table->rows[1].size = SAMPLE_APP_LEN + 64;
    bench_lay_table(b);
    bench_lay_signed_app(b, BENCH_SLOT_0, bench_sign_with_v1(b));
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    b->profile.idf = 50200;
    expect_image_error(b, "image", "Image length 804 doesn't fit in partition length 800");
    bench_free(b);
}

static void signed_apps(void **state)
{
    (void)state;
    static const char *const versions[] = {"v3.2", "v4.0.1", "v5.2"};
    for (unsigned i = 0; i < 3; i++) {
        struct bench *b = bench_as(versions[i]);
        bench_lay_signed_app(b, BENCH_SLOT_0, bench_sign_with_v1(b));
        bench_boot(b);
        bench_expect(b, "I (T) esp_image: Verifying image signature...");
        assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
        bench_free(b);
    }
}

static void unsigned_and_wrongly_signed_apps(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    bench_sign_with_v1(b);
    expect_refused(b,
                   "E (T) secure_boot: image has invalid signature version field 0xffffffff\n"
                   "E (T) esp_image: Secure boot signature verification failed\n"
                   "I (T) esp_image: Calculating simple hash to check for corruption...\n"
                   "W (T) esp_image: image valid, signature bad",
                   "signature", "0x102e0: signature version is 0xffffffff, must be 0");
    b->profile.idf = 50200;
    expect_refused(
        b, "E (T) secure_boot_v1: image has invalid signature version field 0xffffffff (image without a signature?)",
        "signature", "0x102e0: signature version is 0xffffffff, must be 0");
    b->profile.idf = 40001;

    bench_lay_signed_app(b, BENCH_SLOT_0, bench_sign_with_v1(b));
    app_of(b)[SAMPLE_APP_LEN + 20] ^= 1;
    expect_refused(b, "W (T) esp_image: image valid, signature bad", "signature",
                   "0x10000: the signature is not by the key in the bootloader over this image");
    // Changed in a way that the checksum does not see.
    app_of(b)[SAMPLE_APP_DRAM] ^= 1;
    app_of(b)[SAMPLE_APP_DRAM + 1] ^= 1;
    expect_refused(b,
                   "E (T) esp_image: Image hash failed - image is corrupt\nW (T) esp_image: image corrupted on flash",
                   "signature", "0x10000: the signature is not by the key in the bootloader over this image");
    bench_free(b);
}

static void keys_in_the_bootloader(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    bench_lay_signed_app(b, BENCH_SLOT_0, bench_sign_with_v1(b));
    b->profile.public_key_len = 178; // a PEM file
    expect_refused(b, "E (T) secure_boot: Embedded public verification key has wrong length 178", "signature",
                   "the key in the bootloader has 178 bytes, must have 64");
    b->profile.public_key_len = 64;
    b->profile.public_key[0] ^= 1; // no point of the curve any more
    expect_refused(b, "W (T) esp_image: image valid, signature bad", "signature",
                   "0x10000: the signature is not by the key in the bootloader over this image");
    b->profile.has_public_key = false;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_UNKNOWN);
    bench_expect_failure(b, "signature", "0x10000: the key in the bootloader is not known");
    // No key makes a signature of something that is none.
    app_of(b)[SAMPLE_APP_LEN] = 1;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    bench_free(b);
}

static void lay_v2(struct bench *b, uint32_t address, const ss_signing_key_t *key, bool bootloader)
{
    static uint8_t image[1024], out[16384];
    size_t len = bootloader ? sample_bootloader(image, sizeof image) : sample_app(image, sizeof image), out_len;
    const struct ss_sbv2_signer signer = {.key = key};
    assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, NULL, image, len, out, sizeof out, &out_len, &err), err);
    bench_lay(b, address, out, out_len);
}

static const ss_signing_key_t *rsa_key(unsigned i)
{
    static ss_signing_key_t *keys[2];
    if (!keys[i])
        assert_ok(ss_signing_key_generate(SS_KEY_RSA3072, &keys[i], &err), err);
    return keys[i];
}

static struct bench *bench_v2(void)
{
    struct bench *b = bench_as("v5.2");
    b->profile.secure_boot = SS_PROFILE_SECURE_BOOT_V2;
    b->profile.signed_on_boot = true;
    lay_v2(b, 0x1000, rsa_key(0), true);
    lay_v2(b, BENCH_SLOT_0, rsa_key(0), false);
    return b;
}

static void v2_is_enabled_at_first_boot(void **state)
{
    (void)state;
    struct bench *b = bench_v2();
    uint8_t digest[32];
    bench_boot(b);
    bench_expect(b, "I (T) secure_boot_v2: Secure boot V2 is not enabled yet and eFuse digest keys are not set\n"
                    "I (T) secure_boot_v2: Verifying with RSA-PSS...\n"
                    "I (T) secure_boot_v2: Signature verified successfully!");
    bench_expect(b, "I (T) secure_boot_v2: enabling secure boot v2...\n"
                    "I (T) efuse: Batch mode of writing fields is enabled");
    bench_expect(b, "I (T) secure_boot_v2: Secure boot digests absent, generating..");
    bench_expect(b, "I (T) secure_boot_v2: Application key(0) matches with bootloader key(0).\n"
                    "I (T) secure_boot_v2: blowing secure boot efuse...\n"
                    "I (T) secure_boot: Disable JTAG...\n"
                    "I (T) secure_boot: Disable ROM BASIC interpreter fallback...\n"
                    "W (T) secure_boot: UART ROM Download mode kept enabled - SECURITY COMPROMISED\n"
                    "I (T) secure_boot: Prevent read disabling of additional efuses...\n"
                    "I (T) efuse: BURN BLOCK2\n"
                    "I (T) efuse: BURN BLOCK2 - OK (write block == read block)\n"
                    "I (T) efuse: BURN BLOCK0\n"
                    "I (T) efuse: BURN BLOCK0 - OK (all write block bits are set)\n"
                    "I (T) efuse: Batch mode. Prepared fields are committed\n"
                    "I (T) secure_boot_v2: Secure boot permanently enabled");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_ok(ss_secure_boot_v2_key_digest(rsa_key(0), digest, &err), err);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(b->chip->silicon->words[ss_efuse_block_start(2) + i], ss_get_le32(digest + 4 * i));
    assert_int_equal(b->chip->silicon->words[0] & 0x101, 0x101); // BLOCK2, and RD_DIS itself
    bench_boot(b);
    bench_expect(b, "secure boot verification succeeded");
    bench_expect(b, "I (T) secure_boot_v2: secure boot v2 is already enabled, continuing..");
    assert_null(ss_boot_first_failure(&b->result));
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);

    // An app by another key.
    lay_v2(b, BENCH_SLOT_0, rsa_key(1), false);
    bench_boot(b);
    bench_expect(b, "Sig block 0 signed with untrusted key\n"
                    "E (T) secure_boot_v2: Secure Boot V2 verification failed.\n"
                    "E (T) esp_image: Secure boot signature verification failed");
    bench_expect_failure(b, "signature", "0x10000: the digest of the signing key is not the one in BLOCK2");
    bench_free(b);
}

static void v2_with_encryption(void **state)
{
    (void)state;
    struct bench *b = bench_v2();
    b->profile.flash_encryption = true;
    bench_boot(b);
    bench_expect_not(b, "I (T) secure_boot: Prevent read disabling of additional efuses...");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_int_equal(b->chip->silicon->words[0] & 0x10181, 0x10181); // both keys, and RD_DIS afterwards
    bench_free(b);
}

static void v2_with_a_digest_burned_before(void **state)
{
    (void)state;
    struct bench *b = bench_v2();
    uint8_t digest[32];
    uint32_t *block2 = &b->chip->silicon->words[ss_efuse_block_start(2)];
    assert_ok(ss_secure_boot_v2_key_digest(rsa_key(0), digest, &err), err);
    for (unsigned i = 0; i < 8; i++)
        block2[i] = ss_get_le32(digest + 4 * i);
    bench_boot(b);
    bench_expect(b, "I (T) secure_boot_v2: Secure boot digests already present");
    bench_expect(b, "W (T) secure_boot_v2: Using pre-loaded public key digest in eFuse");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void expect_v2_refused(struct bench *b, const char *line, int number, const char *reason)
{
    char failed[80];
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    bench_expect(b, line);
    snprintf(failed, sizeof failed, "E (T) boot: Secure Boot v2 failed (%d)", number);
    bench_expect(b, failed);
    bench_expect(b, "I (T) efuse: Batch mode of writing fields is cancelled");
    bench_expect_failure(b, "secure-boot-v2-enable", reason);
}

static void v2_that_cannot_be_enabled(void **state)
{
    (void)state;
    struct bench *b = bench_v2();
    lay_v2(b, BENCH_SLOT_0, rsa_key(1), false);
    expect_v2_refused(b, "E (T) secure_boot_v2: No application key digest matches the bootloader key digest.", -1,
                      "app and bootloader are signed by different keys");
    lay_v2(b, BENCH_SLOT_0, rsa_key(0), false);
    b->chip->silicon->words[0] |= 1u << 8;
    expect_v2_refused(b, "E (T) secure_boot_v2: 2 eFuse block is empty, aborting...", -1,
                      "BLOCK2 is write-protected and empty");
    b->chip->silicon->words[0] |= 1u << 17;
    expect_v2_refused(b, "E (T) secure_boot_v2: Key digest (BLK2) read protected, aborting...", -1,
                      "BLOCK2 is read-protected: the digest has to be readable");
    bench_set(b, "CODING_SCHEME", SS_EFUSE_CODING_34);
    expect_v2_refused(b,
                      "E (T) secure_boot_v2: No coding schemes are supported in secure boot v2.(Detected scheme: 0x1)",
                      262, "coding scheme 1 is not supported");
    bench_free(b);
    b = bench_v2();
    b->chip->silicon->words[0] |= 1u << 13; // ABS_DONE_1
    bench_boot(b);
    bench_expect(b, "E (T) efuse: BURN BLOCK0 - ERROR (written bits != read bits)\n"
                    "W (T) efuse: BLOCK0: next retry to fix an error [3/3]...\n"
                    "E (T) efuse: Written data are incorrect\n"
                    "I (T) efuse: Batch mode. Prepared fields are committed\n"
                    "E (T) secure_boot_v2: Error programming security eFuses (err=0xffffffff).\n"
                    "E (T) boot: Secure Boot v2 failed (-1)");
    bench_expect_failure(b, "secure-boot-v2-enable", "not all bits could be burned");
    bench_free(b);
}

static void v2_bootloaders_without_a_signature(void **state)
{
    (void)state;
    struct bench *b = bench_v2();
    b->chip->flash.data[0x2000] = 0;
    bench_boot(b);
    bench_expect(b,
                 "No signature block magic byte found at signature sector (found 0x0 not 0xe7). Image not V2 signed?\n"
                 "E (T) secure_boot_v2: Secure Boot V2 verification failed.");
    bench_expect(b, "E (T) secure_boot_v2: bootloader image appears invalid! error 8194");
    bench_expect(b, "E (T) boot: Secure Boot v2 failed (8194)");
    bench_free(b);
}

static void v2_is_on_but_block2_cannot_be_read(void **state)
{
    (void)state;
    struct bench *b = bench_v2();
    b->chip->apb_date_bit31 = false; // an older ROM does not look, the bootloader does
    bench_set(b, "ABS_DONE_1", 1);
    bench_boot(b);
    bench_expect(b, "E (T) secure_boot_v2: Could not read eFuse secure boot digests!");
    bench_expect_failure(b, "signature", "secure boot V2 is on, and BLOCK2 reads as empty");
    bench_free(b);
}

/// No boot is judged on what memory was missing for.
static ss_status_t boot_once(void *context)
{
    static struct ss_boot_result result;
    struct bench *b = context;
    struct ss_error why = {0};
    ss_status_t status = ss_chip_boot(b->chip, &b->profile, NULL, NULL, NULL, &result, &why);
    if (status == SS_OK)
        assert_int_equal(result.outcome, SS_OUTCOME_APP);
    else
        assert_true(why.message[0] != 0);
    return status;
}

static void memory_runs_out(void **state)
{
    (void)state;
    struct bench *b = bench_as("v4.0.1");
    bench_lay_signed_app(b, BENCH_SLOT_0, bench_sign_with_v1(b));
    bench_boot(b); // what is written at a first start is written
    assert_true(alloc_fault_each(boot_once, b) > 3);
    bench_free(b);
    b = bench_v2();
    bench_boot(b);
    assert_true(alloc_fault_each(boot_once, b) > 3);
    bench_free(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_magic_byte),
        cmocka_unit_test(an_app_for_another_chip),
        cmocka_unit_test(segments_that_are_refused),
        cmocka_unit_test(addresses_that_v4_0_1_refuses),
        cmocka_unit_test(addresses_that_v5_2_refuses),
        cmocka_unit_test(damaged_images),
        cmocka_unit_test(images_that_do_not_fit),
        cmocka_unit_test(signed_apps),
        cmocka_unit_test(unsigned_and_wrongly_signed_apps),
        cmocka_unit_test(keys_in_the_bootloader),
        cmocka_unit_test(v2_is_enabled_at_first_boot),
        cmocka_unit_test(v2_with_encryption),
        cmocka_unit_test(v2_with_a_digest_burned_before),
        cmocka_unit_test(v2_that_cannot_be_enabled),
        cmocka_unit_test(v2_bootloaders_without_a_signature),
        cmocka_unit_test(v2_is_on_but_block2_cannot_be_read),
        cmocka_unit_test(memory_runs_out),
    };
    return ss_test_main(argc, argv, tests);
}
