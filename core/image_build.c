// SPDX-License-Identifier: Apache-2.0
#include "slotseal/image_build.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/elf.h"
#include "core/image_parts.h"
#include "core/memory_map.h"

#define CHIP_ESP32 0
#define PAGE       SS_IMAGE_MMU_PAGE
// Old bootloaders do not map the last page of a segment that reaches less than this into it; elf2image fills it up.
#define MIN_IN_LAST_PAGE 0x24
// Behind the checksum of a V1-padded image: hash, signature and 12 bytes that stay free.
#define V1_SPACE (SS_IMAGE_HASH_SIZE + SS_IMAGE_V1_SIGNATURE_SIZE + SS_IMAGE_V1_FILLER)

/// A run of sections that touch: sections first … first + count − 1, of which `taken` bytes are already written.
struct segment {
    uint32_t address;
    uint32_t length;
    unsigned first, count;
    uint32_t taken;
    bool mapped;
};

struct builder {
    const struct ss_image_build_options *options;
    struct ss_elf elf;
    struct ss_elf_section sections[SS_IMAGE_BUILD_MAX_SECTIONS];
    unsigned section_count;
    struct segment segments[SS_IMAGE_BUILD_MAX_SECTIONS]; ///< in the order in which they are placed, mapped ones first
    unsigned segment_count, mapped_count;
    uint8_t *out; ///< NULL while only the length is wanted
    uint32_t position;
    struct ss_image image; ///< what has been placed
    struct ss_error *err;
};

static uint32_t padded(const struct ss_elf_section *s)
{
    return (s->size + 3) & ~3u;
}

// The kinds of memory at an address as a set: elf2image merges sections only if their sets are equal.
static uint32_t memory_set(uint32_t address)
{
    // esptool, memory map of the ESP32; ranges overlap.
    static const uint32_t ranges[][2] = {
        {0x00000000, 0x00010000}, {0x3F400000, 0x3F800000}, {0x3F800000, 0x3FC00000}, {0x3FF80000, 0x3FF82000},
        {0x3FF90000, 0x40000000}, {0x3FFAE000, 0x40000000}, {0x3FFE0000, 0x3FFFFFFC}, {0x40000000, 0x40070000},
        {0x40070000, 0x40078000}, {0x40078000, 0x40080000}, {0x40080000, 0x400A0000}, {0x400A0000, 0x400BFFFC},
        {0x400C0000, 0x400C2000}, {0x400D0000, 0x40400000}, {0x50000000, 0x50002000},
    };
    uint32_t set = 0;
    for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (address >= ranges[i][0] && address < ranges[i][1])
            set |= 1u << i;
    return set;
}

// Sections stay in the order of the file: a run ends where the next one does not follow at once.
static void merge_sections(struct builder *b)
{
    struct segment *run = NULL;
    for (unsigned i = 0; i < b->section_count; i++) {
        const struct ss_elf_section *s = &b->sections[i];
        if (run && run->address + run->length == s->address &&
            memory_set(b->sections[i - 1].address) == memory_set(s->address)) {
            run->length += padded(s);
            run->count++;
            continue;
        }
        run = &b->segments[b->segment_count++];
        *run = (struct segment){.address = s->address, .length = padded(s), .first = i, .count = 1};
        run->mapped = ss_memory_mapped(ss_memory_kind(CHIP_ESP32, s->address));
        b->mapped_count += run->mapped;
    }
}

static bool named(const struct builder *b, const struct segment *s, const char *name)
{
    return ss_elf_name_is(&b->elf, &b->sections[s->first], name);
}

static bool comes_before(const struct segment *x, const struct segment *y)
{
    if (x->mapped != y->mapped)
        return x->mapped;
    return x->address < y->address;
}

// Stable, as few elements as it has: insertion.
static void sort_segments(struct builder *b)
{
    for (unsigned i = 1; i < b->segment_count; i++) {
        struct segment moved = b->segments[i];
        unsigned at = i;
        for (; at > 0 && comes_before(&moved, &b->segments[at - 1]); at--)
            b->segments[at] = b->segments[at - 1];
        b->segments[at] = moved;
    }
}

// The descriptor has to end up at file offset 0x20, so its segment goes first among its sort.
static void move_to_front(struct builder *b, unsigned start, unsigned end, const char *name)
{
    for (unsigned i = start; i < end; i++) {
        if (!named(b, &b->segments[i], name))
            continue;
        struct segment moved = b->segments[i];
        memmove(&b->segments[start + 1], &b->segments[start], (i - start) * sizeof moved);
        b->segments[start] = moved;
        return;
    }
}

