// SPDX-License-Identifier: Apache-2.0
// The binary form and look-ups: what a device needs of the partition table.
#include "slotseal/partition_table.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"

#define MAGIC_ROW           0x50AAu
#define MAGIC_MD5           0xEBEBu
#define MAGIC_END           0xFFFFu
#define MD5_AT              16u
#define MAX_SLOTS_IN_BINARY (SS_TABLE_BINARY_SIZE / SS_TABLE_ROW_SIZE)

#define FAIL(err, ...) ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_PARTITION_TABLE, __VA_ARGS__)

static void read_row(const uint8_t *in, struct ss_partition *row)
{
    *row = (struct ss_partition){
        .type = in[2],
        .subtype = in[3],
        .offset = ss_get_le32(in + 4),
        .size = ss_get_le32(in + 8),
        .flags = ss_get_le32(in + 28),
    };
    memcpy(row->label, in + 12, strnlen((const char *)in + 12, SS_PARTITION_LABEL_SIZE));
}

static void write_row(const struct ss_partition *row, uint8_t *out)
{
    memset(out, 0, SS_TABLE_ROW_SIZE);
    ss_put_le16(out, MAGIC_ROW);
    out[2] = row->type;
    out[3] = row->subtype;
    ss_put_le32(out + 4, row->offset);
    ss_put_le32(out + 8, row->size);
    memcpy(out + 12, row->label, strnlen(row->label, SS_PARTITION_LABEL_SIZE));
    ss_put_le32(out + 28, row->flags);
}

static ss_status_t md5_of_rows(const uint8_t *rows, size_t count, uint8_t md5[16], struct ss_error *err)
{
    ss_status_t status = ss_hash_once(SS_HASH_MD5, rows, count * SS_TABLE_ROW_SIZE, md5);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "MD5 of the table failed");
}

static ss_status_t check_md5(const uint8_t *in, size_t row, struct ss_partition_table *table, struct ss_error *err)
{
    uint8_t md5[16];
    if (table->md5)
        return FAIL(err, "partition %zu is a second MD5 row, only one is allowed", row);
    ss_status_t status = md5_of_rows(in, row, md5, err);
    if (status != SS_OK)
        return status;
    if (memcmp(md5, in + row * SS_TABLE_ROW_SIZE + MD5_AT, sizeof md5) != 0)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_PARTITION_TABLE,
                            "incorrect MD5 checksum of the %zu rows before row %zu", row, row);
    table->md5 = true;
    return SS_OK;
}

// As the bootloader: type and subtype count too, what follows them does not.
static bool is_end(const uint8_t *row)
{
    return ss_get_le16(row) == MAGIC_END && row[2] == 0xFF && row[3] == 0xFF;
}

static ss_status_t read_rows(const uint8_t *in, size_t rows, struct ss_partition_table *table, struct ss_error *err)
{
    for (size_t i = 0; i < rows; i++) {
        const uint8_t *row = in + i * SS_TABLE_ROW_SIZE;
        uint16_t magic = ss_get_le16(row);
        if (is_end(row))
            return SS_OK;
        if (magic == MAGIC_MD5) {
            ss_status_t status = check_md5(in, i, table, err);
            if (status != SS_OK)
                return status;
        } else if (magic != MAGIC_ROW) {
            return FAIL(err, "partition %zu has invalid magic number 0x%04x, expected 0x%04x", i, magic, MAGIC_ROW);
        } else if (table->md5) {
            // The bootloader would take it, but the app stops reading at the MD5 row.
            return FAIL(err, "partition %zu follows the MD5 row", i);
        } else if (table->count == SS_TABLE_MAX_ROWS) {
            break;
        } else {
            read_row(row, &table->rows[table->count++]);
        }
    }
    return FAIL(err, "partition table has no terminating entry in its %zu rows", rows);
}

// A signature begins with version 0 and is not erased flash or zero fill.
static bool has_v1_signature(const uint8_t *in, size_t len)
{
    if (len < SS_TABLE_BINARY_SIZE + SS_TABLE_SIGNATURE_SIZE)
        return false;
    const uint8_t *block = in + SS_TABLE_BINARY_SIZE;
    return ss_get_le32(block) == 0 && !ss_all_bytes(block + 4, SS_TABLE_SIGNATURE_SIZE - 4, 0xFF) &&
           !ss_all_bytes(block + 4, SS_TABLE_SIGNATURE_SIZE - 4, 0);
}

