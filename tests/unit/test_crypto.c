// SPDX-License-Identifier: Apache-2.0
#include "support/alloc_fault.h"
#include "support/crypto_cases.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <string.h>

#include "core/crypto.h"

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
    uint8_t want[SS_HASH_MAX_SIZE], got[SS_HASH_MAX_SIZE];
    const char *text = vector_text(v, "text");
    size_t len = strlen(text), size = vector_bytes(v, "digest", want, sizeof want);
    if (vector_has(v, "key"))
        return; // HMAC: a case of all providers
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

static void equal_compares(void **state)
{
    (void)state;
    uint8_t a[40];
    memset(a, 7, sizeof a);
    assert_false(ss_equal(a, zero, sizeof a));
    ss_wipe(a, sizeof a);
    assert_true(ss_equal(a, zero, sizeof a));
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

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(alloc_fault_each(hash_twice, NULL) > 3);
    assert_true(alloc_fault_each(authenticate_and_encrypt, NULL) > 5);
    assert_true(alloc_fault_each(verify_sample, NULL) > 20);
    assert_true(alloc_fault_each(draw_random, NULL) > 3);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CRYPTO_CASES,
        cmocka_unit_test(hash_vectors),
        cmocka_unit_test(aes_vectors),
        cmocka_unit_test(xts_refuses_bad_lengths_and_equal_halves),
        cmocka_unit_test(equal_compares),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return ss_test_main(argc, argv, tests);
}
