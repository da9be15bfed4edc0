// SPDX-License-Identifier: Apache-2.0
// What the files that read, change and build images share. Internal.
#ifndef SS_CORE_IMAGE_PARTS_H
#define SS_CORE_IMAGE_PARTS_H

#include "slotseal/image.h"

enum ss_segment_end {
    SS_SEGMENTS_READ,
    SS_SEGMENTS_BAD_LENGTH,  ///< segments[segment_count] has a length that the bootloader refuses
    SS_SEGMENTS_END_OF_FILE, ///< segments[segment_count], or its header, reaches beyond the file
};

/// Reads the headers of as many segments as image->header says, or up to the first that leads nowhere. *next is the
/// offset behind the last one read; for SS_SEGMENTS_END_OF_FILE where the file would have to end at least.
enum ss_segment_end ss_image_read_segments(const uint8_t *data, size_t len, struct ss_image *image, size_t *next);

/// Places checksum, hash and the end of the image behind the segments, which end at @p next. Returns image->complete:
/// false if that lies beyond the file.
bool ss_image_place_tail(size_t len, size_t next, struct ss_image *image);

/// XOR of the data of image->segments, as it is stored behind them.
uint8_t ss_image_checksum(const uint8_t *data, const struct ss_image *image);

/// Fills everything in @p image from `signature` to `trailing_erased`. The image has to be complete.
SS_MUST_USE ss_status_t ss_image_find_signature(const uint8_t *data, size_t len, struct ss_image *image);

/// Reads header and segments of @p data, finds where checksum, hash and image end, and checks nothing but that. True if
/// all of it lies within @p len bytes: image->complete.
bool ss_image_walk(const uint8_t *data, size_t len, struct ss_image *image);

/// Signature behind an image of @p image_len bytes, and where; *offset = image_len if there is none.
enum ss_image_signature ss_image_signature_at(const uint8_t *data, size_t len, uint32_t image_len, uint32_t *offset);

/// True if a V1 signature block lies at @p offset: version 0, r and s that are not padding.
bool ss_image_v1_block_present(const uint8_t *data, size_t len, size_t offset);

/// True if a V2 signature block (RSA or ECDSA) starts here; nothing but its first four bytes is looked at.
bool ss_image_v2_block_present(const uint8_t block[SS_IMAGE_V2_BLOCK_SIZE]);

/// Recomputes checksum and appended hash of the complete image in @p data.
SS_MUST_USE ss_status_t ss_image_refresh(uint8_t *data, const struct ss_image *image);

#endif
