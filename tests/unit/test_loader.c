// SPDX-License-Identifier: Apache-2.0
// Download mode: every command of the mask ROM's loader and of the flasher stub, and every refusal.
#include "support/unit.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "chip/loader.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "core/slip.h"
#include "slotseal/flash_cipher.h"
#include "support/vectors.h"

enum { FLASH_SIZE = 1 << 20, BLOCK = 0x400, OUT_MAX = 1 << 18 };

static struct ss_error err;
static struct ss_vchip *chip;
static struct ss_loader *loader;
static uint8_t out[OUT_MAX]; ///< what came back, raw
static size_t out_len, out_at;
static uint8_t frame[0x5000]; ///< the frame fetched last
static size_t frame_len;

static void collect(void *context, const uint8_t *bytes, size_t len)
{
    (void)context;
    assert_true(out_len + len <= sizeof out);
    memcpy(out + out_len, bytes, len);
    out_len += len;
}

static int setup(void **state)
{
    (void)state;
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    options.flash_size = FLASH_SIZE;
    assert_ok(ss_chip_new(&options, &chip, &err), err);
    chip->strap_download = true;
    ss_chip_reset(chip);
    assert_ok(ss_loader_new(chip, collect, NULL, &loader, &err), err);
    out_len = out_at = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_loader_free(loader);
    ss_chip_free(chip);
    return 0;
}

/// The next frame of what came back; false if there is none.
static bool fetch(void)
{
    struct ss_slip slip = {.frame = frame, .size = sizeof frame};
    while (out_at < out_len)
        if (ss_slip_take(&slip, out[out_at++])) {
            frame_len = slip.len;
            return true;
        }
    return false;
}

static void send_frame(const uint8_t *content, size_t len)
{
    static uint8_t line[SS_SLIP_ENCODED_MAX(0x5000)];
    out_len = out_at = 0;
    ss_loader_take(loader, line, ss_slip_encode(content, len, line));
}

static void send_request(uint8_t op, const void *body, size_t len, uint32_t checksum)
{
    static uint8_t request[0x5000];
    request[0] = 0;
    request[1] = op;
    ss_put_le16(request + 2, (uint16_t)len);
    ss_put_le32(request + 4, checksum);
    if (len)
        memcpy(request + 8, body, len);
    send_frame(request, 8 + len);
}

/// The status of the answer: of the ROM 0x100 + error, of the stub the error; 0 is success. The data before the status
/// is frame[8 … frame_len).
static unsigned status(uint8_t op)
{
    bool stub = ss_loader_mode(loader) == SS_LOADER_STUB;
    size_t size = stub ? 2 : 4;
    assert_true(fetch());
    assert_in_range(frame_len, 8 + size, sizeof frame);
    assert_int_equal(frame[0], 1);
    assert_int_equal(frame[1], op);
    assert_int_equal(ss_get_le16(frame + 2), frame_len - 8);
    frame_len -= size;
    const uint8_t *s = frame + frame_len;
    if (stub) {
        assert_int_equal(s[1], 0);
        return s[0];
    }
    assert_int_equal(ss_get_le16(s + 2), 0);
    return (unsigned)s[0] << 8 | s[1];
}

