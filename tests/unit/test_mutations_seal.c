// SPDX-License-Identifier: Apache-2.0
// Sealing, key files and signatures against every small damage of a valid input: no crash, documented statuses
// only, outputs as the headers promise.
#include "support/mend.h"
#include "support/mutate.h"
#include "support/nvs_sample.h"
#include "support/sample_image.h"
#include "support/sample_table.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/bytes.h"
#include "slotseal/otadata.h"
#include "slotseal/seal.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"
#include "slotseal/signing_key.h"

// -- Sealing ----------------------------------------------------------------------------------------------------------

#define SEAL_STATUSES                                                                                                  \
    (ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_DATA_CORRUPT) | ONE_OF(SS_ERROR_NOT_SUPPORTED) |  \
     ONE_OF(SS_ERROR_INSUFFICIENT_SPACE) | ONE_OF(SS_ERROR_INVALID_ARGUMENT) | ONE_OF(SS_ERROR_NOT_PERMITTED))

/// What can be sealed can be unsealed, to the same bytes; what cannot leaves no output.
static void seal_as(enum ss_seal_kind kind, uint32_t address, uint32_t capacity, const uint8_t *in, size_t len)
{
    static const uint8_t key[32] = {1, 2, 3};
    static uint8_t sealed[0x10000], plain[0x10000];
    const struct ss_seal_params params = {
        .kind = kind, .address = address, .capacity = capacity, .key = key, .key_len = 32, .crypt_config = 0xF};
    struct ss_error err = {0};
    size_t sealed_len = 1, plain_len;
    assert_true(len < sizeof sealed);
    memset(sealed, 0xA5, len);
    ss_status_t status = ss_seal(&params, in, len, sealed, sizeof sealed, &sealed_len, NULL, &err);
    mutant_status("ss_seal", status, SEAL_STATUSES);
    if (status != SS_OK) {
        mutant_assert(sealed_len == 0 && ss_all_bytes(sealed, len, 0xA5) && err.message[0] != 0);
        return;
    }
    mutant_assert(sealed_len == (len + 15) / 16 * 16 && sealed_len <= capacity);
    mutant_status("ss_unseal", ss_unseal(&params, sealed, sealed_len, plain, sizeof plain, &plain_len, NULL, &err),
                  ONE_OF(SS_OK));
    mutant_assert(plain_len == sealed_len && memcmp(plain, in, len) == 0 &&
                  ss_all_bytes(plain + len, plain_len - len, 0xFF));
}

static void run_seal_app(const uint8_t *in, size_t len)
{
    seal_as(SS_SEAL_APP, 0x10000, 0x10000, in, len);
    (void)ss_seal_guess_kind(NULL, 0x10000, in, len);
}

static void run_seal_bootloader(const uint8_t *in, size_t len)
{
    seal_as(SS_SEAL_BOOTLOADER, 0x1000, 0x7000, in, len);
}

static void run_seal_table(const uint8_t *in, size_t len)
{
    seal_as(SS_SEAL_TABLE, 0x8000, 0x1000, in, len);
}

static void run_seal_otadata(const uint8_t *in, size_t len)
{
    seal_as(SS_SEAL_OTADATA, 0xD000, 0x2000, in, len);
}

static void sealing(void **state)
{
    (void)state;
    static uint8_t in[SS_OTADATA_SIZE];
    struct ss_error err = {0};
    size_t len = sample_app(in, sizeof in);
    assert_true(mutate(in, sample_sign_v1(in, len, sizeof in), mend_image, run_seal_app) > 20000);
    assert_true(mutate(in, sample_bootloader(in, sizeof in), mend_image, run_seal_bootloader) > 10000);
    assert_true(mutate(in, sample_table(in), mend_table, run_seal_table) > 1000);
    assert_ok(ss_otadata_build(1, 2, SS_OTA_VALID, in, &err), err);
    assert_true(mutate(in, SS_OTADATA_SIZE, mend_otadata, run_seal_otadata) > 500);
}

// -- Keys -------------------------------------------------------------------------------------------------------------

// OpenSSL gives no reason for refusing an empty PEM block, so that is the generic error.
#define KEY_STATUSES                                                                                                   \
    (ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_NOT_SUPPORTED) | ONE_OF(SS_ERROR_GENERIC))

