// SPDX-License-Identifier: Apache-2.0
#include "provision/device_name.h"

#include <string.h>

#include "support/unit.h"

static const uint8_t some_mac[6] = {0x24, 0x0A, 0xC4, 0x12, 0x34, 0x5E};

static void ids_are_what_paths_and_certificates_take(void **state)
{
    (void)state;
    char longest[66];
    memset(longest, 'x', 64);
    longest[64] = '\0';
    assert_true(ss_device_name_valid(longest));
    strcpy(longest + 64, "x");
    assert_false(ss_device_name_valid(longest));
    assert_true(ss_device_name_valid("240ac412345e"));
    assert_true(ss_device_name_valid("Meter-7_b.2"));
    assert_false(ss_device_name_valid(""));
    assert_false(ss_device_name_valid("."));
    assert_false(ss_device_name_valid(".."));
    assert_true(ss_device_name_valid("..."));
    assert_false(ss_device_name_valid("a/b"));
    assert_false(ss_device_name_valid("a b"));
    assert_false(ss_device_name_valid("\xc3\xa4"));
}

static void macs_in_all_spellings(void **state)
{
    (void)state;
    uint8_t mac[6];
    struct ss_error err = {0};
    char text[SS_DEVICE_NAME_SIZE];
    const char *const good[] = {"240ac412345e", "240AC412345E", "24:0a:c4:12:34:5e", "24-0A-C4-12-34-5E"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        memset(mac, 0, 6);
        assert_ok(ss_device_mac_parse(good[i], mac, &err), err);
        assert_memory_equal(mac, some_mac, 6);
    }
    const char *const bad[] = {"",
                               "240ac412345",
                               "240ac412345e0",
                               "24:0a:c4:12:34-5e",
                               "24:0a:c4:12:34:5",
                               "240ac412345g",
                               "24:0a:c4:12:34:5e:"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ss_device_mac_parse(bad[i], mac, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_device_mac_parse("000000000000", mac, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "000000000000 is the MAC address of no chip");
    assert_int_equal(ss_device_mac_parse("010000000000", mac, &err), SS_ERROR_DATA_INVALID);
    ss_device_name_from_mac(some_mac, text);
    assert_string_equal(text, "240ac412345e");
    ss_device_mac_text(some_mac, text);
    assert_string_equal(text, "24:0a:c4:12:34:5e");
}

static void fill(const char *pattern, const char *expected)
{
    struct ss_device_words words = {.id = "d7", .mac = some_mac, .product = "meter"};
    struct ss_error err = {0};
    char out[64];
    assert_ok(ss_device_pattern_fill(pattern, &words, out, sizeof out, &err), err);
    assert_string_equal(out, expected);
}

static void patterns_are_filled_in(void **state)
{
    (void)state;
    fill("{id}_flash_key.bin", "d7_flash_key.bin");
    fill("{MAC}", "240AC412345E");
    fill("https://x.example/{product}/{id}?m={mac}", "https://x.example/meter/d7?m=240ac412345e");
    fill("{{id}", "{id}");
    fill("", "");
    struct ss_device_words none = {.id = "d7"};
    struct ss_error err = {0};
    char out[8];
    assert_int_equal(ss_device_pattern_fill("{mac}", &none, out, sizeof out, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message,
                        "pattern {mac}: {mac} is not {id}, {mac}, {MAC} or {product}, or is not known here");
    assert_int_equal(ss_device_pattern_fill("{key}", &none, out, sizeof out, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_device_pattern_fill("{", &none, out, sizeof out, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_device_pattern_fill("123456{id}", &none, out, sizeof out, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_string_equal(out, "");
}

static void match(const char *pattern, const char *name, const char *expected)
{
    char id[SS_DEVICE_NAME_SIZE] = "-";
    assert_true(ss_device_pattern_match(pattern, name, id) == (expected != NULL));
    assert_string_equal(id, expected ? expected : "-");
}

static void file_names_are_taken_apart(void **state)
{
    (void)state;
    match("{id}_flash_key.bin", "meter_7_flash_key.bin", "meter_7");
    match("{id}_flash_key.bin", "_flash_key.bin", NULL);
    match("{id}_flash_key.bin", "a b_flash_key.bin", NULL);
    match("{id}_flash_key.bin", "d7_flash_key.pem", NULL);
    match("key-{mac}.bin", "key-240AC412345E.bin", "240ac412345e");
    match("key-{mac}.bin", "key-d7.bin", NULL);
    match("{MAC}.bin", "240ac412345e.bin", "240ac412345e");
    match("{id}", "d7", NULL);
    match("{id}{mac}.bin", "d7.bin", NULL);
    match("{product}_{id}.bin", "m_d7.bin", NULL);
    match("x/{id}", "x/d7", NULL);
    struct ss_error err = {0};
    assert_ok(ss_device_pattern_check("{id}_flash_key.bin", &err), err);
    assert_int_equal(ss_device_pattern_check("key.bin", &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_device_pattern_check("{id}/key.bin", &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_device_pattern_check("{id}", &err), SS_ERROR_INVALID_ARGUMENT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_what_paths_and_certificates_take),
        cmocka_unit_test(macs_in_all_spellings),
        cmocka_unit_test(patterns_are_filled_in),
        cmocka_unit_test(file_names_are_taken_apart),
    };
    return ss_test_main(argc, argv, tests);
}
