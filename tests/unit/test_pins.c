// SPDX-License-Identifier: Apache-2.0
// The block that holds a device's first key set: found by scanning, filled in a built app.
#include "support/sample_image.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <string.h>

#include "core/bytes.h"
#include "device/pins.h"
#include "provision/app_pins.h"
#include "slotseal/image.h"

#define SIZE 0x6000u

SS_PINS_DEFINE(own_pins);

static struct ss_error err;
static uint8_t memory[SIZE];
static unsigned pieces;

static ss_status_t read_memory(void *context, uint32_t address, void *out, size_t len)
{
    assert_int_equal(address % 16, 0);
    assert_int_equal(len % 16, 0);
    assert_true(len <= 512 && address + len <= SIZE);
    pieces++;
    memcpy(out, memory + address, len);
    return context ? SS_ERROR_IO : SS_OK;
}

static void lay(uint32_t at, uint32_t capacity, uint32_t length)
{
    static const uint8_t magic[] = SS_PINS_MAGIC;
    memcpy(memory + at, magic, sizeof magic);
    ss_put_le32(memory + at + 16, capacity);
    ss_put_le32(memory + at + 20, length);
}

static void found_at_any_offset(void **state)
{
    (void)state;
    struct ss_pins_place place;
    for (uint32_t at = 0; at < 600; at++) {
        memset(memory, 0xA5, sizeof memory);
        lay(at, 100, 7);
        assert_int_equal(ss_pins_find(read_memory, NULL, 0, 0x400, &place), SS_OK);
        assert_int_equal(place.offset, at + 24);
        assert_int_equal(place.capacity, 100);
        assert_int_equal(place.length, 7);
    }
}

static void exactly_one(void **state)
{
    (void)state;
    struct ss_pins_place place;
    memset(memory, 0, sizeof memory);
    assert_int_equal(ss_pins_find(read_memory, NULL, 0, SIZE, &place), SS_ERROR_DOES_NOT_EXIST);
    for (uint32_t other = 0x200; other < 0x400; other++) {
        memset(memory, 0, sizeof memory);
        lay(0x100, 8, 0);
        lay(other, 8, 0);
        assert_int_equal(ss_pins_find(read_memory, NULL, 0, SIZE, &place), SS_ERROR_DATA_INVALID);
        assert_int_equal(place.offset, 0);
        // What lies behind the image does not count.
        assert_int_equal(ss_pins_find(read_memory, NULL, 0, 0x200, &place), SS_OK);
    }
}

static void damaged_ones(void **state)
{
    (void)state;
    struct ss_pins_place place;
    const struct {
        uint32_t at, capacity, length;
        ss_status_t status;
    } cases[] = {
        {0x100, 0x100 - 24, 0x100 - 24, SS_OK},
        {0x100, 0x100 - 24 + 1, 0, SS_ERROR_DATA_INVALID}, // beyond the image
        {0x100, 0xFFFFFFFF, 0, SS_ERROR_DATA_INVALID},     //
        {0x100, 10, 11, SS_ERROR_DATA_INVALID},            // longer than its room
        {0x200 - 16, 0, 0, SS_ERROR_DATA_INVALID},         // its head does not fit
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(memory, 0, sizeof memory);
        lay(cases[i].at, cases[i].capacity, cases[i].length);
        assert_int_equal(ss_pins_find(read_memory, NULL, 0, 0x200, &place), cases[i].status);
    }
    assert_int_equal(ss_pins_find(read_memory, memory, 0, 0x200, &place), SS_ERROR_IO);
}

