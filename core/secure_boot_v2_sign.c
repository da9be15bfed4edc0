// SPDX-License-Identifier: Apache-2.0
// Keys and signatures of V2 blocks: RSA-PSS and ECDSA by OpenSSL, turned into the byte order of the hardware. Hosts
// only.
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/openssl.h"
#include "core/secure_boot_v2_internal.h"
#include "core/signing_key_internal.h"

#define RSA_SIZE 384
#define PSS_SALT 32
// Within the key bytes of an RSA block.
#define RSA_E_AT  384
#define RSA_R_AT  388
#define RSA_M1_AT 772
// DER of an ECDSA signature: two INTEGERs of at most 49 bytes with headers, and the outer one.
#define ECDSA_DER_MAX 112

static void reversed(uint8_t *out, const uint8_t *in, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = in[len - 1 - i];
}

// -1/n mod 2^32 for an odd n, by Newton's iteration: each step doubles the bits that are right, 3 at the start.
static uint32_t minus_inverse(uint32_t n)
{
    uint32_t x = n;
    for (int i = 0; i < 4; i++)
        x *= 2 - n * x;
    return 0u - x;
}

static ss_status_t rsa_key_bytes(const ss_signing_key_t *key, uint8_t out[SBV2_KEY_MAX])
{
    BIGNUM *n = NULL, *e = NULL, *r = BN_new();
    BN_CTX *ctx = BN_CTX_new();
    bool ok = r && ctx && EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &n) &&
              EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_E, &e) && BN_set_bit(r, 2 * 8 * RSA_SIZE) &&
              BN_mod(r, r, n, ctx) && BN_bn2lebinpad(n, out, RSA_SIZE) == RSA_SIZE &&
              BN_bn2lebinpad(e, out + RSA_E_AT, 4) == 4 && BN_bn2lebinpad(r, out + RSA_R_AT, RSA_SIZE) == RSA_SIZE;
    if (ok)
        ss_put_le32(out + RSA_M1_AT, minus_inverse(ss_get_le32(out)));
    BN_free(n);
    BN_free(e);
    BN_free(r);
    BN_CTX_free(ctx);
    return ok ? SS_OK : ss_openssl_status(SS_ERROR_GENERIC);
}

static ss_status_t key_bytes(const ss_signing_key_t *key, uint8_t out[SBV2_KEY_MAX])
{
    size_t size = key->ec_size;
    if (key->type == SS_KEY_RSA3072)
        return rsa_key_bytes(key, out);
    memset(out, 0, ss_sbv2_layouts[key->type].key_len);
    out[0] = ss_sbv2_layouts[key->type].curve;
    reversed(out + 1, key->point, size);
    reversed(out + 1 + size, key->point + size, size);
    return SS_OK;
}

ss_status_t ss_secure_boot_v2_key_digest(const ss_signing_key_t *key, uint8_t digest[32], struct ss_error *err)
{
    uint8_t bytes[SBV2_KEY_MAX];
    ss_status_t status = key_bytes(key, bytes);
    if (status == SS_OK)
        status = ss_hash_once(SS_HASH_SHA256, bytes, ss_sbv2_layouts[key->type].key_len, digest);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_SECURE_BOOT, "cannot compute the key digest");
}

ss_status_t ss_secure_boot_v2_block_key(const uint8_t block[SS_SBV2_BLOCK_SIZE], ss_signing_key_t **key,
                                        struct ss_error *err)
{
    struct ss_sbv2_block info;
    uint8_t n[RSA_SIZE], e[4], point[1 + 2 * SS_EC_SIZE_MAX] = {0x04}, bytes[SBV2_KEY_MAX];
    *key = NULL;
    ss_status_t status = ss_secure_boot_v2_parse_block(block, &info, err);
    if (status != SS_OK)
        return status;
    const uint8_t *in = block + info.key_at;
    if (info.type == SS_KEY_RSA3072) {
        reversed(n, in, sizeof n);
        reversed(e, in + RSA_E_AT, sizeof e);
        const struct ss_der numbers[] = {ss_der_strip(n, sizeof n), ss_der_strip(e, sizeof e)};
        status = ss_signing_key_from_rsa(numbers, SS_RSA_PUBLIC_NUMBERS, key, err);
    } else {
        size_t size = ss_key_type_ec_size(info.type);
        reversed(point + 1, in + 1, size);
        reversed(point + 1 + size, in + 1 + size, size);
        status = ss_signing_key_from_ec(info.type, (struct ss_der){0}, (struct ss_der){point, 1 + 2 * size}, key, err);
    }
    if (status == SS_OK)
        status = key_bytes(*key, bytes);
    else
        return ss_error_prefix(err, status, "key in the signature block");
    // The ROM calculates with the helper numbers of the block: wrong ones fail there.
    if (status == SS_OK && memcmp(bytes, in, info.key_len) != 0)
        status = SS_ERROR_DATA_INVALID;
    if (status == SS_OK)
        return SS_OK;
    ss_signing_key_free(*key);
    *key = NULL;
    return ss_error_set(err, status, SS_AREA_SECURE_BOOT, "helper numbers in the signature block do not fit its key");
}

