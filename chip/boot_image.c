// SPDX-License-Identifier: Apache-2.0
// An image as the second stage loads or verifies it: ESP-IDF esp_image_format.c.
#include <string.h>

#include "chip/boot_parts.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "core/memory_map.h"

#define CHIP_ID 0
#define TAG     "esp_image"
// Where the stack is depends on the build: this is where ESP-IDF's linker script lets apps begin to load (32 KiB less).
#define STACK     0x3FFE4200u
#define HEADROOM  0x8000u
#define ROM_STACK 0x3FFE3F20u
#define DRAM_END  0x40000000u
// iram_loader_seg of the bootloader's linker script.
#define LOADER_START 0x40078000u
#define LOADER_END   0x40080000u

struct loader {
    struct ss_boot *b;
    struct ss_boot_image *image;
    uint32_t space;
    uint32_t next;    ///< flash address of what comes next
    uint8_t checksum; ///< so far
    bool load;
    bool bootloader; ///< it is the bootloader's own image
};

/// Logs and records why the image is not taken.
#define FAIL(l, rule, ...)                                                                                             \
    do {                                                                                                               \
        ss_boot_log((l)->b, 'E', TAG, __VA_ARGS__);                                                                    \
        ss_boot_stage((l)->b, rule, false, __VA_ARGS__);                                                               \
        return false;                                                                                                  \
    } while (0)

static void warn_of_flash_parameters(struct ss_boot *b, uint32_t address, const struct ss_image_header *h)
{
    if (h->spi_mode > 5)
        ss_boot_log(b, 'W', TAG, "image at 0x%x has invalid SPI mode %u", (unsigned)address, h->spi_mode);
    if (h->spi_size > 5)
        ss_boot_log(b, 'W', TAG, "image at 0x%x has invalid SPI size %u", (unsigned)address, h->spi_size);
}

/// v4.3 and before go on to the end of the header, whatever its magic byte.
static bool check_header(struct loader *l)
{
    struct ss_boot *b = l->b;
    const struct ss_image_header *h = &l->image->header;
    unsigned at = l->image->address;
    bool magic = h->magic == SS_IMAGE_MAGIC, modern = ss_boot_is_modern(b);
    if (!magic) {
        ss_boot_log(b, 'E', TAG, "image at 0x%x has invalid magic byte%s", at,
                    modern ? " (nothing flashed here?)" : "");
        ss_boot_stage(b, SS_RULE_IMAGE, false, "0x%x begins with 0x%02x, not with 0xe9", at, h->magic);
        if (modern)
            return false;
    }
    bool chip = ss_boot_chip_ok(b, h, "application");
    if (!modern)
        warn_of_flash_parameters(b, at, h);
    if (!chip && magic)
        ss_boot_stage(b, SS_RULE_IMAGE, false, "the image at 0x%x is not for this chip or revision", at);
    if (!chip || !magic)
        return false;
    if (h->segment_count > SS_IMAGE_MAX_SEGMENTS)
        FAIL(l, SS_RULE_IMAGE, "image at 0x%x segment count %u exceeds max %u", at, h->segment_count,
             SS_IMAGE_MAX_SEGMENTS);
    return true;
}

static bool overlap(uint32_t a, uint32_t a_end, uint32_t b, uint32_t b_end)
{
    return a < b_end && b < a_end;
}

/// Where the bootloader's own code ends in the memory that apps may not load to.
static uint32_t loader_end(const struct ss_boot *b)
{
    for (unsigned i = 0; i < b->bootloader.segment_count; i++)
        if (b->bootloader.segments[i].load_addr == LOADER_START)
            return LOADER_START + b->bootloader.segments[i].length;
    return LOADER_END;
}

static bool in_memory(uint32_t start, uint32_t end)
{
    enum ss_segment_kind kind = ss_memory_kind(CHIP_ID, start);
    return kind != SS_SEGMENT_OTHER && kind == ss_memory_kind(CHIP_ID, end - 1);
}

static bool check_load_address(struct loader *l, unsigned i, uint32_t start, uint32_t len)
{
    unsigned end = start + len;
    if (end <= DRAM_END - 4) {
        if (end > STACK - HEADROOM)
            FAIL(l, SS_RULE_LOAD_ADDRESS,
                 "Segment %u end address 0x%08x too high (bootloader stack 0x%08x limit 0x%08x)", i, end, STACK,
                 STACK - HEADROOM);
    } else if (overlap(LOADER_START, loader_end(l->b), start, end)) {
        FAIL(l, SS_RULE_LOAD_ADDRESS, "Segment %u (0x%08x-0x%08x) overlaps bootloader IRAM (0x%08x-0x%08x)", i,
             (unsigned)start, end, LOADER_START, (unsigned)loader_end(l->b));
    }
    return true;
}

