// SPDX-License-Identifier: Apache-2.0
// Inside of a signing key, for the files that make keys and that sign. Internal, hosts only.
#ifndef SS_CORE_SIGNING_KEY_INTERNAL_H
#define SS_CORE_SIGNING_KEY_INTERNAL_H

#include <openssl/evp.h>

#include "core/der.h"
#include "slotseal/signing_key.h"

#define SS_EC_SIZE_MAX 48

struct ss_signing_key {
    enum ss_key_type type;
    bool is_private;
    EVP_PKEY *pkey;
    size_t ec_size;                    ///< bytes of a coordinate or scalar: 24, 32, 48; 0 for RSA
    uint8_t secret[SS_EC_SIZE_MAX];    ///< EC private scalar, big endian, ec_size bytes
    uint8_t point[2 * SS_EC_SIZE_MAX]; ///< EC public point X‖Y, big endian, 2 · ec_size bytes
    const struct ss_signing_ops *ops;  ///< of a remote key, else NULL
    void *context;
};

/// SS_ERROR_NOT_PERMITTED, in the words of @p area, for a public key alone.
ss_status_t ss_signing_key_check_can_sign(const ss_signing_key_t *key, enum ss_area area, struct ss_error *err);

/// Deterministic ECDSA P-256 (RFC 6979) with @p secret, 32 bytes big endian; not verified.
ss_status_t ss_p256_sign(const uint8_t secret[32], const uint8_t digest[32], uint8_t signature[SS_ES256_SIZE]);

/// OpenSSL's curve (NID) of an EC type; NID_undef for RSA.
int ss_key_type_curve(enum ss_key_type type);
/// Bytes of a coordinate or scalar of an EC type; 0 for RSA.
size_t ss_key_type_ec_size(enum ss_key_type type);

/// An EC key of its parts: @p secret, big endian, at most ec_size bytes (p NULL: public key alone), and the encoded
/// public point (p NULL: computed from the secret). Checks range, curve, and that both belong together.
ss_status_t ss_signing_key_from_ec(enum ss_key_type type, struct ss_der secret, struct ss_der point,
                                   ss_signing_key_t **key, struct ss_error *err);

/// Numbers of an RSA key in the order of PKCS#1: n, e; a private key goes on with d, p, q, dp, dq, 1/q mod p.
#define SS_RSA_PUBLIC_NUMBERS  2
#define SS_RSA_PRIVATE_NUMBERS 8

/// OpenSSL's names of these numbers.
extern const char *const ss_rsa_number_names[SS_RSA_PRIVATE_NUMBERS];

/// An RSA key of @p count such numbers, big endian.
ss_status_t ss_signing_key_from_rsa(const struct ss_der *numbers, size_t count, ss_signing_key_t **key,
                                    struct ss_error *err);

#endif
