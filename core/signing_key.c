// SPDX-License-Identifier: Apache-2.0
#include "slotseal/signing_key.h"

#include <assert.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "core/crypto.h"
#include "core/openssl.h"
#include "core/signing_key_internal.h"

#define RSA_BYTES 384
// 0, n, d (384 bytes), e (4) and five numbers of half the size, each with a header.
#define PKCS1_MAX 2048

static const struct {
    const char *name;
    int curve;
    size_t ec_size;
} types[] = {
    [SS_KEY_P256] = {"P-256", NID_X9_62_prime256v1, 32},
    [SS_KEY_RSA3072] = {"RSA-3072", NID_undef, 0},
    [SS_KEY_P192] = {"P-192", NID_X9_62_prime192v1, 24},
    [SS_KEY_P384] = {"P-384", NID_secp384r1, 48},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

const char *ss_key_type_name(enum ss_key_type type)
{
    assert((size_t)type < TYPE_COUNT);
    return types[type].name;
}

int ss_key_type_curve(enum ss_key_type type)
{
    assert((size_t)type < TYPE_COUNT);
    return types[type].curve;
}

size_t ss_key_type_ec_size(enum ss_key_type type)
{
    assert((size_t)type < TYPE_COUNT);
    return types[type].ec_size;
}

static ss_status_t fail(struct ss_error *err, ss_status_t verdict, const char *what)
{
    return ss_error_set(err, ss_openssl_status(verdict), SS_AREA_KEY, "%s", what);
}

static ss_status_t generate_ec(enum ss_key_type type, ss_signing_key_t **key, struct ss_error *err)
{
    uint8_t secret[SS_EC_SIZE_MAX];
    int size = (int)types[type].ec_size;
    BIGNUM *d = NULL;
    EVP_PKEY *pkey = EVP_EC_gen(types[type].name);
    ss_status_t status;
    if (!pkey || !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) || BN_bn2binpad(d, secret, size) != size)
        status = fail(err, SS_ERROR_GENERIC, "cannot generate the key");
    else
        status =
            ss_signing_key_from_ec(type, (struct ss_der){secret, types[type].ec_size}, (struct ss_der){0}, key, err);
    ss_wipe(secret, sizeof secret);
    BN_clear_free(d);
    EVP_PKEY_free(pkey);
    return status;
}

static ss_status_t generate_rsa(ss_signing_key_t **key, struct ss_error *err)
{
    ss_signing_key_t *made = OPENSSL_zalloc(sizeof *made);
    if (!made)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_KEY, "out of memory");
    made->type = SS_KEY_RSA3072;
    made->is_private = true;
    made->pkey = EVP_RSA_gen(8 * RSA_BYTES);
    if (!made->pkey) {
        ss_signing_key_free(made);
        return fail(err, SS_ERROR_GENERIC, "cannot generate the key");
    }
    *key = made;
    return SS_OK;
}

ss_status_t ss_signing_key_generate(enum ss_key_type type, ss_signing_key_t **key, struct ss_error *err)
{
    assert((size_t)type < TYPE_COUNT);
    *key = NULL;
    return type == SS_KEY_RSA3072 ? generate_rsa(key, err) : generate_ec(type, key, err);
}

void ss_signing_key_free(ss_signing_key_t *key)
{
    if (!key)
        return;
    if (key->ops && key->ops->close)
        key->ops->close(key->context);
    EVP_PKEY_free(key->pkey);
    OPENSSL_clear_free(key, sizeof *key);
}

enum ss_key_type ss_signing_key_type(const ss_signing_key_t *key)
{
    return key->type;
}

bool ss_signing_key_is_private(const ss_signing_key_t *key)
{
    return key->is_private;
}

bool ss_signing_key_can_sign(const ss_signing_key_t *key)
{
    return key->is_private || key->ops;
}

bool ss_signing_key_same_public(const ss_signing_key_t *a, const ss_signing_key_t *b)
{
    return a->type == b->type && EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

ss_status_t ss_signing_key_raw_public(const ss_signing_key_t *key, uint8_t xy[SS_RAW_PUBLIC_KEY_SIZE],
                                      struct ss_error *err)
{
    if (key->type != SS_KEY_P256)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY, "key is %s, a raw public key is P-256",
                            types[key->type].name);
    memcpy(xy, key->point, SS_RAW_PUBLIC_KEY_SIZE);
    return SS_OK;
}

// The encoders of private keys are our own: OpenSSL 3.0's free copies of the secret without wiping them, and its RSA
// one leaks when memory is short.