// A context in which a key of this type signs or verifies a digest.
static EVP_PKEY_CTX *new_ctx(EVP_PKEY *pkey, enum ss_key_type type, int (*init)(EVP_PKEY_CTX *, const OSSL_PARAM[]))
{
    char pss[] = OSSL_PKEY_RSA_PAD_MODE_PSS, sha256[] = "SHA2-256";
    int salt = PSS_SALT;
    const OSSL_PARAM rsa_params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, pss, 0),
        OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
    if (ctx && init(ctx, type == SS_KEY_RSA3072 ? rsa_params : NULL) == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

// r or s: big endian of any length to little endian of @p size; false if it is longer.
static bool put_scalar(uint8_t *out, struct ss_der number, size_t size)
{
    if (number.len > size)
        return false;
    reversed(out, number.p, number.len);
    return true;
}

// A signature as OpenSSL has it to the bytes of a block (zero-filled to layout.signature_len), and back.
static bool signature_to_block(const ss_signing_key_t *key, const uint8_t *in, size_t len, uint8_t *out)
{
    struct ss_der der = {in, len}, seq, r, s;
    memset(out, 0, SBV2_SIGNATURE_MAX);
    if (key->type == SS_KEY_RSA3072) {
        if (len == RSA_SIZE)
            reversed(out, in, RSA_SIZE);
        return len == RSA_SIZE;
    }
    return ss_der_take(&der, SS_DER_SEQUENCE, &seq) && der.len == 0 && ss_der_take_unsigned(&seq, &r) &&
           ss_der_take_unsigned(&seq, &s) && seq.len == 0 && put_scalar(out, r, key->ec_size) &&
           put_scalar(out + key->ec_size, s, key->ec_size);
}

static size_t signature_from_block(const ss_signing_key_t *key, const uint8_t *in, uint8_t *out)
{
    if (key->type == SS_KEY_RSA3072) {
        reversed(out, in, RSA_SIZE);
        return RSA_SIZE;
    }
    uint8_t r[SS_EC_SIZE_MAX], s[SS_EC_SIZE_MAX], numbers[ECDSA_DER_MAX];
    reversed(r, in, key->ec_size);
    reversed(s, in + key->ec_size, key->ec_size);
    struct ss_der r_der = ss_der_strip(r, key->ec_size), s_der = ss_der_strip(s, key->ec_size);
    struct ss_der_writer inner = {numbers, sizeof numbers, 0, false}, outer = {out, SBV2_SIGNATURE_MAX, 0, false};
    ss_der_put_unsigned(&inner, r_der.p, r_der.len);
    ss_der_put_unsigned(&inner, s_der.p, s_der.len);
    ss_der_put_header(&outer, SS_DER_SEQUENCE, inner.len);
    ss_der_put(&outer, numbers, inner.len);
    return outer.len;
}

// @p signature as it lies in a block.
static ss_status_t verify(const ss_signing_key_t *key, const uint8_t *digest, const uint8_t *signature)
{
    uint8_t raw[SBV2_SIGNATURE_MAX];
    size_t len = signature_from_block(key, signature, raw);
    ss_status_t status = SS_ERROR_INVALID_SIGNATURE;
    EVP_PKEY_CTX *ctx = new_ctx(key->pkey, key->type, EVP_PKEY_verify_init_ex);
    int valid = ctx ? EVP_PKEY_verify(ctx, raw, len, digest, ss_secure_boot_v2_digest_size(key->type)) : -1;
    if (valid == 1)
        status = SS_OK;
    else if (!ctx)
        status = ss_openssl_status(SS_ERROR_GENERIC);
    else if (valid < 0 || key->type == SS_KEY_RSA3072) // RSA returns 0 for everything, with the reason in the queue
        status = ss_openssl_status(SS_ERROR_INVALID_SIGNATURE);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return status;
}

static ss_status_t build_verified(const ss_signing_key_t *key, const uint8_t *digest, const uint8_t *signature,
                                  uint8_t block[SS_SBV2_BLOCK_SIZE])
{
    uint8_t bytes[SBV2_KEY_MAX];
    ss_status_t status = verify(key, digest, signature);
    if (status == SS_OK)
        status = key_bytes(key, bytes);
    if (status == SS_OK)
        ss_sbv2_build(key->type, digest, bytes, signature, block);
    return status;
}

// Signs with the private key in memory; the signature as it lies in a block.
static ss_status_t sign_here(const ss_signing_key_t *key, const uint8_t *digest, uint8_t *signature)
{
    uint8_t raw[SBV2_SIGNATURE_MAX];
    size_t len = sizeof raw;
    // OpenSSL keeps the blinding numbers of RSA in the key and squares them for each signature. An allocation that
    // fails between the two leaves them unequal, and the next 30 signatures wrong: so each signature has a key of its
    // own.
    EVP_PKEY *once = EVP_PKEY_dup(key->pkey);
    EVP_PKEY_CTX *ctx = new_ctx(once, key->type, EVP_PKEY_sign_init_ex);
    bool ok = ctx && EVP_PKEY_sign(ctx, raw, &len, digest, ss_secure_boot_v2_digest_size(key->type)) == 1 &&
              signature_to_block(key, raw, len, signature);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(once);
    return ok ? SS_OK : ss_openssl_status(SS_ERROR_GENERIC);
}

static ss_status_t sign_remote(const ss_signing_key_t *key, const uint8_t *digest, uint8_t *signature,
                               struct ss_error *err)
{
    uint8_t raw[SS_SIGNATURE_MAX];
    ss_status_t status = key->ops->sign(key->context, digest, ss_secure_boot_v2_digest_size(key->type), raw, err);
    if (status != SS_OK)
        return status;
    size_t size = key->type == SS_KEY_RSA3072 ? RSA_SIZE : key->ec_size;
    memset(signature, 0, SBV2_SIGNATURE_MAX);
    for (size_t at = 0; at < ss_signature_size(key->type); at += size)
        reversed(signature + at, raw + at, size);
    return SS_OK;
}

ss_status_t ss_secure_boot_v2_sign_digest(const ss_signing_key_t *key, const uint8_t *digest,
                                          uint8_t block[SS_SBV2_BLOCK_SIZE], struct ss_error *err)
{
    uint8_t signature[SBV2_SIGNATURE_MAX];
    ss_status_t status = ss_signing_key_check_can_sign(key, SS_AREA_SECURE_BOOT, err);
    if (status == SS_OK && key->ops)
        status = sign_remote(key, digest, signature, err);
    if (status != SS_OK)
        return status;
    if (!key->ops)
        status = sign_here(key, digest, signature);
    if (status == SS_OK)
        status = build_verified(key, digest, signature, block);
    ERR_clear_error();
    // A wrong signature of our own comes from an unsound key or a fault of the machine; it must not leave.
    if (status == SS_ERROR_INVALID_SIGNATURE)
        return ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_SECURE_BOOT, "signature just made is not valid");
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_SECURE_BOOT, "cannot sign");
}

