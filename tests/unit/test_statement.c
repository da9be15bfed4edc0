// SPDX-License-Identifier: Apache-2.0
#include "support/alloc_fault.h"
#include "support/mutate.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"

static void update_is_taken(void **state)
{
    (void)state;
    struct sample_statement set_bytes, release, delivery;
    struct ss_statement set_statement;
    struct ss_key_set set;
    struct ss_refusal why;
    struct ss_update update;
    enum ss_statement_kind which;
    sample_statement(SS_STATEMENT_KEY_SET, &set_bytes);
    sample_statement(SS_STATEMENT_RELEASE, &release);
    sample_statement(SS_STATEMENT_DELIVERY, &delivery);
    assert_int_equal(ss_statement_parse(set_bytes.bytes, set_bytes.len, &set_statement, &why), SS_OK);
    assert_int_equal(ss_key_set_parse(&set_statement, &set, &why), SS_OK);
    assert_int_equal(ss_key_set_check_roots(&set_statement, &set, &why), SS_OK);
    struct ss_key_ring ring = {&set, NULL};
    struct ss_device_view device = sample_device();
    ss_status_t status = ss_update_check(&ring, release.bytes, release.len, delivery.bytes, delivery.len, &device,
                                         &update, &which, &why);
    if (status != SS_OK)
        fail_msg("%s statement %s", ss_statement_kind_name(which), ss_reason_text(why.reason));
    printf("sizes: release %zu, delivery %zu, key set %zu\n", release.len, delivery.len, set_bytes.len);
    for (unsigned kind = 0; kind < SS_STATEMENT_KIND_COUNT; kind++) {
        struct sample_statement s;
        struct ss_statement parsed;
        sample_statement(kind, &s);
        assert_int_equal(ss_statement_parse(s.bytes, s.len, &parsed, &why), SS_OK);
        assert_int_equal(parsed.kind, kind);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_is_taken),
    };
    return ss_test_main(argc, argv, tests);
}
