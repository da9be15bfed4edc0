// SPDX-License-Identifier: Apache-2.0
// Reads an NVS partition image as the firmware does, without changing it: where firmware repairs, this passes over.
#include "core/nvs_format.h"

#include <string.h>

static const uint8_t *page_at(const struct ss_nvs_reader *r, unsigned rank)
{
    return r->image + (size_t)r->order[rank] * SS_NVS_PAGE_SIZE;
}

/// Inserts page number @p page, which is in use, behind those with the same or a lower sequence number.
static void insert_page(struct ss_nvs_reader *r, unsigned page)
{
    uint32_t sequence = ss_get_le32(r->image + (size_t)page * SS_NVS_PAGE_SIZE + 4);
    unsigned rank = r->pages++;
    for (; rank > 0 && ss_get_le32(page_at(r, rank - 1) + 4) > sequence; rank--)
        r->order[rank] = r->order[rank - 1];
    r->order[rank] = (uint16_t)page;
}

static void load_namespaces(struct ss_nvs_reader *r)
{
    struct ss_nvs_cursor cursor = {0};
    const uint8_t *entry;
    while ((entry = ss_nvs_walk(r, &cursor, NULL, NULL, NULL)))
        if (entry[0] == 0 && entry[1] == SS_NVS_U8 && entry[24] > 0 && entry[24] <= SS_NVS_MAX_NAMESPACES)
            r->namespaces[entry[24]] = (uint32_t)(entry - r->image);
}

ss_status_t ss_nvs_open_tolerant(struct ss_nvs_reader *r, const uint8_t *image, size_t size, struct ss_error *err)
{
    if (size == 0 || size % SS_NVS_PAGE_SIZE != 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NVS,
                            "NVS image is %zu bytes, it must be a multiple of %d", size, SS_NVS_PAGE_SIZE);
    if (size / SS_NVS_PAGE_SIZE > SS_NVS_MAX_PAGES)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_NVS, "NVS image has %zu pages, at most %d can be read",
                            size / SS_NVS_PAGE_SIZE, SS_NVS_MAX_PAGES);
    *r = (struct ss_nvs_reader){.image = image, .size = size};
    for (unsigned page = 0; page < size / SS_NVS_PAGE_SIZE; page++) {
        const uint8_t *p = image + (size_t)page * SS_NVS_PAGE_SIZE;
        if (ss_get_le32(p) != NVS_PAGE_ERASED && ss_nvs_page_fault(p) == SS_NVS_FAULT_NONE)
            insert_page(r, page);
    }
    load_namespaces(r);
    return SS_OK;
}

ss_status_t ss_nvs_reader_open(struct ss_nvs_reader *r, const uint8_t *image, size_t size, struct ss_error *err)
{
    ss_status_t status = ss_nvs_open_tolerant(r, image, size, err);
    for (unsigned page = 0; !status && page < size / SS_NVS_PAGE_SIZE; page++) {
        const uint8_t *p = image + (size_t)page * SS_NVS_PAGE_SIZE;
        if (ss_nvs_page_fault(p) == SS_NVS_FAULT_PAGE_VERSION)
            status = ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_NVS,
                                  "NVS page %u has format version %u, the newest known is 2", page, 256u - p[8]);
    }
    return status;
}

/// Looks at one entry of the current page and moves on. NULL if it is to be passed over.
static const uint8_t *step(const uint8_t *page, unsigned number, struct ss_nvs_cursor *cursor,
                           const struct ss_nvs_observer *observer)
{
    unsigned index = cursor->entry, span = 1;
    enum ss_nvs_fault fault = SS_NVS_FAULT_NONE;
    unsigned state = nvs_entry_state(page, index);
    if (state == NVS_ENTRY_WRITTEN)
        fault = ss_nvs_entry_fault(page, index, &span);
    else if (state == NVS_ENTRY_FREE && !ss_all_bytes(nvs_entry_in(page, index), NVS_ENTRY_SIZE, 0xFF))
        fault = SS_NVS_FAULT_ENTRY_STRAY;
    else if (state != NVS_ENTRY_FREE && state != NVS_ENTRY_ERASED)
        fault = SS_NVS_FAULT_ENTRY_STATE;
    cursor->entry += span;
    if (fault != SS_NVS_FAULT_NONE && observer)
        observer->fault(observer->context, fault, number, index);
    return state == NVS_ENTRY_WRITTEN && fault == SS_NVS_FAULT_NONE ? nvs_entry_in(page, index) : NULL;
}

/// Reports what lies where firmware will write next.
static void report_stray(const uint8_t *page, unsigned number, unsigned end, const struct ss_nvs_observer *observer)
{
    for (unsigned i = end; observer && i < SS_NVS_PAGE_ENTRIES; i++)
        if (nvs_entry_state(page, i) == NVS_ENTRY_WRITTEN || !ss_all_bytes(nvs_entry_in(page, i), NVS_ENTRY_SIZE, 0xFF))
            observer->fault(observer->context, SS_NVS_FAULT_ENTRY_STRAY, number, i);
}

/// The next faultless entry of page @p number, which is @p p; NULL when there is no more.
static const uint8_t *next_in_page(const uint8_t *p, unsigned number, struct ss_nvs_cursor *cursor,
                                   const struct ss_nvs_observer *observer)
{
    unsigned end = ss_nvs_page_end(p);
    while (cursor->entry < end) {
        const uint8_t *entry = step(p, number, cursor, observer);
        if (entry)
            return entry;
    }
    report_stray(p, number, end, observer);
    return NULL;
}