static void read_in_pieces(void **state)
{
    (void)state;
    uint8_t out[SS_KEY_SET_MAX];
    size_t len;
    uint64_t seed = 3;
    test_random_bytes(&seed, memory, sizeof memory);
    lay(0x1235, SS_KEY_SET_MAX + 1, SS_KEY_SET_MAX);
    pieces = 0;
    assert_int_equal(ss_pins_read(read_memory, NULL, 0, SIZE, out, &len), SS_OK);
    assert_int_equal(len, SS_KEY_SET_MAX);
    assert_memory_equal(out, memory + 0x1235 + 24, len);
    assert_true(pieces >= SIZE / 256);
    lay(0x1235, SS_KEY_SET_MAX + 1, SS_KEY_SET_MAX + 1);
    assert_int_equal(ss_pins_read(read_memory, NULL, 0, SIZE, out, &len), SS_ERROR_DATA_INVALID);
    lay(0x1235, SS_KEY_SET_MAX, 0);
    assert_int_equal(ss_pins_read(read_memory, NULL, 0, SIZE, out, &len), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(len, 0);
}

static void an_apps_own_block(void **state)
{
    (void)state;
    const uint8_t *statement;
    size_t len;
    struct ss_pins filled = own_pins;
    assert_int_equal(own_pins.capacity, SS_KEY_SET_MAX);
    assert_int_equal(ss_pins_own(&own_pins, &statement, &len), SS_ERROR_DOES_NOT_EXIST);
    assert_null(statement);
    filled.length = SS_KEY_SET_MAX;
    assert_int_equal(ss_pins_own(&filled, &statement, &len), SS_OK);
    assert_ptr_equal(statement, filled.statement);
    assert_int_equal(len, SS_KEY_SET_MAX);
    filled.length++;
    assert_int_equal(ss_pins_own(&filled, &statement, &len), SS_ERROR_DATA_INVALID);
}

// -- Filling ------------------------------------------------------------------------------------------------------

#define BLOCK_AT 0x120u // in the sample's first segment

/// An app with a block for @p capacity bytes in memory; returns its length.
static size_t make_app(uint32_t capacity)
{
    static const struct sample_segment segments[] = {{0x3F400020, 0x2000}, {0x40080400, 0x190}};
    size_t len = sample_image(memory, sizeof memory, segments, 2, true);
    memset(memory + BLOCK_AT + 24, 0, capacity);
    lay(BLOCK_AT, capacity, 0);
    sample_refresh(memory, len);
    return len;
}

static struct sample_statement signed_set(unsigned signer)
{
    struct sample_statement out;
    struct ss_key_set set = sample_key_set();
    sample_sign_key_set(&set, (const unsigned[]){1, signer, 0}, &out);
    return out;
}

static void filled_and_mended(void **state)
{
    (void)state;
    struct sample_statement set = signed_set(2);
    const uint8_t *found;
    size_t len = make_app(1500), found_len;
    struct ss_image image;
    assert_ok(ss_app_pins_get(memory, len, &found, &found_len, &err), err);
    assert_int_equal(found_len, 0);
    assert_ok(ss_app_pins_embed(memory, len, set.bytes, set.len, &err), err);
    assert_ok(ss_image_parse(memory, len, NULL, &image, &err), err);
    assert_ok(ss_app_pins_get(memory, len, &found, &found_len, &err), err);
    assert_int_equal(found_len, set.len);
    assert_memory_equal(found, set.bytes, set.len);
    // Another one in its place: nothing is left of the first.
    struct sample_statement other = signed_set(3);
    assert_ok(ss_app_pins_embed(memory, len, other.bytes, other.len, &err), err);
    assert_ok(ss_app_pins_get(memory, len, &found, &found_len, &err), err);
    assert_memory_equal(found, other.bytes, other.len);
    assert_true(ss_all_bytes(memory + BLOCK_AT + 24 + other.len, 1500 - other.len, 0));
}

static void expect_refused(size_t len, const struct sample_statement *set, ss_status_t status, const char *message)
{
    static uint8_t before[SIZE];
    memcpy(before, memory, sizeof before);
    assert_int_equal(ss_app_pins_embed(memory, len, set->bytes, set->len, &err), status);
    assert_non_null(strstr(err.message, message));
    assert_memory_equal(memory, before, sizeof before);
}

static void refused(void **state)
{
    (void)state;
    struct sample_statement set = signed_set(2), few, release;
    struct ss_key_set unsigned_set = sample_key_set();
    sample_sign_key_set(&unsigned_set, (const unsigned[]){1, 0}, &few);
    sample_statement(SS_STATEMENT_RELEASE, &release);
    size_t len = make_app(1500);
    expect_refused(len, &few, SS_ERROR_NOT_PERMITTED, "is signed by too few of its own root keys");
    expect_refused(len, &release, SS_ERROR_DATA_INVALID, "the key set ");
    expect_refused(len - 1, &set, SS_ERROR_DATA_INVALID, "image would not boot");
    memory[BLOCK_AT + 600] ^= 1;
    expect_refused(len, &set, SS_ERROR_DATA_CORRUPT, "image would not boot");
    len = make_app((uint32_t)set.len - 1);
    expect_refused(len, &set, SS_ERROR_INSUFFICIENT_SPACE, "the app's block holds");
    len = make_app(1500);
    expect_refused(sample_sign_v1(memory, len, sizeof memory), &set, SS_ERROR_NOT_PERMITTED, "the app is signed");
    len = make_app(1500);
    expect_refused(sample_sign_v2(memory, len, sizeof memory), &set, SS_ERROR_NOT_PERMITTED, "the app is signed");
    len = make_app(1500);
    lay(0x1800, 8, 0);
    sample_refresh(memory, len);
    expect_refused(len, &set, SS_ERROR_DATA_INVALID, "more than one block");
    len = sample_app(memory, sizeof memory);
    expect_refused(len, &set, SS_ERROR_DOES_NOT_EXIST, "the app has no block");
    len = sample_bootloader(memory, sizeof memory);
    expect_refused(len, &set, SS_ERROR_NOT_PERMITTED, "a bootloader has no key set");
    uint64_t seed = 1;
    test_random_bytes(&seed, memory, sizeof memory);
    expect_refused(sizeof memory, &set, SS_ERROR_NOT_PERMITTED, "this is ciphertext");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_at_any_offset),
        cmocka_unit_test(exactly_one),
        cmocka_unit_test(damaged_ones),
        cmocka_unit_test(read_in_pieces),
        cmocka_unit_test(an_apps_own_block),
        cmocka_unit_test(filled_and_mended),
        cmocka_unit_test(refused),
    };
    return ss_test_main(argc, argv, tests);
}
