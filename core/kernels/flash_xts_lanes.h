// SPDX-License-Identifier: Apache-2.0
// XTS in vectors of one, two or four blocks. A batch is eight vectors, hence as many units as a vector has blocks; the
// tweaks of eight batches are encrypted at once, in eight vectors too. Internal.
//
// A kernel's file defines the following, then includes this file, which makes seal() and unseal():
//
//     TARGET, ALWAYS_INLINE     attributes of functions
//     BATCH_UNITS, vec          units of a batch; a vector of as many blocks
//     v_load(p), v_store(p, v)  a vector at p, any alignment
//     v_xor(a, b)
//     v_reverse(v)              the bytes of each block in reverse, as the flash controller takes them
//     v_addresses(a)            the first tweak of each unit before it is encrypted: the addresses from a on, 128 apart
//     cipher()                  eight vectors through all rounds of AES
//     chain_tweaks()            the tweaks of all blocks of a batch in flash order, which is that of falling powers:
//                               the encrypted one of each unit times α to the 7 … 0
#ifndef SS_CORE_KERNELS_FLASH_XTS_LANES_H
#define SS_CORE_KERNELS_FLASH_XTS_LANES_H

#include <string.h>

#include "core/kernels/flash_xts_kernels.h"
#include "core/kernels/wipe.h"

#define BATCH_SIZE (BATCH_UNITS * SS_FLASH_XTS_UNIT)

ALWAYS_INLINE void start_tweaks(vec tweaks[SS_FLASH_XTS_VECTORS], const struct ss_flash_xts *c, uint32_t address,
                                unsigned rounds)
{
#pragma GCC unroll 8
    for (uint32_t i = 0; i < SS_FLASH_XTS_VECTORS; i++)
        tweaks[i] = v_addresses(address + i * BATCH_SIZE);
    cipher(tweaks, c->tweak_keys, rounds, false);
}

ALWAYS_INLINE void one_batch(const struct ss_flash_xts *c, vec tweaks, const uint8_t *in, uint8_t *out, unsigned rounds,
                             bool decrypt)
{
    vec chain[SS_FLASH_XTS_VECTORS], state[SS_FLASH_XTS_VECTORS];
    chain_tweaks(chain, tweaks);
#pragma GCC unroll 8
    for (size_t i = 0; i < SS_FLASH_XTS_VECTORS; i++)
        state[i] = v_xor(v_reverse(v_load(in + i * sizeof(vec))), chain[i]);
    cipher(state, decrypt ? c->decrypt_keys : c->encrypt_keys, rounds, decrypt);
#pragma GCC unroll 8
    for (size_t i = 0; i < SS_FLASH_XTS_VECTORS; i++)
        v_store(out + i * sizeof(vec), v_reverse(v_xor(state[i], chain[i])));
}

ALWAYS_INLINE void run(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units,
                       unsigned rounds, bool decrypt)
{
    vec tweaks[SS_FLASH_XTS_VECTORS];
    size_t batch = 0;
    for (; units >= BATCH_UNITS; units -= BATCH_UNITS, batch++) {
        if (batch % SS_FLASH_XTS_VECTORS == 0)
            start_tweaks(tweaks, c, address, rounds);
        one_batch(c, tweaks[batch % SS_FLASH_XTS_VECTORS], in, out, rounds, decrypt);
        address += BATCH_SIZE;
        in += BATCH_SIZE;
        out += BATCH_SIZE;
    }
    if (units) {
        uint8_t tail[BATCH_SIZE] = {0};
        if (batch % SS_FLASH_XTS_VECTORS == 0)
            start_tweaks(tweaks, c, address, rounds);
        memcpy(tail, in, units * SS_FLASH_XTS_UNIT);
        one_batch(c, tweaks[batch % SS_FLASH_XTS_VECTORS], tail, tail, rounds, decrypt);
        memcpy(out, tail, units * SS_FLASH_XTS_UNIT);
        ss_kernel_wipe(tail, sizeof tail);
    }
    ss_kernel_wipe(tweaks, sizeof tweaks);
}

// The number of rounds is a constant in each copy, so that their loops unroll.
TARGET static void seal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    if (c->rounds == 14)
        run(c, address, in, out, units, 14, false);
    else
        run(c, address, in, out, units, 10, false);
}

TARGET static void unseal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    if (c->rounds == 14)
        run(c, address, in, out, units, 14, true);
    else
        run(c, address, in, out, units, 10, true);
}

#endif
