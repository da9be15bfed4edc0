// SPDX-License-Identifier: Apache-2.0
// Deterministic ECDSA (RFC 6979) on P-256 with SHA-256. Hosts only.
//
// OpenSSL 3.0 cannot do this by itself: the nonce-type parameter came with 3.2, and its ECDSA_sign_ex() for a nonce of
// one's own is deprecated. So the nonce is derived here and the few steps of ECDSA are done with OpenSSL's numbers and
// points. Whoever learns a few bits of nonces has the key, hence:
//   - the point multiplication is OpenSSL's constant-time one for a secret multiple of the generator;
//   - the inversion is k^(n-2), whose exponent is public, by the constant-time exponentiation;
//   - BN_mod_mul() may take longer for some numbers than for others: nonce and key only enter it after or together with
//     a random factor b, s = (b·k)⁻¹ · (b·z + r·(b·d)), which cancels out: the signature stays deterministic.
// A fault while signing the same message twice would give the key away: a signature is verified before it leaves.
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "core/crypto.h"
#include "core/openssl.h"
#include "core/signing_key_internal.h"

#define SIZE 32

// HMAC-DRBG of RFC 6979 §3.2.
struct drbg {
    uint8_t k[SIZE], v[SIZE];
};

// K = HMAC(K, V ‖ separator ‖ seed), V = HMAC(K, V).
static ss_status_t drbg_update(struct drbg *g, uint8_t separator, const uint8_t *seed, size_t seed_len)
{
    uint8_t in[SIZE + 1 + 2 * SIZE];
    memcpy(in, g->v, SIZE);
    in[SIZE] = separator;
    if (seed_len)
        memcpy(in + SIZE + 1, seed, seed_len);
    ss_status_t status = ss_hmac_sha256(g->k, SIZE, in, SIZE + 1 + seed_len, g->k);
    if (status == SS_OK)
        status = ss_hmac_sha256(g->k, SIZE, g->v, SIZE, g->v);
    ss_wipe(in, sizeof in);
    return status;
}

static ss_status_t drbg_init(struct drbg *g, const uint8_t secret[SIZE], const uint8_t z[SIZE])
{
    uint8_t seed[2 * SIZE];
    memset(g->k, 0, SIZE);
    memset(g->v, 1, SIZE);
    memcpy(seed, secret, SIZE);
    memcpy(seed + SIZE, z, SIZE);
    ss_status_t status = drbg_update(g, 0, seed, sizeof seed);
    if (status == SS_OK)
        status = drbg_update(g, 1, seed, sizeof seed);
    ss_wipe(seed, sizeof seed);
    return status;
}

// Everything one signature works with. Numbers are in secure allocations, wiped when freed.
struct work {
    BN_CTX *ctx;
    EC_GROUP *group;
    EC_POINT *point;
    BN_MONT_CTX *mont;
    BIGNUM *d, *z, *k, *b, *x, *r, *s, *n_minus_2;
    const BIGNUM *n;
    struct drbg drbg;
};

static bool work_init(struct work *w)
{
    BIGNUM **numbers[] = {&w->d, &w->z, &w->k, &w->b, &w->x, &w->r, &w->s, &w->n_minus_2};
    w->ctx = BN_CTX_secure_new();
    w->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    w->mont = BN_MONT_CTX_new();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!(*numbers[i] = BN_secure_new()))
            return false;
    if (!w->ctx || !w->group || !w->mont)
        return false;
    w->n = EC_GROUP_get0_order(w->group);
    w->point = EC_POINT_new(w->group);
    return w->point && BN_MONT_CTX_set(w->mont, w->n, w->ctx) && BN_copy(w->n_minus_2, w->n) &&
           BN_sub_word(w->n_minus_2, 2);
}

