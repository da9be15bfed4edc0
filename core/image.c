// SPDX-License-Identifier: Apache-2.0
#include "slotseal/image.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/image_parts.h"
#include "core/memory_map.h"

// ESP-IDF links apps for the ESP32 so that loaded data ends here: 32 KiB below the bootloader's stack
// (dram0_0_seg, components/esp32/ld/esp32.ld).
#define DRAM_LOAD_END 0x3FFDC200u
// iram_loader_seg of the ESP32's bootloader (components/bootloader/subproject/main/esp32.bootloader.ld).
#define LOADER_START 0x40078000u
#define LOADER_END   0x40080000u

struct describer {
    const uint8_t *data;
    size_t len;
    struct ss_image_context context;
    struct ss_image *image;
    bool stopped; // the boot stage gives up here: boot_findings is final
};

static void add_for(struct describer *d, enum ss_image_finding_code code, bool fatal, unsigned index, uint32_t found,
                    uint32_t limit)
{
    struct ss_image *image = d->image;
    if (image->finding_count == SS_IMAGE_MAX_FINDINGS)
        return;
    image->findings[image->finding_count++] = (struct ss_image_finding){
        .code = code, .fatal = fatal, .segment = (uint8_t)index, .found = found, .limit = limit};
}

static void add(struct describer *d, enum ss_image_finding_code code, bool fatal, uint32_t found, uint32_t limit)
{
    add_for(d, code, fatal, 0, found, limit);
}

// The boot stage looks at what it has found so far, here.
static void end_stage(struct describer *d)
{
    if (d->stopped)
        return;
    d->image->boot_findings = d->image->finding_count;
    d->stopped = ss_image_first_fatal(d->image) != NULL;
}

static void check_chip(struct describer *d)
{
    const struct ss_image_header *h = &d->image->header;
    if (d->context.chip_id >= 0 && h->chip_id != d->context.chip_id)
        add(d, SS_IMAGE_WRONG_CHIP, true, h->chip_id, (uint32_t)d->context.chip_id);
    if (d->context.chip_rev < 0)
        return;
    uint32_t rev = (uint32_t)d->context.chip_rev;
    if (rev / 100 < h->min_chip_rev)
        add(d, SS_IMAGE_CHIP_TOO_OLD, true, h->min_chip_rev, rev / 100);
    else if (rev < h->min_chip_rev_full)
        add(d, SS_IMAGE_CHIP_TOO_OLD_FULL, true, h->min_chip_rev_full, rev);
    // 0: made before the field existed.
    if (h->max_chip_rev_full != 0 && rev > h->max_chip_rev_full)
        add(d, SS_IMAGE_CHIP_TOO_NEW_FULL, true, h->max_chip_rev_full, rev);
}

// Also after a bad magic the bootloader goes on to the end of the header, and says so.
static bool check_header(struct describer *d)
{
    const struct ss_image_header *h = &d->image->header;
    if (h->magic != SS_IMAGE_MAGIC)
        add(d, SS_IMAGE_BAD_MAGIC, true, ss_get_le32(d->data), 0);
    check_chip(d);
    if (h->spi_mode > 5)
        add(d, SS_IMAGE_SPI_MODE, false, h->spi_mode, 0);
    if (h->spi_size > 5)
        add(d, SS_IMAGE_SPI_SIZE, false, h->spi_size, 0);
    end_stage(d);
    if (h->segment_count > SS_IMAGE_MAX_SEGMENTS)
        add(d, SS_IMAGE_TOO_MANY_SEGMENTS, true, h->segment_count, SS_IMAGE_MAX_SEGMENTS);
    end_stage(d);
    return h->magic == SS_IMAGE_MAGIC && h->segment_count <= SS_IMAGE_MAX_SEGMENTS;
}

static void read_descriptors(struct describer *d)
{
    struct ss_image *image = d->image;
    if (image->segment_count > 0) {
        const struct ss_image_segment *first = &image->segments[0];
        const uint8_t *p = d->data + first->offset;
        image->has_app_desc = ss_app_desc_parse(p, first->length, &image->app_desc) == SS_OK;
        image->has_bootloader_desc = !image->has_app_desc && !first->mapped &&
                                     ss_bootloader_desc_parse(p, first->length, &image->bootloader_desc) == SS_OK;
    }
    bool app = image->has_app_desc || image->segment_count == 0;
    for (unsigned i = 0; i < image->segment_count; i++)
        app |= image->segments[i].mapped;
    image->kind = d->context.kind != SS_IMAGE_KIND_AUTO ? d->context.kind
                  : app                                 ? SS_IMAGE_KIND_APP
                                                        : SS_IMAGE_KIND_BOOTLOADER;
}

