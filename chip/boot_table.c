// SPDX-License-Identifier: Apache-2.0
// The partition table as the second stage reads it: ESP-IDF flash_partitions.c and bootloader_utility.c.
#include <string.h>

#include "chip/boot_parts.h"
#include "core/bytes.h"
#include "core/crypto.h"

#define MAGIC     0x50AAu
#define MAGIC_MD5 0xEBEBu
#define MAX_ROWS  (SS_TABLE_BINARY_SIZE / SS_TABLE_ROW_SIZE)

/// A row that breaks a rule: recorded, and logged if @p log.
#define REFUSE(b, log, ...)                                                                                            \
    do {                                                                                                               \
        if (log) {                                                                                                     \
            ss_boot_log(b, 'E', "flash_parts", __VA_ARGS__);                                                           \
            ss_boot_stage(b, SS_RULE_TABLE, false, __VA_ARGS__);                                                       \
        }                                                                                                              \
        return false;                                                                                                  \
    } while (0)

static bool md5_matches(struct ss_boot *b, const uint8_t *rows, unsigned count)
{
    uint8_t digest[16];
    return ss_boot_hash(b, SS_HASH_MD5, rows, count * SS_TABLE_ROW_SIZE, digest) &&
           !memcmp(digest, rows + count * SS_TABLE_ROW_SIZE + 16, sizeof digest);
}

static bool verify(struct ss_boot *b, const uint8_t *rows, bool log, unsigned *count)
{
    bool md5 = false;
    *count = 0;
    for (unsigned i = 0; i < MAX_ROWS; i++) {
        const uint8_t *row = rows + i * SS_TABLE_ROW_SIZE;
        unsigned magic = ss_get_le16(row);
        uint32_t offset = ss_get_le32(row + 4), size = ss_get_le32(row + 8);
        if (magic == MAGIC) {
            if (offset > b->flash_size || offset + size > b->flash_size)
                REFUSE(b, log, "partition %u invalid - offset 0x%x size 0x%x exceeds flash chip size 0x%x", i,
                       (unsigned)offset, (unsigned)size, (unsigned)b->flash_size);
        } else if (magic == MAGIC_MD5) {
            if (md5)
                REFUSE(b, log, "Only one MD5 checksum is allowed");
            bool matches = md5_matches(b, rows, i);
            if (b->status != SS_OK)
                return false;
            if (!matches)
                REFUSE(b, log, "Incorrect MD5 checksum");
            md5 = true;
        } else if (magic == 0xFFFF && row[2] == 0xFF && row[3] == 0xFF) {
            *count = i - md5;
            return true;
        } else {
            REFUSE(b, log, "partition %u invalid magic number 0x%x", i, magic);
        }
    }
    REFUSE(b, log, "partition table has no terminating entry, not valid");
}

static const char *app_usage(uint8_t subtype)
{
    if (subtype == SS_PARTITION_APP_FACTORY)
        return "factory app";
    if (subtype == SS_PARTITION_APP_TEST)
        return "test app";
    return (subtype & 0xF0) == SS_PARTITION_APP_OTA_0 ? "OTA app" : "Unknown app";
}

static const char *data_usage(const struct ss_boot *b, uint8_t subtype)
{
    switch (subtype) {
    case SS_PARTITION_DATA_OTA:
        return "OTA data";
    case SS_PARTITION_DATA_PHY:
        return "RF data";
    case SS_PARTITION_DATA_NVS:
        return "WiFi data";
    case SS_PARTITION_DATA_NVS_KEYS:
        return "NVS keys";
    case 5:
        return b->profile->idf >= SS_IDF_4_0 ? "efuse" : "Unknown data";
    default:
        return "Unknown data";
    }
}

static void take_row(struct ss_boot *b, unsigned i, const uint8_t *in)
{
    struct ss_partition *row = &b->table.rows[b->table.count++];
    *row = (struct ss_partition){.type = in[2],
                                 .subtype = in[3],
                                 .offset = ss_get_le32(in + 4),
                                 .size = ss_get_le32(in + 8),
                                 .flags = ss_get_le32(in + 28)};
    memcpy(row->label, in + 12, SS_PARTITION_LABEL_SIZE);
    const char *usage = row->type == SS_PARTITION_APP    ? app_usage(row->subtype)
                        : row->type == SS_PARTITION_DATA ? data_usage(b, row->subtype)
                                                         : "unknown";
    ss_boot_log(b, 'I', "boot", "%2u %-16s %-16s %02x %02x %08x %08x", i, row->label, usage, row->type, row->subtype,
                (unsigned)row->offset, (unsigned)row->size);
}

bool ss_boot_table_load(struct ss_boot *b)
{
    unsigned count;
    const uint8_t *rows = ss_boot_map(b, b->profile->table_offset, SS_TABLE_BINARY_SIZE);
    b->table.count = 0;
    if (!rows || !verify(b, rows, true, &count)) {
        if (b->status == SS_OK)
            ss_boot_log(b, 'E', "boot", "Failed to verify partition table");
        return false;
    }
    ss_boot_log(b, 'I', "boot", "Partition Table:");
    ss_boot_log(b, 'I', "boot", "## Label            Usage          Type ST Offset   Length");
    for (unsigned i = 0; i < count && i < SS_TABLE_MAX_ROWS; i++)
        take_row(b, i, rows + i * SS_TABLE_ROW_SIZE);
    ss_boot_log(b, 'I', "boot", "End of partition table");
    ss_boot_stage(b, SS_RULE_TABLE, true, "the table at 0x%x has %u rows", (unsigned)b->profile->table_offset, count);
    return true;
}
