// SPDX-License-Identifier: Apache-2.0
// SHA-256 of sixteen messages, one in each 32-bit lane of 512-bit registers.
#include <immintrin.h>

#include "core/kernels/cpu.h"
#include "core/kernels/sha256_kernels.h"

#define LANES         16
#define TARGET        __attribute__((target("avx512f,avx512bw")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET
typedef __m512i vec;

#define v_add(a, b)         _mm512_add_epi32(a, b)
#define v_set32(word)       _mm512_set1_epi32((int)(word))
#define v_shift(a, n)       _mm512_srli_epi32(a, n)
#define v_rotate(a, n)      _mm512_ror_epi32(a, n)
#define v_xor3(a, b, c)     _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define v_choice(e, f, g)   _mm512_ternarylogic_epi32(e, f, g, 0xCA)
#define v_majority(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xE8)
#define v_low32(a, b)       _mm512_unpacklo_epi32(a, b)
#define v_high32(a, b)      _mm512_unpackhi_epi32(a, b)
#define v_low64(a, b)       _mm512_unpacklo_epi64(a, b)
#define v_high64(a, b)      _mm512_unpackhi_epi64(a, b)

#include "core/kernels/x86_64/sha256_quads.h"

/// Words of messages to messages of words, both ways: a 16×16 matrix of 32-bit words.
ALWAYS_INLINE void transpose(vec m[16])
{
    vec quads[16];
    v_quads(quads, m);
#pragma GCC unroll 16
    for (int j = 0; j < 4; j++) { // quarters of quads j, 4+j, 8+j, 12+j become whole rows
        vec low0 = _mm512_shuffle_i32x4(quads[j], quads[4 + j], 0x44);
        vec high0 = _mm512_shuffle_i32x4(quads[j], quads[4 + j], 0xEE);
        vec low1 = _mm512_shuffle_i32x4(quads[8 + j], quads[12 + j], 0x44);
        vec high1 = _mm512_shuffle_i32x4(quads[8 + j], quads[12 + j], 0xEE);
        m[j] = _mm512_shuffle_i32x4(low0, low1, 0x88);
        m[4 + j] = _mm512_shuffle_i32x4(low0, low1, 0xDD);
        m[8 + j] = _mm512_shuffle_i32x4(high0, high1, 0x88);
        m[12 + j] = _mm512_shuffle_i32x4(high0, high1, 0xDD);
    }
}

ALWAYS_INLINE void v_load_words(vec w[16], const uint8_t *const in[], size_t at)
{
    const vec big_endian = _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
#pragma GCC unroll 16
    for (int l = 0; l < LANES; l++)
        w[l] = _mm512_shuffle_epi8(_mm512_loadu_si512(in[l] + at), big_endian);
    transpose(w);
}

// A state is eight words: half of the matrix stays unused.
ALWAYS_INLINE void v_load_states(vec state[LANES], uint32_t (*const states[])[8])
{
    for (int l = 0; l < LANES; l++)
        state[l] = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)*states[l]));
    transpose(state);
}

ALWAYS_INLINE void v_store_states(uint32_t (*const states[])[8], vec state[LANES])
{
    transpose(state);
    for (int l = 0; l < LANES; l++)
        _mm256_storeu_si256((__m256i *)*states[l], _mm512_castsi512_si256(state[l]));
}

#include "core/kernels/sha256_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AVX512BW);
}

const struct ss_sha256_kernel ss_sha256_avx512 = {"avx512-16", LANES, 9, supported, compress};
