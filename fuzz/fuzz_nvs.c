// SPDX-License-Identifier: Apache-2.0
// NVS image: check, list, look up and read. A random image has hardly a right CRC, so the first byte selects which
// ones are made right first: bit 0 page headers, bit 1 entries, bit 2 data. Bit 3 decrypts with a fixed key. Bits 4 to
// 6 are the number of pages, less one; the other bytes are shared out evenly, and each page is filled up with 0xFF.
#include <stdlib.h>
#include <string.h>

#include "core/nvs_format.h"

#define MAX_PAGES 8

static void mend_entry(uint8_t *page, unsigned index, uint8_t choice)
{
    uint8_t *entry = nvs_entry_at(page, index);
    size_t len = ss_get_le16(entry + 24);
    if ((choice & 4) && len <= (size_t)(SS_NVS_PAGE_ENTRIES - 1 - index) * NVS_ENTRY_SIZE &&
        (entry[1] == SS_NVS_STRING || entry[1] == SS_NVS_BLOB || entry[1] == NVS_TYPE_BLOB_DATA))
        ss_put_le32(entry + 28, ss_crc32(0xFFFFFFFF, entry + NVS_ENTRY_SIZE, len));
    if (choice & 2)
        ss_put_le32(entry + 4, ss_nvs_entry_crc(entry));
}

static void mend(uint8_t *image, size_t size, uint8_t choice)
{
    for (size_t offset = 0; offset < size; offset += SS_NVS_PAGE_SIZE) {
        uint8_t *page = image + offset;
        if (choice & 1)
            ss_put_le32(page + 28, ss_crc32(0xFFFFFFFF, page + 4, 24));
        for (unsigned i = 0, span; i < SS_NVS_PAGE_ENTRIES; i += span) {
            uint8_t wanted = nvs_entry_in(page, i)[2];
            span = wanted > 0 && wanted <= SS_NVS_PAGE_ENTRIES - i ? wanted : 1;
            mend_entry(page, i, choice);
        }
    }
}

static void read_all(const uint8_t *image, size_t size)
{
    static struct ss_nvs_reader reader;
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry entry, same;
    if (ss_nvs_reader_open(&reader, image, size, NULL) != SS_OK)
        return;
    while (ss_nvs_next(&reader, &cursor, &entry) == SS_OK) {
        size_t len;
        // What was listed can be found again, unless two namespaces share a name.
        (void)!ss_nvs_find(&reader, entry.ns, entry.key, entry.type, &same, NULL);
        uint8_t *out = malloc(entry.len + 1);
        if (out && ss_nvs_read(&reader, &entry, out, entry.len, &len, NULL) == SS_OK && len != entry.len)
            abort();
        free(out);
    }
}

/// Lays the input out over the pages of @p image; returns the image's size.
static size_t lay_out(uint8_t image[MAX_PAGES * SS_NVS_PAGE_SIZE], const uint8_t *data, size_t len)
{
    size_t pages = 1 + (data[0] >> 4 & 7u), share = (len - 1) / pages;
    memset(image, 0xFF, pages * SS_NVS_PAGE_SIZE);
    for (size_t i = 0; i < pages; i++)
        memcpy(image + i * SS_NVS_PAGE_SIZE, data + 1 + i * share, share < SS_NVS_PAGE_SIZE ? share : SS_NVS_PAGE_SIZE);
    return pages * SS_NVS_PAGE_SIZE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t keys[SS_NVS_KEYS_SIZE] = {1, 2, 3};
    static uint8_t image[MAX_PAGES * SS_NVS_PAGE_SIZE];
    struct ss_nvs_finding findings[16];
    uint8_t other[SS_NVS_KEYS_SIZE];
    size_t count;
    (void)!ss_nvs_keys_parse(data, len, other, NULL);
    if (len == 0)
        return 0;
    size_t size = lay_out(image, data, len);
    if ((data[0] & 8) && ss_nvs_decrypt(image, size, keys, NULL) != SS_OK)
        abort();
    mend(image, size, data[0]);
    // An exact-size block, so that the address sanitizer sees a read past the end.
    uint8_t *exact = malloc(size);
    if (!exact)
        return 0;
    memcpy(exact, image, size);
    if (ss_nvs_check(exact, size, findings, 16, &count, NULL) != SS_OK)
        abort();
    read_all(exact, size);
    free(exact);
    return 0;
}