/// A command whose body is words.
#define COMMAND(op, ...)                                                                                               \
    command(op, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
static unsigned command(uint8_t op, const uint32_t *words, size_t count)
{
    uint8_t body[64];
    for (size_t i = 0; i < count; i++)
        ss_put_le32(body + 4 * i, words[i]);
    send_request(op, body, 4 * count, 0);
    return status(op);
}

static unsigned data(uint8_t op, const uint8_t *in, size_t len)
{
    static uint8_t body[0x5000];
    uint8_t sum = 0xEF;
    memset(body, 0, 16);
    ss_put_le32(body, (uint32_t)len);
    memcpy(body + 16, in, len);
    for (size_t i = 0; i < len; i++)
        sum ^= in[i];
    send_request(op, body, 16 + len, sum);
    return status(op);
}

static uint32_t value(void)
{
    return ss_get_le32(frame + 4);
}

static void attach(void)
{
    assert_int_equal(COMMAND(0x0D, 0, 0), 0);
}

static void load_program(const char *text)
{
    uint8_t bytes[64] = {0};
    memcpy(bytes + 9, text, strlen(text));
    assert_int_equal(COMMAND(0x05, sizeof bytes, 2, 32, 0x400BE000), 0);
    // In two blocks, with the text across both.
    assert_int_equal(data(0x07, bytes, 11), 0);
    assert_int_equal(data(0x07, bytes + 11, 32), 0);
    send_request(0x06, (const uint8_t[8]){0, 0, 0, 0, 0x58, 0xE6, 0x0B, 0x40}, 8, 0);
    assert_true(fetch());
}

static void start_stub(void)
{
    load_program("OOHAI");
    assert_true(fetch());
    assert_int_equal(frame_len, 4);
    assert_memory_equal(frame, "OHAI", 4);
    assert_int_equal(ss_loader_mode(loader), SS_LOADER_STUB);
}

static void fill(uint8_t *p, size_t len)
{
    uint64_t seed = 99;
    test_random_bytes(&seed, p, len);
}

static void sync_is_answered_eight_times(void **state)
{
    (void)state;
    uint8_t body[36] = {7, 7, 0x12, 0x20};
    memset(body + 4, 0x55, 32);
    send_request(0x08, body, sizeof body, 0);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(status(0x08), 0);
        assert_int_equal(value(), 0x20120707);
    }
    assert_false(fetch());
    body[0] = 8;
    send_request(0x08, body, sizeof body, 0);
    assert_int_equal(status(0x08), 0x105);
    body[0] = 7;
    start_stub();
    send_request(0x08, body, sizeof body, 0);
    assert_int_equal(status(0x08), 0);
    assert_int_equal(value(), 0);
}

