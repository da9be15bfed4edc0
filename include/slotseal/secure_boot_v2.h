// SPDX-License-Identifier: Apache-2.0
// Secure boot V2: a sector of up to three signature blocks behind the image. Parsing works everywhere; what takes an
// ss_signing_key_t is for hosts only.
// Sources: ESP-IDF docs, "Secure Boot V2"; ESP-IDF esp_secure_boot.h; esptool's espsecure.
#ifndef SLOTSEAL_SECURE_BOOT_V2_H
#define SLOTSEAL_SECURE_BOOT_V2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/signing_key.h"

#ifdef __cplusplus
extern "C" {
#endif

// A signed file; both parts are multiples of 4096 bytes, app images are padded to 64 KiB before by the build:
//
//      +-------------------------+---------+---------+---------+----------------+
//      | image, 0xFF …           | block 0 | block 1 | block 2 | 0xFF, 448 bytes|
//      +-------------------------+---------+---------+---------+----------------+
//        signed by every block     1216      1216      1216 (absent blocks: 0xFF)
//
// A block. Numbers are little endian; n, e, X, Y, r, s as everywhere in RSA and ECDSA:
//
//           RSA-3072                    ECDSA P-192, P-256            ECDSA P-384
//         0 0xE7, 2, 0, 0               0xE7, 3, 0 (SHA-256), 0       0xE7, 3, 1 (SHA-384), 0
//         4 SHA-256 of the image, 32    SHA-256 of the image, 32      SHA-384 of the image, 48
//        36 n, 384                      curve: 1 P-192, 2 P-256       52: curve: 3
//       420 e, 4                        37: X, Y (24 or 32 each)      53: X, Y (48 each)
//       424 2^6144 mod n, 384           101: r, s (24 or 32 each)     149: r, s (48 each)
//       808 -1/n mod 2^32, 4            zeros                         zeros
//       812 PSS signature, 384
//      1196 CRC-32 of bytes 0–1195      the same                      the same
//      1200 zeros, 16
//
// The eFuses hold the SHA-256 of the key as it lies there: bytes 36–811, 36–100 or 52–148.

#define SS_SBV2_SECTOR_SIZE  4096
#define SS_SBV2_BLOCK_SIZE   1216
#define SS_SBV2_BLOCK_COUNT  3 ///< an ESP32 only looks at the first
#define SS_SBV2_DIGEST_MAX   48
#define SS_SBV2_MAX_OUT(len) (((len) + 2 * SS_SBV2_SECTOR_SIZE - 1) / SS_SBV2_SECTOR_SIZE * SS_SBV2_SECTOR_SIZE)

/// What a block says. Offsets count from the start of the block.
struct ss_sbv2_block {
    enum ss_key_type type;
    uint8_t image_digest[SS_SBV2_DIGEST_MAX]; ///< of the image that it signs
    size_t image_digest_len;                  ///< 32 (SHA-256) or, for P-384, 48 (SHA-384)
    uint8_t key_digest[32];                   ///< what the eFuses must hold
    size_t key_at, key_len;                   ///< the bytes under key_digest
    size_t signature_at, signature_len;       ///< the signature with its zero fill
};

/// Length of the image digest that a key of @p type signs: 48 (SHA-384) for P-384, else 32 (SHA-256).
size_t ss_secure_boot_v2_digest_size(enum ss_key_type type);

/// Reads a block; verifies nothing but its CRC.
///   SS_ERROR_DOES_NOT_EXIST   all 0xFF: no block here
///   SS_ERROR_DATA_INVALID     magic, version, hash or curve unknown or not matching
///   SS_ERROR_DATA_CORRUPT     CRC
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC from hashing
SS_MUST_USE ss_status_t ss_secure_boot_v2_parse_block(const uint8_t block[SS_SBV2_BLOCK_SIZE],
                                                      struct ss_sbv2_block *info, struct ss_error *err);

/// The digest of @p key that belongs in the eFuses (`espsecure digest_sbv2_public_key`), 32 bytes.
/// SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC.
SS_MUST_USE ss_status_t ss_secure_boot_v2_key_digest(const ss_signing_key_t *key, uint8_t digest[32],
                                                     struct ss_error *err);

/// The public key that a block carries. The caller frees *@p key; it is NULL on error. Statuses as _parse_block() and
/// ss_signing_key_load(); SS_ERROR_DATA_INVALID also if the block's helper numbers do not belong to the key.
SS_MUST_USE ss_status_t ss_secure_boot_v2_block_key(const uint8_t block[SS_SBV2_BLOCK_SIZE], ss_signing_key_t **key,
                                                    struct ss_error *err);

/// Makes a block with @p key over the digest of the padded image (ss_secure_boot_v2_digest_size() bytes). RSA-PSS and
/// ECDSA are randomised: each call gives another block. The signature is verified before it is handed out.
///   SS_ERROR_NOT_PERMITTED   @p key is a public key
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC, and what a remote key's operations return
SS_MUST_USE ss_status_t ss_secure_boot_v2_sign_digest(const ss_signing_key_t *key, const uint8_t *digest,
                                                      uint8_t block[SS_SBV2_BLOCK_SIZE], struct ss_error *err);

/// Makes a block of a signature that was made elsewhere, after verifying it with @p key (public is enough): RSA-PSS as
/// 384 bytes, big endian, or ECDSA in DER, as OpenSSL and HSMs give them.
///   SS_ERROR_DATA_INVALID        not of that form
///   SS_ERROR_INVALID_SIGNATURE   made by another key or for another digest
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
SS_MUST_USE ss_status_t ss_secure_boot_v2_attach(const ss_signing_key_t *key, const uint8_t *digest,
                                                 const uint8_t *signature, size_t signature_len,
                                                 uint8_t block[SS_SBV2_BLOCK_SIZE], struct ss_error *err);

/// Is @p block a signature by @p key over an image with this digest?
///   SS_OK
///   SS_ERROR_INVALID_SIGNATURE   made by another key, or not valid
///   SS_ERROR_DATA_CORRUPT        CRC, or it is for an image with another digest
///   others as _parse_block()
SS_MUST_USE ss_status_t ss_secure_boot_v2_verify_block(const ss_signing_key_t *key, const uint8_t *digest,
                                                       const uint8_t block[SS_SBV2_BLOCK_SIZE], struct ss_error *err);

/// Is one of the blocks in @p sector a signature by @p key over @p len bytes of @p image? *@p index (may be NULL) is
/// the first such block. Absent and damaged blocks, and those of other keys, are passed over.
///   SS_OK
///   SS_ERROR_DOES_NOT_EXIST      no readable block at all
///   SS_ERROR_DATA_CORRUPT        a block is for other image bytes: the image was changed, or is not this one
///   SS_ERROR_INVALID_SIGNATURE   no block is by this key
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
SS_MUST_USE ss_status_t ss_secure_boot_v2_verify(const ss_signing_key_t *key, const uint8_t *image, size_t len,
                                                 const uint8_t sector[SS_SBV2_SECTOR_SIZE], unsigned *index,
                                                 struct ss_error *err);

/// The same for a file that ends in its signature sector. SS_ERROR_DATA_INVALID also for a length that is not a
/// multiple of 4096 or holds nothing but the sector.
SS_MUST_USE ss_status_t ss_secure_boot_v2_verify_file(const ss_signing_key_t *key, const uint8_t *file, size_t len,
                                                      unsigned *index, struct ss_error *err);

/// Judges every block by itself, with the key that it carries: statuses[i] is SS_OK, or why block i does not count
/// (as _verify_block()); infos[i] is filled where the block can be read. Whether a device trusts the key, its eFuses
/// decide: compare key_digest. SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC if nothing could be judged.
SS_MUST_USE ss_status_t ss_secure_boot_v2_inspect(const uint8_t *image, size_t len,
                                                  const uint8_t sector[SS_SBV2_SECTOR_SIZE],
                                                  struct ss_sbv2_block infos[SS_SBV2_BLOCK_COUNT],
                                                  ss_status_t statuses[SS_SBV2_BLOCK_COUNT], struct ss_error *err);

/// One signature to be made: by a private key, or made elsewhere and to be attached.
struct ss_sbv2_signer {
    const ss_signing_key_t *key;
    const uint8_t *signature; ///< NULL: sign with the private key; else as for _attach()
    size_t signature_len;
};

struct ss_sbv2_options {
    bool append;       ///< keep the blocks of a file that is signed already and add to them
    bool skip_padding; ///< put the sector right behind a file that is no multiple of 4096 (espsecure --skip-padding)
};

/// Signs a whole file: pads it with 0xFF to a multiple of 4096 and adds the signature sector. @p options may be NULL
/// (none). Without `append` a signature sector that is there already is signed like any other data: ask
/// ss_sign_image() in slotseal/sign.h, which refuses that. With it, and at least one readable block at the end, blocks
/// are added; without a readable block it counts for nothing.
/// @p size bytes of room in @p out (SS_SBV2_MAX_OUT(len) suffices; it must not overlap the input), length in
/// *@p out_len: 0 on error, or the length needed with SS_ERROR_BUFFER_TOO_SMALL.
///   SS_ERROR_INVALID_ARGUMENT      no signer; a foreign signature for a file that would have to be padded
///   SS_ERROR_INSUFFICIENT_SPACE    more than three blocks
///   SS_ERROR_DATA_CORRUPT          appending, and the blocks that are there are for other image bytes
///   SS_ERROR_BUFFER_TOO_SMALL, and those of _sign_digest() and _attach()
SS_MUST_USE ss_status_t ss_secure_boot_v2_sign_file(const struct ss_sbv2_signer *signers, size_t count,
                                                    const struct ss_sbv2_options *options, const uint8_t *in,
                                                    size_t len, uint8_t *out, size_t size, size_t *out_len,
                                                    struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
