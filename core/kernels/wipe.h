// SPDX-License-Identifier: Apache-2.0
// The kernels' own way to overwrite secrets: they are also built where no cryptographic library is. Internal.
#ifndef SS_CORE_KERNELS_WIPE_H
#define SS_CORE_KERNELS_WIPE_H

#include <stddef.h>
#include <string.h>

/// memset that the compiler keeps.
static inline void ss_kernel_wipe(void *p, size_t len)
{
    memset(p, 0, len);
    __asm__ volatile("" : : "r"(p) : "memory");
}

#endif
