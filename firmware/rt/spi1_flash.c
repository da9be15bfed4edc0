// SPDX-License-Identifier: Apache-2.0
#include "spi1_flash.h"

#include "core/bytes.h"
#include "core/rom_loader.h"

// Registers of SPI1 that tools need not know.
#define SPI1_CTRL  (SS_REG_SPI1 + 0x08)
#define SPI1_CLOCK (SS_REG_SPI1 + 0x18)
/// Keeps the part's write-protect pin high; all fast and wide reading modes off.
#define CTRL_WP_HIGH (1u << 21)
/// 80 MHz / 4: CLKCNT_N = 3, CLKCNT_H = 1, CLKCNT_L = 3.
#define CLOCK_20_MHZ (3u << 12 | 1u << 6 | 3u)
/// CS_HOLD, CS_SETUP and the clock edges: as the bootloader left them.
#define USER_KEPT 0xF0u

// The cache of the first core.
#define CACHE_CTRL       0x3FF00040u
#define CACHE_ENABLE     (1u << 3)
#define CACHE_STATE      0x3FF003F0u
#define CACHE_IDLE(word) (((word) >> 7 & 0xFFF) == 1)

/// W0 to W15, in bytes.
#define FIFO 64u
#define PAGE 256u

/// A command takes microseconds: 68 bytes at 20 MHz are 27.
#define COMMAND_US 1000u
#define POLL_US    10u

enum {
    OP_PROGRAM = 0x02,
    OP_READ = 0x03,
    OP_STATUS = 0x05,
    OP_WRITE_ENABLE = 0x06,
    OP_ERASE_SECTOR = 0x20,
};

#define STATUS_BUSY 0x01u
#define STATUS_WEL  0x02u

static uint32_t spi1_read(uint32_t offset)
{
    return rt_reg_read(SS_REG_SPI1 + offset);
}

static void spi1_write(uint32_t offset, uint32_t value)
{
    rt_reg_write(SS_REG_SPI1 + offset, value);
}

ss_status_t spi1_cache_off(void)
{
    for (uint32_t us = 0; !CACHE_IDLE(rt_reg_read(CACHE_STATE)); us++) {
        if (us == COMMAND_US)
            return SS_ERROR_TIMEOUT;
        rt_wait_us(1);
    }
    rt_reg_write(CACHE_CTRL, rt_reg_read(CACHE_CTRL) & ~CACHE_ENABLE);
    return SS_OK;
}

// What the cache holds is still right: what is programmed or erased here must not be mapped.
void spi1_cache_on(void)
{
    rt_reg_write(CACHE_CTRL, rt_reg_read(CACHE_CTRL) | CACHE_ENABLE);
}

/// Runs @p opcode with the phases of @p user. Bytes to be sent are in the FIFO already.
static ss_status_t run(uint8_t opcode, uint32_t user, uint32_t address, uint32_t len)
{
    rt_reg_write(SPI1_CTRL, CTRL_WP_HIGH);
    rt_reg_write(SPI1_CLOCK, CLOCK_20_MHZ);
    spi1_write(SS_SPI_USER, (spi1_read(SS_SPI_USER) & USER_KEPT) | SS_SPI_USER_COMMAND | user);
    spi1_write(SS_SPI_USER1, 23u << 26); // address bits, less one
    spi1_write(SS_SPI_USER2, 7u << 28 | opcode);
    spi1_write(SS_SPI_MOSI_DLEN, user & SS_SPI_USER_MOSI ? len * 8 - 1 : 0);
    spi1_write(SS_SPI_MISO_DLEN, user & SS_SPI_USER_MISO ? len * 8 - 1 : 0);
    spi1_write(SS_SPI_ADDR, address << 8);
    spi1_write(SS_SPI_CMD, SS_SPI_CMD_USR);
    for (uint32_t us = 0; spi1_read(SS_SPI_CMD) & SS_SPI_CMD_USR; us++) {
        if (us == COMMAND_US)
            return SS_ERROR_TIMEOUT;
        rt_wait_us(1);
    }
    return SS_OK;
}

/// Status register 1. It shares the FIFO's first word with what is to be programmed: ask before that is put there.
static ss_status_t read_status(uint32_t *status)
{
    ss_status_t result = run(OP_STATUS, SS_SPI_USER_MISO, 0, 1);
    *status = spi1_read(SS_SPI_W0) & 0xFF;
    return result;
}

