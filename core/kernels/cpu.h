// SPDX-License-Identifier: Apache-2.0
// What the CPU and the operating system let us use. Internal. One cpu.c per architecture folder.
#ifndef SS_CORE_KERNELS_CPU_H
#define SS_CORE_KERNELS_CPU_H

#include <stdbool.h>
#include <stdint.h>

/// A feature is reported only if the operating system also saves the registers that it needs.
enum ss_cpu_feature {
    SS_CPU_SSSE3 = 1 << 0,
    SS_CPU_AESNI = 1 << 1,  ///< AES on 128-bit registers
    SS_CPU_AVX = 1 << 2,    ///< three-operand encoding
    SS_CPU_AVX2 = 1 << 3,   ///< integers in 256-bit registers
    SS_CPU_VAES = 1 << 4,   ///< AES on 256-bit registers, on 512-bit ones together with SS_CPU_AVX512
    SS_CPU_AVX512 = 1 << 5, ///< F, BW, VL and VBMI
    SS_CPU_GFNI = 1 << 6,
    SS_CPU_SHANI = 1 << 7,
    SS_CPU_VPCLMUL = 1 << 8,
    SS_CPU_AVX512BW = 1 << 9, ///< AVX-512 F and BW only: servers of Intel's Skylake and Cascade Lake
    SS_CPU_ARM_AES = 1 << 16,
    SS_CPU_ARM_SHA2 = 1 << 17,
};

/// Set of enum ss_cpu_feature. Asked once, then remembered; thread-safe.
uint32_t ss_cpu_features(void);

/// True if all features of @p set are there.
static inline bool ss_cpu_has(uint32_t set)
{
    return (ss_cpu_features() & set) == set;
}

#endif
