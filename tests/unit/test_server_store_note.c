// SPDX-License-Identifier: Apache-2.0
// That devices download: noted a little later, together, and never at the cost of what they report.
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/store_internal.h"

/// What one entry is counted as whose only message is IMAGE.
#define ENTRY_BYTES (SS_STORE_STATUS_BYTES + sizeof IMAGE)
#define IMAGE       "ota_1.bin"

static void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static struct ss_store_counts counts_of(struct ss_store *store)
{
    struct ss_store_counts counts;
    struct ss_error err = {0};
    assert_ok(ss_store_count(store, &counts, &err), err);
    return counts;
}

static int64_t number(const char *url, const char *query)
{
    struct ss_sql *db;
    struct ss_error err = {0};
    int64_t out;
    assert_ok(ss_sql_open(url, &ss_store_place, false, 1000, &db, &err), err);
    assert_ok(ss_store_number(db, query, NULL, 0, -1, &out, &err), err);
    ss_sql_close(db);
    return out;
}

/// Actions of "d1" …, all for one release.
static void assign_all(struct ss_store *store, int64_t *actions, unsigned count)
{
    char id[16];
    store_bench_devices(store, count);
    int64_t release = store_bench_release(store, "1.0");
    for (unsigned i = 0; i < count; i++) {
        snprintf(id, sizeof id, "d%u", i + 1);
        actions[i] = store_bench_assign(store, id, release);
    }
}

static void proceed(struct ss_store *store, const char *device, int64_t action)
{
    struct ss_error err = {0};
    assert_ok(store_bench_report(store, device, action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_PROCEEDING,
                                 SS_STORE_FINISHED_NONE, &err),
              err);
}

static ss_status_t count_download(void *context, const struct ss_store_status *status, struct ss_error *err)
{
    (void)err;
    *(unsigned *)context += status->state == SS_STORE_DOWNLOAD;
    return SS_OK;
}

/// How many downloads are in an action's history.
static unsigned downloads(struct ss_store *store, int64_t action)
{
    unsigned count = 0;
    struct ss_error err = {0};
    assert_ok(ss_store_status_list(store, action, 0, count_download, &count, &err), err);
    return count;
}

struct told {
    char text[256]; ///< the messages of downloads, newest first: "a; a " for an entry each
    int64_t time;   ///< of the oldest one
};

static ss_status_t tell(void *context, const struct ss_store_status *status, struct ss_error *err)
{
    struct told *told = context;
    (void)err;
    if (status->state != SS_STORE_DOWNLOAD)
        return SS_OK;
    told->time = status->time;
    for (size_t i = 0; i < status->message_count; i++) {
        size_t len = strlen(told->text);
        snprintf(told->text + len, sizeof told->text - len, "%s%s", i ? ", " : len ? "; " : "", status->messages[i]);
    }
    return SS_OK;
}

static struct told told_of(struct ss_store *store, int64_t action)
{
    struct told told = {0};
    struct ss_error err = {0};
    assert_ok(ss_store_status_list(store, action, 0, tell, &told, &err), err);
    return told;
}

/// An entry for each, but neither a transaction nor statements of its own; by itself after a while.
static void test_downloads_ride_along(void **state)
{
    (void)state;
    enum { DEVICES = 40 }; // several statements, the last one not full
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    struct ss_error err = {0};
    int64_t actions[DEVICES];
    char id[16];
    assign_all(store, actions, DEVICES);
    uint64_t before = counts_of(store).commits;
    for (unsigned i = 0; i < DEVICES; i++) {
        snprintf(id, sizeof id, "d%u", i + 1);
        ss_store_action_downloading(store, id, actions[i], IMAGE);
    }
    assert_int_equal(counts_of(store).queued, DEVICES);
    proceed(store, "d1", actions[0]);
    assert_int_equal(counts_of(store).commits - before, 1);
    for (unsigned i = 0; i < DEVICES; i++) {
        assert_string_equal(store_bench_history(store, actions[i]),
                            i ? "running download" : "running download running");
        assert_string_equal(told_of(store, actions[i]).text, IMAGE);
        assert_int_equal(store_bench_action(store, actions[i]).last, i ? SS_STORE_DOWNLOAD : SS_STORE_RUNNING);
    }
    ss_store_action_downloading(store, "d1", actions[0], IMAGE);
    for (unsigned i = 0; i < 500 && downloads(store, actions[0]) == 1; i++)
        pause_ms(20);
    assert_int_equal(downloads(store, actions[0]), 2);
    assert_int_equal(counts_of(store).queued, 0);
    // At the latest when the store is closed.
    ss_store_action_downloading(store, "d1", actions[0], IMAGE);
    ss_store_close(store);
    store = store_bench_open(url);
    assert_int_equal(downloads(store, actions[0]), 3);
    // Not of an action that is over, not of another's, not of one that is not there; beside one that is noted.
    assert_ok(ss_store_cancel(store, actions[0], true, "ann", &err), err);
    ss_store_action_downloading(store, "d1", actions[0], IMAGE);
    ss_store_action_downloading(store, "d1", actions[1], IMAGE);
    ss_store_action_downloading(store, "d1", actions[DEVICES - 1] + 1, IMAGE);
    ss_store_action_downloading(store, "d3", actions[2], IMAGE);
    ss_store_close(store);
    store = store_bench_open(url);
    assert_int_equal(downloads(store, actions[0]), 3);
    assert_int_equal(store_bench_action(store, actions[0]).last, SS_STORE_CANCELED);
    assert_int_equal(downloads(store, actions[1]), 1);
    assert_int_equal(downloads(store, actions[2]), 2);
    proceed(store, "d3", actions[2]); // the entries are numbered on
    assert_string_equal(store_bench_history(store, actions[2]), "running download download running");
    ss_store_close(store);
}

