// SPDX-License-Identifier: Apache-2.0
// What both ends of the ESP32's serial loader share: operations, the shape of a packet, the registers that tools touch.
// Internal.
//
// Sources: esptool's documentation, "Serial Protocol"; ESP32 Technical Reference Manual, chapters "eFuse Controller",
// "SPI", "UART", "IO_MUX and GPIO Matrix".
#ifndef SS_CORE_ROM_LOADER_H
#define SS_CORE_ROM_LOADER_H

#include <stddef.h>
#include <stdint.h>

enum ss_rom_operation {
    SS_OP_FLASH_BEGIN = 0x02,
    SS_OP_FLASH_DATA = 0x03,
    SS_OP_FLASH_END = 0x04,
    SS_OP_MEM_BEGIN = 0x05,
    SS_OP_MEM_END = 0x06,
    SS_OP_MEM_DATA = 0x07,
    SS_OP_SYNC = 0x08,
    SS_OP_WRITE_REG = 0x09,
    SS_OP_READ_REG = 0x0A,
    SS_OP_SPI_SET_PARAMS = 0x0B,
    SS_OP_SPI_ATTACH = 0x0D,
    SS_OP_READ_FLASH_SLOW = 0x0E,
    SS_OP_CHANGE_BAUDRATE = 0x0F,
    SS_OP_DEFLATE_BEGIN = 0x10,
    SS_OP_DEFLATE_DATA = 0x11,
    SS_OP_DEFLATE_END = 0x12,
    SS_OP_FLASH_MD5 = 0x13,
    // Of the flasher stub only.
    SS_OP_ERASE_FLASH = 0xD0,
    SS_OP_ERASE_REGION = 0xD1,
    SS_OP_READ_FLASH = 0xD2,
    SS_OP_RUN_USER_CODE = 0xD3,
    SS_OP_FLASH_ENCRYPT_DATA = 0xD4,
};

enum {
    SS_ROM_HEADER = 8,       ///< direction, operation, u16 length, u32 checksum or value
    SS_ROM_DATA_HEADER = 16, ///< length, sequence number and two zero words before the data of a block
    SS_ROM_STATUS = 4,       ///< {failed, error, 0, 0} at the end of the ROM's answers
    SS_ROM_SYNC = 36,        ///< bytes of SYNC's body
    SS_ROM_SYNC_ANSWERS = 8,
    SS_ROM_SLOW_READ = 64, ///< bytes that READ_FLASH_SLOW sends back, always
    SS_ROM_CHECKSUM_SEED = 0xEF,
};

/// XOR of a block's data.
static inline uint8_t ss_rom_checksum(const uint8_t *data, size_t len)
{
    uint8_t sum = SS_ROM_CHECKSUM_SEED;
    for (size_t i = 0; i < len; i++)
        sum ^= data[i];
    return sum;
}

/// SPI_ATTACH's word: the pins of the flash.
static inline uint32_t ss_rom_flash_pins(uint32_t clk, uint32_t q, uint32_t d, uint32_t cs, uint32_t hd)
{
    return hd << 24 | cs << 18 | d << 12 | q << 6 | clk;
}

#define SS_REG_CHIP_MAGIC 0x40001000u ///< a word of the mask ROM by which tools know the chip
#define SS_REG_SPI1       0x3FF42000u
#define SS_REG_UART_CLOCK 0x3FF40014u ///< clock divider: 40 MHz / baud rate, in bits 0 to 19
#define SS_REG_GPIO_STRAP 0x3FF44038u
#define SS_REG_RTC_CALI   0x3FF5F06Cu ///< ticks of the crystal, measured with the 8 MHz clock
#define SS_REG_APB_DATE   0x3FF6607Cu ///< bit 31: third bit of the revision
#define SS_CHIP_MAGIC     0x00F01D83u ///< the ESP32's

/// Of SS_REG_RTC_CALI: where the count begins, and what makes a frequency of it: count * CLK8M_FREQ * this / 40.
enum { SS_RTC_CALI_SHIFT = 7, SS_RTC_CALI_CONSTANT = 15625 };

// SPI1, offsets in bytes.
enum {
    SS_SPI_CMD = 0x00,
    SS_SPI_ADDR = 0x04,
    SS_SPI_USER = 0x1C,
    SS_SPI_USER1 = 0x20,
    SS_SPI_USER2 = 0x24,
    SS_SPI_MOSI_DLEN = 0x28,
    SS_SPI_MISO_DLEN = 0x2C,
    SS_SPI_W0 = 0x80,
};
#define SS_SPI_CMD_USR      (1u << 18)
#define SS_SPI_USER_COMMAND (1u << 31)
#define SS_SPI_USER_ADDR    (1u << 30)
#define SS_SPI_USER_DUMMY   (1u << 29)
#define SS_SPI_USER_MISO    (1u << 28)
#define SS_SPI_USER_MOSI    (1u << 27)

#define SS_EFUSE_BASE 0x3FF5A000u
#define SS_EFUSE_END  0x3FF5A200u
// eFuse controller, offsets in bytes.
enum {
    SS_EFUSE_CLK = 0x0F8,
    SS_EFUSE_CONF = 0x0FC,
    SS_EFUSE_CMD = 0x104,
    SS_EFUSE_DAC_CONF = 0x118,
    SS_EFUSE_DEC_STATUS = 0x11C,
    SS_EFUSE_CONF_PROGRAM = 0x5A5A,
    SS_EFUSE_CONF_READ = 0x5AA5,
    SS_EFUSE_CMD_READ = 1,
    SS_EFUSE_CMD_PROGRAM = 2,
};
/// Offsets of the first word of each block, as read and as to be burned.
static const uint16_t ss_efuse_read_windows[4] = {0x000, 0x038, 0x058, 0x078};
static const uint16_t ss_efuse_write_windows[4] = {0x01C, 0x098, 0x0B8, 0x0D8};

#endif
