// SPDX-License-Identifier: Apache-2.0
// What is wrong with an NVS partition image.
#include "core/nvs_format.h"

static const char *const fault_texts[] = {
    [SS_NVS_FAULT_NONE] = "no fault",
    [SS_NVS_FAULT_NO_FREE_PAGE] = "no page of the partition is erased, firmware needs one",
    [SS_NVS_FAULT_PAGE_VERSION] = "page has a format newer than version 2",
    [SS_NVS_FAULT_PAGE_STATE] = "page state is corrupt",
    [SS_NVS_FAULT_PAGE_CRC] = "page header CRC is wrong",
    [SS_NVS_FAULT_PAGE_NOT_ERASED] = "page is marked erased but is not",
    [SS_NVS_FAULT_ENTRY_STATE] = "entry state is impossible",
    [SS_NVS_FAULT_ENTRY_STRAY] = "entry is marked free but is not, its write was cut",
    [SS_NVS_FAULT_ENTRY_CRC] = "entry CRC is wrong",
    [SS_NVS_FAULT_ENTRY_SPAN] = "entry spans no entries or more than its page has left",
    [SS_NVS_FAULT_ENTRY_PARTIAL] = "entry is partly written, its write was cut",
    [SS_NVS_FAULT_ENTRY_TYPE] = "entry type is unknown",
    [SS_NVS_FAULT_ENTRY_LENGTH] = "entry length is out of its limits or does not fit its span",
    [SS_NVS_FAULT_ENTRY_KEY] = "entry key is empty or has no end",
    [SS_NVS_FAULT_DATA_CRC] = "data CRC is wrong",
    [SS_NVS_FAULT_STRING_NO_NUL] = "string has no NUL at its end",
    [SS_NVS_FAULT_NAMESPACE] = "namespace is not listed, or listed with an impossible number",
    [SS_NVS_FAULT_DUPLICATE] = "key was written again, the older one was not erased",
    [SS_NVS_FAULT_BLOB_INCOMPLETE] = "chunks of the blob are missing or have the wrong length",
    [SS_NVS_FAULT_BLOB_ORPHAN] = "chunk belongs to no blob",
};

const char *ss_nvs_fault_text(enum ss_nvs_fault fault)
{
    size_t count = sizeof fault_texts / sizeof *fault_texts;
    return (unsigned)fault < count ? fault_texts[fault] : "unknown fault";
}

struct findings {
    struct ss_nvs_finding *out;
    size_t capacity;
    size_t count;
};

static void add(void *context, enum ss_nvs_fault fault, unsigned page, unsigned entry)
{
    struct findings *f = context;
    if (f->count < f->capacity)
        f->out[f->count] = (struct ss_nvs_finding){fault, (uint16_t)page, (uint16_t)entry};
    f->count++;
}

static void check_pages(const struct ss_nvs_reader *r, struct findings *f)
{
    unsigned pages = (unsigned)(r->size / SS_NVS_PAGE_SIZE);
    // Firmware takes every page that is not in use for a free one, damaged ones too.
    if (r->pages == pages)
        add(f, SS_NVS_FAULT_NO_FREE_PAGE, 0, SS_NVS_NO_ENTRY);
    for (unsigned page = 0; page < pages; page++) {
        enum ss_nvs_fault fault = ss_nvs_page_fault(r->image + (size_t)page * SS_NVS_PAGE_SIZE);
        if (fault != SS_NVS_FAULT_NONE)
            add(f, fault, page, SS_NVS_NO_ENTRY);
    }
}

/// True if a blob index of the image names @p chunk.
static bool has_index(const struct ss_nvs_reader *r, const uint8_t *chunk)
{
    uint8_t wanted[NVS_ENTRY_SIZE] = {chunk[0], NVS_TYPE_BLOB_INDEX};
    for (unsigned i = 8; i < 8 + SS_NVS_NAME_SIZE; i++)
        wanted[i] = chunk[i];
    const uint8_t *index = ss_nvs_newer(r, (struct ss_nvs_cursor){0}, wanted);
    return index && index[1] == NVS_TYPE_BLOB_INDEX && chunk[3] >= index[29] && chunk[3] - index[29] < index[28];
}

/// Judges an entry that is faultless in itself by its data and by the rest of the image.
static enum ss_nvs_fault check_entry(const struct ss_nvs_reader *r, struct ss_nvs_cursor behind, const uint8_t *entry)
{
    if (entry[0] == 0) {
        bool is_listing = entry[1] == SS_NVS_U8 && entry[24] > 0 && entry[24] <= SS_NVS_MAX_NAMESPACES;
        if (!is_listing)
            return SS_NVS_FAULT_NAMESPACE;
    } else if (!r->namespaces[entry[0]]) {
        return SS_NVS_FAULT_NAMESPACE;
    }
    if (ss_nvs_newer(r, behind, entry))
        return SS_NVS_FAULT_DUPLICATE;
    switch (entry[1]) {
    case NVS_TYPE_BLOB_DATA:
        return has_index(r, entry) ? ss_nvs_data_fault(entry) : SS_NVS_FAULT_BLOB_ORPHAN;
    case NVS_TYPE_BLOB_INDEX:
        // A chunk with a wrong CRC is reported as itself.
        return ss_nvs_gather(r, entry, NULL) == SS_NVS_FAULT_BLOB_INCOMPLETE ? SS_NVS_FAULT_BLOB_INCOMPLETE
                                                                             : SS_NVS_FAULT_NONE;
    case SS_NVS_STRING:
    case SS_NVS_BLOB:
        return ss_nvs_data_fault(entry);
    default:
        return SS_NVS_FAULT_NONE;
    }
}

ss_status_t ss_nvs_check(const uint8_t *image, size_t size, struct ss_nvs_finding *findings, size_t capacity,
                         size_t *count, struct ss_error *err)
{
    struct ss_nvs_reader r;
    struct findings f = {findings, capacity, 0};
    struct ss_nvs_observer observer = {add, &f};
    struct ss_nvs_cursor cursor = {0};
    const uint8_t *entry;
    unsigned page, index;
    *count = 0;
    ss_status_t status = ss_nvs_open_tolerant(&r, image, size, err);
    if (status)
        return status;
    check_pages(&r, &f);
    while ((entry = ss_nvs_walk(&r, &cursor, &observer, &page, &index))) {
        enum ss_nvs_fault fault = check_entry(&r, cursor, entry);
        if (fault != SS_NVS_FAULT_NONE)
            add(&f, fault, page, index);
    }
    *count = f.count;
    return SS_OK;
}
