// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"
#include "support/vectors.h"

#include <string.h>

#include "core/cbor.h"

static enum ss_reason reason_named(const char *name)
{
    for (unsigned i = 0; i < SS_REASON_COUNT; i++)
        if (strcmp(ss_reason_name(i), name) == 0)
            return i;
    fail_msg("no reason is called %s", name);
    return SS_REASON_NONE;
}

// Reads one item of the type that the vector names, over the whole range of that type.
static uint64_t read_as(const char *type, struct ss_cbor_reader *r, struct ss_span *span)
{
    *span = (struct ss_span){NULL, 0};
    if (strcmp(type, "uint") == 0)
        return ss_cbor_uint(r, 0, UINT64_MAX);
    if (strcmp(type, "small") == 0)
        return ss_cbor_u32(r, 2, 100);
    if (strcmp(type, "positive") == 0)
        return ss_cbor_positive(r);
    if (strcmp(type, "aligned") == 0)
        return ss_cbor_multiple(r, 16, 16, 4096);
    if (strcmp(type, "minus-7") == 0)
        ss_cbor_negative(r, 6);
    else if (strcmp(type, "bytes") == 0)
        *span = ss_cbor_bytes(r, 0, 300);
    else if (strcmp(type, "four") == 0)
        *span = (struct ss_span){ss_cbor_fixed(r, 4), 4};
    else if (strcmp(type, "text") == 0)
        *span = ss_cbor_text(r, 1, 8);
    else if (strcmp(type, "name") == 0)
        *span = ss_cbor_name(r, 8);
    else if (strcmp(type, "array") == 0)
        return ss_cbor_array(r, 1, 3);
    else if (strcmp(type, "tag-98") == 0)
        ss_cbor_tag(r, 98);
    else
        fail_msg("no reader for %s", type);
    return 0;
}

static void run_vector(const struct vector *v)
{
    uint8_t in[400];
    struct ss_cbor_reader r;
    struct ss_span span;
    struct ss_refusal why = {SS_REASON_NONE, 0};
    size_t len = vector_bytes(v, "in", in, sizeof in);
    ss_cbor_reader_init(&r, in, len);
    uint64_t value = read_as(vector_text(v, "as"), &r, &span);
    ss_cbor_end(&r);
    if (vector_has(v, "refused")) {
        assert_int_equal(ss_cbor_status(&r, in, &why), SS_ERROR_DATA_INVALID);
        assert_string_equal(ss_reason_name(why.reason), ss_reason_name(reason_named(vector_text(v, "refused"))));
        assert_int_equal(why.offset, vector_number(v, "at"));
        assert_int_equal(ss_cbor_status(&r, in, NULL), SS_ERROR_DATA_INVALID);
        return;
    }
    if (ss_cbor_status(&r, in, &why) != SS_OK)
        fail_msg("%s at %u", ss_reason_name(why.reason), why.offset);
    if (vector_has(v, "value"))
        assert_int_equal(value, vector_number(v, "value"));
    if (vector_has(v, "content")) {
        uint8_t content[400];
        size_t content_len = vector_bytes(v, "content", content, sizeof content);
        assert_int_equal(span.len, content_len);
        assert_memory_equal(span.p, content, content_len);
    }
}

static void vectors(void **state)
{
    (void)state;
    assert_true(vectors_run("cbor.data", run_vector) > 40);
}

static void written_is_read(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 23, 24, 255, 256, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x100000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint8_t out[9];
        struct ss_cbor_writer w = {out, sizeof out, 0};
        struct ss_cbor_reader r;
        ss_cbor_put_uint(&w, values[i]);
        ss_cbor_reader_init(&r, out, w.len);
        assert_int_equal(ss_cbor_uint(&r, values[i], values[i]), values[i]);
        ss_cbor_end(&r);
        assert_int_equal(r.reason, SS_REASON_NONE);
    }
}

static void what_does_not_fit_is_counted(void **state)
{
    (void)state;
    uint8_t out[4] = {0};
    struct ss_cbor_writer w = {out, sizeof out, 0}, measure = {NULL, 0, 0};
    ss_cbor_put_array(&w, 2);
    ss_cbor_put_bytes(&w, "abcdef", 6);
    ss_cbor_put_uint(&w, 1); // would fit, but after what did not
    assert_int_equal(w.len, 9);
    assert_int_equal(out[2], 0);
    ss_cbor_put_array(&measure, 2);
    ss_cbor_put_bytes(&measure, "abcdef", 6);
    ss_cbor_put_uint(&measure, 1);
    assert_int_equal(measure.len, 9);
}

