// SPDX-License-Identifier: Apache-2.0
#include "slotseal/sign.h"

#include "support/alloc_fault.h"
#include "support/keys.h"
#include "support/sample_image.h"
#include "support/sample_table.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/flash_cipher.h"

#define SIZE   0x4000
#define SECTOR SS_SBV2_SECTOR_SIZE

static uint8_t in[SIZE], out[SIZE], again[SIZE];
static ss_signing_key_t *p256, *rsa;

static int setup(void **state)
{
    (void)state;
    p256 = test_key("p256.pem");
    rsa = test_key("rsa3072.pem");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_signing_key_free(p256);
    ss_signing_key_free(rsa);
    return 0;
}

static void refuses(enum ss_sign_scheme scheme, const ss_signing_key_t *key, bool append, size_t len,
                    ss_status_t status, const char *message)
{
    struct ss_error err = {0};
    size_t out_len = 1;
    memset(out, 0x55, sizeof out);
    assert_int_equal(ss_sign_image(scheme, key, append, in, len, out, sizeof out, &out_len, NULL, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(out_len, 0);
    assert_true(ss_all_bytes(out, sizeof out, 0x55));
}

static void v1_stands_right_behind_the_image(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_sign_report report;
    size_t len = sample_app(in, sizeof in), out_len = 0;
    // Filler of a flash that was read back, or of another tool, is not signed.
    memset(in + len, 0xFF, 100);
    assert_ok(ss_sign_image(SS_SIGN_V1, p256, false, in, len + 100, out, sizeof out, &out_len, &report, &err), err);
    assert_int_equal(out_len, len + SS_SBV1_BLOCK_SIZE);
    assert_int_equal(report.scheme, SS_SIGN_V1);
    assert_int_equal(report.signed_len, len);
    assert_int_equal(report.signature_at, len);
    assert_true(report.is_image && !report.is_bootloader && report.chip_verifies);
    assert_string_equal(report.chip->name, "esp32");
    assert_memory_equal(out, in, len);

    memset(out + out_len, 0xFF, 12);
    assert_ok(ss_sign_verify(SS_SIGN_ANY, p256, out, out_len + 12, &report, &err), err);
    assert_int_equal(report.scheme, SS_SIGN_V1);
    assert_ok(ss_sign_verify(SS_SIGN_V1, p256, out, out_len, NULL, &err), err);
    assert_int_equal(ss_sign_verify(SS_SIGN_V2, p256, out, out_len, NULL, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "it has no secure boot V2 signature");
    assert_int_equal(ss_sign_verify(SS_SIGN_ANY, rsa, out, out_len, NULL, &err), SS_ERROR_INVALID_SIGNATURE);
    assert_string_equal(err.message, "V1 signature is by a P-256 key, this key is RSA-3072");
    out[len + 10] ^= 1;
    assert_int_equal(ss_sign_verify(SS_SIGN_ANY, p256, out, out_len, NULL, &err), SS_ERROR_INVALID_SIGNATURE);
}

static void v1_signs_partition_tables(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_sign_report report;
    size_t len = sample_table(in), out_len = 0;
    assert_ok(ss_sign_image(SS_SIGN_V1, p256, false, in, len, out, sizeof out, &out_len, &report, &err), err);
    assert_int_equal(out_len, 0xC44);
    assert_false(report.is_image);
    assert_null(report.chip);
    assert_ok(ss_sign_verify(SS_SIGN_ANY, p256, out, out_len, &report, &err), err);
    assert_int_equal(report.signature_at, 0xC00);
    memcpy(again, out, out_len);
    refuses(SS_SIGN_V2, rsa, false, len, SS_ERROR_NOT_SUPPORTED, "secure boot V2 signs images, not partition tables");
    refuses(SS_SIGN_V1, p256, false, len - 32, SS_ERROR_DATA_INVALID,
            "partition table is 3040 bytes, its signature goes behind 3072");
    memcpy(in, again, out_len);
    refuses(SS_SIGN_V1, p256, false, out_len, SS_ERROR_NOT_PERMITTED,
            "it has a secure boot V1 signature already, at 0xc00");
}

static void v2_stands_at_the_next_sector(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_sign_report report;
    size_t len = sample_app(in, sizeof in), out_len = 0;
    // More filler than one sector: the device looks at the sector after the image, not at the end of the file.
    memset(in + len, 0xFF, sizeof in - len);
    assert_ok(ss_sign_image(SS_SIGN_V2, rsa, false, in, 3 * SECTOR, out, sizeof out, &out_len, &report, &err), err);
    assert_int_equal(out_len, 2 * SECTOR);
    assert_int_equal(report.scheme, SS_SIGN_V2);
    assert_int_equal(report.signed_len, SECTOR);
    assert_true(report.chip_verifies);
    assert_ok(ss_sign_verify(SS_SIGN_ANY, rsa, out, out_len, &report, &err), err);
    assert_int_equal(report.signature_at, SECTOR);
    assert_int_equal(ss_sign_verify(SS_SIGN_V1, p256, out, out_len, NULL, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_sign_verify(SS_SIGN_V2, p256, out, out_len, &report, &err), SS_ERROR_INVALID_SIGNATURE);
    assert_false(report.chip_verifies); // an ESP32 has no ECDSA in V2

    // One more, although there is filler behind the sector.
    memset(out + out_len, 0xFF, SECTOR);
    size_t again_len = 0;
    assert_ok(ss_sign_image(SS_SIGN_V2, p256, true, out, 3 * SECTOR, again, sizeof again, &again_len, &report, &err),
              err);
    assert_int_equal(again_len, 2 * SECTOR);
    assert_memory_equal(again, out, SECTOR + SS_SBV2_BLOCK_SIZE);
    assert_ok(ss_sign_verify(SS_SIGN_V2, rsa, again, again_len, NULL, &err), err);
    assert_ok(ss_sign_verify(SS_SIGN_V2, p256, again, again_len, NULL, &err), err);
}

static void append_to_nothing_signs_afresh(void **state)
{
    (void)state;
    struct ss_error err = {0};
    size_t len = sample_bootloader(in, sizeof in), out_len = 0;
    struct ss_sign_report report;
    assert_ok(ss_sign_image(SS_SIGN_V2, rsa, true, in, len, out, sizeof out, &out_len, &report, &err), err);
    assert_int_equal(out_len, 2 * SECTOR);
    assert_true(report.is_bootloader);
}

static void refuses_what_is_signed_already(void **state)
{
    (void)state;
    size_t len = sample_sign_v1(in, sample_app(in, sizeof in), sizeof in);
    refuses(SS_SIGN_V1, p256, false, len, SS_ERROR_NOT_PERMITTED,
            "it has a secure boot V1 signature already, at 0x2e0");
    refuses(SS_SIGN_V2, rsa, true, len, SS_ERROR_NOT_PERMITTED, "it has a secure boot V1 signature already, at 0x2e0");
    len = sample_sign_v2(in, sample_app(in, sizeof in), sizeof in);
    refuses(SS_SIGN_V2, rsa, false, len, SS_ERROR_NOT_PERMITTED,
            "it has a secure boot V2 signature already, at 0x1000");
    refuses(SS_SIGN_V1, p256, false, len, SS_ERROR_NOT_PERMITTED,
            "it has a secure boot V2 signature already, at 0x1000");
}

static void refuses_wrong_arguments(void **state)
{
    (void)state;
    struct ss_error err = {0};
    size_t len = sample_app(in, sizeof in), out_len = 0;
    refuses(SS_SIGN_ANY, p256, false, len, SS_ERROR_INVALID_ARGUMENT, "no secure boot version to sign for");
    refuses(SS_SIGN_V1, p256, true, len, SS_ERROR_INVALID_ARGUMENT, "only V2 can have more than one signature");
    refuses(SS_SIGN_V1, rsa, false, len, SS_ERROR_NOT_SUPPORTED, "key is RSA-3072, secure boot V1 takes P-256");
    assert_int_equal(ss_sign_image(SS_SIGN_V1, p256, false, in, len, out, len + 67, &out_len, NULL, &err),
                     SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(out_len, len + 68);
    assert_int_equal(ss_sign_image(SS_SIGN_V2, rsa, false, in, len, out, 2 * SECTOR - 1, &out_len, NULL, &err),
                     SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(out_len, 2 * SECTOR);
    assert_int_equal(ss_sign_verify(SS_SIGN_ANY, p256, in, len, NULL, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "it has no secure boot signature");
}

static void refuses_bytes_behind_the_image(void **state)
{
    (void)state;
    size_t len = sample_app(in, sizeof in);
    memset(in + len, 0xFF, 16);
    in[len + 15] = 0;
    refuses(SS_SIGN_V1, p256, false, len + 16, SS_ERROR_DATA_INVALID,
            "16 bytes that are not all 0xff follow at 0x2e0, where the signature goes");
}

static void refuses_a_damaged_image(void **state)
{
    (void)state;
    struct ss_error err = {0};
    size_t len = sample_app(in, sizeof in), out_len = 0;
    in[SAMPLE_APP_DRAM] ^= 1;
    assert_int_equal(ss_sign_image(SS_SIGN_V1, p256, false, in, len, out, sizeof out, &out_len, NULL, &err),
                     SS_ERROR_DATA_CORRUPT);
    assert_memory_equal(err.message, "image would not boot: ", 22);
}

// The mistake of the forum post: encrypt first, then sign.
static void refuses_ciphertext(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t key[32];
    uint64_t seed = 3;
    test_random_bytes(&seed, key, sizeof key);
    test_random_bytes(&seed, in, sizeof in); // as noisy as real code
    sample_app(in, sizeof in);
    struct ss_flash_cipher cipher;
    assert_ok(ss_flash_cipher_init(&cipher, key, sizeof key, 0xF, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, 0x10000, in, in, sizeof in, &err), err);
    refuses(SS_SIGN_V1, p256, false, sizeof in, SS_ERROR_NOT_PERMITTED,
            "this is ciphertext: sign the plaintext, then pad, then seal");
    refuses(SS_SIGN_V2, rsa, false, sizeof in, SS_ERROR_NOT_PERMITTED,
            "this is ciphertext: sign the plaintext, then pad, then seal");
    assert_int_equal(ss_sign_verify(SS_SIGN_ANY, p256, in, sizeof in, NULL, &err), SS_ERROR_NOT_PERMITTED);
    refuses(SS_SIGN_V1, p256, false, 0, SS_ERROR_NOT_PERMITTED, "the file is empty");
}

static ss_status_t sign_and_verify(void *context)
{
    size_t len = *(size_t *)context, out_len, again_len;
    ss_status_t status = ss_sign_image(SS_SIGN_V1, p256, false, in, len, out, sizeof out, &out_len, NULL, NULL);
    if (status == SS_OK)
        status = ss_sign_verify(SS_SIGN_ANY, p256, out, out_len, NULL, NULL);
    if (status == SS_OK)
        status = ss_sign_image(SS_SIGN_V2, p256, false, in, len, again, sizeof again, &again_len, NULL, NULL);
    if (status == SS_OK)
        status = ss_sign_verify(SS_SIGN_ANY, p256, again, again_len, NULL, NULL);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    size_t len = sample_app(in, sizeof in);
    assert_true(alloc_fault_each(sign_and_verify, &len) > 100);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(v1_stands_right_behind_the_image, setup, teardown),
        cmocka_unit_test_setup_teardown(v1_signs_partition_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(v2_stands_at_the_next_sector, setup, teardown),
        cmocka_unit_test_setup_teardown(append_to_nothing_signs_afresh, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_signed_already, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_wrong_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_bytes_behind_the_image, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_damaged_image, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_ciphertext, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return ss_test_main(argc, argv, tests);
}
