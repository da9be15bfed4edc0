// SPDX-License-Identifier: Apache-2.0
// The firmware's flash driver on the virtual chip's SPI1 registers, and on parts and controllers that misbehave.
#include "support/unit.h"
#include "support/vectors.h"

#include <string.h>

#include "chip/registers.h"
#include "firmware/rt/spi1_flash.h"

#define CACHE_CTRL  0x3FF00040u
#define CACHE_STATE 0x3FF003F0u

static struct ss_error err;

/// The machine that the driver runs on, and what is wrong with it.
static struct {
    struct ss_registers regs;
    uint64_t waited;        ///< microseconds
    uint64_t ready_at;      ///< the part is busy until `waited` is this
    uint32_t erase_us;      ///< how long it is busy with an erase
    bool hangs;             ///< the controller never ends a command
    bool deaf;              ///< the part ignores write enable
    bool cache_seen;        ///< a command ran with the cache on
    unsigned commands[256]; ///< how often each opcode ran
    unsigned longest;       ///< most bytes in a transfer
} machine;

static uint32_t word(uint32_t offset)
{
    return ss_registers_read(&machine.regs, SS_REG_SPI1 + offset);
}

// The status register of a part that takes its time.
static void show_busy(void)
{
    if ((word(SS_SPI_USER2) & 0xFF) == 0x05 && machine.waited < machine.ready_at)
        ss_registers_write(&machine.regs, SS_REG_SPI1 + SS_SPI_W0, word(SS_SPI_W0) | 1);
}

static void run_command(void)
{
    uint8_t opcode = (uint8_t)word(SS_SPI_USER2);
    machine.commands[opcode]++;
    machine.cache_seen |= ss_registers_read(&machine.regs, CACHE_CTRL) & 1u << 3;
    for (unsigned dlen = SS_SPI_MOSI_DLEN; dlen <= SS_SPI_MISO_DLEN; dlen += 4)
        if ((word(dlen) + 1) / 8 > machine.longest)
            machine.longest = (word(dlen) + 1) / 8;
    // A part that is busy hears nothing but the question whether it is.
    bool heard = opcode == 0x05 || machine.waited >= machine.ready_at;
    if (heard && !(machine.deaf && opcode == 0x06))
        ss_registers_write(&machine.regs, SS_REG_SPI1, SS_SPI_CMD_USR);
    if (heard && opcode == 0x20)
        machine.ready_at = machine.waited + machine.erase_us;
    show_busy();
}

uint32_t rt_reg_read(uint32_t address)
{
    if (address == SS_REG_SPI1 && machine.hangs)
        return SS_SPI_CMD_USR;
    return ss_registers_read(&machine.regs, address);
}

void rt_reg_write(uint32_t address, uint32_t value)
{
    if (address == SS_REG_SPI1)
        run_command();
    else
        ss_registers_write(&machine.regs, address, value);
}

void rt_wait_us(uint32_t us)
{
    machine.waited += us;
}

static void cache_state(uint32_t state)
{
    ss_registers_write(&machine.regs, CACHE_STATE, state << 7);
}

static bool cache_is_on(void)
{
    return ss_registers_read(&machine.regs, CACHE_CTRL) == (1u << 3 | 1u);
}

static int setup(void **state)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip;
    options.flash_size = 1u << 20;
    assert_ok(ss_chip_new(&options, &chip, &err), err);
    *state = chip;
    memset(&machine, 0, sizeof machine);
    machine.regs = (struct ss_registers){.chip = chip, .baud = 115200, .flash_attached = true};
    ss_registers_write(&machine.regs, CACHE_CTRL, 1u << 3 | 1u);
    ss_registers_write(&machine.regs, SS_REG_SPI1 + SS_SPI_USER, 0xFFFFFFFF);
    cache_state(1);
    return 0;
}

// Whatever happened, the cache serves again, and nothing was done while it did.
static int teardown(void **state)
{
    bool good = cache_is_on() && !machine.cache_seen;
    ss_registers_reset(&machine.regs);
    ss_chip_free(*state);
    return good ? 0 : -1;
}

static uint8_t *flash(void **state)
{
    return ((struct ss_vchip *)*state)->flash.data;
}

