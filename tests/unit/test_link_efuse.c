// SPDX-License-Identifier: Apache-2.0
// eFuses over the ROM loader: what is refused before anything is burned, and burning over a line, and with a
// controller, that fail.
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "core/bytes.h"
#include "core/rom_loader.h"
#include "link/link_parts.h"
#include "provision/virtual_port.h"
#include "support/faulty_port.h"

static struct ss_error err;
static struct ss_vchip *chip;
static struct faulty_port *line;
static struct ss_link *l;
static struct ss_link_efuses now;
static struct ss_efuse wanted, missing;
static uint8_t key[32];
static uint32_t words[8];

static void make(enum ss_efuse_coding coding)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_link_port *port;
    options.flash_size = 1 << 20;
    options.coding = coding;
    assert_ok(ss_chip_new(&options, &chip, &err), err);
    assert_ok(ss_virtual_port_new(chip, NULL, true, &port, &err), err);
    line = faulty_port_new(port, true);
    assert_ok(ss_link_new(&line->port, NULL, &l, &err), err);
    assert_ok(ss_link_connect(l, &err), err);
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    wanted = now.silicon;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(0x5A ^ i * 37);
    assert_ok(ss_efuse_key_to_words(key, coding == SS_EFUSE_CODING_34 ? 24 : 32, coding, words, &err), err);
}

static int setup(void **state)
{
    (void)state;
    memset(&err, 0, sizeof err);
    make(SS_EFUSE_CODING_NONE);
    return 0;
}

static int setup_34(void **state)
{
    (void)state;
    memset(&err, 0, sizeof err);
    make(SS_EFUSE_CODING_34);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_link_free(l);
    ss_chip_free(chip);
    return 0;
}

#define expect(call, status_wanted, text)                                                                              \
    do {                                                                                                               \
        assert_int_equal(call, status_wanted);                                                                         \
        if (!strstr(err.message, text))                                                                                \
            fail_msg("'%s' does not say '%s'", err.message, text);                                                     \
    } while (0)

static void want(const char *field, uint32_t value)
{
    assert_ok(ss_efuse_burn(&wanted, ss_efuse_field_find(field), value, &err), err);
}

static void want_key(unsigned block)
{
    assert_ok(ss_efuse_burn_block(&wanted, block, words, &err), err);
}

/// Changes the chip behind the client's back, and lets it read again.
static void burned(const char *field, uint32_t value)
{
    assert_ok(ss_efuse_burn(chip->silicon, ss_efuse_field_find(field), value, &err), err);
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    wanted = now.silicon;
}

static void all_are_read(void **state)
{
    (void)state;
    for (size_t i = 7; i < SS_EFUSE_WORDS; i++)
        chip->silicon->words[i] = (uint32_t)(i * 0x01010101);
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    assert_memory_equal(&now.window, chip->silicon, sizeof now.window);
    assert_memory_equal(&now.silicon, chip->silicon, sizeof now.window);
    assert_true(now.apb_date_bit31);
    assert_int_equal(ss_efuse_revision(&now.window, now.apb_date_bit31), 300);
    burned("RD_DIS", 1);
    assert_true(ss_all_bytes((const uint8_t *)(now.silicon.words + 7), 32, 0));
    assert_int_equal(now.silicon.words[15], 15 * 0x01010101);
}

static void coding_is_put_back(void **state)
{
    (void)state;
    assert_ok(ss_efuse_burn_block(chip->silicon, 2, words, &err), err);
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    assert_memory_equal(now.silicon.words + 15, words, sizeof words);
    assert_memory_not_equal(now.window.words + 15, words, sizeof words);
    assert_int_equal(now.dec_status, 0);
    chip->silicon->words[16] ^= 1u << 30;
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    assert_int_equal(now.dec_status, 0x10);
}

static unsigned flips;
static size_t flip_efuse_word(struct faulty_port *f, uint8_t *packet, size_t len)
{
    if (packet[1] == SS_OP_READ_REG && f->requests[SS_OP_READ_REG] == flips)
        packet[4] ^= 1;
    return len;
}

