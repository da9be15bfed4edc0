// SPDX-License-Identifier: Apache-2.0
// Makes an image from an ELF file, byte for byte as esptool's elf2image does for the ESP32 (esptool docs, "elf2image").
#ifndef SLOTSEAL_IMAGE_BUILD_H
#define SLOTSEAL_IMAGE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ss_secure_pad {
    SS_SECURE_PAD_NONE,
    SS_SECURE_PAD_V1, ///< image and V1 signature end 12 bytes before a 64 KiB boundary; needs append_hash
    SS_SECURE_PAD_V2, ///< image ends at a 64 KiB boundary, the V2 sector follows; needs append_hash
};

/// Start from SS_IMAGE_BUILD_DEFAULT, which is elf2image without options.
struct ss_image_build_options {
    uint16_t chip_id;           ///< 0 = ESP32, the only one so far; default 0
    uint8_t spi_mode;           ///< code as in struct ss_image_header; default 0, QIO
    uint8_t spi_speed;          ///< code; default 0, 40 MHz
    uint8_t spi_size;           ///< code; default 0, 1 MB
    uint8_t min_chip_rev;       ///< old form, 0–3; default 0
    uint16_t min_chip_rev_full; ///< major × 100 + minor; default 0
    uint16_t max_chip_rev_full; ///< default 65535 = no limit
    enum ss_secure_pad secure_pad;
    bool append_hash; ///< SHA-256 after the checksum; default true
    bool elf_sha256;  ///< SHA-256 of the ELF file into the application descriptor at file offset 0xB0, if the image has
                      ///< one (`--elf-sha256-offset 0xb0`); default true
};
#define SS_IMAGE_BUILD_DEFAULT                                                                                         \
    {                                                                                                                  \
        .max_chip_rev_full = 65535, .append_hash = true, .elf_sha256 = true                                            \
    }

/// Loadable sections that an ELF file may have here; ESP-IDF's have about twenty.
#define SS_IMAGE_BUILD_MAX_SECTIONS 128

/// Builds an image from the sections of the 32-bit little-endian Xtensa ELF file @p elf into @p out.
///
/// As elf2image: sections with contents (PROGBITS and the init arrays), an address and a length are padded with zeros
/// to 4 bytes, merged where they touch within one kind of memory, and sorted by address; those mapped from flash are
/// put where file offset and address agree modulo 64 KiB, the gaps filled with pieces of the RAM segments, else with
/// padding segments; a section `.flash.appdesc` (flash) or `.dram0.bootdesc` (RAM) comes first of its sort. @p options
/// may be NULL: SS_IMAGE_BUILD_DEFAULT. Nothing is allocated; elf and out must not overlap.
///
/// *out_len: length of the image, also with SS_ERROR_BUFFER_TOO_SMALL (then the length needed; out == NULL with size 0
/// asks for it), 0 on other errors. What out holds after an error is unspecified.
///   SS_ERROR_DATA_INVALID       not an ELF file of that sort; tables or sections outside the file; no loadable section;
///                               two mapped segments in one 64 KiB page; mapped address not a multiple of 4; more than
///                               16 segments; a segment of 16 MiB or more; the place for the ELF's SHA-256 not zero
///   SS_ERROR_NOT_SUPPORTED      machine other than Xtensa, chip other than the ESP32; more than
///                               SS_IMAGE_BUILD_MAX_SECTIONS sections
///   SS_ERROR_INVALID_ARGUMENT   options out of range, or secure_pad without append_hash
///   SS_ERROR_BUFFER_TOO_SMALL, and what the hash provider returns
SS_MUST_USE ss_status_t ss_image_build(const uint8_t *elf, size_t elf_len, const struct ss_image_build_options *options,
                                       uint8_t *out, size_t size, size_t *out_len, struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
