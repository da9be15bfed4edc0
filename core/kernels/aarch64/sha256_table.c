// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/sha256_kernels.h"

const struct ss_sha256_kernel *const ss_sha256_kernels[] = {
    &ss_sha256_armv8_2,
    &ss_sha256_armv8,
    &ss_sha256_portable,
    NULL,
};
