// SPDX-License-Identifier: Apache-2.0
// V1 signature blocks, and the key derived from a signing key. Hosts only.
#include "slotseal/secure_boot_v1.h"

#include <string.h>

#include "core/crypto.h"
#include "core/signing_key_internal.h"

static ss_status_t check_type(const ss_signing_key_t *key, struct ss_error *err)
{
    if (key->type == SS_KEY_P256)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SECURE_BOOT, "key is %s, secure boot V1 takes P-256",
                        ss_key_type_name(key->type));
}

ss_status_t ss_secure_boot_v1_sign_digest(const ss_signing_key_t *key, const uint8_t digest[32],
                                          uint8_t block[SS_SBV1_BLOCK_SIZE], struct ss_error *err)
{
    uint8_t signature[SS_SBV1_SIGNATURE_SIZE];
    ss_status_t status = check_type(key, err);
    if (status == SS_OK)
        status = ss_signing_key_sign_es256(key, digest, signature, err);
    if (status != SS_OK)
        return status;
    memset(block, 0, SS_SBV1_BLOCK_SIZE - SS_SBV1_SIGNATURE_SIZE);
    memcpy(block + SS_SBV1_BLOCK_SIZE - SS_SBV1_SIGNATURE_SIZE, signature, sizeof signature);
    return SS_OK;
}

ss_status_t ss_secure_boot_v1_sign(const ss_signing_key_t *key, const uint8_t *data, size_t len,
                                   uint8_t block[SS_SBV1_BLOCK_SIZE], struct ss_error *err)
{
    uint8_t digest[32];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, data, len, digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_SECURE_BOOT, "cannot hash %zu bytes", len);
    return ss_secure_boot_v1_sign_digest(key, digest, block, err);
}

ss_status_t ss_secure_boot_v1_reflash_key(const ss_signing_key_t *key, uint8_t *out, size_t size, struct ss_error *err)
{
    uint8_t digest[32];
    if (size != 24 && size != 32)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SECURE_BOOT,
                            "secure boot key of %zu bytes, must have 24 or 32", size);
    ss_status_t status = check_type(key, err);
    if (status != SS_OK)
        return status;
    if (!key->is_private)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SECURE_BOOT, "%s",
                            key->ops
                                ? "the secure boot key is derived from the private key, which stays where it is kept"
                                : "this is a public key, the secure boot key is derived from the private one");
    status = ss_hash_once(SS_HASH_SHA256, key->secret, key->ec_size, digest);
    if (status == SS_OK)
        memcpy(out, digest, size);
    else
        ss_error_set(err, status, SS_AREA_SECURE_BOOT, "cannot hash the key");
    ss_wipe(digest, sizeof digest);
    return status;
}
