// SPDX-License-Identifier: Apache-2.0
// The smallest crypto provider: what is known, what is at the edges, and what OpenSSL says of thousands of others.
#include "support/crypto_min.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

// -- SHA-256 -----------------------------------------------------------------------------------------------------------

static unsigned hashes_run;

static void run_hash(const struct vector *v)
{
    uint8_t want[SS_HASH_MAX_SIZE], got[SS_HASH_MAX_SIZE];
    if (vector_has(v, "key") || strcmp(vector_text(v, "alg"), "sha256") != 0)
        return;
    const char *text = vector_text(v, "text");
    assert_int_equal(vector_bytes(v, "digest", want, sizeof want), min_hash_size(SS_HASH_SHA256));
    assert_int_equal(min_hash_once(SS_HASH_SHA256, text, strlen(text), got), SS_OK);
    assert_memory_equal(got, want, 32);
    hashes_run++;
}

static void sha256_vectors(void **state)
{
    (void)state;
    vectors_run("hash.data", run_hash);
    assert_int_equal(hashes_run, 3);
}

// FIPS 180-4, its example of a long message.
static void a_million_letters(void **state)
{
    (void)state;
    static const uint8_t want[32] = {0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92, 0x81, 0xa1, 0xc7,
                                     0xe2, 0x84, 0xd7, 0x3e, 0x67, 0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97,
                                     0x20, 0x0e, 0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0};
    static char letters[1000000];
    uint8_t got[32];
    memset(letters, 'a', sizeof letters);
    assert_int_equal(min_hash_once(SS_HASH_SHA256, letters, sizeof letters, got), SS_OK);
    assert_memory_equal(got, want, 32);
}

// Every length up to three blocks, in pieces of every size.
static void sha256_as_openssl(void **state)
{
    (void)state;
    uint8_t in[200], want[32], got[32];
    uint64_t seed = 1;
    test_random_bytes(&seed, in, sizeof in);
    for (size_t len = 0; len <= sizeof in; len++) {
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, in, len, want), SS_OK);
        for (size_t piece = 1; piece <= 130; piece += piece < 4 ? 1 : 21) {
            struct ss_hash h;
            assert_int_equal(min_hash_init(&h, SS_HASH_SHA256), SS_OK);
            for (size_t at = 0; at < len; at += piece)
                assert_int_equal(min_hash_update(&h, in + at, len - at < piece ? len - at : piece), SS_OK);
            assert_int_equal(min_hash_finish(&h, got), SS_OK);
            assert_memory_equal(got, want, 32);
        }
    }
}

static void many_hashes_at_a_time(void **state)
{
    (void)state;
    enum { HASHES = 5, ROUNDS = 300 };
    struct ss_hash h[HASHES], copy;
    uint8_t in[HASHES][ROUNDS], want[32], got[32];
    uint64_t seed = 2;
    test_random_bytes(&seed, in[0], sizeof in);
    for (unsigned i = 0; i < HASHES; i++)
        assert_int_equal(min_hash_init(&h[i], SS_HASH_SHA256), SS_OK);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < HASHES; i++)
            assert_int_equal(min_hash_update(&h[i], &in[i][round], 1), SS_OK);
    copy = h[0];
    for (unsigned i = 0; i < HASHES; i++) {
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, in[i], ROUNDS, want), SS_OK);
        assert_int_equal(min_hash_finish(&h[i], got), SS_OK);
        assert_memory_equal(got, want, 32);
    }
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, in[0], ROUNDS, want), SS_OK);
    assert_int_equal(min_hash_finish(&copy, got), SS_OK);
    assert_memory_equal(got, want, 32);
}

static void a_hash_works_while_it_runs(void **state)
{
    (void)state;
    struct ss_hash h = {0};
    uint8_t out[64];
    min_hash_abort(&h);
    assert_int_equal(min_hash_update(&h, "a", 1), SS_ERROR_BAD_STATE);
    assert_int_equal(min_hash_finish(&h, out), SS_ERROR_BAD_STATE);
    assert_int_equal(min_hash_init(&h, SS_HASH_SHA256), SS_OK);
    assert_int_equal(min_hash_update(&h, NULL, 0), SS_OK);
    min_hash_abort(&h);
    assert_int_equal(min_hash_finish(&h, out), SS_ERROR_BAD_STATE);
    for (enum ss_hash_alg alg = SS_HASH_MD5; alg <= SS_HASH_SHA512; alg++) {
        assert_int_equal(min_hash_size(alg), ss_hash_size(alg));
        if (alg == SS_HASH_SHA256)
            continue;
        assert_int_equal(min_hash_init(&h, alg), SS_ERROR_NOT_SUPPORTED);
        assert_int_equal(min_hash_update(&h, "a", 1), SS_ERROR_BAD_STATE);
        assert_int_equal(min_hash_once(alg, "a", 1, out), SS_ERROR_NOT_SUPPORTED);
    }
}

// -- P-256 -------------------------------------------------------------------------------------------------------------

static void run_signature(const struct vector *v)
{
    static const struct {
        const char *name;
        ss_status_t status;
    } verdicts[] = {
        {"ok", SS_OK}, {"invalid signature", SS_ERROR_INVALID_SIGNATURE}, {"data invalid", SS_ERROR_DATA_INVALID}};
    uint8_t key[64], digest[32], signature[64];
    unsigned verdict = 0;
    assert_int_equal(vector_bytes(v, "key", key, sizeof key), 64);
    assert_int_equal(vector_bytes(v, "digest", digest, sizeof digest), 32);
    assert_int_equal(vector_bytes(v, "signature", signature, sizeof signature), 64);
    while (strcmp(verdicts[verdict].name, vector_text(v, "expect")) != 0)
        assert_true(++verdict < sizeof verdicts / sizeof verdicts[0]);
    assert_int_equal(ss_p256_verify(key, digest, signature), verdicts[verdict].status);
    assert_int_equal(min_p256_verify(key, digest, signature), verdicts[verdict].status);
}

