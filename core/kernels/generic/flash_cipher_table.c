// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/flash_cipher_kernels.h"

const struct ss_flash_cipher_kernel *const ss_flash_cipher_kernels[] = {
    &ss_flash_cipher_portable,
    NULL,
};
