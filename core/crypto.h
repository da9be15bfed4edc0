// SPDX-License-Identifier: Apache-2.0
// The crypto port: everything core/ needs from a cryptographic library. Exactly one provider file is linked:
// crypto_openssl.c on hosts; on devices what they have, or crypto_min*.c, which only hashes and verifies. Signing and PEM
// keys are host-only, see slotseal/signing_key.h.
#ifndef SS_CORE_CRYPTO_H
#define SS_CORE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

enum ss_hash_alg {
    SS_HASH_MD5,    ///< only for the partition table's MD5 row and the serial protocol
    SS_HASH_SHA256, ///< 32 bytes
    SS_HASH_SHA384, ///< 48 bytes
    SS_HASH_SHA512, ///< 64 bytes
};
#define SS_HASH_MAX_SIZE 64

/// Digest length of @p alg, bytes: 16, 32, 48 or 64.
size_t ss_hash_size(enum ss_hash_alg alg);

/// A running hash. Caller-allocated; the provider may own resources behind it until finish or abort.
struct ss_hash {
    enum ss_hash_alg alg;
    void *provider;     ///< NULL when not running
    uint64_t state[30]; ///< for providers that keep their state in place; it may move with the struct
};

/// Starts a hash. SS_ERROR_INSUFFICIENT_MEMORY or SS_ERROR_GENERIC from the provider, as for all functions here.
/// @p h is overwritten: end a running hash first.
SS_MUST_USE ss_status_t ss_hash_init(struct ss_hash *h, enum ss_hash_alg alg);
/// Hashes @p len more bytes. SS_ERROR_BAD_STATE if @p h is not running.
SS_MUST_USE ss_status_t ss_hash_update(struct ss_hash *h, const void *in, size_t len);
/// Writes ss_hash_size(h->alg) bytes to @p out and ends the hash, also on failure. SS_ERROR_BAD_STATE if it is not
/// running.
SS_MUST_USE ss_status_t ss_hash_finish(struct ss_hash *h, uint8_t *out);
/// Ends a hash without a result; allowed on an ended or all-zero one.
void ss_hash_abort(struct ss_hash *h);
/// One call: digest of @p len bytes to @p out. Made of the functions above (hash_once.c), as HMAC is (hmac.c): providers
/// need not bring either.
SS_MUST_USE ss_status_t ss_hash_once(enum ss_hash_alg alg, const void *in, size_t len, uint8_t *out);

/// HMAC-SHA-256 of @p in under @p key to @p out (32 bytes). NULL with length 0 is allowed for both.
SS_MUST_USE ss_status_t ss_hmac_sha256(const uint8_t *key, size_t key_len, const void *in, size_t len, uint8_t *out);

/// AES-256-ECB encryption of @p blocks blocks of 16 bytes; in == out is allowed. For the secure boot V1 digest.
SS_MUST_USE ss_status_t ss_aes256_ecb_encrypt(const uint8_t key[32], const uint8_t *in, uint8_t *out, size_t blocks);

/// AES-XTS with a key of 32 or 64 bytes (both halves), one data unit of 16 bytes to 16 MiB; in == out is allowed.
/// SS_ERROR_INVALID_ARGUMENT for other lengths, and for a key whose halves are equal (FIPS 140 forbids it, and so
/// do cryptographic libraries).
SS_MUST_USE ss_status_t ss_aes_xts(bool encrypt, const uint8_t *key, size_t key_len, const uint8_t tweak[16],
                                   const uint8_t *in, uint8_t *out, size_t len);

/// ECDSA P-256 verification. @p public_key is X‖Y, @p signature is r‖s, both 64 bytes big endian; @p digest 32 bytes.
/// SS_OK only for a valid signature; SS_ERROR_INVALID_SIGNATURE; SS_ERROR_DATA_INVALID for a point not on the curve.
SS_MUST_USE ss_status_t ss_p256_verify(const uint8_t public_key[64], const uint8_t digest[32],
                                       const uint8_t signature[64]);

/// @p len bytes from the provider's cryptographic random generator, fit for keys.
SS_MUST_USE ss_status_t ss_random(uint8_t *out, size_t len);

/// Overwrites secrets in a way the compiler keeps. NULL with len 0 is allowed.
void ss_wipe(void *p, size_t len);

/// Constant-time comparison of secrets.
bool ss_equal(const void *a, const void *b, size_t len);

#endif
