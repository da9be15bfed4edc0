// SPDX-License-Identifier: Apache-2.0
// The client of the ROM loader: connecting, answers that are none, flash. Against a virtual chip through a line that can
// fail; eFuses are in test_link_efuse.c, ports in test_link_port.c.
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "core/bytes.h"
#include "core/rom_loader.h"
#include "provision/virtual_port.h"
#include "slotseal/link.h"
#include "support/alloc_fault.h"
#include "support/faulty_port.h"

enum { FLASH_SIZE = 1 << 20, BLANK = 0x40000 };

static struct ss_error err;
static struct ss_vchip *chip;
static struct faulty_port *line;
static struct ss_link *l;
static uint8_t data[0x20000], back[0x20000];

static void make_chip(unsigned revision)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    options.flash_size = FLASH_SIZE;
    options.revision = (uint16_t)revision;
    assert_ok(ss_chip_new(&options, &chip, &err), err);
}

static void make_link(const struct ss_link_options *options)
{
    struct ss_link_port *port;
    assert_ok(ss_virtual_port_new(chip, NULL, false, &port, &err), err);
    line = faulty_port_new(port, true);
    assert_ok(ss_link_new(&line->port, options, &l, &err), err);
}

static int setup(void **state)
{
    (void)state;
    memset(&err, 0, sizeof err);
    make_chip(300);
    make_link(NULL);
    assert_ok(ss_link_connect(l, &err), err);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i >> 3 ^ i * 2654435761u >> 13);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_link_free(l);
    ss_chip_free(chip);
    l = NULL;
    chip = NULL;
    return 0;
}

#define expect(call, wanted, words)                                                                                    \
    do {                                                                                                               \
        assert_int_equal(call, wanted);                                                                                \
        if (!strstr(err.message, words))                                                                               \
            fail_msg("'%s' does not say '%s'", err.message, words);                                                    \
    } while (0)

static void a_chip_is_recognised(void **state)
{
    (void)state;
    const struct ss_link_chip *c = ss_link_chip(l);
    uint8_t mac[6];
    assert_non_null(c);
    assert_string_equal(c->chip->name, "esp32");
    assert_string_equal(c->name, "ESP32-D0WDQ6-V3");
    assert_int_equal(c->revision, 300);
    assert_int_equal(c->crystal_mhz, 40);
    assert_int_equal(c->coding, SS_EFUSE_CODING_NONE);
    assert_true(c->mac_valid);
    assert_ok(ss_efuse_get_mac(chip->silicon, mac, &err), err);
    assert_memory_equal(c->mac, mac, sizeof mac);
    assert_int_equal(c->features, SS_LINK_BLUETOOTH);
}

static void features_and_packages_are_named(void **state)
{
    (void)state;
    chip->silicon->words[3] |= 1u | 2u | 1u << 13 | 1u << 12 | 6u << 9 | 1u << 14;
    chip->silicon->words[4] |= 3u << 8;
    chip->silicon->words[2] ^= 1u << 16; // MAC_CRC
    assert_ok(ss_link_connect(l, &err), err);
    const struct ss_link_chip *c = ss_link_chip(l);
    assert_string_equal(c->name, "ESP32-PICO-V3-02");
    assert_int_equal(c->features, SS_LINK_SINGLE_CORE | SS_LINK_160MHZ | SS_LINK_EMBEDDED_FLASH |
                                      SS_LINK_EMBEDDED_PSRAM | SS_LINK_VREF | SS_LINK_BLOCK3_USED);
    assert_false(c->mac_valid);
}

static void the_rate_is_changed(void **state)
{
    teardown(state);
    make_chip(100);
    make_link(&(struct ss_link_options){.baud = 2000000});
    assert_ok(ss_link_connect(l, &err), err);
    assert_int_equal(line->requests[SS_OP_CHANGE_BAUDRATE], 1);
    assert_int_equal(ss_link_chip(l)->crystal_mhz, 40);
    uint32_t divider;
    assert_ok(ss_link_read_reg(l, SS_REG_UART_CLOCK, &divider, &err), err);
    assert_int_equal(divider, 20);
}

