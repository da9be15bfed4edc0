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

#define SS_SLICE_BLOCKS 8

typedef uint64_t ss_slice_t __attribute__((vector_size(16)));

// The S-box is an inversion in GF(2^8). It is computed in the tower GF(((2^2)^2)^2) given by w² = w + 1, y² = y + w,
// z² = z + (y³ + 1) with y³ + 1 = 9 as a nibble; among all isomorphisms this one has the cheapest maps in and out.

/// r = a·b in GF(4).
static inline void ss_slice_mul4(ss_slice_t r[2], const ss_slice_t a[2], const ss_slice_t b[2])
{
    ss_slice_t low = a[0] & b[0];
    ss_slice_t high = a[1] & b[1];
    r[1] = ((a[1] ^ a[0]) & (b[1] ^ b[0])) ^ low;
    r[0] = low ^ high;
}

/// r = a·b in GF(16), by Karatsuba. r may not alias a or b.
static inline void ss_slice_mul16(ss_slice_t r[4], const ss_slice_t a[4], const ss_slice_t b[4])
{
    ss_slice_t high[2], low[2], cross[2];
    ss_slice_mul4(high, a + 2, b + 2);
    ss_slice_mul4(low, a, b);
    ss_slice_mul4(cross, (ss_slice_t[]){a[0] ^ a[2], a[1] ^ a[3]}, (ss_slice_t[]){b[0] ^ b[2], b[1] ^ b[3]});
    r[3] = cross[1] ^ low[1];
    r[2] = cross[0] ^ low[0];
    r[1] = low[1] ^ high[1] ^ high[0];
    r[0] = low[0] ^ high[1];
}

/// r = 1/a in GF(16), 0 for 0: the conjugate over the norm, and in GF(4) an inverse is a square.
static inline void ss_slice_invert16(ss_slice_t r[4], const ss_slice_t a[4])
{
    ss_slice_t product[2], sum[2] = {a[0] ^ a[2], a[1] ^ a[3]};
    ss_slice_mul4(product, a + 2, a);
    // norm = w·a1² + a1·a0 + a0²
    ss_slice_t norm1 = product[1] ^ a[2] ^ a[1];
    ss_slice_t norm0 = product[0] ^ a[3] ^ a[0] ^ a[1];
    ss_slice_t inverse[2] = {norm0 ^ norm1, norm1};
    ss_slice_mul4(r + 2, a + 2, inverse);
    ss_slice_mul4(r, sum, inverse);
}

/// In place: 1/a in the tower field, 0 for 0.
static inline void ss_slice_invert(ss_slice_t a[8])
{
    const ss_slice_t *low = a, *high = a + 4;
    ss_slice_t norm[4], inverse[4], sum[4], r[8];
    ss_slice_mul16(norm, high, low);
    // + 9·high² + low²
    norm[0] ^= high[0] ^ high[1] ^ high[2] ^ high[3] ^ low[0] ^ low[1] ^ low[3];
    norm[1] ^= high[1] ^ high[3] ^ low[1] ^ low[2];
    norm[2] ^= high[1] ^ low[2] ^ low[3];
    norm[3] ^= high[0] ^ low[3];
    ss_slice_invert16(inverse, norm);
    for (int i = 0; i < 4; i++)
        sum[i] = low[i] ^ high[i];
    ss_slice_mul16(r + 4, high, inverse);
    ss_slice_mul16(r, sum, inverse);
    for (int i = 0; i < 8; i++)
        a[i] = r[i];
}

/// SubBytes without its constant 0x63, which callers fold into round keys 1 to n: MixColumns leaves it as it is.
static inline void ss_slice_sub_bytes(ss_slice_t x[8])
{
    ss_slice_t t8 = x[4] ^ x[6], t9 = x[1] ^ x[2], t10 = x[3] ^ t8, t11 = x[7] ^ t9;
    ss_slice_t y[8] = {x[0] ^ x[3] ^ t11, x[1] ^ x[3],     t10,        x[6] ^ t11, x[2] ^ x[7] ^ t10,
                       x[1] ^ x[7] ^ t8,  x[5] ^ t9 ^ t10, x[5] ^ x[7]};
    ss_slice_invert(y);
    t8 = y[0] ^ y[3], t9 = y[1] ^ t8, t10 = y[2] ^ y[4], t11 = y[2] ^ y[7];
    x[0] = y[0] ^ y[6];
    x[1] = y[7] ^ t9;
    x[2] = t9 ^ t10;
    x[3] = y[0];
    x[4] = y[5] ^ t8 ^ t10;
    x[5] = y[3] ^ t11;
    x[6] = y[4] ^ y[7];
    x[7] = t11;
}

