// SPDX-License-Identifier: Apache-2.0
// The smallest provider of the crypto port, for a device without a cryptographic library: SHA-256 here, P-256
// verification in crypto_min_p256.c. **For public data only.** Its time depends on what it works on, and it wipes
// nothing: it must never be given a secret. What secrets need (HMAC, AES, random, constant-time comparison) is not here,
// so that code which wants it does not link.
//
// FIPS 180-4. Any number of hashes can run at a time: all that one needs is in its struct ss_hash. The message is limited
// to 2^61 - 1 bytes by the standard; nothing that a device reads comes near.
#include "core/crypto.h"

#include <string.h>

#include "core/bytes.h"

#define BLOCK 64u

// Where a running hash is in ss_hash.state: eight words of 32 bits, the length in bytes, the unfinished block.
enum { STATE_WORDS = 8, STATE_LENGTH = 8, STATE_BLOCK = 9 };
_Static_assert(STATE_BLOCK + BLOCK / 8 <= sizeof((struct ss_hash *)0)->state / 8, "a running hash fits its struct");

static const uint32_t initial[STATE_WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t v, unsigned right)
{
    return v >> right | v << (32 - right);
}

// The next word of the message schedule, over the oldest of the last sixteen.
static uint32_t schedule(uint32_t w[16], unsigned i)
{
    uint32_t w15 = w[(i + 1) & 15], w2 = w[(i + 14) & 15];
    uint32_t s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ w15 >> 3;
    uint32_t s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ w2 >> 10;
    return w[i & 15] += s0 + w[(i + 9) & 15] + s1;
}

static void compress(uint64_t state[STATE_WORDS], const uint8_t block[BLOCK])
{
    uint32_t w[16], v[STATE_WORDS];
    for (unsigned i = 0; i < STATE_WORDS; i++)
        v[i] = (uint32_t)state[i];
    for (unsigned i = 0; i < 64; i++) {
        uint32_t word = i < 16 ? (w[i] = ss_get_be32(block + 4 * i)) : schedule(w, i);
        uint32_t a = v[0], e = v[4];
        uint32_t t1 =
            v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + constants[i] + word;
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        for (unsigned j = STATE_WORDS - 1; j > 0; j--)
            v[j] = v[j - 1];
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < STATE_WORDS; i++)
        state[i] = (uint32_t)(state[i] + v[i]);
}

size_t ss_hash_size(enum ss_hash_alg alg)
{
    static const uint8_t sizes[] = {
        [SS_HASH_MD5] = 16, [SS_HASH_SHA256] = 32, [SS_HASH_SHA384] = 48, [SS_HASH_SHA512] = 64};
    return sizes[alg];
}

ss_status_t ss_hash_init(struct ss_hash *h, enum ss_hash_alg alg)
{
    h->alg = alg;
    h->provider = NULL;
    if (alg != SS_HASH_SHA256)
        return SS_ERROR_NOT_SUPPORTED;
    for (unsigned i = 0; i < STATE_WORDS; i++)
        h->state[i] = initial[i];
    h->state[STATE_LENGTH] = 0;
    // Only says that it runs: a hash may be copied while it does.
    h->provider = (void *)(uintptr_t)constants;
    return SS_OK;
}

ss_status_t ss_hash_update(struct ss_hash *h, const void *in, size_t len)
{
    if (!h->provider)
        return SS_ERROR_BAD_STATE;
    const uint8_t *p = in;
    uint8_t *block = (uint8_t *)&h->state[STATE_BLOCK];
    unsigned fill = h->state[STATE_LENGTH] % BLOCK;
    h->state[STATE_LENGTH] += len;
    while (len > 0) {
        unsigned n = len < BLOCK - fill ? (unsigned)len : BLOCK - fill;
        memcpy(block + fill, p, n);
        p += n;
        len -= n;
        fill = (fill + n) % BLOCK;
        if (fill == 0)
            compress(h->state, block);
    }
    return SS_OK;
}

ss_status_t ss_hash_finish(struct ss_hash *h, uint8_t *out)
{
    if (!h->provider)
        return SS_ERROR_BAD_STATE;
    uint64_t bits = h->state[STATE_LENGTH] * 8;
    uint8_t *block = (uint8_t *)&h->state[STATE_BLOCK];
    unsigned fill = h->state[STATE_LENGTH] % BLOCK;
    block[fill++] = 0x80;
    memset(block + fill, 0, BLOCK - fill);
    if (fill > BLOCK - 8) {
        compress(h->state, block);
        memset(block, 0, BLOCK);
    }
    ss_put_be32(block + BLOCK - 8, (uint32_t)(bits >> 32));
    ss_put_be32(block + BLOCK - 4, (uint32_t)bits);
    compress(h->state, block);
    for (unsigned i = 0; i < STATE_WORDS; i++)
        ss_put_be32(out + 4 * i, (uint32_t)h->state[i]);
    h->provider = NULL;
    return SS_OK;
}

void ss_hash_abort(struct ss_hash *h)
{
    h->provider = NULL;
}
