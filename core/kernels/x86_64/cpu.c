// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu.h"

#include <cpuid.h>
#include <stdatomic.h>

// XCR0: the register state that the operating system saves (Intel SDM volume 1, 13.3).
#define XCR0_AVX    0x06u // XMM, YMM
#define XCR0_AVX512 0xE6u // and opmask, ZMM
#define ASKED       (1u << 31)

static uint32_t xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static uint32_t when(bool condition, uint32_t features)
{
    return condition ? features : 0;
}

static uint32_t ask(void)
{
    unsigned eax, ebx, ecx, edx, ecx1;
    if (!__get_cpuid(1, &eax, &ebx, &ecx1, &edx))
        return 0;
    uint32_t saved = ecx1 & bit_OSXSAVE ? xcr0() : 0;
    bool avx = (ecx1 & bit_AVX) && (saved & XCR0_AVX) == XCR0_AVX;
    bool zmm = avx && (saved & XCR0_AVX512) == XCR0_AVX512;
    uint32_t found = when(ecx1 & bit_SSSE3, SS_CPU_SSSE3) | when(ecx1 & bit_AES, SS_CPU_AESNI) | when(avx, SS_CPU_AVX);

    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return found;
    const unsigned bw = bit_AVX512F | bit_AVX512BW, avx512 = bw | bit_AVX512VL;
    return found | when(avx && (ebx & bit_AVX2), SS_CPU_AVX2) | when(avx && (ecx & bit_VAES), SS_CPU_VAES) |
           when(zmm && (ebx & avx512) == avx512 && (ecx & bit_AVX512VBMI), SS_CPU_AVX512) |
           when(zmm && (ebx & bw) == bw, SS_CPU_AVX512BW) | when(ecx & bit_GFNI, SS_CPU_GFNI) |
           when(ebx & bit_SHA, SS_CPU_SHANI) | when(avx && (ecx & bit_VPCLMULQDQ), SS_CPU_VPCLMUL);
}

uint32_t ss_cpu_features(void)
{
    static _Atomic uint32_t known;
    uint32_t features = atomic_load_explicit(&known, memory_order_relaxed);
    if (features == 0) {
        features = ask() | ASKED;
        atomic_store_explicit(&known, features, memory_order_relaxed);
    }
    return features & ~ASKED;
}
