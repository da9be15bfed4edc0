// SPDX-License-Identifier: Apache-2.0
// Signing with the checks that keep the order right: sign the plaintext, pad with 0xFF, then seal. Hosts only.
// A device decrypts before it verifies: a signature over ciphertext covers the wrong bytes, and in an encrypted region
// its own bytes decrypt to noise. So only whole plaintext images and partition tables are signed here.
#ifndef SLOTSEAL_SIGN_H
#define SLOTSEAL_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/chip_info.h"
#include "slotseal/error.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"
#include "slotseal/signing_key.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Version of secure boot.
enum ss_sign_scheme {
    SS_SIGN_ANY, ///< only for verifying: what is there
    SS_SIGN_V1,  ///< apps and partition tables; P-256
    SS_SIGN_V2,  ///< apps and bootloaders; RSA-3072, P-192, P-256, P-384
};

/// What was found. Plain data.
struct ss_sign_report {
    enum ss_sign_scheme scheme; ///< of the signature made or verified; ANY: there is none
    size_t signed_len;          ///< bytes that it covers
    size_t signature_at;        ///< offset of the V1 block or V2 sector; equal to signed_len
    bool is_image;              ///< false: a partition table
    bool is_bootloader;         ///< of an image; V1 has a digest for those, their signature is never looked at
    const struct ss_chip *chip; ///< that the image is for; NULL: a table, or a chip that is not known
    bool chip_verifies;         ///< true if the chip has this scheme and algorithm, or is not known
};

/// Room for the output of ss_sign_image(), bytes.
#define SS_SIGN_MAX_OUT(len) SS_SBV2_MAX_OUT((len) + SS_SBV1_BLOCK_SIZE)

/// Checks that @p in is a plaintext image that would boot, or a binary partition table, and writes it with its
/// signature to @p out, which must not overlap @p in. What follows an image has to be 0xFF (filler of an erased flash)
/// and is left out: the signature stands where a device looks for it, V1 right behind the image, V2 at its next
/// multiple of 4096. With @p append (V2) it becomes one more block of the sector that is there.
/// @p size bytes of room (SS_SIGN_MAX_OUT(len) suffices), length in *@p out_len: 0 on error, or the length needed with
/// SS_ERROR_BUFFER_TOO_SMALL. @p report may be NULL; it is filled as far as the checks got. Whether the chip takes this
/// scheme and key it only says.
///   SS_ERROR_NOT_PERMITTED      ciphertext, or signed after sealing; no image or table at all; signed already
///                               (but for @p append); @p key is a public key
///   SS_ERROR_NOT_SUPPORTED      a key that the scheme does not take; a table for V2
///   SS_ERROR_INVALID_ARGUMENT   @p scheme is ANY; @p append with V1
///   SS_ERROR_DATA_INVALID       bytes other than 0xFF behind the image; a table shorter than 0xC00 bytes
///   those of ss_image_parse(), ss_table_from_binary(), ss_secure_boot_v1_sign(), ss_secure_boot_v2_sign_file()
SS_MUST_USE ss_status_t ss_sign_image(enum ss_sign_scheme scheme, const ss_signing_key_t *key, bool append,
                                      const uint8_t *in, size_t len, uint8_t *out, size_t size, size_t *out_len,
                                      struct ss_sign_report *report, struct ss_error *err);

/// Verifies the signature of an image or table where it is, also with 0xFF behind it. @p scheme ANY takes either.
///   SS_OK
///   SS_ERROR_DOES_NOT_EXIST      no signature, or none of this scheme
///   SS_ERROR_INVALID_SIGNATURE   made by another key or for other bytes
///   SS_ERROR_DATA_CORRUPT        V2: the blocks are for other image bytes
///   SS_ERROR_NOT_PERMITTED       ciphertext, or no image or table at all: unseal it first
///   those of ss_image_parse() and ss_table_from_binary(), SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
SS_MUST_USE ss_status_t ss_sign_verify(enum ss_sign_scheme scheme, const ss_signing_key_t *key, const uint8_t *in,
                                       size_t len, struct ss_sign_report *report, struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
