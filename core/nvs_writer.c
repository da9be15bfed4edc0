// SPDX-License-Identifier: Apache-2.0
// Writes an NVS partition image as esp-idf-nvs-partition-gen places things. That tool's rule for strings and version 1
// blobs leaves the last entry of a page free, its rule for version 2 blobs does not; both are kept as they are.
#include "core/crypto.h"
#include "core/nvs_format.h"

#include <string.h>

static uint8_t *active_page(const struct ss_nvs_writer *w)
{
    return w->image + (size_t)w->page * SS_NVS_PAGE_SIZE;
}

static void start_page(struct ss_nvs_writer *w, unsigned page)
{
    w->page = page;
    w->entry = 0;
    uint8_t *header = active_page(w);
    ss_put_le32(header, NVS_PAGE_ACTIVE);
    ss_put_le32(header + 4, page);
    header[8] = w->version == SS_NVS_V2 ? NVS_VERSION_BYTE_V2 : NVS_VERSION_BYTE_V1;
    ss_put_le32(header + 28, ss_crc32(0xFFFFFFFF, header + 4, 24));
}

ss_status_t ss_nvs_writer_init(struct ss_nvs_writer *w, uint8_t *image, size_t size, enum ss_nvs_version version,
                               struct ss_error *err)
{
    if (size % SS_NVS_PAGE_SIZE != 0 || size < SS_NVS_MIN_SIZE || size / SS_NVS_PAGE_SIZE > SS_NVS_MAX_PAGES)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS,
                            "partition is %zu bytes, it must be a multiple of %d from %d to %d", size, SS_NVS_PAGE_SIZE,
                            SS_NVS_MIN_SIZE, SS_NVS_MAX_PAGES * SS_NVS_PAGE_SIZE);
    if (version != SS_NVS_V1 && version != SS_NVS_V2)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS, "NVS version is %d, it must be 1 or 2",
                            (int)version);
    memset(image, 0xFF, size);
    *w = (struct ss_nvs_writer){.image = image, .size = size, .version = version};
    start_page(w, 0);
    return SS_OK;
}

/// Marks the active page full and starts the next one; the last page of the partition stays erased.
static ss_status_t next_page(struct ss_nvs_writer *w, const char *key, struct ss_error *err)
{
    size_t usable = w->size / SS_NVS_PAGE_SIZE - 1;
    if (w->page + 1 >= usable)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_NVS,
                            "'%s' does not fit: partition is %zu bytes, its %zu usable pages of %d entries are full",
                            key, w->size, usable, SS_NVS_PAGE_ENTRIES);
    ss_put_le32(active_page(w), NVS_PAGE_FULL);
    start_page(w, w->page + 1);
    return SS_OK;
}

/// Takes back what was written since the writer was @p before.
static void rewind_to(struct ss_nvs_writer *w, const struct ss_nvs_writer *before)
{
    size_t next = ((size_t)before->page + 1) * SS_NVS_PAGE_SIZE;
    memset(w->image + next, 0xFF, w->size - next);
    *w = *before;
    uint8_t *page = active_page(w);
    ss_put_le32(page, NVS_PAGE_ACTIVE);
    memset(nvs_entry_at(page, w->entry), 0xFF, (SS_NVS_PAGE_ENTRIES - w->entry) * NVS_ENTRY_SIZE);
    for (unsigned i = w->entry; i < SS_NVS_PAGE_ENTRIES; i++)
        page[NVS_STATES_OFFSET + i / 4] |= (uint8_t)(3u << i % 4 * 2);
}

/// What all entries have in common; the data field is all 0xFF.
static void make_entry(uint8_t entry[NVS_ENTRY_SIZE], unsigned ns, unsigned type, const char *key)
{
    memset(entry, 0xFF, NVS_ENTRY_SIZE);
    entry[0] = (uint8_t)ns;
    entry[1] = (uint8_t)type;
    entry[2] = 1;
    entry[3] = NVS_CHUNK_ANY;
    memset(entry + 8, 0, SS_NVS_NAME_SIZE);
    memcpy(entry + 8, key, strlen(key));
}

/// Appends @p entry and its data, for which there is room, to the active page.
static void append(struct ss_nvs_writer *w, uint8_t entry[NVS_ENTRY_SIZE], const uint8_t *data, size_t len)
{
    uint8_t *page = active_page(w);
    unsigned span = 1 + nvs_data_entries(len);
    entry[2] = (uint8_t)span;
    ss_put_le32(entry + 4, ss_nvs_entry_crc(entry));
    memcpy(nvs_entry_at(page, w->entry), entry, NVS_ENTRY_SIZE);
    if (len > 0)
        memcpy(nvs_entry_at(page, w->entry + 1), data, len);
    for (unsigned end = w->entry + span; w->entry < end; w->entry++)
        page[NVS_STATES_OFFSET + w->entry / 4] &= (uint8_t) ~(1u << w->entry % 4 * 2);
}