static uint32_t mmu_page(const struct ss_image *image)
{
    // 8 to 64 KiB exist; the ESP32 and older ESP-IDF know only 64.
    uint8_t log2 = image->app_desc.mmu_page_log2;
    return log2 >= 13 && log2 <= 16 ? 1u << log2 : SS_IMAGE_MMU_PAGE;
}

static void check_loaded_segment(struct describer *d, unsigned i)
{
    const struct ss_image_segment *s = &d->image->segments[i];
    uint32_t end = s->load_addr + s->length;
    if (s->mapped || s->kind == SS_SEGMENT_PADDING || s->kind == SS_SEGMENT_RESERVED || s->length == 0 ||
        !ss_memory_complete(d->image->header.chip_id))
        return;
    if (s->kind == SS_SEGMENT_OTHER || end < s->load_addr ||
        ss_memory_kind(d->image->header.chip_id, end - 1) != s->kind) {
        add_for(d, SS_IMAGE_SEGMENT_ADDRESS, true, i, s->load_addr, end);
        return;
    }
    if (d->image->kind == SS_IMAGE_KIND_BOOTLOADER)
        return; // loaded by the mask ROM
    if (s->kind == SS_SEGMENT_DRAM && end > DRAM_LOAD_END)
        add_for(d, SS_IMAGE_SEGMENT_TOO_HIGH, true, i, end, DRAM_LOAD_END);
    if (s->load_addr < LOADER_END && end > LOADER_START && s->kind == SS_SEGMENT_IRAM)
        add_for(d, SS_IMAGE_SEGMENT_ON_LOADER, true, i, s->load_addr, end);
}

static void check_segments(struct describer *d, enum ss_segment_end how, size_t next)
{
    struct ss_image *image = d->image;
    uint32_t page = mmu_page(image);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct ss_image_segment *s = &image->segments[i];
        uint32_t at = image->flash_address + s->offset;
        if (s->mapped && at % page != s->load_addr % page)
            add_for(d, SS_IMAGE_SEGMENT_MAPPING, true, i, s->load_addr, at);
        check_loaded_segment(d, i);
        end_stage(d);
    }
    if (how == SS_SEGMENTS_BAD_LENGTH)
        add_for(d, SS_IMAGE_SEGMENT_LENGTH, true, image->segment_count, image->segments[image->segment_count].length,
                0);
    end_stage(d);
    if (how == SS_SEGMENTS_END_OF_FILE)
        add(d, SS_IMAGE_TRUNCATED, true, image->file_len, (uint32_t)next);
}

static ss_status_t read_tail(struct describer *d)
{
    struct ss_image *image = d->image;
    image->checksum_stored = d->data[image->checksum_offset];
    image->checksum_computed = ss_image_checksum(d->data, image);
    if (!image->has_hash)
        return SS_OK;
    memcpy(image->hash_stored, d->data + image->checksum_offset + 1, SS_IMAGE_HASH_SIZE);
    return ss_hash_once(SS_HASH_SHA256, d->data, image->checksum_offset + 1, image->hash_computed);
}

static void check_tail(struct describer *d)
{
    struct ss_image *image = d->image;
    bool app = image->kind == SS_IMAGE_KIND_APP;
    bool hash_wrong =
        image->has_hash && memcmp(image->hash_stored, image->hash_computed, sizeof image->hash_stored) != 0;
    uint32_t space = d->context.space ? d->context.space : SS_IMAGE_MAX_SIZE;

    if (image->checksum_computed != image->checksum_stored)
        add(d, SS_IMAGE_CHECKSUM, true, image->checksum_computed, image->checksum_stored);
    end_stage(d);
    if (image->end > space)
        add(d, SS_IMAGE_TOO_BIG, true, image->end, space);
    end_stage(d);
    if (hash_wrong && app)
        add(d, SS_IMAGE_HASH, true, 0, 0);
    end_stage(d);
    d->stopped = true;
    if (hash_wrong && !app)
        add(d, SS_IMAGE_HASH, false, 0, 0);
    if (image->segment_count == 0)
        add(d, SS_IMAGE_NO_SEGMENTS, true, 0, 0);
    if (image->header.hash_appended > 1)
        add(d, SS_IMAGE_HASH_FLAG, false, image->header.hash_appended, 1);
}

