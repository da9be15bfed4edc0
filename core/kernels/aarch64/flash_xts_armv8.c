// SPDX-License-Identifier: Apache-2.0
// XTS with the AES instructions of 64-bit ARM: a unit is eight blocks in flight.
#include <arm_neon.h>

#include "core/kernels/cpu.h"
#include "core/kernels/flash_xts_kernels.h"

#define BATCH_UNITS   1
#define TARGET        // this file is compiled for it
#define ALWAYS_INLINE static inline __attribute__((always_inline))
typedef uint8x16_t vec;

#define v_load(p)            vld1q_u8(p)
#define v_store(p, v)        vst1q_u8(p, v)
#define v_xor(a, b)          veorq_u8(a, b)
#define v_addresses(address) vreinterpretq_u8_u32(vsetq_lane_u32(address, vdupq_n_u32(0), 0))

ALWAYS_INLINE vec v_reverse(vec block)
{
    vec halves = vrev64q_u8(block);
    return vextq_u8(halves, halves, 8);
}

/// Times α in GF(2^128): what leaves one half enters the other, the upper one's times 0x87.
ALWAYS_INLINE vec times_alpha(vec tweak)
{
    const uint64x2_t feedback = vcombine_u64(vcreate_u64(0x87), vcreate_u64(1));
    uint64x2_t t = vreinterpretq_u64_u8(tweak);
    uint64x2_t carries = vreinterpretq_u64_s64(vshrq_n_s64(vreinterpretq_s64_u64(t), 63));
    carries = vandq_u64(vextq_u64(carries, carries, 1), feedback);
    return vreinterpretq_u8_u64(veorq_u64(vshlq_n_u64(t, 1), carries));
}

/// Eight blocks through all rounds. AESE and AESD add their key first, so the last key remains to be added.
ALWAYS_INLINE void cipher(vec state[SS_FLASH_XTS_VECTORS], const uint8_t (*keys)[16], unsigned rounds, bool decrypt)
{
    vec key;
    for (unsigned r = 0; r < rounds - 1; r++) {
        key = vld1q_u8(keys[r]);
#pragma GCC unroll 8
        for (int i = 0; i < SS_FLASH_XTS_VECTORS; i++)
            state[i] = decrypt ? vaesimcq_u8(vaesdq_u8(state[i], key)) : vaesmcq_u8(vaeseq_u8(state[i], key));
    }
    key = vld1q_u8(keys[rounds - 1]);
    vec last = vld1q_u8(keys[rounds]);
#pragma GCC unroll 8
    for (int i = 0; i < SS_FLASH_XTS_VECTORS; i++)
        state[i] = veorq_u8(decrypt ? vaesdq_u8(state[i], key) : vaeseq_u8(state[i], key), last);
}

ALWAYS_INLINE void chain_tweaks(vec chain[SS_FLASH_XTS_VECTORS], vec tweak)
{
#pragma GCC unroll 8
    for (int i = SS_FLASH_XTS_VECTORS - 1; i >= 0; i--) {
        chain[i] = tweak;
        tweak = times_alpha(tweak);
    }
}

#include "core/kernels/flash_xts_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_ARM_AES);
}

const struct ss_flash_xts_kernel ss_flash_xts_armv8 = {"armv8", supported, seal, unseal};
