// SPDX-License-Identifier: Apache-2.0
// Sixteen lines at a time, for CPUs with AVX-512 (F, BW, VL, VBMI) and VAES.
#include <immintrin.h>

#include "core/kernels/cpu.h"

#define VEC_LANES 16
typedef __m512i vec;

#define v_load(p)             _mm512_loadu_si512(p)
#define v_store(p, v)         _mm512_storeu_si512(p, v)
#define v_set32(word)         _mm512_set1_epi32((int)(word))
#define v_xor(a, b)           _mm512_xor_si512(a, b)
#define v_and(a, b)           _mm512_and_si512(a, b)
#define v_shuffle(v, order)   _mm512_shuffle_epi8(v, order)
#define v_unpack_low32(a, b)  _mm512_unpacklo_epi32(a, b)
#define v_unpack_high32(a, b) _mm512_unpackhi_epi32(a, b)
#define v_unpack_low64(a, b)  _mm512_unpacklo_epi64(a, b)
#define v_unpack_high64(a, b) _mm512_unpackhi_epi64(a, b)
#define v_aesenc(s, key)      _mm512_aesenc_epi128(s, key)
#define v_aesenclast(s, key)  _mm512_aesenclast_epi128(s, key)
#define v_aesdec(s, key)      _mm512_aesdec_epi128(s, key)
#define v_aesdeclast(s, key)  _mm512_aesdeclast_epi128(s, key)

#define V_IN_REGISTER(v) __asm__("" : "+v"(v))

static inline vec v_set64(const void *p)
{
    long long value;
    __builtin_memcpy(&value, p, sizeof value);
    return _mm512_set1_epi64(value);
}

static inline vec v_set128(const void *p)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128(p));
}

// The chip reverses the bytes of a block; VPERMT2B does that and sorts or mixes in one go.
#define REVERSED(block)                                                                                                \
    16 * (block) + 15, 16 * (block) + 14, 16 * (block) + 13, 16 * (block) + 12, 16 * (block) + 11, 16 * (block) + 10,  \
        16 * (block) + 9, 16 * (block) + 8, 16 * (block) + 7, 16 * (block) + 6, 16 * (block) + 5, 16 * (block) + 4,    \
        16 * (block) + 3, 16 * (block) + 2, 16 * (block) + 1, 16 * (block)
#define REVERSED4(a, b, c, d)                                                                                          \
    {                                                                                                                  \
        REVERSED(a), REVERSED(b), REVERSED(c), REVERSED(d)                                                             \
    }

static const _Alignas(64) uint8_t even_blocks[64] = REVERSED4(0, 2, 4, 6), odd_blocks[64] = REVERSED4(1, 3, 5, 7);
static const _Alignas(64) uint8_t first_half[64] = REVERSED4(0, 4, 1, 5), second_half[64] = REVERSED4(2, 6, 3, 7);

static inline void v_split(const uint8_t *in, vec *even, vec *odd)
{
    vec first = v_load(in), second = v_load(in + 64);
    *even = _mm512_permutex2var_epi8(first, v_load(even_blocks), second);
    *odd = _mm512_permutex2var_epi8(first, v_load(odd_blocks), second);
}

static inline void v_join(uint8_t *out, vec even, vec odd)
{
    v_store(out, _mm512_permutex2var_epi8(even, v_load(first_half), odd));
    v_store(out + 64, _mm512_permutex2var_epi8(even, v_load(second_half), odd));
}

static inline void v_wipe_registers(void)
{
    __asm__ volatile("vzeroall"); // of the lower sixteen
#define CLEAR(n) __asm__ volatile("vpxord %%xmm" #n ", %%xmm" #n ", %%xmm" #n : : : "xmm" #n)
    CLEAR(16);
    CLEAR(17);
    CLEAR(18);
    CLEAR(19);
    CLEAR(20);
    CLEAR(21);
    CLEAR(22);
    CLEAR(23);
    CLEAR(24);
    CLEAR(25);
    CLEAR(26);
    CLEAR(27);
    CLEAR(28);
    CLEAR(29);
    CLEAR(30);
    CLEAR(31);
#undef CLEAR
}

#include "core/kernels/flash_cipher_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AVX512 | SS_CPU_VAES);
}

const struct ss_flash_cipher_kernel ss_flash_cipher_vaes512 = {"vaes512", BATCH, supported, seal, unseal};
