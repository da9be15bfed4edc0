// SPDX-License-Identifier: Apache-2.0
// Secure boot V1 of the ESP32: ECDSA signatures of apps and partition tables, and the keyed digest of the bootloader.
// Sources: ESP-IDF docs, "Secure Boot" (V1); ESP-IDF esp_secure_boot.h; esptool's espsecure.
#ifndef SLOTSEAL_SECURE_BOOT_V1_H
#define SLOTSEAL_SECURE_BOOT_V1_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/signing_key.h"

#ifdef __cplusplus
extern "C" {
#endif

// The signature block directly follows the bytes that it signs: an app image with its appended SHA-256, or the 0xC00
// bytes of a partition table.
//
//      0         4                         36                        68
//      +---------+-------------------------+-------------------------+
//      | version | r, 32 bytes, big endian | s, 32 bytes, big endian |
//      +---------+-------------------------+-------------------------+
//        0, LE      ECDSA P-256 over the SHA-256 of all bytes before the block

/// Length of the signature block, bytes.
#define SS_SBV1_BLOCK_SIZE 68
/// Length of the signature r‖s within, bytes; it starts at offset 4.
#define SS_SBV1_SIGNATURE_SIZE 64

/// Checks @p block against a SHA-256 @p digest of the bytes before it, so that large data can be hashed in pieces.
/// @p public_key is X‖Y, big endian.
///   SS_OK                        the signature is valid
///   SS_ERROR_DATA_INVALID        the version field is not 0 (no signature, or encrypted), or the key is not on its
///                                curve
///   SS_ERROR_INVALID_SIGNATURE   made by another key or for other bytes
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
SS_MUST_USE ss_status_t ss_secure_boot_v1_verify_digest(const uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE],
                                                        const uint8_t digest[32],
                                                        const uint8_t block[SS_SBV1_BLOCK_SIZE], struct ss_error *err);

/// The same over @p len bytes of @p data.
SS_MUST_USE ss_status_t ss_secure_boot_v1_verify(const uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE], const uint8_t *data,
                                                 size_t len, const uint8_t block[SS_SBV1_BLOCK_SIZE],
                                                 struct ss_error *err);

/// The same for a file that ends in its signature block. SS_ERROR_DATA_INVALID also if it is not longer than one.
SS_MUST_USE ss_status_t ss_secure_boot_v1_verify_file(const uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE],
                                                      const uint8_t *file, size_t len, struct ss_error *err);

/// Makes the block for a signature that was made elsewhere (@p signature is r‖s, big endian), after verifying it.
/// Statuses as _verify_digest(); @p block is only written on success.
SS_MUST_USE ss_status_t ss_secure_boot_v1_attach(const uint8_t public_key[SS_RAW_PUBLIC_KEY_SIZE],
                                                 const uint8_t digest[32],
                                                 const uint8_t signature[SS_SBV1_SIGNATURE_SIZE],
                                                 uint8_t block[SS_SBV1_BLOCK_SIZE], struct ss_error *err);

/// Hosts only. Signs a SHA-256 @p digest; by a key in memory deterministically (RFC 6979), byte for byte as `espsecure
/// sign_data -v 1`.
/// The signature is verified before it is handed out. These functions sign whatever they get: ss_sign_image()
/// in slotseal/sign.h refuses what must not be signed.
///   SS_ERROR_NOT_PERMITTED   @p key is a public key
///   SS_ERROR_NOT_SUPPORTED   @p key is not P-256
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC, and what a remote key's operations return
SS_MUST_USE ss_status_t ss_secure_boot_v1_sign_digest(const ss_signing_key_t *key, const uint8_t digest[32],
                                                      uint8_t block[SS_SBV1_BLOCK_SIZE], struct ss_error *err);

/// Hosts only. The same over @p len bytes of @p data.
SS_MUST_USE ss_status_t ss_secure_boot_v1_sign(const ss_signing_key_t *key, const uint8_t *data, size_t len,
                                               uint8_t block[SS_SBV1_BLOCK_SIZE], struct ss_error *err);

// The bootloader is not signed: with ABS_DONE_0 burned the ROM compares a digest under the key of eFuse BLOCK2. The
// file for flash address 0:
//
//      0        0x80         0xC0               0x1000
//      +--------+------------+------------------+---------------------+
//      | IV     | digest, 64 | 0xFF             | bootloader image    |
//      +--------+------------+------------------+---------------------+
//        random                                   multiple of 128 bytes

#define SS_SBV1_IV_SIZE           128
#define SS_SBV1_DIGEST_SIZE       64
#define SS_SBV1_BOOTLOADER_OFFSET 0x1000

/// Length of the file for flash address 0 that holds a bootloader image of @p len bytes, at most.
#define SS_SBV1_BOOTLOADER_FILE_MAX(len) (SS_SBV1_BOOTLOADER_OFFSET + (len) + 127)

/// The secure boot key of eFuse BLOCK2 in the byte order of its file, and the IV.
struct ss_sbv1_digest_params {
    const uint8_t *key; ///< 32 bytes; 24 are extended as 3/4 coding does, 16 are replaced by their SHA-256
    size_t key_len;     ///< 16, 24 or 32
    const uint8_t *iv;
    size_t iv_len; ///< 128 on a chip; shorter multiples of 16, also 0, only for the tests of espsecure's vectors
};

/// The digest of a bootloader image as the ROM stores and compares it. Counted are the IV and the image up to the end
/// of its last unit of 128 bytes, filled with 0xFF; but if the image has an appended SHA-256 and its last unit holds at
/// most 32 bytes, that unit is left out (the ROM stops at the checksum).
///   SS_ERROR_INVALID_ARGUMENT   length of key or IV
///   SS_ERROR_DATA_INVALID       not an image: too short, magic, hash field neither 0 nor 1
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
SS_MUST_USE ss_status_t ss_secure_boot_v1_bootloader_digest(const struct ss_sbv1_digest_params *params,
                                                            const uint8_t *image, size_t len,
                                                            uint8_t digest[SS_SBV1_DIGEST_SIZE], struct ss_error *err);

/// The whole file for flash address 0, byte for byte as `espsecure digest_secure_bootloader` makes it. @p size bytes of
/// room in @p out, length in *@p out_len (0 on error; the length needed with SS_ERROR_BUFFER_TOO_SMALL).
/// Other statuses as _bootloader_digest().
SS_MUST_USE ss_status_t ss_secure_boot_v1_bootloader_file(const struct ss_sbv1_digest_params *params,
                                                          const uint8_t *image, size_t len, uint8_t *out, size_t size,
                                                          size_t *out_len, struct ss_error *err);

/// Hosts only. The secure boot key of the "reflashable" mode, derived from the private signing key: its SHA-256, 32
/// bytes, or the first 24 for chips with 3/4 coding (`espsecure digest_private_key`). A secret: the caller wipes it.
///   SS_ERROR_INVALID_ARGUMENT   @p size is neither 24 nor 32
///   SS_ERROR_NOT_PERMITTED      @p key is a public key, or a remote one
///   SS_ERROR_NOT_SUPPORTED      @p key is not P-256
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
SS_MUST_USE ss_status_t ss_secure_boot_v1_reflash_key(const ss_signing_key_t *key, uint8_t *out, size_t size,
                                                      struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
