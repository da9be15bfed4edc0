// SPDX-License-Identifier: Apache-2.0
// Four lines at a time, for 64-bit ARM with the AES instructions. AESE and AESD XOR their key before SubBytes and leave
// MixColumns to an instruction of its own; with a key of zero they are the x86 instructions that the lanes are written
// in.
#include <arm_neon.h>

#include "core/kernels/cpu.h"

#define VEC_LANES 4
typedef uint8x16_t vec;

#define u32(v) vreinterpretq_u32_u8(v)
#define u64(v) vreinterpretq_u64_u8(v)

#define v_load(p)             vld1q_u8((const uint8_t *)(p))
#define v_store(p, v)         vst1q_u8((uint8_t *)(p), v)
#define v_set32(word)         vreinterpretq_u8_u32(vdupq_n_u32(word))
#define v_set64(p)            vreinterpretq_u8_u64(vld1q_dup_u64((const void *)(p)))
#define v_set128(p)           v_load(p)
#define v_xor(a, b)           veorq_u8(a, b)
#define v_and(a, b)           vandq_u8(a, b)
#define v_shuffle(v, order)   vqtbl1q_u8(v, order)
#define v_unpack_low32(a, b)  vreinterpretq_u8_u32(vzip1q_u32(u32(a), u32(b)))
#define v_unpack_high32(a, b) vreinterpretq_u8_u32(vzip2q_u32(u32(a), u32(b)))
#define v_unpack_low64(a, b)  vreinterpretq_u8_u64(vzip1q_u64(u64(a), u64(b)))
#define v_unpack_high64(a, b) vreinterpretq_u8_u64(vzip2q_u64(u64(a), u64(b)))
#define v_aesenc(s, key)      veorq_u8(vaesmcq_u8(vaeseq_u8(s, vdupq_n_u8(0))), key)
#define v_aesenclast(s, key)  veorq_u8(vaeseq_u8(s, vdupq_n_u8(0)), key)
#define v_aesdec(s, key)      veorq_u8(vaesimcq_u8(vaesdq_u8(s, vdupq_n_u8(0))), key)
#define v_aesdeclast(s, key)  veorq_u8(vaesdq_u8(s, vdupq_n_u8(0)), key)
#define V_IN_REGISTER(v)      __asm__("" : "+w"(v))

// The chip reverses the bytes of a block.
static inline vec reverse(vec block)
{
    uint8x16_t halves = vrev64q_u8(block);
    return vextq_u8(halves, halves, 8);
}

static inline void v_split(const uint8_t *in, vec *even, vec *odd)
{
    *even = reverse(v_load(in));
    *odd = reverse(v_load(in + 16));
}

static inline void v_join(uint8_t *out, vec even, vec odd)
{
    v_store(out, reverse(even));
    v_store(out + 16, reverse(odd));
}

static inline void v_wipe_registers(void)
{
    __asm__ volatile("movi v0.16b, #0" ::: "v0");
}

#include "core/kernels/flash_cipher_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_ARM_AES);
}

const struct ss_flash_cipher_kernel ss_flash_cipher_armv8 = {"armv8", BATCH, supported, seal, unseal};
