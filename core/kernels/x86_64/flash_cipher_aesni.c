// SPDX-License-Identifier: Apache-2.0
// Four lines at a time, for CPUs with AES-NI and SSSE3.
#include <immintrin.h>

#include "core/kernels/cpu.h"

#define VEC_LANES 4
typedef __m128i vec;

#define v_load(p)             _mm_loadu_si128((const vec *)(p))
#define v_store(p, v)         _mm_storeu_si128((vec *)(p), v)
#define v_set32(word)         _mm_set1_epi32((int)(word))
#define v_xor(a, b)           _mm_xor_si128(a, b)
#define v_and(a, b)           _mm_and_si128(a, b)
#define v_shuffle(v, order)   _mm_shuffle_epi8(v, order)
#define v_unpack_low32(a, b)  _mm_unpacklo_epi32(a, b)
#define v_unpack_high32(a, b) _mm_unpackhi_epi32(a, b)
#define v_unpack_low64(a, b)  _mm_unpacklo_epi64(a, b)
#define v_unpack_high64(a, b) _mm_unpackhi_epi64(a, b)
#define v_aesenc(s, key)      _mm_aesenc_si128(s, key)
#define v_aesenclast(s, key)  _mm_aesenclast_si128(s, key)
#define v_aesdec(s, key)      _mm_aesdec_si128(s, key)
#define v_aesdeclast(s, key)  _mm_aesdeclast_si128(s, key)

#define V_IN_REGISTER(v) __asm__("" : "+x"(v))

static inline vec v_set64(const void *p)
{
    long long value;
    __builtin_memcpy(&value, p, sizeof value);
    return _mm_set1_epi64x(value);
}

static inline vec v_set128(const void *p)
{
    return _mm_loadu_si128(p);
}

// The chip reverses the bytes of a block.
static inline vec reverse(vec block)
{
    return _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
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
#define CLEAR(n) __asm__ volatile("pxor %%xmm" #n ", %%xmm" #n : : : "xmm" #n)
    CLEAR(0);
    CLEAR(1);
    CLEAR(2);
    CLEAR(3);
    CLEAR(4);
    CLEAR(5);
    CLEAR(6);
    CLEAR(7);
    CLEAR(8);
    CLEAR(9);
    CLEAR(10);
    CLEAR(11);
    CLEAR(12);
    CLEAR(13);
    CLEAR(14);
    CLEAR(15);
#undef CLEAR
}

#include "core/kernels/flash_cipher_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AESNI | SS_CPU_SSSE3);
}

const struct ss_flash_cipher_kernel ss_flash_cipher_aesni = {"aesni", BATCH, supported, seal, unseal};