static uint32_t asked;
static enum faulty_fate note_baud(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)f, (void)len;
    if (op == SS_OP_CHANGE_BAUDRATE)
        asked = ss_get_le32(body);
    return FAULTY_PASS;
}

/// A chip that nobody can reset must be found by whoever comes next.
static void the_rate_goes_back_where_nothing_resets(void **state)
{
    teardown(state);
    make_chip(300);
    make_link(&(struct ss_link_options){.baud = 921600, .no_reset = true});
    chip->in_download = true;
    line->on_request = note_baud;
    assert_ok(ss_link_connect(l, &err), err);
    assert_in_range(asked, 912000, 931000);
    ss_link_free(l);
    assert_in_range(asked, 114000, 116500);
    make_link(&(struct ss_link_options){.baud = 921600});
    line->on_request = note_baud;
    assert_ok(ss_link_connect(l, &err), err);
    ss_link_free(l);
    l = NULL;
    assert_in_range(asked, 912000, 931000);
}

static enum faulty_fate deaf_after_baud(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)op, (void)body, (void)len;
    return f->requests[SS_OP_CHANGE_BAUDRATE] && op != SS_OP_CHANGE_BAUDRATE ? FAULTY_DROP : FAULTY_PASS;
}

static void a_rate_that_does_not_work_is_said(void **state)
{
    teardown(state);
    make_chip(300);
    make_link(&(struct ss_link_options){.baud = 921600});
    line->on_request = deaf_after_baud;
    expect(ss_link_connect(l, &err), SS_ERROR_TIMEOUT, "does not answer at 921600 baud");
    assert_non_null(strstr(ss_link_hint(&err), "lower rate"));
    assert_null(ss_link_chip(l));
    uint32_t value;
    expect(ss_link_read_reg(l, 0, &value, &err), SS_ERROR_BAD_STATE, "not connected");
}

static void rates_outside_the_range_are_refused(void **state)
{
    (void)state;
    struct ss_link *none;
    struct faulty_port *f = faulty_port_new(NULL, true);
    expect(ss_link_new(&f->port, &(struct ss_link_options){.baud = 2000001}, &none, &err), SS_ERROR_INVALID_ARGUMENT,
           "2000001");
    expect(ss_link_new(&f->port, &(struct ss_link_options){.baud = 299}, &none, &err), SS_ERROR_INVALID_ARGUMENT,
           "299");
    assert_null(none);
    ss_link_port_close(&f->port);
}

/// Nobody answers; what is said when the chip starts is all there is.
static void nobody(bool lines, const char *on_boot, const struct ss_link_options *options, const char *words,
                   const char *hint)
{
    struct ss_link *silent;
    struct faulty_port *f = faulty_port_new(NULL, lines);
    f->on_boot = on_boot;
    assert_ok(ss_link_new(&f->port, options, &silent, &err), err);
    expect(ss_link_connect(silent, &err), SS_ERROR_TIMEOUT, words);
    if (!strstr(ss_link_hint(&err), hint))
        fail_msg("hint '%s' does not say '%s'", ss_link_hint(&err), hint);
    assert_int_equal(f->requests[SS_OP_SYNC], 5 * (options && options->attempts ? options->attempts : lines ? 7 : 2));
    ss_link_free(silent);
}

static void silence_is_explained(void **state)
{
    (void)state;
    nobody(true, NULL, NULL, "no chip answers", "cable");
    nobody(false, NULL, NULL, "the port has no way to", "reset command");
    nobody(true, NULL, &(struct ss_link_options){.no_reset = true, .attempts = 2}, "it was not reset", "hold BOOT");
    nobody(true, "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n", NULL, "boot mode 0x13",
           "hold the BOOT");
    nobody(true, "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download\r\n", NULL, "does not hear",
           "TX");
    nobody(true, "\xF0\x80\0garbage", NULL, "something talks", "port");
}

static unsigned resets;
static ss_status_t count_reset(void *context, enum ss_link_boot boot, struct ss_error *e)
{
    (void)e;
    resets += boot == SS_LINK_BOOT_DOWNLOAD ? 1 : 100;
    return context ? ss_error_set(e, SS_ERROR_IO, SS_AREA_LINK, "the relay is stuck") : SS_OK;
}

