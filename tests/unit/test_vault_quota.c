// SPDX-License-Identifier: Apache-2.0
// Production quotas and first articles, on either back end, also from several processes at once.
#include "vault/quota.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/unit.h"
#include "support/vault_bench.h"
#include "vault/audit.h"

static void assert_quota(struct ss_vault *vault, const char *station, bool limited, uint64_t limit, uint64_t used)
{
    struct ss_vault_quota quota;
    struct ss_error err = {0};
    assert_ok(ss_vault_quota_get(vault, station, &quota, &err), err);
    assert_true(quota.limited == limited);
    assert_int_equal(quota.limit, limit);
    assert_int_equal(quota.used, used);
}

static void test_a_device_counts_once(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    assert_quota(vault, "line-1", false, 0, 0);
    assert_ok(ss_vault_quota_set(vault, "line-1", 2, &err), err);
    assert_ok(ss_vault_quota_take(vault, "line-1", "d1", &err), err);
    assert_ok(ss_vault_quota_take(vault, "line-1", "d1", &err), err);
    assert_ok(ss_vault_quota_take(vault, "line-1", "d2", &err), err);
    assert_refused(ss_vault_quota_take(vault, "line-1", "d3", &err), SS_ERROR_NOT_PERMITTED, &err,
                   "the quota of station line-1 is spent: 2 of 2 devices");
    assert_quota(vault, "line-1", true, 2, 2);
    // A device that was counted may be tried again, at another station, too, and counts for the first.
    assert_ok(ss_vault_quota_take(vault, "line-1", "d2", &err), err);
    assert_ok(ss_vault_quota_set(vault, "line-2", 0, &err), err);
    assert_ok(ss_vault_quota_take(vault, "line-2", "d2", &err), err);
    assert_refused(ss_vault_quota_take(vault, "line-2", "d4", &err), SS_ERROR_NOT_PERMITTED, &err,
                   "the quota of station line-2 is spent: 0 of 0 devices");
    // The limit is a total: raised by one, it is good for one more.
    assert_ok(ss_vault_quota_set(vault, "line-1", 3, &err), err);
    assert_ok(ss_vault_quota_take(vault, "line-1", "d3", &err), err);
    assert_refused(ss_vault_quota_take(vault, "line-1", "d5", &err), SS_ERROR_NOT_PERMITTED, &err, "3 of 3 devices");
    // A station without a limit is counted all the same.
    assert_ok(ss_vault_quota_take(vault, "line-3", "d6", &err), err);
    assert_quota(vault, "line-3", false, 0, 1);
    ss_vault_close(vault);
    vault = vault_bench_open(url);
    assert_quota(vault, "line-1", true, 3, 3);
    assert_ok(ss_vault_audit_verify(vault, NULL, NULL, &err), err);
    ss_vault_close(vault);
}

static void test_bad_names(void **state)
{
    (void)state;
    const char *url;
    struct ss_error err = {0};
    struct ss_vault_quota quota;
    struct ss_vault *vault = vault_bench_create(&url);
    assert_int_equal(ss_vault_quota_set(vault, "line 1", 2, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_vault_quota_set(vault, "line-1", UINT64_MAX, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_vault_quota_take(vault, "", "d1", &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_vault_quota_take(vault, "line-1", "d/1", &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_vault_quota_get(vault, "'", &quota, &err), SS_ERROR_INVALID_ARGUMENT);
    ss_vault_close(vault);
}

/// One station among several: takes until it is refused; exits with the number it got.
static void take_all(const char *url, int station)
{
    struct ss_error err = {0};
    struct ss_vault_options options = vault_bench_options();
    struct ss_vault *vault;
    int got = 0;
    if (ss_vault_open(url, &options, &vault, &err) != SS_OK)
        _exit(100);
    for (int i = 0; i < 8; i++) {
        char device[32];
        snprintf(device, sizeof device, "s%d-d%d", station, i);
        ss_status_t status = ss_vault_quota_take(vault, "line-1", device, &err);
        if (status != SS_OK && status != SS_ERROR_NOT_PERMITTED)
            _exit(101);
        got += status == SS_OK;
    }
    ss_vault_close(vault);
    _exit(got);
}

static void test_stations_at_once_do_not_overrun(void **state)
{
    (void)state;
    enum { STATIONS = 4, LIMIT = 13 };
    const char *url;
    int total = 0;
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    assert_ok(ss_vault_quota_set(vault, "line-1", LIMIT, &err), err);
    ss_vault_close(vault);
    for (int s = 0; s < STATIONS; s++)
        if (fork() == 0)
            take_all(url, s);
    for (int s = 0; s < STATIONS; s++) {
        int result;
        assert_true(wait(&result) > 0);
        assert_true(WIFEXITED(result) && WEXITSTATUS(result) < 100);
        total += WEXITSTATUS(result);
    }
    assert_int_equal(total, LIMIT);
    vault = vault_bench_open(url);
    assert_quota(vault, "line-1", true, LIMIT, LIMIT);
    ss_vault_close(vault);
}

#define RECIPE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_the_first_article_stays(void **state)
{
    (void)state;
    const char *url;
    char device[SS_VAULT_NAME_SIZE];
    struct ss_error err = {0};
    struct ss_vault *vault = vault_bench_create(&url);
    assert_refused(ss_vault_first_article_get(vault, RECIPE, device, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "no device has been made by this recipe yet");
    assert_ok(ss_vault_first_article_set(vault, RECIPE, "d1", &err), err);
    assert_ok(ss_vault_first_article_set(vault, RECIPE, "d2", &err), err);
    assert_ok(ss_vault_first_article_get(vault, RECIPE, device, &err), err);
    assert_string_equal(device, "d1");
    assert_int_equal(ss_vault_first_article_set(vault, "0011", "d1", &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_vault_first_article_set(vault, RECIPE, "", &err), SS_ERROR_INVALID_ARGUMENT);
    ss_vault_close(vault);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_device_counts_once),
        cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_stations_at_once_do_not_overrun),
        cmocka_unit_test(test_the_first_article_stays),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
