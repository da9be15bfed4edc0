// SPDX-License-Identifier: Apache-2.0
// The first half of transposing a matrix of 32-bit words, for any width of vector: the half that stays within 128 bits.
// Internal. Before this file a kernel defines LANES, vec and v_low32(), v_high32(), v_low64(), v_high64(): words in
// turn of two vectors, from the low or the high half of each 128 bits.
#ifndef SS_CORE_KERNELS_X86_64_SHA256_QUADS_H
#define SS_CORE_KERNELS_X86_64_SHA256_QUADS_H

/// Transposes the 4×4 matrices that four rows each have in every 128 bits.
ALWAYS_INLINE void v_quads(vec quads[LANES], const vec rows[LANES])
{
    vec pairs[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i += 2) {
        pairs[i] = v_low32(rows[i], rows[i + 1]);
        pairs[i + 1] = v_high32(rows[i], rows[i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i += 4) {
        quads[i] = v_low64(pairs[i], pairs[i + 2]);
        quads[i + 1] = v_high64(pairs[i], pairs[i + 2]);
        quads[i + 2] = v_low64(pairs[i + 1], pairs[i + 3]);
        quads[i + 3] = v_high64(pairs[i + 1], pairs[i + 3]);
    }
}

#endif
