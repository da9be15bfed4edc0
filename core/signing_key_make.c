// SPDX-License-Identifier: Apache-2.0
// Keys of their numbers. OpenSSL's own decoders are not used for private keys: they leave copies of the secret in
// memory that is freed without being wiped.
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "core/crypto.h"
#include "core/openssl.h"
#include "core/signing_key_internal.h"

#define RSA_BITS 3072

static ss_status_t fail(struct ss_error *err, ss_status_t verdict, const char *what)
{
    return ss_error_set(err, ss_openssl_status(verdict), SS_AREA_KEY, "%s", what);
}

static ss_status_t invalid(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY, "%s", what);
}

static ss_signing_key_t *new_key(enum ss_key_type type, bool is_private, struct ss_error *err)
{
    ss_signing_key_t *key = OPENSSL_zalloc(sizeof *key);
    if (!key) {
        ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_KEY, "out of memory");
        return NULL;
    }
    key->type = type;
    key->is_private = is_private;
    key->ec_size = ss_key_type_ec_size(type);
    return key;
}

static EVP_PKEY *pkey_from(const char *algorithm, bool is_private, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL) : NULL;
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &pkey, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params); // wipes what came from secure numbers
    return pkey;
}

// What a check of an EC key works with; all freed together.
struct ec {
    EC_GROUP *group;
    EC_POINT *given, *computed;
    BIGNUM *d, *x, *y;
};

static bool ec_init(struct ec *ec, int curve)
{
    ec->group = EC_GROUP_new_by_curve_name(curve);
    ec->given = ec->group ? EC_POINT_new(ec->group) : NULL;
    ec->computed = ec->group ? EC_POINT_new(ec->group) : NULL;
    ec->d = BN_secure_new();
    ec->x = BN_new();
    ec->y = BN_new();
    return ec->given && ec->computed && ec->d && ec->x && ec->y;
}

static void ec_free(struct ec *ec)
{
    BN_clear_free(ec->d);
    BN_free(ec->x);
    BN_free(ec->y);
    EC_POINT_free(ec->computed);
    EC_POINT_free(ec->given);
    EC_GROUP_free(ec->group);
}

static ss_status_t check_secret(struct ec *ec, struct ss_der secret, struct ss_der point, struct ss_error *err)
{
    // The flag chooses the constant-time ladder.
    BN_set_flags(ec->d, BN_FLG_CONSTTIME);
    if (!BN_bin2bn(secret.p, (int)secret.len, ec->d))
        return fail(err, SS_ERROR_GENERIC, "cannot check the key");
    if (BN_is_zero(ec->d) || BN_cmp(ec->d, EC_GROUP_get0_order(ec->group)) >= 0)
        return invalid(err, "private key is not between 1 and the order of its curve");
    if (!EC_POINT_mul(ec->group, ec->computed, ec->d, NULL, NULL, NULL))
        return fail(err, SS_ERROR_GENERIC, "cannot check the key");
    if (!point.p)
        return EC_POINT_copy(ec->given, ec->computed) ? SS_OK : fail(err, SS_ERROR_GENERIC, "cannot check the key");
    int differ = EC_POINT_cmp(ec->group, ec->given, ec->computed, NULL);
    if (differ < 0)
        return fail(err, SS_ERROR_GENERIC, "cannot check the key");
    return differ ? invalid(err, "private and public key do not belong together") : SS_OK;
}

static ss_status_t check_ec(struct ec *ec, struct ss_signing_key *key, struct ss_der secret, struct ss_der point,
                            struct ss_error *err)
{
    int size = (int)key->ec_size;
    if (!ec_init(ec, ss_key_type_curve(key->type)))
        return fail(err, SS_ERROR_GENERIC, "cannot check the key");
    if (point.p && !EC_POINT_oct2point(ec->group, ec->given, point.p, point.len, NULL))
        return fail(err, SS_ERROR_DATA_INVALID, "public key is not a point of its curve");
    if (point.p && EC_POINT_is_at_infinity(ec->group, ec->given))
        return invalid(err, "public key is the point at infinity");
    if (secret.p) {
        ss_status_t status = check_secret(ec, secret, point, err);
        if (status != SS_OK)
            return status;
        memcpy(key->secret + key->ec_size - secret.len, secret.p, secret.len);
    }
    if (!EC_POINT_get_affine_coordinates(ec->group, ec->given, ec->x, ec->y, NULL) ||
        BN_bn2binpad(ec->x, key->point, size) != size || BN_bn2binpad(ec->y, key->point + size, size) != size)
        return fail(err, SS_ERROR_GENERIC, "cannot check the key");
    return SS_OK;
}

