// SPDX-License-Identifier: Apache-2.0
// XTS with 128-bit AES instructions: a unit is eight blocks in flight.
#include <immintrin.h>

#include "core/kernels/cpu.h"
#include "core/kernels/flash_xts_kernels.h"

#define BATCH_UNITS   1
#define TARGET        __attribute__((target("aes,ssse3")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET
typedef __m128i vec;

#define v_load(p)                _mm_loadu_si128((const vec *)(p))
#define v_store(p, v)            _mm_storeu_si128((vec *)(p), v)
#define v_xor(a, b)              _mm_xor_si128(a, b)
#define v_key(p)                 v_load(p)
#define v_aesenc(state, key)     _mm_aesenc_si128(state, key)
#define v_aesdec(state, key)     _mm_aesdec_si128(state, key)
#define v_aesenclast(state, key) _mm_aesenclast_si128(state, key)
#define v_aesdeclast(state, key) _mm_aesdeclast_si128(state, key)
#define v_addresses(address)     _mm_cvtsi32_si128((int)(address))

ALWAYS_INLINE vec v_reverse(vec block)
{
    return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

#include "core/kernels/x86_64/flash_xts_cipher.h"

/// Times α in GF(2^128): the sign bits of words 1 and 3 are what leaves each half.
ALWAYS_INLINE vec times_alpha(vec tweak)
{
    const vec feedback = _mm_set_epi32(0, 1, 0, 0x87);
    vec carries = _mm_shuffle_epi32(_mm_srai_epi32(tweak, 31), _MM_SHUFFLE(2, 1, 0, 3));
    return _mm_xor_si128(_mm_add_epi64(tweak, tweak), _mm_and_si128(carries, feedback));
}

ALWAYS_INLINE void chain_tweaks(vec chain[SS_FLASH_XTS_VECTORS], vec tweak)
{
#pragma GCC unroll 16
    for (int i = SS_FLASH_XTS_VECTORS - 1; i >= 0; i--) {
        chain[i] = tweak;
        tweak = times_alpha(tweak);
    }
}

#include "core/kernels/flash_xts_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AESNI | SS_CPU_SSSE3);
}

const struct ss_flash_xts_kernel ss_flash_xts_aesni = {"aesni", supported, seal, unseal};