static bool check_load_address_modern(struct loader *l, unsigned i, uint32_t start, uint32_t len)
{
    unsigned end = start + len;
    const struct ss_image *own = &l->b->bootloader;
    const char *reason = in_memory(start, end) ? NULL : "bad load address range";
    enum ss_segment_kind kind = ss_memory_kind(CHIP_ID, start);
    if (!reason && kind == SS_SEGMENT_DRAM && overlap(STACK - HEADROOM, ROM_STACK, start, end))
        reason = "overlaps bootloader stack";
    for (unsigned s = 0; !reason && kind == SS_SEGMENT_DRAM && s < own->segment_count; s++)
        if (overlap(own->segments[s].load_addr, own->segments[s].load_addr + own->segments[s].length, start, end))
            reason = "overlaps bootloader data";
    if (!reason && kind == SS_SEGMENT_IRAM && overlap(LOADER_START, loader_end(l->b), start, end))
        reason = "overlaps loader IRAM";
    if (reason)
        FAIL(l, SS_RULE_LOAD_ADDRESS, "Segment %u 0x%08x-0x%08x invalid: %s", i, (unsigned)start, end, reason);
    return true;
}

static bool check_segment_header(struct loader *l, unsigned i, uint32_t load, uint32_t len, uint32_t at)
{
    bool mapped = ss_memory_mapped(ss_memory_kind(CHIP_ID, load));
    if (len % 4 != 0 || len >= SS_IMAGE_MAX_SIZE)
        FAIL(l, SS_RULE_IMAGE, "invalid segment length 0x%x", (unsigned)len);
    if (mapped && at % SS_IMAGE_MMU_PAGE != load % SS_IMAGE_MMU_PAGE)
        FAIL(l, SS_RULE_IMAGE, "Segment %u load address 0x%08x, doesn't match data 0x%08x", i, (unsigned)load,
             (unsigned)at);
    return true;
}

static void say_segment(struct loader *l, unsigned i, uint32_t load, uint32_t len, uint32_t at)
{
    bool mapped = ss_memory_mapped(ss_memory_kind(CHIP_ID, load));
    // Addresses below 0x10000000 are kept for what is not loaded, such as padding.
    const char *what = mapped ? "map" : l->load && load >= 0x10000000 ? "load" : "";
    ss_boot_log(l->b, 'I', TAG,
                ss_boot_is_modern(l->b) ? "segment %u: paddr=%08x vaddr=%08x size=%05xh (%6u) %s"
                                        : "segment %u: paddr=0x%08x vaddr=0x%08x size=0x%05x (%6u) %s",
                i, (unsigned)at, (unsigned)load, (unsigned)len, (unsigned)len, what);
}

static uint8_t xor_all(const uint8_t *p, uint32_t len)
{
    uint64_t wide = 0;
    uint32_t i = 0;
    for (; i + 8 <= len; i += 8)
        wide ^= ss_get_le64(p + i);
    wide ^= wide >> 32;
    wide ^= wide >> 16;
    wide ^= wide >> 8;
    for (; i < len; i++)
        wide ^= p[i];
    return (uint8_t)wide;
}

static bool take_segment(struct loader *l, unsigned i)
{
    struct ss_boot *b = l->b;
    const uint8_t *p = ss_boot_map(b, l->next, SS_IMAGE_SEGMENT_HEADER_SIZE);
    if (!p)
        return false;
    uint32_t load = ss_get_le32(p), len = ss_get_le32(p + 4), at = l->next + SS_IMAGE_SEGMENT_HEADER_SIZE;
    if (!check_segment_header(l, i, load, len, at))
        return false;
    say_segment(l, i, load, len, at);
    bool loads = l->load && load >= 0x10000000 && !ss_memory_mapped(ss_memory_kind(CHIP_ID, load));
    if (loads && !(ss_boot_is_modern(b) ? len == 0 || check_load_address_modern(l, i, load, len)
                                        : check_load_address(l, i, load, len)))
        return false;
    p = ss_boot_map(b, at, len);
    if (!p && b->status == SS_OK)
        FAIL(l, SS_RULE_IMAGE, "bootloader_mmap(0x%x, 0x%x) failed", (unsigned)at, (unsigned)len);
    if (!p)
        return false;
    l->checksum ^= xor_all(p, len);
    l->next = at + len;
    return true;
}

