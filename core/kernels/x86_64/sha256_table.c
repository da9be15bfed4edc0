// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/sha256_kernels.h"

const struct ss_sha256_kernel *const ss_sha256_kernels[] = {
    &ss_sha256_avx512, &ss_sha256_shani_4, &ss_sha256_shani, &ss_sha256_avx2, &ss_sha256_portable, NULL,
};
