// SPDX-License-Identifier: Apache-2.0
// As much of cmocka as the kernels' tests use, for architectures that have no cmocka here: the same test files compile
// against it. A failing check prints itself and ends the program.
#ifndef SS_TESTS_CROSS_CMOCKA_H
#define SS_TESTS_CROSS_CMOCKA_H

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
    int (*set_up)(void **state);
};

#define cmocka_unit_test(f)                                                                                            \
    {                                                                                                                  \
#f, f, NULL                                                                                                    \
    }
#define cmocka_unit_test_setup(f, setup)                                                                               \
    {                                                                                                                  \
#f, f, setup                                                                                                   \
    }

#define fail_msg(...)                                                                                                  \
    do {                                                                                                               \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                                \
        fprintf(stderr, __VA_ARGS__);                                                                                  \
        fputc('\n', stderr);                                                                                           \
        exit(1);                                                                                                       \
    } while (0)

#define cmocka_check(condition, text)                                                                                  \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s", text);                                                                                      \
    } while (0)

#define print_message(...)                 cmocka_check(printf(__VA_ARGS__) >= 0, "cannot print")
#define assert_true(c)                     cmocka_check(c, #c)
#define assert_false(c)                    cmocka_check(!(c), "not " #c)
#define assert_non_null(p)                 cmocka_check((p) != NULL, #p " is NULL")
#define assert_int_equal(a, b)             cmocka_check((unsigned long long)(a) == (unsigned long long)(b), #a " != " #b)
#define assert_string_equal(a, b)          cmocka_check(strcmp(a, b) == 0, #a " != " #b)
#define assert_string_not_equal(a, b)      cmocka_check(strcmp(a, b) != 0, #a " == " #b)
#define assert_memory_equal(a, b, len)     cmocka_check(memcmp(a, b, len) == 0, #a " != " #b)
#define assert_memory_not_equal(a, b, len) cmocka_check(memcmp(a, b, len) != 0, #a " == " #b)

static const char *test_filter = "*";

static inline void cmocka_set_test_filter(const char *pattern)
{
    test_filter = pattern;
}

static inline int run_tests(const struct CMUnitTest *tests, size_t count)
{
    void *state = NULL;
    for (size_t i = 0; i < count; i++) {
        if (fnmatch(test_filter, tests[i].name, 0) != 0)
            continue;
        printf("%s\n", tests[i].name);
        if (tests[i].set_up && tests[i].set_up(&state) != 0)
            fail_msg("%s: set-up failed", tests[i].name);
        tests[i].run(&state);
    }
    return 0;
}

#define cmocka_run_group_tests(tests, group_setup, group_teardown) run_tests(tests, sizeof(tests) / sizeof *(tests))

#endif
