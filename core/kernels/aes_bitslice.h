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

static inline void ss_slice_shift_rows(ss_plane r[8], const ss_plane x[8])
{
    for (int i = 0; i < 8; i++)
        r[i] = (x[i] & 0x000000000000FFFF) | ((x[i] >> 4) & 0x000000000FFF0000) | ((x[i] & 0x00000000000F0000) << 12) |
               ((x[i] >> 8) & 0x000000FF00000000) | ((x[i] & 0x000000FF00000000) << 8) |
               ((x[i] >> 12) & 0x000F000000000000) | ((x[i] & 0x0FFF000000000000) << 4);
}

static inline void ss_slice_inv_shift_rows(ss_plane r[8], const ss_plane x[8])
{
    for (int i = 0; i < 8; i++)
        r[i] = (x[i] & 0x000000000000FFFF) | ((x[i] & 0x000000000FFF0000) << 4) | ((x[i] >> 12) & 0x00000000000F0000) |
               ((x[i] >> 8) & 0x000000FF00000000) | ((x[i] & 0x000000FF00000000) << 8) |
               ((x[i] & 0x000F000000000000) << 12) | ((x[i] >> 4) & 0x0FFF000000000000);
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
