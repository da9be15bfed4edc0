// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"

static void set_and_prefix(void **state)
{
    (void)state;
    struct ss_error err = {0};
    assert_int_equal(ss_error_set(&err, SS_ERROR_DATA_INVALID, SS_AREA_IMAGE, "magic is 0x%02x", 0x12),
                     SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_error_prefix(&err, SS_ERROR_GENERIC, "app.bin"), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "app.bin: magic is 0x12");
    assert_int_equal(err.area, SS_AREA_IMAGE);
}

static void null_error_keeps_status(void **state)
{
    (void)state;
    assert_int_equal(ss_error_set(NULL, SS_ERROR_IO, SS_AREA_FILE, "x"), SS_ERROR_IO);
    assert_int_equal(ss_error_prefix(NULL, SS_ERROR_IO, "x"), SS_ERROR_IO);
}

static void long_message_is_cut(void **state)
{
    (void)state;
    char longer[2 * SS_ERROR_MESSAGE_SIZE];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    struct ss_error err = {0};
    ss_error_set(&err, SS_ERROR_IO, SS_AREA_FILE, "%s", longer);
    assert_int_equal(strlen(err.message), SS_ERROR_MESSAGE_SIZE - 1);
    ss_error_prefix(&err, SS_ERROR_IO, "%s", longer);
    assert_int_equal(strlen(err.message), SS_ERROR_MESSAGE_SIZE - 1);
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int s = SS_OK; s >= SS_ERROR_TIMEOUT; s--)
        assert_string_not_equal(ss_status_name((ss_status_t)s), "unknown status");
    assert_string_equal(ss_status_name((ss_status_t)(SS_ERROR_TIMEOUT - 1)), "unknown status");
    assert_string_equal(ss_status_name((ss_status_t)1), "unknown status");
}

static void crc32_known_answers(void **state)
{
    (void)state;
    assert_int_equal(ss_crc32(0, (const uint8_t *)"123456789", 9), 0xCBF43926);
    // otadata, ESP-IDF: sequence numbers 1 and 2.
    assert_int_equal(ss_crc32(0xFFFFFFFF, (const uint8_t[]){1, 0, 0, 0}, 4), 0x4743989A);
    assert_int_equal(ss_crc32(0xFFFFFFFF, (const uint8_t[]){2, 0, 0, 0}, 4), 0x55F63774);
}

static void ranges_do_not_overflow(void **state)
{
    (void)state;
    size_t out = 0;
    assert_true(ss_range_ok(4, 4, 8));
    assert_false(ss_range_ok(4, 5, 8));
    assert_false(ss_range_ok(SIZE_MAX, 2, 8));
    assert_true(ss_round_up(17, 16, &out));
    assert_int_equal(out, 32);
    assert_false(ss_round_up(SIZE_MAX, 16, &out));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_prefix),      cmocka_unit_test(null_error_keeps_status),
        cmocka_unit_test(long_message_is_cut), cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(crc32_known_answers), cmocka_unit_test(ranges_do_not_overflow),
    };
    return ss_test_main(argc, argv, tests);
}
