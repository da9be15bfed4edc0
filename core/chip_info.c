// SPDX-License-Identifier: Apache-2.0
#include "slotseal/chip_info.h"

#include <ctype.h>

#define KIB(n)         ((uint32_t)(n) << 10)
#define MIB(n)         ((uint32_t)(n) << 20)
#define COUNT(a)       (sizeof(a) / sizeof *(a))
#define PURPOSES(list) .key_purposes = (list), .key_purpose_count = COUNT(list)

#define V2_ECC (SS_SECURE_BOOT_V2_P192 | SS_SECURE_BOOT_V2_P256)

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

// A row of the table is a few groups of fields, and those that the chip alone has.
#define NAMES(name_, title_, id) .name = (name_), .title = (title_), .image_id = (id)

#define SECURE_BOOT(algorithms, keys) .secure_boot = (algorithms), .secure_boot_keys = (keys)

// XTS with keys of @p lengths; @p bit is the first of SPI_BOOT_CRYPT_CNT.
#define XTS(lengths, purposes, bit)                                                                                    \
    .scheme = SS_FLASH_SCHEME_XTS, .flash_key_lengths = (lengths), PURPOSES(purposes),                                 \
    .crypt_count = "SPI_BOOT_CRYPT_CNT", .crypt_count_bit = (bit), .crypt_count_len = 3
#define XTS_128(bit)     XTS(SS_FLASH_KEY_256, xts_128_purposes, bit)
#define XTS_128_256(bit) XTS(SS_FLASH_KEY_256 | SS_FLASH_KEY_512, xts_256_purposes, bit)

// The table's place and the usual size of a page are the same on all chips.
#define FLASH(bootloader, page_min, limit)                                                                             \
    .bootloader_address = (bootloader), .table_address = 0x8000, .mmu_page_size = KIB(64), .mmu_page_min = (page_min), \
    .flash_limit = (limit)

// Data and code in the same range.
#define ONE_WINDOW(low, high) .drom = {(low), (high)}, .irom = {(low), (high)}

static const struct ss_chip chips[] = {
    {
        NAMES("esp32", "ESP32", 0x00),
        .scheme = SS_FLASH_SCHEME_ESP32,
        .flash_key_lengths = SS_FLASH_KEY_192 | SS_FLASH_KEY_256,
        PURPOSES(esp32_purposes),
        SECURE_BOOT(SS_SECURE_BOOT_V1 | SS_SECURE_BOOT_V2_RSA, 1),
        .secure_boot_v2_min_rev = 300,
        FLASH(0x1000, KIB(64), MIB(16)),
        .drom = {0x3F400000, 0x3F800000},
        .irom = {0x400D0000, 0x40400000},
        .crypt_count = "FLASH_CRYPT_CNT",
        .crypt_count_bit = 20,
        .crypt_count_len = 7,
    },
    {
        NAMES("esp32s2", "ESP32-S2", 0x02),
        XTS_128_256(82),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA, 3),
        FLASH(0x1000, KIB(64), MIB(1024)),
        .drom = {0x3F000000, 0x3FF80000},
        .irom = {0x40080000, 0x40800000},
    },
    {
        NAMES("esp32s3", "ESP32-S3", 0x09),
        XTS_128_256(82),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA, 3),
        FLASH(0x0, KIB(64), MIB(1024)),
        .drom = {0x3C000000, 0x3E000000},
        .irom = {0x42000000, 0x44000000},
    },
    {
        NAMES("esp32c2", "ESP32-C2", 0x0C),
        XTS(SS_FLASH_KEY_128 | SS_FLASH_KEY_256, esp32c2_purposes, 39),
        SECURE_BOOT(V2_ECC, 1),
        FLASH(0x0, KIB(16), MIB(4)),
        .drom = {0x3C000000, 0x3C400000},
        .irom = {0x42000000, 0x42400000},
    },
    {
        NAMES("esp32c3", "ESP32-C3", 0x05),
        XTS_128(82),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA, 3),
        .secure_boot_v2_min_rev = 3,
        FLASH(0x0, KIB(64), MIB(16)),
        .drom = {0x3C000000, 0x3C800000},
        .irom = {0x42000000, 0x42800000},
    },
    {
        NAMES("esp32c5", "ESP32-C5", 0x17),
        XTS_128(80),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA | V2_ECC | SS_SECURE_BOOT_V2_P384, 3),
        .secure_boot_v2_min_rev = 1,
        FLASH(0x2000, KIB(64), MIB(32)),
        ONE_WINDOW(0x42000000, 0x44000000),
    },
    {
        NAMES("esp32c6", "ESP32-C6", 0x0D),
        XTS_128(82),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA | V2_ECC, 3),
        FLASH(0x0, KIB(8), MIB(32)),
        ONE_WINDOW(0x42000000, 0x43000000),
    },
    {
        NAMES("esp32c61", "ESP32-C61", 0x14),
        XTS_128(55),
        SECURE_BOOT(V2_ECC, 3),
        FLASH(0x0, KIB(8), MIB(32)),
        ONE_WINDOW(0x42000000, 0x44000000),
    },
    {
        NAMES("esp32h2", "ESP32-H2", 0x10),
        XTS_128(82),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA | V2_ECC, 3),
        FLASH(0x0, KIB(8), MIB(32)),
        ONE_WINDOW(0x42000000, 0x43000000),
    },
    {
        NAMES("esp32p4", "ESP32-P4", 0x12),
        XTS_128_256(82),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA | V2_ECC | SS_SECURE_BOOT_V2_P384, 3),
        FLASH(0x2000, KIB(64), MIB(64)),
        ONE_WINDOW(0x40000000, 0x44000000),
    },
    {
        NAMES("esp32h21", "ESP32-H21", 0x19),
        .preview = true,
        XTS_128(82),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA, 3),
        FLASH(0x0, KIB(8), MIB(32)),
        ONE_WINDOW(0x42000000, 0x43000000),
    },
    {
        NAMES("esp32h4", "ESP32-H4", 0x1C),
        .preview = true,
        XTS_128_256(55),
        FLASH(0x2000, KIB(8), MIB(32)),
        ONE_WINDOW(0x42000000, 0x44000000),
    },
    {
        NAMES("esp32s31", "ESP32-S31", 0x20),
        .preview = true,
        XTS_128_256(85),
        SECURE_BOOT(SS_SECURE_BOOT_V2_RSA, 3),
        FLASH(0x2000, KIB(32), MIB(64)),
        ONE_WINDOW(0x40000000, 0x44000000),
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