static void reads_any_bytes(void **state)
{
    uint8_t out[600];
    uint64_t seed = 1;
    test_random_bytes(&seed, flash(state) + 0x10000, 0x1000);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t address = 0x10000 + (uint32_t)(test_random(&seed) % 700);
        size_t len = i < 8 ? (size_t[]){0, 1, 3, 4, 63, 64, 65, 128}[i] : test_random(&seed) % 500;
        memset(out, 0x5A, sizeof out);
        assert_int_equal(spi1_flash_read(address, out + 1, len), SS_OK);
        assert_memory_equal(out + 1, flash(state) + address, len);
        assert_int_equal(out[0], 0x5A);
        assert_int_equal(out[len + 1], 0x5A);
    }
    assert_int_equal(machine.longest, 64);
}

static void programs_any_bytes_within_their_pages(void **state)
{
    static uint8_t want[0x1000], in[600];
    uint64_t seed = 2;
    memset(want, 0xFF, sizeof want);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t offset = (uint32_t)(test_random(&seed) % 0xB00);
        size_t len = i < 8 ? (size_t[]){0, 1, 3, 4, 63, 64, 65, 256}[i] : test_random(&seed) % 500;
        test_random_bytes(&seed, in, sizeof in);
        for (size_t j = 0; j < len; j++)
            want[offset + j] &= in[j];
        assert_int_equal(spi1_flash_program(0x20000 + offset, in, len), SS_OK);
        assert_memory_equal(flash(state) + 0x20000, want, sizeof want);
    }
    assert_int_equal(machine.longest, 64);
    assert_true(machine.commands[0x06] == machine.commands[0x02]);
}

static void a_page_takes_four_commands(void **state)
{
    uint8_t in[256] = {0};
    assert_int_equal(spi1_flash_program(0x30000, in, sizeof in), SS_OK);
    assert_int_equal(machine.commands[0x02], 4);
    assert_int_equal(spi1_flash_program(0x300FE, in, 4), SS_OK);
    assert_int_equal(machine.commands[0x02], 6);
    assert_int_equal(flash(state)[0x30000], 0);
    assert_int_equal(flash(state)[0x30101], 0);
    assert_int_equal(flash(state)[0x30102], 0xFF);
}

static void erases_one_sector(void **state)
{
    memset(flash(state) + 0x3000, 0, 0x3000);
    assert_int_equal(spi1_flash_erase(0x4000), SS_OK);
    assert_int_equal(flash(state)[0x3FFF], 0);
    assert_int_equal(flash(state)[0x4000], 0xFF);
    assert_int_equal(flash(state)[0x4FFF], 0xFF);
    assert_int_equal(flash(state)[0x5000], 0);
    assert_int_equal(machine.commands[0x20], 1);
}

static void waits_while_the_part_is_busy(void **state)
{
    uint8_t in[4] = {0}, out[4];
    memset(flash(state) + 0x4000, 0x77, 0x1000);
    machine.erase_us = 400000;
    assert_int_equal(spi1_flash_erase(0x4000), SS_OK);
    assert_in_range(machine.waited, 400000, 400100);
    assert_int_equal(flash(state)[0x4000], 0xFF);
    // Busy with what a reset has interrupted.
    machine.ready_at = machine.waited + 100000;
    assert_int_equal(spi1_flash_read(0x4000, out, 4), SS_OK);
    assert_int_equal(out[0], 0xFF);
    machine.ready_at = machine.waited + 100000;
    assert_int_equal(spi1_flash_program(0x4000, in, 4), SS_OK);
    assert_int_equal(flash(state)[0x4000], 0);
    machine.ready_at = machine.waited + 100000;
    machine.erase_us = 0;
    assert_int_equal(spi1_flash_erase(0x4000), SS_OK);
    assert_int_equal(flash(state)[0x4000], 0xFF);
}

static void a_part_that_stays_busy(void **state)
{
    uint8_t bytes[4] = {0};
    machine.ready_at = UINT64_MAX;
    assert_int_equal(spi1_flash_read(0, bytes, 4), SS_ERROR_TIMEOUT);
    assert_int_equal(spi1_flash_program(0, bytes, 4), SS_ERROR_TIMEOUT);
    assert_int_equal(spi1_flash_erase(0), SS_ERROR_TIMEOUT);
    assert_in_range(machine.waited, 3 * SPI1_FLASH_ERASE_US, 3 * SPI1_FLASH_ERASE_US + 100);
    assert_int_equal(machine.commands[0x06], 0);
    machine.ready_at = 0;
    machine.erase_us = SPI1_FLASH_ERASE_US + 1000;
    assert_int_equal(spi1_flash_erase(0), SS_ERROR_TIMEOUT);
    assert_int_equal(flash(state)[0], 0xFF);
}

