// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA-256 (RFC 2104) over the port's hash.
#include <string.h>

#include "core/crypto.h"

#define BLOCK_SIZE 64

// out = SHA-256(pad, in), where pad is the key block XORed with @p mask in every byte.
static ss_status_t hash_padded(const uint8_t block[BLOCK_SIZE], uint8_t mask, const void *in, size_t len, uint8_t *out)
{
    uint8_t pad[BLOCK_SIZE];
    struct ss_hash h;
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = block[i] ^ mask;
    ss_status_t status = ss_hash_init(&h, SS_HASH_SHA256);
    if (status == SS_OK)
        status = ss_hash_update(&h, pad, sizeof pad);
    if (status == SS_OK)
        status = ss_hash_update(&h, in, len);
    if (status == SS_OK)
        status = ss_hash_finish(&h, out);
    else
        ss_hash_abort(&h);
    ss_wipe(pad, sizeof pad);
    return status;
}

ss_status_t ss_hmac_sha256(const uint8_t *key, size_t key_len, const void *in, size_t len, uint8_t *out)
{
    uint8_t block[BLOCK_SIZE] = {0}, inner[32];
    ss_status_t status = SS_OK;
    if (key_len > sizeof block)
        status = ss_hash_once(SS_HASH_SHA256, key, key_len, block);
    else if (key_len)
        memcpy(block, key, key_len);
    if (status == SS_OK)
        status = hash_padded(block, 0x36, in, len, inner);
    if (status == SS_OK)
        status = hash_padded(block, 0x5C, inner, sizeof inner, out);
    ss_wipe(block, sizeof block);
    ss_wipe(inner, sizeof inner);
    return status;
}
