// SPDX-License-Identifier: Apache-2.0
// Images made up for tests, so that no real firmware has to be in the repository.
#ifndef SS_TESTS_SAMPLE_IMAGE_H
#define SS_TESTS_SAMPLE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sample_segment {
    uint32_t load_addr, length;
};

/// Writes an image with such segments to @p out and returns its length: header E9, DIO, 40 MHz, 4 MB, entry 0x40080400;
/// byte i of each segment's data is 7i + 3, padding is zero; SHA-256 appended if @p hash. Fails the test if @p size is
/// too small.
size_t sample_image(uint8_t *out, size_t size, const struct sample_segment *segments, unsigned count, bool hash);

/// The bootloader of 480 bytes whose SHA-256 starts with 88f00018d6b1dfad: one IRAM segment of 400 bytes.
size_t sample_bootloader(uint8_t *out, size_t size);

/// An app of SAMPLE_APP_LEN bytes: DROM with a descriptor (version "1.2.3", project "sample", ESP-IDF "v4.0.1"), IROM,
/// DRAM, IRAM; mapped for flash addresses that are multiples of 64 KiB.
size_t sample_app(uint8_t *out, size_t size);
#define SAMPLE_APP_LEN 0x2E0
/// Where its DRAM segment's 32 bytes of data are, free for changes followed by sample_refresh().
#define SAMPLE_APP_DRAM 0x270

/// Recomputes checksum and appended hash of a complete image.
void sample_refresh(uint8_t *image, size_t len);

/// Appends a V1 signature block that does not verify: version 0, then bytes 1, 2, 3, …; returns the new length.
size_t sample_sign_v1(uint8_t *image, size_t len, size_t size);

/// Pads with 0xFF to 4 KiB and appends a V2 signature sector with one RSA block: digest and CRC are right, the rest is
/// made up; returns the new length.
size_t sample_sign_v2(uint8_t *image, size_t len, size_t size);

#endif
