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
#include "core/rom_loader.h"

#define SS_SPI1_WORDS 64u

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