/// A flipped bit of an answer is seen, whichever word it is in.
static void readings_that_disagree_are_told(void **state)
{
    (void)state;
    line->on_answer = flip_efuse_word;
    for (unsigned i = 2; i <= 67; i++) {
        line->requests[SS_OP_READ_REG] = 0;
        flips = i;
        expect(ss_link_efuse_read(l, &now, &err), SS_ERROR_DATA_CORRUPT, "two readings of the eFuses disagree");
        assert_true(ss_all_bytes((const uint8_t *)&now, sizeof now, 0));
    }
}

// ---- what is refused

#define refused(words_wanted)                                                                                          \
    do {                                                                                                               \
        expect(ss_link_efuse_plan(&now, &wanted, &missing, &err), SS_ERROR_NOT_PERMITTED, words_wanted);               \
        assert_true(ss_all_bytes((const uint8_t *)&missing, sizeof missing, 0));                                       \
        uint64_t before_burns = chip->efuse.burns;                                                                     \
        struct ss_link_burned result;                                                                                  \
        expect(ss_link_efuse_burn(l, &wanted, &result, &err), SS_ERROR_NOT_PERMITTED, words_wanted);                   \
        assert_false(result.started);                                                                                  \
        assert_int_equal(chip->efuse.burns, before_burns);                                                             \
        wanted = now.silicon;                                                                                          \
    } while (0)

static void set_bits_are_not_cleared(void **state)
{
    (void)state;
    burned("FLASH_CRYPT_CNT", 3);
    wanted.words[0] &= ~(1u << 20);
    refused("FLASH_CRYPT_CNT has bits set that cannot be cleared");
    assert_ok(ss_efuse_burn_block(chip->silicon, 1, words, &err), err);
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    wanted = now.silicon;
    wanted.words[9] = ~wanted.words[9];
    refused("BLOCK1 has bits set that cannot be cleared");
    memset(wanted.words + 7, 0, 32);
    refused("BLOCK1 has bits set that cannot be cleared");
}

static void protected_fields_are_not_burned(void **state)
{
    (void)state;
    burned("WR_DIS", 1u << 2 | 1u << 7);
    want("JTAG_DISABLE", 1);
    wanted.words[0] |= 1u << 27;
    refused("UART_DOWNLOAD_DIS is write-protected");
    memcpy(wanted.words + 7, words, sizeof words);
    refused("BLOCK1 is write-protected");
    burned("WR_DIS", 1u << 2 | 1u << 7 | 1);
    wanted.words[0] |= 1u << 16;
    refused("RD_DIS is write-protected");
    burned("WR_DIS", 1u << 2 | 1u << 7 | 3);
    wanted.words[0] |= 1u << 15;
    refused("WR_DIS is write-protected");
}

static void what_cannot_be_read_is_not_burned(void **state)
{
    (void)state;
    burned("RD_DIS", 1 | 8);
    memcpy(wanted.words + 7, words, sizeof words);
    refused("BLOCK1 is read-protected");
    memcpy(wanted.words + 15, words, sizeof words);
    refused("BLOCK2 cannot be burned: the chip hides its coding scheme");
    wanted.words[5] |= 0xFu << 28;
    refused("FLASH_CRYPT_CONFIG is read-protected");
    wanted.words[6] |= 1u << 31;
    refused("bit 223 of BLOCK0 belongs to no field");
}

static void chunks_are_burned_once(void **state)
{
    (void)state;
    uint32_t other[8];
    memcpy(chip->silicon->words + 7, words, 8); // the first chunk
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    wanted = now.silicon;
    key[23] |= 0x81; // the first byte of the block
    key[18] ^= 1;
    assert_ok(ss_efuse_key_to_words(key, 24, SS_EFUSE_CODING_34, other, &err), err);
    memcpy(wanted.words + 7, other, sizeof other);
    refused("chunk 0 of BLOCK1 is burned");
    memcpy(wanted.words + 7, words, sizeof words);
    assert_ok(ss_link_efuse_plan(&now, &wanted, &missing, &err), err);
    assert_int_equal(missing.words[7] | missing.words[8], 0);
    assert_int_equal(missing.words[9], words[2]);
    wanted = now.silicon;
    memset(wanted.words + 15, 0x77, 32);
    expect(ss_link_efuse_plan(&now, &wanted, &missing, &err), SS_ERROR_INVALID_ARGUMENT, "BLOCK2 is not 3/4 coded");
}

