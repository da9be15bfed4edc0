// SPDX-License-Identifier: Apache-2.0
#include "device/pins.h"

#include <string.h>

#include "core/bytes.h"

#define PIECE 256u
#define ALIGN 16u

ss_status_t ss_pins_own(const struct ss_pins *pins, const uint8_t **statement, size_t *len)
{
    // What the compiler has seen of the block is not what is there now.
    __asm__("" : "+r"(pins));
    uint32_t length = pins->length;
    *statement = NULL;
    *len = 0;
    if (length == 0)
        return SS_ERROR_DOES_NOT_EXIST;
    if (length > pins->capacity || length > SS_PINS_CAPACITY)
        return SS_ERROR_DATA_INVALID;
    *statement = pins->statement;
    *len = length;
    return SS_OK;
}

// Kept inverted, so that the magic itself is in an app but once.
static bool is_magic(const uint8_t *p)
{
    static const volatile uint8_t inverse[SS_PINS_MAGIC_SIZE] = {0x5A, 0x8C, 0x93, 0x90, 0x8B, 0x8C, 0x9A, 0x9E,
                                                                 0x93, 0xD2, 0x8F, 0x96, 0x91, 0x8C, 0xFE, 0x3C};
    for (unsigned i = 0; i < SS_PINS_MAGIC_SIZE; i++)
        if ((p[i] ^ inverse[i]) != 0xFF)
            return false;
    return true;
}

// @p len bytes from any offset of the image, read with the alignment that flash wants.
static ss_status_t read_at(ss_pins_read_fn read, void *context, uint32_t address, uint32_t offset, uint8_t *out,
                           uint32_t len)
{
    uint8_t piece[PIECE];
    while (len > 0) {
        uint32_t skip = offset % ALIGN, n = PIECE - skip < len ? PIECE - skip : len;
        ss_status_t status = read(context, address + offset - skip, piece, (skip + n + ALIGN - 1) / ALIGN * ALIGN);
        if (status != SS_OK)
            return status;
        memcpy(out, piece + skip, n);
        out += n;
        offset += n;
        len -= n;
    }
    return SS_OK;
}

// Counts the blocks; *@p first is the offset of the first one.
static ss_status_t count(ss_pins_read_fn read, void *context, uint32_t address, uint32_t len, unsigned *blocks,
                         uint32_t *first)
{
    uint8_t seen[ALIGN + PIECE]; // what was read before, then the piece: a magic may lie across
    uint32_t kept = 0;
    *blocks = 0;
    for (uint32_t at = 0; at < len; at += PIECE) {
        uint32_t n = len - at < PIECE ? len - at : PIECE;
        ss_status_t status = read(context, address + at, seen + kept, (n + ALIGN - 1) / ALIGN * ALIGN);
        if (status != SS_OK)
            return status;
        for (uint32_t i = 0; i + SS_PINS_MAGIC_SIZE <= kept + n; i++)
            if (is_magic(seen + i) && (*blocks)++ == 0)
                *first = at - kept + i;
        // One byte less than a magic, or what was found would be found again.
        uint32_t have = kept + n;
        kept = have < SS_PINS_MAGIC_SIZE ? have : SS_PINS_MAGIC_SIZE - 1;
        memmove(seen, seen + have - kept, kept);
    }
    return SS_OK;
}

ss_status_t ss_pins_find(ss_pins_read_fn read, void *context, uint32_t address, uint32_t len,
                         struct ss_pins_place *place)
{
    unsigned blocks;
    uint32_t at = 0;
    uint8_t head[SS_PINS_HEAD_SIZE];
    *place = (struct ss_pins_place){0};
    ss_status_t status = count(read, context, address, len, &blocks, &at);
    if (status != SS_OK)
        return status;
    if (blocks != 1)
        return blocks ? SS_ERROR_DATA_INVALID : SS_ERROR_DOES_NOT_EXIST;
    if (len - at < sizeof head)
        return SS_ERROR_DATA_INVALID;
    status = read_at(read, context, address, at, head, sizeof head);
    if (status != SS_OK)
        return status;
    uint32_t capacity = ss_get_le32(head + 16), length = ss_get_le32(head + 20);
    if (capacity > len - at - sizeof head || length > capacity)
        return SS_ERROR_DATA_INVALID;
    *place = (struct ss_pins_place){.offset = at + SS_PINS_HEAD_SIZE, .capacity = capacity, .length = length};
    return SS_OK;
}

ss_status_t ss_pins_read(ss_pins_read_fn read, void *context, uint32_t address, uint32_t len,
                         uint8_t out[SS_KEY_SET_MAX], size_t *out_len)
{
    struct ss_pins_place place;
    *out_len = 0;
    ss_status_t status = ss_pins_find(read, context, address, len, &place);
    if (status == SS_OK && place.length == 0)
        status = SS_ERROR_DOES_NOT_EXIST;
    if (status == SS_OK && place.length > SS_KEY_SET_MAX)
        status = SS_ERROR_DATA_INVALID;
    if (status == SS_OK)
        status = read_at(read, context, address, place.offset, out, place.length);
    if (status == SS_OK)
        *out_len = place.length;
    return status;
}
