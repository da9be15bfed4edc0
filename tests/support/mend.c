// SPDX-License-Identifier: Apache-2.0
#include "support/mend.h"
#include "support/unit.h"

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/nvs_format.h"
#include "slotseal/image.h"
#include "slotseal/otadata.h"
#include "slotseal/partition_table.h"

void mend_image(uint8_t *image, size_t len)
{
    size_t at = SS_IMAGE_HEADER_SIZE;
    uint8_t sum = 0xEF;
    if (len < SS_IMAGE_HEADER_SIZE)
        return;
    for (unsigned i = 0; i < image[1]; i++) {
        if (!ss_range_ok(at, 8, len) || !ss_range_ok(at + 8, ss_get_le32(image + at + 4), len))
            return;
        size_t end = at + 8 + ss_get_le32(image + at + 4);
        for (at += 8; at < end; at++)
            sum ^= image[at];
    }
    size_t body = (at | 15) + 1;
    if (body > len)
        return;
    image[body - 1] = sum;
    if (image[23] && ss_range_ok(body, SS_IMAGE_HASH_SIZE, len))
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, image, body, image + body), SS_OK);
}

void mend_table(uint8_t *in, size_t len)
{
    for (size_t at = 0; at + SS_TABLE_ROW_SIZE <= len; at += SS_TABLE_ROW_SIZE)
        if (in[at] == 0xEB && in[at + 1] == 0xEB)
            assert_int_equal(ss_hash_once(SS_HASH_MD5, in, at, in + at + 16), SS_OK);
}

void mend_otadata(uint8_t *in, size_t len)
{
    for (size_t at = 0; at + SS_OTADATA_RECORD_SIZE <= len; at += SS_OTADATA_SECTOR_SIZE)
        ss_put_le32(in + at + 28, ss_otadata_crc(ss_get_le32(in + at)));
}

void mend_nvs(uint8_t *in, size_t len)
{
    for (size_t at = 0; at + SS_NVS_PAGE_SIZE <= len; at += SS_NVS_PAGE_SIZE) {
        uint8_t *page = in + at;
        if (ss_get_le32(page) != NVS_PAGE_ERASED)
            ss_put_le32(page + 28, ss_crc32(0xFFFFFFFF, page + 4, 24));
        for (unsigned i = 0, span; i < SS_NVS_PAGE_ENTRIES; i += span) {
            uint8_t *entry = nvs_entry_at(page, i);
            size_t data = ss_get_le16(entry + 24);
            span = entry[2] > 0 && entry[2] <= SS_NVS_PAGE_ENTRIES - i ? entry[2] : 1;
            if (nvs_entry_state(page, i) != NVS_ENTRY_WRITTEN)
                continue;
            if (span > 1 && data <= (span - 1) * NVS_ENTRY_SIZE)
                ss_put_le32(entry + 28, ss_crc32(0xFFFFFFFF, entry + NVS_ENTRY_SIZE, data));
            ss_put_le32(entry + 4, ss_nvs_entry_crc(entry));
        }
    }
}
