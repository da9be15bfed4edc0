// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <string.h>

#include "chip/registers.h"

static struct ss_error err;
static struct ss_registers regs;

static int setup(void **state)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip;
    options.flash_size = 1u << 20;
    assert_ok(ss_chip_new(&options, &chip, &err), err);
    *state = chip;
    regs = (struct ss_registers){.chip = chip, .baud = 115200, .flash_attached = true};
    return 0;
}

static int teardown(void **state)
{
    ss_registers_reset(&regs);
    ss_chip_free(*state);
    return 0;
}

static void w(uint32_t address, uint32_t value)
{
    ss_registers_write(&regs, address, value);
}

static uint32_t r(uint32_t address)
{
    return ss_registers_read(&regs, address);
}

static void constants_are_those_of_the_chip(void **state)
{
    struct ss_vchip *chip = *state;
    assert_int_equal(r(SS_REG_CHIP_MAGIC), 0x00F01D83);
    assert_int_equal(r(SS_REG_UART_CLOCK), 347);
    regs.baud = 921600;
    assert_int_equal(r(SS_REG_UART_CLOCK), 43);
    assert_int_equal(r(SS_REG_APB_DATE) >> 31, 1);
    chip->apb_date_bit31 = false;
    assert_int_equal(r(SS_REG_APB_DATE) >> 31, 0);
    chip->in_download = true;
    assert_int_equal(r(SS_REG_GPIO_STRAP), 0x03);
    chip->in_download = false;
    assert_int_equal(r(SS_REG_GPIO_STRAP), 0x13);
    // Calibrated so that cali * 15625 * CLK8M_FREQ / 40 is the crystal's frequency.
    uint32_t hz = (uint32_t)((uint64_t)(r(SS_REG_RTC_CALI) >> 7) * 15625 * 0x34 / 40);
    assert_in_range(hz, 39900000, 40100000);
    memset(chip->silicon, 0, sizeof *chip->silicon);
    ss_chip_reset(chip);
    assert_int_equal(r(SS_REG_RTC_CALI), 0);
}

static void everything_else_is_memory(void **state)
{
    (void)state;
    assert_int_equal(r(0x50000000), 0);
    w(0x50000000, 0x12345678);
    w(0x3FF48074, 5);
    w(0xFFFFFFFC, 7);
    assert_int_equal(r(0x50000003), 0x12345678); // the lowest bits do not count
    assert_int_equal(r(0x3FF48074), 5);
    assert_int_equal(r(0xFFFFFFFC), 7);
    ss_ram_write(&regs.ram, 0x50000FFE, (const uint8_t *)"abcd", 4);
    assert_int_equal(r(0x50000FFC) >> 16, 'b' << 8 | 'a');
    assert_int_equal(r(0x50001000), 'd' << 8 | 'c');
    ss_registers_reset(&regs);
    assert_int_equal(r(0x50000000), 0);
    // Where the pages end, writes are lost.
    for (uint32_t i = 0; i <= SS_RAM_MAX_PAGES; i++)
        w(i * SS_RAM_PAGE, i + 1);
    assert_int_equal(r((SS_RAM_MAX_PAGES - 1) * SS_RAM_PAGE), SS_RAM_MAX_PAGES);
    assert_int_equal(r(SS_RAM_MAX_PAGES * SS_RAM_PAGE), 0);
}

static void efuses_are_behind_their_controller(void **state)
{
    struct ss_vchip *chip = *state;
    assert_int_equal(r(SS_EFUSE_BASE + 0x04), chip->silicon->words[1]);
    w(SS_EFUSE_BASE + 0x04, 0); // the read window does not take writes
    assert_int_equal(r(SS_EFUSE_BASE + 0x04), chip->silicon->words[1]);
    w(SS_EFUSE_BASE + 0x98, 0xA5);
    w(SS_EFUSE_BASE + 0xFC, 0x5A5A);
    w(SS_EFUSE_BASE + 0x104, 2);
    assert_int_equal(chip->silicon->words[7], 0xA5);
    assert_int_equal(r(SS_EFUSE_BASE + 0x38), 0);
    w(SS_EFUSE_BASE + 0xFC, 0x5AA5);
    w(SS_EFUSE_BASE + 0x104, 1);
    assert_int_equal(r(SS_EFUSE_BASE + 0x38), 0xA5);
}

/// One transaction, as tools program it.
static uint32_t spi(uint32_t user, uint8_t opcode, uint32_t address, unsigned out_bits, unsigned in_bits)
{
    w(SS_REG_SPI1 + 0x1C, user | 1u << 31 | (out_bits ? 1u << 27 : 0) | (in_bits ? 1u << 28 : 0));
    w(SS_REG_SPI1 + 0x20, 23u << 26);
    w(SS_REG_SPI1 + 0x24, 7u << 28 | opcode);
    w(SS_REG_SPI1 + 0x28, out_bits - 1);
    w(SS_REG_SPI1 + 0x2C, in_bits - 1);
    w(SS_REG_SPI1 + 0x04, address << 8);
    w(SS_REG_SPI1, 1u << 18);
    assert_int_equal(r(SS_REG_SPI1), 0);
    return r(SS_REG_SPI1 + 0x80);
}

static void spi1_talks_to_the_flash(void **state)
{
    struct ss_vchip *chip = *state;
    assert_int_equal(spi(0, 0x9F, 0, 0, 24), 0x1440EF);
    assert_int_equal(spi(1u << 30, 0x5A, 0, 0, 32), 0x50444653); // SFDP
    spi(0, 0x06, 0, 0, 0);
    w(SS_REG_SPI1 + 0x80, 0x04030201);
    spi(1u << 30, 0x02, 0x2FF, 24, 0);
    assert_int_equal(chip->flash.data[0x2FF], 1);
    assert_int_equal(chip->flash.data[0x200], 2);
    assert_int_equal(chip->flash.data[0x201], 3);
    assert_int_equal(chip->flash.data[0x202], 0xFF);
    // A part of a byte; what is beyond stays.
    w(SS_REG_SPI1 + 0x80, 0xAAAAAAAA);
    assert_int_equal(spi(1u << 30, 0x03, 0x201, 0, 2), 0xAAAAAA03);
    // 64 bytes, all that W0 to W15 hold.
    memset(chip->flash.data + 0x1000, 0x5A, 64);
    assert_int_equal(spi(1u << 30, 0x03, 0x1000, 0, 512), 0x5A5A5A5A);
    assert_int_equal(r(SS_REG_SPI1 + 0xBC), 0x5A5A5A5A);
    // Without pins there is nobody.
    regs.flash_attached = false;
    assert_int_equal(spi(0, 0x9F, 0, 0, 24) & 0xFFFFFF, 0xFFFFFF);
    regs.flash_attached = true;
    // A transaction without a command does not run, nor does another bit of CMD.
    w(SS_REG_SPI1 + 0x80, 1);
    w(SS_REG_SPI1 + 0x1C, 1u << 28);
    w(SS_REG_SPI1, 1u << 18);
    w(SS_REG_SPI1, 1u << 17);
    assert_int_equal(r(SS_REG_SPI1 + 0x80), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(constants_are_those_of_the_chip, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_else_is_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(efuses_are_behind_their_controller, setup, teardown),
        cmocka_unit_test_setup_teardown(spi1_talks_to_the_flash, setup, teardown),
    };
    return ss_test_main(argc, argv, tests);
}
