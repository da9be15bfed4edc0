// SPDX-License-Identifier: Apache-2.0
// XTS with 256-bit AES instructions: two units at a time in eight vectors. Tweaks are encrypted for eight units at
// once.
#include <immintrin.h>
#include <string.h>

#include "core/kernels/cpu.h"
#include "core/kernels/flash_xts_kernels.h"
#include "core/kernels/wipe.h"

#define BATCH_UNITS  2
#define BATCH_SIZE   (BATCH_UNITS * SS_FLASH_XTS_UNIT)
#define VECTORS      (BATCH_SIZE / 32)
#define TWEAK_UNITS  16 ///< units whose tweaks are made together: one pass of the cipher
#define TWEAK_PASSES (TWEAK_UNITS / BATCH_UNITS)

#define TARGET        __attribute__((target("avx2,vaes,vpclmulqdq")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET

ALWAYS_INLINE __m256i round_key(const uint8_t key[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)key));
}

ALWAYS_INLINE __m256i reverse(__m256i blocks)
{
    const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm256_shuffle_epi8(blocks, _mm256_broadcastsi128_si256(order));
}

/// @p tweak, the same in both lanes, times α to the power @p high in the upper lane and @p low in the lower (0..7).
ALWAYS_INLINE __m256i times_alpha(__m256i tweak, int high, int low)
{
    const __m256i powers = _mm256_set_epi64x(high, high, low, low);
    __m256i swapped = _mm256_shuffle_epi32(tweak, _MM_SHUFFLE(1, 0, 3, 2));
    // What leaves one half: enters the upper half as it is, the lower half times 0x87.
    __m256i overflow = _mm256_srlv_epi64(swapped, _mm256_sub_epi64(_mm256_set1_epi64x(64), powers));
    __m256i reduced = _mm256_clmulepi64_epi128(overflow, _mm256_set1_epi64x(0x87), 0x00);
    overflow = _mm256_blend_epi32(overflow, reduced, 0x33);
    return _mm256_xor_si256(_mm256_sllv_epi64(tweak, powers), overflow);
}

/// Eight vectors through all rounds.
ALWAYS_INLINE void cipher(__m256i state[VECTORS], const uint8_t (*keys)[16], unsigned rounds, bool decrypt)
{
    __m256i key = round_key(keys[0]);
#pragma GCC unroll 16
    for (int i = 0; i < VECTORS; i++)
        state[i] = _mm256_xor_si256(state[i], key);
#pragma GCC unroll 16
    for (unsigned r = 1; r < rounds; r++) {
        key = round_key(keys[r]);
#pragma GCC unroll 16
        for (int i = 0; i < VECTORS; i++)
            state[i] = decrypt ? _mm256_aesdec_epi128(state[i], key) : _mm256_aesenc_epi128(state[i], key);
    }
    key = round_key(keys[rounds]);
#pragma GCC unroll 16
    for (int i = 0; i < VECTORS; i++)
        state[i] = decrypt ? _mm256_aesdeclast_epi128(state[i], key) : _mm256_aesenclast_epi128(state[i], key);
}

/// The tweaks of the 16 units from @p address on, two in a vector.
ALWAYS_INLINE void start_tweaks(__m256i tweaks[TWEAK_PASSES], const struct ss_flash_xts *c, uint32_t address,
                                unsigned rounds)
{
#pragma GCC unroll 16
    for (uint32_t i = 0; i < TWEAK_PASSES; i++) {
        uint32_t a = address + i * BATCH_SIZE;
        tweaks[i] = _mm256_set_epi32(0, 0, 0, (int)(a + SS_FLASH_XTS_UNIT), 0, 0, 0, (int)a);
    }
    cipher(tweaks, c->tweak_keys, rounds, false);
}

ALWAYS_INLINE void batch(const struct ss_flash_xts *c, __m256i tweaks, const uint8_t *in, uint8_t *out, unsigned rounds,
                         bool decrypt)
{
    __m256i chain[VECTORS], state[VECTORS];
    const __m256i unit[BATCH_UNITS] = {_mm256_permute2x128_si256(tweaks, tweaks, 0x00),
                                       _mm256_permute2x128_si256(tweaks, tweaks, 0x11)};
#pragma GCC unroll 16
    for (int i = 0; i < BATCH_UNITS; i++) {
        chain[4 * i] = times_alpha(unit[i], 6, 7);
        chain[4 * i + 1] = times_alpha(unit[i], 4, 5);
        chain[4 * i + 2] = times_alpha(unit[i], 2, 3);
        chain[4 * i + 3] = times_alpha(unit[i], 0, 1);
    }
#pragma GCC unroll 16
    for (int i = 0; i < VECTORS; i++)
        state[i] = _mm256_xor_si256(reverse(_mm256_loadu_si256((const __m256i *)(in + 32 * i))), chain[i]);
    cipher(state, decrypt ? c->decrypt_keys : c->encrypt_keys, rounds, decrypt);
#pragma GCC unroll 16
    for (int i = 0; i < VECTORS; i++)
        _mm256_storeu_si256((__m256i *)(out + 32 * i), reverse(_mm256_xor_si256(state[i], chain[i])));
}

ALWAYS_INLINE void run(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units,
                       unsigned rounds, bool decrypt)
{
    __m256i tweaks[TWEAK_PASSES];
    size_t pass = 0;
    for (; units >= BATCH_UNITS; units -= BATCH_UNITS, pass++) {
        if (pass % TWEAK_PASSES == 0)
            start_tweaks(tweaks, c, address, rounds);
        batch(c, tweaks[pass % TWEAK_PASSES], in, out, rounds, decrypt);
        address += BATCH_SIZE;
        in += BATCH_SIZE;
        out += BATCH_SIZE;
    }
    if (units) {
        uint8_t tail[BATCH_SIZE] = {0};
        if (pass % TWEAK_PASSES == 0)
            start_tweaks(tweaks, c, address, rounds);
        memcpy(tail, in, SS_FLASH_XTS_UNIT);
        batch(c, tweaks[pass % TWEAK_PASSES], tail, tail, rounds, decrypt);
        memcpy(out, tail, SS_FLASH_XTS_UNIT);
        ss_kernel_wipe(tail, sizeof tail);
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
    return ss_cpu_has(SS_CPU_AVX2 | SS_CPU_VAES | SS_CPU_VPCLMUL);
}

const struct ss_flash_xts_kernel ss_flash_xts_vaes256 = {"vaes256", supported, seal, unseal};
