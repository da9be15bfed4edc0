// SPDX-License-Identifier: Apache-2.0
// Sealing and digesting many images, or many windows of one image, at once. One SHA-256 is slower than the cipher and
// cannot be split; several independent ones together are more than twice as fast.
#ifndef SLOTSEAL_SEAL_MANY_H
#define SLOTSEAL_SEAL_MANY_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/flash_xts.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Length of a SHA-256 digest, bytes.
#define SS_SEAL_DIGEST_SIZE 32

/// One range to seal and digest: a whole image, or a window of one. All pointers are borrowed for the call.
struct ss_seal_job {
    const struct ss_flash_cipher *cipher; ///< set for the ESP32's scheme; at most one of cipher and xts
    const struct ss_flash_xts *xts;       ///< set for the later chips' scheme; neither: only plain_digest is made
    uint32_t address;                     ///< absolute flash address, a multiple of 16; ignored without a cipher
    const uint8_t *in;                    ///< plaintext
    uint8_t *out;                         ///< sealed, `len` bytes; may be `in`; ignored without a cipher
    size_t len;                           ///< bytes, a multiple of 16 (without a cipher: any); may be 0
    uint8_t *plain_digest;                ///< SHA-256 of the plaintext, SS_SEAL_DIGEST_SIZE bytes, or NULL
    uint8_t *sealed_digest;               ///< SHA-256 of the ciphertext, or NULL; without a cipher NULL
};

/// Does all @p jobs. The output of one job must not overlap any buffer of another one; inputs may be shared (one
/// release for many devices). Jobs may have different lengths and keys; sixteen and more of about the same length are
/// fastest.
///
/// Each job is checked before any byte is written. Returns SS_OK; SS_ERROR_INVALID_ARGUMENT: both ciphers given, a
/// digest of ciphertext asked for without a cipher, or what ss_flash_cipher_seal() or ss_flash_xts_seal() refuse;
/// SS_ERROR_BAD_STATE: an xts without key. The message starts with the index of the job, `job 3: …`.
SS_MUST_USE ss_status_t ss_seal_many(const struct ss_seal_job *jobs, size_t count, struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
