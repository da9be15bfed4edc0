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

/// A private key with its public one; a public key with a private one that is kept elsewhere; or a public key alone.
/// Made by _generate(), _load() or _remote(), ended by _free(). After it is made it never changes: threads may share it,
/// a remote one as far as its operations allow.
typedef struct ss_signing_key ss_signing_key_t;

/// Largest PEM text that the writing functions make, bytes; RSA-3072 private keys take about 2,450.
#define SS_SIGNING_KEY_PEM_MAX 4096
/// Largest key file that _load() takes, bytes.
#define SS_SIGNING_KEY_FILE_MAX 65536
/// Length of a raw public key, bytes.
#define SS_RAW_PUBLIC_KEY_SIZE 64
/// Length of an ES256 signature r‖s, bytes.
#define SS_ES256_SIZE 64
/// Longest signature that the operations of a remote key make, bytes: RSA-3072.
#define SS_SIGNATURE_MAX 384

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

/// How a private key signs that is kept elsewhere: in a PKCS#11 token, by a signing service, by another process.
struct ss_signing_ops {
    /// Signs @p digest and writes exactly ss_signature_size() bytes of the key's type to @p signature, big endian: r‖s
    /// for ECDSA; for RSA-3072 PSS with SHA-256, MGF1 with SHA-256 and 32 bytes of salt. The digest has 32 bytes, for
    /// P-384 48. Any status; what it signs is verified with the public key before it is used.
    ss_status_t (*sign)(void *context, const uint8_t *digest, size_t digest_len, uint8_t *signature,
                        struct ss_error *err);
    /// Ends @p context; may be NULL.
    void (*close)(void *context);
};

/// Length of a signature of @p type as ss_signing_ops makes it, bytes: 384 for RSA-3072, else two coordinates.
size_t ss_signature_size(enum ss_key_type type);

/// A key that signs by @p ops, with @p public_key's public half; all that signs takes it. @p ops must outlive it. Once
/// made, the key owns @p context; on error it stays the caller's and *@p key is NULL: SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_signing_key_remote(const ss_signing_key_t *public_key, const struct ss_signing_ops *ops,
                                              void *context, ss_signing_key_t **key, struct ss_error *err);

/// Wipes and frees, and closes a remote key's context; NULL is allowed.
void ss_signing_key_free(ss_signing_key_t *key);

enum ss_key_type ss_signing_key_type(const ss_signing_key_t *key);
/// True if the private key is here, in memory, and can be written out.
bool ss_signing_key_is_private(const ss_signing_key_t *key);
/// True if it can sign, here or elsewhere. A public key alone only verifies.
bool ss_signing_key_can_sign(const ss_signing_key_t *key);
/// True if both have the same type and public key.
bool ss_signing_key_same_public(const ss_signing_key_t *a, const ss_signing_key_t *b);
/// SHA-256 of the public key as a SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7), which names the key without telling
/// anything of the private one; `openssl pkey -pubout -outform DER` writes what is hashed.
/// SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC.
SS_MUST_USE ss_status_t ss_signing_key_fingerprint(const ss_signing_key_t *key, uint8_t digest[32],
                                                   struct ss_error *err);

/// The private key as unencrypted PEM text in the traditional format, as `espsecure generate_signing_key` writes it:
/// "EC PRIVATE KEY" with named curve and public key, or "RSA PRIVATE KEY". No terminator is written.
/// Up to @p size bytes (SS_SIGNING_KEY_PEM_MAX suffices) to @p out, the length to *@p len; the caller wipes @p out.
/// SS_ERROR_NOT_PERMITTED for a public or remote key, SS_ERROR_BUFFER_TOO_SMALL with the length needed in *@p len,
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

/// ES256 (RFC 9053 §2.1): ECDSA P-256 over a SHA-256 @p digest, as r‖s, big endian. Deterministic (RFC 6979) by a key in
/// memory. The signature is verified before it is handed out.
///   SS_ERROR_NOT_PERMITTED   @p key is a public key
///   SS_ERROR_NOT_SUPPORTED   @p key is not P-256
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC, and what a remote key's operations return
SS_MUST_USE ss_status_t ss_signing_key_sign_es256(const ss_signing_key_t *key, const uint8_t digest[32],
                                                  uint8_t signature[SS_ES256_SIZE], struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
