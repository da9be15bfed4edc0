// SPDX-License-Identifier: Apache-2.0
#include "slotseal/image_build.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/elf_segments.h"
#include "core/image_parts.h"

#define CHIP_ESP32 0
#define PAGE       SS_IMAGE_MMU_PAGE
// Old bootloaders do not map the last page of a segment that reaches less than this into it; elf2image fills it up.
#define MIN_IN_LAST_PAGE 0x24
// Behind the checksum of a V1-padded image: hash, signature and 12 bytes that stay free.
#define V1_SPACE (SS_IMAGE_HASH_SIZE + SS_IMAGE_V1_SIGNATURE_SIZE + SS_IMAGE_V1_FILLER)

struct builder {
    const struct ss_image_build_options *options;
    struct ss_elf_plan plan;
    uint8_t *out; ///< NULL while only the length is wanted
    uint32_t position;
    struct ss_image image; ///< what has been placed
    struct ss_error *err;
};

// Opens the next segment of the image: its header and its place in the description.
static ss_status_t open_segment(struct builder *b, uint32_t address, uint32_t length)
{
    struct ss_image *image = &b->image;
    if (image->segment_count == SS_IMAGE_MAX_SEGMENTS)
        return ss_error_set(b->err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                            "the image needs more than %u segments, padding included", SS_IMAGE_MAX_SEGMENTS);
    if (b->out) {
        ss_put_le32(b->out + b->position, address);
        ss_put_le32(b->out + b->position + 4, length);
    }
    b->position += SS_IMAGE_SEGMENT_HEADER_SIZE;
    image->segments[image->segment_count++] =
        (struct ss_image_segment){.load_addr = address, .length = length, .offset = b->position};
    return SS_OK;
}

static void put_zeros(struct builder *b, uint32_t len)
{
    if (b->out)
        memset(b->out + b->position, 0, len);
    b->position += len;
}

// Copies bytes [from, from + len) of a section as padded to 4.
static void put_section(struct builder *b, const struct ss_elf_section *section, uint32_t from, uint32_t len)
{
    uint32_t real = from < section->size ? section->size - from : 0;
    if (real > len)
        real = len;
    if (b->out)
        memcpy(b->out + b->position, b->plan.elf.data + section->offset + from, real);
    b->position += real;
    put_zeros(b, len - real);
}

// The next @p len bytes of a run, across the borders of its sections.
static void put_data(struct builder *b, struct ss_elf_segment *s, uint32_t len)
{
    uint32_t from = s->taken;
    s->taken += len;
    for (unsigned i = s->first; len > 0; i++) {
        const struct ss_elf_section *section = &b->plan.sections[i];
        uint32_t size = ss_elf_padded(section);
        if (from >= size) {
            from -= size;
            continue;
        }
        uint32_t n = size - from < len ? size - from : len;
        put_section(b, section, from, n);
        from = 0;
        len -= n;
    }
}

static ss_status_t put_segment(struct builder *b, struct ss_elf_segment *s, uint32_t len, uint32_t zeros)
{
    ss_status_t status = open_segment(b, s->address + s->taken, len + zeros);
    if (status != SS_OK)
        return status;
    put_data(b, s, len);
    put_zeros(b, zeros);
    return SS_OK;
}

static ss_status_t put_padding(struct builder *b, uint32_t len)
{
    ss_status_t status = open_segment(b, 0, len);
    if (status == SS_OK)
        put_zeros(b, len);
    return status;
}

// True if a segment header here would put the data of @p s where it is mapped. Else *gap is the length of the data of a
// filling segment in between, by elf2image's arithmetic: it may be longer than a page.
static bool is_aligned(const struct builder *b, const struct ss_elf_segment *s, uint32_t *gap)
{
    int64_t past = (int64_t)(s->address % PAGE) - SS_IMAGE_SEGMENT_HEADER_SIZE;
    int64_t need = (int64_t)(PAGE - b->position % PAGE) + past;
    *gap = 0;
    if (need == 0 || need == PAGE)
        return true;
    need -= SS_IMAGE_SEGMENT_HEADER_SIZE;
    *gap = (uint32_t)(need < 0 ? need + PAGE : need);
    return false;
}

static ss_status_t fill_gap(struct builder *b, uint32_t gap, unsigned *next_ram)
{
    if (*next_ram == b->plan.segment_count || gap <= SS_IMAGE_SEGMENT_HEADER_SIZE)
        return put_padding(b, gap);
    struct ss_elf_segment *ram = &b->plan.segments[*next_ram];
    uint32_t rest = ram->length - ram->taken;
    ss_status_t status = put_segment(b, ram, rest < gap ? rest : gap, 0);
    if (ram->taken == ram->length)
        ++*next_ram;
    return status;
}

static uint32_t last_page_zeros(const struct builder *b, const struct ss_elf_segment *s)
{
    uint32_t end = (b->position + SS_IMAGE_SEGMENT_HEADER_SIZE + s->length) % PAGE;
    return end < MIN_IN_LAST_PAGE ? MIN_IN_LAST_PAGE - end : 0;
}

static ss_status_t put_secure_pad(struct builder *b)
{
    if (b->options->secure_pad == SS_SECURE_PAD_NONE)
        return SS_OK;
    // The checksum then takes 16 bytes.
    uint32_t space = 16 + (b->options->secure_pad == SS_SECURE_PAD_V1 ? V1_SPACE : SS_IMAGE_HASH_SIZE);
    uint32_t end = (b->position + SS_IMAGE_SEGMENT_HEADER_SIZE + space) % PAGE;
    return put_padding(b, (PAGE - end) % PAGE);
}

