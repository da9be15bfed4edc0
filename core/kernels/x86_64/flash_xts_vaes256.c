// SPDX-License-Identifier: Apache-2.0
// XTS with 256-bit AES instructions: two units at a time.
#include <immintrin.h>

#include "core/kernels/cpu.h"
#include "core/kernels/flash_xts_kernels.h"

#define BATCH_UNITS   2
#define TARGET        __attribute__((target("avx2,vaes,vpclmulqdq")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET
typedef __m256i vec;

#define v_load(p)                _mm256_loadu_si256((const vec *)(p))
#define v_store(p, v)            _mm256_storeu_si256((vec *)(p), v)
#define v_xor(a, b)              _mm256_xor_si256(a, b)
#define v_key(p)                 _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(p)))
#define v_aesenc(state, key)     _mm256_aesenc_epi128(state, key)
#define v_aesdec(state, key)     _mm256_aesdec_epi128(state, key)
#define v_aesenclast(state, key) _mm256_aesenclast_epi128(state, key)
#define v_aesdeclast(state, key) _mm256_aesdeclast_epi128(state, key)

ALWAYS_INLINE vec v_addresses(uint32_t address)
{
    return _mm256_set_epi32(0, 0, 0, (int)(address + SS_FLASH_XTS_UNIT), 0, 0, 0, (int)address);
}

ALWAYS_INLINE vec v_reverse(vec blocks)
{
    const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm256_shuffle_epi8(blocks, _mm256_broadcastsi128_si256(order));
}

#include "core/kernels/x86_64/flash_xts_cipher.h"

/// @p tweak, the same in both lanes, times α to the power @p high in the upper lane and @p low in the lower (0..7).
ALWAYS_INLINE vec times_alpha(vec tweak, int high, int low)
{
    const vec powers = _mm256_set_epi64x(high, high, low, low);
    vec swapped = _mm256_shuffle_epi32(tweak, _MM_SHUFFLE(1, 0, 3, 2));
    // What leaves one half: enters the upper half as it is, the lower half times 0x87.
    vec overflow = _mm256_srlv_epi64(swapped, _mm256_sub_epi64(_mm256_set1_epi64x(64), powers));
    vec reduced = _mm256_clmulepi64_epi128(overflow, _mm256_set1_epi64x(0x87), 0x00);
    overflow = _mm256_blend_epi32(overflow, reduced, 0x33);
    return _mm256_xor_si256(_mm256_sllv_epi64(tweak, powers), overflow);
}

ALWAYS_INLINE void chain_tweaks(vec chain[SS_FLASH_XTS_VECTORS], vec tweaks)
{
    const vec unit[BATCH_UNITS] = {_mm256_permute2x128_si256(tweaks, tweaks, 0x00),
                                   _mm256_permute2x128_si256(tweaks, tweaks, 0x11)};
#pragma GCC unroll 16
    for (int i = 0; i < BATCH_UNITS; i++) {
        chain[4 * i] = times_alpha(unit[i], 6, 7);
        chain[4 * i + 1] = times_alpha(unit[i], 4, 5);
        chain[4 * i + 2] = times_alpha(unit[i], 2, 3);
        chain[4 * i + 3] = times_alpha(unit[i], 0, 1);
    }
}

#include "core/kernels/flash_xts_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AVX2 | SS_CPU_VAES | SS_CPU_VPCLMUL);
}

const struct ss_flash_xts_kernel ss_flash_xts_vaes256 = {"vaes256", supported, seal, unseal};