static void append_sized(struct ss_nvs_writer *w, uint8_t entry[NVS_ENTRY_SIZE], const uint8_t *data, size_t len)
{
    ss_put_le16(entry + 24, (uint16_t)len);
    ss_put_le32(entry + 28, ss_crc32(0xFFFFFFFF, data, len));
    append(w, entry, data, len);
}

static ss_status_t put_number(struct ss_nvs_writer *w, unsigned ns, const char *key, unsigned type, uint64_t number,
                              struct ss_error *err)
{
    uint8_t entry[NVS_ENTRY_SIZE], le[8];
    if (w->entry == SS_NVS_PAGE_ENTRIES) {
        ss_status_t status = next_page(w, key, err);
        if (status)
            return status;
    }
    make_entry(entry, ns, type, key);
    ss_put_le64(le, number);
    memcpy(entry + 24, le, type & 0x0F); // the low digit of an integer's type code is its size
    append(w, entry, NULL, 0);
    return SS_OK;
}

/// A string (@p data with its NUL) or version 1 blob: never split.
static ss_status_t put_whole(struct ss_nvs_writer *w, unsigned ns, const char *key, unsigned type, const uint8_t *data,
                             size_t len, struct ss_error *err)
{
    uint8_t entry[NVS_ENTRY_SIZE];
    if (w->entry > 0 && w->entry + 1 + nvs_data_entries(len) >= SS_NVS_PAGE_ENTRIES) {
        ss_status_t status = next_page(w, key, err);
        if (status)
            return status;
    }
    make_entry(entry, ns, type, key);
    append_sized(w, entry, data, len);
    return SS_OK;
}

/// A version 2 blob: as many chunks as pages are needed, each filling its page, then the index.
static ss_status_t put_chunks(struct ss_nvs_writer *w, unsigned ns, const char *key, const uint8_t *data, size_t len,
                              struct ss_error *err)
{
    uint8_t entry[NVS_ENTRY_SIZE];
    unsigned chunks = 0;
    size_t done = 0;
    ss_status_t status = w->entry == SS_NVS_PAGE_ENTRIES ? next_page(w, key, err) : SS_OK;
    if (status)
        return status;
    do {
        // The room may be zero, with one entry left: the generator then writes an empty chunk, and so does this.
        size_t room = (SS_NVS_PAGE_ENTRIES - 1 - w->entry) * (size_t)NVS_ENTRY_SIZE;
        size_t chunk = len - done < room ? len - done : room;
        if (chunks == NVS_MAX_CHUNKS)
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_NVS,
                                "'%s' of %zu bytes needs more than %d chunks after what is on its first page", key, len,
                                NVS_MAX_CHUNKS);
        make_entry(entry, ns, NVS_TYPE_BLOB_DATA, key);
        entry[3] = (uint8_t)chunks++;
        append_sized(w, entry, data + done, chunk);
        done += chunk;
        if (w->entry == SS_NVS_PAGE_ENTRIES && (status = next_page(w, key, err)))
            return status;
    } while (done < len);
    make_entry(entry, ns, NVS_TYPE_BLOB_INDEX, key);
    ss_put_le32(entry + 24, (uint32_t)len);
    entry[28] = (uint8_t)chunks;
    entry[29] = 0;
    append(w, entry, NULL, 0);
    return SS_OK;
}

/// The entry called @p key in namespace number @p ns, NULL if there is none. Chunks of a blob count as well as its
/// index.
static const uint8_t *find_key(const struct ss_nvs_writer *w, unsigned ns, const char *key)
{
    for (unsigned p = 0; p <= w->page; p++) {
        const uint8_t *page = w->image + (size_t)p * SS_NVS_PAGE_SIZE;
        for (unsigned i = 0; i < SS_NVS_PAGE_ENTRIES && nvs_entry_state(page, i) == NVS_ENTRY_WRITTEN;) {
            const uint8_t *entry = nvs_entry_in(page, i);
            if (entry[0] == ns && strcmp((const char *)entry + 8, key) == 0)
                return entry;
            i += entry[2];
        }
    }
    return NULL;
}

static ss_status_t check_name(const char *what, const char *name, struct ss_error *err)
{
    size_t len = strnlen(name, SS_NVS_NAME_SIZE);
    if (len == 0 || len == SS_NVS_NAME_SIZE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS, "%s '%.40s' must have 1 to %d characters",
                            what, name, SS_NVS_NAME_SIZE - 1);
    for (size_t i = 0; i < len; i++)
        if (name[i] < ' ' || name[i] > '~')
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS,
                                "%s has byte 0x%02x at position %zu, only printable ASCII is portable", what,
                                (unsigned)(uint8_t)name[i], i);
    return SS_OK;
}