/// P-256's generator: the public key of the private key 1.
static const uint8_t generator[SS_RAW_PUBLIC_KEY_SIZE] = {
    0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2,
    0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96,
    0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16,
    0x2B, 0xCE, 0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5};

static void run_key(const uint8_t *in, size_t len)
{
    ss_signing_key_t *key = NULL, *again = NULL;
    uint8_t pem[SS_SIGNING_KEY_PEM_MAX];
    struct ss_error err = {0};
    size_t pem_len;
    ss_status_t status = ss_signing_key_load(in, len, &key, &err);
    mutant_status("ss_signing_key_load", status, KEY_STATUSES);
    mutant_message(status, &err, SS_AREA_KEY);
    mutant_assert((status == SS_OK) == (key != NULL));
    if (status != SS_OK)
        return;
    mutant_assert(ss_signing_key_write_public(key, pem, sizeof pem, &pem_len, &err) == SS_OK);
    mutant_assert(ss_signing_key_load(pem, pem_len, &again, &err) == SS_OK && ss_signing_key_same_public(key, again));
    ss_signing_key_free(again);
    ss_signing_key_free(key);
}

/// Gives the DER form of a key the PEM clothes in which it is loaded; returns the length of the text.
static size_t ec_private_pem(char *pem, const uint8_t *der, size_t len)
{
    size_t used = (size_t)sprintf(pem, "-----BEGIN EC PRIVATE KEY-----\n");
    used += (size_t)EVP_EncodeBlock((uint8_t *)pem + used, der, (int)len);
    return used + (size_t)sprintf(pem + used, "\n-----END EC PRIVATE KEY-----\n");
}

static void run_key_der(const uint8_t *in, size_t len)
{
    static char pem[8192];
    assert_true(len < 5000);
    run_key((const uint8_t *)pem, ec_private_pem(pem, in, len));
}

static size_t sec1_key(uint8_t out[128])
{
    static const uint8_t head[] = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20},
                         tail[] = {0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
                                   0x03, 0x01, 0x07, 0xA1, 0x44, 0x03, 0x42, 0x00, 0x04};
    memset(out, 0, 128);
    memcpy(out, head, sizeof head);
    out[sizeof head + 31] = 1;
    memcpy(out + sizeof head + 32, tail, sizeof tail);
    memcpy(out + sizeof head + 32 + sizeof tail, generator, sizeof generator);
    return sizeof head + 32 + sizeof tail + sizeof generator;
}

static void key_files(void **state)
{
    (void)state;
    uint8_t der[128], pem[SS_SIGNING_KEY_PEM_MAX];
    struct ss_error err = {0};
    size_t len;
    ss_signing_key_t *key;
    assert_true(mutate(generator, sizeof generator, NULL, run_key) > 1000);
    assert_true(mutate(der, sec1_key(der), NULL, run_key_der) > 1000);
    assert_ok(ss_signing_key_load_raw(generator, &key, &err), err);
    assert_ok(ss_signing_key_write_public(key, pem, sizeof pem, &len, &err), err);
    ss_signing_key_free(key);
    assert_true(mutate(pem, len, NULL, run_key) > 1000);
}

// -- Signatures -------------------------------------------------------------------------------------------------------

enum { V2_CRC_AT = 1196 };

static uint8_t signed_file[64 + SS_SBV1_BLOCK_SIZE];

/// The signature holds for the very bytes that were signed, and for nothing else.
static void run_signature(const uint8_t *in, size_t len)
{
    struct ss_error err = {0};
    bool same = len == sizeof signed_file && memcmp(in, signed_file, len) == 0;
    ss_status_t status = ss_secure_boot_v1_verify_file(generator, in, len, &err);
    mutant_status("ss_secure_boot_v1_verify_file", status,
                  same ? ONE_OF(SS_OK) : ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_INVALID_SIGNATURE));
}

