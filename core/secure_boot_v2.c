// SPDX-License-Identifier: Apache-2.0
// The signature block of secure boot V2 as bytes: no key, no signature algorithm.
#include "slotseal/secure_boot_v2.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/secure_boot_v2_internal.h"

const struct sbv2_layout ss_sbv2_layouts[] = {
    [SS_KEY_P256] = {3, 0, 2, 32, 36, 65, 101, 64},
    [SS_KEY_RSA3072] = {2, 0, 0, 32, 36, 776, 812, 384},
    [SS_KEY_P192] = {3, 0, 1, 32, 36, 65, 101, 64},
    [SS_KEY_P384] = {3, 1, 3, 48, 52, 97, 149, 96},
};

size_t ss_secure_boot_v2_digest_size(enum ss_key_type type)
{
    return ss_sbv2_layouts[type].digest_len;
}

static bool find_type(const uint8_t *block, enum ss_key_type *type)
{
    for (enum ss_key_type t = SS_KEY_P256; t <= SS_KEY_P384; t++) {
        const struct sbv2_layout *l = &ss_sbv2_layouts[t];
        // RSA blocks have nothing but zeros where ECDSA blocks have hash and curve: not looked at, as in the ROM.
        if (block[1] == l->version && (l->curve == 0 || (block[2] == l->hash && block[l->key_at] == l->curve))) {
            *type = t;
            return true;
        }
    }
    return false;
}

ss_status_t ss_secure_boot_v2_parse_block(const uint8_t block[SS_SBV2_BLOCK_SIZE], struct ss_sbv2_block *info,
                                          struct ss_error *err)
{
    *info = (struct ss_sbv2_block){0};
    if (ss_all_bytes(block, SS_SBV2_BLOCK_SIZE, 0xFF))
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SECURE_BOOT, "no signature block here");
    if (block[0] != SBV2_MAGIC)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "signature block starts with 0x%02x, V2 with 0x%02x", block[0], SBV2_MAGIC);
    uint32_t crc = ss_crc32(0, block, SBV2_CRC_AT);
    if (crc != ss_get_le32(block + SBV2_CRC_AT))
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SECURE_BOOT,
                            "signature block's CRC is 0x%08x, its bytes give 0x%08x",
                            (unsigned)ss_get_le32(block + SBV2_CRC_AT), (unsigned)crc);
    enum ss_key_type type;
    if (!find_type(block, &type))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "signature block has version %u, hash %u: no known combination with its curve", block[1],
                            block[2]);
    const struct sbv2_layout *l = &ss_sbv2_layouts[type];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, block + l->key_at, l->key_len, info->key_digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_SECURE_BOOT, "cannot hash the key");
    info->type = type;
    info->image_digest_len = l->digest_len;
    memcpy(info->image_digest, block + SBV2_DIGEST_AT, l->digest_len);
    info->key_at = l->key_at;
    info->key_len = l->key_len;
    info->signature_at = l->signature_at;
    info->signature_len = l->signature_len;
    return SS_OK;
}

void ss_sbv2_build(enum ss_key_type type, const uint8_t *digest, const uint8_t *key_bytes, const uint8_t *signature,
                   uint8_t block[SS_SBV2_BLOCK_SIZE])
{
    const struct sbv2_layout *l = &ss_sbv2_layouts[type];
    memset(block, 0, SS_SBV2_BLOCK_SIZE);
    block[0] = SBV2_MAGIC;
    block[1] = l->version;
    block[2] = l->hash;
    memcpy(block + SBV2_DIGEST_AT, digest, l->digest_len);
    memcpy(block + l->key_at, key_bytes, l->key_len);
    memcpy(block + l->signature_at, signature, l->signature_len);
    ss_put_le32(block + SBV2_CRC_AT, ss_crc32(0, block, SBV2_CRC_AT));
}
