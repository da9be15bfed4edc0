// SPDX-License-Identifier: Apache-2.0
#include "slotseal/secure_boot_v1.h"

#include "support/alloc_fault.h"
#include "support/keys.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/signing_key_internal.h"

static ss_signing_key_t *vector_key(const struct vector *v)
{
    uint8_t secret[32];
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    if (vector_has(v, "key"))
        return test_key(vector_text(v, "key"));
    assert_int_equal(vector_bytes(v, "secret", secret, sizeof secret), 32);
    assert_ok(
        ss_signing_key_from_ec(SS_KEY_P256, (struct ss_der){secret, sizeof secret}, (struct ss_der){0}, &key, &err),
        err);
    return key;
}

static void run_signature(const struct vector *v)
{
    uint8_t want[SS_SBV1_BLOCK_SIZE] = {0}, block[SS_SBV1_BLOCK_SIZE], raw[SS_RAW_PUBLIC_KEY_SIZE], file[256];
    struct ss_error err = {0};
    const char *text = vector_text(v, "text");
    size_t len = strlen(text);
    assert_int_equal(vector_bytes(v, "signature", want + 4, 64), 64);
    ss_signing_key_t *key = vector_key(v);
    assert_ok(ss_secure_boot_v1_sign(key, (const uint8_t *)text, len, block, &err), err);
    assert_memory_equal(block, want, sizeof want);

    assert_ok(ss_signing_key_raw_public(key, raw, &err), err);
    memcpy(file, text, len);
    memcpy(file + len, block, sizeof block);
    assert_ok(ss_secure_boot_v1_verify_file(raw, file, len + sizeof block, &err), err);
    file[0] ^= 1;
    assert_int_equal(ss_secure_boot_v1_verify_file(raw, file, len + sizeof block, &err), SS_ERROR_INVALID_SIGNATURE);
    assert_string_equal(err.message, "V1 signature is not valid for this key and these bytes");
    ss_signing_key_free(key);
}

static void signature_vectors(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("secure_boot_v1.data", run_signature), 5);
}

static void many_signatures_verify(void **state)
{
    (void)state;
    uint64_t seed = 6979;
    uint8_t raw[SS_RAW_PUBLIC_KEY_SIZE];
    ss_signing_key_t *key = test_key("p256.pem");
    assert_int_equal(ss_signing_key_raw_public(key, raw, NULL), SS_OK);
    for (int i = 0; i < 200; i++) {
        uint8_t digest[32], block[SS_SBV1_BLOCK_SIZE], again[SS_SBV1_BLOCK_SIZE];
        test_random_bytes(&seed, digest, sizeof digest);
        if (i < 2)
            memset(digest, i ? 0xFF : 0, sizeof digest); // above the order of the curve, and 0
        assert_int_equal(ss_secure_boot_v1_sign_digest(key, digest, block, NULL), SS_OK);
        assert_int_equal(ss_secure_boot_v1_sign_digest(key, digest, again, NULL), SS_OK);
        assert_memory_equal(block, again, sizeof block);
        assert_int_equal(ss_secure_boot_v1_verify_digest(raw, digest, block, NULL), SS_OK);
    }
    ss_signing_key_free(key);
}