/// InvSubBytes; the constant 0x63 has been added by the round key before.
static inline void ss_slice_inv_sub_bytes(ss_slice_t x[8])
{
    ss_slice_t t8 = x[2] ^ x[6], t9 = x[3] ^ x[5], t10 = x[1] ^ t8, t11;
    ss_slice_t y[8] = {x[3], t8 ^ t9, t10, x[5] ^ x[7], x[1] ^ x[2] ^ x[7], x[4] ^ x[6] ^ t9, x[0] ^ x[3], x[7] ^ t10};
    ss_slice_invert(y);
    t8 = y[1] ^ y[4], t9 = y[6] ^ y[7], t10 = y[1] ^ y[2], t11 = y[5] ^ t10;
    x[0] = y[0] ^ y[2] ^ t8;
    x[1] = y[4] ^ t9;
    x[2] = y[5] ^ t8;
    x[3] = t8 ^ t9;
    x[4] = y[3] ^ t8;
    x[5] = y[7] ^ t11;
    x[6] = y[2] ^ y[3] ^ t9;
    x[7] = t11;
}

static inline void ss_slice_shift_rows(ss_slice_t x[8])
{
    for (int i = 0; i < 8; i++)
        x[i] = (x[i] & 0x000000000000FFFF) | ((x[i] >> 4) & 0x000000000FFF0000) | ((x[i] & 0x00000000000F0000) << 12) |
               ((x[i] >> 8) & 0x000000FF00000000) | ((x[i] & 0x000000FF00000000) << 8) |
               ((x[i] >> 12) & 0x000F000000000000) | ((x[i] & 0x0FFF000000000000) << 4);
}

static inline void ss_slice_inv_shift_rows(ss_slice_t x[8])
{
    for (int i = 0; i < 8; i++)
        x[i] = (x[i] & 0x000000000000FFFF) | ((x[i] & 0x000000000FFF0000) << 4) | ((x[i] >> 12) & 0x00000000000F0000) |
               ((x[i] >> 8) & 0x000000FF00000000) | ((x[i] & 0x000000FF00000000) << 8) |
               ((x[i] & 0x000F000000000000) << 12) | ((x[i] >> 4) & 0x0FFF000000000000);
}

/// Each byte times two, in GF(2^8).
static inline void ss_slice_double(ss_slice_t r[8], const ss_slice_t a[8])
{
    ss_slice_t carry = a[7];
    for (int i = 7; i > 0; i--)
        r[i] = a[i - 1];
    r[0] = carry;
    r[1] ^= carry;
    r[3] ^= carry;
    r[4] ^= carry;
}

static inline ss_slice_t ss_slice_rotate(ss_slice_t x, int bits)
{
    return x >> bits | x << (64 - bits);
}

/// Row r of the result is 2(a_r + a_r+1) + a_r+1 + a_r+2 + a_r+3.
static inline void ss_slice_mix_columns(ss_slice_t x[8])
{
    ss_slice_t pair[8], twice[8];
    for (int i = 0; i < 8; i++)
        pair[i] = x[i] ^ ss_slice_rotate(x[i], 16);
    ss_slice_double(twice, pair);
    for (int i = 0; i < 8; i++)
        x[i] = twice[i] ^ ss_slice_rotate(x[i], 16) ^ ss_slice_rotate(pair[i], 32);
}

/// InvMixColumns is MixColumns after adding 4(a_r + a_r+2) to each row.
static inline void ss_slice_inv_mix_columns(ss_slice_t x[8])
{
    ss_slice_t opposite[8];
    for (int i = 0; i < 8; i++)
        opposite[i] = x[i] ^ ss_slice_rotate(x[i], 32);
    ss_slice_double(opposite, opposite);
    ss_slice_double(opposite, opposite);
    for (int i = 0; i < 8; i++)
        x[i] ^= opposite[i];
    ss_slice_mix_columns(x);
}

/// Puts eight consecutive blocks into planes.
void ss_slice_load(ss_slice_t planes[8], const uint8_t blocks[SS_SLICE_BLOCKS * 16]);

/// Takes eight consecutive blocks out of planes.
void ss_slice_store(const ss_slice_t planes[8], uint8_t blocks[SS_SLICE_BLOCKS * 16]);

#endif
