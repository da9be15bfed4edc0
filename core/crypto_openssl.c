// SPDX-License-Identifier: Apache-2.0
// The crypto port on hosts: OpenSSL 3 libcrypto, default library context.
#include "core/crypto.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/bnerr.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/cryptoerr.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "core/openssl.h"

// EVP_EncryptUpdate counts in int.
#define CHUNK_BLOCKS ((size_t)1 << 24)

// The other two are how BN_CTX_get and the parameter builder report that they could not allocate.
static bool is_memory_error(unsigned long code)
{
    return ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ||
           code == ERR_PACK(ERR_LIB_BN, 0, BN_R_TOO_MANY_TEMPORARY_VARIABLES) ||
           code == ERR_PACK(ERR_LIB_CRYPTO, 0, CRYPTO_R_SECURE_MALLOC_FAILURE);
}

ss_status_t ss_openssl_status(ss_status_t verdict)
{
    bool memory = false, reason = false, internal = false;
    for (unsigned long code; (code = ERR_get_error()) != 0;) {
        memory |= is_memory_error(code);
        // The EVP layer itself judges nothing: when it complains, it could not do its work.
        internal |= ERR_FATAL_ERROR(code) || ERR_GET_LIB(code) == ERR_LIB_EVP;
        reason |= !ERR_COMMON_ERROR(code); // the common ones only say which library failed
    }
    if (memory)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    return reason && !internal ? verdict : SS_ERROR_GENERIC;
}

// Looking an algorithm up costs several times as much as hashing a few hundred bytes with it. What has been looked up
// is kept for the life of the process. A slot is filled once: a thread that comes second frees its own copy, so no
// lock is needed, and an allocation failure leaves the slot empty for the next try.
#define DEFINE_CACHED(type)                                                                                            \
    static type *cached_##type(_Atomic(type *) *slot, const char *name)                                                \
    {                                                                                                                  \
        type *known = atomic_load_explicit(slot, memory_order_acquire);                                                \
        if (known)                                                                                                     \
            return known;                                                                                              \
        type *fresh = type##_fetch(NULL, name, NULL);                                                                  \
        if (!fresh || atomic_compare_exchange_strong(slot, &known, fresh))                                             \
            return fresh;                                                                                              \
        type##_free(fresh);                                                                                            \
        return known;                                                                                                  \
    }
DEFINE_CACHED(EVP_MD)
DEFINE_CACHED(EVP_CIPHER)

static const struct {
    const char *name;
    size_t size;
} hashes[] = {
    [SS_HASH_MD5] = {"MD5", 16},
    [SS_HASH_SHA256] = {"SHA2-256", 32},
    [SS_HASH_SHA384] = {"SHA2-384", 48},
    [SS_HASH_SHA512] = {"SHA2-512", 64},
};
static _Atomic(EVP_MD *) hash_slots[sizeof hashes / sizeof *hashes];

static EVP_MD *hash_md(enum ss_hash_alg alg)
{
    assert((size_t)alg < sizeof hashes / sizeof *hashes);
    return cached_EVP_MD(&hash_slots[alg], hashes[alg].name);
}

size_t ss_hash_size(enum ss_hash_alg alg)
{
    assert((size_t)alg < sizeof hashes / sizeof *hashes);
    return hashes[alg].size;
}

ss_status_t ss_hash_init(struct ss_hash *h, enum ss_hash_alg alg)
{
    h->alg = alg;
    h->provider = NULL;
    EVP_MD *md = hash_md(alg);
    if (!md)
        return ss_openssl_status(SS_ERROR_GENERIC);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || !EVP_DigestInit_ex2(ctx, md, NULL)) {
        EVP_MD_CTX_free(ctx);
        return ss_openssl_status(SS_ERROR_GENERIC);
    }
    h->provider = ctx;
    return SS_OK;
}

ss_status_t ss_hash_update(struct ss_hash *h, const void *in, size_t len)
{
    if (!h->provider)
        return SS_ERROR_BAD_STATE;
    return EVP_DigestUpdate(h->provider, in, len) ? SS_OK : ss_openssl_status(SS_ERROR_GENERIC);
}

ss_status_t ss_hash_finish(struct ss_hash *h, uint8_t *out)
{
    if (!h->provider)
        return SS_ERROR_BAD_STATE;
    int ok = EVP_DigestFinal_ex(h->provider, out, NULL);
    ss_hash_abort(h);
    return ok ? SS_OK : ss_openssl_status(SS_ERROR_GENERIC);
}