ss_status_t ss_table_from_binary(const uint8_t *in, size_t len, struct ss_partition_table *table, struct ss_error *err)
{
    memset(table, 0, sizeof *table);
    if (len < SS_TABLE_ROW_SIZE)
        return FAIL(err, "partition table of %zu bytes, a row takes %u", len, SS_TABLE_ROW_SIZE);
    size_t rows = len / SS_TABLE_ROW_SIZE;
    ss_status_t status = read_rows(in, rows < MAX_SLOTS_IN_BINARY ? rows : MAX_SLOTS_IN_BINARY, table, err);
    if (status != SS_OK)
        memset(table, 0, sizeof *table);
    else
        table->v1_signature = has_v1_signature(in, len);
    return status;
}

bool ss_table_is_binary(const uint8_t *in, size_t len)
{
    if (len < SS_TABLE_ROW_SIZE)
        return false;
    uint16_t magic = ss_get_le16(in);
    return magic == MAGIC_ROW || magic == MAGIC_MD5 || is_end(in);
}

ss_status_t ss_table_to_binary(const struct ss_partition_table *table, uint8_t out[SS_TABLE_BINARY_SIZE],
                               struct ss_error *err)
{
    size_t limit = SS_TABLE_MAX_ROWS - (table->md5 ? 1 : 0);
    memset(out, 0xFF, SS_TABLE_BINARY_SIZE);
    if (table->count > limit)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_PARTITION_TABLE,
                            "table has %zu rows, %zu fit %s MD5 row", table->count, limit,
                            table->md5 ? "beside the" : "without an");
    for (size_t i = 0; i < table->count; i++)
        write_row(&table->rows[i], out + i * SS_TABLE_ROW_SIZE);
    if (!table->md5)
        return SS_OK;
    uint8_t *row = out + table->count * SS_TABLE_ROW_SIZE;
    ss_status_t status = md5_of_rows(out, table->count, row + MD5_AT, err);
    if (status == SS_OK)
        ss_put_le16(row, MAGIC_MD5);
    else
        memset(out, 0xFF, SS_TABLE_BINARY_SIZE);
    return status;
}

const struct ss_partition *ss_table_find(const struct ss_partition_table *table, const char *label)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].label, label) == 0)
            return &table->rows[i];
    return NULL;
}

const struct ss_partition *ss_table_find_type(const struct ss_partition_table *table, uint8_t type, int subtype,
                                              size_t from)
{
    for (size_t i = from; i < table->count; i++) {
        const struct ss_partition *row = &table->rows[i];
        if (row->type == type && (subtype == SS_PARTITION_ANY_SUBTYPE || row->subtype == subtype))
            return row;
    }
    return NULL;
}

int ss_partition_ota_slot(const struct ss_partition *row)
{
    if (row->type != SS_PARTITION_APP || (row->subtype & 0xF0) != SS_PARTITION_APP_OTA_0)
        return -1;
    return row->subtype & 0x0F;
}

unsigned ss_table_ota_count(const struct ss_partition_table *table)
{
    unsigned count = 0;
    for (size_t i = 0; i < table->count; i++)
        count += ss_partition_ota_slot(&table->rows[i]) >= 0;
    return count;
}

const struct ss_partition *ss_table_ota_slot(const struct ss_partition_table *table, unsigned slot)
{
    if (slot >= SS_PARTITION_MAX_OTA)
        return NULL;
    return ss_table_find_type(table, SS_PARTITION_APP, (int)(SS_PARTITION_APP_OTA_0 + slot), 0);
}

const struct ss_partition *ss_table_next_update(const struct ss_partition_table *table,
                                                const struct ss_partition *running)
{
    int current = running ? ss_partition_ota_slot(running) : -1;
    const struct ss_partition *lowest = NULL;
    for (unsigned slot = 0; slot < SS_PARTITION_MAX_OTA; slot++) {
        const struct ss_partition *row = ss_table_ota_slot(table, slot);
        if (row && current >= 0 && (int)slot > current)
            return row;
        if (row && !lowest)
            lowest = row;
    }
    return lowest;
}

bool ss_partition_is_encrypted(const struct ss_partition *row)
{
    if (row->type == SS_PARTITION_APP || row->type == SS_PARTITION_BOOTLOADER || row->type == SS_PARTITION_TABLE)
        return true;
    if (row->type == SS_PARTITION_DATA &&
        (row->subtype == SS_PARTITION_DATA_OTA || row->subtype == SS_PARTITION_DATA_NVS_KEYS))
        return true;
    return row->flags & SS_PARTITION_ENCRYPTED;
}
