// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/aes_bitslice.h"

#include "core/bytes.h"

/// Swaps the bits of @p a under mask << shift with those of @p b under mask.
static inline void swap_bits(ss_plane *a, ss_plane *b, int shift, uint64_t mask)
{
    ss_plane t = ((*a >> shift) ^ *b) & mask;
    *b ^= t;
    *a ^= t << shift;
}

/// Transposes the 8×8 bit matrix that each byte position of the eight words forms. Its own inverse.
static void transpose_bits(ss_plane w[8])
{
    for (int i = 0; i < 8; i += 2)
        swap_bits(&w[i], &w[i + 1], 1, 0x5555555555555555);
    for (int i = 0; i < 8; i += 4)
        for (int j = i; j < i + 2; j++)
            swap_bits(&w[j], &w[j + 2], 2, 0x3333333333333333);
    for (int j = 0; j < 4; j++)
        swap_bits(&w[j], &w[j + 4], 4, 0x0F0F0F0F0F0F0F0F);
}

/// Bytes 0..3 of @p even to bytes 0, 2, 4, 6 and those of @p odd between them.
static inline uint64_t interleave(uint32_t even, uint32_t odd)
{
    uint64_t e = even, o = odd;
    e = (e | e << 16) & 0x0000FFFF0000FFFF;
    o = (o | o << 16) & 0x0000FFFF0000FFFF;
    e = (e | e << 8) & 0x00FF00FF00FF00FF;
    o = (o | o << 8) & 0x00FF00FF00FF00FF;
    return e | o << 8;
}

static inline uint32_t even_bytes(uint64_t v)
{
    v &= 0x00FF00FF00FF00FF;
    v = (v | v >> 8) & 0x0000FFFF0000FFFF;
    return (uint32_t)(v | v >> 16);
}

void ss_slice_load(ss_plane planes[8], const uint8_t blocks[SS_SLICE_BLOCKS * 16])
{
    for (int i = 0; i < SS_SLICE_BLOCKS; i++) {
        const uint8_t *block = blocks + 16 * i;
        planes[i % 4][i / 4] = interleave(ss_get_le32(block), ss_get_le32(block + 8));
        planes[i % 4 + 4][i / 4] = interleave(ss_get_le32(block + 4), ss_get_le32(block + 12));
    }
    transpose_bits(planes);
}

void ss_slice_store(const ss_plane planes[8], uint8_t blocks[SS_SLICE_BLOCKS * 16])
{
    ss_plane w[8];
    for (int i = 0; i < 8; i++)
        w[i] = planes[i];
    transpose_bits(w);
    for (int i = 0; i < SS_SLICE_BLOCKS; i++) {
        uint8_t *block = blocks + 16 * i;
        uint64_t outer = w[i % 4][i / 4], inner = w[i % 4 + 4][i / 4];
        ss_put_le32(block, even_bytes(outer));
        ss_put_le32(block + 4, even_bytes(inner));
        ss_put_le32(block + 8, even_bytes(outer >> 8));
        ss_put_le32(block + 12, even_bytes(inner >> 8));
    }
}
