// SPDX-License-Identifier: Apache-2.0
// Whole provisionings in one process: both procedures, all levels and schemes of secure boot, both codings; and chips,
// images and stores that are refused.
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "support/provision_bench.h"
#include "support/sample_image.h"

static struct ss_error err;

static void run_all(const struct pb_options *o)
{
    struct pb *b = pb_new(o);
    if (pb_provision(b, false) != SS_OK)
        fail_msg("kind %d, level %d, secure boot %d, coding %d: %s\n%s", o->kind, o->level, o->secure_boot, o->coding,
                 b->err.message, b->log);
    assert_int_equal(b->rehearsal.boot.outcome, SS_OUTCOME_APP);
    assert_int_equal(b->confirmations, 1);
    assert_true(b->vault.finished);
    pb_expect_provisioned(b);
    // The same call again finds everything done and burns nothing.
    struct ss_efuse before = *b->chip->silicon;
    if (!o->uart_disable) {
        assert_ok(pb_provision(b, false), b->err);
        assert_memory_equal(&before, b->chip->silicon, sizeof before);
        assert_int_equal(b->confirmations, 1);
    }
    pb_free(b);
}

static void every_combination_ends_with_a_chip_that_boots(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 32; n++) {
        struct pb_options o = {.kind = (enum ss_procedure_kind)(n & 1),
                               .level = (enum ss_procedure_level)(n >> 1 & 1),
                               .secure_boot = (enum ss_secure_boot_scheme)(n >> 2 & 3),
                               .coding = (enum ss_efuse_coding)(n >> 4)};
        o.release_profile = o.level == SS_LEVEL_RELEASE;
        if (o.secure_boot == SS_SECURE_BOOT_V2 && o.coding)
            continue;
        run_all(&o);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_ends_with_a_chip_that_boots),
    };
    (void)err;
    return ss_test_main(argc, argv, tests);
}
