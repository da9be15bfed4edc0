// SPDX-License-Identifier: Apache-2.0
// Layout of the V2 signature block by type of key. Internal.
#ifndef SS_CORE_SECURE_BOOT_V2_INTERNAL_H
#define SS_CORE_SECURE_BOOT_V2_INTERNAL_H

#include "slotseal/secure_boot_v2.h"

#define SBV2_MAGIC         0xE7
#define SBV2_DIGEST_AT     4
#define SBV2_CRC_AT        1196
#define SBV2_KEY_MAX       776
#define SBV2_SIGNATURE_MAX 384

/// Lengths and offsets in bytes; curve is 0 for RSA.
struct sbv2_layout {
    uint8_t version, hash, curve;
    size_t digest_len, key_at, key_len, signature_at, signature_len;
};
extern const struct sbv2_layout ss_sbv2_layouts[];

/// Puts a block together: @p key_bytes and @p signature are layout.key_len and layout.signature_len bytes long.
void ss_sbv2_build(enum ss_key_type type, const uint8_t *digest, const uint8_t *key_bytes, const uint8_t *signature,
                   uint8_t block[SS_SBV2_BLOCK_SIZE]);

#endif
