// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/xts.h"

const struct ss_xts_kernel *const ss_xts_kernels[] = {
    &ss_xts_portable,
    NULL,
};