static void p256_vectors(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("p256.data", run_signature), 156);
}

/// Numbers modulo the order and their points, by OpenSSL.
struct curve {
    BN_CTX *ctx;
    EC_GROUP *group;
    EC_POINT *point;
    BIGNUM *d, *k, *e, *r, *s, *x, *y;
    uint64_t seed;
};

static void curve_begin(struct curve *c, uint64_t seed)
{
    BIGNUM **numbers[] = {&c->d, &c->k, &c->e, &c->r, &c->s, &c->x, &c->y};
    c->seed = seed;
    c->ctx = BN_CTX_new();
    c->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    c->point = EC_POINT_new(c->group);
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_non_null(*numbers[i] = BN_new());
}

static void curve_end(struct curve *c)
{
    BIGNUM *numbers[] = {c->d, c->k, c->e, c->r, c->s, c->x, c->y};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        BN_free(numbers[i]);
    EC_POINT_free(c->point);
    EC_GROUP_free(c->group);
    BN_CTX_free(c->ctx);
}

/// Below the order, not zero: usually any, sometimes one with few bits, or few less than all.
static void pick(struct curve *c, BIGNUM *out)
{
    uint8_t bytes[32];
    const BIGNUM *n = EC_GROUP_get0_order(c->group);
    test_random_bytes(&c->seed, bytes, sizeof bytes);
    uint64_t shape = test_random(&c->seed) % 6;
    if (shape == 1 || shape == 2) {
        memset(bytes, 0, sizeof bytes);
        bytes[test_random(&c->seed) % 32] = (uint8_t)test_random(&c->seed);
        bytes[31] |= 1;
    } else if (shape == 3) {
        memset(bytes, 0xFF, test_random(&c->seed) % 32);
    }
    assert_non_null(BN_bin2bn(bytes, sizeof bytes, out));
    assert_true(BN_nnmod(out, out, n, c->ctx));
    if (shape == 2)
        assert_true(BN_sub(out, n, out));
    if (BN_is_zero(out))
        assert_true(BN_one(out));
}

/// X and Y of @p k · G.
static void multiple_of_g(struct curve *c, const BIGNUM *k)
{
    assert_true(EC_POINT_mul(c->group, c->point, k, NULL, NULL, c->ctx));
    assert_true(EC_POINT_get_affine_coordinates(c->group, c->point, c->x, c->y, c->ctx));
}

/// A key, digest and signature that hold.
static void make_signature(struct curve *c, uint8_t key[64], uint8_t digest[32], uint8_t signature[64])
{
    const BIGNUM *n = EC_GROUP_get0_order(c->group);
    do {
        pick(c, c->d);
        pick(c, c->k);
        pick(c, c->e);
        multiple_of_g(c, c->k);
        assert_true(BN_nnmod(c->r, c->x, n, c->ctx) && BN_mod_mul(c->s, c->r, c->d, n, c->ctx) &&
                    BN_mod_add(c->s, c->s, c->e, n, c->ctx) && BN_mod_inverse(c->k, c->k, n, c->ctx) &&
                    BN_mod_mul(c->s, c->s, c->k, n, c->ctx));
    } while (BN_is_zero(c->s) || BN_is_zero(c->r));
    multiple_of_g(c, c->d);
    assert_int_equal(BN_bn2binpad(c->x, key, 32), 32);
    assert_int_equal(BN_bn2binpad(c->y, key + 32, 32), 32);
    assert_int_equal(BN_bn2binpad(c->e, digest, 32), 32);
    assert_int_equal(BN_bn2binpad(c->r, signature, 32), 32);
    assert_int_equal(BN_bn2binpad(c->s, signature + 32, 32), 32);
}

static void flip(struct curve *c, uint8_t *bytes, unsigned len)
{
    unsigned bit = (unsigned)(test_random(&c->seed) % (8 * len));
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/// Both providers, one verdict.
static ss_status_t both(const uint8_t key[64], const uint8_t digest[32], const uint8_t signature[64])
{
    ss_status_t status = min_p256_verify(key, digest, signature);
    assert_int_equal(status, ss_p256_verify(key, digest, signature));
    return status;
}

// SS_CRYPTO_CASES: how many signatures, each with three that are wrong.
static void p256_as_openssl(void **state)
{
    (void)state;
    struct curve c;
    const char *text = getenv("SS_CRYPTO_CASES");
    unsigned cases = text ? (unsigned)strtoul(text, NULL, 10) : 500;
    uint8_t key[64], digest[32], signature[64], other[64];
    curve_begin(&c, 3);
    for (unsigned i = 0; i < cases; i++) {
        make_signature(&c, key, digest, signature);
        assert_int_equal(both(key, digest, signature), SS_OK);
        memcpy(other, signature, 64);
        flip(&c, other, 64);
        assert_int_equal(both(key, digest, other), SS_ERROR_INVALID_SIGNATURE);
        memcpy(other, digest, 32);
        flip(&c, other, 32);
        assert_int_equal(both(key, other, signature), SS_ERROR_INVALID_SIGNATURE);
        memcpy(other, key, 64);
        flip(&c, other, 64);
        assert_int_equal(both(other, digest, signature), SS_ERROR_DATA_INVALID);
    }
    curve_end(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_vectors),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(sha256_as_openssl),
        cmocka_unit_test(many_hashes_at_a_time),
        cmocka_unit_test(a_hash_works_while_it_runs),
        cmocka_unit_test(p256_vectors),
        cmocka_unit_test(p256_as_openssl),
    };
    return ss_test_main(argc, argv, tests);
}
