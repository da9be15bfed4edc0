// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/flash_cipher_kernels.h"

extern const struct ss_flash_cipher_kernel ss_flash_cipher_vaes512, ss_flash_cipher_vaes256, ss_flash_cipher_aesni;

const struct ss_flash_cipher_kernel *const ss_flash_cipher_kernels[] = {
    &ss_flash_cipher_vaes512, &ss_flash_cipher_vaes256, &ss_flash_cipher_aesni, &ss_flash_cipher_portable, NULL,
};
