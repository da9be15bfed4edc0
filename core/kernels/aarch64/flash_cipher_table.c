// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/flash_cipher_kernels.h"

extern const struct ss_flash_cipher_kernel ss_flash_cipher_armv8;

const struct ss_flash_cipher_kernel *const ss_flash_cipher_kernels[] = {
    &ss_flash_cipher_armv8,
    &ss_flash_cipher_portable,
    NULL,
};
