// SPDX-License-Identifier: Apache-2.0
#include "chip/registers.h"

#include <string.h>

#include "core/bytes.h"

#define SPI1_END     (SS_REG_SPI1 + SS_SPI1_WORDS * 4u)
#define XTAL_HZ      40000000u
#define APB_DATE     0x16042000u
#define STRAP_FLASH  0x13u ///< boot from flash: GPIO0, GPIO2 … as a board's resistors leave them
#define STRAP_LOADER 0x03u ///< GPIO0 low

enum { SPI_BUFFER = 64 }; // bytes of W0 … W15

#define SPI_DLEN_MASK 0x1FFu

void ss_registers_reset(struct ss_registers *r)
{
    ss_ram_clear(&r->ram);
    memset(r->spi1, 0, sizeof r->spi1);
    r->flash_attached = false;
}

/// What the mask ROM would have measured of a crystal of exactly 40 MHz, so that tools which correct the baud rate by
/// it get the rate they want.
static uint32_t calibration(const struct ss_vchip *chip)
{
    uint32_t clk8m = ss_efuse_get_name(&chip->efuse.window, "CLK8M_FREQ");
    return clk8m ? (uint32_t)((uint64_t)XTAL_HZ * 40 / (SS_RTC_CALI_CONSTANT * clk8m)) << SS_RTC_CALI_SHIFT : 0;
}

static uint32_t spi1_word(const struct ss_registers *r, uint32_t offset)
{
    return r->spi1[offset / 4];
}

/// A transaction as the "user" registers describe it; lengths there are in bits, less one.
static void spi1_run(struct ss_registers *r)
{
    uint32_t user = spi1_word(r, SS_SPI_USER);
    if (!(user & SS_SPI_USER_COMMAND))
        return;
    unsigned address_bits = user & SS_SPI_USER_ADDR ? (spi1_word(r, SS_SPI_USER1) >> 26) + 1 : 0;
    unsigned in_bits = user & SS_SPI_USER_MISO ? (spi1_word(r, SS_SPI_MISO_DLEN) & SPI_DLEN_MASK) + 1 : 0;
    size_t in_len = (in_bits + 7) / 8;
    size_t out_len = user & SS_SPI_USER_MOSI ? ((spi1_word(r, SS_SPI_MOSI_DLEN) & SPI_DLEN_MASK) + 8) / 8 : 0;
    // 24-bit addresses stand at the top of the register; address_bits is 1 to 64, the register has 32.
    unsigned shift = address_bits < 32 ? 32 - address_bits : 0;
    uint32_t address = address_bits ? spi1_word(r, SS_SPI_ADDR) >> shift : 0;
    uint8_t buffer[SPI_BUFFER], in[SPI_BUFFER];
    memset(in, 0xFF, sizeof in);
    for (unsigned i = 0; i < SPI_BUFFER / 4; i++)
        ss_put_le32(buffer + 4 * i, r->spi1[SS_SPI_W0 / 4 + i]);
    if (r->flash_attached)
        ss_flash_command(&r->chip->flash, (uint8_t)spi1_word(r, SS_SPI_USER2), address, buffer, out_len, in, in_len);
    memcpy(buffer, in, in_len);
    if (in_bits % 8)
        buffer[in_len - 1] &= (uint8_t)((1u << in_bits % 8) - 1);
    for (unsigned i = 0; i < SPI_BUFFER / 4; i++)
        r->spi1[SS_SPI_W0 / 4 + i] = ss_get_le32(buffer + 4 * i);
}

static uint32_t read_ram(const struct ss_registers *r, uint32_t address)
{
    uint8_t bytes[4];
    ss_ram_read(&r->ram, address, bytes, sizeof bytes);
    return ss_get_le32(bytes);
}

uint32_t ss_registers_read(struct ss_registers *r, uint32_t address)
{
    address &= ~3u;
    if (address >= SS_EFUSE_BASE && address < SS_EFUSE_END)
        return ss_efuse_controller_read(&r->chip->efuse, address);
    if (address >= SS_REG_SPI1 && address < SPI1_END)
        return r->spi1[(address - SS_REG_SPI1) / 4];
    switch (address) {
    case SS_REG_CHIP_MAGIC:
        return SS_CHIP_MAGIC;
    case SS_REG_UART_CLOCK:
        return XTAL_HZ / r->baud;
    case SS_REG_GPIO_STRAP:
        return r->chip->in_download ? STRAP_LOADER : STRAP_FLASH;
    case SS_REG_RTC_CALI:
        return calibration(r->chip);
    case SS_REG_APB_DATE:
        return APB_DATE | (r->chip->apb_date_bit31 ? 1u << 31 : 0);
    default:
        return read_ram(r, address);
    }
}

void ss_registers_write(struct ss_registers *r, uint32_t address, uint32_t value)
{
    address &= ~3u;
    if (address >= SS_EFUSE_BASE && address < SS_EFUSE_END) {
        ss_efuse_controller_write(&r->chip->efuse, address, value);
    } else if (address == SS_REG_SPI1) {
        // The bit clears itself when the transaction is over; here that is at once.
        if (value & SS_SPI_CMD_USR)
            spi1_run(r);
    } else if (address > SS_REG_SPI1 && address < SPI1_END) {
        r->spi1[(address - SS_REG_SPI1) / 4] = value;
    } else {
        uint8_t bytes[4];
        ss_put_le32(bytes, value);
        ss_ram_write(&r->ram, address, bytes, sizeof bytes);
    }
}
