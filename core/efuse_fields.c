// SPDX-License-Identifier: Apache-2.0
// The ESP32's eFuse fields in the order of their position.
#include "slotseal/efuse.h"

#include <strings.h>

#define NONE (-1)

// clang-format off
static const struct ss_efuse_field fields[] = {
    // name, alias, description, type, block, word, bit, length, wr_dis, rd_dis
    {"WR_DIS", NULL, "write protection of the other fields, a bit for each group", SS_EFUSE_UINT, 0, 0, 0, 16, 1, NONE},
    {"RD_DIS", NULL, "read protection: BLOCK1, BLOCK2, BLOCK3, parts of BLOCK0", SS_EFUSE_UINT, 0, 0, 16, 4, 0, NONE},
    {"FLASH_CRYPT_CNT", NULL, "flash encryption is on while an odd number of bits is set",
     SS_EFUSE_BITCOUNT, 0, 0, 20, 7, 2, NONE},
    {"UART_DOWNLOAD_DIS", NULL, "no serial download mode (revision 3 and later)", SS_EFUSE_BOOL, 0, 0, 27, 1, 2, NONE},
    {"MAC", "MAC_FACTORY", "factory MAC address", SS_EFUSE_BYTES, 0, 1, 0, 48, 3, NONE},
    {"MAC_CRC", "MAC_FACTORY_CRC", "CRC-8 of the factory MAC address", SS_EFUSE_UINT, 0, 2, 16, 8, 3, NONE},
    {"DISABLE_APP_CPU", "CHIP_VER_DIS_APP_CPU", "the second core is disabled", SS_EFUSE_BOOL, 0, 3, 0, 1, 3, NONE},
    {"DISABLE_BT", "CHIP_VER_DIS_BT", "Bluetooth is disabled", SS_EFUSE_BOOL, 0, 3, 1, 1, 3, NONE},
    {"CHIP_PACKAGE_4BIT", "CHIP_VER_PKG_4BIT", "package, bit 3", SS_EFUSE_BOOL, 0, 3, 2, 1, NONE, NONE},
    {"DIS_CACHE", "CHIP_VER_DIS_CACHE", "the cache is disabled", SS_EFUSE_BOOL, 0, 3, 3, 1, 3, NONE},
    {"SPI_PAD_CONFIG_HD", NULL, "flash pin HD", SS_EFUSE_UINT, 0, 3, 4, 5, NONE, NONE},
    {"CHIP_PACKAGE", "CHIP_VER_PKG", "package, bits 0 to 2", SS_EFUSE_UINT, 0, 3, 9, 3, NONE, NONE},
    {"CHIP_CPU_FREQ_LOW", NULL, "rated for 160 MHz, if CHIP_CPU_FREQ_RATED is set",
     SS_EFUSE_BOOL, 0, 3, 12, 1, NONE, NONE},
    {"CHIP_CPU_FREQ_RATED", NULL, "the CPU frequency has been rated", SS_EFUSE_BOOL, 0, 3, 13, 1, NONE, NONE},
    {"BLK3_PART_RESERVE", NULL, "BLOCK3 holds ADC calibration", SS_EFUSE_BOOL, 0, 3, 14, 1, 10, 3},
    {"CHIP_VER_REV1", NULL, "chip revision, first bit", SS_EFUSE_BOOL, 0, 3, 15, 1, NONE, NONE},
    {"CLK8M_FREQ", "CK8M_FREQ", "calibration of the 8 MHz clock", SS_EFUSE_UINT, 0, 4, 0, 8, 4, NONE},
    {"ADC_VREF", NULL, "ADC reference voltage, sign and magnitude in 7 mV around 1100 mV",
     SS_EFUSE_UINT, 0, 4, 8, 5, 4, NONE},
    {"XPD_SDIO_REG", NULL, "the flash voltage regulator is on, if XPD_SDIO_FORCE is set",
     SS_EFUSE_BOOL, 0, 4, 14, 1, 5, NONE},
    {"XPD_SDIO_TIEH", "SDIO_TIEH", "flash voltage 3.3 V, else 1.8 V, if XPD_SDIO_FORCE is set",
     SS_EFUSE_BOOL, 0, 4, 15, 1, 5, NONE},
    {"XPD_SDIO_FORCE", "SDIO_FORCE", "the flash voltage does not follow GPIO12 at reset",
     SS_EFUSE_BOOL, 0, 4, 16, 1, 5, NONE},
    {"SPI_PAD_CONFIG_CLK", NULL, "flash pin CLK", SS_EFUSE_UINT, 0, 5, 0, 5, 6, NONE},
    {"SPI_PAD_CONFIG_Q", NULL, "flash pin Q", SS_EFUSE_UINT, 0, 5, 5, 5, 6, NONE},
    {"SPI_PAD_CONFIG_D", NULL, "flash pin D", SS_EFUSE_UINT, 0, 5, 10, 5, 6, NONE},
    {"SPI_PAD_CONFIG_CS0", NULL, "flash pin CS0", SS_EFUSE_UINT, 0, 5, 15, 5, 6, NONE},
    {"CHIP_VER_REV2", NULL, "chip revision, second bit", SS_EFUSE_BOOL, 0, 5, 20, 1, NONE, NONE},
    {"VOL_LEVEL_HP_INV", NULL, "core voltage level for 240 MHz, inverted", SS_EFUSE_UINT, 0, 5, 22, 2, 3, NONE},
    {"WAFER_VERSION_MINOR", NULL, "minor chip revision", SS_EFUSE_UINT, 0, 5, 24, 2, NONE, NONE},
    {"FLASH_CRYPT_CONFIG", "ENCRYPT_CONFIG", "which parts of the flash key are tweaked by the address; has to be 0xf",
     SS_EFUSE_UINT, 0, 5, 28, 4, 10, 3},
    {"CODING_SCHEME", NULL, "coding of BLOCK1 to BLOCK3: 0 and 3 none, 1 3/4, 2 repeat",
     SS_EFUSE_UINT, 0, 6, 0, 2, 10, 3},
    {"CONSOLE_DEBUG_DISABLE", NULL, "the ROM does not fall back to its BASIC interpreter",
     SS_EFUSE_BOOL, 0, 6, 2, 1, 15, NONE},
    {"DISABLE_SDIO_HOST", NULL, "no SDIO host", SS_EFUSE_BOOL, 0, 6, 3, 1, NONE, NONE},
    {"ABS_DONE_0", NULL, "secure boot V1 is on", SS_EFUSE_BOOL, 0, 6, 4, 1, 12, NONE},
    {"ABS_DONE_1", NULL, "secure boot V2 is on (revision 3 and later)", SS_EFUSE_BOOL, 0, 6, 5, 1, 13, NONE},
    {"JTAG_DISABLE", "DISABLE_JTAG", "no JTAG", SS_EFUSE_BOOL, 0, 6, 6, 1, 14, NONE},
    {"DISABLE_DL_ENCRYPT", NULL, "download mode cannot encrypt what it writes", SS_EFUSE_BOOL, 0, 6, 7, 1, 15, NONE},
    {"DISABLE_DL_DECRYPT", NULL, "download mode cannot decrypt what it reads", SS_EFUSE_BOOL, 0, 6, 8, 1, 15, NONE},
    {"DISABLE_DL_CACHE", NULL, "download mode cannot use the flash cache", SS_EFUSE_BOOL, 0, 6, 9, 1, 15, NONE},
    {"KEY_STATUS", NULL, "use of BLOCK3, reserved", SS_EFUSE_BOOL, 0, 6, 10, 1, 10, 3},
    {"BLOCK1", "ENCRYPT_FLASH_KEY", "flash encryption key, bytes reversed", SS_EFUSE_BYTES, 1, 0, 0, 256, 7, 0},
    {"BLOCK2", "SECURE_BOOT_KEY", "secure boot key, V1 with its bytes reversed, or digest of the V2 key",
     SS_EFUSE_BYTES, 2, 0, 0, 256, 8, 1},
    {"BLOCK3", NULL, "user data: custom MAC, ADC calibration, secure version", SS_EFUSE_BYTES, 3, 0, 0, 256, 9, 2},
    {"CUSTOM_MAC_CRC", "MAC_CUSTOM_CRC", "CRC-8 of the custom MAC address", SS_EFUSE_UINT, 3, 0, 0, 8, 9, 2},
    {"CUSTOM_MAC", "MAC_CUSTOM", "custom MAC address", SS_EFUSE_BYTES, 3, 0, 8, 48, 9, 2},
    {"ADC1_TP_LOW", NULL, "ADC1 calibration at 150 mV, if BLK3_PART_RESERVE is set", SS_EFUSE_UINT, 3, 3, 0, 7, 9, 2},
    {"ADC1_TP_HIGH", NULL, "ADC1 calibration at 850 mV, if BLK3_PART_RESERVE is set", SS_EFUSE_UINT, 3, 3, 7, 9, 9, 2},
    {"ADC2_TP_LOW", NULL, "ADC2 calibration at 150 mV, if BLK3_PART_RESERVE is set", SS_EFUSE_UINT, 3, 3, 16, 7, 9, 2},
    {"ADC2_TP_HIGH", NULL, "ADC2 calibration at 850 mV, if BLK3_PART_RESERVE is set", SS_EFUSE_UINT, 3, 3, 23, 9, 9, 2},
    {"SECURE_VERSION", NULL, "anti-rollback: the number of set bits is the lowest version that may run",
     SS_EFUSE_BITCOUNT, 3, 4, 0, 32, 9, 2},
    {"MAC_VERSION", "MAC_CUSTOM_VER", "1: BLOCK3 holds a custom MAC address", SS_EFUSE_UINT, 3, 5, 24, 8, 9, 2},
};
// clang-format on

#define COUNT (sizeof fields / sizeof *fields)

const struct ss_efuse_field *ss_efuse_field_at(size_t index)
{
    return index < COUNT ? &fields[index] : NULL;
}

const struct ss_efuse_field *ss_efuse_field_find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcasecmp(fields[i].name, name) == 0 || (fields[i].alias && strcasecmp(fields[i].alias, name) == 0))
            return &fields[i];
    return NULL;
}