/// Those that say the same become one, of the time of the first; not beyond a report, behind which they happened.
static void test_repeated_downloads_are_one(void **state)
{
    (void)state;
    enum { TIMES = 10 };
    struct ss_store *store = store_bench_create(NULL);
    int64_t actions[2];
    assign_all(store, actions, 2);
    int64_t before = ss_store_now();
    for (unsigned i = 0; i < TIMES; i++)
        ss_store_action_downloading(store, "d1", actions[0], IMAGE);
    int64_t after = ss_store_now();
    ss_store_action_downloading(store, "d2", actions[1], IMAGE);
    assert_int_equal(counts_of(store).queued, 2);
    pause_ms(1100);
    proceed(store, "d1", actions[0]);
    assert_string_equal(store_bench_history(store, actions[0]), "running download running");
    struct told told = told_of(store, actions[0]);
    assert_string_equal(told.text, IMAGE ", 10 times");
    assert_true(told.time >= before && told.time <= after);
    assert_string_equal(told_of(store, actions[1]).text, IMAGE);
    // Several files of one action in turns, as opaque releases have them.
    for (unsigned i = 0; i < 2; i++) {
        ss_store_action_downloading(store, "d1", actions[0], "app.bin");
        ss_store_action_downloading(store, "d2", actions[1], "app.bin");
        ss_store_action_downloading(store, "d1", actions[0], "web.bin");
    }
    ss_store_action_downloading(store, "d1", actions[0], "map.bin");
    proceed(store, "d1", actions[0]);
    ss_store_action_downloading(store, "d1", actions[0], "app.bin");
    proceed(store, "d1", actions[0]);
    assert_string_equal(store_bench_history(store, actions[0]),
                        "running download running download download download running download running");
    assert_string_equal(told_of(store, actions[0]).text,
                        "app.bin; map.bin; web.bin, 2 times; app.bin, 2 times; " IMAGE ", 10 times");
    assert_string_equal(told_of(store, actions[1]).text, "app.bin, 2 times; " IMAGE);
    ss_store_close(store);
}

/// However many are written together, each has its own action's and device's limits.
static void test_limits_hold_for_each(void **state)
{
    (void)state;
    enum { DEVICES = 3 };
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    int64_t actions[DEVICES], other;
    assign_all(store, actions, DEVICES);
    // The second device has another action that takes its part.
    other = store_bench_assign(store, "d2", store_bench_release(store, "2.0"));
    uint64_t of_action = (uint64_t)number(url, "SELECT bytes FROM actions WHERE device = 'd1'") + 2 * ENTRY_BYTES;
    uint64_t of_device =
        (uint64_t)number(url, "SELECT CAST(sum(bytes) AS BIGINT) FROM actions WHERE device = 'd2'") + ENTRY_BYTES;
    assert_true(of_device > of_action);
    ss_store_set_history(store, of_action, of_device);
    for (unsigned round = 0; round < 4; round++) {
        ss_store_action_downloading(store, "d1", actions[0], IMAGE);
        ss_store_action_downloading(store, "d2", other, IMAGE);
        ss_store_action_downloading(store, "d3", actions[2], IMAGE);
        struct ss_error err = {0};
        (void)!store_bench_report(store, "d1", actions[0], SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_REJECTED,
                                  SS_STORE_FINISHED_NONE, &err); // refused, but what waits is written with it
    }
    assert_int_equal(downloads(store, actions[0]), 2);
    assert_int_equal(downloads(store, other), 1);
    assert_int_equal(downloads(store, actions[2]), 2);
    assert_int_equal(number(url, "SELECT count(*) FROM actions WHERE bytes <> (SELECT "
                                 "sum(length(messages) + 64) FROM statuses WHERE action = id)"),
                     0);
    assert_int_equal(number(url, "SELECT count(*) FROM actions WHERE statuses <> (SELECT max(number) FROM "
                                 "statuses WHERE action = id)"),
                     0);
    ss_store_set_history(store, of_action + ENTRY_BYTES - 1, 0);
    ss_store_action_downloading(store, "d1", actions[0], IMAGE);
    ss_store_close(store);
    store = store_bench_open(url);
    assert_int_equal(downloads(store, actions[0]), 2);
    ss_store_set_history(store, of_action + ENTRY_BYTES, 0);
    ss_store_action_downloading(store, "d1", actions[0], IMAGE);
    ss_store_close(store);
    store = store_bench_open(url);
    assert_int_equal(downloads(store, actions[0]), 3);
    ss_store_close(store);
}

