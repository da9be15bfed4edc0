// SPDX-License-Identifier: Apache-2.0
// Finds the parts of an image; judges nothing.
#include <string.h>

#include "core/bytes.h"
#include "core/image_parts.h"
#include "core/memory_map.h"

void ss_image_header_parse(const uint8_t in[SS_IMAGE_HEADER_SIZE], struct ss_image_header *out)
{
    *out = (struct ss_image_header){
        .magic = in[0],
        .segment_count = in[1],
        .spi_mode = in[2],
        .spi_speed = in[3] & 15,
        .spi_size = in[3] >> 4,
        .entry = ss_get_le32(in + 4),
        .wp_pin = in[8],
        .spi_pin_drv = {in[9], in[10], in[11]},
        .chip_id = ss_get_le16(in + 12),
        .min_chip_rev = in[14],
        .min_chip_rev_full = ss_get_le16(in + 15),
        .max_chip_rev_full = ss_get_le16(in + 17),
        .hash_appended = in[23],
    };
}

enum ss_segment_end ss_image_read_segments(const uint8_t *data, size_t len, struct ss_image *image, size_t *next)
{
    *next = SS_IMAGE_HEADER_SIZE;
    for (unsigned i = 0; i < image->header.segment_count; i++) {
        if (!ss_range_ok(*next, SS_IMAGE_SEGMENT_HEADER_SIZE, len)) {
            *next += SS_IMAGE_SEGMENT_HEADER_SIZE;
            return SS_SEGMENTS_END_OF_FILE;
        }
        struct ss_image_segment *s = &image->segments[i];
        s->load_addr = ss_get_le32(data + *next);
        s->length = ss_get_le32(data + *next + 4);
        s->offset = (uint32_t)*next + SS_IMAGE_SEGMENT_HEADER_SIZE;
        s->kind = ss_memory_kind(image->header.chip_id, s->load_addr);
        s->mapped = ss_memory_mapped(s->kind);
        if (s->length % 4 != 0 || s->length >= SS_IMAGE_MAX_SIZE)
            return SS_SEGMENTS_BAD_LENGTH;
        *next = (size_t)s->offset + s->length;
        if (*next > len)
            return SS_SEGMENTS_END_OF_FILE;
        image->segment_count++;
    }
    return SS_SEGMENTS_READ;
}

bool ss_image_place_tail(size_t len, size_t next, struct ss_image *image)
{
    // At most 16 × 16 MiB of segments: no overflow.
    image->checksum_offset = ((uint32_t)next + 16) / 16 * 16 - 1;
    image->has_hash = image->header.hash_appended != 0;
    image->image_len = image->checksum_offset + 1 + (image->has_hash ? SS_IMAGE_HASH_SIZE : 0);
    image->complete = image->image_len <= len;
    return image->complete;
}

bool ss_image_walk(const uint8_t *data, size_t len, struct ss_image *image)
{
    size_t next;
    memset(image, 0, sizeof *image);
    if (len < SS_IMAGE_HEADER_SIZE)
        return false;
    ss_image_header_parse(data, &image->header);
    return image->header.magic == SS_IMAGE_MAGIC && image->header.segment_count <= SS_IMAGE_MAX_SEGMENTS &&
           ss_image_read_segments(data, len, image, &next) == SS_SEGMENTS_READ && ss_image_place_tail(len, next, image);
}

// Eight bytes at a time: one by one, this would take about as long as the hash.
static uint8_t xor_bytes(const uint8_t *p, uint32_t len)
{
    uint64_t wide = 0;
    for (; len >= 8; len -= 8, p += 8)
        wide ^= ss_get_le64(p);
    for (; len > 0; len--)
        wide ^= *p++;
    wide ^= wide >> 32;
    wide ^= wide >> 16;
    return (uint8_t)(wide ^ wide >> 8);
}

uint8_t ss_image_checksum(const uint8_t *data, const struct ss_image *image)
{
    uint8_t sum = 0xEF;
    for (unsigned i = 0; i < image->segment_count; i++)
        sum ^= xor_bytes(data + image->segments[i].offset, image->segments[i].length);
    return sum;
}