static void work_free(struct work *w)
{
    BIGNUM *numbers[] = {w->d, w->z, w->k, w->b, w->x, w->r, w->s, w->n_minus_2};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        BN_clear_free(numbers[i]);
    BN_MONT_CTX_free(w->mont);
    EC_POINT_clear_free(w->point);
    EC_GROUP_free(w->group);
    BN_CTX_free(w->ctx);
    ss_wipe(&w->drbg, sizeof w->drbg);
}

// The next nonce to w->k: 1 ≤ k < n. Nearly always the first candidate.
static ss_status_t next_nonce(struct work *w, bool first)
{
    ss_status_t status = first ? SS_OK : drbg_update(&w->drbg, 0, NULL, 0);
    for (;;) {
        if (status == SS_OK)
            status = ss_hmac_sha256(w->drbg.k, SIZE, w->drbg.v, SIZE, w->drbg.v);
        if (status != SS_OK)
            return status;
        if (!BN_bin2bn(w->drbg.v, SIZE, w->k))
            return ss_openssl_status(SS_ERROR_GENERIC);
        if (!BN_is_zero(w->k) && BN_cmp(w->k, w->n) < 0)
            break;
        status = drbg_update(&w->drbg, 0, NULL, 0);
    }
    BN_set_flags(w->k, BN_FLG_CONSTTIME);
    return SS_OK;
}

// r = x(k·G) mod n; s as above. Either may come out as 0, then another nonce is due.
static bool try_nonce(struct work *w)
{
    return EC_POINT_mul(w->group, w->point, w->k, NULL, NULL, w->ctx) &&
           EC_POINT_get_affine_coordinates(w->group, w->point, w->x, NULL, w->ctx) &&
           BN_nnmod(w->r, w->x, w->n, w->ctx) && BN_priv_rand_range(w->b, w->n) &&
           BN_mod_mul(w->s, w->b, w->d, w->n, w->ctx) && BN_mod_mul(w->s, w->s, w->r, w->n, w->ctx) &&
           BN_mod_mul(w->x, w->b, w->z, w->n, w->ctx) && BN_mod_add(w->s, w->s, w->x, w->n, w->ctx) &&
           BN_mod_mul(w->x, w->b, w->k, w->n, w->ctx) &&
           BN_mod_exp_mont_consttime(w->x, w->x, w->n_minus_2, w->n, w->ctx, w->mont) &&
           BN_mod_mul(w->s, w->s, w->x, w->n, w->ctx);
}

static ss_status_t sign(struct work *w, const uint8_t secret[SIZE], const uint8_t digest[32], uint8_t signature[64])
{
    uint8_t z[SIZE];
    if (!work_init(w) || !BN_bin2bn(secret, SIZE, w->d) || !BN_bin2bn(digest, 32, w->z) ||
        !BN_nnmod(w->z, w->z, w->n, w->ctx) || BN_bn2binpad(w->z, z, SIZE) != SIZE)
        return ss_openssl_status(SS_ERROR_GENERIC);
    BN_set_flags(w->d, BN_FLG_CONSTTIME);
    ss_status_t status = drbg_init(&w->drbg, secret, z);
    for (bool first = true; status == SS_OK; first = false) {
        status = next_nonce(w, first);
        if (status != SS_OK)
            return status;
        if (!try_nonce(w))
            return ss_openssl_status(SS_ERROR_GENERIC);
        if (!BN_is_zero(w->r) && !BN_is_zero(w->s))
            break;
    }
    if (status == SS_OK &&
        (BN_bn2binpad(w->r, signature, SIZE) != SIZE || BN_bn2binpad(w->s, signature + SIZE, SIZE) != SIZE))
        return ss_openssl_status(SS_ERROR_GENERIC);
    return status;
}

ss_status_t ss_p256_sign(const uint8_t secret[32], const uint8_t digest[32], uint8_t signature[SS_ES256_SIZE])
{
    struct work w = {0};
    ss_status_t status = sign(&w, secret, digest, signature);
    work_free(&w);
    ERR_clear_error();
    return status;
}
