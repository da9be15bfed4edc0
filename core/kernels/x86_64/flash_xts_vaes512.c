// SPDX-License-Identifier: Apache-2.0
// XTS with 512-bit AES instructions: four units at a time.
#include <immintrin.h>

#include "core/kernels/cpu.h"
#include "core/kernels/flash_xts_kernels.h"

#define BATCH_UNITS   4
#define TARGET        __attribute__((target("avx512f,avx512bw,avx512vl,vaes,vpclmulqdq")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET
typedef __m512i vec;

#define v_load(p)                _mm512_loadu_si512(p)
#define v_store(p, v)            _mm512_storeu_si512(p, v)
#define v_xor(a, b)              _mm512_xor_si512(a, b)
#define v_key(p)                 _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(p)))
#define v_aesenc(state, key)     _mm512_aesenc_epi128(state, key)
#define v_aesdec(state, key)     _mm512_aesdec_epi128(state, key)
#define v_aesenclast(state, key) _mm512_aesenclast_epi128(state, key)
#define v_aesdeclast(state, key) _mm512_aesdeclast_epi128(state, key)

ALWAYS_INLINE vec v_reverse(vec blocks)
{
    const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_shuffle_epi8(blocks, _mm512_broadcast_i32x4(order));
}

ALWAYS_INLINE vec v_addresses(uint32_t address)
{
    const vec steps = _mm512_set_epi32(0, 0, 0, 3 * SS_FLASH_XTS_UNIT, 0, 0, 0, 2 * SS_FLASH_XTS_UNIT, 0, 0, 0,
                                       SS_FLASH_XTS_UNIT, 0, 0, 0, 0);
    return _mm512_add_epi32(_mm512_maskz_set1_epi32(0x1111, (int)address), steps);
}

#include "core/kernels/x86_64/flash_xts_cipher.h"

/// @p tweak, the same in all lanes, times α to the power that @p powers has for its lane (0..7 in both halves).
ALWAYS_INLINE vec times_alpha(vec tweak, vec powers)
{
    vec swapped = _mm512_shuffle_epi32(tweak, _MM_PERM_BADC);
    // What leaves one half: enters the upper half as it is, the lower half times 0x87.
    vec overflow = _mm512_srlv_epi64(swapped, _mm512_sub_epi64(_mm512_set1_epi64(64), powers));
    vec reduced = _mm512_clmulepi64_epi128(overflow, _mm512_set1_epi64(0x87), 0x00);
    overflow = _mm512_mask_mov_epi64(overflow, 0x55, reduced);
    return _mm512_xor_si512(_mm512_sllv_epi64(tweak, powers), overflow);
}

ALWAYS_INLINE void chain_tweaks(vec chain[SS_FLASH_XTS_VECTORS], vec tweaks)
{
    const vec first = _mm512_set_epi64(4, 4, 5, 5, 6, 6, 7, 7), second = _mm512_set_epi64(0, 0, 1, 1, 2, 2, 3, 3);
    const vec unit[BATCH_UNITS] = {
        _mm512_shuffle_i64x2(tweaks, tweaks, 0x00), _mm512_shuffle_i64x2(tweaks, tweaks, 0x55),
        _mm512_shuffle_i64x2(tweaks, tweaks, 0xAA), _mm512_shuffle_i64x2(tweaks, tweaks, 0xFF)};
#pragma GCC unroll 16
    for (int i = 0; i < BATCH_UNITS; i++) {
        chain[2 * i] = times_alpha(unit[i], first);
        chain[2 * i + 1] = times_alpha(unit[i], second);
    }
}

#include "core/kernels/flash_xts_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AVX512 | SS_CPU_VAES | SS_CPU_VPCLMUL);
}

const struct ss_flash_xts_kernel ss_flash_xts_vaes512 = {"vaes512", supported, seal, unseal};