static void other_ways_to_reset_are_used(void **state)
{
    (void)state;
    struct ss_link_options options = {.reset = count_reset, .attempts = 3};
    resets = 0;
    nobody(true, NULL, &options, "no chip answers", "cable");
    assert_int_equal(resets, 3);
    struct ss_link *stuck;
    struct faulty_port *f = faulty_port_new(NULL, true);
    options.reset_context = &options;
    assert_ok(ss_link_new(&f->port, &options, &stuck, &err), err);
    expect(ss_link_connect(stuck, &err), SS_ERROR_IO, "the relay is stuck");
    ss_link_free(stuck);
}

static uint32_t magic;
static size_t other_magic(struct faulty_port *f, uint8_t *packet, size_t len)
{
    (void)f;
    if (packet[1] == SS_OP_READ_REG && ss_get_le32(packet + 4) == SS_CHIP_MAGIC)
        ss_put_le32(packet + 4, magic);
    return len;
}

static void other_chips_are_refused(void **state)
{
    (void)state;
    line->on_answer = other_magic;
    magic = 0x00000009;
    expect(ss_link_connect(l, &err), SS_ERROR_NOT_SUPPORTED, "ESP32-S3 answers (0x00000009), not an ESP32");
    assert_non_null(strstr(ss_link_hint(&err), "port of an ESP32"));
    magic = 0x12345678;
    expect(ss_link_connect(l, &err), SS_ERROR_NOT_SUPPORTED, "an unknown chip answers");
    assert_null(ss_link_chip(l));
}

static size_t as_stub(struct faulty_port *f, uint8_t *packet, size_t len)
{
    (void)f;
    if (packet[1] == SS_OP_SYNC)
        ss_put_le32(packet + 4, 0);
    return len;
}

static void a_stub_is_refused(void **state)
{
    (void)state;
    line->on_answer = as_stub;
    expect(ss_link_connect(l, &err), SS_ERROR_NOT_SUPPORTED, "a flasher stub runs");
    assert_non_null(strstr(ss_link_hint(&err), "hold BOOT"));
}

// ---- answers

static unsigned bad_count; ///< how many answers are still to be spoiled
static bool only_magic;    ///< only of those that hold the chip's magic number
static void (*spoil)(uint8_t *packet, size_t *len);
static size_t spoil_some(struct faulty_port *f, uint8_t *packet, size_t len)
{
    (void)f;
    bool meant = packet[1] == SS_OP_READ_REG && (!only_magic || ss_get_le32(packet + 4) == SS_CHIP_MAGIC);
    if (meant && bad_count > 0) {
        bad_count--;
        spoil(packet, &len);
    }
    return len;
}

static void lose(uint8_t *packet, size_t *len)
{
    (void)packet;
    *len = 0;
}
static void shorten(uint8_t *packet, size_t *len)
{
    (void)packet;
    *len -= 1;
}
static void lie_about_length(uint8_t *packet, size_t *len)
{
    (void)len;
    packet[2]++;
}
static void lengthen(uint8_t *packet, size_t *len)
{
    *len += 8;
    ss_put_le16(packet + 2, (uint16_t)(*len - 8));
}
static void make_request(uint8_t *packet, size_t *len)
{
    (void)len;
    packet[0] = 0;
}
static void other_operation(uint8_t *packet, size_t *len)
{
    (void)len;
    packet[1] = SS_OP_WRITE_REG;
}
static void cut_header(uint8_t *packet, size_t *len)
{
    (void)packet;
    *len = 7;
}

static void bad_answers_are_asked_for_again(void **state)
{
    (void)state;
    void (*const all[])(uint8_t *, size_t *) = {lose,         shorten,         lie_about_length, lengthen,
                                                make_request, other_operation, cut_header};
    uint32_t value;
    line->on_answer = spoil_some;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        spoil = all[i];
        // Those by which the chip is known again can be spoiled, too.
        only_magic = false;
        bad_count = 3;
        assert_ok(ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &value, &err), err);
        assert_int_equal(value, SS_CHIP_MAGIC);
        only_magic = true;
        bad_count = 2;
        line->requests[SS_OP_READ_REG] = line->requests[SS_OP_SYNC] = 0;
        assert_ok(ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &value, &err), err);
        assert_int_equal(value, SS_CHIP_MAGIC);
        assert_int_equal(line->requests[SS_OP_READ_REG], 3 + 2 * 2);
        assert_int_equal(line->requests[SS_OP_SYNC], 2);
        bad_count = 3;
        ss_status_t status = ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &value, &err);
        bool silent = spoil != shorten && spoil != lie_about_length && spoil != lengthen;
        assert_int_equal(status, silent ? SS_ERROR_TIMEOUT : SS_ERROR_DATA_INVALID);
        assert_int_equal(value, 0);
        assert_non_null(ss_link_chip(l));
    }
}