static void a_block_that_does_not_decode_is_left_alone(void **state)
{
    (void)state;
    memset(chip->silicon->words + 7, 0xFF, 32);
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    assert_int_equal(now.dec_status & 0xF, 0xF);
    wanted = now.silicon;
    memcpy(wanted.words + 7, words, sizeof words);
    refused("BLOCK1 has decoding errors");
}

static void repeat_coding_is_not_supported(void **state)
{
    (void)state;
    burned("CODING_SCHEME", 2);
    memcpy(wanted.words + 7, words, sizeof words);
    expect(ss_link_efuse_plan(&now, &wanted, &missing, &err), SS_ERROR_NOT_SUPPORTED, "repeat coding");
}

// ---- burning

/// What the controller was told to burn, as blocks of the write window, in order.
static char order[64];
static uint32_t staged[SS_EFUSE_BLOCKS];
static bool late;

static int block_of(uint32_t address)
{
    for (int block = 0; block < 4; block++) {
        uint32_t offset = address - SS_EFUSE_BASE - ss_efuse_write_windows[block];
        if (offset < 4 * ss_efuse_block_words((unsigned)block))
            return block;
    }
    return -1;
}

static enum faulty_fate watch(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)f, (void)len;
    if (op != SS_OP_WRITE_REG)
        return FAULTY_PASS;
    uint32_t address = ss_get_le32(body), value = ss_get_le32(body + 4);
    int block = block_of(address);
    if (block >= 0 && address == SS_EFUSE_BASE + ss_efuse_write_windows[block])
        staged[block] = 0;
    if (block >= 0)
        staged[block] |= value;
    if (block == 0 && address == SS_EFUSE_BASE + ss_efuse_write_windows[0])
        late = value != 0;
    if (address == SS_EFUSE_BASE + SS_EFUSE_CMD && value == SS_EFUSE_CMD_PROGRAM)
        for (unsigned i = 0; i < 4; i++)
            if (staged[i])
                snprintf(order + strlen(order), sizeof order - strlen(order), "%u%s ", i, i == 0 && late ? "L" : "");
    return FAULTY_PASS;
}

static void everything_is_burned_in_order(void **state)
{
    (void)state;
    struct ss_link_burned result;
    order[0] = '\0';
    line->on_request = watch;
    want_key(1);
    want_key(2);
    want("SECURE_VERSION", 5);
    want("FLASH_CRYPT_CONFIG", 0xF);
    want("JTAG_DISABLE", 1);
    want("RD_DIS", 3);
    want("WR_DIS", 1u << 7 | 1u << 8);
    want("FLASH_CRYPT_CNT", 1);
    assert_ok(ss_link_efuse_burn(l, &wanted, &result, &err), err);
    assert_string_equal(order, "3 2 1 0 0L ");
    assert_true(result.started);
    assert_int_equal(result.rounds, 5);
    assert_memory_equal(chip->silicon, &wanted, sizeof wanted);
    assert_int_equal(chip->efuse.dac, 80);
    assert_int_equal(chip->efuse.clk, 160 | 255 << 8);
    assert_true(ss_all_bytes((const uint8_t *)&chip->efuse.program, sizeof chip->efuse.program, 0));
    // What is there is not burned again; what is hidden is not wanted.
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    assert_ok(ss_link_efuse_burn(l, &now.silicon, &result, &err), err);
    assert_false(result.started);
    assert_int_equal(result.rounds, 0);
}

static void coded_keys_are_burned(void **state)
{
    (void)state;
    struct ss_link_burned result;
    uint8_t read[32];
    size_t len;
    want_key(1);
    want("RD_DIS", 1);
    assert_ok(ss_link_efuse_burn(l, &wanted, &result, &err), err);
    assert_ok(ss_efuse_key_from_words(chip->silicon->words + 7, SS_EFUSE_CODING_34, read, &len, &err), err);
    assert_int_equal(len, 24);
    assert_memory_equal(read, key, 24);
}

static size_t at_26_mhz(struct faulty_port *f, uint8_t *packet, size_t len)
{
    (void)f;
    if (packet[1] == SS_OP_READ_REG && ss_get_le32(packet + 4) == 347)
        ss_put_le32(packet + 4, 226);
    return len;
}

