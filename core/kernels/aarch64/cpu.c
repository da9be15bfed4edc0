// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu.h"

#include <sys/auxv.h>

// Linux, Documentation/arch/arm64/elf_hwcaps.rst
#define HWCAP_BIT_AES  (1u << 3)
#define HWCAP_BIT_SHA2 (1u << 6)

uint32_t ss_cpu_features(void)
{
    unsigned long caps = getauxval(AT_HWCAP);
    uint32_t found = 0;
    if (caps & HWCAP_BIT_AES)
        found |= SS_CPU_ARM_AES;
    if (caps & HWCAP_BIT_SHA2)
        found |= SS_CPU_ARM_SHA2;
    return found;
}