// Places everything, or only counts: b->position is the length without checksum afterwards.
static ss_status_t lay_out(struct builder *b)
{
    ss_status_t status = SS_OK;
    unsigned next_mapped = 0, next_ram = b->plan.mapped_count;
    b->position = SS_IMAGE_HEADER_SIZE;
    b->image.segment_count = 0;
    for (unsigned i = 0; i < b->plan.segment_count; i++)
        b->plan.segments[i].taken = 0;
    while (status == SS_OK && next_mapped < b->plan.mapped_count) {
        struct ss_elf_segment *s = &b->plan.segments[next_mapped];
        uint32_t gap;
        if (is_aligned(b, s, &gap)) {
            status = put_segment(b, s, s->length, last_page_zeros(b, s));
            next_mapped++;
        } else {
            status = fill_gap(b, gap, &next_ram);
        }
    }
    for (; status == SS_OK && next_ram < b->plan.segment_count; next_ram++) {
        struct ss_elf_segment *s = &b->plan.segments[next_ram];
        status = put_segment(b, s, s->length - s->taken, 0);
    }
    return status == SS_OK ? put_secure_pad(b) : status;
}

static void put_header(struct builder *b)
{
    const struct ss_image_build_options *o = b->options;
    uint8_t *h = b->out;
    memset(h, 0, SS_IMAGE_HEADER_SIZE);
    h[0] = SS_IMAGE_MAGIC;
    h[1] = (uint8_t)b->image.segment_count;
    h[2] = o->spi_mode;
    h[3] = (uint8_t)(o->spi_size << 4 | o->spi_speed);
    ss_put_le32(h + 4, b->plan.elf.entry);
    h[8] = 0xEE; // write-protect pin not used
    ss_put_le16(h + 12, o->chip_id);
    h[14] = o->min_chip_rev;
    ss_put_le16(h + 15, o->min_chip_rev_full);
    ss_put_le16(h + 17, o->max_chip_rev_full);
    h[23] = o->append_hash;
}

static ss_status_t hash_failed(const struct builder *b, ss_status_t status)
{
    return ss_error_set(b->err, status, SS_AREA_CRYPTO, "SHA-256 failed: %s", ss_status_name(status));
}

static ss_status_t put_elf_sha256(struct builder *b)
{
    const struct ss_image_segment *first = &b->image.segments[0];
    struct ss_app_desc desc;
    if (!b->options->elf_sha256 || ss_app_desc_parse(b->out + first->offset, first->length, &desc) != SS_OK)
        return SS_OK;
    uint8_t *place = b->out + first->offset + SS_APP_DESC_ELF_SHA256_OFFSET;
    if (!ss_all_bytes(place, 32, 0))
        return ss_error_set(b->err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                            "the application descriptor already has a SHA-256 of an ELF file");
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, b->plan.elf.data, b->plan.elf.len, place);
    return status == SS_OK ? SS_OK : hash_failed(b, status);
}

static ss_status_t write_image(struct builder *b)
{
    ss_status_t status = lay_out(b);
    if (status != SS_OK)
        return status;
    put_header(b);
    memset(b->out + b->position, 0, b->image.checksum_offset - b->position);
    status = put_elf_sha256(b);
    if (status != SS_OK)
        return status;
    status = ss_image_refresh(b->out, &b->image);
    return status == SS_OK ? SS_OK : hash_failed(b, status);
}

static ss_status_t check_options(const struct ss_image_build_options *o, struct ss_error *err)
{
    if (o->chip_id != CHIP_ESP32)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_IMAGE,
                            "chip id %u: images are built for the ESP32 (0) only", o->chip_id);
    if (o->spi_mode > 5 || o->spi_speed > 15 || o->spi_size > 15)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_IMAGE,
                            "flash mode %u, clock %u, size %u: limits are 5, 15, 15", o->spi_mode, o->spi_speed,
                            o->spi_size);
    if (o->secure_pad > SS_SECURE_PAD_V2)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_IMAGE, "secure_pad is %d, limit is 2",
                            (int)o->secure_pad);
    if (o->secure_pad != SS_SECURE_PAD_NONE && !o->append_hash)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_IMAGE, "secure padding needs the appended SHA-256");
    return SS_OK;
}

ss_status_t ss_image_build(const uint8_t *elf, size_t elf_len, const struct ss_image_build_options *options,
                           uint8_t *out, size_t size, size_t *out_len, struct ss_error *err)
{
    static const struct ss_image_build_options standard = SS_IMAGE_BUILD_DEFAULT;
    struct builder b = {.options = options ? options : &standard, .err = err};
    *out_len = 0;
    ss_status_t status = check_options(b.options, err);
    if (status == SS_OK)
        status = ss_elf_plan_read(elf, elf_len, &b.plan, err);
    if (status == SS_OK)
        status = lay_out(&b);
    if (status != SS_OK)
        return status;
    b.image.has_hash = b.options->append_hash;
    b.image.checksum_offset = (b.position + 16) / 16 * 16 - 1;
    size_t need = (size_t)b.image.checksum_offset + 1 + (b.image.has_hash ? SS_IMAGE_HASH_SIZE : 0);
    if (size < need) {
        *out_len = need;
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_IMAGE, "buffer is %zu bytes, image is %zu", size,
                            need);
    }
    b.out = out;
    status = write_image(&b);
    if (status == SS_OK)
        *out_len = need;
    return status;
}
