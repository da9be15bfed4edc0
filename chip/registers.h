// SPDX-License-Identifier: Apache-2.0
// The chip's 32-bit bus as software in download mode sees it: the registers that tools touch, and memory everywhere
// else. ESP32 Technical Reference Manual, chapters "eFuse Controller", "SPI", "UART", "IO_MUX and GPIO Matrix"; use as
// in esptool and ESP-IDF.
#ifndef SS_CHIP_REGISTERS_H
#define SS_CHIP_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "chip/chip.h"
#include "chip/ram.h"

#define SS_REG_CHIP_MAGIC 0x40001000u ///< a word of the mask ROM by which tools know the chip
#define SS_REG_SPI1       0x3FF42000u
#define SS_REG_UART_CLOCK 0x3FF40014u ///< clock divider: 40 MHz / baud rate
#define SS_REG_GPIO_STRAP 0x3FF44038u
#define SS_REG_RTC_CALI   0x3FF5F06Cu ///< ticks of the 40 MHz crystal, measured with the 8 MHz clock
#define SS_REG_APB_DATE   0x3FF6607Cu ///< bit 31: third bit of the revision
#define SS_CHIP_MAGIC     0x00F01D83u
#define SS_SPI1_WORDS     64u

/// Start with all zero but for `chip` and `baud`; ends with ss_registers_reset().
struct ss_registers {
    struct ss_vchip *chip; ///< borrowed
    struct ss_ram ram;
    uint32_t baud;       ///< what the line runs at, never 0
    bool flash_attached; ///< the pins are routed to the flash; else it reads as all ones and nothing reaches it
    uint32_t spi1[SS_SPI1_WORDS];
};

/// Forgets RAM and the controllers' settings, as a reset does. The chip itself is not touched.
void ss_registers_reset(struct ss_registers *r);

/// One 32-bit access; the two lowest bits of the address do not count. Writing may burn eFuses or change flash, so that
/// a power cut leaves it by longjmp.
uint32_t ss_registers_read(struct ss_registers *r, uint32_t address);
void ss_registers_write(struct ss_registers *r, uint32_t address, uint32_t value);

#endif
