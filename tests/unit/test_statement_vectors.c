// SPDX-License-Identifier: Apache-2.0
// Statements that the second implementation made: those of every kind, and those that must not be read.
#include "support/statement_again.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <string.h>

static void expect_kind(const struct vector *v, const struct ss_statement *s)
{
    const char *kind = vector_text(v, "kind");
    assert_string_equal(s->kind == SS_STATEMENT_KEY_SET ? "key-set" : ss_statement_kind_name(s->kind), kind);
}

static void expect_signatures(const struct vector *v, const struct ss_statement *s)
{
    struct ss_refusal why;
    struct ss_key_set set;
    unsigned count;
    if (vector_has(v, "key")) {
        assert_int_equal(ss_statement_verify(s, sample_public_key((unsigned)vector_number(v, "key")), &why), SS_OK);
        return;
    }
    assert_int_equal(ss_key_set_parse(s, &set, &why), SS_OK);
    assert_int_equal(ss_key_set_check_roots(s, &set, &why), SS_OK);
    assert_int_equal(ss_key_set_count_roots(s, &set, &count, NULL, &why), SS_OK);
    assert_int_equal(count, vector_number(v, "roots"));
}

static void run_vector(const struct vector *v)
{
    uint8_t in[SS_STATEMENT_MAX], again[SS_STATEMENT_MAX], reference[SS_STATEMENT_DIGEST_SIZE], expected[32];
    size_t len = vector_bytes(v, "statement", in, sizeof in), again_len;
    struct ss_statement s;
    struct ss_refusal why = {SS_REASON_NONE, 0};
    ss_status_t status = ss_statement_parse(in, len, &s, &why);
    if (status == SS_OK)
        status = statement_again(&s, again, &again_len, &why);
    if (vector_has(v, "refused")) {
        assert_int_equal(status, SS_ERROR_DATA_INVALID);
        assert_string_equal(ss_reason_name(why.reason), vector_text(v, "refused"));
        assert_int_equal(why.offset, vector_number(v, "at"));
        return;
    }
    if (status != SS_OK)
        fail_msg("%s at %u", ss_reason_name(why.reason), why.offset);
    expect_kind(v, &s);
    assert_int_equal(again_len, len);
    assert_memory_equal(again, in, len);
    assert_int_equal(ss_statement_reference(&s, reference), SS_OK);
    assert_int_equal(vector_bytes(v, "reference", expected, sizeof expected), sizeof expected);
    assert_memory_equal(reference, expected, sizeof expected);
    expect_signatures(v, &s);
}

static void vectors(void **state)
{
    (void)state;
    assert_true(vectors_run("statement.data", run_vector) >= 70);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors)};
    return ss_test_main(argc, argv, tests);
}
