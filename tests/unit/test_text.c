// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "device/text.h"
#include "support/unit.h"

static void puts_together(void **state)
{
    (void)state;
    char room[100];
    struct ss_text t = ss_text_in(room, sizeof room);
    ss_text_add(&t, "a=");
    ss_text_number(&t, 0);
    ss_text_add(&t, " b=");
    ss_text_number(&t, UINT64_MAX);
    ss_text_add(&t, " c=");
    ss_text_hex(&t, (const uint8_t[]){0, 0xA9, 0xFF}, 3);
    ss_text_add(&t, " d=");
    ss_text_json(&t, "x\"\\\n\x7F\xC3 ~", 8);
    assert_string_equal(room, "a=0 b=18446744073709551615 c=00a9ff d=x????? ~");
    assert_int_equal(t.len, strlen(room));
    assert_false(t.full);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *text;
    } cases[] = {{9, "9"},
                 {10, "10"},
                 {65535, "65535"},
                 {65536, "65536"},
                 {4294967296u, "4294967296"},
                 {9007199254740991u, "9007199254740991"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char room[24];
        struct ss_text t = ss_text_in(room, sizeof room);
        ss_text_number(&t, cases[i].value);
        assert_string_equal(room, cases[i].text);
    }
}

// What does not fit leaves out the whole piece, and all that follow.
static void is_full(void **state)
{
    (void)state;
    char room[6];
    struct ss_text t = ss_text_in(room, sizeof room);
    ss_text_add(&t, "12345");
    assert_false(t.full);
    ss_text_add(&t, "");
    assert_false(t.full);
    ss_text_add(&t, "6");
    assert_true(t.full);
    assert_string_equal(room, "12345");
    t = ss_text_in(room, sizeof room);
    ss_text_add(&t, "123456");
    assert_true(t.full);
    ss_text_add(&t, "1");
    assert_string_equal(room, "");
    t = ss_text_in(room, 1);
    ss_text_number(&t, 7);
    assert_true(t.full);
    assert_string_equal(room, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(puts_together), cmocka_unit_test(numbers),
                                       cmocka_unit_test(is_full)};
    return ss_test_main(argc, argv, tests);
}
