// SPDX-License-Identifier: Apache-2.0
// Finds secure boot signatures behind an image. Whether they verify is for secure_boot_v1 and _v2.
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/image_parts.h"

#define V2_MAGIC         0xE7
#define V2_VERSION_RSA   2
#define V2_VERSION_ECDSA 3
#define V2_DIGEST_OFFSET 4
#define V2_CRC_OFFSET    1196

bool ss_image_v1_block_present(const uint8_t *data, size_t len, size_t offset)
{
    if (!ss_range_ok(offset, SS_IMAGE_V1_SIGNATURE_SIZE, len) || ss_get_le32(data + offset) != 0)
        return false;
    // Padding is no signature: r and s lie between 1 and the order of the curve.
    const uint8_t *rs = data + offset + 4;
    return !ss_all_bytes(rs, 32, 0) && !ss_all_bytes(rs + 32, 32, 0) && !ss_all_bytes(rs, 64, 0xFF);
}

bool ss_image_v2_block_present(const uint8_t block[SS_IMAGE_V2_BLOCK_SIZE])
{
    return block[0] == V2_MAGIC && (block[1] == V2_VERSION_RSA || block[1] == V2_VERSION_ECDSA) && block[2] <= 1 &&
           block[3] == 0;
}

static ss_status_t read_v2_block(const uint8_t *data, uint32_t sector, unsigned index, struct ss_image_v2_block *out)
{
    const uint8_t *block = data + sector + index * SS_IMAGE_V2_BLOCK_SIZE;
    *out = (struct ss_image_v2_block){.present = ss_image_v2_block_present(block)};
    if (!out->present)
        return SS_OK;
    // Only P-384 has the selector set: its digest is SHA-384.
    enum ss_hash_alg alg = block[1] == V2_VERSION_ECDSA && block[2] == 1 ? SS_HASH_SHA384 : SS_HASH_SHA256;
    uint8_t digest[SS_HASH_MAX_SIZE];
    ss_status_t status = ss_hash_once(alg, data, sector, digest);
    if (status != SS_OK)
        return status;
    out->version = block[1];
    out->crc_ok = ss_get_le32(block + V2_CRC_OFFSET) == ss_crc32(0, block, V2_CRC_OFFSET);
    out->digest_ok = memcmp(block + V2_DIGEST_OFFSET, digest, ss_hash_size(alg)) == 0;
    return SS_OK;
}

enum ss_image_signature ss_image_signature_at(const uint8_t *data, size_t len, uint32_t image_len, uint32_t *offset)
{
    size_t sector;
    if (ss_round_up(image_len, SS_IMAGE_V2_SECTOR_SIZE, &sector) && ss_range_ok(sector, SS_IMAGE_V2_SECTOR_SIZE, len) &&
        ss_image_v2_block_present(data + sector)) {
        *offset = (uint32_t)sector;
        return SS_IMAGE_SIGNED_V2;
    }
    *offset = image_len;
    return ss_image_v1_block_present(data, len, image_len) ? SS_IMAGE_SIGNED_V1 : SS_IMAGE_UNSIGNED;
}

static void describe_surroundings(const uint8_t *data, size_t len, struct ss_image *image)
{
    uint32_t with_v1 = image->image_len + SS_IMAGE_V1_SIGNATURE_SIZE + SS_IMAGE_V1_FILLER;
    image->secure_padded_v1 = image->has_hash && with_v1 % SS_IMAGE_MMU_PAGE == 0;
    image->secure_padded_v2 = image->has_hash && image->image_len % SS_IMAGE_MMU_PAGE == 0;
    image->end = image->signature_offset + image->signature_len;
    image->trailing_len = (uint32_t)len - image->end;
    image->trailing_erased = ss_all_bytes(data + image->end, image->trailing_len, 0xFF);
}

ss_status_t ss_image_find_signature(const uint8_t *data, size_t len, struct ss_image *image)
{
    image->signature = ss_image_signature_at(data, len, image->image_len, &image->signature_offset);
    if (image->signature == SS_IMAGE_SIGNED_V1)
        image->signature_len = SS_IMAGE_V1_SIGNATURE_SIZE;
    if (image->signature == SS_IMAGE_SIGNED_V2) {
        image->signature_len = SS_IMAGE_V2_SECTOR_SIZE;
        for (unsigned i = 0; i < SS_IMAGE_V2_MAX_BLOCKS; i++) {
            ss_status_t status = read_v2_block(data, image->signature_offset, i, &image->v2_blocks[i]);
            if (status != SS_OK)
                return status;
        }
    }
    describe_surroundings(data, len, image);
    return SS_OK;
}