ss_status_t ss_secure_boot_v2_attach(const ss_signing_key_t *key, const uint8_t *digest, const uint8_t *signature,
                                     size_t signature_len, uint8_t block[SS_SBV2_BLOCK_SIZE], struct ss_error *err)
{
    uint8_t turned[SBV2_SIGNATURE_MAX];
    if (!signature_to_block(key, signature, signature_len, turned))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT, "signature of %zu bytes is not %s",
                            signature_len,
                            key->type == SS_KEY_RSA3072 ? "RSA-3072: 384 bytes" : "ECDSA in DER for this curve");
    ss_status_t status = build_verified(key, digest, turned, block);
    return status == SS_OK
               ? SS_OK
               : ss_error_set(err, status, SS_AREA_SECURE_BOOT, "%s",
                              status == SS_ERROR_INVALID_SIGNATURE ? "signature was not made by this key for this image"
                                                                   : "cannot verify the signature");
}

ss_status_t ss_secure_boot_v2_verify_block(const ss_signing_key_t *key, const uint8_t *digest,
                                           const uint8_t block[SS_SBV2_BLOCK_SIZE], struct ss_error *err)
{
    struct ss_sbv2_block info;
    uint8_t bytes[SBV2_KEY_MAX];
    ss_status_t status = ss_secure_boot_v2_parse_block(block, &info, err);
    if (status != SS_OK)
        return status;
    if (info.type == key->type && memcmp(info.image_digest, digest, info.image_digest_len) != 0)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SECURE_BOOT, "signature is for other image bytes");
    status = key_bytes(key, bytes);
    if (status == SS_OK && (info.type != key->type || memcmp(bytes, block + info.key_at, info.key_len) != 0))
        return ss_error_set(err, SS_ERROR_INVALID_SIGNATURE, SS_AREA_SECURE_BOOT, "signature is by another key");
    if (status == SS_OK)
        status = verify(key, digest, block + info.signature_at);
    return status == SS_OK
               ? SS_OK
               : ss_error_set(err, status, SS_AREA_SECURE_BOOT, "%s",
                              status == SS_ERROR_INVALID_SIGNATURE ? "signature is not valid" : "cannot verify");
}
