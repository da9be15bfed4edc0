// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <string.h>

#include "core/slip.h"
#include "support/vectors.h"

/// Frames that come out of @p line; the last one stays in @p slip.
static unsigned take_all(struct ss_slip *slip, const char *line, size_t len)
{
    unsigned frames = 0;
    for (size_t i = 0; i < len; i++)
        frames += ss_slip_take(slip, (uint8_t)line[i]);
    return frames;
}
#define TAKE(slip, line) take_all(slip, line, sizeof(line) - 1)

static void frames_come_out_as_they_went_in(void **state)
{
    (void)state;
    uint8_t frame[600], in[256], line[SS_SLIP_ENCODED_MAX(256)];
    struct ss_slip slip = {.frame = frame, .size = sizeof frame};
    for (unsigned i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)i;
    size_t len = ss_slip_encode(in, sizeof in, line);
    assert_int_equal(len, 256 + 2 + 2); // two bytes of 256 are escaped
    for (size_t i = 0; i < len; i++)
        assert_int_equal(ss_slip_take(&slip, line[i]), i + 1 == len);
    assert_int_equal(slip.len, sizeof in);
    assert_memory_equal(frame, in, sizeof in);
}

static void only_whole_frames_count(void **state)
{
    (void)state;
    uint8_t frame[4];
    struct ss_slip slip = {.frame = frame, .size = sizeof frame};
    assert_int_equal(TAKE(&slip, "noise\xC0\xC0\xC0"), 0);
    assert_int_equal(TAKE(&slip, "a\xDB\xDC\xDB\xDD\xC0"), 1);
    assert_int_equal(slip.len, 3);
    assert_memory_equal(frame, "a\xC0\xDB", 3);
    // A wrong escape, an escape that nothing follows, and one byte too many.
    assert_int_equal(TAKE(&slip, "\xC0 ab\xDBxcd\xC0"), 0);
    assert_int_equal(TAKE(&slip, "\xC0 ab\xDB\xC0"), 0);
    assert_int_equal(TAKE(&slip, "\xC0"
                                 "12345"
                                 "\xC0"),
                     0);
    assert_int_equal(TAKE(&slip, "\xC0"
                                 "1234"
                                 "\xC0"),
                     1);
    assert_memory_equal(frame, "1234", 4);
    TAKE(&slip, "\xC0"
                "12");
    ss_slip_reset(&slip);
    assert_int_equal(TAKE(&slip, "34\xC0"
                                 "5\xC0"),
                     1);
    assert_int_equal(slip.len, 1);
    assert_int_equal(frame[0], '5');
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_as_they_went_in),
        cmocka_unit_test(only_whole_frames_count),
    };
    return ss_test_main(argc, argv, tests);
}
