// SPDX-License-Identifier: Apache-2.0
// Whether the store can be written, as /readyz asks.
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "server/store_internal.h"

static uint64_t commits(struct ss_store *store)
{
    struct ss_store_counts counts;
    struct ss_error err = {0};
    assert_ok(ss_store_count(store, &counts, &err), err);
    return counts.commits;
}

/// However often it is asked, it writes once in a while, and not where others do.
static void test_asking_hardly_writes(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    uint64_t before = commits(store);
    for (int i = 0; i < 1000; i++)
        assert_ok(ss_store_writable(store, &err), err);
    assert_int_equal(commits(store) - before, 1);
    ss_store_close(store);
    store = store_bench_create(NULL);
    store_bench_devices(store, 1);
    before = commits(store);
    assert_ok(ss_store_writable(store, &err), err);
    assert_int_equal(commits(store), before);
    ss_store_close(store);
}

static const char disconnect[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                                 "current_database() AND pid <> pg_backend_pid()";

static void run_script(const char *url, const char *text)
{
    struct ss_sql *db;
    struct ss_error err = {0};
    assert_ok(ss_sql_open(url, &ss_store_place, false, 1000, &db, &err), err);
    assert_ok(ss_sql_script(db, text, &err), err);
    ss_sql_close(db);
}

/// SQLite's files may not grow; PostgreSQL's database is only read from now on, as a standby's.
static void forbid(const char *url)
{
    if (vault_bench_is_sqlite()) {
        struct rlimit limit;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = 0;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        return;
    }
    run_script(url, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', "
                    "current_database()); END $$");
    run_script(url, disconnect);
}

static void allow(const char *url)
{
    if (vault_bench_is_sqlite()) {
        struct rlimit limit;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        return;
    }
    run_script(url, "SET transaction_read_only = off; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET "
                    "default_transaction_read_only', current_database()); END $$");
    run_script(url, disconnect);
}

/// Five seconds are given to it.
static bool becomes(struct ss_store *store, bool writable)
{
    struct ss_error err = {0};
    bool is = !writable;
    for (int i = 0; i < 100 && is != writable; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        is = ss_store_writable(store, &err) == SS_OK;
    }
    return is == writable;
}

static void test_a_store_that_is_full(void **state)
{
    (void)state;
    const char *url;
    const struct ss_store_options options = {.probe_seconds = 1};
    struct ss_store *store;
    struct ss_error err = {0};
    ss_store_close(store_bench_create(&url));
    assert_ok(ss_store_open(url, false, &options, &store, &err), err);
    store_bench_devices(store, 1);
    signal(SIGXFSZ, SIG_IGN);
    for (int by_a_write = 0; by_a_write < 2; by_a_write++) {
        struct ss_store_device d;
        forbid(url);
        if (by_a_write) // what others find out is known at once
            assert_int_equal(ss_store_product_add_opaque(store, "gateway", &err), SS_ERROR_IO);
        else
            assert_true(becomes(store, false));
        assert_refused(ss_store_writable(store, &err), SS_ERROR_IO, &err,
                       vault_bench_is_sqlite() ? "sqlite: " : "read-only transaction");
        assert_ok(ss_store_ping(store, &err), err);
        assert_ok(ss_store_device_get(store, "d1", &d, &err), err);
        allow(url);
        assert_true(becomes(store, true));
        store_bench_devices(store, 1);
    }
    ss_store_close(store);
}

/// Who asks is not kept waiting by a writer who waits for another.
static void test_a_store_that_is_locked(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    struct ss_sql *other;
    struct ss_error err = {0};
    assert_ok(ss_sql_open(url, &ss_store_place, false, 1000, &other, &err), err);
    assert_ok(ss_sql_begin(other, SS_SQL_WRITE, &err), err);
    time_t start = time(NULL);
    assert_refused(ss_store_writable(store, &err), SS_ERROR_IO, &err, "a write has been waiting for 2 s");
    assert_in_range(time(NULL) - start, 1, 4);
    ss_sql_rollback(other);
    ss_sql_close(other);
    assert_true(becomes(store, true));
    ss_store_close(store);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asking_hardly_writes),
        cmocka_unit_test(test_a_store_that_is_full),
        cmocka_unit_test(test_a_store_that_is_locked),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
