// SPDX-License-Identifier: Apache-2.0
#include "support/alloc_fault.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <string.h>

#include "core/crypto.h"

// RFC 6979 A.2.5: the key, and the signature of SHA-256("sample").
static const uint8_t p256_key[64] = {
    0x60, 0xFE, 0xD4, 0xBA, 0x25, 0x5A, 0x9D, 0x31, 0xC9, 0x61, 0xEB, 0x74, 0xC6, 0x35, 0x6D, 0x68,
    0xC0, 0x49, 0xB8, 0x92, 0x3B, 0x61, 0xFA, 0x6C, 0xE6, 0x69, 0x62, 0x2E, 0x60, 0xF2, 0x9F, 0xB6,
    0x79, 0x03, 0xFE, 0x10, 0x08, 0xB8, 0xBC, 0x99, 0xA4, 0x1A, 0xE9, 0xE9, 0x56, 0x28, 0xBC, 0x64,
    0xF2, 0xF1, 0xB2, 0x0C, 0x2D, 0x7E, 0x9F, 0x51, 0x77, 0xA3, 0xC2, 0x94, 0xD4, 0x46, 0x22, 0x99,
};
static const uint8_t p256_signature[64] = {
    0xEF, 0xD4, 0x8B, 0x2A, 0xAC, 0xB6, 0xA8, 0xFD, 0x11, 0x40, 0xDD, 0x9C, 0xD4, 0x5E, 0x81, 0xD6,
    0x9D, 0x2C, 0x87, 0x7B, 0x56, 0xAA, 0xF9, 0x91, 0xC3, 0x4D, 0x0E, 0xA8, 0x4E, 0xAF, 0x37, 0x16,
    0xF7, 0xCB, 0x1C, 0x94, 0x2D, 0x65, 0x7C, 0x41, 0xD4, 0x36, 0xC7, 0xA1, 0xB6, 0xE2, 0x9F, 0x65,
    0xF3, 0xE9, 0x00, 0xDB, 0xB9, 0xAF, 0xF4, 0x06, 0x4D, 0xC4, 0xAB, 0x2F, 0x84, 0x3A, 0xCD, 0xA8,
};
static const uint8_t zero[64];

static enum ss_hash_alg hash_alg(const char *name)
{
    const char *names[] = {"md5", "sha256", "sha384", "sha512"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return (enum ss_hash_alg)i;
    fail_msg("no hash '%s'", name);
    return SS_HASH_MD5;
}

static void run_hash(const struct vector *v)
{
    uint8_t key[256], want[SS_HASH_MAX_SIZE], got[SS_HASH_MAX_SIZE];
    const char *text = vector_text(v, "text");
    size_t len = strlen(text), size = vector_bytes(v, "digest", want, sizeof want);
    if (vector_has(v, "key")) {
        size_t key_len = vector_bytes(v, "key", key, sizeof key);
        assert_int_equal(ss_hmac_sha256(key_len ? key : NULL, key_len, len ? text : NULL, len, got), SS_OK);
        assert_int_equal(size, 32);
        assert_memory_equal(got, want, 32);
        return;
    }
    enum ss_hash_alg alg = hash_alg(vector_text(v, "alg"));
    assert_int_equal(size, ss_hash_size(alg));
    assert_int_equal(ss_hash_once(alg, text, len, got), SS_OK);
    assert_memory_equal(got, want, size);

    struct ss_hash h;
    assert_int_equal(ss_hash_init(&h, alg), SS_OK);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(ss_hash_update(&h, text + i, 1), SS_OK);
    assert_int_equal(ss_hash_finish(&h, got), SS_OK);
    assert_memory_equal(got, want, size);
}

static void hash_vectors(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("hash.data", run_hash), 11);
}

static void hash_only_works_while_it_runs(void **state)
{
    (void)state;
    uint8_t out[32];
    struct ss_hash h = {0};
    ss_hash_abort(&h);
    assert_int_equal(ss_hash_update(&h, "a", 1), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_hash_finish(&h, out), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_hash_init(&h, SS_HASH_SHA256), SS_OK);
    assert_int_equal(ss_hash_update(&h, NULL, 0), SS_OK);
    ss_hash_abort(&h);
    assert_int_equal(ss_hash_finish(&h, out), SS_ERROR_BAD_STATE);
}

static void run_aes(const struct vector *v)
{
    uint8_t key[64], tweak[16], plain[64], sealed[64], got[64];
    size_t key_len = vector_bytes(v, "key", key, sizeof key);
    size_t len = vector_bytes(v, "plaintext", plain, sizeof plain);
    assert_int_equal(vector_bytes(v, "ciphertext", sealed, sizeof sealed), len);
    if (strcmp(vector_text(v, "mode"), "ecb") == 0) {
        memcpy(got, plain, len);
        assert_int_equal(ss_aes256_ecb_encrypt(key, got, got, len / 16), SS_OK);
        assert_memory_equal(got, sealed, len);
        return;
    }
    assert_int_equal(vector_bytes(v, "tweak", tweak, sizeof tweak), 16);
    assert_int_equal(ss_aes_xts(true, key, key_len, tweak, plain, got, len), SS_OK);
    assert_memory_equal(got, sealed, len);
    assert_int_equal(ss_aes_xts(false, key, key_len, tweak, got, got, len), SS_OK);
    assert_memory_equal(got, plain, len);
}

