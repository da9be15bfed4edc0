// SPDX-License-Identifier: Apache-2.0
// Signature sectors of secure boot V2. The input is the sector; the CRCs are also put right, so that what is behind
// them is reached.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/secure_boot_v2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

// The bytes that the seed sectors sign.
static void fill_image(uint8_t image[SS_SBV2_SECTOR_SIZE])
{
    memset(image, 0xFF, SS_SBV2_SECTOR_SIZE);
    memcpy(image, "slotseal", 8);
}

static void judge(const uint8_t *sector)
{
    uint8_t image[SS_SBV2_SECTOR_SIZE];
    struct ss_sbv2_block infos[SS_SBV2_BLOCK_COUNT];
    ss_status_t statuses[SS_SBV2_BLOCK_COUNT];
    struct ss_error err;
    fill_image(image);
    if (ss_secure_boot_v2_inspect(image, sizeof image, sector, infos, statuses, &err) != SS_OK)
        abort();
    for (unsigned i = 0; i < SS_SBV2_BLOCK_COUNT; i++) {
        ss_signing_key_t *key;
        if (statuses[i] != SS_OK)
            continue;
        // What inspect() accepts, verify() accepts with the block's own key.
        if (ss_secure_boot_v2_block_key(sector + i * SS_SBV2_BLOCK_SIZE, &key, &err) != SS_OK ||
            ss_secure_boot_v2_verify_block(key, infos[i].image_digest, sector + i * SS_SBV2_BLOCK_SIZE, &err) != SS_OK)
            abort();
        ss_signing_key_free(key);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t sector[SS_SBV2_SECTOR_SIZE];
    memset(sector, 0xFF, sizeof sector);
    memcpy(sector, data, len < sizeof sector ? len : sizeof sector);
    judge(sector);
    for (unsigned i = 0; i < SS_SBV2_BLOCK_COUNT; i++) {
        uint8_t *block = sector + i * SS_SBV2_BLOCK_SIZE;
        ss_put_le32(block + 1196, ss_crc32(0, block, 1196));
    }
    judge(sector);
    return 0;
}
