// SPDX-License-Identifier: Apache-2.0
// The provider of crypto_min*.c under names of its own, so that it can stand beside OpenSSL's: core/CMakeLists.txt.
#ifndef SS_TESTS_CRYPTO_MIN_H
#define SS_TESTS_CRYPTO_MIN_H

#include "core/crypto.h"

size_t min_hash_size(enum ss_hash_alg alg);
ss_status_t min_hash_init(struct ss_hash *h, enum ss_hash_alg alg);
ss_status_t min_hash_update(struct ss_hash *h, const void *in, size_t len);
ss_status_t min_hash_finish(struct ss_hash *h, uint8_t *out);
void min_hash_abort(struct ss_hash *h);
ss_status_t min_hash_once(enum ss_hash_alg alg, const void *in, size_t len, uint8_t *out);
ss_status_t min_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t signature[64]);

#endif