static void v1_signature(void **state)
{
    (void)state;
    uint8_t der[128];
    char pem[512];
    struct ss_error err = {0};
    ss_signing_key_t *key;
    size_t used = ec_private_pem(pem, der, sec1_key(der));
    assert_ok(ss_signing_key_load((const uint8_t *)pem, used, &key, &err), err);
    memcpy(signed_file, nvs_pattern(64), 64);
    assert_ok(ss_secure_boot_v1_sign(key, signed_file, 64, signed_file + 64, &err), err);
    ss_signing_key_free(key);
    assert_true(mutate(signed_file, sizeof signed_file, NULL, run_signature) > 2000);
}

static uint8_t v2_block[SS_SBV2_BLOCK_SIZE];
static const uint8_t v2_digest[SS_SBV2_DIGEST_MAX] = {1, 2, 3};
static ss_signing_key_t *v2_key;

static void mend_v2(uint8_t *in, size_t len)
{
    if (len >= V2_CRC_AT + 4)
        ss_put_le32(in + V2_CRC_AT, ss_crc32(0, in, V2_CRC_AT));
}

/// Whatever verifies carries the same digest, the same key and the same signature.
static void run_v2_block(const uint8_t *in, size_t len)
{
    struct ss_error err = {0};
    struct ss_sbv2_block info, signed_info;
    ss_signing_key_t *key;
    if (len < SS_SBV2_BLOCK_SIZE)
        return;
    assert_int_equal(ss_secure_boot_v2_parse_block(v2_block, &signed_info, &err), SS_OK);
    ss_status_t status = ss_secure_boot_v2_parse_block(in, &info, &err);
    mutant_status("ss_secure_boot_v2_parse_block", status,
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DOES_NOT_EXIST) | ONE_OF(SS_ERROR_DATA_INVALID) |
                      ONE_OF(SS_ERROR_DATA_CORRUPT));
    if (status == SS_OK) {
        mutant_status("ss_secure_boot_v2_block_key", ss_secure_boot_v2_block_key(in, &key, &err),
                      ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_NOT_SUPPORTED));
        ss_signing_key_free(key);
    }
    if (ss_secure_boot_v2_verify_block(v2_key, v2_digest, in, &err) != SS_OK)
        return;
    mutant_assert(status == SS_OK && info.type == signed_info.type);
    mutant_assert(!memcmp(info.image_digest, signed_info.image_digest, info.image_digest_len));
    mutant_assert(!memcmp(info.key_digest, signed_info.key_digest, sizeof info.key_digest));
    mutant_assert(!memcmp(in + info.signature_at, v2_block + info.signature_at, info.signature_len));
}

static void v2_signature(void **state)
{
    (void)state;
    static const enum ss_key_type types[] = {SS_KEY_RSA3072, SS_KEY_P256};
    struct ss_error err = {0};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_ok(ss_signing_key_generate(types[i], &v2_key, &err), err);
        assert_ok(ss_secure_boot_v2_sign_digest(v2_key, v2_digest, v2_block, &err), err);
        assert_true(mutate(v2_block, sizeof v2_block, mend_v2, run_v2_block) > 10000);
        ss_signing_key_free(v2_key);
    }
}

static void run_bootloader_digest(const uint8_t *in, size_t len)
{
    static const uint8_t key[32] = {1}, iv[SS_SBV1_IV_SIZE];
    static uint8_t out[SS_SBV1_BOOTLOADER_FILE_MAX(8192)];
    const struct ss_sbv1_digest_params params = {key, sizeof key, iv, sizeof iv};
    struct ss_error err = {0};
    size_t out_len;
    ss_status_t status = ss_secure_boot_v1_bootloader_file(&params, in, len, out, sizeof out, &out_len, &err);
    mutant_status("ss_secure_boot_v1_bootloader_file", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID));
    mutant_assert(status == SS_OK ? out_len >= SS_SBV1_BOOTLOADER_OFFSET + len / 128 * 128 : out_len == 0);
}

static void bootloader_digest(void **state)
{
    (void)state;
    static uint8_t bootloader[512];
    assert_true(mutate(bootloader, sample_bootloader(bootloader, sizeof bootloader), NULL, run_bootloader_digest) >
                5000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealing),      cmocka_unit_test(key_files),         cmocka_unit_test(v1_signature),
        cmocka_unit_test(v2_signature), cmocka_unit_test(bootloader_digest),
    };
    return ss_test_main(argc, argv, tests);
}