static uint8_t rom_error;
static enum faulty_fate refuse_writes(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)body, (void)len;
    if (op != SS_OP_WRITE_REG)
        return FAULTY_PASS;
    faulty_answer(f, op, 0, NULL, 0, rom_error);
    return FAULTY_DROP;
}

static void the_roms_refusals_are_told(void **state)
{
    (void)state;
    static const struct {
        uint8_t error;
        ss_status_t status;
        const char *words;
        unsigned tries;
    } all[] = {
        {0x05, SS_ERROR_NOT_SUPPORTED, "invalid message", 1},
        {0x06, SS_ERROR_IO, "failed to act", 1},
        {0x07, SS_ERROR_DATA_CORRUPT, "wrong checksum", 3},
        {0x08, SS_ERROR_IO, "what was written", 1},
        {0x0B, SS_ERROR_IO, "deflate error", 1},
        {0x63, SS_ERROR_IO, "unknown error (0x63)", 1},
    };
    line->on_request = refuse_writes;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        rom_error = all[i].error;
        line->requests[SS_OP_WRITE_REG] = 0;
        expect(ss_link_write_reg(l, 0x50000000, 1, UINT32_MAX, &err), all[i].status, all[i].words);
        assert_int_equal(line->requests[SS_OP_WRITE_REG], all[i].tries);
        assert_non_null(ss_link_chip(l));
    }
}

static enum faulty_fate unanswered_write(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)f, (void)body, (void)len;
    return op == SS_OP_WRITE_REG ? FAULTY_NO_ANSWER : FAULTY_PASS;
}

/// Nobody knows whether it was done, and doing it twice may matter.
static void writing_a_register_is_not_repeated(void **state)
{
    (void)state;
    uint32_t value;
    line->on_request = unanswered_write;
    expect(ss_link_write_reg(l, 0x50000000, 7, UINT32_MAX, &err), SS_ERROR_TIMEOUT, "no answer to WRITE_REG");
    assert_int_equal(line->requests[SS_OP_WRITE_REG], 1);
    assert_ok(ss_link_read_reg(l, 0x50000000, &value, &err), err);
    assert_int_equal(value, 7);
    line->on_request = NULL;
    assert_ok(ss_link_write_reg(l, 0x50000000, 0xFF00, 0x0F00, &err), err);
    assert_ok(ss_link_read_reg(l, 0x50000000, &value, &err), err);
    assert_int_equal(value, 0x0F07);
}

static unsigned flood;
static enum faulty_fate flooded(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)body, (void)len;
    for (unsigned i = 0; op == SS_OP_READ_REG && i < flood; i++)
        faulty_answer(f, SS_OP_SYNC, 1, NULL, 0, 0);
    return FAULTY_PASS;
}

static void a_flood_of_other_frames_ends(void **state)
{
    (void)state;
    uint32_t value;
    line->on_request = flooded;
    flood = 99;
    assert_ok(ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &value, &err), err);
    flood = 100;
    expect(ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &value, &err), SS_ERROR_TIMEOUT, "no answer to READ_REG");
}

static enum faulty_fate unplug_at_reg(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)f, (void)body, (void)len;
    return op == SS_OP_READ_REG ? FAULTY_UNPLUG : FAULTY_PASS;
}

static void a_port_that_goes_is_told(void **state)
{
    (void)state;
    uint32_t value;
    line->on_request = unplug_at_reg;
    expect(ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &value, &err), SS_ERROR_IO, "the port is gone");
    assert_non_null(strstr(ss_link_hint(&err), "plug the cable in"));
    expect(ss_link_connect(l, &err), SS_ERROR_IO, "the port is gone");
    expect(ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &value, &err), SS_ERROR_BAD_STATE, "not connected");
}

