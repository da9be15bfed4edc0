// SPDX-License-Identifier: Apache-2.0
// The kernels' own way to overwrite secrets: they are also built where no cryptographic library is. Internal.
#ifndef SS_CORE_KERNELS_WIPE_H
#define SS_CORE_KERNELS_WIPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// memset that the compiler keeps.
static inline void ss_kernel_wipe(void *p, size_t len)
{
    memset(p, 0, len);
    __asm__ volatile("" : : "r"(p) : "memory");
}

/// Overwrites what functions that have returned left below the caller's frame: registers that the compiler spilled.
/// More than any kernel's frame, except for what they wipe themselves.
static __attribute__((noinline, unused)) void ss_kernel_wipe_stack(void)
{
    uint8_t below[2048];
    ss_kernel_wipe(below, sizeof below);
}

#endif
