// SPDX-License-Identifier: Apache-2.0
// The part of secure boot V1 that the device needs, too: verification.
#include "slotseal/secure_boot_v1.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"

ss_status_t ss_secure_boot_v1_verify_digest(const uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE], const uint8_t digest[32],
                                            const uint8_t block[SS_SBV1_BLOCK_SIZE], struct ss_error *err)
{
    uint32_t version = ss_get_le32(block);
    if (version != 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "signature version is 0x%08x, V1 has 0: unsigned, or encrypted", (unsigned)version);
    ss_status_t status = ss_p256_verify(public_key, digest, block + 4);
    if (status == SS_OK)
        return SS_OK;
    const char *what = status == SS_ERROR_INVALID_SIGNATURE ? "V1 signature is not valid for this key and these bytes"
                       : status == SS_ERROR_DATA_INVALID    ? "V1 public key is not a point of P-256"
                                                            : "cannot verify the V1 signature";
    return ss_error_set(err, status, SS_AREA_SECURE_BOOT, "%s", what);
}

ss_status_t ss_secure_boot_v1_verify(const uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE], const uint8_t *data, size_t len,
                                     const uint8_t block[SS_SBV1_BLOCK_SIZE], struct ss_error *err)
{
    uint8_t digest[32];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, data, len, digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_SECURE_BOOT, "cannot hash %zu bytes", len);
    return ss_secure_boot_v1_verify_digest(public_key, digest, block, err);
}

ss_status_t ss_secure_boot_v1_verify_file(const uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE], const uint8_t *file,
                                          size_t len, struct ss_error *err)
{
    if (len <= SS_SBV1_BLOCK_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "file is %zu bytes, a V1 signature alone has %d", len, SS_SBV1_BLOCK_SIZE);
    size_t data_len = len - SS_SBV1_BLOCK_SIZE;
    return ss_secure_boot_v1_verify(public_key, file, data_len, file + data_len, err);
}

ss_status_t ss_secure_boot_v1_attach(const uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE], const uint8_t digest[32],
                                     const uint8_t signature[SS_SBV1_SIGNATURE_SIZE], uint8_t block[SS_SBV1_BLOCK_SIZE],
                                     struct ss_error *err)
{
    uint8_t made[SS_SBV1_BLOCK_SIZE] = {0};
    memcpy(made + 4, signature, SS_SBV1_SIGNATURE_SIZE);
    ss_status_t status = ss_secure_boot_v1_verify_digest(public_key, digest, made, err);
    if (status == SS_OK)
        memcpy(block, made, sizeof made);
    return status;
}