static size_t at_33_mhz(struct faulty_port *f, uint8_t *packet, size_t len)
{
    (void)f;
    if (packet[1] == SS_OP_READ_REG && ss_get_le32(packet + 4) == 347)
        ss_put_le32(packet + 4, 286);
    return len;
}

static void the_pulse_follows_the_crystal(void **state)
{
    (void)state;
    line->on_answer = at_26_mhz;
    assert_ok(ss_link_connect(l, &err), err);
    assert_int_equal(ss_link_chip(l)->crystal_mhz, 26);
    want("JTAG_DISABLE", 1);
    assert_ok(ss_link_efuse_burn(l, &wanted, NULL, &err), err);
    assert_int_equal(chip->efuse.dac, 52);
    assert_int_equal(chip->efuse.clk, 250 | 255 << 8);
    line->on_answer = at_33_mhz;
    assert_ok(ss_link_connect(l, &err), err);
    assert_int_equal(ss_link_chip(l)->crystal_mhz, 0);
    want("DISABLE_DL_CACHE", 1);
    struct ss_link_burned result;
    expect(ss_link_efuse_burn(l, &wanted, &result, &err), SS_ERROR_NOT_SUPPORTED, "crystal's frequency is not known");
    assert_false(result.started);
    assert_int_equal(ss_efuse_get_name(chip->silicon, "DISABLE_DL_CACHE"), 0);
}

static unsigned spoil_writes; ///< how many writes to a write window still get another bit
static enum faulty_fate spoil_staging(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)f, (void)len;
    if (op == SS_OP_WRITE_REG && block_of(ss_get_le32(body)) == 3 && spoil_writes) {
        spoil_writes--;
        body[4] ^= 0x10;
    }
    return FAULTY_PASS;
}

/// A bit that fell over on the line would be burned for ever.
static void what_is_to_be_burned_is_read_back_first(void **state)
{
    (void)state;
    struct ss_link_burned result;
    line->on_request = spoil_staging;
    spoil_writes = 1;
    want_key(1);
    assert_ok(ss_link_efuse_burn(l, &wanted, &result, &err), err);
    assert_memory_equal(chip->silicon, &wanted, sizeof wanted);
    want("JTAG_DISABLE", 1);
    spoil_writes = 1000;
    expect(ss_link_efuse_burn(l, &wanted, &result, &err), SS_ERROR_DATA_CORRUPT, "does not hold what is to be burned");
    assert_false(result.started);
    assert_int_equal(ss_efuse_get_name(chip->silicon, "JTAG_DISABLE"), 0);
}

static unsigned lost_programs;
static bool carried_out;
static enum faulty_fate lose_program(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)f, (void)len;
    bool program = op == SS_OP_WRITE_REG && ss_get_le32(body) == SS_EFUSE_BASE + SS_EFUSE_CMD &&
                   ss_get_le32(body + 4) == SS_EFUSE_CMD_PROGRAM;
    if (!program || !lost_programs)
        return FAULTY_PASS;
    lost_programs--;
    return carried_out ? FAULTY_NO_ANSWER : FAULTY_DROP;
}

static void reading_tells_if_it_was_burned(void **state)
{
    (void)state;
    struct ss_link_burned result;
    line->on_request = lose_program;
    lost_programs = 1;
    carried_out = true;
    want_key(1);
    assert_ok(ss_link_efuse_burn(l, &wanted, &result, &err), err);
    assert_int_equal(result.rounds, 1);
    lost_programs = 2;
    carried_out = false;
    want("JTAG_DISABLE", 1);
    assert_ok(ss_link_efuse_burn(l, &wanted, &result, &err), err);
    assert_int_equal(result.rounds, 3);
    assert_memory_equal(chip->silicon, &wanted, sizeof wanted);
    lost_programs = 3;
    want("DISABLE_DL_CACHE", 1);
    want("FLASH_CRYPT_CNT", 1);
    expect(ss_link_efuse_burn(l, &wanted, &result, &err), SS_ERROR_DATA_CORRUPT,
           "BLOCK0 is not as it should be after 3 rounds");
    assert_true(result.started);
    // What was to come after it was not begun.
    assert_int_equal(ss_efuse_get_name(chip->silicon, "FLASH_CRYPT_CNT"), 0);
    assert_true(ss_all_bytes((const uint8_t *)&chip->efuse.program, sizeof chip->efuse.program, 0));
}

