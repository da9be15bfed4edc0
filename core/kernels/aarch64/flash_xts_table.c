// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/flash_xts_kernels.h"

const struct ss_flash_xts_kernel *const ss_flash_xts_kernels[] = {
    &ss_flash_xts_armv8,
    &ss_flash_xts_portable,
    NULL,
};
