// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/cpu.h"

uint32_t ss_cpu_features(void)
{
    return 0;
}