/// Number of namespace @p ns, listed now if it is not yet.
static ss_status_t namespace_number(struct ss_nvs_writer *w, const char *ns, unsigned *number, struct ss_error *err)
{
    ss_status_t status = check_name("namespace", ns, err);
    if (status)
        return status;
    const uint8_t *listed = find_key(w, 0, ns);
    if (listed) {
        *number = listed[24];
        return SS_OK;
    }
    if (w->namespaces == SS_NVS_MAX_NAMESPACES)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_NVS,
                            "namespace '%s' would be number %u, NVS has at most %d", ns, w->namespaces + 1,
                            SS_NVS_MAX_NAMESPACES);
    status = put_number(w, 0, ns, SS_NVS_U8, w->namespaces + 1, err);
    if (status)
        return status;
    *number = ++w->namespaces;
    return SS_OK;
}

ss_status_t ss_nvs_add_namespace(struct ss_nvs_writer *w, const char *ns, struct ss_error *err)
{
    unsigned number;
    return namespace_number(w, ns, &number, err);
}

static ss_status_t check_number(const char *key, const struct ss_nvs_value *value, struct ss_error *err)
{
    unsigned bits = (value->type & 0x0Fu) * 8;
    bool is_signed = value->type & 0x10;
    uint64_t above = bits == 64 ? 0 : value->number >> (is_signed ? bits - 1 : bits);
    uint64_t all_ones = bits == 64 ? 0 : UINT64_MAX >> (bits - 1);
    if (above == 0 || (is_signed && above == all_ones))
        return SS_OK;
    if (is_signed)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS, "'%s' = %lld is out of range for %s", key,
                            (long long)value->number, ss_nvs_type_name(value->type));
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS, "'%s' = %llu is out of range for %s", key,
                        (unsigned long long)value->number, ss_nvs_type_name(value->type));
}

static ss_status_t check_data(const struct ss_nvs_writer *w, const char *key, const struct ss_nvs_value *value,
                              struct ss_error *err)
{
    bool is_string = value->type == SS_NVS_STRING;
    size_t limit = is_string ? SS_NVS_MAX_STRING : SS_NVS_MAX_BLOB;
    if (w->version == SS_NVS_V1)
        limit = is_string ? SS_NVS_MAX_VALUE_V1 - 1 : SS_NVS_MAX_VALUE_V1;
    if (value->len > limit)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS,
                            "'%s' is %zu bytes, a %s in NVS version %d holds at most %zu", key, value->len,
                            ss_nvs_type_name(value->type), (int)w->version, limit);
    if (is_string && value->len > 0 && memchr(value->data, 0, value->len))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS, "'%s' has a NUL within the string", key);
    return SS_OK;
}

static ss_status_t check_value(const struct ss_nvs_writer *w, const char *key, const struct ss_nvs_value *value,
                               struct ss_error *err)
{
    switch (value->type) {
    case SS_NVS_U8:
    case SS_NVS_I8:
    case SS_NVS_U16:
    case SS_NVS_I16:
    case SS_NVS_U32:
    case SS_NVS_I32:
    case SS_NVS_U64:
    case SS_NVS_I64:
        return check_number(key, value, err);
    case SS_NVS_STRING:
    case SS_NVS_BLOB:
        return check_data(w, key, value, err);
    case SS_NVS_ANY:
        break;
    }
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS, "'%s' has type 0x%02x, which cannot be stored",
                        key, (unsigned)value->type);
}

static ss_status_t put_string(struct ss_nvs_writer *w, unsigned ns, const char *key, const struct ss_nvs_value *value,
                              struct ss_error *err)
{
    uint8_t text[SS_NVS_MAX_STRING + 1];
    if (value->len > 0)
        memcpy(text, value->data, value->len);
    text[value->len] = 0;
    ss_status_t status = put_whole(w, ns, key, SS_NVS_STRING, text, value->len + 1, err);
    ss_wipe(text, sizeof text);
    return status;
}

static ss_status_t put_value(struct ss_nvs_writer *w, const char *ns, const char *key, const struct ss_nvs_value *value,
                             struct ss_error *err)
{
    unsigned number;
    ss_status_t status = namespace_number(w, ns, &number, err);
    if (status)
        return status;
    if (find_key(w, number, key))
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_NVS, "'%s' is already in namespace '%s'", key, ns);
    if (value->type == SS_NVS_STRING)
        return put_string(w, number, key, value, err);
    if (value->type != SS_NVS_BLOB)
        return put_number(w, number, key, value->type, value->number, err);
    if (w->version == SS_NVS_V1)
        return put_whole(w, number, key, SS_NVS_BLOB, value->data, value->len, err);
    return put_chunks(w, number, key, value->data, value->len, err);
}

ss_status_t ss_nvs_set(struct ss_nvs_writer *w, const char *ns, const char *key, const struct ss_nvs_value *value,
                       struct ss_error *err)
{
    struct ss_nvs_writer before = *w;
    ss_status_t status = check_name("key", key, err);
    if (!status)
        status = check_value(w, key, value, err);
    if (!status)
        status = put_value(w, ns, key, value, err);
    if (status)
        rewind_to(w, &before);
    return status;
}