static ss_status_t wait_ready(uint32_t limit_us)
{
    for (uint32_t us = 0;; us += POLL_US) {
        uint32_t status;
        ss_status_t result = read_status(&status);
        if (result != SS_OK || !(status & STATUS_BUSY))
            return result;
        if (us >= limit_us)
            return SS_ERROR_TIMEOUT;
        rt_wait_us(POLL_US);
    }
}

static ss_status_t enable_writing(void)
{
    uint32_t status;
    ss_status_t result = run(OP_WRITE_ENABLE, 0, 0, 0);
    if (result == SS_OK)
        result = read_status(&status);
    return result == SS_OK && !(status & STATUS_WEL) ? SS_ERROR_IO : result;
}

/// @p len bytes, at most a FIFO and within a page.
static ss_status_t program(uint32_t address, const uint8_t *in, uint32_t len)
{
    // Read before the cache goes off: `in` may be mapped flash.
    uint32_t words[FIFO / 4];
    for (uint32_t i = 0; i < FIFO; i++) {
        uint32_t byte = i < len ? in[i] : 0xFF;
        words[i / 4] = i % 4 ? words[i / 4] | byte << i % 4 * 8 : byte;
    }
    ss_status_t result = spi1_cache_off();
    if (result != SS_OK)
        return result;
    result = wait_ready(SPI1_FLASH_ERASE_US);
    if (result == SS_OK)
        result = enable_writing();
    if (result == SS_OK) {
        for (uint32_t i = 0; i < FIFO / 4; i++)
            spi1_write(SS_SPI_W0 + 4 * i, words[i]);
        result = run(OP_PROGRAM, SS_SPI_USER_ADDR | SS_SPI_USER_MOSI, address, len);
    }
    if (result == SS_OK)
        result = wait_ready(SPI1_FLASH_PROGRAM_US);
    spi1_cache_on();
    return result;
}

ss_status_t spi1_flash_program(uint32_t address, const void *in, size_t len)
{
    const uint8_t *p = in;
    if (!ss_range_ok(address, len, SPI1_FLASH_MAX))
        return SS_ERROR_INVALID_ARGUMENT;
    while (len > 0) {
        uint32_t room = PAGE - address % PAGE;
        uint32_t n = room < FIFO ? room : FIFO;
        if (len < n)
            n = (uint32_t)len;
        ss_status_t result = program(address, p, n);
        if (result != SS_OK)
            return result;
        address += n;
        p += n;
        len -= n;
    }
    return SS_OK;
}

/// At most a FIFO.
static ss_status_t read(uint32_t address, uint8_t *out, uint32_t len)
{
    ss_status_t result = run(OP_READ, SS_SPI_USER_ADDR | SS_SPI_USER_MISO, address, len);
    for (uint32_t i = 0; result == SS_OK && i < len; i++)
        out[i] = (uint8_t)(spi1_read(SS_SPI_W0 + i / 4 * 4) >> i % 4 * 8);
    return result;
}

ss_status_t spi1_flash_read(uint32_t address, void *out, size_t len)
{
    uint8_t *p = out;
    if (!ss_range_ok(address, len, SPI1_FLASH_MAX))
        return SS_ERROR_INVALID_ARGUMENT;
    ss_status_t result = spi1_cache_off();
    if (result != SS_OK)
        return result;
    result = wait_ready(SPI1_FLASH_ERASE_US);
    while (result == SS_OK && len > 0) {
        uint32_t n = len < FIFO ? (uint32_t)len : FIFO;
        result = read(address, p, n);
        address += n;
        p += n;
        len -= n;
    }
    spi1_cache_on();
    return result;
}

ss_status_t spi1_flash_erase(uint32_t address)
{
    if (address % SPI1_FLASH_SECTOR != 0 || address >= SPI1_FLASH_MAX)
        return SS_ERROR_INVALID_ARGUMENT;
    ss_status_t result = spi1_cache_off();
    if (result != SS_OK)
        return result;
    result = wait_ready(SPI1_FLASH_ERASE_US);
    if (result == SS_OK)
        result = enable_writing();
    if (result == SS_OK)
        result = run(OP_ERASE_SECTOR, SS_SPI_USER_ADDR, address, 0);
    if (result == SS_OK)
        result = wait_ready(SPI1_FLASH_ERASE_US);
    spi1_cache_on();
    return result;
}
