// SPDX-License-Identifier: Apache-2.0
// XTS with 128-bit AES instructions: a unit is eight blocks in flight; tweaks are encrypted for eight units at once.
#include <immintrin.h>
#include <string.h>

#include "core/kernels/cpu.h"
#include "core/kernels/flash_xts_kernels.h"
#include "core/kernels/wipe.h"

#define BLOCKS 8 ///< of a unit; also units whose tweaks are made together

#define TARGET        __attribute__((target("aes,ssse3")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET

ALWAYS_INLINE __m128i round_key(const uint8_t key[16])
{
    return _mm_loadu_si128((const __m128i *)key);
}

ALWAYS_INLINE __m128i reverse(__m128i block)
{
    return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/// Times α in GF(2^128): the sign bits of words 1 and 3 are what leaves each half.
ALWAYS_INLINE __m128i times_alpha(__m128i tweak)
{
    const __m128i feedback = _mm_set_epi32(0, 1, 0, 0x87);
    __m128i carries = _mm_shuffle_epi32(_mm_srai_epi32(tweak, 31), _MM_SHUFFLE(2, 1, 0, 3));
    return _mm_xor_si128(_mm_add_epi64(tweak, tweak), _mm_and_si128(carries, feedback));
}

/// Eight blocks through all rounds.
ALWAYS_INLINE void cipher(__m128i state[BLOCKS], const uint8_t (*keys)[16], unsigned rounds, bool decrypt)
{
#pragma GCC unroll 16
    for (int i = 0; i < BLOCKS; i++)
        state[i] = _mm_xor_si128(state[i], round_key(keys[0]));
#pragma GCC unroll 16
    for (unsigned r = 1; r < rounds; r++)
#pragma GCC unroll 16
        for (int i = 0; i < BLOCKS; i++)
            state[i] = decrypt ? _mm_aesdec_si128(state[i], round_key(keys[r]))
                               : _mm_aesenc_si128(state[i], round_key(keys[r]));
#pragma GCC unroll 16
    for (int i = 0; i < BLOCKS; i++)
        state[i] = decrypt ? _mm_aesdeclast_si128(state[i], round_key(keys[rounds]))
                           : _mm_aesenclast_si128(state[i], round_key(keys[rounds]));
}

ALWAYS_INLINE void start_tweaks(__m128i tweaks[BLOCKS], const struct ss_flash_xts *c, uint32_t address, unsigned rounds)
{
#pragma GCC unroll 16
    for (uint32_t i = 0; i < BLOCKS; i++)
        tweaks[i] = _mm_cvtsi32_si128((int)(address + i * SS_FLASH_XTS_UNIT));
    cipher(tweaks, c->tweak_keys, rounds, false);
}

ALWAYS_INLINE void one_unit(const struct ss_flash_xts *c, __m128i tweak, const uint8_t *in, uint8_t *out,
                            unsigned rounds, bool decrypt)
{
    __m128i chain[BLOCKS], state[BLOCKS];
#pragma GCC unroll 16
    for (int i = BLOCKS - 1; i >= 0; i--) {
        chain[i] = tweak;
        tweak = times_alpha(tweak);
        state[i] = _mm_xor_si128(reverse(_mm_loadu_si128((const __m128i *)(in + 16 * i))), chain[i]);
    }
    cipher(state, decrypt ? c->decrypt_keys : c->encrypt_keys, rounds, decrypt);
#pragma GCC unroll 16
    for (int i = 0; i < BLOCKS; i++)
        _mm_storeu_si128((__m128i *)(out + 16 * i), reverse(_mm_xor_si128(state[i], chain[i])));
}

ALWAYS_INLINE void run(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units,
                       unsigned rounds, bool decrypt)
{
    __m128i tweaks[BLOCKS];
    for (size_t i = 0; i < units; i++) {
        if (i % BLOCKS == 0)
            start_tweaks(tweaks, c, address + (uint32_t)(i * SS_FLASH_XTS_UNIT), rounds);
        one_unit(c, tweaks[i % BLOCKS], in + i * SS_FLASH_XTS_UNIT, out + i * SS_FLASH_XTS_UNIT, rounds, decrypt);
    }
    ss_kernel_wipe(tweaks, sizeof tweaks);
}

TARGET static void seal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    if (c->rounds == 14)
        run(c, address, in, out, units, 14, false);
    else
        run(c, address, in, out, units, 10, false);
}

TARGET static void unseal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    if (c->rounds == 14)
        run(c, address, in, out, units, 14, true);
    else
        run(c, address, in, out, units, 10, true);
}

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AESNI | SS_CPU_SSSE3);
}

const struct ss_flash_xts_kernel ss_flash_xts_aesni = {"aesni", supported, seal, unseal};