static void aes_vectors(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("aes.data", run_aes), 5);
}

static void xts_refuses_bad_lengths_and_equal_halves(void **state)
{
    (void)state;
    uint8_t key[64] = {1}, data[16] = {0};
    assert_int_equal(ss_aes_xts(true, key, 48, zero, data, data, 16), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_aes_xts(true, key, 32, zero, data, data, 15), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_aes_xts(true, key, 32, zero, data, data, (16u << 20) + 1), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_aes_xts(true, zero, 32, zero, data, data, 16), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_aes_xts(false, zero, 64, zero, data, data, 16), SS_ERROR_INVALID_ARGUMENT);
    assert_memory_equal(data, zero, 16);
}

static void sample_digest(uint8_t digest[32])
{
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, "sample", 6, digest), SS_OK);
}

static void p256_accepts_the_signature_of_rfc_6979(void **state)
{
    (void)state;
    uint8_t digest[32];
    sample_digest(digest);
    assert_int_equal(ss_p256_verify(p256_key, digest, p256_signature), SS_OK);
}

static void p256_refuses_every_changed_bit(void **state)
{
    (void)state;
    uint8_t digest[32], signature[64];
    sample_digest(digest);
    for (unsigned bit = 0; bit < 512; bit += 7) {
        memcpy(signature, p256_signature, 64);
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(ss_p256_verify(p256_key, digest, signature), SS_ERROR_INVALID_SIGNATURE);
    }
    for (unsigned bit = 0; bit < 256; bit += 7) {
        digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(ss_p256_verify(p256_key, digest, p256_signature), SS_ERROR_INVALID_SIGNATURE);
        digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void p256_refuses_numbers_out_of_range(void **state)
{
    (void)state;
    uint8_t digest[32], signature[64];
    sample_digest(digest);
    assert_int_equal(ss_p256_verify(p256_key, digest, zero), SS_ERROR_INVALID_SIGNATURE);
    memcpy(signature, p256_signature, 64);
    memset(signature, 0xFF, 32);
    assert_int_equal(ss_p256_verify(p256_key, digest, signature), SS_ERROR_INVALID_SIGNATURE);
}

static void p256_refuses_a_point_off_the_curve(void **state)
{
    (void)state;
    uint8_t digest[32], key[64];
    sample_digest(digest);
    memcpy(key, p256_key, 64);
    key[63] ^= 1;
    assert_int_equal(ss_p256_verify(key, digest, p256_signature), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_p256_verify(zero, digest, p256_signature), SS_ERROR_DATA_INVALID);
}

static void random_differs(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    assert_int_equal(ss_random(a, sizeof a), SS_OK);
    assert_int_equal(ss_random(b, sizeof b), SS_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(ss_random(NULL, 0), SS_OK);
}

static void wipe_and_equal(void **state)
{
    (void)state;
    uint8_t a[40];
    memset(a, 7, sizeof a);
    assert_false(ss_equal(a, zero, sizeof a));
    ss_wipe(a, sizeof a);
    assert_true(ss_equal(a, zero, sizeof a));
    ss_wipe(NULL, 0);
}

static ss_status_t hash_twice(void *context)
{
    (void)context;
    uint8_t out[32];
    struct ss_hash h;
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, "abc", 3, out);
    if (status == SS_OK)
        status = ss_hash_init(&h, SS_HASH_SHA256);
    if (status != SS_OK)
        return status;
    status = ss_hash_update(&h, "abc", 3);
    if (status == SS_OK)
        return ss_hash_finish(&h, out);
    ss_hash_abort(&h);
    return status;
}

static ss_status_t authenticate_and_encrypt(void *context)
{
    (void)context;
    uint8_t out[32], key[32] = {1};
    ss_status_t status = ss_hmac_sha256(key, sizeof key, "abc", 3, out);
    if (status == SS_OK)
        status = ss_aes256_ecb_encrypt(key, out, out, 2);
    if (status == SS_OK)
        status = ss_aes_xts(true, key, sizeof key, zero, out, out, 32);
    return status;
}

static ss_status_t verify_sample(void *context)
{
    return ss_p256_verify(p256_key, context, p256_signature);
}

static ss_status_t draw_random(void *context)
{
    (void)context;
    uint8_t out[32];
    return ss_random(out, sizeof out);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    uint8_t digest[32];
    sample_digest(digest);
    assert_true(alloc_fault_each(hash_twice, NULL) > 3);
    assert_true(alloc_fault_each(authenticate_and_encrypt, NULL) > 5);
    assert_true(alloc_fault_each(verify_sample, digest) > 20);
    assert_true(alloc_fault_each(draw_random, NULL) > 3);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_vectors),
        cmocka_unit_test(hash_only_works_while_it_runs),
        cmocka_unit_test(aes_vectors),
        cmocka_unit_test(xts_refuses_bad_lengths_and_equal_halves),
        cmocka_unit_test(p256_accepts_the_signature_of_rfc_6979),
        cmocka_unit_test(p256_refuses_every_changed_bit),
        cmocka_unit_test(p256_refuses_numbers_out_of_range),
        cmocka_unit_test(p256_refuses_a_point_off_the_curve),
        cmocka_unit_test(random_differs),
        cmocka_unit_test(wipe_and_equal),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return ss_test_main(argc, argv, tests);
}
