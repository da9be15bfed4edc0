// SPDX-License-Identifier: Apache-2.0
// Constant-time AES on bit planes, eight blocks at a time: no table, no branch on data. Internal, included by the
// portable kernels.
//
// A plane holds one bit of every byte of eight blocks, four in each 64-bit lane:
//
//     bit of a lane:  63      48 47      32 31      16 15        0
//                    |  row 3   |  row 2   |  row 1   |  row 0   |   each row: column 3..0, each column: block 3..0
//
// so that ShiftRows rotates within 16 bits, MixColumns rotates by 16 bits, and nothing ever crosses a lane.
#ifndef SS_CORE_KERNELS_AES_BITSLICE_H
#define SS_CORE_KERNELS_AES_BITSLICE_H

#include <stdint.h>

#include "core/kernels/bitslice_sbox.h"

#define SS_SLICE_BLOCKS 8

/// Exchanges the bits of @p x under @p mask with those @p distance further up.
static inline ss_plane ss_slice_swap(ss_plane x, int distance, uint64_t mask)
{
    ss_plane t = ((x >> distance) ^ x) & mask;
    return x ^ t ^ (t << distance);
}

// ShiftRows moves row r by r columns. Two exchanges do that for all rows at once: neighbouring columns in the odd rows,
// and columns two apart: 1 and 3 in row 1, all in row 2, 0 and 2 in row 3.
static inline ss_plane ss_slice_swap_neighbours(ss_plane x)
{
    return ss_slice_swap(x, 4, 0x0F0F00000F0F0000);
}

static inline ss_plane ss_slice_swap_two_apart(ss_plane x)
{
    return ss_slice_swap(x, 8, 0x000F00FF00F00000);
}

static inline void ss_slice_shift_rows(ss_plane r[8], const ss_plane x[8])
{
    for (int i = 0; i < 8; i++)
        r[i] = ss_slice_swap_two_apart(ss_slice_swap_neighbours(x[i]));
}

static inline void ss_slice_inv_shift_rows(ss_plane r[8], const ss_plane x[8])
{
    for (int i = 0; i < 8; i++)
        r[i] = ss_slice_swap_neighbours(ss_slice_swap_two_apart(x[i]));
}

/// Each byte times two, in GF(2^8).
static inline void ss_slice_double(ss_plane r[8], const ss_plane a[8])
{
    ss_plane carry = a[7];
    for (int i = 7; i > 0; i--)
        r[i] = a[i - 1];
    r[0] = carry;
    r[1] ^= carry;
    r[3] ^= carry;
    r[4] ^= carry;
}

static inline ss_plane ss_slice_rotate(ss_plane x, int bits)
{
    return x >> bits | x << (64 - bits);
}

/// Row r of the result is 2(a_r + a_r+1) + a_r+1 + a_r+2 + a_r+3.
static inline void ss_slice_mix_columns(ss_plane x[8])
{
    ss_plane pair[8], twice[8];
    for (int i = 0; i < 8; i++)
        pair[i] = x[i] ^ ss_slice_rotate(x[i], 16);
    ss_slice_double(twice, pair);
    for (int i = 0; i < 8; i++)
        x[i] = twice[i] ^ ss_slice_rotate(x[i], 16) ^ ss_slice_rotate(pair[i], 32);
}

/// InvMixColumns is MixColumns after adding 4(a_r + a_r+2) to each row.
static inline void ss_slice_inv_mix_columns(ss_plane x[8])
{
    ss_plane opposite[8];
    for (int i = 0; i < 8; i++)
        opposite[i] = x[i] ^ ss_slice_rotate(x[i], 32);
    ss_slice_double(opposite, opposite);
    ss_slice_double(opposite, opposite);
    for (int i = 0; i < 8; i++)
        x[i] ^= opposite[i];
    ss_slice_mix_columns(x);
}

/// Puts eight consecutive blocks into planes.
void ss_slice_load(ss_plane planes[8], const uint8_t blocks[SS_SLICE_BLOCKS * 16]);

/// Takes eight consecutive blocks out of planes.
void ss_slice_store(const ss_plane planes[8], uint8_t blocks[SS_SLICE_BLOCKS * 16]);

#endif