static void a_part_that_is_write_protected(void **state)
{
    uint8_t in[100] = {0};
    machine.deaf = true;
    assert_int_equal(spi1_flash_program(0x5000, in, sizeof in), SS_ERROR_IO);
    assert_int_equal(spi1_flash_erase(0x5000), SS_ERROR_IO);
    assert_int_equal(machine.commands[0x02] + machine.commands[0x20], 0);
    assert_int_equal(flash(state)[0x5000], 0xFF);
}

static void no_part_at_all(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0};
    machine.regs.flash_attached = false; // the line floats high: busy for ever
    assert_int_equal(spi1_flash_read(0, bytes, 4), SS_ERROR_TIMEOUT);
    assert_int_equal(spi1_flash_program(0, bytes, 4), SS_ERROR_TIMEOUT);
    assert_int_equal(spi1_flash_erase(0), SS_ERROR_TIMEOUT);
}

static void a_controller_that_hangs(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0};
    machine.hangs = true;
    assert_int_equal(spi1_flash_read(0, bytes, 4), SS_ERROR_TIMEOUT);
    assert_int_equal(spi1_flash_program(0, bytes, 4), SS_ERROR_TIMEOUT);
    assert_int_equal(spi1_flash_erase(0), SS_ERROR_TIMEOUT);
    assert_in_range(machine.waited, 3000, 3100);
}

static void a_cache_that_does_not_rest(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0};
    cache_state(2);
    assert_int_equal(spi1_flash_read(0, bytes, 4), SS_ERROR_TIMEOUT);
    assert_int_equal(spi1_flash_program(0, bytes, 4), SS_ERROR_TIMEOUT);
    assert_int_equal(spi1_flash_erase(0), SS_ERROR_TIMEOUT);
    assert_int_equal(machine.commands[0x05], 0);
}

static void addresses_have_limits(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0};
    assert_int_equal(spi1_flash_read(SPI1_FLASH_MAX - 3, bytes, 4), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(spi1_flash_read(SPI1_FLASH_MAX - 4, bytes, 4), SS_OK);
    assert_int_equal(spi1_flash_read(0xFFFFFFFF, bytes, 4), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(spi1_flash_program(SPI1_FLASH_MAX - 3, bytes, 4), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(spi1_flash_erase(SPI1_FLASH_MAX), SS_ERROR_INVALID_ARGUMENT);
    for (uint32_t bit = 1; bit < SPI1_FLASH_SECTOR; bit <<= 1)
        assert_int_equal(spi1_flash_erase(0x4000 + bit), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(machine.commands[0x06], 0);
}

// The wide reading modes of the running app's cache must not reach these commands, nor leftovers in USER.
static void registers_are_set_in_full(void **state)
{
    (void)state;
    uint8_t bytes[4];
    ss_registers_write(&machine.regs, SS_REG_SPI1 + 0x08, 0xFFFFFFFF);
    assert_int_equal(spi1_flash_read(0x123456, bytes, 4), SS_OK);
    assert_int_equal(word(0x08), 1u << 21);
    assert_int_equal(word(SS_SPI_USER), 0xD00000F0);
    assert_int_equal(word(SS_SPI_USER1), 23u << 26);
    assert_int_equal(word(SS_SPI_USER2), 0x70000003);
    assert_int_equal(word(SS_SPI_ADDR), 0x12345600);
    assert_int_equal(word(SS_SPI_MISO_DLEN), 31);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(reads_any_bytes),
        CASE(programs_any_bytes_within_their_pages),
        CASE(a_page_takes_four_commands),
        CASE(erases_one_sector),
        CASE(waits_while_the_part_is_busy),
        CASE(a_part_that_stays_busy),
        CASE(a_part_that_is_write_protected),
        CASE(no_part_at_all),
        CASE(a_controller_that_hangs),
        CASE(a_cache_that_does_not_rest),
        CASE(addresses_have_limits),
        CASE(registers_are_set_in_full),
    };
    return ss_test_main(argc, argv, tests);
}
