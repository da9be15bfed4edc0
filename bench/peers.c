// SPDX-License-Identifier: Apache-2.0
#include "bench/peers.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

static void must(int ok)
{
    if (ok != 1)
        abort();
}

static EVP_CIPHER_CTX *start(const char *name, const uint8_t *key, int encrypt)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const uint8_t iv[16] = {0};
    must(cipher && ctx);
    must(EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL));
    must(EVP_CIPHER_CTX_set_padding(ctx, 0));
    EVP_CIPHER_free(cipher);
    return ctx;
}

void peers_init(struct peers *p, const uint8_t key[64], const uint8_t *in, uint8_t *out, size_t len)
{
    *p = (struct peers){.in = in, .out = out, .len = len};
    memcpy(p->key, key, sizeof p->key);
    p->ecb = start("AES-256-ECB", key, 1);
    p->rekeyed = start("AES-256-ECB", key, 0); // the ESP32 seals with the inverse cipher
    p->xts = start("AES-256-XTS", key, 1);
}

void peers_free(struct peers *p)
{
    EVP_CIPHER_CTX_free(p->ecb);
    EVP_CIPHER_CTX_free(p->rekeyed);
    EVP_CIPHER_CTX_free(p->xts);
}

void peer_ecb(void *peers)
{
    struct peers *p = peers;
    int n;
    must(EVP_CipherUpdate(p->ecb, p->out, &n, p->in, (int)p->len));
}

void peer_rekeyed(void *peers)
{
    struct peers *p = peers;
    int n;
    for (size_t at = 0; at < p->len; at += 32) {
        ss_put_le32(p->key, (uint32_t)at);
        must(EVP_CipherInit_ex2(p->rekeyed, NULL, p->key, NULL, 0, NULL));
        must(EVP_CipherUpdate(p->rekeyed, p->out + at, &n, p->in + at, 32));
    }
}

void peer_xts(void *peers)
{
    struct peers *p = peers;
    int n;
    uint8_t tweak[16] = {0};
    for (size_t at = 0; at < p->len; at += 128) {
        ss_put_le32(tweak, (uint32_t)at);
        must(EVP_CipherInit_ex2(p->xts, NULL, NULL, tweak, 1, NULL));
        must(EVP_CipherUpdate(p->xts, p->out + at, &n, p->in + at, 128));
    }
}

void peer_memcpy(void *peers)
{
    struct peers *p = peers;
    memcpy(p->out, p->in, p->len);
    __asm__ volatile("" : : "r"(p->out) : "memory");
}
