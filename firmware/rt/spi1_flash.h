// SPDX-License-Identifier: Apache-2.0
// The raw flash, ciphertext and all, through the ESP32's second SPI controller. ESP32 Technical Reference Manual, chapter
// "SPI Controller"; registers as ESP-IDF's bootloader uses them (bootloader_support, bootloader_flash.c). Commands are
// those that all 25-series parts have, one bit wide, at 20 MHz: no part, board or start-up needs dummy cycles for them.
//
// The cache reads the same part, so it is off while a command runs. Hence the caller's contract: interrupts masked, the
// other core stopped, and this code, its stack and its buffers in RAM (buffers to be programmed may be mapped flash).
#ifndef RT_SPI1_FLASH_H
#define RT_SPI1_FLASH_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

#define SPI1_FLASH_SECTOR 4096u
/// What three address bytes reach.
#define SPI1_FLASH_MAX (16u << 20)

/// Longest that a part may be busy, microseconds: above the maxima of common data sheets (page program 5 ms, sector
/// erase 400 ms; worn parts are slower).
#define SPI1_FLASH_PROGRAM_US 20000u
#define SPI1_FLASH_ERASE_US   3000000u

/// What the driver needs of the machine: esp32.c has it for the chip, tests for the host.
uint32_t rt_reg_read(uint32_t address);
void rt_reg_write(uint32_t address, uint32_t value);
void rt_wait_us(uint32_t us);

/// Turns the cache off, so that nothing but this code reads the part. SS_ERROR_TIMEOUT: it does not come to rest.
SS_MUST_USE ss_status_t spi1_cache_off(void);
void spi1_cache_on(void);

/// Reads @p len bytes, any address and length.
/// SS_ERROR_INVALID_ARGUMENT: beyond SPI1_FLASH_MAX. SS_ERROR_TIMEOUT: the controller or the cache does not come to rest,
/// or the part stays busy with what was begun before a reset.
SS_MUST_USE ss_status_t spi1_flash_read(uint32_t address, void *out, size_t len);

/// Programs @p len bytes: each bit can only go from 1 to 0. Any address and length; pages are respected.
/// Statuses of _read(); SS_ERROR_IO: the part does not take the write enable (protected, or not there). What has been
/// programmed before a failure stays. Nothing is read back.
SS_MUST_USE ss_status_t spi1_flash_program(uint32_t address, const void *in, size_t len);

/// Erases the sector at @p address, a multiple of 4 KiB (SS_ERROR_INVALID_ARGUMENT). Statuses of _program().
SS_MUST_USE ss_status_t spi1_flash_erase(uint32_t address);

#endif
