// SPDX-License-Identifier: Apache-2.0
#include "slotseal/chip_info.h"

#include <ctype.h>

#define KIB(n)         ((uint32_t)(n) << 10)
#define MIB(n)         ((uint32_t)(n) << 20)
#define COUNT(a)       (sizeof(a) / sizeof *(a))
#define PURPOSES(list) .key_purposes = (list), .key_purpose_count = COUNT(list)

#define V2_ECC      (SS_SECURE_BOOT_V2_P192 | SS_SECURE_BOOT_V2_P256)
#define XTS_128_256 (SS_FLASH_KEY_256 | SS_FLASH_KEY_512)

// On the ESP32 the block is the purpose: BLOCK1 and BLOCK2.
static const struct ss_key_purpose esp32_purposes[] = {
    {"flash_encryption", -1},
    {"secure_boot_v1", -1},
    {"secure_boot_v2", -1},
};

// One key block; its halves are the purpose.
static const struct ss_key_purpose esp32c2_purposes[] = {
    {"XTS_AES_128_KEY", -1},
    {"XTS_AES_128_KEY_DERIVED_FROM_128_EFUSE_BITS", -1},
    {"SECURE_BOOT_DIGEST", -1},
};

static const struct ss_key_purpose xts_128_purposes[] = {
    {"XTS_AES_128_KEY", 4},
    {"SECURE_BOOT_DIGEST0", 9},
    {"SECURE_BOOT_DIGEST1", 10},
    {"SECURE_BOOT_DIGEST2", 11},
};

static const struct ss_key_purpose xts_256_purposes[] = {
    {"XTS_AES_256_KEY_1", 2},   {"XTS_AES_256_KEY_2", 3},    {"XTS_AES_128_KEY", 4},
    {"SECURE_BOOT_DIGEST0", 9}, {"SECURE_BOOT_DIGEST1", 10}, {"SECURE_BOOT_DIGEST2", 11},
};