// ECPrivateKey (RFC 5915) with named curve and public key: { 1, secret, [0] { curve }, [1] { point } }.
static void encode_sec1(const ss_signing_key_t *key, struct ss_der_writer *out)
{
    uint8_t curve[16], *end = curve;
    size_t size = key->ec_size, bits = 2 + 2 * size;
    // Curves that have a name need no allocation and cannot fail here.
    size_t curve_len = (size_t)i2d_ASN1_OBJECT(OBJ_nid2obj(types[key->type].curve), &end);
    ss_der_put_header(out, SS_DER_SEQUENCE, 3 + 2 + size + 2 + curve_len + 4 + bits);
    ss_der_put_unsigned(out, (const uint8_t[]){1}, 1);
    ss_der_put_header(out, SS_DER_OCTET_STRING, size);
    ss_der_put(out, key->secret, size);
    ss_der_put_header(out, SS_DER_CONTEXT_0, curve_len);
    ss_der_put(out, curve, curve_len);
    ss_der_put_header(out, SS_DER_CONTEXT_1, 2 + bits);
    ss_der_put_header(out, SS_DER_BIT_STRING, bits);
    ss_der_put(out, (const uint8_t[]){0, POINT_CONVERSION_UNCOMPRESSED}, 2);
    ss_der_put(out, key->point, 2 * size);
}

static bool put_number(EVP_PKEY *pkey, const char *name, struct ss_der_writer *out)
{
    uint8_t bytes[RSA_BYTES];
    BIGNUM *n = NULL;
    bool ok = EVP_PKEY_get_bn_param(pkey, name, &n) && BN_num_bytes(n) <= RSA_BYTES;
    if (ok)
        ss_der_put_unsigned(out, bytes, (size_t)BN_bn2bin(n, bytes));
    BN_clear_free(n);
    ss_wipe(bytes, sizeof bytes);
    return ok;
}

// RSAPrivateKey (RFC 8017): { 0, eight numbers }. False if OpenSSL fails.
static bool encode_pkcs1(const ss_signing_key_t *key, struct ss_der_writer *out)
{
    uint8_t numbers[PKCS1_MAX];
    struct ss_der_writer inner = {numbers, sizeof numbers, 0, false};
    ss_der_put_unsigned(&inner, NULL, 0);
    bool ok = true;
    for (size_t i = 0; ok && i < SS_RSA_PRIVATE_NUMBERS; i++)
        ok = put_number(key->pkey, ss_rsa_number_names[i], &inner);
    ss_der_put_header(out, SS_DER_SEQUENCE, inner.len);
    ss_der_put(out, numbers, inner.len);
    ss_wipe(numbers, sizeof numbers);
    return ok && !inner.failed;
}

static bool write_secret(const ss_signing_key_t *key, BIO *bio)
{
    uint8_t der[PKCS1_MAX];
    struct ss_der_writer out = {der, sizeof der, 0, false};
    bool ok = true, rsa = key->type == SS_KEY_RSA3072;
    if (rsa)
        ok = encode_pkcs1(key, &out);
    else
        encode_sec1(key, &out);
    ok =
        ok && !out.failed && PEM_write_bio(bio, rsa ? PEM_STRING_RSA : PEM_STRING_ECPRIVATEKEY, "", der, (long)out.len);
    ss_wipe(der, sizeof der);
    return ok;
}

static ss_status_t write_pem(const ss_signing_key_t *key, bool secret, uint8_t *out, size_t size, size_t *len,
                             struct ss_error *err)
{
    *len = 0;
    // This kind of BIO wipes its memory when it grows and when it is freed.
    BIO *bio = BIO_new(BIO_s_secmem());
    bool ok = bio && (secret ? write_secret(key, bio) : PEM_write_bio_PUBKEY(bio, key->pkey) == 1);
    char *text = NULL;
    long used = ok ? BIO_get_mem_data(bio, &text) : 0;
    ss_status_t status = SS_OK;
    if (used <= 0)
        status = fail(err, SS_ERROR_GENERIC, "cannot write the key as PEM");
    else if ((size_t)used > size)
        status = ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_KEY,
                              "PEM text is %ld bytes, there is room for %zu", used, size);
    else
        memcpy(out, text, (size_t)used);
    if (used > 0)
        *len = (size_t)used;
    BIO_free(bio);
    return status;
}

ss_status_t ss_signing_key_write_private(const ss_signing_key_t *key, uint8_t *out, size_t size, size_t *len,
                                         struct ss_error *err)
{
    *len = 0;
    if (!key->is_private)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_KEY, "%s",
                            key->ops ? "the private key stays where it is kept"
                                     : "this is a public key, there is no private one");
    return write_pem(key, true, out, size, len, err);
}

ss_status_t ss_signing_key_write_public(const ss_signing_key_t *key, uint8_t *out, size_t size, size_t *len,
                                        struct ss_error *err)
{
    return write_pem(key, false, out, size, len, err);
}

ss_status_t ss_signing_key_fingerprint(const ss_signing_key_t *key, uint8_t digest[32], struct ss_error *err)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(key->pkey, &der);
    memset(digest, 0, 32);
    if (len <= 0)
        return fail(err, SS_ERROR_GENERIC, "cannot write the public key");
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, der, (size_t)len, digest);
    OPENSSL_free(der);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_KEY, "SHA-256 failed");
}