static ss_status_t check_segments(const struct builder *b)
{
    if (b->segment_count == 0)
        return ss_error_set(b->err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "nothing to load in this ELF file");
    for (unsigned i = 0; i < b->segment_count; i++) {
        const struct segment *s = &b->segments[i];
        if (s->length >= SS_IMAGE_MAX_SIZE)
            return ss_error_set(b->err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                                "segment at 0x%08x is %u bytes, limit is 16 MiB", (unsigned)s->address,
                                (unsigned)s->length);
        if (s->mapped && s->address % 4 != 0)
            return ss_error_set(b->err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                                "mapped segment at 0x%08x is not aligned to 4 bytes", (unsigned)s->address);
        if (i > 0 && i < b->mapped_count && s->address / PAGE == b->segments[i - 1].address / PAGE)
            return ss_error_set(b->err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                                "segments at 0x%08x and 0x%08x lie in the same 64 KiB of the flash mapping",
                                (unsigned)b->segments[i - 1].address, (unsigned)s->address);
    }
    return SS_OK;
}

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
        memcpy(b->out + b->position, b->elf.data + section->offset + from, real);
    b->position += real;
    put_zeros(b, len - real);
}

// The next @p len bytes of a run, across the borders of its sections.
static void put_data(struct builder *b, struct segment *s, uint32_t len)
{
    uint32_t from = s->taken;
    s->taken += len;
    for (unsigned i = s->first; len > 0; i++) {
        const struct ss_elf_section *section = &b->sections[i];
        uint32_t size = padded(section);
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

static ss_status_t put_segment(struct builder *b, struct segment *s, uint32_t len, uint32_t zeros)
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
static bool is_aligned(const struct builder *b, const struct segment *s, uint32_t *gap)
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
    if (*next_ram == b->segment_count || gap <= SS_IMAGE_SEGMENT_HEADER_SIZE)
        return put_padding(b, gap);
    struct segment *ram = &b->segments[*next_ram];
    uint32_t rest = ram->length - ram->taken;
    ss_status_t status = put_segment(b, ram, rest < gap ? rest : gap, 0);
    if (ram->taken == ram->length)
        ++*next_ram;
    return status;
}

static uint32_t last_page_zeros(const struct builder *b, const struct segment *s)
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
    unsigned next_mapped = 0, next_ram = b->mapped_count;
    b->position = SS_IMAGE_HEADER_SIZE;
    b->image.segment_count = 0;
    for (unsigned i = 0; i < b->segment_count; i++)
        b->segments[i].taken = 0;
    while (status == SS_OK && next_mapped < b->mapped_count) {
        struct segment *s = &b->segments[next_mapped];
        uint32_t gap;
        if (is_aligned(b, s, &gap)) {
            status = put_segment(b, s, s->length, last_page_zeros(b, s));
            next_mapped++;
        } else {
            status = fill_gap(b, gap, &next_ram);
        }
    }
    for (; status == SS_OK && next_ram < b->segment_count; next_ram++) {
        struct segment *s = &b->segments[next_ram];
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
    ss_put_le32(h + 4, b->elf.entry);
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
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, b->elf.data, b->elf.len, place);
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

static ss_status_t read_elf(struct builder *b, const uint8_t *elf, size_t elf_len)
{
    ss_status_t status =
        ss_elf_read(elf, elf_len, &b->elf, b->sections, SS_IMAGE_BUILD_MAX_SECTIONS, &b->section_count, b->err);
    if (status != SS_OK)
        return status;
    if (b->elf.machine != SS_ELF_MACHINE_XTENSA)
        return ss_error_set(b->err, SS_ERROR_NOT_SUPPORTED, SS_AREA_ELF,
                            "ELF machine is %u, the ESP32's is %u (Xtensa)", b->elf.machine, SS_ELF_MACHINE_XTENSA);
    merge_sections(b);
    sort_segments(b);
    move_to_front(b, 0, b->mapped_count, ".flash.appdesc");
    move_to_front(b, b->mapped_count, b->segment_count, ".dram0.bootdesc");
    return check_segments(b);
}

ss_status_t ss_image_build(const uint8_t *elf, size_t elf_len, const struct ss_image_build_options *options,
                           uint8_t *out, size_t size, size_t *out_len, struct ss_error *err)
{
    static const struct ss_image_build_options standard = SS_IMAGE_BUILD_DEFAULT;
    struct builder b = {.options = options ? options : &standard, .err = err};
    *out_len = 0;
    ss_status_t status = check_options(b.options, err);
    if (status == SS_OK)
        status = read_elf(&b, elf, elf_len);
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
