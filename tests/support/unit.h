// SPDX-License-Identifier: Apache-2.0
// What every unit test includes first: cmocka with its required headers, and the main function.
#ifndef SS_TESTS_UNIT_H
#define SS_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "slotseal/error.h"

/// Fails with the error's own words.
#define assert_ok(call, err)                                                                                           \
    do {                                                                                                               \
        ss_status_t assert_ok_status = (call);                                                                         \
        if (assert_ok_status != SS_OK)                                                                                 \
            fail_msg("%s: %s (%s)", #call, ss_status_name(assert_ok_status), (err).message);                           \
    } while (0)

/// The body of main(): without arguments all tests, with one those whose name matches it (* and ? as wildcards).
#define ss_test_main(argc, argv, tests)                                                                                \
    ((argc) > 1 ? cmocka_set_test_filter((argv)[1]) : (void)0, cmocka_run_group_tests(tests, NULL, NULL))

#endif