static EVP_PKEY *ec_pkey(const ss_signing_key_t *key, const BIGNUM *d)
{
    uint8_t octets[1 + 2 * SS_EC_SIZE_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(octets + 1, key->point, 2 * key->ec_size);
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    // The private number gets the full width, or its leading zeros could be told from the time it takes.
    if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, ss_key_type_name(key->type), 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, octets, 1 + 2 * key->ec_size) &&
        (!key->is_private || OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, d, key->ec_size)))
        pkey = pkey_from("EC", key->is_private, build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

ss_status_t ss_signing_key_from_ec(enum ss_key_type type, struct ss_der secret, struct ss_der point,
                                   ss_signing_key_t **key, struct ss_error *err)
{
    *key = NULL;
    if (secret.p && (secret.len == 0 || secret.len > ss_key_type_ec_size(type)))
        return invalid(err, "private key has the wrong length for its curve");
    ss_signing_key_t *made = new_key(type, secret.p != NULL, err);
    if (!made)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    struct ec ec = {0};
    ss_status_t status = check_ec(&ec, made, secret, point, err);
    if (status == SS_OK && !(made->pkey = ec_pkey(made, ec.d)))
        status = fail(err, SS_ERROR_GENERIC, "cannot set the key up");
    ec_free(&ec);
    if (status == SS_OK)
        *key = made;
    else
        ss_signing_key_free(made);
    ERR_clear_error();
    return status;
}

// What a signature block has room for: an odd modulus of exactly 3072 bits, and an odd exponent of 32.
static ss_status_t check_rsa(const struct ss_der *numbers, struct ss_error *err)
{
    struct ss_der n = numbers[0], e = numbers[1];
    size_t bits = 8 * n.len;
    for (uint8_t top = n.len ? n.p[0] : 0x80; top < 0x80; top = (uint8_t)(top << 1))
        bits--;
    if (bits != RSA_BITS)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY, "RSA key has %zu bits, secure boot V2 takes %d",
                            bits, RSA_BITS);
    if (e.len > 4)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY,
                            "RSA exponent has %zu bytes, a signature block holds 4", e.len);
    if (n.p[n.len - 1] % 2 == 0 || e.len == 0 || e.p[e.len - 1] % 2 == 0 || (e.len == 1 && e.p[0] == 1))
        return invalid(err, "RSA key has an even modulus or exponent, or exponent 1");
    return SS_OK;
}

const char *const ss_rsa_number_names[SS_RSA_PRIVATE_NUMBERS] = {
    OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
    OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
    OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
    OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

static bool push_rsa(OSSL_PARAM_BLD *build, const struct ss_der *numbers, size_t count, BIGNUM **owned)
{
    for (size_t i = 0; i < count; i++) {
        owned[i] = BN_secure_new();
        if (!owned[i] || !BN_bin2bn(numbers[i].p, (int)numbers[i].len, owned[i]) ||
            !OSSL_PARAM_BLD_push_BN(build, ss_rsa_number_names[i], owned[i]))
            return false;
    }
    return true;
}

ss_status_t ss_signing_key_from_rsa(const struct ss_der *numbers, size_t count, ss_signing_key_t **key,
                                    struct ss_error *err)
{
    *key = NULL;
    ss_status_t status = check_rsa(numbers, err);
    if (status != SS_OK)
        return status;
    for (size_t i = SS_RSA_PUBLIC_NUMBERS; i < count; i++)
        if (numbers[i].len == 0 || numbers[i].len > RSA_BITS / 8)
            return invalid(err, "RSA private key has a number of the wrong size");
    bool is_private = count == SS_RSA_PRIVATE_NUMBERS;
    ss_signing_key_t *made = new_key(SS_KEY_RSA3072, is_private, err);
    if (!made)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    BIGNUM *owned[SS_RSA_PRIVATE_NUMBERS] = {NULL};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build && push_rsa(build, numbers, count, owned))
        made->pkey = pkey_from("RSA", is_private, build);
    OSSL_PARAM_BLD_free(build);
    for (size_t i = 0; i < SS_RSA_PRIVATE_NUMBERS; i++)
        BN_clear_free(owned[i]);
    if (!made->pkey) {
        ss_signing_key_free(made);
        return fail(err, SS_ERROR_DATA_INVALID, "RSA key is not sound");
    }
    *key = made;
    return SS_OK;
}