static const struct ss_chip chips[] = {
    {
        .name = "esp32",
        .title = "ESP32",
        .image_id = 0x00,
        .scheme = SS_FLASH_SCHEME_ESP32,
        .flash_key_lengths = SS_FLASH_KEY_192 | SS_FLASH_KEY_256,
        PURPOSES(esp32_purposes),
        .secure_boot = SS_SECURE_BOOT_V1 | SS_SECURE_BOOT_V2_RSA,
        .secure_boot_keys = 1,
        .secure_boot_v2_min_rev = 300,
        .bootloader_address = 0x1000,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(64),
        .flash_limit = MIB(16),
        .drom = {0x3F400000, 0x3F800000},
        .irom = {0x400D0000, 0x40400000},
        .crypt_count = "FLASH_CRYPT_CNT",
        .crypt_count_bit = 20,
        .crypt_count_len = 7,
    },
    {
        .name = "esp32s2",
        .title = "ESP32-S2",
        .image_id = 0x02,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = XTS_128_256,
        PURPOSES(xts_256_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA,
        .secure_boot_keys = 3,
        .bootloader_address = 0x1000,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(64),
        .flash_limit = MIB(1024),
        .drom = {0x3F000000, 0x3FF80000},
        .irom = {0x40080000, 0x40800000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 82,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32s3",
        .title = "ESP32-S3",
        .image_id = 0x09,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = XTS_128_256,
        PURPOSES(xts_256_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA,
        .secure_boot_keys = 3,
        .bootloader_address = 0x0,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(64),
        .flash_limit = MIB(1024),
        .drom = {0x3C000000, 0x3E000000},
        .irom = {0x42000000, 0x44000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 82,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32c2",
        .title = "ESP32-C2",
        .image_id = 0x0C,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = SS_FLASH_KEY_128 | SS_FLASH_KEY_256,
        PURPOSES(esp32c2_purposes),
        .secure_boot = V2_ECC,
        .secure_boot_keys = 1,
        .bootloader_address = 0x0,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(16),
        .flash_limit = MIB(4),
        .drom = {0x3C000000, 0x3C400000},
        .irom = {0x42000000, 0x42400000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 39,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32c3",
        .title = "ESP32-C3",
        .image_id = 0x05,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = SS_FLASH_KEY_256,
        PURPOSES(xts_128_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA,
        .secure_boot_keys = 3,
        .secure_boot_v2_min_rev = 3,
        .bootloader_address = 0x0,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(64),
        .flash_limit = MIB(16),
        .drom = {0x3C000000, 0x3C800000},
        .irom = {0x42000000, 0x42800000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 82,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32c5",
        .title = "ESP32-C5",
        .image_id = 0x17,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = SS_FLASH_KEY_256,
        PURPOSES(xts_128_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA | V2_ECC | SS_SECURE_BOOT_V2_P384,
        .secure_boot_keys = 3,
        .secure_boot_v2_min_rev = 1,
        .bootloader_address = 0x2000,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(64),
        .flash_limit = MIB(32),
        .drom = {0x42000000, 0x44000000},
        .irom = {0x42000000, 0x44000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 80,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32c6",
        .title = "ESP32-C6",
        .image_id = 0x0D,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = SS_FLASH_KEY_256,
        PURPOSES(xts_128_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA | V2_ECC,
        .secure_boot_keys = 3,
        .bootloader_address = 0x0,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(8),
        .flash_limit = MIB(32),
        .drom = {0x42000000, 0x43000000},
        .irom = {0x42000000, 0x43000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 82,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32c61",
        .title = "ESP32-C61",
        .image_id = 0x14,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = SS_FLASH_KEY_256,
        PURPOSES(xts_128_purposes),
        .secure_boot = V2_ECC,
        .secure_boot_keys = 3,
        .bootloader_address = 0x0,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(8),
        .flash_limit = MIB(32),
        .drom = {0x42000000, 0x44000000},
        .irom = {0x42000000, 0x44000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 55,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32h2",
        .title = "ESP32-H2",
        .image_id = 0x10,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = SS_FLASH_KEY_256,
        PURPOSES(xts_128_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA | V2_ECC,
        .secure_boot_keys = 3,
        .bootloader_address = 0x0,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(8),
        .flash_limit = MIB(32),
        .drom = {0x42000000, 0x43000000},
        .irom = {0x42000000, 0x43000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 82,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32p4",
        .title = "ESP32-P4",
        .image_id = 0x12,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = XTS_128_256,
        PURPOSES(xts_256_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA | V2_ECC | SS_SECURE_BOOT_V2_P384,
        .secure_boot_keys = 3,
        .bootloader_address = 0x2000,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(64),
        .flash_limit = MIB(64),
        .drom = {0x40000000, 0x44000000},
        .irom = {0x40000000, 0x44000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 82,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32h21",
        .title = "ESP32-H21",
        .image_id = 0x19,
        .preview = true,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = SS_FLASH_KEY_256,
        PURPOSES(xts_128_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA,
        .secure_boot_keys = 3,
        .bootloader_address = 0x0,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(8),
        .flash_limit = MIB(32),
        .drom = {0x42000000, 0x43000000},
        .irom = {0x42000000, 0x43000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 82,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32h4",
        .title = "ESP32-H4",
        .image_id = 0x1C,
        .preview = true,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = XTS_128_256,
        PURPOSES(xts_256_purposes),
        .bootloader_address = 0x2000,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(8),
        .flash_limit = MIB(32),
        .drom = {0x42000000, 0x44000000},
        .irom = {0x42000000, 0x44000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 55,
        .crypt_count_len = 3,
    },
    {
        .name = "esp32s31",
        .title = "ESP32-S31",
        .image_id = 0x20,
        .preview = true,
        .scheme = SS_FLASH_SCHEME_XTS,
        .flash_key_lengths = XTS_128_256,
        PURPOSES(xts_256_purposes),
        .secure_boot = SS_SECURE_BOOT_V2_RSA,
        .secure_boot_keys = 3,
        .bootloader_address = 0x2000,
        .table_address = 0x8000,
        .mmu_page_size = KIB(64),
        .mmu_page_min = KIB(32),
        .flash_limit = MIB(64),
        .drom = {0x40000000, 0x44000000},
        .irom = {0x40000000, 0x44000000},
        .crypt_count = "SPI_BOOT_CRYPT_CNT",
        .crypt_count_bit = 85,
        .crypt_count_len = 3,
    },
};

// esptool strips dashes and ignores case; underscores come from build systems.
static bool same_name(const char *given, const char *canonical)
{
    for (;; given++) {
        if (*given == '-' || *given == '_')
            continue;
        if (tolower((unsigned char)*given) != *canonical)
            return false;
        if (*canonical++ == 0)
            return true;
    }
}

const struct ss_chip *ss_chip_find(const char *name)
{
    if (!name)
        return NULL;
    for (size_t i = 0; i < COUNT(chips); i++)
        if (same_name(name, chips[i].name))
            return &chips[i];
    return NULL;
}

const struct ss_chip *ss_chip_find_id(uint16_t image_id)
{
    for (size_t i = 0; i < COUNT(chips); i++)
        if (chips[i].image_id == image_id)
            return &chips[i];
    return NULL;
}

const struct ss_chip *ss_chip_at(size_t index)
{
    return index < COUNT(chips) ? &chips[index] : NULL;
}

bool ss_chip_takes_flash_key(const struct ss_chip *chip, size_t bytes)
{
    switch (bytes) {
    case 16:
        return chip->flash_key_lengths & SS_FLASH_KEY_128;
    case 24:
        return chip->flash_key_lengths & SS_FLASH_KEY_192;
    case 32:
        return chip->flash_key_lengths & SS_FLASH_KEY_256;
    case 64:
        return chip->flash_key_lengths & SS_FLASH_KEY_512;
    default:
        return false;
    }
}
