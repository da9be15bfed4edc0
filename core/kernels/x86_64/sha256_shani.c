// SPDX-License-Identifier: Apache-2.0
// SHA-256 with the SHA extensions: one message, or four interleaved because SHA256RNDS2 waits for its own result.
#include <immintrin.h>

#include "core/kernels/cpu.h"
#include "core/kernels/sha256_kernels.h"

#define TARGET        __attribute__((target("sha,sse4.1")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET
#define MAX_LANES     4

ALWAYS_INLINE __m128i load(const void *p)
{
    return _mm_loadu_si128(p);
}

// The instructions want the state as words F E B A and H G D C, low to high.
ALWAYS_INLINE void load_state(__m128i *abef, __m128i *cdgh, const uint32_t state[8])
{
    __m128i badc = _mm_shuffle_epi32(load(state), 0xB1);
    __m128i hgfe = _mm_shuffle_epi32(load(state + 4), 0x1B);
    *abef = _mm_alignr_epi8(badc, hgfe, 8);
    *cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
}

ALWAYS_INLINE void store_state(uint32_t state[8], __m128i abef, __m128i cdgh)
{
    __m128i abef_reversed = _mm_shuffle_epi32(abef, 0x1B);
    __m128i cdgh_swapped = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(abef_reversed, cdgh_swapped, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(cdgh_swapped, abef_reversed, 8));
}

/// The four message words that take the place of @p w[i], sixteen words on.
ALWAYS_INLINE __m128i next_words(const __m128i w[4], int i)
{
    __m128i middle = _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4);
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]), middle);
    return _mm_sha256msg2_epu32(sum, w[(i + 3) & 3]);
}

ALWAYS_INLINE void run(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks, int lanes)
{
    const __m128i big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i first[MAX_LANES], second[MAX_LANES];
#pragma GCC unroll 16
    for (int l = 0; l < lanes; l++)
        load_state(&first[l], &second[l], *states[l]);
    for (size_t block = 0; block < blocks; block++) {
        __m128i abef[MAX_LANES], cdgh[MAX_LANES], w[MAX_LANES][4];
#pragma GCC unroll 16
        for (int l = 0; l < lanes; l++) {
            abef[l] = first[l];
            cdgh[l] = second[l];
#pragma GCC unroll 16
            for (int i = 0; i < 4; i++)
                w[l][i] = _mm_shuffle_epi8(load(in[l] + block * SS_SHA256_BLOCK + 16 * i), big_endian);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i constants = load(ss_sha256_constants + 4 * i);
#pragma GCC unroll 16
            for (int l = 0; l < lanes; l++) {
                __m128i sum = _mm_add_epi32(w[l][i & 3], constants);
                cdgh[l] = _mm_sha256rnds2_epu32(cdgh[l], abef[l], sum);
                abef[l] = _mm_sha256rnds2_epu32(abef[l], cdgh[l], _mm_shuffle_epi32(sum, 0x0E));
                if (i < 12)
                    w[l][i & 3] = next_words(w[l], i);
            }
        }
#pragma GCC unroll 16
        for (int l = 0; l < lanes; l++) {
            first[l] = _mm_add_epi32(first[l], abef[l]);
            second[l] = _mm_add_epi32(second[l], cdgh[l]);
        }
    }
#pragma GCC unroll 16
    for (int l = 0; l < lanes; l++)
        store_state(*states[l], first[l], second[l]);
}

TARGET static void one(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks)
{
    run(states, in, blocks, 1);
}

TARGET static void four(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks)
{
    run(states, in, blocks, 4);
}

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_SHANI | SS_CPU_SSSE3);
}

const struct ss_sha256_kernel ss_sha256_shani = {"shani", 1, 1, supported, one};
const struct ss_sha256_kernel ss_sha256_shani_4 = {"shani-4", 4, 3, supported, four};
