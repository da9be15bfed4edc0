// SPDX-License-Identifier: Apache-2.0
// SHA-256 of eight messages, one in each 32-bit lane of 256-bit registers: for CPUs that have neither AVX-512 nor SHA
// extensions.
#include <immintrin.h>

#include "core/kernels/cpu.h"
#include "core/kernels/sha256_kernels.h"

#define LANES         8
#define TARGET        __attribute__((target("avx2")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET
typedef __m256i vec;

#define v_add(a, b)         _mm256_add_epi32(a, b)
#define v_set32(word)       _mm256_set1_epi32((int)(word))
#define v_shift(a, n)       _mm256_srli_epi32(a, n)
#define v_rotate(a, n)      _mm256_or_si256(_mm256_srli_epi32(a, n), _mm256_slli_epi32(a, 32 - (n)))
#define v_xor3(a, b, c)     _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define v_choice(e, f, g)   _mm256_xor_si256(g, _mm256_and_si256(e, _mm256_xor_si256(f, g)))
#define v_majority(a, b, c) _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)))
#define v_low32(a, b)       _mm256_unpacklo_epi32(a, b)
#define v_high32(a, b)      _mm256_unpackhi_epi32(a, b)
#define v_low64(a, b)       _mm256_unpacklo_epi64(a, b)
#define v_high64(a, b)      _mm256_unpackhi_epi64(a, b)

#include "core/kernels/x86_64/sha256_quads.h"

/// Words of messages to messages of words, both ways: an 8×8 matrix of 32-bit words.
ALWAYS_INLINE void transpose(vec m[8])
{
    vec quads[8];
    v_quads(quads, m);
#pragma GCC unroll 16
    for (int j = 0; j < 4; j++) {
        m[j] = _mm256_permute2x128_si256(quads[j], quads[4 + j], 0x20);
        m[4 + j] = _mm256_permute2x128_si256(quads[j], quads[4 + j], 0x31);
    }
}

ALWAYS_INLINE void v_load_words(vec w[16], const uint8_t *const in[], size_t at)
{
    const vec big_endian =
        _mm256_broadcastsi128_si256(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
#pragma GCC unroll 16
    for (int half = 0; half < 2; half++) {
#pragma GCC unroll 16
        for (int l = 0; l < LANES; l++) {
            const uint8_t *words = in[l] + at + 32 * half;
            w[8 * half + l] = _mm256_shuffle_epi8(_mm256_loadu_si256((const vec *)words), big_endian);
        }
        transpose(w + 8 * half);
    }
}

ALWAYS_INLINE void v_load_states(vec state[LANES], uint32_t (*const states[])[8])
{
    for (int l = 0; l < LANES; l++)
        state[l] = _mm256_loadu_si256((const vec *)*states[l]);
    transpose(state);
}

ALWAYS_INLINE void v_store_states(uint32_t (*const states[])[8], vec state[LANES])
{
    transpose(state);
    for (int l = 0; l < LANES; l++)
        _mm256_storeu_si256((vec *)*states[l], state[l]);
}

#include "core/kernels/sha256_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AVX2);
}

const struct ss_sha256_kernel ss_sha256_avx2 = {"avx2-8", LANES, 3, supported, compress};