static void check_surroundings(struct describer *d)
{
    struct ss_image *image = d->image;
    if (image->signature == SS_IMAGE_SIGNED_V1 && image->kind == SS_IMAGE_KIND_APP && !image->secure_padded_v1)
        add(d, SS_IMAGE_NOT_SECURE_PADDED, false, 0, 0);
    if (image->signature == SS_IMAGE_SIGNED_V2)
        for (unsigned i = 0; i < SS_IMAGE_V2_MAX_BLOCKS; i++) {
            const struct ss_image_v2_block *b = &image->v2_blocks[i];
            if (b->present && !(b->crc_ok && b->digest_ok))
                add_for(d, SS_IMAGE_V2_BLOCK, false, i, b->crc_ok ? 2 : 1, 0);
        }
    // The last 12 bytes of a secure-padded image are filler of any value; old versions of espsecure took random bytes.
    bool filler =
        image->signature == SS_IMAGE_SIGNED_V1 && image->secure_padded_v1 && image->trailing_len <= SS_IMAGE_V1_FILLER;
    if (!image->trailing_erased && !filler)
        add(d, SS_IMAGE_TRAILING, false, image->trailing_len, image->end);
}

static ss_status_t describe(struct describer *d)
{
    struct ss_image *image = d->image;
    image->kind = d->context.kind == SS_IMAGE_KIND_BOOTLOADER ? SS_IMAGE_KIND_BOOTLOADER : SS_IMAGE_KIND_APP;
    if (d->len < SS_IMAGE_HEADER_SIZE) {
        add(d, SS_IMAGE_TRUNCATED, true, image->file_len, SS_IMAGE_HEADER_SIZE);
        return SS_OK;
    }
    ss_image_header_parse(d->data, &image->header);
    if (!check_header(d))
        return SS_OK;
    size_t next;
    enum ss_segment_end how = ss_image_read_segments(d->data, d->len, image, &next);
    read_descriptors(d);
    check_segments(d, how, next);
    if (how != SS_SEGMENTS_READ)
        return SS_OK;
    if (!ss_image_place_tail(d->len, next, image)) {
        add(d, SS_IMAGE_TRUNCATED, true, image->file_len, image->image_len);
        return SS_OK;
    }
    ss_status_t status = read_tail(d);
    if (status == SS_OK)
        status = ss_image_find_signature(d->data, d->len, image);
    if (status == SS_OK) {
        check_tail(d);
        check_surroundings(d);
    }
    return status;
}

ss_status_t ss_image_describe(const uint8_t *data, size_t len, const struct ss_image_context *context,
                              struct ss_image *out, struct ss_error *err)
{
    static const struct ss_image_context standard = SS_IMAGE_CONTEXT_DEFAULT;
    struct describer d = {.data = data, .len = len, .context = context ? *context : standard, .image = out};
    memset(out, 0, sizeof *out);
    if (len > (size_t)1 << 31)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_IMAGE, "file is %zu bytes, limit is 2 GiB", len);
    if (d.context.flash_address > UINT32_MAX - SS_IMAGE_MAX_SIZE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_IMAGE,
                            "flash address is 0x%x, limit is 0x%x less 16 MiB", (unsigned)d.context.flash_address,
                            (unsigned)UINT32_MAX);
    out->file_len = (uint32_t)len;
    out->flash_address = d.context.flash_address;
    out->trailing_erased = true;
    ss_status_t status = describe(&d);
    if (status != SS_OK) {
        memset(out, 0, sizeof *out);
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 of the image failed: %s", ss_status_name(status));
    }
    return SS_OK;
}

const struct ss_image_finding *ss_image_first_fatal(const struct ss_image *image)
{
    for (unsigned i = 0; i < image->finding_count; i++)
        if (image->findings[i].fatal)
            return &image->findings[i];
    return NULL;
}

static ss_status_t finding_status(enum ss_image_finding_code code)
{
    switch (code) {
    case SS_IMAGE_CHECKSUM:
    case SS_IMAGE_HASH:
        return SS_ERROR_DATA_CORRUPT;
    case SS_IMAGE_WRONG_CHIP:
    case SS_IMAGE_CHIP_TOO_OLD:
    case SS_IMAGE_CHIP_TOO_OLD_FULL:
    case SS_IMAGE_CHIP_TOO_NEW_FULL:
        return SS_ERROR_NOT_SUPPORTED;
    case SS_IMAGE_TOO_BIG:
        return SS_ERROR_INSUFFICIENT_SPACE;
    default:
        return SS_ERROR_DATA_INVALID;
    }
}

ss_status_t ss_image_parse(const uint8_t *data, size_t len, const struct ss_image_context *context,
                           struct ss_image *out, struct ss_error *err)
{
    ss_status_t status = ss_image_describe(data, len, context, out, err);
    if (status != SS_OK)
        return status;
    const struct ss_image_finding *fatal = ss_image_first_fatal(out);
    if (!fatal)
        return SS_OK;
    char text[160];
    ss_image_finding_text(out, fatal, text, sizeof text);
    return ss_error_set(err, finding_status(fatal->code), SS_AREA_IMAGE, "%s", text);
}
