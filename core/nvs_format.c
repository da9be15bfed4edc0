// SPDX-License-Identifier: Apache-2.0
#include "core/nvs_format.h"

#include <string.h>

/// The types, what the generator's CSV files call them, and whether data entries follow.
static const struct {
    uint8_t type;
    bool has_data;
    const char *name;
} types[] = {
    {SS_NVS_U8, false, "u8"},
    {SS_NVS_I8, false, "i8"},
    {SS_NVS_U16, false, "u16"},
    {SS_NVS_I16, false, "i16"},
    {SS_NVS_U32, false, "u32"},
    {SS_NVS_I32, false, "i32"},
    {SS_NVS_U64, false, "u64"},
    {SS_NVS_I64, false, "i64"},
    {SS_NVS_STRING, true, "string"},
    {SS_NVS_BLOB, true, "blob"},
    {NVS_TYPE_BLOB_DATA, true, "unknown"},
    {NVS_TYPE_BLOB_INDEX, false, "unknown"},
};

#define TYPE_COUNT (sizeof types / sizeof *types)

static size_t find_type(unsigned type)
{
    size_t i = 0;
    while (i < TYPE_COUNT && types[i].type != type)
        i++;
    return i;
}

const char *ss_nvs_type_name(enum ss_nvs_type type)
{
    size_t i = find_type(type);
    return i < TYPE_COUNT ? types[i].name : "unknown";
}

uint32_t ss_nvs_entry_crc(const uint8_t *entry)
{
    // Over bytes 0 to 3 and 8 to 31, as if the CRC field between them did not exist.
    return ss_crc32(ss_crc32(0xFFFFFFFF, entry, 4), entry + 8, NVS_ENTRY_SIZE - 8);
}

enum ss_nvs_fault ss_nvs_page_fault(const uint8_t *page)
{
    uint32_t state = ss_get_le32(page);
    if (state == NVS_PAGE_ERASED)
        return ss_all_bytes(page, SS_NVS_PAGE_SIZE, 0xFF) ? SS_NVS_FAULT_NONE : SS_NVS_FAULT_PAGE_NOT_ERASED;
    if (ss_crc32(0xFFFFFFFF, page + 4, 24) != ss_get_le32(page + 28))
        return SS_NVS_FAULT_PAGE_CRC;
    if (page[8] < NVS_VERSION_BYTE_V2)
        return SS_NVS_FAULT_PAGE_VERSION;
    if (state != NVS_PAGE_ACTIVE && state != NVS_PAGE_FULL && state != NVS_PAGE_FREEING)
        return SS_NVS_FAULT_PAGE_STATE;
    return SS_NVS_FAULT_NONE;
}

unsigned ss_nvs_page_end(const uint8_t *page)
{
    unsigned i = 0;
    if (ss_get_le32(page) != NVS_PAGE_ACTIVE)
        return SS_NVS_PAGE_ENTRIES;
    while (i < SS_NVS_PAGE_ENTRIES && nvs_entry_state(page, i) != NVS_ENTRY_FREE)
        i++;
    return i;
}

/// The span that the fields of @p entry call for; 0 if they are out of their limits.
static unsigned expected_span(const uint8_t *entry, bool has_data)
{
    const uint8_t *data = entry + 24;
    if (has_data)
        return 1 + nvs_data_entries(ss_get_le16(data));
    if (entry[1] != NVS_TYPE_BLOB_INDEX)
        return 1;
    unsigned chunks = data[4];
    bool fits = chunks <= NVS_MAX_CHUNKS && ss_get_le32(data) <= chunks * NVS_MAX_CHUNK;
    return fits && (data[5] == 0 || data[5] == NVS_CHUNK_REWRITE) ? 1 : 0;
}

static enum ss_nvs_fault field_fault(const uint8_t *entry, unsigned span)
{
    size_t type = find_type(entry[1]);
    if (type == TYPE_COUNT)
        return SS_NVS_FAULT_ENTRY_TYPE;
    if (span != expected_span(entry, types[type].has_data))
        return SS_NVS_FAULT_ENTRY_LENGTH;
    if (entry[8] == 0 || !memchr(entry + 8, 0, SS_NVS_NAME_SIZE))
        return SS_NVS_FAULT_ENTRY_KEY;
    return SS_NVS_FAULT_NONE;
}

enum ss_nvs_fault ss_nvs_entry_fault(const uint8_t *page, unsigned index, unsigned *span)
{
    const uint8_t *entry = nvs_entry_in(page, index);
    *span = 1;
    if (ss_nvs_entry_crc(entry) != ss_get_le32(entry + 4))
        return SS_NVS_FAULT_ENTRY_CRC;
    if (entry[2] == 0 || entry[2] > SS_NVS_PAGE_ENTRIES - index)
        return SS_NVS_FAULT_ENTRY_SPAN;
    *span = entry[2];
    for (unsigned i = 1; i < *span; i++)
        if (nvs_entry_state(page, index + i) != NVS_ENTRY_WRITTEN)
            return SS_NVS_FAULT_ENTRY_PARTIAL;
    return field_fault(entry, *span);
}

static unsigned key_type(const uint8_t *entry)
{
    return entry[1] == NVS_TYPE_BLOB_INDEX ? SS_NVS_BLOB : entry[1];
}

bool ss_nvs_same_key(const uint8_t *a, const uint8_t *b)
{
    return a[0] == b[0] && key_type(a) == key_type(b) && (a[1] != NVS_TYPE_BLOB_DATA || a[3] == b[3]) &&
           strncmp((const char *)a + 8, (const char *)b + 8, SS_NVS_NAME_SIZE) == 0;
}
