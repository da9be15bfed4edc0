// SPDX-License-Identifier: Apache-2.0
// The descriptors that ESP-IDF links into applications and bootloaders, at file offset 0x20 of an image: right behind
// the image header (24 bytes) and the header of the first segment (8 bytes).
#ifndef SLOTSEAL_APP_DESC_H
#define SLOTSEAL_APP_DESC_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Where a descriptor lies in an image file, bytes.
#define SS_DESC_OFFSET 0x20

/// Application descriptor, esp_app_desc_t of ESP-IDF ("esp_app_desc.h"), little endian:
///
///      0      4      8       0x10      0x30       0x50    0x60    0x70      0x90          0xB0              0x100
///      +------+------+-------+---------+----------+-------+-------+---------+-------------+-----------------+
///      |magic |secure|reser- |version  |project   |time   |date   |IDF      |SHA-256 of   |see below        |
///      |      |vers. |ved    |32 chars |32 chars  |16     |16     |32 chars |the ELF file |80 bytes         |
///      +------+------+-------+---------+----------+-------+-------+---------+-------------+-----------------+
///      0xB0 min_efuse_blk_rev u16, 0xB2 max_efuse_blk_rev u16 (v5.1), 0xB4 log2 of the MMU page (v5.4), rest reserved
#define SS_APP_DESC_MAGIC 0xABCD5432u
#define SS_APP_DESC_SIZE  256
/// Offset of the SHA-256 of the ELF file in the descriptor; 0xB0 in an image file.
#define SS_APP_DESC_ELF_SHA256_OFFSET 0x90

struct ss_app_desc {
    uint32_t secure_version; ///< anti-rollback counter, 0–32
    char version[33];        ///< always terminated, as are all strings here; bytes as found, not checked for UTF-8
    char project_name[33];
    char time[17]; ///< compile time, "14:43:38"
    char date[17]; ///< compile date, "Jun 19 2019"
    char idf_version[33];
    uint8_t elf_sha256[32];     ///< all zero if the build did not fill it in
    uint16_t min_efuse_blk_rev; ///< ESP-IDF ≥ v5.1, major × 100 + minor; 0 before
    uint16_t max_efuse_blk_rev; ///< as above
    uint8_t mmu_page_log2;      ///< ESP-IDF ≥ v5.4: log2 of the MMU page in bytes; 0 = not given, 64 KiB
};

/// Reads an application descriptor from the start of @p in.
/// SS_ERROR_DOES_NOT_EXIST: shorter than SS_APP_DESC_SIZE, or other magic. *out is all zero then.
SS_MUST_USE ss_status_t ss_app_desc_parse(const uint8_t *in, size_t len, struct ss_app_desc *out);

/// Bootloader descriptor, esp_bootloader_desc_t ("esp_bootloader_desc.h", ESP-IDF ≥ v5.2), little endian:
///
///      0      1          3        4         8            0x28           0x40         0x50
///      +------+----------+--------+---------+------------+--------------+------------+
///      | 0x50 | reserved | secure | version | IDF        | date and time| reserved   |
///      |      |          | vers.  |  u32    | 32 chars   | 24 chars     | 16 bytes   |
///      +------+----------+--------+---------+------------+--------------+------------+
#define SS_BOOTLOADER_DESC_MAGIC 0x50
#define SS_BOOTLOADER_DESC_SIZE  80

struct ss_bootloader_desc {
    uint8_t secure_version; ///< 0 before ESP-IDF v5.4
    uint32_t version;
    char idf_version[33];
    char date_time[25];
};

/// Reads a bootloader descriptor from the start of @p in. One byte of magic proves little, so the reserved bytes behind
/// it have to be zero and the IDF version printable as well.
/// SS_ERROR_DOES_NOT_EXIST: shorter than SS_BOOTLOADER_DESC_SIZE, or not a descriptor. *out is all zero then.
SS_MUST_USE ss_status_t ss_bootloader_desc_parse(const uint8_t *in, size_t len, struct ss_bootloader_desc *out);

#ifdef __cplusplus
}
#endif
#endif
