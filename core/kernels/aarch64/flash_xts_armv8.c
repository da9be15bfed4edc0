// SPDX-License-Identifier: Apache-2.0
// XTS with the AES instructions of 64-bit ARM: a unit is eight blocks in flight; tweaks are encrypted for eight units
// at once.
#include <arm_neon.h>

#include "core/kernels/cpu.h"
#include "core/kernels/flash_xts_kernels.h"
#include "core/kernels/wipe.h"

#define BLOCKS 8 ///< of a unit; also units whose tweaks are made together

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE uint8x16_t reverse(uint8x16_t block)
{
    uint8x16_t halves = vrev64q_u8(block);
    return vextq_u8(halves, halves, 8);
}

/// Times α in GF(2^128): what leaves one half enters the other, the upper one's times 0x87.
ALWAYS_INLINE uint8x16_t times_alpha(uint8x16_t tweak)
{
    const uint64x2_t feedback = vcombine_u64(vcreate_u64(0x87), vcreate_u64(1));
    uint64x2_t t = vreinterpretq_u64_u8(tweak);
    uint64x2_t carries = vreinterpretq_u64_s64(vshrq_n_s64(vreinterpretq_s64_u64(t), 63));
    carries = vandq_u64(vextq_u64(carries, carries, 1), feedback);
    return vreinterpretq_u8_u64(veorq_u64(vshlq_n_u64(t, 1), carries));
}

/// Eight blocks through all rounds. AESE and AESD add their key first, so the last key remains to be added.
ALWAYS_INLINE void cipher(uint8x16_t state[BLOCKS], const uint8_t (*keys)[16], unsigned rounds, bool decrypt)
{
    uint8x16_t key;
    for (unsigned r = 0; r < rounds - 1; r++) {
        key = vld1q_u8(keys[r]);
#pragma GCC unroll 8
        for (int i = 0; i < BLOCKS; i++)
            state[i] = decrypt ? vaesimcq_u8(vaesdq_u8(state[i], key)) : vaesmcq_u8(vaeseq_u8(state[i], key));
    }
    key = vld1q_u8(keys[rounds - 1]);
    uint8x16_t last = vld1q_u8(keys[rounds]);
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS; i++)
        state[i] = veorq_u8(decrypt ? vaesdq_u8(state[i], key) : vaeseq_u8(state[i], key), last);
}

ALWAYS_INLINE void start_tweaks(uint8x16_t tweaks[BLOCKS], const struct ss_flash_xts *c, uint32_t address)
{
#pragma GCC unroll 8
    for (uint32_t i = 0; i < BLOCKS; i++)
        tweaks[i] = vreinterpretq_u8_u32(vsetq_lane_u32(address + i * SS_FLASH_XTS_UNIT, vdupq_n_u32(0), 0));
    cipher(tweaks, c->tweak_keys, c->rounds, false);
}

ALWAYS_INLINE void one_unit(const struct ss_flash_xts *c, uint8x16_t tweak, const uint8_t *in, uint8_t *out,
                            bool decrypt)
{
    uint8x16_t chain[BLOCKS], state[BLOCKS];
#pragma GCC unroll 8
    for (int i = BLOCKS - 1; i >= 0; i--) {
        chain[i] = tweak;
        tweak = times_alpha(tweak);
        state[i] = veorq_u8(reverse(vld1q_u8(in + 16 * i)), chain[i]);
    }
    cipher(state, decrypt ? c->decrypt_keys : c->encrypt_keys, c->rounds, decrypt);
#pragma GCC unroll 8
    for (int i = 0; i < BLOCKS; i++)
        vst1q_u8(out + 16 * i, reverse(veorq_u8(state[i], chain[i])));
}

ALWAYS_INLINE void run(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units,
                       bool decrypt)
{
    uint8x16_t tweaks[BLOCKS];
    for (size_t i = 0; i < units; i++) {
        if (i % BLOCKS == 0)
            start_tweaks(tweaks, c, address + (uint32_t)(i * SS_FLASH_XTS_UNIT));
        one_unit(c, tweaks[i % BLOCKS], in + i * SS_FLASH_XTS_UNIT, out + i * SS_FLASH_XTS_UNIT, decrypt);
    }
    ss_kernel_wipe(tweaks, sizeof tweaks);
}

static void seal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    run(c, address, in, out, units, false);
}

static void unseal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    run(c, address, in, out, units, true);
}

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_ARM_AES);
}

const struct ss_flash_xts_kernel ss_flash_xts_armv8 = {"armv8", supported, seal, unseal};