static bool check_checksum(struct loader *l)
{
    uint32_t len = l->next - l->image->address, padded = (len + 16) & ~15u;
    const uint8_t *p = ss_boot_map(l->b, l->image->address, padded);
    if (!p)
        return false;
    if (l->checksum != p[padded - 1])
        FAIL(l, SS_RULE_IMAGE, "Checksum failed. Calculated 0x%x read 0x%x", l->checksum, p[padded - 1]);
    l->image->len = padded + (l->image->header.hash_appended ? SS_IMAGE_HASH_SIZE : 0);
    return true;
}

/// v4.3 and before leave the signature out of what has to fit.
static bool check_space(struct loader *l)
{
    const struct ss_boot *b = l->b;
    uint32_t len = l->image->len;
    bool v2 = b->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V2;
    if (ss_boot_is_modern(b) && v2)
        len = (len + SS_IMAGE_V2_SECTOR_SIZE - 1) / SS_IMAGE_V2_SECTOR_SIZE * SS_IMAGE_V2_SECTOR_SIZE +
              SS_IMAGE_V2_SECTOR_SIZE;
    else if (ss_boot_is_modern(b) && b->profile->signed_on_boot && !l->bootloader)
        len += SS_IMAGE_V1_SIGNATURE_SIZE;
    if (len > l->space)
        FAIL(l, SS_RULE_IMAGE, "Image length %u doesn't fit in partition length %u", (unsigned)len, (unsigned)l->space);
    return true;
}

static bool check_hash(struct loader *l)
{
    struct ss_boot_image *image = l->image;
    uint8_t hash[SS_IMAGE_HASH_SIZE];
    if (!image->header.hash_appended)
        return true;
    uint32_t covered = image->len - SS_IMAGE_HASH_SIZE;
    const uint8_t *p = ss_boot_map(l->b, image->address, image->len);
    if (!p || !ss_boot_hash(l->b, SS_HASH_SHA256, p, covered, hash))
        return false;
    if (memcmp(hash, p + covered, sizeof hash))
        FAIL(l, SS_RULE_IMAGE, "Image hash failed - image is corrupt");
    return true;
}

/// Apps by signature or hash, the bootloader by its signature of V2 or not at all.
static bool check_content(struct loader *l)
{
    const struct ss_boot_profile *profile = l->b->profile;
    if (l->bootloader)
        return profile->secure_boot != SS_PROFILE_SECURE_BOOT_V2 || ss_boot_signature_ok(l->b, l->image);
    return profile->signed_on_boot ? ss_boot_signature_ok(l->b, l->image) : check_hash(l);
}

static bool check(struct loader *l)
{
    struct ss_boot *b = l->b;
    unsigned at = l->image->address;
    if (l->space > SS_IMAGE_MAX_SIZE)
        FAIL(l, SS_RULE_IMAGE, "partition size 0x%x invalid, larger than 16MB", (unsigned)l->space);
    const uint8_t *p = ss_boot_map(b, at, SS_IMAGE_HEADER_SIZE);
    if (!p)
        return false;
    ss_image_header_parse(p, &l->image->header);
    if (!check_header(l))
        return false;
    for (unsigned i = 0; i < l->image->header.segment_count; i++)
        if (!take_segment(l, i))
            return false;
    if (!check_checksum(l) || !check_space(l))
        return false;
    if (!check_content(l))
        return false;
    ss_boot_stage(b, SS_RULE_IMAGE, true, "the image at 0x%x is complete, %u bytes", at, (unsigned)l->image->len);
    return true;
}

bool ss_boot_image_check(struct ss_boot *b, uint32_t address, uint32_t space, bool load, struct ss_boot_image *image)
{
    *image = (struct ss_boot_image){.address = address};
    struct loader l = {.b = b,
                       .image = image,
                       .space = space,
                       .next = address + SS_IMAGE_HEADER_SIZE,
                       .checksum = 0xEF,
                       .load = load,
                       .bootloader = address == SS_BOOTLOADER_ADDRESS};
    return check(&l);
}

bool ss_boot_bootloader_check(struct ss_boot *b, struct ss_boot_image *image)
{
    return ss_boot_image_check(b, SS_BOOTLOADER_ADDRESS, b->profile->table_offset - SS_BOOTLOADER_ADDRESS, false,
                               image);
}