static uint32_t weak_bits; ///< bits of BLOCK1's first word that do not take
static enum faulty_fate weaken(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)f, (void)len;
    // The controller holds what was written and burns less.
    if (op == SS_OP_WRITE_REG && ss_get_le32(body) == SS_EFUSE_BASE + SS_EFUSE_CMD &&
        ss_get_le32(body + 4) == SS_EFUSE_CMD_PROGRAM) {
        chip->efuse.program.words[7] &= ~weak_bits;
        weak_bits &= weak_bits - 1; // one more takes in each round
    }
    return FAULTY_PASS;
}

static void bits_that_do_not_take_are_burned_again(void **state)
{
    (void)state;
    struct ss_link_burned result;
    line->on_request = weaken;
    weak_bits = (words[0] & (0 - words[0])); // the lowest bit of the key
    want_key(1);
    assert_ok(ss_link_efuse_burn(l, &wanted, &result, &err), err);
    assert_int_equal(result.rounds, 2);
    assert_memory_equal(chip->silicon, &wanted, sizeof wanted);
}

static void a_coded_block_is_burned_until_it_decodes(void **state)
{
    (void)state;
    struct ss_link_burned result;
    line->on_request = weaken;
    weak_bits = (words[0] & (0 - words[0]));
    want_key(1);
    assert_ok(ss_link_efuse_burn(l, &wanted, &result, &err), err);
    assert_int_equal(result.rounds, 2);
    assert_memory_equal(chip->silicon, &wanted, sizeof wanted);
}

static enum faulty_fate burn_more(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)f, (void)len;
    if (op == SS_OP_WRITE_REG && ss_get_le32(body) == SS_EFUSE_BASE + SS_EFUSE_CMD &&
        ss_get_le32(body + 4) == SS_EFUSE_CMD_PROGRAM)
        chip->efuse.program.words[6] |= 1u << 9;
    return FAULTY_PASS;
}

static void bits_that_nobody_wanted_are_told(void **state)
{
    (void)state;
    struct ss_link_burned result;
    line->on_request = burn_more;
    want("JTAG_DISABLE", 1);
    expect(ss_link_efuse_burn(l, &wanted, &result, &err), SS_ERROR_DATA_CORRUPT, "BLOCK0 has bits set that nobody");
    assert_true(result.started);
}

static unsigned unplug_at;
static enum faulty_fate unplug(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)op, (void)body, (void)len;
    unsigned n = 0;
    for (unsigned i = 0; i < 256; i++)
        n += f->requests[i];
    return n == unplug_at ? FAULTY_UNPLUG : FAULTY_PASS;
}

/// The cable is pulled at each of the requests of a burn; the same burn afterwards completes it.
static void a_burn_can_be_interrupted_anywhere(void **state)
{
    (void)state;
    struct ss_link_burned result;
    unsigned cuts = 0;
    bool done = false;
    for (unsigned at = 1; !done; at += 7) {
        teardown(state);
        make(at % 2 ? SS_EFUSE_CODING_34 : SS_EFUSE_CODING_NONE);
        want_key(1);
        want("RD_DIS", 1);
        want("WR_DIS", 1u << 7);
        memset(line->requests, 0, sizeof line->requests);
        unplug_at = at;
        line->on_request = unplug;
        ss_status_t status = ss_link_efuse_burn(l, &wanted, &result, &err);
        done = status == SS_OK;
        if (!done)
            assert_int_equal(status, SS_ERROR_IO);
        if (!done && chip->efuse.burns)
            assert_true(result.started);
        cuts += !done;
        ss_link_free(l);
        struct ss_link_port *port;
        assert_ok(ss_virtual_port_new(chip, NULL, true, &port, &err), err);
        assert_ok(ss_link_new(port, NULL, &l, &err), err);
        assert_ok(ss_link_connect(l, &err), err);
        assert_ok(ss_link_efuse_read(l, &now, &err), err);
        struct ss_efuse rest = now.silicon;
        if (!ss_efuse_block_read_protected(&now.window, 1))
            memcpy(rest.words + 7, words, sizeof words);
        rest.words[0] |= 1u << 16 | 1u << 7;
        assert_ok(ss_link_efuse_burn(l, &rest, NULL, &err), err);
        assert_memory_equal(chip->silicon, &wanted, sizeof wanted);
    }
    assert_true(cuts > 40);
}

