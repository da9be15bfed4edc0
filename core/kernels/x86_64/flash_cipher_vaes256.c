// SPDX-License-Identifier: Apache-2.0
// Eight lines at a time, for CPUs with AVX2 and VAES.
#include <immintrin.h>

#include "core/kernels/cpu.h"

#define VEC_LANES 8
typedef __m256i vec;

#define v_load(p)             _mm256_loadu_si256((const vec *)(p))
#define v_store(p, v)         _mm256_storeu_si256((vec *)(p), v)
#define v_set32(word)         _mm256_set1_epi32((int)(word))
#define v_xor(a, b)           _mm256_xor_si256(a, b)
#define v_and(a, b)           _mm256_and_si256(a, b)
#define v_shuffle(v, order)   _mm256_shuffle_epi8(v, order)
#define v_unpack_low32(a, b)  _mm256_unpacklo_epi32(a, b)
#define v_unpack_high32(a, b) _mm256_unpackhi_epi32(a, b)
#define v_unpack_low64(a, b)  _mm256_unpacklo_epi64(a, b)
#define v_unpack_high64(a, b) _mm256_unpackhi_epi64(a, b)
#define v_aesenc(s, key)      _mm256_aesenc_epi128(s, key)
#define v_aesenclast(s, key)  _mm256_aesenclast_epi128(s, key)
#define v_aesdec(s, key)      _mm256_aesdec_epi128(s, key)
#define v_aesdeclast(s, key)  _mm256_aesdeclast_epi128(s, key)

#define V_IN_REGISTER(v) __asm__("" : "+x"(v))

static inline vec v_set64(const void *p)
{
    long long value;
    __builtin_memcpy(&value, p, sizeof value);
    return _mm256_set1_epi64x(value);
}

static inline vec v_set128(const void *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(p));
}

// The chip reverses the bytes of a block.
static inline vec reverse(vec blocks)
{
    const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm256_shuffle_epi8(blocks, _mm256_broadcastsi128_si256(order));
}

static inline void v_split(const uint8_t *in, vec *even, vec *odd)
{
    vec first = reverse(v_load(in)), second = reverse(v_load(in + 32));
    *even = _mm256_permute2x128_si256(first, second, 0x20);
    *odd = _mm256_permute2x128_si256(first, second, 0x31);
}

static inline void v_join(uint8_t *out, vec even, vec odd)
{
    v_store(out, reverse(_mm256_permute2x128_si256(even, odd, 0x20)));
    v_store(out + 32, reverse(_mm256_permute2x128_si256(even, odd, 0x31)));
}

static inline void v_wipe_registers(void)
{
    __asm__ volatile("vzeroall");
}

#include "core/kernels/flash_cipher_lanes.h"

static bool supported(void)
{
    return ss_cpu_has(SS_CPU_AVX2 | SS_CPU_VAES);
}

const struct ss_flash_cipher_kernel ss_flash_cipher_vaes256 = {"vaes256", BATCH, supported, seal, unseal};
