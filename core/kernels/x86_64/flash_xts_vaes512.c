// SPDX-License-Identifier: Apache-2.0
// XTS with 512-bit AES instructions: four units at a time in eight vectors, while a ninth encrypts the tweaks of the
// next four. Nothing is prepared per call: round keys come by broadcasting loads.
#include <immintrin.h>
#include <string.h>

#include "core/kernels/cpu.h"
#include "core/kernels/flash_xts_kernels.h"
#include "core/kernels/wipe.h"

#define BATCH_UNITS 4
#define BATCH_SIZE  (BATCH_UNITS * SS_FLASH_XTS_UNIT)
#define VECTORS     (BATCH_SIZE / 64)

#define TARGET        __attribute__((target("avx512f,avx512bw,avx512vl,vaes,vpclmulqdq")))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) TARGET

ALWAYS_INLINE __m512i round_key(const uint8_t key[16])
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)key));
}

/// Reverses the bytes of each block.
ALWAYS_INLINE __m512i reverse(__m512i blocks)
{
    const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_shuffle_epi8(blocks, _mm512_broadcast_i32x4(order));
}

/// The addresses of the four units from @p address on, as blocks.
ALWAYS_INLINE __m512i addresses(uint32_t address)
{
    const __m512i steps = _mm512_set_epi32(0, 0, 0, 3 * SS_FLASH_XTS_UNIT, 0, 0, 0, 2 * SS_FLASH_XTS_UNIT, 0, 0, 0,
                                           SS_FLASH_XTS_UNIT, 0, 0, 0, 0);
    return _mm512_add_epi32(_mm512_maskz_set1_epi32(0x1111, (int)address), steps);
}

/// @p tweak, the same in all lanes, times α to the power that @p powers has for its lane (0..7 in both halves).
ALWAYS_INLINE __m512i times_alpha(__m512i tweak, __m512i powers)
{
    __m512i swapped = _mm512_shuffle_epi32(tweak, _MM_PERM_BADC);
    // What leaves one half: enters the upper half as it is, the lower half times 0x87.
    __m512i overflow = _mm512_srlv_epi64(swapped, _mm512_sub_epi64(_mm512_set1_epi64(64), powers));
    __m512i reduced = _mm512_clmulepi64_epi128(overflow, _mm512_set1_epi64(0x87), 0x00);
    overflow = _mm512_mask_mov_epi64(overflow, 0x55, reduced);
    return _mm512_xor_si512(_mm512_sllv_epi64(tweak, powers), overflow);
}

/// Spreads the tweaks of four units to those of their 32 blocks, in flash order: powers 7 to 0 in each unit.
ALWAYS_INLINE void chain_tweaks(__m512i chain[VECTORS], __m512i tweaks)
{
    const __m512i first = _mm512_set_epi64(4, 4, 5, 5, 6, 6, 7, 7), second = _mm512_set_epi64(0, 0, 1, 1, 2, 2, 3, 3);
    const __m512i unit[BATCH_UNITS] = {
        _mm512_shuffle_i64x2(tweaks, tweaks, 0x00), _mm512_shuffle_i64x2(tweaks, tweaks, 0x55),
        _mm512_shuffle_i64x2(tweaks, tweaks, 0xAA), _mm512_shuffle_i64x2(tweaks, tweaks, 0xFF)};
#pragma GCC unroll 16
    for (int i = 0; i < BATCH_UNITS; i++) {
        chain[2 * i] = times_alpha(unit[i], first);
        chain[2 * i + 1] = times_alpha(unit[i], second);
    }
}

ALWAYS_INLINE __m512i encrypt_tweaks(const struct ss_flash_xts *c, uint32_t address, unsigned rounds)
{
    __m512i t = _mm512_xor_si512(addresses(address), round_key(c->tweak_keys[0]));
#pragma GCC unroll 16
    for (unsigned r = 1; r < rounds; r++)
        t = _mm512_aesenc_epi128(t, round_key(c->tweak_keys[r]));
    return _mm512_aesenclast_epi128(t, round_key(c->tweak_keys[rounds]));
}

ALWAYS_INLINE __m512i one_round(__m512i state, __m512i key, bool decrypt)
{
    return decrypt ? _mm512_aesdec_epi128(state, key) : _mm512_aesenc_epi128(state, key);
}

ALWAYS_INLINE __m512i last_round(__m512i state, __m512i key, bool decrypt)
{
    return decrypt ? _mm512_aesdeclast_epi128(state, key) : _mm512_aesenclast_epi128(state, key);
}

/// Four units under @p tweaks; returns the tweaks of the four units at @p next.
ALWAYS_INLINE __m512i batch(const struct ss_flash_xts *c, __m512i tweaks, uint32_t next, const uint8_t *in,
                            uint8_t *out, unsigned rounds, bool decrypt)
{
    const uint8_t(*keys)[16] = decrypt ? c->decrypt_keys : c->encrypt_keys;
    __m512i chain[VECTORS], state[VECTORS];
    chain_tweaks(chain, tweaks);
    __m512i key = round_key(keys[0]);
#pragma GCC unroll 16
    for (int i = 0; i < VECTORS; i++) // 0x96: exclusive or of three
        state[i] = _mm512_ternarylogic_epi64(reverse(_mm512_loadu_si512(in + 64 * i)), chain[i], key, 0x96);
    __m512i t = _mm512_xor_si512(addresses(next), round_key(c->tweak_keys[0]));
#pragma GCC unroll 16
    for (unsigned r = 1; r < rounds; r++) {
        key = round_key(keys[r]);
#pragma GCC unroll 16
        for (int i = 0; i < VECTORS; i++)
            state[i] = one_round(state[i], key, decrypt);
        t = _mm512_aesenc_epi128(t, round_key(c->tweak_keys[r]));
    }
    key = round_key(keys[rounds]);
#pragma GCC unroll 16
    for (int i = 0; i < VECTORS; i++) {
        state[i] = last_round(state[i], _mm512_xor_si512(key, chain[i]), decrypt);
        _mm512_storeu_si512(out + 64 * i, reverse(state[i]));
    }
    return _mm512_aesenclast_epi128(t, round_key(c->tweak_keys[rounds]));
}

ALWAYS_INLINE void run(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units,
                       unsigned rounds, bool decrypt)
{
    __m512i tweaks = encrypt_tweaks(c, address, rounds);
    for (; units >= BATCH_UNITS; units -= BATCH_UNITS) {
        address += BATCH_SIZE;
        tweaks = batch(c, tweaks, address, in, out, rounds, decrypt);
        in += BATCH_SIZE;
        out += BATCH_SIZE;
    }
    if (!units)
        return;
    uint8_t tail[BATCH_SIZE] = {0};
    memcpy(tail, in, units * SS_FLASH_XTS_UNIT);
    batch(c, tweaks, address, tail, tail, rounds, decrypt);
    memcpy(out, tail, units * SS_FLASH_XTS_UNIT);
    ss_kernel_wipe(tail, sizeof tail);
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
    return ss_cpu_has(SS_CPU_AVX512 | SS_CPU_VAES | SS_CPU_VPCLMUL);
}

const struct ss_flash_xts_kernel ss_flash_xts_vaes512 = {"vaes512", supported, seal, unseal};
