// SPDX-License-Identifier: Apache-2.0
// The canonical image: an image with what differs per device normalised, so that one digest stands for a release on
// every device, also where each device has a signing key of its own and ESP-IDF links the 64 bytes of its public key
// (X‖Y, "signature_verification_key") into bootloader and app.
//
// Definition. Let I be the image from byte 0 to image_len: through checksum and appended SHA-256, without signature and
// whatever follows.
//   Without an embedded key:    canonical image = I.
//   With one at vk_offset:      the 64 bytes at vk_offset become zero;
//                               the checksum byte is XORed with the XOR of those 64 bytes, which is the checksum of the
//                               changed data; the appended SHA-256, if the header says there is one, becomes that of
//                               everything before it.
//   Canonical digest = SHA-256 of the canonical image.
// So the canonical digest of an unsigned image without key is what sha256sum prints for its file, and a device computes
// it in one pass over its flash, in pieces of any size, knowing only image_len and vk_offset.
#ifndef SLOTSEAL_CANONICAL_H
#define SLOTSEAL_CANONICAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Length of a raw P-256 public key X‖Y, bytes.
#define SS_VK_SIZE 64
/// vk_offset of an image without an embedded key. Offset 0 is the image header, so it cannot be one.
#define SS_VK_NONE               0u
#define SS_CANONICAL_DIGEST_SIZE 32

/// A canonical digest under way. Caller-allocated; all fields are private. Holds no secret.
struct ss_canonical {
    uint64_t image_hash[40]; ///< struct ss_hash
    uint64_t inner_hash[40]; ///< struct ss_hash
    uint32_t image_len;
    uint32_t vk_offset;
    uint32_t checksum_offset; ///< 0 until the header has passed
    uint32_t position;
    uint8_t key_xor;
    bool running;
};

/// Starts the digest of an image of @p image_len bytes with its embedded key at @p vk_offset, or SS_VK_NONE.
/// Statuses: SS_ERROR_INVALID_ARGUMENT if image_len is not a multiple of 16 between 48 and SS_IMAGE_MAX_SIZE, or the
/// key does not lie between the first segment's header and the checksum; what the hash provider returns.
SS_MUST_USE ss_status_t ss_canonical_init(struct ss_canonical *c, uint32_t image_len, uint32_t vk_offset);
/// The next @p len bytes of the image. Bytes beyond image_len are ignored (signature, padding).
/// On an error the digest has ended. SS_ERROR_BAD_STATE if none is under way; SS_ERROR_DATA_INVALID if the header says
/// that the key lies on checksum or hash; what the hash provider returns.
SS_MUST_USE ss_status_t ss_canonical_update(struct ss_canonical *c, const void *data, size_t len);
/// Writes the digest and ends it. SS_ERROR_BAD_STATE if fewer than image_len bytes came, or none is under way: ended,
/// no digest written.
SS_MUST_USE ss_status_t ss_canonical_finish(struct ss_canonical *c, uint8_t digest[SS_CANONICAL_DIGEST_SIZE]);
/// Ends it without a digest; allowed on an ended or all-zero one.
void ss_canonical_abort(struct ss_canonical *c);

/// Digest of a whole image in memory; checks the image first.
/// Statuses: those of ss_image_parse() with the default context; SS_ERROR_INVALID_ARGUMENT if the key does not
/// lie within the data of one segment.
SS_MUST_USE ss_status_t ss_canonical_digest(const uint8_t *data, size_t len, uint32_t vk_offset,
                                            uint8_t digest[SS_CANONICAL_DIGEST_SIZE], struct ss_error *err);

/// Finds @p key in the segment data of the image in @p data. It has to be there exactly once.
/// Statuses: those of ss_image_parse(); SS_ERROR_DOES_NOT_EXIST if it is not there; SS_ERROR_DATA_INVALID if it is
/// there more than once, or not within one segment. *vk_offset is SS_VK_NONE on error.
SS_MUST_USE ss_status_t ss_vk_find(const uint8_t *data, size_t len, const uint8_t key[SS_VK_SIZE], uint32_t *vk_offset,
                                   struct ss_error *err);

/// Copies the image in @p data (@p len bytes) to @p out with the embedded @p old_key replaced by @p new_key and
/// checksum and hash recomputed. A signature would no longer hold: it and all that follows the image are left out, and
/// *signature_dropped (may be NULL) says whether there was one. *out_len = image_len; out == data is allowed.
/// Statuses: those of ss_vk_find(); SS_ERROR_BUFFER_TOO_SMALL (*out_len = length needed); SS_ERROR_INVALID_ARGUMENT if
/// the keys are equal. out is only written on success.
SS_MUST_USE ss_status_t ss_vk_replace(const uint8_t *data, size_t len, const uint8_t old_key[SS_VK_SIZE],
                                      const uint8_t new_key[SS_VK_SIZE], uint8_t *out, size_t size, size_t *out_len,
                                      uint32_t *vk_offset, bool *signature_dropped, struct ss_error *err);

/// Which key an image verifies signatures with, as far as it can be told.
enum ss_vk_state {
    SS_VK_MISSING,   ///< neither the signer's key nor the template's is in it (or there is no image)
    SS_VK_SAME,      ///< the signer's key, once
    SS_VK_DIFFERENT, ///< not the signer's: the template's key, or another one at the offset that was given
    SS_VK_AMBIGUOUS, ///< the signer's key more than once
};

/// Compares the key embedded in an image with the signer's.
/// @p vk_offset: where the key lies, if known, else SS_VK_NONE: then @p signer is searched, and if that is not there,
/// @p template_key (may be NULL).
/// Statuses: those of ss_image_parse(); SS_ERROR_INVALID_ARGUMENT if vk_offset is not within one segment.
SS_MUST_USE ss_status_t ss_vk_compare(const uint8_t *data, size_t len, const uint8_t signer[SS_VK_SIZE],
                                      const uint8_t *template_key, uint32_t vk_offset, enum ss_vk_state *state,
                                      struct ss_error *err);

/// "missing", "same", "different", "ambiguous". Never NULL.
const char *ss_vk_state_name(enum ss_vk_state state);

#ifdef __cplusplus
}
#endif
#endif
