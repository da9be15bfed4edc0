// SPDX-License-Identifier: Apache-2.0
// The rounds of AES by x86's instructions, for any width of vector. Internal: part of what a kernel gives
// flash_xts_lanes.h. Before this file it defines v_key(p), a round key for each block, and v_aesenc(), v_aesdec(),
// v_aesenclast(), v_aesdeclast(): rounds with the key of the second argument.
#ifndef SS_CORE_KERNELS_X86_64_FLASH_XTS_CIPHER_H
#define SS_CORE_KERNELS_X86_64_FLASH_XTS_CIPHER_H

ALWAYS_INLINE void cipher(vec state[SS_FLASH_XTS_VECTORS], const uint8_t (*keys)[16], unsigned rounds, bool decrypt)
{
    vec key = v_key(keys[0]);
#pragma GCC unroll 16
    for (int i = 0; i < SS_FLASH_XTS_VECTORS; i++)
        state[i] = v_xor(state[i], key);
#pragma GCC unroll 16
    for (unsigned r = 1; r < rounds; r++) {
        key = v_key(keys[r]);
#pragma GCC unroll 16
        for (int i = 0; i < SS_FLASH_XTS_VECTORS; i++)
            state[i] = decrypt ? v_aesdec(state[i], key) : v_aesenc(state[i], key);
    }
    key = v_key(keys[rounds]);
#pragma GCC unroll 16
    for (int i = 0; i < SS_FLASH_XTS_VECTORS; i++)
        state[i] = decrypt ? v_aesdeclast(state[i], key) : v_aesenclast(state[i], key);
}

#endif
