// SPDX-License-Identifier: Apache-2.0
// The table of chips: what differs between them for sealing, signing and provisioning. Code asks this table and never
// compares a chip with a constant.
//
// Sources: ESP-IDF, components/soc/<chip>/include/soc/{soc_caps,soc,ext_mem_defs}.h, esp_app_format.h (chip ids) and
// esp_efuse_table.csv (eFuse positions); esptool 5.3.1 for bootloader addresses.
#ifndef SLOTSEAL_CHIP_INFO_H
#define SLOTSEAL_CHIP_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How the flash controller encrypts.
enum ss_flash_scheme {
    SS_FLASH_SCHEME_ESP32, ///< AES-256, inverse cipher, one address-tweaked key per 32 bytes
    SS_FLASH_SCHEME_XTS,   ///< AES-XTS over units of 128 bytes
};

/// Flash key lengths as bits of ss_chip.flash_key_lengths; the number is the length of the key file in bits.
#define SS_FLASH_KEY_128 (1u << 0) ///< XTS-128 from 16 bytes: the key is SHA-256 of them (ESP32-C2)
#define SS_FLASH_KEY_192 (1u << 1) ///< ESP32 with 3/4 eFuse coding
#define SS_FLASH_KEY_256 (1u << 2) ///< ESP32; XTS-128 elsewhere
#define SS_FLASH_KEY_512 (1u << 3) ///< XTS-256, two eFuse key blocks

/// Secure boot versions and algorithms as bits of ss_chip.secure_boot.
#define SS_SECURE_BOOT_V1         (1u << 0) ///< keyed digest of the bootloader, ECDSA P-256 app signatures
#define SS_SECURE_BOOT_V2_RSA     (1u << 1) ///< RSA-3072 PSS
#define SS_SECURE_BOOT_V2_P192    (1u << 2) ///< ECDSA P-192
#define SS_SECURE_BOOT_V2_P256    (1u << 3) ///< ECDSA P-256
#define SS_SECURE_BOOT_V2_P384    (1u << 4) ///< ECDSA P-384 with SHA-384
#define SS_SECURE_BOOT_V2_ANY_ECC (SS_SECURE_BOOT_V2_P192 | SS_SECURE_BOOT_V2_P256 | SS_SECURE_BOOT_V2_P384)

/// Use of an eFuse key block.
struct ss_key_purpose {
    const char *name; ///< as espefuse takes it with burn-key, e.g. "XTS_AES_128_KEY", "flash_encryption"
    int value;        ///< value of KEY_PURPOSE_n; -1 where the chip has no such field: the block decides
};

/// Half-open range of virtual addresses.
struct ss_address_range {
    uint32_t low, high; ///< low ≤ address < high
};

struct ss_chip {
    const char *name;  ///< canonical: lower case, no dash, "esp32s3"
    const char *title; ///< as Espressif writes it, "ESP32-S3"
    uint16_t image_id; ///< chip_id of the image header
    bool preview;      ///< not yet a supported target of an ESP-IDF release

    enum ss_flash_scheme scheme;
    uint32_t flash_key_lengths;                ///< SS_FLASH_KEY_* bits
    const struct ss_key_purpose *key_purposes; ///< those of flash encryption and secure boot
    size_t key_purpose_count;

    uint32_t secure_boot;            ///< SS_SECURE_BOOT_* bits; 0 = none
    unsigned secure_boot_keys;       ///< V2 key digests the eFuses can hold: 0, 1 or 3
    uint16_t secure_boot_v2_min_rev; ///< lowest revision with all V2 algorithms listed, major * 100 + minor; 0 = any

    uint32_t bootloader_address; ///< flash address of the second-stage bootloader
    uint32_t table_address;      ///< default flash address of the partition table
    uint32_t mmu_page_size;      ///< bytes, default setting: 64 KiB; mapped segments and app partitions align to it
    uint32_t mmu_page_min;       ///< smallest page the chip can be set to, bytes
    uint32_t flash_limit;        ///< flash bytes the cache's MMU can address: apps must lie below
    struct ss_address_range drom, irom; ///< where flash is mapped for data and for code; may be the same range

    const char *crypt_count;  ///< eFuse field whose odd number of set bits turns flash encryption on
    uint16_t crypt_count_bit; ///< its first bit in BLOCK0
    uint8_t crypt_count_len;  ///< its width, bits
};

/// The chip called @p name, any case, dashes and underscores ignored: "ESP32-S3" is "esp32s3". NULL if there is none
/// or @p name is NULL.
const struct ss_chip *ss_chip_find(const char *name);

/// The chip whose images carry @p image_id; NULL if there is none.
const struct ss_chip *ss_chip_find_id(uint16_t image_id);

/// The chips in a fixed order, the ESP32 first: index 0, 1, … until NULL.
const struct ss_chip *ss_chip_at(size_t index);

/// True if a flash key file of @p bytes bytes (16, 24, 32 or 64) can be used with @p chip.
bool ss_chip_takes_flash_key(const struct ss_chip *chip, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