static struct ss_cbor_reader read_map(const uint8_t *in, size_t len)
{
    struct ss_cbor_reader r;
    ss_cbor_reader_init(&r, in, len);
    ss_cbor_map(&r);
    ss_cbor_need(&r, 1);
    (void)ss_cbor_uint(&r, 0, 9);
    if (ss_cbor_has(&r, 2))
        (void)ss_cbor_uint(&r, 0, 9);
    ss_cbor_need(&r, 3);
    (void)ss_cbor_uint(&r, 0, 9);
    ss_cbor_map_end(&r);
    ss_cbor_end(&r);
    return r;
}

static void maps_have_one_order(void **state)
{
    (void)state;
    static const struct {
        uint8_t in[10];
        uint8_t len;
        enum ss_reason reason;
        uint8_t at;
    } cases[] = {
        {{0xA2, 1, 7, 3, 7}, 5, SS_REASON_NONE, 0},
        {{0xA3, 1, 7, 2, 7, 3, 7}, 7, SS_REASON_NONE, 0},
        {{0xA2, 3, 7, 1, 7}, 5, SS_REASON_FIELD_MISSING, 1},       // the wrong order
        {{0xA3, 1, 7, 1, 7, 3, 7}, 7, SS_REASON_FIELD_UNKNOWN, 3}, // twice
        {{0xA3, 1, 7, 3, 7, 2, 7}, 7, SS_REASON_FIELD_UNKNOWN, 5}, // the optional one too late
        {{0xA3, 1, 7, 3, 7, 4, 7}, 7, SS_REASON_FIELD_UNKNOWN, 5}, // one more
        {{0xA3, 0, 7, 1, 7, 3, 7}, 7, SS_REASON_FIELD_UNKNOWN, 1}, // one before
        {{0xA1, 1, 7}, 3, SS_REASON_FIELD_MISSING, 3},             // ends early
        {{0xA2, 1, 7}, 3, SS_REASON_TRUNCATED, 3},                 // says two, has one
        {{0xA2, 1, 7, 3, 7, 9}, 6, SS_REASON_TRAILING, 5},         // bytes behind
        {{0xA3, 1, 7, 2, 7, 3}, 6, SS_REASON_TRUNCATED, 6},        // a value is missing
        {{0xA2, 0x18, 1, 7, 3, 7}, 6, SS_REASON_FIELD_MISSING, 1}, // a key in a longer form
        {{0xBF, 1, 7, 3, 7, 0xFF}, 6, SS_REASON_NOT_DETERMINISTIC, 0},
        {{0xB8, 2, 1, 7, 3, 7}, 6, SS_REASON_NOT_DETERMINISTIC, 0},
        {{0xB8, 24, 1, 7}, 4, SS_REASON_RANGE, 0},
        {{0xA3, 1, 7, 3, 7}, 5, SS_REASON_TRUNCATED, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_cbor_reader r = read_map(cases[i].in, cases[i].len);
        if (r.reason != cases[i].reason || (r.reason && r.fault - cases[i].in != cases[i].at))
            fail_msg("case %zu: %s at %d", i, ss_reason_name(r.reason), r.reason ? (int)(r.fault - cases[i].in) : 0);
    }
}

static void after_a_fault_nothing_is_read(void **state)
{
    (void)state;
    static const uint8_t in[] = {0x60, 0x01, 0x41, 0x00, 0xA1, 0x01, 0x02};
    struct ss_cbor_reader r;
    ss_cbor_reader_init(&r, in, sizeof in);
    assert_int_equal(ss_cbor_uint(&r, 0, 9), 0);
    assert_int_equal(r.reason, SS_REASON_TYPE);
    assert_int_equal(ss_cbor_uint(&r, 0, 9), 0);
    assert_null(ss_cbor_fixed(&r, 1));
    assert_null(ss_cbor_text(&r, 0, 9).p);
    assert_null(ss_cbor_name(&r, 9).p);
    assert_int_equal(ss_cbor_array(&r, 0, 9), 0);
    ss_cbor_map(&r);
    assert_false(ss_cbor_has(&r, 1));
    ss_cbor_need(&r, 1);
    ss_cbor_fail(&r, SS_REASON_KIND);
    assert_int_equal(r.reason, SS_REASON_TYPE);
    assert_ptr_equal(r.fault, in);
}

static void an_empty_span_can_be_read(void **state)
{
    (void)state;
    struct ss_cbor_reader r;
    ss_cbor_reader_init(&r, NULL, 0);
    ss_cbor_end(&r);
    assert_int_equal(r.reason, SS_REASON_NONE);
    (void)ss_cbor_uint(&r, 0, 9);
    assert_int_equal(r.reason, SS_REASON_TRUNCATED);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(written_is_read),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(maps_have_one_order),
        cmocka_unit_test(after_a_fault_nothing_is_read),
        cmocka_unit_test(an_empty_span_can_be_read),
    };
    return ss_test_main(argc, argv, tests);
}
