// SPDX-License-Identifier: Apache-2.0
// The part of the crypto port that the ciphers need, without a cryptographic library: for the kernels' tests only.
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/kernels/sha256_kernels.h"
#include "core/kernels/wipe.h"

ss_status_t ss_hash_once(enum ss_hash_alg alg, const void *in, size_t len, uint8_t *out)
{
    size_t whole = len - len % SS_SHA256_BLOCK, rest = len - whole;
    uint8_t padded[2 * SS_SHA256_BLOCK] = {0};
    uint32_t state[8], (*const states[1])[8] = {&state};
    if (alg != SS_HASH_SHA256)
        return SS_ERROR_NOT_SUPPORTED;
    memcpy(state, ss_sha256_initial, sizeof state);
    ss_sha256_portable.compress(states, (const uint8_t *const[]){in}, whole / SS_SHA256_BLOCK);
    if (rest)
        memcpy(padded, (const uint8_t *)in + whole, rest);
    padded[rest] = 0x80;
    size_t blocks = rest < SS_SHA256_BLOCK - 8 ? 1 : 2;
    ss_put_be32(padded + blocks * SS_SHA256_BLOCK - 4, (uint32_t)len * 8);
    ss_sha256_portable.compress(states, (const uint8_t *const[]){padded}, blocks);
    for (unsigned i = 0; i < 8; i++)
        ss_put_be32(out + 4 * i, state[i]);
    return SS_OK;
}

void ss_wipe(void *p, size_t len)
{
    if (len)
        ss_kernel_wipe(p, len);
}

bool ss_equal(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;
    uint8_t differ = 0;
    for (size_t i = 0; i < len; i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}