void ss_hash_abort(struct ss_hash *h)
{
    EVP_MD_CTX_free(h->provider);
    h->provider = NULL;
}

ss_status_t ss_aes256_ecb_encrypt(const uint8_t key[32], const uint8_t *in, uint8_t *out, size_t blocks)
{
    static _Atomic(EVP_CIPHER *) slot;
    EVP_CIPHER *cipher = cached_EVP_CIPHER(&slot, "AES-256-ECB");
    EVP_CIPHER_CTX *ctx = cipher ? EVP_CIPHER_CTX_new() : NULL;
    bool ok = ctx && EVP_EncryptInit_ex2(ctx, cipher, key, NULL, NULL) && EVP_CIPHER_CTX_set_padding(ctx, 0);
    while (ok && blocks) {
        size_t n = blocks < CHUNK_BLOCKS ? blocks : CHUNK_BLOCKS;
        int written = 0;
        ok = EVP_EncryptUpdate(ctx, out, &written, in, (int)(16 * n)) == 1 && (size_t)written == 16 * n;
        in += 16 * n;
        out += 16 * n;
        blocks -= n;
    }
    EVP_CIPHER_CTX_free(ctx);
    return ok ? SS_OK : ss_openssl_status(SS_ERROR_GENERIC);
}

ss_status_t ss_aes_xts(bool encrypt, const uint8_t *key, size_t key_len, const uint8_t tweak[16], const uint8_t *in,
                       uint8_t *out, size_t len)
{
    static _Atomic(EVP_CIPHER *) slot128, slot256;
    // IEEE 1619 allows 2^20 blocks of 16 bytes in a data unit; OpenSSL refuses more.
    if ((key_len != 32 && key_len != 64) || len < 16 || len > (size_t)16 << 20)
        return SS_ERROR_INVALID_ARGUMENT;
    if (ss_equal(key, key + key_len / 2, key_len / 2))
        return SS_ERROR_INVALID_ARGUMENT;
    EVP_CIPHER *cipher =
        key_len == 32 ? cached_EVP_CIPHER(&slot128, "AES-128-XTS") : cached_EVP_CIPHER(&slot256, "AES-256-XTS");
    EVP_CIPHER_CTX *ctx = cipher ? EVP_CIPHER_CTX_new() : NULL;
    int written = 0;
    bool ok = ctx && EVP_CipherInit_ex2(ctx, cipher, key, tweak, encrypt, NULL) &&
              EVP_CipherUpdate(ctx, out, &written, in, (int)len) && (size_t)written == len;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? SS_OK : ss_openssl_status(SS_ERROR_GENERIC);
}

static EVP_PKEY *p256_public(const uint8_t public_key[64])
{
    char group[] = "P-256";
    uint8_t point[65] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(point + 1, public_key, 64);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

// OpenSSL wants r‖s as a DER sequence; *der is freed by the caller.
static int raw_to_der(const uint8_t raw[64], uint8_t **der)
{
    int len = -1;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
        r = s = NULL;
        len = i2d_ECDSA_SIG(sig, der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return len;
}

ss_status_t ss_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t signature[64])
{
    ss_status_t status = SS_ERROR_INVALID_SIGNATURE;
    uint8_t *der = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *pkey = p256_public(public_key);
    if (!pkey) {
        status = ss_openssl_status(SS_ERROR_DATA_INVALID);
        goto out;
    }
    int len = raw_to_der(signature, &der);
    ctx = len > 0 ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
    int valid = ctx && EVP_PKEY_verify_init(ctx) == 1 ? EVP_PKEY_verify(ctx, der, (size_t)len, digest, 32) : -1;
    if (valid == 1)
        status = SS_OK;
    else if (valid < 0) // also for a signature whose sum of points is at infinity
        status = ss_openssl_status(SS_ERROR_INVALID_SIGNATURE);
out:
    ERR_clear_error();
    OPENSSL_free(der);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return status;
}

ss_status_t ss_random(uint8_t *out, size_t len)
{
    // The private generator: what it gave stays secret even if output of the public one was published.
    return RAND_priv_bytes_ex(NULL, out, len, 0) == 1 ? SS_OK : ss_openssl_status(SS_ERROR_GENERIC);
}

void ss_wipe(void *p, size_t len)
{
    if (len)
        OPENSSL_cleanse(p, len);
}

bool ss_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