// ---- flash

static void the_flash_is_recognised(void **state)
{
    (void)state;
    struct ss_link_flash f;
    assert_ok(ss_link_flash_identify(l, &f, &err), err);
    assert_int_equal(f.id, 0xEF4014);
    assert_int_equal(f.size, FLASH_SIZE);
    assert_int_equal(f.sfdp_size, FLASH_SIZE);
    // Odd numbers of capacity, and one that only SFDP tells.
    static const uint32_t ids[][2] = {{0x35, 2 << 20}, {0x20, 64 << 20}, {0x99, FLASH_SIZE}};
    for (size_t i = 0; i < 3; i++) {
        chip->flash.jedec = ids[i][0] << 16 | 0x4020;
        assert_ok(ss_link_connect(l, &err), err);
        assert_ok(ss_link_flash_identify(l, &f, &err), err);
        assert_int_equal(f.id, 0x204000 | ids[i][0]);
        assert_int_equal(f.size, ids[i][1]);
    }
    chip->flash.jedec = 0xFFFFFF;
    assert_ok(ss_link_connect(l, &err), err);
    expect(ss_link_flash_identify(l, &f, &err), SS_ERROR_IO, "no flash answers");
    assert_int_equal(f.size, 0);
    expect(ss_link_flash_read(l, 0, back, 1, &err), SS_ERROR_IO, "no flash answers");
    assert_non_null(strstr(ss_link_hint(&err), "wiring"));
}

static void flash_takes_what_is_written(void **state)
{
    (void)state;
    struct ss_link_written w;
    size_t differs;
    memset(data + 70000, 'a', 20000);
    assert_ok(ss_link_flash_write(l, 0x9000, data, 100001, 0, &w, &err), err);
    assert_int_equal(w.written, 100001);
    assert_int_equal(w.skipped, 0);
    assert_true(w.sent < 85000);
    assert_memory_equal(chip->flash.data + 0x9000, data, 100001);
    assert_int_equal(chip->flash.data[0x9000 + 100001], 0xFF);
    assert_ok(ss_link_flash_read(l, 0x9000, back, 100001, &err), err);
    assert_memory_equal(back, data, 100001);
    assert_ok(ss_link_flash_compare(l, 0x9000, data, 100001, &differs, &err), err);
    assert_int_equal(differs, 100001);
    data[90000]++;
    assert_ok(ss_link_flash_compare(l, 0x9000, data, 100001, &differs, &err), err);
    assert_int_equal(differs, 0x10000 - 0x9000); // the region with the byte begins there
    // Only that region is written again.
    uint64_t erases = chip->flash.erases;
    assert_ok(ss_link_flash_write(l, 0x9000, data, 100001, SS_LINK_WRITE_RESUME | SS_LINK_WRITE_RAW, &w, &err), err);
    assert_int_equal(w.skipped, 100001 - 0x10000);
    assert_int_equal(w.written, 0x10000);
    assert_int_equal(chip->flash.erases - erases, 0x10000 / 4096);
    assert_memory_equal(chip->flash.data + 0x9000, data, 100001);
    assert_ok(ss_link_flash_write(l, 0x9000, data, 100001, SS_LINK_WRITE_RESUME, NULL, &err), err);
    assert_ok(ss_link_flash_write(l, FLASH_SIZE, data, 0, 0, &w, &err), err);
}