/// While the database does not answer, what waits is bounded; reports are not what is dropped.
static void test_too_many_are_forgotten(void **state)
{
    (void)state;
    enum { ENOUGH = 2048, WAITING = 4096 };
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    struct ss_error err = {0};
    struct ss_sql *other;
    int64_t action;
    char file[32];
    assign_all(store, &action, 1);
    assert_ok(ss_sql_open(url, &ss_store_place, false, 1000, &other, &err), err);
    assert_ok(ss_sql_begin(other, SS_SQL_WRITE, &err), err);
    for (unsigned i = 0; i < ENOUGH; i++) {
        snprintf(file, sizeof file, "%u.bin", i);
        ss_store_action_downloading(store, "d1", action, file);
    }
    for (unsigned i = 0; i < 500 && counts_of(store).queued; i++)
        pause_ms(5); // until the writer has taken them
    for (unsigned i = 0; i < WAITING + ENOUGH; i++) {
        snprintf(file, sizeof file, "%u.bin", i);
        ss_store_action_downloading(store, "d1", action, file);
    }
    assert_int_equal(counts_of(store).queued, WAITING);
    ss_sql_rollback(other);
    ss_sql_close(other);
    assert_ok(store_bench_report(store, "d1", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                 SS_STORE_FINISHED_SUCCESS, &err),
              err);
    assert_int_equal(store_bench_action(store, action).state, SS_STORE_FINISHED);
    assert_int_equal(downloads(store, action), SS_STORE_STATUSES_MAX - 1); // the quota, which the end may exceed
    ss_store_close(store);
}

/// A download that another node's report has overtaken stands behind it in the history, with its own time; what the
/// action was told last is the report.
static void test_another_node_is_quicker(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *here = store_bench_create(&url), *there = store_bench_open(url);
    int64_t action;
    struct ss_error err = {0};
    assign_all(here, &action, 1);
    ss_store_action_downloading(here, "d1", action, IMAGE);
    int64_t began = ss_store_now();
    while (ss_store_now() == began)
        pause_ms(20);
    assert_ok(store_bench_report(there, "d1", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_DOWNLOADED,
                                 SS_STORE_FINISHED_NONE, &err),
              err);
    store_bench_devices(here, 1);
    assert_string_equal(store_bench_history(here, action), "running downloaded download");
    assert_in_range(told_of(here, action).time, began - 1, began);
    assert_int_equal(store_bench_action(here, action).last, SS_STORE_DOWNLOADED);
    ss_store_action_downloading(here, "d1", action, IMAGE);
    store_bench_devices(here, 1);
    assert_int_equal(store_bench_action(here, action).last, SS_STORE_DOWNLOAD);
    ss_store_close(there);
    ss_store_close(here);
}

/// What cannot be noted takes nothing else with it.
static void test_reports_do_not_depend_on_them(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    int64_t actions[2];
    assign_all(store, actions, 2);
    struct ss_error err = {0};
    struct ss_sql *db;
    assert_ok(ss_sql_open(url, &ss_store_place, false, 1000, &db, &err), err);
    assert_ok(ss_sql_script(db,
                            vault_bench_is_sqlite()
                                ? "CREATE TRIGGER no BEFORE INSERT ON statuses WHEN NEW.state = 8 BEGIN SELECT "
                                  "RAISE(ABORT, 'no'); END"
                                : "ALTER TABLE statuses ADD CHECK (state <> 8)",
                            &err),
              err);
    ss_sql_close(db);
    ss_store_action_downloading(store, "d1", actions[0], IMAGE);
    ss_store_action_downloading(store, "d2", actions[1], IMAGE);
    proceed(store, "d1", actions[0]);
    assert_string_equal(store_bench_history(store, actions[0]), "running running");
    assert_string_equal(store_bench_history(store, actions[1]), "running");
    ss_store_close(store);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_downloads_ride_along),          cmocka_unit_test(test_repeated_downloads_are_one),
        cmocka_unit_test(test_limits_hold_for_each),          cmocka_unit_test(test_too_many_are_forgotten),
        cmocka_unit_test(test_reports_do_not_depend_on_them), cmocka_unit_test(test_another_node_is_quicker),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