static void what_is_no_command_is_refused_or_ignored(void **state)
{
    (void)state;
    assert_int_equal(COMMAND(0x14, 0), 0x105); // GET_SECURITY_INFO: later chips
    assert_int_equal(COMMAND(0xD2, 0, 0, 0, 0), 0x105);
    send_request(0xFF, NULL, 0, 0);
    assert_int_equal(status(0xFF), 0x105);
    send_frame((const uint8_t[]){0, 0x0A, 4, 0, 0, 0, 0}, 7); // shorter than a header
    assert_false(fetch());
    send_frame((const uint8_t[]){1, 0x0A, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12); // an answer
    assert_false(fetch());
    send_frame((const uint8_t[]){0, 0x0A, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12); // length does not fit
    assert_int_equal(status(0x0A), 0x105);
    static const uint8_t fixed[][2] = {{0x02, 16}, {0x04, 4},  {0x05, 16}, {0x06, 8},  {0x08, 36}, {0x09, 16},
                                       {0x0A, 4},  {0x0B, 24}, {0x0D, 8},  {0x0E, 8},  {0x0F, 8},  {0x10, 16},
                                       {0x12, 4},  {0x13, 16}, {0x03, 16}, {0x07, 16}, {0x11, 16}};
    const uint8_t body[64] = {0};
    for (unsigned i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        send_request(fixed[i][0], body, fixed[i][1] - 1u, 0);
        assert_int_equal(status(fixed[i][0]), 0x105);
    }
    // ESP32's ROM takes four words, not five.
    attach();
    assert_int_equal(COMMAND(0x02, 0, 0, BLOCK, 0, 0), 0x105);
    start_stub();
    assert_int_equal(COMMAND(0x14, 0), 0xFF);
    assert_int_equal(COMMAND(0x0E, 0, 64), 0xFF); // the ROM's slow read
    assert_int_equal(COMMAND(0x0A, 0, 0), 0xC0);
}

static void registers_are_read_and_written_under_a_mask(void **state)
{
    (void)state;
    assert_int_equal(COMMAND(0x0A, 0x40001000), 0);
    assert_int_equal(value(), 0x00F01D83);
    uint64_t before = chip->power.time_us;
    assert_int_equal(COMMAND(0x09, 0x50000000, 0x11223344, 0xFFFFFFFF, 7), 0);
    assert_int_equal(chip->power.time_us - before, 7);
    assert_int_equal(COMMAND(0x09, 0x50000000, 0xFFFFFFFF, 0x00FF0000, 0, 0x50000004, 5, 0xFFFFFFFF, 0), 0);
    assert_int_equal(COMMAND(0x0A, 0x50000000), 0);
    assert_int_equal(value(), 0x11FF3344);
    assert_int_equal(COMMAND(0x0A, 0x50000004), 0);
    assert_int_equal(value(), 5);
    assert_int_equal(COMMAND(0x09, 0x50000000, 0, 0xFFFFFFFF, 0, 0), 0x105);
}

static void the_rate_changes_after_the_answer(void **state)
{
    (void)state;
    assert_int_equal(ss_loader_baud(loader), 115200);
    assert_int_equal(COMMAND(0x0F, 921600, 0), 0);
    assert_int_equal(ss_loader_baud(loader), 921600);
    assert_int_equal(COMMAND(0x0F, 0, 0), 0); // from hosts that correct by an eFuse which is not burned
    assert_int_equal(ss_loader_baud(loader), 921600);
    assert_int_equal(COMMAND(0x0A, 0x3FF40014), 0);
    assert_int_equal(value(), 43);
    ss_loader_set_baud(loader, 0);
    ss_loader_set_baud(loader, 230400);
    ss_loader_reset(loader);
    assert_int_equal(ss_loader_baud(loader), 230400);
}

static void flash_answers_only_on_its_pins(void **state)
{
    (void)state;
    const uint8_t text[4] = {0};
    memset(chip->flash.data, 0, 64);
    assert_int_equal(COMMAND(0x0E, 0, 64), 0);
    assert_int_equal(frame_len - 8, 64);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(frame[8 + i], 0xFF);
    assert_int_equal(COMMAND(0x02, BLOCK, 1, BLOCK, 0), 0x106);
    assert_int_equal(data(0x03, text, 4), 0x106);
    assert_int_equal(COMMAND(0x0D, 1, 0), 0); // HSPI
    assert_int_equal(COMMAND(0x0E, 0, 1), 0);
    assert_int_equal(frame[8], 0xFF);
    assert_int_equal(COMMAND(0x0D, 9 << 24 | 11 << 18 | 8 << 12 | 7 << 6 | 6, 0), 0);
    assert_int_equal(COMMAND(0x0E, 0, 1), 0);
    assert_int_equal(frame[8], 0);
    attach();
    assert_int_equal(COMMAND(0x0E, 0, 65), 0x106);
    assert_int_equal(COMMAND(0x0B, 0, FLASH_SIZE, 0x10000, 0x1000, 0x100, 0xFFFF), 0);
    assert_int_equal(COMMAND(0x0E, FLASH_SIZE - 63, 64), 0x106);
    assert_int_equal(COMMAND(0x13, FLASH_SIZE, 1, 0, 0), 0x106);
    assert_int_equal(COMMAND(0x02, 0x1000, 4, BLOCK, FLASH_SIZE - 0xFFF), 0x106);
}

static void pins_are_where_efuses_say(void **state)
{
    (void)state;
    assert_ok(ss_efuse_burn(chip->silicon, ss_efuse_field_find("SPI_PAD_CONFIG_CLK"), 17, &err), err);
    ss_chip_reset(chip);
    memset(chip->flash.data, 0, 64);
    assert_int_equal(COMMAND(0x0D, 9 << 24 | 11 << 18 | 8 << 12 | 7 << 6 | 6, 0), 0);
    assert_int_equal(COMMAND(0x0E, 0, 1), 0);
    assert_int_equal(frame[8], 0xFF);
    assert_int_equal(COMMAND(0x0D, 17, 0), 0);
    assert_int_equal(COMMAND(0x0E, 0, 1), 0);
    assert_int_equal(frame[8], 0);
}

static void the_rom_writes_what_it_is_sent(void **state)
{
    (void)state;
    uint8_t block[BLOCK], md5[16];
    char hex[33];
    fill(block, sizeof block);
    memset(chip->flash.data, 0, 0x4000);
    attach();
    assert_int_equal(COMMAND(0x02, 0x1001, 2, BLOCK, 0x1000), 0);
    // Erased are the sectors that are touched, now.
    assert_int_equal(chip->flash.data[0x0FFF], 0);
    assert_int_equal(chip->flash.data[0x1000], 0xFF);
    assert_int_equal(chip->flash.data[0x2FFF], 0xFF);
    assert_int_equal(chip->flash.data[0x3000], 0);
    assert_int_equal(data(0x03, block, BLOCK), 0);
    assert_int_equal(data(0x03, block, BLOCK), 0);
    assert_memory_equal(chip->flash.data + 0x1000, block, BLOCK);
    assert_memory_equal(chip->flash.data + 0x1400, block, BLOCK);
    assert_int_equal(data(0x03, block, 1), 0x10B); // more than was announced
    assert_int_equal(COMMAND(0x13, 0x1000, BLOCK, 0, 0), 0);
    assert_int_equal(ss_hash_once(SS_HASH_MD5, block, BLOCK, md5), SS_OK);
    for (unsigned i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", md5[i]);
    assert_int_equal(frame_len - 8, 32);
    assert_memory_equal(frame + 8, hex, 32);
    // Not erased: what is read back is not what was sent.
    assert_int_equal(COMMAND(0x02, 0, 1, BLOCK, 0x3000), 0);
    assert_int_equal(data(0x03, block, BLOCK), 0x108);
}

static void blocks_are_checked(void **state)
{
    (void)state;
    uint8_t body[16 + 8] = {8};
    attach();
    uint8_t zero[8] = {0};
    assert_int_equal(data(0x03, zero, 8), 0x106); // nothing was begun
    assert_int_equal(COMMAND(0x02, BLOCK, 1, BLOCK, 0), 0);
    assert_int_equal(data(0x11, zero, 8), 0x106); // not that
    send_request(0x03, body, sizeof body, 0xEE);
    assert_int_equal(status(0x03), 0x107);
    send_request(0x03, body, sizeof body, 0x1EF); // all 32 bits count
    assert_int_equal(status(0x03), 0x107);
    body[0] = 7;
    send_request(0x03, body, sizeof body, 0xEF);
    assert_int_equal(status(0x03), 0x105);
    uint8_t long_block[BLOCK + 1] = {0};
    assert_int_equal(data(0x03, long_block, sizeof long_block), 0x105);
    assert_int_equal(COMMAND(0x02, BLOCK, 1, 0x4001, 0), 0x105);
    start_stub();
    assert_int_equal(data(0x03, zero, 8), 0xC6);
    assert_int_equal(COMMAND(0x02, BLOCK, 1, BLOCK, 0, 0), 0);
    body[0] = 8;
    send_request(0x03, body, sizeof body, 0xEE);
    assert_int_equal(status(0x03), 0xC1);
    assert_int_equal(data(0x03, long_block, sizeof long_block), 0xC2);
    assert_int_equal(COMMAND(0x04, 1), 0xC8); // not enough data
    assert_int_equal(data(0x03, long_block, BLOCK), 0);
    assert_int_equal(data(0x03, long_block, 1), 0xC9);
    assert_int_equal(COMMAND(0x04, 1), 0);
    assert_int_equal(COMMAND(0x04, 1), 0xC6);
}

static size_t deflate_all(const uint8_t *in, size_t len, uint8_t *z, size_t size)
{
    uLongf n = size;
    assert_int_equal(compress2(z, &n, in, len, 9), Z_OK);
    return n;
}

static void compressed_data_is_written(void **state)
{
    (void)state;
    static uint8_t plain[10000], z[12000];
    fill(plain, 5000); // half of it random, half zero
    size_t len = deflate_all(plain, sizeof plain, z, sizeof z);
    attach();
    for (int stub = 0; stub < 2; stub++) {
        memset(chip->flash.data, 0, FLASH_SIZE);
        if (stub) {
            start_stub();
            assert_int_equal(COMMAND(0x10, sizeof plain, 1, BLOCK, 0x2000, 0), 0);
        } else {
            assert_int_equal(COMMAND(0x10, 0x2800, 1, BLOCK, 0x2000), 0);
        }
        for (size_t at = 0; at < len; at += BLOCK)
            assert_int_equal(data(0x11, z + at, len - at < BLOCK ? len - at : BLOCK), 0);
        assert_memory_equal(chip->flash.data + 0x2000, plain, sizeof plain);
        assert_int_equal(chip->flash.data[0x2000 + sizeof plain], 0xFF);
        assert_int_equal(chip->flash.data[0x5000], 0);
        assert_int_equal(data(0x11, z, 1), stub ? 0xC9 : 0x10B); // after the end
    }
    assert_int_equal(COMMAND(0x12, 1), 0);
    // Less than what is inside was announced; then, what is no compressed data.
    assert_int_equal(COMMAND(0x10, 4000, 1, BLOCK, 0x2000), 0);
    assert_int_equal(data(0x11, z, BLOCK), 0);
    assert_int_equal(data(0x11, z + BLOCK, BLOCK), 0);
    assert_int_equal(data(0x11, z + 2 * BLOCK, BLOCK), 0);
    assert_int_equal(data(0x11, z + 3 * BLOCK, BLOCK), 0xC9);
    assert_int_equal(COMMAND(0x10, 4000, 1, BLOCK, 0x2000), 0);
    assert_int_equal(data(0x11, plain, 100), 0xC7);
    ss_loader_reset(loader);
    attach();
    assert_int_equal(COMMAND(0x10, 4000, 1, BLOCK, 0x2000), 0);
    assert_int_equal(data(0x11, plain, 100), 0x10B);
}

static void programs_in_ram_are_started(void **state)
{
    (void)state;
    assert_int_equal(COMMAND(0x05, 0x100, 1, 0x100, 0xFFFFFF80), 0x106); // beyond the address space
    assert_int_equal(COMMAND(0x05, 4, 1, 4, 0x50000000), 0);
    assert_int_equal(data(0x07, (const uint8_t *)"abcd", 4), 0);
    assert_int_equal(data(0x07, (const uint8_t *)"e", 1), 0x10B);
    assert_int_equal(COMMAND(0x06, 1, 0), 0); // stay
    assert_int_equal(COMMAND(0x0A, 0x50000000), 0);
    assert_int_equal(value(), ss_get_le32((const uint8_t *)"abcd"));
    load_program("OHA!");
    assert_false(fetch());
    assert_int_equal(ss_loader_mode(loader), SS_LOADER_PROGRAM);
    send_request(0x0A, (const uint8_t[4]){0}, 4, 0);
    assert_false(fetch());
    ss_loader_reset(loader);
    start_stub();
    // What was loaded once is not a stub for ever.
    ss_loader_reset(loader);
    load_program("nothing");
    assert_int_equal(ss_loader_mode(loader), SS_LOADER_PROGRAM);
}

static void ends_lead_where_they_should(void **state)
{
    (void)state;
    attach();
    assert_int_equal(COMMAND(0x02, 0, 0, BLOCK, 0), 0);
    assert_int_equal(COMMAND(0x04, 0), 0);
    assert_int_equal(ss_loader_mode(loader), SS_LOADER_RESET);
    ss_loader_reset(loader);
    assert_int_equal(COMMAND(0x04, 1), 0);
    assert_int_equal(ss_loader_mode(loader), SS_LOADER_FLASH);
    ss_loader_reset(loader);
    start_stub();
    assert_int_equal(COMMAND(0x02, 0, 0, BLOCK, 0), 0);
    send_request(0x04, (const uint8_t[4]){0}, 4, 0); // back to the ROM
    assert_true(fetch());
    assert_int_equal(frame_len, 8 + 2);
    assert_int_equal(ss_loader_mode(loader), SS_LOADER_ROM);
    start_stub();
    send_request(0xD3, NULL, 0, 0);
    assert_false(fetch());
    assert_int_equal(ss_loader_mode(loader), SS_LOADER_FLASH);
}

static void the_stub_erases_and_trims(void **state)
{
    (void)state;
    uint8_t block[0x2000], md5[16];
    memset(block, 0x5A, sizeof block);
    memset(chip->flash.data, 0, FLASH_SIZE);
    start_stub();
    // The padding of the last block is cut off; sectors are erased as they are reached.
    assert_int_equal(COMMAND(0x02, 0x1004, 1, 0x2000, 0x4000), 0);
    assert_int_equal(chip->flash.data[0x4000], 0);
    assert_int_equal(data(0x03, block, 0x1000), 0);
    assert_int_equal(chip->flash.data[0x5000], 0);
    assert_int_equal(data(0x03, block, 0x1000), 0);
    assert_memory_equal(chip->flash.data + 0x4000, block, 0x1004);
    assert_int_equal(chip->flash.data[0x5004], 0xFF);
    assert_int_equal(chip->flash.data[0x6000], 0);
    assert_int_equal(COMMAND(0x13, 0x4000, 0x1000, 0, 0), 0);
    assert_int_equal(ss_hash_once(SS_HASH_MD5, block, 0x1000, md5), SS_OK);
    assert_int_equal(frame_len - 8, 16);
    assert_memory_equal(frame + 8, md5, 16);
    assert_int_equal(COMMAND(0xD1, 0x6000, 0x2000), 0);
    assert_int_equal(chip->flash.data[0x5FFF], 0xFF);
    assert_int_equal(chip->flash.data[0x7FFF], 0xFF);
    assert_int_equal(chip->flash.data[0x8000], 0);
    assert_int_equal(COMMAND(0xD1, 0x6001, 0x1000), 0xC4);
    assert_int_equal(COMMAND(0xD1, 0x6000, 0x1001), 0xC4);
    assert_int_equal(COMMAND(0xD1, 0x1000000, 0x1000), 0xC4);
    send_request(0xD0, NULL, 0, 0);
    assert_int_equal(status(0xD0), 0);
    assert_true(ss_all_bytes(chip->flash.data, FLASH_SIZE, 0xFF));
}

static void acknowledge(uint32_t total)
{
    uint8_t bytes[4];
    ss_put_le32(bytes, total);
    send_frame(bytes, sizeof bytes);
}

static void the_stub_reads_with_acknowledgements(void **state)
{
    (void)state;
    uint8_t md5[16];
    fill(chip->flash.data, 0x1000);
    start_stub();
    assert_int_equal(COMMAND(0xD2, 0x100, 0x280, 0x100, 2), 0);
    // Two packets may be on their way, the third comes with the first acknowledgement.
    for (unsigned i = 0; i < 2; i++) {
        assert_true(fetch());
        assert_int_equal(frame_len, 0x100);
        assert_memory_equal(frame, chip->flash.data + 0x100 + 0x100 * i, 0x100);
    }
    assert_false(fetch());
    acknowledge(0x100);
    assert_true(fetch());
    assert_int_equal(frame_len, 0x80);
    assert_memory_equal(frame, chip->flash.data + 0x300, 0x80);
    acknowledge(0x200);
    assert_false(fetch());
    acknowledge(0x280);
    assert_true(fetch());
    assert_int_equal(ss_hash_once(SS_HASH_MD5, chip->flash.data + 0x100, 0x280, md5), SS_OK);
    assert_int_equal(frame_len, 16);
    assert_memory_equal(frame, md5, 16);
    // A host that gives up and starts anew, and numbers that cannot be.
    assert_int_equal(COMMAND(0xD2, 0, 0x1000, 0x100, 1), 0);
    assert_int_equal(COMMAND(0x0A, 0x40001000), 0);
    acknowledge(0x100);
    assert_false(fetch());
    assert_int_equal(COMMAND(0xD2, 0, 0x1000, 0x100, 1), 0);
    acknowledge(0x101);
    assert_false(fetch());
    acknowledge(0x100);
    assert_false(fetch());
    // Nothing to read is an MD5 of nothing.
    assert_int_equal(COMMAND(0xD2, 0, 0, 0x100, 1), 0);
    assert_true(fetch());
    assert_int_equal(frame_len, 16);
    assert_int_equal(COMMAND(0xD2, 0, 0x1000, 0, 1), 0xC2);
    assert_int_equal(COMMAND(0xD2, 0, 0x1000, 0x4001, 1), 0xC2);
    assert_int_equal(COMMAND(0xD2, 0, 0x1000, 0x100, 0), 0xC2);
    assert_int_equal(COMMAND(0xD2, 0xFFFFFF, 2, 0x100, 1), 0xC4);
    assert_int_equal(COMMAND(0x0D, 1), 0);
    assert_int_equal(COMMAND(0xD2, 0, 4, 0x100, 1), 0);
    assert_true(fetch());
    assert_memory_equal(frame, "\xFF\xFF\xFF\xFF", 4);
}

static void sealed(const uint8_t key[32], uint32_t address, const uint8_t *plain, size_t len, uint8_t *result)
{
    struct ss_flash_cipher cipher;
    assert_ok(ss_flash_cipher_init(&cipher, key, 32, 0xF, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, address, plain, result, len, &err), err);
}

static void the_stub_encrypts(void **state)
{
    (void)state;
    static uint8_t plain[4096], z[5000], expected[4096];
    uint8_t key[32];
    fill(key, sizeof key);
    fill(plain, 2000);
    assert_ok(ss_efuse_key_to_words(key, 32, SS_EFUSE_CODING_NONE, chip->silicon->words + 7, &err), err);
    assert_ok(ss_efuse_burn(chip->silicon, ss_efuse_field_find("FLASH_CRYPT_CONFIG"), 0xF, &err), err);
    // The engine uses the key that software cannot read.
    assert_ok(ss_efuse_burn(chip->silicon, ss_efuse_field_find("RD_DIS"), 1, &err), err);
    start_stub();
    // By the flag, compressed: pieces of any length come out of the decompressor.
    size_t len = deflate_all(plain, sizeof plain, z, sizeof z);
    sealed(key, 0x10000, plain, sizeof plain, expected);
    assert_int_equal(COMMAND(0x10, sizeof plain, 1, BLOCK, 0x10000, 1), 0);
    for (size_t at = 0; at < len; at += 777)
        assert_int_equal(data(0x11, z + at, len - at < 777 ? len - at : 777), 0);
    assert_memory_equal(chip->flash.data + 0x10000, expected, sizeof expected);
    // By the command of its own, and by the flag uncompressed; the last line is filled with 0xFF.
    for (int flag = 0; flag < 2; flag++) {
        uint8_t tail[96];
        memset(tail, 0xFF, sizeof tail);
        memcpy(tail, plain, 70);
        sealed(key, 0x20000, tail, sizeof tail, expected);
        memset(chip->flash.data + 0x20000, 0, 0x1000);
        assert_int_equal(COMMAND(0x02, 70, 1, BLOCK, 0x20000, flag), 0);
        assert_int_equal(data(flag ? 0x03 : 0xD4, plain, 33), 0);
        assert_int_equal(data(flag ? 0x03 : 0xD4, plain + 33, 37), 0);
        assert_memory_equal(chip->flash.data + 0x20000, expected, sizeof tail);
        assert_int_equal(chip->flash.data[0x20000 + sizeof tail], 0xFF);
    }
    assert_int_equal(COMMAND(0x02, 64, 1, BLOCK, 0x20010, 1), 0);
    assert_int_equal(data(0x03, plain, 64), 0xC4); // not at a line
    assert_ok(ss_efuse_burn(chip->silicon, ss_efuse_field_find("DISABLE_DL_ENCRYPT"), 1, &err), err);
    assert_int_equal(COMMAND(0x02, 64, 1, BLOCK, 0x21000, 1), 0);
    assert_int_equal(data(0x03, plain, 64), 0xC4);
    assert_true(ss_all_bytes(chip->flash.data + 0x21000, 64, 0xFF));
}

static void a_power_cut_leaves_the_loader_usable(void **state)
{
    (void)state;
    jmp_buf off;
    static uint8_t block[BLOCK];
    attach();
    assert_int_equal(COMMAND(0x02, BLOCK, 1, BLOCK, 0), 0);
    chip->power.cut_at = chip->power.operations + 2;
    chip->power.cut = SS_CUT_BEFORE;
    chip->power.off = &off;
    if (setjmp(off) == 0) {
        data(0x03, block, BLOCK);
        fail_msg("the power did not fail");
    }
    assert_int_equal(out_len, 0);
    assert_true(ss_all_bytes(chip->flash.data, 256, 0));
    assert_true(ss_all_bytes(chip->flash.data + 256, 256, 0xFF));
    ss_loader_reset(loader);
    assert_int_equal(COMMAND(0x0A, 0x40001000), 0);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(sync_is_answered_eight_times),
        TEST(what_is_no_command_is_refused_or_ignored),
        TEST(registers_are_read_and_written_under_a_mask),
        TEST(the_rate_changes_after_the_answer),
        TEST(flash_answers_only_on_its_pins),
        TEST(pins_are_where_efuses_say),
        TEST(the_rom_writes_what_it_is_sent),
        TEST(blocks_are_checked),
        TEST(compressed_data_is_written),
        TEST(programs_in_ram_are_started),
        TEST(ends_lead_where_they_should),
        TEST(the_stub_erases_and_trims),
        TEST(the_stub_reads_with_acknowledgements),
        TEST(the_stub_encrypts),
        TEST(a_power_cut_leaves_the_loader_usable),
    };
    return ss_test_main(argc, argv, tests);
}
