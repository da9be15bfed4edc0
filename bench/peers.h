// SPDX-License-Identifier: Apache-2.0
// What the kernels are compared with: OpenSSL used the ordinary way.
#ifndef SS_BENCH_PEERS_H
#define SS_BENCH_PEERS_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

struct peers {
    EVP_CIPHER_CTX *ecb, *rekeyed, *xts;
    uint8_t key[64];
    const uint8_t *in;
    uint8_t *out;
    size_t len; ///< a multiple of 128
};

/// Aborts where OpenSSL fails: there is nothing to measure then.
void peers_init(struct peers *p, const uint8_t key[64], const uint8_t *in, uint8_t *out, size_t len);
void peers_free(struct peers *p);

/// The yardstick: AES-256-ECB with one key for all, one call.
void peer_ecb(void *peers);
/// What one would write for the ESP32: a new key for every line of 32 bytes. Making that key and the byte order are
/// left out, so this is what OpenSSL alone costs.
void peer_rekeyed(void *peers);
/// What one would write for later chips: a new tweak for every unit of 128 bytes. Byte order left out.
void peer_xts(void *peers);
void peer_memcpy(void *peers);

#endif