static void places_that_are_none_are_refused(void **state)
{
    (void)state;
    struct ss_link_written w;
    uint8_t md5[16];
    size_t differs;
    expect(ss_link_flash_write(l, 0x9010, data, 16, 0, &w, &err), SS_ERROR_INVALID_ARGUMENT, "0x9010");
    expect(ss_link_flash_write(l, FLASH_SIZE - 4096, data, 4097, 0, &w, &err), SS_ERROR_INSUFFICIENT_SPACE,
           "4097 bytes at 0xff000");
    expect(ss_link_flash_read(l, FLASH_SIZE, back, 1, &err), SS_ERROR_INSUFFICIENT_SPACE, "beyond the end");
    expect(ss_link_flash_read(l, UINT32_MAX, back, 64, &err), SS_ERROR_INSUFFICIENT_SPACE, "beyond the end");
    expect(ss_link_flash_md5(l, 0, FLASH_SIZE + 1, md5, &err), SS_ERROR_INSUFFICIENT_SPACE, "beyond the end");
    expect(ss_link_flash_compare(l, FLASH_SIZE - 1, data, 2, &differs, &err), SS_ERROR_INSUFFICIENT_SPACE, "beyond");
    expect(ss_link_flash_erase(l, 0x1000, 0x800, &err), SS_ERROR_INVALID_ARGUMENT, "sectors of 4096");
    expect(ss_link_flash_erase(l, 0x800, 0x1000, &err), SS_ERROR_INVALID_ARGUMENT, "sectors of 4096");
    expect(ss_link_flash_erase(l, 0, FLASH_SIZE + 4096, &err), SS_ERROR_INSUFFICIENT_SPACE, "beyond the end");
    assert_int_equal(chip->flash.erases + chip->flash.programs, 0);
}

static void flash_is_erased(void **state)
{
    (void)state;
    memset(chip->flash.data, 0, FLASH_SIZE);
    assert_ok(ss_link_flash_erase(l, 0xF000, 0x12000, &err), err);
    assert_true(ss_all_bytes(chip->flash.data + 0xF000, 0x12000, 0xFF));
    assert_int_equal(chip->flash.data[0xEFFF], 0);
    assert_int_equal(chip->flash.data[0x21000], 0);
    chip->flash.faults.worn = 0x30 + 1;
    expect(ss_link_flash_erase(l, 0x30000, 0x1000, &err), SS_ERROR_DATA_CORRUPT, "0x30000 is not erased");
}

static void erased_regions_are_not_read(void **state)
{
    (void)state;
    memset(back, 0, sizeof back);
    line->requests[SS_OP_READ_FLASH_SLOW] = 0;
    assert_ok(ss_link_flash_read(l, BLANK, back, sizeof back, &err), err);
    assert_true(ss_all_bytes(back, sizeof back, 0xFF));
    assert_int_equal(line->requests[SS_OP_READ_FLASH_SLOW], 0);
}

static unsigned lost_blocks;
static enum faulty_fate lose_blocks(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)body, (void)len;
    bool block = op == SS_OP_FLASH_DATA || op == SS_OP_DEFLATE_DATA;
    if (!block || f->requests[op] % 20 || !lost_blocks)
        return FAULTY_PASS;
    lost_blocks--;
    return f->requests[op] % 40 ? FAULTY_DROP : FAULTY_NO_ANSWER;
}

static void a_region_is_begun_again(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags <= SS_LINK_WRITE_RAW; flags++) {
        line->on_request = lose_blocks;
        line->requests[SS_OP_FLASH_DATA] = line->requests[SS_OP_DEFLATE_DATA] = 0;
        lost_blocks = 2;
        memset(chip->flash.data, 0, FLASH_SIZE);
        assert_ok(ss_link_flash_write(l, 0, data, sizeof data, flags, NULL, &err), err);
        assert_memory_equal(chip->flash.data, data, sizeof data);
        assert_int_equal(lost_blocks, 0);
    }
    lost_blocks = 1000;
    expect(ss_link_flash_write(l, 0, data, sizeof data, 0, NULL, &err), SS_ERROR_TIMEOUT, "no answer to FLASH");
    assert_non_null(ss_link_chip(l));
}

static size_t wrong_md5(struct faulty_port *f, uint8_t *packet, size_t len)
{
    if (packet[1] == SS_OP_FLASH_MD5 && f->requests[SS_OP_FLASH_MD5] < bad_count)
        packet[8] = packet[8] == 'a' ? 'b' : 'a';
    if (packet[1] == SS_OP_FLASH_MD5 && bad_count == UINT32_MAX)
        packet[9] = 'x';
    return len;
}

