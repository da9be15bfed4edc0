// SPDX-License-Identifier: Apache-2.0
// SHA-256 with the SHA2 instructions of 64-bit ARM: one message, or two interleaved because SHA256H waits for its own
// result.
#include <arm_neon.h>

#include "core/kernels/cpu.h"
#include "core/kernels/sha256_kernels.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define MAX_LANES     2

/// The four message words that take the place of @p w[i], sixteen words on.
ALWAYS_INLINE uint32x4_t next_words(const uint32x4_t w[4], int i)
{
    uint32x4_t sum = vsha256su0q_u32(w[i & 3], w[(i + 1) & 3]);
    return vsha256su1q_u32(sum, w[(i + 2) & 3], w[(i + 3) & 3]);
}

/// Adds one block of @p in to the states, a to d in @p first and e to h in @p second.
ALWAYS_INLINE void one_block(uint32x4_t first[], uint32x4_t second[], const uint8_t *const in[], size_t at, int lanes)
{
    uint32x4_t abcd[MAX_LANES], efgh[MAX_LANES], w[MAX_LANES][4];
#pragma GCC unroll 16
    for (int l = 0; l < lanes; l++) {
        abcd[l] = first[l];
        efgh[l] = second[l];
#pragma GCC unroll 16
        for (int i = 0; i < 4; i++)
            w[l][i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(in[l] + at + 16 * i)));
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        uint32x4_t constants = vld1q_u32(ss_sha256_constants + 4 * i);
#pragma GCC unroll 16
        for (int l = 0; l < lanes; l++) {
            uint32x4_t sum = vaddq_u32(w[l][i & 3], constants), before = abcd[l];
            abcd[l] = vsha256hq_u32(abcd[l], efgh[l], sum);
            efgh[l] = vsha256h2q_u32(efgh[l], before, sum);
            if (i < 12)
                w[l][i & 3] = next_words(w[l], i);
        }
    }
#pragma GCC unroll 16
    for (int l = 0; l < lanes; l++) {
        first[l] = vaddq_u32(first[l], abcd[l]);
        second[l] = vaddq_u32(second[l], efgh[l]);
    }
}

ALWAYS_INLINE void run(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks, int lanes)
{
    uint32x4_t first[MAX_LANES], second[MAX_LANES];
#pragma GCC unroll 16
    for (int l = 0; l < lanes; l++) {
        first[l] = vld1q_u32(*states[l]);
        second[l] = vld1q_u32(*states[l] + 4);
    }
    for (size_t block = 0; block < blocks; block++)
        one_block(first, second, in, block * SS_SHA256_BLOCK, lanes);
#pragma GCC unroll 16
    for (int l = 0; l < lanes; l++) {
        vst1q_u32(*states[l], first[l]);
        vst1q_u32(*states[l] + 4, second[l]);
    }
}

static void one(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks)
{
    run(states, in, blocks, 1);
}

static void two(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks)
{
    run(states, in, blocks, 2);
}

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_ARM_SHA2);
}

const struct ss_sha256_kernel ss_sha256_armv8 = {"armv8", 1, 1, supported, one};
const struct ss_sha256_kernel ss_sha256_armv8_2 = {"armv8-2", 2, 2, supported, two};
