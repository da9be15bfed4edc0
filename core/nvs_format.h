// SPDX-License-Identifier: Apache-2.0
// The layout of NVS pages and entries, shared by the files that write, read and check them. Internal.
#ifndef SS_CORE_NVS_FORMAT_H
#define SS_CORE_NVS_FORMAT_H

#include <stdbool.h>

#include "core/bytes.h"
#include "slotseal/nvs.h"

#define NVS_STATES_OFFSET  32
#define NVS_ENTRIES_OFFSET 64
#define NVS_ENTRY_SIZE     32
#define NVS_MAX_CHUNK      ((SS_NVS_PAGE_ENTRIES - 1) * NVS_ENTRY_SIZE)
#define NVS_MAX_CHUNKS     127
#define NVS_CHUNK_ANY      0xFF ///< in the chunk byte of everything but blob data
#define NVS_CHUNK_REWRITE  0x80 ///< first chunk number of every second version of a blob that firmware rewrites

/// Types that only the layout knows.
#define NVS_TYPE_BLOB_DATA  0x42
#define NVS_TYPE_BLOB_INDEX 0x48

/// NOR flash: each next state only clears bits.
#define NVS_PAGE_ERASED  0xFFFFFFFFu
#define NVS_PAGE_ACTIVE  0xFFFFFFFEu
#define NVS_PAGE_FULL    0xFFFFFFFCu
#define NVS_PAGE_FREEING 0xFFFFFFF8u ///< being copied to another page

#define NVS_ENTRY_FREE    3u
#define NVS_ENTRY_WRITTEN 2u
#define NVS_ENTRY_ERASED  0u

#define NVS_VERSION_BYTE_V1 0xFF ///< counted downwards, so that old firmware's erased byte means version 1
#define NVS_VERSION_BYTE_V2 0xFE

static inline unsigned nvs_entry_state(const uint8_t *page, unsigned index)
{
    return page[NVS_STATES_OFFSET + index / 4] >> index % 4 * 2 & 3u;
}

static inline uint8_t *nvs_entry_at(uint8_t *page, unsigned index)
{
    return page + NVS_ENTRIES_OFFSET + index * NVS_ENTRY_SIZE;
}

static inline const uint8_t *nvs_entry_in(const uint8_t *page, unsigned index)
{
    return page + NVS_ENTRIES_OFFSET + index * NVS_ENTRY_SIZE;
}

/// Entries that @p len bytes of data fill.
static inline unsigned nvs_data_entries(size_t len)
{
    return (unsigned)((len + NVS_ENTRY_SIZE - 1) / NVS_ENTRY_SIZE);
}

/// CRC over a whole entry but its CRC field.
uint32_t ss_nvs_entry_crc(const uint8_t *entry);

/// What firmware makes of a page, from header and (if erased) contents. NONE: it is in use or erased.
enum ss_nvs_fault ss_nvs_page_fault(const uint8_t *page);

/// First entry that firmware takes for free: on the active page the first one in that state, else 126.
unsigned ss_nvs_page_end(const uint8_t *page);

/// Judges the written entry @p index without its data. @p *span is how many entries firmware steps over, 1 or more.
enum ss_nvs_fault ss_nvs_entry_fault(const uint8_t *page, unsigned index, unsigned *span);

/// True if the entries @p a and @p b hold the same key: namespace, key, type (both ways to store a blob count as one),
/// for blob data also the number of the chunk.
bool ss_nvs_same_key(const uint8_t *a, const uint8_t *b);

/// Opens as ss_nvs_reader_open() does, but passes over pages of a newer version too.
ss_status_t ss_nvs_open_tolerant(struct ss_nvs_reader *r, const uint8_t *image, size_t size, struct ss_error *err);

/// Told of every entry that ss_nvs_walk() passes over.
struct ss_nvs_observer {
    void (*fault)(void *context, enum ss_nvs_fault fault, unsigned page, unsigned entry);
    void *context;
};

/// The next faultless entry of any type, with its place; NULL at the end. @p observer may be NULL.
const uint8_t *ss_nvs_walk(const struct ss_nvs_reader *r, struct ss_nvs_cursor *cursor,
                           const struct ss_nvs_observer *observer, unsigned *page, unsigned *index);

/// The newest entry with the key of @p entry behind @p cursor; NULL if there is none.
const uint8_t *ss_nvs_newer(const struct ss_nvs_reader *r, struct ss_nvs_cursor cursor, const uint8_t *entry);

/// Verifies string, blob or blob chunk data that follows @p entry in its page.
enum ss_nvs_fault ss_nvs_data_fault(const uint8_t *entry);

/// Verifies the chunks that blob index @p entry names and, unless @p out is NULL, copies them there.
/// SS_NVS_FAULT_NONE, SS_NVS_FAULT_BLOB_INCOMPLETE or SS_NVS_FAULT_DATA_CRC. @p out has room for the indexed length.
enum ss_nvs_fault ss_nvs_gather(const struct ss_nvs_reader *r, const uint8_t *entry, uint8_t *out);

#endif
