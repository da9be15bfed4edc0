// SPDX-License-Identifier: Apache-2.0
// Keys that sign images: secure boot V1 (ECDSA P-256) and V2 (RSA-3072, ECDSA P-192, P-256, P-384). Hosts only.
#ifndef SLOTSEAL_SIGNING_KEY_H
#define SLOTSEAL_SIGNING_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ss_key_type {
    SS_KEY_P256,    ///< ECDSA NIST P-256: secure boot V1, and V2 on some chips
    SS_KEY_RSA3072, ///< RSA with 3072 bits: secure boot V2
    SS_KEY_P192,    ///< ECDSA NIST P-192: secure boot V2 on some chips
    SS_KEY_P384,    ///< ECDSA NIST P-384: secure boot V2 on some chips
};

/// A private key with its public one, or a public key alone. Made by _generate() or _load(), ended by _free().
/// After it is made it never changes: threads may share it.
typedef struct ss_signing_key ss_signing_key_t;

/// Largest PEM text that the writing functions make, bytes; RSA-3072 private keys take about 2,450.
#define SS_SIGNING_KEY_PEM_MAX 4096
/// Largest key file that _load() takes, bytes.
#define SS_SIGNING_KEY_FILE_MAX 65536
/// Length of a raw public key, bytes.
#define SS_RAW_PUBLIC_KEY_SIZE 64

/// "P-256", "RSA-3072", "P-192" or "P-384".
const char *ss_key_type_name(enum ss_key_type type);

/// A new private key from the operating system's random numbers; RSA with exponent 65537. The caller frees *@p key.
/// SS_ERROR_INSUFFICIENT_MEMORY, or SS_ERROR_GENERIC from the cryptographic library; *@p key is NULL then.
SS_MUST_USE ss_status_t ss_signing_key_generate(enum ss_key_type type, ss_signing_key_t **key, struct ss_error *err);

/// Loads what a key file holds, private or public, by its content:
///   PEM   "EC PRIVATE KEY" (SEC1), "RSA PRIVATE KEY" and "RSA PUBLIC KEY" (PKCS#1), "PRIVATE KEY" (PKCS#8),
///         "PUBLIC KEY" (SubjectPublicKeyInfo). The first key of the file counts; "EC PARAMETERS" and text are skipped.
///   raw   exactly 64 bytes: X‖Y of a P-256 public key, as esptool's `espsecure extract_public_key -v 1` writes and
///         ESP-IDF links into bootloader and app.
/// A private EC key must belong to its public key and both to the curve. The caller frees *@p key, and wipes @p file.
/// On error *@p key is NULL:
///   SS_ERROR_DATA_INVALID         not one of these formats, damaged, or a point that is not on its curve
///   SS_ERROR_NOT_SUPPORTED        encrypted, DER, a certificate, curve parameters written out, another
///                                 algorithm, curve or key size: named in @p err
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
SS_MUST_USE ss_status_t ss_signing_key_load(const uint8_t *file, size_t len, ss_signing_key_t **key,
                                            struct ss_error *err);

/// A P-256 public key of 64 bytes X‖Y, big endian. Statuses as _load().
SS_MUST_USE ss_status_t ss_signing_key_load_raw(const uint8_t xy[SS_RAW_PUBLIC_KEY_SIZE], ss_signing_key_t **key,
                                                struct ss_error *err);

/// Wipes and frees; NULL is allowed.
void ss_signing_key_free(ss_signing_key_t *key);

enum ss_key_type ss_signing_key_type(const ss_signing_key_t *key);
/// False for a public key alone: it verifies, but cannot sign.
bool ss_signing_key_is_private(const ss_signing_key_t *key);
/// True if both have the same type and public key.
bool ss_signing_key_same_public(const ss_signing_key_t *a, const ss_signing_key_t *b);

/// The private key as unencrypted PEM text in the traditional format, as `espsecure generate_signing_key` writes it:
/// "EC PRIVATE KEY" with named curve and public key, or "RSA PRIVATE KEY". No terminator is written.
/// Up to @p size bytes (SS_SIGNING_KEY_PEM_MAX suffices) to @p out, the length to *@p len; the caller wipes @p out.
/// SS_ERROR_NOT_PERMITTED for a public key, SS_ERROR_BUFFER_TOO_SMALL with the length needed in *@p len,
/// SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC.
SS_MUST_USE ss_status_t ss_signing_key_write_private(const ss_signing_key_t *key, uint8_t *out, size_t size,
                                                     size_t *len, struct ss_error *err);

/// The public key as PEM text "PUBLIC KEY" (SubjectPublicKeyInfo), as `espsecure extract_public_key -v 2` writes it.
/// Output and statuses as _write_private(), without SS_ERROR_NOT_PERMITTED.
SS_MUST_USE ss_status_t ss_signing_key_write_public(const ss_signing_key_t *key, uint8_t *out, size_t size, size_t *len,
                                                    struct ss_error *err);

/// The public key as 64 raw bytes X‖Y, big endian: the verification key of secure boot V1 (`espsecure
/// extract_public_key -v 1`; ESP-IDF docs, "Secure Boot" V1). SS_ERROR_NOT_SUPPORTED if @p key is not P-256.
SS_MUST_USE ss_status_t ss_signing_key_raw_public(const ss_signing_key_t *key, uint8_t xy[SS_RAW_PUBLIC_KEY_SIZE],
                                                  struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
