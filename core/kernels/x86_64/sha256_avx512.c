// SPDX-License-Identifier: Apache-2.0
// SHA-256 of sixteen messages, one in each 32-bit lane of 512-bit registers.
#include <immintrin.h>

#include "core/kernels/cpu.h"
#include "core/kernels/sha256_kernels.h"

#define LANES         16
#define TARGET        __attribute__((target("avx512f,avx512bw")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET

/// Keeps the compiler from regrouping sums: how many additions follow Σ1 decides the length of a round.
#define KEEP(x) __asm__("" : "+v"(x))

/// Words of messages to messages of words, both ways: a 16×16 matrix of 32-bit words.
ALWAYS_INLINE void transpose(__m512i m[16])
{
    __m512i pairs[16], quads[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
        pairs[i] = _mm512_unpacklo_epi32(m[i], m[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(m[i], m[i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 4) {
        quads[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
#pragma GCC unroll 16
    for (int j = 0; j < 4; j++) { // quarters of quads j, 4+j, 8+j, 12+j become whole rows
        __m512i low0 = _mm512_shuffle_i32x4(quads[j], quads[4 + j], 0x44);
        __m512i high0 = _mm512_shuffle_i32x4(quads[j], quads[4 + j], 0xEE);
        __m512i low1 = _mm512_shuffle_i32x4(quads[8 + j], quads[12 + j], 0x44);
        __m512i high1 = _mm512_shuffle_i32x4(quads[8 + j], quads[12 + j], 0xEE);
        m[j] = _mm512_shuffle_i32x4(low0, low1, 0x88);
        m[4 + j] = _mm512_shuffle_i32x4(low0, low1, 0xDD);
        m[8 + j] = _mm512_shuffle_i32x4(high0, high1, 0x88);
        m[12 + j] = _mm512_shuffle_i32x4(high0, high1, 0xDD);
    }
}

ALWAYS_INLINE __m512i xor3(__m512i a, __m512i b, __m512i c)
{
    return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

ALWAYS_INLINE __m512i next_word(const __m512i w[16], int i)
{
    __m512i a = w[(i + 1) & 15], b = w[(i + 14) & 15];
    __m512i s0 = xor3(_mm512_ror_epi32(a, 7), _mm512_ror_epi32(a, 18), _mm512_srli_epi32(a, 3));
    __m512i s1 = xor3(_mm512_ror_epi32(b, 17), _mm512_ror_epi32(b, 19), _mm512_srli_epi32(b, 10));
    return _mm512_add_epi32(_mm512_add_epi32(w[i], w[(i + 9) & 15]), _mm512_add_epi32(s0, s1));
}

/// Round @p i of a group of 16; @p v rotates by index, so that v[-i] is the variable a. Only Σ1 and Ch depend on the
/// round before, so all else is added up first, once with d and once without.
ALWAYS_INLINE void one_round(__m512i v[8], __m512i word_and_constant, int i)
{
    __m512i a = v[-i & 7], b = v[(1 - i) & 7], c = v[(2 - i) & 7], d = v[(3 - i) & 7];
    __m512i e = v[(4 - i) & 7], f = v[(5 - i) & 7], g = v[(6 - i) & 7], h = v[(7 - i) & 7];
    __m512i sum = _mm512_add_epi32(h, word_and_constant);
    KEEP(sum);
    __m512i sum_d = _mm512_add_epi32(d, sum);
    KEEP(sum_d);
    __m512i choice = _mm512_ternarylogic_epi32(e, f, g, 0xCA);
    sum = _mm512_add_epi32(sum, choice);
    sum_d = _mm512_add_epi32(sum_d, choice);
    KEEP(sum);
    KEEP(sum_d);
    __m512i sigma1 = xor3(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
    __m512i sigma0 = xor3(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22));
    __m512i majority = _mm512_ternarylogic_epi32(a, b, c, 0xE8);
    v[(3 - i) & 7] = _mm512_add_epi32(sum_d, sigma1);
    v[(7 - i) & 7] = _mm512_add_epi32(_mm512_add_epi32(sum, sigma1), _mm512_add_epi32(sigma0, majority));
}

ALWAYS_INLINE void one_block(__m512i state[8], __m512i w[16])
{
    __m512i v[8];
#pragma GCC unroll 16
    for (int i = 0; i < 8; i++)
        v[i] = state[i];
#pragma GCC unroll 4
    for (int group = 0; group < 64; group += 16) {
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m512i constant = _mm512_set1_epi32((int)ss_sha256_constants[group + i]);
            one_round(v, _mm512_add_epi32(w[i], constant), i);
            if (group < 48)
                w[i] = next_word(w, i);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < 8; i++)
        state[i] = _mm512_add_epi32(state[i], v[i]);
}

TARGET static void compress(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks)
{
    const __m512i big_endian =
        _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
    __m512i state[16];
    for (int l = 0; l < LANES; l++)
        state[l] = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)*states[l]));
    transpose(state);
    for (size_t block = 0; block < blocks; block++) {
        __m512i w[16];
#pragma GCC unroll 16
        for (int l = 0; l < LANES; l++)
            w[l] = _mm512_shuffle_epi8(_mm512_loadu_si512(in[l] + block * SS_SHA256_BLOCK), big_endian);
        transpose(w);
        one_block(state, w);
    }
    transpose(state);
    for (int l = 0; l < LANES; l++)
        _mm256_storeu_si256((__m256i *)*states[l], _mm512_castsi512_si256(state[l]));
}

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AVX512);
}

const struct ss_sha256_kernel ss_sha256_avx512 = {"avx512-16", LANES, 9, supported, compress};