static void verify_refuses(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t raw[SS_RAW_PUBLIC_KEY_SIZE], block[SS_SBV1_BLOCK_SIZE] = {0}, file[SS_SBV1_BLOCK_SIZE + 1] = {0};
    ss_signing_key_t *key = test_key("p256.pem");
    assert_int_equal(ss_signing_key_raw_public(key, raw, NULL), SS_OK);
    assert_int_equal(ss_secure_boot_v1_verify_file(raw, file, SS_SBV1_BLOCK_SIZE, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "file is 68 bytes, a V1 signature alone has 68");
    assert_int_equal(ss_secure_boot_v1_verify_file(raw, file, sizeof file, &err), SS_ERROR_INVALID_SIGNATURE);
    memset(block, 0xFF, 4);
    assert_int_equal(ss_secure_boot_v1_verify(raw, file, 1, block, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "signature version is 0xffffffff, V1 has 0: unsigned, or encrypted");
    raw[0] ^= 1;
    memset(block, 0, 4);
    assert_int_equal(ss_secure_boot_v1_verify(raw, file, 1, block, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "V1 public key is not a point of P-256");
    ss_signing_key_free(key);
}

static void signing_needs_a_private_p256_key(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t block[SS_SBV1_BLOCK_SIZE];
    ss_signing_key_t *public = test_key("p256.pub.pem"), *p384 = test_key("p384.pem"), *rsa = test_key("rsa3072.pem");
    assert_int_equal(ss_secure_boot_v1_sign(public, block, 1, block, &err), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(err.message, "this is a public key, signing needs the private one");
    assert_int_equal(ss_secure_boot_v1_sign(p384, block, 1, block, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message, "key is P-384, secure boot V1 takes P-256");
    assert_int_equal(ss_secure_boot_v1_reflash_key(rsa, block, 32, &err), SS_ERROR_NOT_SUPPORTED);
    assert_int_equal(ss_secure_boot_v1_reflash_key(public, block, 32, &err), SS_ERROR_NOT_PERMITTED);
    ss_signing_key_free(public);
    ss_signing_key_free(p384);
    ss_signing_key_free(rsa);
}

static void attaches_a_signature_made_elsewhere(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint8_t raw[SS_RAW_PUBLIC_KEY_SIZE], digest[32] = {1}, block[SS_SBV1_BLOCK_SIZE], made[SS_SBV1_BLOCK_SIZE];
    ss_signing_key_t *key = test_key("p256.pem");
    assert_ok(ss_signing_key_raw_public(key, raw, &err), err);
    assert_ok(ss_secure_boot_v1_sign_digest(key, digest, made, &err), err);
    assert_ok(ss_secure_boot_v1_attach(raw, digest, made + 4, block, &err), err);
    assert_memory_equal(block, made, sizeof made);
    made[67] ^= 1;
    memset(block, 7, sizeof block);
    assert_int_equal(ss_secure_boot_v1_attach(raw, digest, made + 4, block, &err), SS_ERROR_INVALID_SIGNATURE);
    assert_true(ss_all_bytes(block, sizeof block, 7));
    ss_signing_key_free(key);
}

static void reflash_key_of_espsecure(void **state)
{
    (void)state;
    // espsecure digest-private-key -k p256.pem
    const uint8_t want[32] = {
        0x4f, 0xb6, 0xcb, 0x2f, 0x11, 0xfb, 0xb1, 0xc7, 0xb7, 0x02, 0xd9, 0x08, 0x32, 0x5f, 0xee, 0x76,
        0x6a, 0x42, 0x00, 0xb7, 0x57, 0x90, 0x7b, 0x8a, 0x67, 0x0d, 0x68, 0x82, 0x27, 0x5e, 0x4b, 0x6c,
    };
    struct ss_error err = {0};
    uint8_t out[32];
    ss_signing_key_t *key = test_key("p256.pem");
    assert_ok(ss_secure_boot_v1_reflash_key(key, out, 32, &err), err);
    assert_memory_equal(out, want, 32);
    memset(out, 0, sizeof out);
    assert_ok(ss_secure_boot_v1_reflash_key(key, out, 24, &err), err);
    assert_memory_equal(out, want, 24);
    assert_true(ss_all_bytes(out + 24, 8, 0));
    assert_int_equal(ss_secure_boot_v1_reflash_key(key, out, 16, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "secure boot key of 16 bytes, must have 24 or 32");
    ss_signing_key_free(key);
}

// One segment of @p segment bytes, byte i being 7·i + 3. Returns the length.
static size_t make_image(uint8_t *out, size_t segment, bool hashed)
{
    const uint8_t header[24] = {0xE9, 1, 2, 0x20, 0, 4, 8, 0x40, 0xEE};
    uint8_t sum = 0xEF;
    memcpy(out, header, sizeof header);
    out[23] = hashed;
    ss_put_le32(out + 24, 0x40080400);
    ss_put_le32(out + 28, (uint32_t)segment);
    size_t len = 32;
    for (size_t i = 0; i < segment; i++)
        sum ^= out[len++] = (uint8_t)(7 * i + 3);
    while (len % 16 != 15)
        out[len++] = 0;
    out[len++] = sum;
    if (hashed)
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, out, len, out + len), SS_OK);
    return len + (hashed ? 32 : 0);
}

static void run_digest(const struct vector *v)
{
    static uint8_t image[8192], file[SS_SBV1_BOOTLOADER_FILE_MAX(sizeof image)];
    uint8_t key[32], iv[128], want[64], digest[64], sum[32], want_sum[32];
    struct ss_error err = {0};
    size_t len = make_image(image, vector_number(v, "segment"), vector_number(v, "hashed")), file_len = 0;
    assert_int_equal(len, vector_number(v, "image_len"));
    struct ss_sbv1_digest_params params = {
        .key = key,
        .key_len = vector_bytes(v, "key", key, sizeof key),
        .iv = iv,
        .iv_len = vector_bytes(v, "iv", iv, sizeof iv),
    };
    assert_int_equal(vector_bytes(v, "digest", want, sizeof want), 64);
    assert_ok(ss_secure_boot_v1_bootloader_digest(&params, image, len, digest, &err), err);
    assert_memory_equal(digest, want, 64);

    assert_ok(ss_secure_boot_v1_bootloader_file(&params, image, len, file, sizeof file, &file_len, &err), err);
    assert_int_equal(file_len, vector_number(v, "file_len"));
    if (vector_has(v, "file_sha256")) {
        vector_bytes(v, "file_sha256", want_sum, sizeof want_sum);
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, file, file_len, sum), SS_OK);
        assert_memory_equal(sum, want_sum, 32);
    }
    assert_int_equal(ss_secure_boot_v1_bootloader_file(&params, image, len, file, file_len - 1, &len, &err),
                     SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(len, file_len);
}

static void digest_vectors(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("secure_boot_v1_digest.data", run_digest), 16);
}

static void check_digest(const struct ss_sbv1_digest_params *params, const uint8_t *image, size_t len,
                         ss_status_t status, const char *message)
{
    struct ss_error err = {0};
    static uint8_t file[8192];
    uint8_t digest[64];
    size_t file_len = 1;
    assert_int_equal(ss_secure_boot_v1_bootloader_digest(params, image, len, digest, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(ss_secure_boot_v1_bootloader_file(params, image, len, file, sizeof file, &file_len, &err), status);
    assert_int_equal(file_len, 0);
}

static void digest_refuses(void **state)
{
    (void)state;
    uint8_t image[512], bytes[144] = {0};
    size_t len = make_image(image, 400, true);
    struct ss_sbv1_digest_params params = {.key = bytes, .key_len = 31, .iv = bytes, .iv_len = 128};
    check_digest(&params, image, len, SS_ERROR_INVALID_ARGUMENT,
                 "secure boot key has 31 bytes, must have 16, 24 or 32");
    params.key_len = 64;
    check_digest(&params, image, len, SS_ERROR_INVALID_ARGUMENT,
                 "secure boot key has 64 bytes, must have 16, 24 or 32");
    params.key_len = 32;
    params.iv_len = 144;
    check_digest(&params, image, len, SS_ERROR_INVALID_ARGUMENT,
                 "IV has 144 bytes, must have 128 (or a smaller multiple of 16)");
    params.iv_len = 15;
    check_digest(&params, image, len, SS_ERROR_INVALID_ARGUMENT,
                 "IV has 15 bytes, must have 128 (or a smaller multiple of 16)");
    params.iv_len = 128;
    check_digest(&params, image, 23, SS_ERROR_DATA_INVALID, "bootloader is not an image: 23 bytes, first byte 0xe9");
    check_digest(&params, image, 0, SS_ERROR_DATA_INVALID, "bootloader is not an image: 0 bytes, first byte 0x00");
    image[23] = 2;
    check_digest(&params, image, len, SS_ERROR_DATA_INVALID, "bootloader's hash field is 0x02, must be 0 or 1");
    image[0] = 0;
    check_digest(&params, image, len, SS_ERROR_DATA_INVALID, "bootloader is not an image: 480 bytes, first byte 0x00");
}

static ss_status_t sign_and_verify(void *context)
{
    const ss_signing_key_t *key = context;
    uint8_t block[SS_SBV1_BLOCK_SIZE], raw[SS_RAW_PUBLIC_KEY_SIZE], secret[32];
    ss_status_t status = ss_secure_boot_v1_sign(key, (const uint8_t *)"data", 4, block, NULL);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(key, raw, NULL);
    if (status == SS_OK)
        status = ss_secure_boot_v1_verify(raw, (const uint8_t *)"data", 4, block, NULL);
    if (status == SS_OK)
        status = ss_secure_boot_v1_reflash_key(key, secret, 24, NULL);
    return status;
}

static ss_status_t make_digest(void *context)
{
    uint8_t image[512], digest[64];
    static const uint8_t key[16], iv[128];
    size_t len = make_image(image, 400, false);
    (void)context;
    struct ss_sbv1_digest_params params = {key, sizeof key, iv, sizeof iv};
    return ss_secure_boot_v1_bootloader_digest(&params, image, len, digest, NULL);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    ss_signing_key_t *key = test_key("p256.pem");
    assert_true(alloc_fault_each(sign_and_verify, key) > 50);
    assert_true(alloc_fault_each(make_digest, NULL) > 5);
    ss_signing_key_free(key);
}

static void secrets_are_wiped_before_memory_is_freed(void **state)
{
    (void)state;
    const uint8_t scalar[] = {0x11, 0xEE, 0xF8, 0x5C, 0x6D, 0x38, 0x5C, 0xC3, 0xF6, 0x30, 0x75, 0x66};
    uint8_t limbs[12];
    for (int i = 0; i < 12; i++)
        limbs[i] = scalar[11 - i];
    const uint8_t *forms[] = {scalar, limbs};
    for (int i = 0; i < 2; i++) {
        alloc_watch_secret(forms[i], 12);
        ss_signing_key_t *key = test_key("p256.pkcs8.pem");
        assert_int_equal(sign_and_verify(key), SS_OK);
        ss_signing_key_free(key);
        unsigned hits = alloc_secrets_freed();
        alloc_watch_secret(NULL, 0);
        assert_int_equal(hits, 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_vectors),
        cmocka_unit_test(many_signatures_verify),
        cmocka_unit_test(verify_refuses),
        cmocka_unit_test(signing_needs_a_private_p256_key),
        cmocka_unit_test(attaches_a_signature_made_elsewhere),
        cmocka_unit_test(reflash_key_of_espsecure),
        cmocka_unit_test(digest_vectors),
        cmocka_unit_test(digest_refuses),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(secrets_are_wiped_before_memory_is_freed),
    };
    return ss_test_main(argc, argv, tests);
}