static void digests_that_disagree_are_told(void **state)
{
    (void)state;
    struct ss_link_written w;
    line->on_answer = wrong_md5;
    bad_count = 2; // the first one
    assert_ok(ss_link_flash_write(l, 0, data, 5000, 0, &w, &err), err);
    assert_int_equal(line->requests[SS_OP_FLASH_MD5], 2);
    bad_count = 1000;
    expect(ss_link_flash_write(l, 0, data, 5000, 0, &w, &err), SS_ERROR_DATA_CORRUPT, "does not hold what was written");
    assert_int_equal(w.written, 0);
    assert_non_null(strstr(ss_link_hint(&err), "lower rate"));
    memset(back, 1, sizeof back);
    expect(ss_link_flash_read(l, 0, back, 5000, &err), SS_ERROR_DATA_CORRUPT, "another MD5");
    assert_true(ss_all_bytes(back, 5000, 0));
    bad_count = UINT32_MAX;
    uint8_t md5[16];
    expect(ss_link_flash_md5(l, 0, 5000, md5, &err), SS_ERROR_DATA_INVALID, "no hexadecimal");
    assert_true(ss_all_bytes(md5, 16, 0));
}

static void flash_that_does_not_take_it_is_told(void **state)
{
    (void)state;
    chip->flash.faults.stuck_at = 0x1234;
    chip->flash.faults.stuck = 0xFF;
    expect(ss_link_flash_write(l, 0x1000, data, 5000, SS_LINK_WRITE_RAW, NULL, &err), SS_ERROR_IO,
           "flash does not hold what was written");
}

static enum faulty_fate reset_once(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)body, (void)len;
    if (op != SS_OP_DEFLATE_DATA || f->requests[op] != 30)
        return FAULTY_PASS;
    // The chip's supply gives way and comes back with GPIO0 low.
    assert_ok(f->inner->ops->set_lines(f->inner, false, true, &err), err);
    assert_ok(f->inner->ops->set_lines(f->inner, true, false, &err), err);
    return FAULTY_DROP;
}

static void a_chip_that_was_reset_is_attached_again(void **state)
{
    (void)state;
    memset(data, 'a', sizeof data / 2);
    for (size_t i = sizeof data / 2; i < sizeof data; i += 8)
        data[i] = 0; // compressible, so that blocks are deflated
    line->on_request = reset_once;
    assert_ok(ss_link_flash_write(l, 0x10000, data, sizeof data, 0, NULL, &err), err);
    assert_int_equal(line->requests[SS_OP_SPI_ATTACH], 2);
    assert_memory_equal(chip->flash.data + 0x10000, data, sizeof data);
}

static unsigned told;
static size_t last_done, last_total;
static void tell(void *context, enum ss_link_work work, size_t done, size_t total)
{
    (void)context;
    assert_true(work == SS_LINK_WRITING || work == SS_LINK_READING);
    assert_true(done <= total);
    told++;
    last_done = done;
    last_total = total;
}

static void progress_is_told(void **state)
{
    teardown(state);
    make_chip(300);
    make_link(&(struct ss_link_options){.progress = tell});
    assert_ok(ss_link_connect(l, &err), err);
    told = 0;
    assert_ok(ss_link_flash_write(l, 0x8000, data, sizeof data, 0, NULL, &err), err);
    assert_int_equal(told, 4);
    assert_int_equal(last_done, sizeof data);
    assert_ok(ss_link_flash_read(l, 0x8000, back, 8192, &err), err);
    assert_int_equal(told, 7);
    assert_int_equal(last_total, 8192);
}

static ss_status_t write_once(void *context)
{
    (void)context;
    struct ss_link *mine;
    struct ss_link_port *port;
    ss_status_t status = ss_virtual_port_new(chip, NULL, true, &port, &err);
    if (status != SS_OK)
        return status;
    status = ss_link_new(port, NULL, &mine, &err);
    if (status != SS_OK) {
        ss_link_port_close(port);
        return status;
    }
    status = ss_link_connect(mine, &err);
    if (status == SS_OK)
        status = ss_link_flash_write(mine, 0, data, 3000, 0, NULL, &err);
    ss_link_free(mine);
    // The virtual chip loses answers without memory.
    return status == SS_ERROR_TIMEOUT || status == SS_ERROR_IO || status == SS_ERROR_DATA_CORRUPT
               ? SS_ERROR_INSUFFICIENT_MEMORY
               : status;
}

static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    assert_true(alloc_fault_each(write_once, NULL) > 2);
}