const uint8_t *ss_nvs_walk(const struct ss_nvs_reader *r, struct ss_nvs_cursor *cursor,
                           const struct ss_nvs_observer *observer, unsigned *page, unsigned *index)
{
    for (; cursor->rank < r->pages; cursor->rank++, cursor->entry = 0) {
        const uint8_t *p = page_at(r, cursor->rank);
        const uint8_t *entry = next_in_page(p, r->order[cursor->rank], cursor, observer);
        if (!entry)
            continue;
        if (page)
            *page = r->order[cursor->rank];
        if (index)
            *index = (unsigned)(entry - p - NVS_ENTRIES_OFFSET) / NVS_ENTRY_SIZE;
        return entry;
    }
    return NULL;
}

/// Whether the key of @p entry is anywhere in a page from entry @p first on, data included: a quick way to a no.
static bool may_hold(const uint8_t *page, unsigned first, const uint8_t *entry)
{
    for (unsigned i = first; i < SS_NVS_PAGE_ENTRIES; i++)
        if (ss_nvs_same_key(entry, nvs_entry_in(page, i)))
            return true;
    return false;
}

const uint8_t *ss_nvs_newer(const struct ss_nvs_reader *r, struct ss_nvs_cursor cursor, const uint8_t *entry)
{
    for (unsigned rank = r->pages; rank-- > cursor.rank;) {
        struct ss_nvs_cursor in_page = {rank, rank == cursor.rank ? cursor.entry : 0};
        const uint8_t *page = page_at(r, rank), *newest = NULL, *other;
        if (!may_hold(page, in_page.entry, entry))
            continue;
        while ((other = next_in_page(page, 0, &in_page, NULL)))
            if (ss_nvs_same_key(entry, other))
                newest = other;
        if (newest)
            return newest;
    }
    return NULL;
}

/// The value of an integer entry: as many bytes as the low digit of its type, the high digit tells the sign.
static uint64_t number_of(const uint8_t *entry)
{
    unsigned bits = (entry[1] & 0x0Fu) * 8;
    uint64_t number = ss_get_le64(entry + 24);
    if (bits == 64)
        return number;
    number &= (1ull << bits) - 1;
    bool negative = (entry[1] & 0x10) && number >> (bits - 1);
    return negative ? number | UINT64_MAX << bits : number;
}

static size_t length_of(const uint8_t *entry)
{
    size_t len = ss_get_le16(entry + 24);
    switch (entry[1]) {
    case SS_NVS_STRING:
        return len > 0 ? len - 1 : 0;
    case SS_NVS_BLOB:
        return len;
    case NVS_TYPE_BLOB_INDEX:
        return ss_get_le32(entry + 24);
    default:
        return 0;
    }
}

static void describe(const struct ss_nvs_reader *r, const uint8_t *raw, unsigned page, unsigned index,
                     struct ss_nvs_entry *entry)
{
    *entry = (struct ss_nvs_entry){.page = page, .index = index, .len = length_of(raw)};
    entry->type = raw[1] == NVS_TYPE_BLOB_INDEX ? SS_NVS_BLOB : (enum ss_nvs_type)raw[1];
    if (entry->type != SS_NVS_BLOB && entry->type != SS_NVS_STRING)
        entry->number = number_of(raw);
    memcpy(entry->ns, r->image + r->namespaces[raw[0]] + 8, SS_NVS_NAME_SIZE);
    memcpy(entry->key, raw + 8, SS_NVS_NAME_SIZE);
}

/// True for what a user of the store can ask for: not a listing of a namespace, not a part of a blob.
static bool is_value(const struct ss_nvs_reader *r, const uint8_t *raw)
{
    return raw[0] != 0 && r->namespaces[raw[0]] != 0 && raw[1] != NVS_TYPE_BLOB_DATA;
}

ss_status_t ss_nvs_next(const struct ss_nvs_reader *r, struct ss_nvs_cursor *cursor, struct ss_nvs_entry *entry)
{
    unsigned page, index;
    const uint8_t *raw;
    while ((raw = ss_nvs_walk(r, cursor, NULL, &page, &index))) {
        if (!is_value(r, raw) || ss_nvs_newer(r, *cursor, raw))
            continue;
        describe(r, raw, page, index, entry);
        return SS_OK;
    }
    return SS_ERROR_DOES_NOT_EXIST;
}

/// Number of namespace @p ns, 0 if it is not listed. Listed twice, the lower number counts: it is the older.
static unsigned namespace_number(const struct ss_nvs_reader *r, const char *ns)
{
    for (unsigned i = 1; i <= SS_NVS_MAX_NAMESPACES; i++)
        if (r->namespaces[i] && strcmp((const char *)r->image + r->namespaces[i] + 8, ns) == 0)
            return i;
    return 0;
}

ss_status_t ss_nvs_find(const struct ss_nvs_reader *r, const char *ns, const char *key, enum ss_nvs_type type,
                        struct ss_nvs_entry *entry, struct ss_error *err)
{
    unsigned number = namespace_number(r, ns), page, index;
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry other = {.type = SS_NVS_ANY}, found = other;
    const uint8_t *raw;
    if (number == 0)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_NVS, "there is no namespace '%.40s'", ns);
    while ((raw = ss_nvs_walk(r, &cursor, NULL, &page, &index))) {
        if (raw[0] != number || !is_value(r, raw) || strcmp((const char *)raw + 8, key) != 0)
            continue;
        describe(r, raw, page, index, &other);
        if (type == SS_NVS_ANY || type == other.type)
            found = other;
    }
    if (found.type == SS_NVS_ANY && other.type != SS_NVS_ANY)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_NVS, "'%s' in namespace '%s' is of type %s, not %s",
                            key, ns, ss_nvs_type_name(other.type), ss_nvs_type_name(type));
    if (found.type == SS_NVS_ANY)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_NVS, "there is no '%.40s' in namespace '%s'", key,
                            ns);
    *entry = found;
    return SS_OK;
}
