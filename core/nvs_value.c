// SPDX-License-Identifier: Apache-2.0
// Strings and blobs of an opened NVS image: verified first, copied only then.
#include "core/nvs_format.h"

#include <string.h>

enum ss_nvs_fault ss_nvs_data_fault(const uint8_t *entry)
{
    size_t len = ss_get_le16(entry + 24);
    const uint8_t *data = entry + NVS_ENTRY_SIZE;
    if (ss_crc32(0xFFFFFFFF, data, len) != ss_get_le32(entry + 28))
        return SS_NVS_FAULT_DATA_CRC;
    if (entry[1] == SS_NVS_STRING && (len == 0 || data[len - 1] != 0))
        return SS_NVS_FAULT_STRING_NO_NUL;
    return SS_NVS_FAULT_NONE;
}

/// Chunk @p number of the blob that @p index describes, NULL if it is missing.
static const uint8_t *find_chunk(const struct ss_nvs_reader *r, const uint8_t *index, unsigned number)
{
    uint8_t wanted[NVS_ENTRY_SIZE];
    memcpy(wanted, index, sizeof wanted);
    wanted[1] = NVS_TYPE_BLOB_DATA;
    wanted[3] = (uint8_t)(index[29] + number);
    return ss_nvs_newer(r, (struct ss_nvs_cursor){0}, wanted);
}

enum ss_nvs_fault ss_nvs_gather(const struct ss_nvs_reader *r, const uint8_t *entry, uint8_t *out)
{
    size_t total = ss_get_le32(entry + 24), done = 0;
    for (unsigned i = 0; i < entry[28]; i++) {
        const uint8_t *chunk = find_chunk(r, entry, i);
        size_t len = chunk ? ss_get_le16(chunk + 24) : 0;
        if (!chunk || len > total - done)
            return SS_NVS_FAULT_BLOB_INCOMPLETE;
        if (ss_nvs_data_fault(chunk) != SS_NVS_FAULT_NONE)
            return SS_NVS_FAULT_DATA_CRC;
        if (out && len > 0)
            memcpy(out + done, chunk + NVS_ENTRY_SIZE, len);
        done += len;
    }
    return done == total ? SS_NVS_FAULT_NONE : SS_NVS_FAULT_BLOB_INCOMPLETE;
}

/// The entry that @p entry was made from; NULL if it was not made from this image.
static const uint8_t *find_raw(const struct ss_nvs_reader *r, const struct ss_nvs_entry *entry)
{
    unsigned span;
    if (entry->page >= r->size / SS_NVS_PAGE_SIZE || entry->index >= SS_NVS_PAGE_ENTRIES)
        return NULL;
    const uint8_t *page = r->image + (size_t)entry->page * SS_NVS_PAGE_SIZE;
    const uint8_t *raw = nvs_entry_in(page, entry->index);
    bool whole = nvs_entry_state(page, entry->index) == NVS_ENTRY_WRITTEN &&
                 ss_nvs_entry_fault(page, entry->index, &span) == SS_NVS_FAULT_NONE;
    return whole && memcmp(raw + 8, entry->key, SS_NVS_NAME_SIZE) == 0 ? raw : NULL;
}

ss_status_t ss_nvs_read(const struct ss_nvs_reader *r, const struct ss_nvs_entry *entry, uint8_t *out, size_t size,
                        size_t *len, struct ss_error *err)
{
    const uint8_t *raw = find_raw(r, entry);
    *len = 0;
    if (!raw || (raw[1] != SS_NVS_STRING && raw[1] != SS_NVS_BLOB && raw[1] != NVS_TYPE_BLOB_INDEX))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS, "not a string or blob of this image");
    bool is_chunked = raw[1] == NVS_TYPE_BLOB_INDEX;
    enum ss_nvs_fault fault = is_chunked ? ss_nvs_gather(r, raw, NULL) : ss_nvs_data_fault(raw);
    if (fault != SS_NVS_FAULT_NONE) {
        ss_status_t status = fault == SS_NVS_FAULT_STRING_NO_NUL ? SS_ERROR_DATA_INVALID : SS_ERROR_DATA_CORRUPT;
        return ss_error_set(err, status, SS_AREA_NVS, "page %u entry %u ('%s' in '%s'): %s", entry->page, entry->index,
                            entry->key, entry->ns, ss_nvs_fault_text(fault));
    }
    *len = is_chunked ? ss_get_le32(raw + 24) : ss_get_le16(raw + 24) - (raw[1] == SS_NVS_STRING ? 1u : 0u);
    if (size < *len)
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_NVS, "'%s' is %zu bytes, the buffer holds %zu",
                            entry->key, *len, size);
    if (is_chunked)
        (void)ss_nvs_gather(r, raw, out); // verified above
    else if (*len > 0)
        memcpy(out, raw + NVS_ENTRY_SIZE, *len);
    return SS_OK;
}