// ---- running

static void the_boot_log_is_collected(void **state)
{
    (void)state;
    char log[4096];
    size_t len;
    enum ss_link_log_end end;
    assert_ok(ss_link_run(l, &err), err);
    assert_null(ss_link_chip(l));
    assert_ok(ss_link_boot_log(l, NULL, log, sizeof log, &len, &end, &err), err);
    assert_int_equal(end, SS_LINK_LOG_QUIET);
    assert_int_equal(len, strlen(log));
    assert_non_null(strstr(log, "boot:0x13"));
    assert_non_null(strstr(log, "invalid header"));
}

static void the_boot_log_ends(void **state)
{
    (void)state;
    char log[32];
    size_t len;
    enum ss_link_log_end end;
    struct ss_link_log_options o = {.marker = "app_main"};
    faulty_say(line, "one\r\nin app_main\r\nthree\r\n", 25);
    assert_ok(ss_link_boot_log(l, &o, log, sizeof log, &len, &end, &err), err);
    assert_int_equal(end, SS_LINK_LOG_MARKER);
    faulty_say(line, "\0\xFFnoise that is longer than what there is room for", 50);
    assert_ok(ss_link_boot_log(l, &o, log, sizeof log, &len, &end, &err), err);
    assert_int_equal(end, SS_LINK_LOG_FULL);
    assert_int_equal(len, 31);
    assert_int_equal(log[0], '?');
    assert_ok(ss_link_boot_log(l, &o, log, sizeof log, &len, &end, &err), err);
    o.limit_ms = 100;
    o.quiet_ms = 5000;
    assert_ok(ss_link_boot_log(l, &o, log, sizeof log, &len, &end, &err), err);
    assert_int_equal(end, SS_LINK_LOG_TIME);
    line->unplugged = true;
    expect(ss_link_boot_log(l, &o, log, sizeof log, &len, &end, &err), SS_ERROR_IO, "the port is gone");
}

static void running_needs_a_way(void **state)
{
    (void)state;
    struct ss_link *bare;
    struct faulty_port *f = faulty_port_new(NULL, false);
    assert_ok(ss_link_new(&f->port, NULL, &bare, &err), err);
    assert_false(ss_link_can_run(bare));
    expect(ss_link_run(bare, &err), SS_ERROR_NOT_SUPPORTED, "no way to reset");
    assert_non_null(strstr(ss_link_hint(&err), "press EN"));
    ss_link_free(bare);
    resets = 0;
    f = faulty_port_new(NULL, false);
    assert_ok(ss_link_new(&f->port, &(struct ss_link_options){.reset = count_reset}, &bare, &err), err);
    assert_ok(ss_link_run(bare, &err), err);
    assert_int_equal(resets, 100);
    ss_link_free(bare);
    ss_link_free(NULL);
    assert_null(ss_link_hint(&(struct ss_error){.status = SS_ERROR_IO, .area = SS_AREA_FILE}));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        test(a_chip_is_recognised),
        test(features_and_packages_are_named),
        test(the_rate_is_changed),
        test(the_rate_goes_back_where_nothing_resets),
        test(a_rate_that_does_not_work_is_said),
        test(rates_outside_the_range_are_refused),
        test(silence_is_explained),
        test(other_ways_to_reset_are_used),
        test(other_chips_are_refused),
        test(a_stub_is_refused),
        test(bad_answers_are_asked_for_again),
        test(the_roms_refusals_are_told),
        test(writing_a_register_is_not_repeated),
        test(a_flood_of_other_frames_ends),
        test(a_port_that_goes_is_told),
        test(the_flash_is_recognised),
        test(flash_takes_what_is_written),
        test(places_that_are_none_are_refused),
        test(flash_is_erased),
        test(erased_regions_are_not_read),
        test(a_region_is_begun_again),
        test(digests_that_disagree_are_told),
        test(flash_that_does_not_take_it_is_told),
        test(a_chip_that_was_reset_is_attached_again),
        test(progress_is_told),
        test(memory_may_fail_anywhere),
        test(the_boot_log_is_collected),
        test(the_boot_log_ends),
        test(running_needs_a_way),
    };
    return ss_test_main(argc, argv, tests);
}
