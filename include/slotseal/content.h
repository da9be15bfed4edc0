// SPDX-License-Identifier: Apache-2.0
// What kind of file is this? A cheap look at bytes from outside, so that work done in the wrong order (signing
// ciphertext, sealing twice, sealing an ELF file) is refused with the reason.
#ifndef SLOTSEAL_CONTENT_H
#define SLOTSEAL_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ss_content {
    SS_CONTENT_OTHER,             ///< nothing of what follows
    SS_CONTENT_EMPTY,             ///< no byte at all
    SS_CONTENT_ERASED,            ///< all 0xFF: erased flash
    SS_CONTENT_IMAGE,             ///< starts as a plaintext image; whether it is whole says ss_image_parse()
    SS_CONTENT_IMAGE_V1,          ///< plaintext image with a V1 signature behind it
    SS_CONTENT_IMAGE_V2,          ///< plaintext image with a V2 signature sector behind it
    SS_CONTENT_DIGEST_BOOTLOADER, ///< for flash address 0: V1 IV and digest, 0xFF, bootloader image at 0x1000
    SS_CONTENT_FLASH_DUMP,        ///< for flash address 0: 0xFF, bootloader image at 0x1000 (merge-bin, read-flash)
    SS_CONTENT_PARTITION_TABLE,   ///< binary partition table
    SS_CONTENT_ELF,
    SS_CONTENT_PEM,             ///< a key or certificate in text form
    SS_CONTENT_NOISE,           ///< no structure: ciphertext, or compressed data
    SS_CONTENT_NOISE_SIGNED_V1, ///< the same with a plaintext V1 signature behind it: signed after sealing
    SS_CONTENT_NOISE_SIGNED_V2, ///< the same with a plaintext V2 signature sector behind it
};

/// Looks at @p len bytes. Never fails, never reads outside; time is linear in @p len (one pass for noise).
/// Noise is told by the spread of its byte values: chi-square over at least 512 bytes and at most 16 MiB, a 16-byte
/// block equal to its predecessor not counted. Shorter input is never noise, and random bytes are taken for something
/// else at most once in a billion. Ciphertext made with FLASH_CRYPT_CONFIG below 0xF repeats itself more and may pass
/// as OTHER.
enum ss_content ss_content_classify(const uint8_t *data, size_t len);

/// Name for people: "ciphertext or compressed data", "V1-signed image", … Never NULL.
const char *ss_content_name(enum ss_content content);

/// Why such a file cannot be sealed as an image, and what to do instead; NULL if it can.
const char *ss_content_seal_advice(enum ss_content content);

/// Why such a file cannot be signed, and what to do instead; NULL if it can (images and partition tables can, also
/// those that are signed already: the caller decides about those).
const char *ss_content_sign_advice(enum ss_content content);

#ifdef __cplusplus
}
#endif
#endif
