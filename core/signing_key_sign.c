// SPDX-License-Identifier: Apache-2.0
// Signing by a key wherever it is: here in memory, or by the operations of a remote key. Hosts only.
#include <string.h>

#include <openssl/crypto.h>

#include "core/crypto.h"
#include "core/signing_key_internal.h"

size_t ss_signature_size(enum ss_key_type type)
{
    return type == SS_KEY_RSA3072 ? SS_SIGNATURE_MAX : 2 * ss_key_type_ec_size(type);
}

ss_status_t ss_signing_key_remote(const ss_signing_key_t *public_key, const struct ss_signing_ops *ops, void *context,
                                  ss_signing_key_t **key, struct ss_error *err)
{
    *key = NULL;
    ss_signing_key_t *made = OPENSSL_zalloc(sizeof *made);
    if (!made || !EVP_PKEY_up_ref(public_key->pkey)) {
        OPENSSL_free(made);
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_KEY, "out of memory");
    }
    made->type = public_key->type;
    made->pkey = public_key->pkey;
    made->ec_size = public_key->ec_size;
    memcpy(made->point, public_key->point, sizeof made->point);
    made->ops = ops;
    made->context = context;
    *key = made;
    return SS_OK;
}

ss_status_t ss_signing_key_check_can_sign(const ss_signing_key_t *key, enum ss_area area, struct ss_error *err)
{
    if (ss_signing_key_can_sign(key))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, area, "this is a public key, signing needs the private one");
}

static ss_status_t sign_p256(const ss_signing_key_t *key, const uint8_t digest[32], uint8_t signature[SS_ES256_SIZE],
                             struct ss_error *err)
{
    if (key->ops)
        return key->ops->sign(key->context, digest, 32, signature, err);
    ss_status_t status = ss_p256_sign(key->secret, digest, signature);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_KEY, "cannot sign");
}

ss_status_t ss_signing_key_sign_es256(const ss_signing_key_t *key, const uint8_t digest[32],
                                      uint8_t signature[SS_ES256_SIZE], struct ss_error *err)
{
    uint8_t made[SS_ES256_SIZE];
    if (key->type != SS_KEY_P256)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_KEY, "key is %s, ES256 takes P-256",
                            ss_key_type_name(key->type));
    ss_status_t status = ss_signing_key_check_can_sign(key, SS_AREA_KEY, err);
    if (status == SS_OK)
        status = sign_p256(key, digest, made, err);
    if (status != SS_OK)
        return status;
    status = ss_p256_verify(key->point, digest, made);
    // A signature of our own that is wrong is a failure of this machine, or of the token, not a verdict on the input.
    if (status == SS_ERROR_INVALID_SIGNATURE)
        return ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_KEY, "signature just made is not valid");
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_KEY, "cannot verify the signature just made");
    memcpy(signature, made, sizeof made);
    return SS_OK;
}