/// Somebody puts another board on the adapter while the first one's plan is looked at.
static void exchange_boards(struct ss_vchip *other)
{
    ss_link_port_close(line->inner);
    assert_ok(ss_virtual_port_new(other, NULL, true, &line->inner, &err), err);
}

static enum faulty_fate lose_first(struct faulty_port *f, uint8_t op, uint8_t *body, size_t len)
{
    (void)body, (void)len;
    return op == SS_OP_READ_REG && f->requests[SS_OP_SYNC] == 1 ? FAULTY_DROP : FAULTY_PASS;
}

static void another_chip_is_not_burned(void **state)
{
    (void)state;
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *other;
    struct ss_link_burned result;
    uint32_t value;
    options.flash_size = 1 << 20;
    options.seed = 2;
    assert_ok(ss_chip_new(&options, &other, &err), err);
    exchange_boards(other);
    want("JTAG_DISABLE", 1);
    expect(ss_link_efuse_burn(l, &wanted, &result, &err), SS_ERROR_NOT_PERMITTED, "another chip answers now");
    assert_false(result.started);
    assert_null(ss_link_hint(&err));
    expect(ss_link_efuse_burn(l, &wanted, &result, &err), SS_ERROR_BAD_STATE, "not connected");
    // Also when it is met because the line failed, and when nothing is to be burned.
    assert_ok(ss_link_connect(l, &err), err);
    exchange_boards(chip);
    line->on_request = lose_first;
    line->requests[SS_OP_SYNC] = 1;
    expect(ss_link_read_reg(l, SS_REG_CHIP_MAGIC, &value, &err), SS_ERROR_NOT_PERMITTED, "another chip answers now");
    assert_null(ss_link_chip(l));
    line->on_request = NULL;
    ss_link_free(l);
    l = NULL;
    ss_chip_free(other);
}

/// Words of the key pass through the link's buffers one by one.
static bool holds_key(void)
{
    for (size_t i = 0; i + 4 <= sizeof *l; i++)
        for (unsigned j = 0; j < 8; j++)
            if (ss_get_le32((const uint8_t *)l + i) == words[j])
                return true;
    return false;
}

static void keys_do_not_stay_in_the_link(void **state)
{
    (void)state;
    uint32_t value;
    want_key(1);
    assert_ok(ss_link_efuse_burn(l, &wanted, NULL, &err), err);
    assert_false(holds_key());
    assert_ok(ss_link_efuse_read(l, &now, &err), err);
    assert_false(holds_key());
    assert_ok(ss_link_read_reg(l, SS_EFUSE_BASE + 0x38, &value, &err), err);
    assert_int_equal(value, words[0]);
    assert_true(holds_key()); // so the search finds it where it is
}

#define test(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define test_34(name) cmocka_unit_test_setup_teardown(name, setup_34, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        test(all_are_read),
        test_34(coding_is_put_back),
        test(readings_that_disagree_are_told),
        test(set_bits_are_not_cleared),
        test(protected_fields_are_not_burned),
        test(what_cannot_be_read_is_not_burned),
        test_34(chunks_are_burned_once),
        test_34(a_block_that_does_not_decode_is_left_alone),
        test(repeat_coding_is_not_supported),
        test(everything_is_burned_in_order),
        test_34(coded_keys_are_burned),
        test(the_pulse_follows_the_crystal),
        test(what_is_to_be_burned_is_read_back_first),
        test(reading_tells_if_it_was_burned),
        test(bits_that_do_not_take_are_burned_again),
        test_34(a_coded_block_is_burned_until_it_decodes),
        test(bits_that_nobody_wanted_are_told),
        test(a_burn_can_be_interrupted_anywhere),
        test(another_chip_is_not_burned),
        test(keys_do_not_stay_in_the_link),
    };
    return ss_test_main(argc, argv, tests);
}
