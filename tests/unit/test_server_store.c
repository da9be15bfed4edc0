// SPDX-License-Identifier: Apache-2.0
// The store: devices, actions and their history, as hawkBit has them.
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vault/sql.h"

static void test_opening(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = NULL;
    struct ss_error err = {0};
    assert_refused(ss_store_open("mysql:x", true, NULL, &store, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "a store is named by");
    assert_null(store);
    assert_refused(ss_store_open("postgresql://u:secret@h/d", true, NULL, &store, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "password");
    assert_null(strstr(err.message, "secret"));
    const char *empty = vault_bench_new_url();
    assert_int_equal(ss_store_open(empty, false, NULL, &store, &err), SS_ERROR_DOES_NOT_EXIST);

    store = store_bench_create(&url);
    assert_ok(ss_store_ping(store, &err), err);
    store_bench_devices(store, 1);
    ss_store_close(store);
    store = store_bench_open(url);
    assert_string_equal(store_bench_get(store, "d1").registration.product, "lamp");
    ss_store_close(store);
}

static void change_layout(const char *url, const char *statement)
{
    struct ss_sql *db;
    const struct ss_sql_place place = {"store", "slotseal_server", SS_AREA_SERVER};
    struct ss_error err = {0};
    assert_ok(ss_sql_open(url, &place, false, 0, &db, &err), err);
    assert_ok(ss_sql_script(db, statement, &err), err);
    ss_sql_close(db);
}

/// What a store looked like that a first version has left.
static void make_first_layout(const char *url)
{
    change_layout(url, "ALTER TABLE actions DROP COLUMN bytes;"
                       "ALTER TABLE actions DROP COLUMN download_only;"
                       "ALTER TABLE actions DROP COLUMN window_start;"
                       "ALTER TABLE actions DROP COLUMN window_seconds;"
                       "ALTER TABLE actions DROP COLUMN window_daily;"
                       "DELETE FROM migrations WHERE version > 1");
}

static void test_other_layouts(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store;
    struct ss_error err = {0};
    ss_store_close(store_bench_create(&url));
    change_layout(url, "INSERT INTO migrations VALUES (99, 0)");
    assert_refused(ss_store_open(url, false, NULL, &store, &err), SS_ERROR_NOT_SUPPORTED, &err, "layout 99");
    // A vault has migrations, too.
    ss_vault_close(vault_bench_create(&url));
    if (vault_bench_is_sqlite())
        assert_refused(ss_store_open(url, true, NULL, &store, &err), SS_ERROR_DATA_INVALID, &err, "something else");
    else // they lie in schemas of their own
        assert_int_equal(ss_store_open(url, false, NULL, &store, &err), SS_ERROR_DOES_NOT_EXIST);
}

static void test_an_older_layout_is_brought_up_to_date(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    store_bench_devices(store, 1);
    int64_t action = store_bench_assign(store, "d1", store_bench_release(store, "1.0"));
    ss_store_close(store);
    make_first_layout(url);
    for (int i = 0; i < 2; i++) {
        store = store_bench_open(url);
        struct ss_store_action a = store_bench_action(store, action);
        assert_true(a.active && a.forced && !a.download_only && !a.window.seconds);
        assert_int_equal(store_bench_get(store, "d1").open.action, action);
        ss_store_close(store);
    }
}

static void test_devices(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_store_device d;
    struct ss_store_product product;
    struct ss_error err = {0};
    assert_refused(ss_store_device_get(store, "d1", &d, &err), SS_ERROR_DOES_NOT_EXIST, &err, "no device d1");
    store_bench_devices(store, 2);

    d = store_bench_get(store, "d1");
    struct ss_store_registration r = store_bench_device("d1");
    assert_memory_equal(d.registration.credential_hash, r.credential_hash, 32);
    assert_int_equal(d.registration.credential, SS_STORE_TOKEN);
    assert_true(d.registration.active && d.wants_attributes && d.kind == SS_STORE_SEALED);
    assert_int_equal(d.open.action, 0);
    assert_string_equal(d.told.slot, "");
    assert_ok(ss_store_product_get(store, "lamp", &product, &err), err);
    assert_int_equal(product.kind, SS_STORE_SEALED);
    assert_int_equal(ss_store_product_get(store, "lamb", &product, &err), SS_ERROR_DOES_NOT_EXIST);

    // The same again changes nothing; another credential does, at once.
    uint64_t revision = d.revision;
    assert_ok(ss_store_devices_put(store, &r, 1, &err), err);
    assert_int_equal(store_bench_get(store, "d1").revision, revision);
    r.credential = SS_STORE_NO_CREDENTIAL;
    assert_ok(ss_store_devices_put(store, &r, 1, &err), err);
    assert_int_equal(store_bench_get(store, "d1").registration.credential, SS_STORE_NO_CREDENTIAL);
    assert_int_not_equal(store_bench_get(store, "d1").revision, revision);

    // Looked up again by the id in what is known, just when that is out of date.
    r.credential = SS_STORE_TOKEN;
    assert_ok(ss_store_devices_put(store, &r, 1, &err), err);
    assert_ok(ss_store_device_touch(store, d.registration.id, &d, &err), err);
    assert_string_equal(d.registration.id, "d1");

    strcpy(r.id, "no/such");
    assert_refused(ss_store_devices_put(store, &r, 1, &err), SS_ERROR_INVALID_ARGUMENT, &err, "id of the device");
    assert_refused(ss_store_devices_put(store, &r, 1001, &err), SS_ERROR_INVALID_ARGUMENT, &err, "at most 1000");
    ss_store_close(store);
}

static void test_opaque_and_sealed(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    int64_t release, action;
    store_bench_devices(store, 1);
    assert_refused(ss_store_product_add_opaque(store, "lamp", &err), SS_ERROR_NOT_PERMITTED, &err, "is sealed");
    assert_ok(ss_store_product_add_opaque(store, "pi", &err), err);
    assert_ok(ss_store_product_add_opaque(store, "pi", &err), err);

    struct ss_store_registration r = store_bench_device("p1");
    assert_refused(ss_store_device_register(store, &r, &err), SS_ERROR_NOT_PERMITTED, &err, "come from the sealer");
    strcpy(r.product, "ghost");
    assert_int_equal(ss_store_device_register(store, &r, &err), SS_ERROR_DOES_NOT_EXIST);
    strcpy(r.product, "pi");
    assert_ok(ss_store_device_register(store, &r, &err), err);
    assert_refused(ss_store_devices_put(store, &r, 1, &err), SS_ERROR_NOT_PERMITTED, &err, "is opaque");
    // A sealed device cannot be made an opaque one.
    strcpy(r.id, "d1");
    assert_refused(ss_store_device_register(store, &r, &err), SS_ERROR_NOT_PERMITTED, &err, "which is sealed");

    const struct ss_store_file file = {"fw.swu", store_bench_upload(store, SS_STORE_OPAQUE, "plain", 5)};
    assert_refused(ss_store_release_add_opaque(store, "lamp", "1", &file, 1, "ann", &release, &err),
                   SS_ERROR_NOT_PERMITTED, &err, "is sealed");
    assert_ok(ss_store_release_add_opaque(store, "pi", "1", &file, 1, "ann", &release, &err), err);
    struct ss_store_assignment a = {.device = "d1", .release = release, .operator_name = "ann"};
    assert_refused(ss_store_assign(store, &a, &action, NULL, &err), SS_ERROR_NOT_PERMITTED, &err, "is for pi");
    a.device = "p1";
    assert_ok(ss_store_assign(store, &a, &action, NULL, &err), err);
    a.release = store_bench_release(store, "1.0");
    assert_refused(ss_store_assign(store, &a, &action, NULL, &err), SS_ERROR_NOT_PERMITTED, &err, "is for lamp");

    // The sealer's word is above that of an operator: p1 turns out to be in the vault.
    r = store_bench_device("p1");
    assert_ok(ss_store_devices_put(store, &r, 1, &err), err);
    assert_int_equal(store_bench_get(store, "p1").open.action, 0);
    assert_int_equal(store_bench_get(store, "p1").kind, SS_STORE_SEALED);
    ss_store_close(store);
}

static void test_joining(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    struct ss_store_registration d = store_bench_device("x1");
    bool joined = true;
    store_bench_devices(store, 1);
    // Of a sealed product it is not told here who belongs to it.
    assert_refused(ss_store_device_join(store, &d, &joined, &err), SS_ERROR_NOT_PERMITTED, &err, "lamp is sealed");
    assert_false(joined);
    snprintf(d.product, sizeof d.product, "chime");
    assert_refused(ss_store_device_join(store, &d, &joined, &err), SS_ERROR_DOES_NOT_EXIST, &err, "chime");
    assert_ok(ss_store_product_add_opaque(store, "chime", &err), err);
    assert_ok(ss_store_device_join(store, &d, &joined, &err), err);
    assert_true(joined);
    assert_int_equal(store_bench_get(store, "x1").kind, SS_STORE_OPAQUE);
    // Who is known stays as he is, whosever he is.
    d.credential = SS_STORE_ANY_CERTIFICATE;
    assert_ok(ss_store_device_join(store, &d, &joined, &err), err);
    assert_false(joined);
    assert_int_equal(store_bench_get(store, "x1").registration.credential, SS_STORE_TOKEN);
    snprintf(d.id, sizeof d.id, "d1");
    assert_ok(ss_store_device_join(store, &d, &joined, &err), err);
    assert_false(joined);
    assert_string_equal(store_bench_get(store, "d1").registration.product, "lamp");
    ss_store_close(store);
}

static void test_attributes(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    char digest[65], long_value[SS_STORE_ATTRIBUTE_MAX + 2];
    memset(digest, 'a', 64), digest[64] = '\0';
    memset(long_value, 'x', sizeof long_value - 1), long_value[sizeof long_value - 1] = '\0';
    store_bench_devices(store, 1);
    const struct ss_store_attribute start[] = {{"slotseal.slot", "ota_1"},      {"slotseal.version", "1.4"},
                                               {"slotseal.digest", digest},     {"slotseal.sequence", "17"},
                                               {"slotseal.epoch", "2"},         {"slotseal.key_set", "3"},
                                               {"slotseal.bootloader", "1"},    {"hw", "rev b"},
                                               {"slotseal.state", "confirmed"}, {"slotseal.table", "nonsense"}};
    assert_refused(ss_store_attributes_put(store, "ghost", SS_STORE_MERGE, start, 1, &err), SS_ERROR_DOES_NOT_EXIST,
                   &err, "no device ghost");
    assert_refused(ss_store_attributes_put(store, "d1", SS_STORE_MERGE, start, 0, &err), SS_ERROR_INVALID_ARGUMENT,
                   &err, "no attributes");
    assert_ok(ss_store_attributes_put(store, "d1", SS_STORE_MERGE, start, 10, &err), err);
    struct ss_store_device d = store_bench_get(store, "d1");
    assert_false(d.wants_attributes);
    assert_string_equal(d.told.slot, "ota_1");
    assert_string_equal(d.told.version, "1.4");
    assert_string_equal(d.told.state, "confirmed");
    assert_true(d.told.has_digest && d.told.digest[0] == 0xAA && !d.told.has_table);
    assert_int_equal(d.told.sequence, 17);
    assert_int_equal(d.told.epoch, 2);
    assert_int_equal(d.told.key_set, 3);

    // The same again writes nothing.
    struct ss_store_counts before, after;
    assert_ok(ss_store_attributes_put(store, "d1", SS_STORE_MERGE, start, 10, &err), err);
    assert_int_equal(store_bench_get(store, "d1").revision, d.revision);

    const struct ss_store_attribute bad_slot = {"slotseal.slot", "ota_16"}, gone = {"slotseal.version", NULL},
                                    bad = {"k", long_value}, control = {"k", "a\nb"};
    assert_ok(ss_store_attributes_put(store, "d1", SS_STORE_MERGE, &bad_slot, 1, &err), err);
    assert_string_equal(store_bench_get(store, "d1").told.slot, "");
    assert_ok(ss_store_attributes_put(store, "d1", SS_STORE_REMOVE, &gone, 1, &err), err);
    assert_string_equal(store_bench_get(store, "d1").told.version, "");
    assert_refused(ss_store_attributes_put(store, "d1", SS_STORE_MERGE, &bad, 1, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "longer than 128");
    assert_refused(ss_store_attributes_put(store, "d1", SS_STORE_MERGE, &control, 1, &err), SS_ERROR_INVALID_ARGUMENT,
                   &err, "not printable");
    assert_ok(ss_store_attributes_put(store, "d1", SS_STORE_REPLACE, start, 1, &err), err);
    d = store_bench_get(store, "d1");
    assert_string_equal(d.told.slot, "ota_1");
    assert_int_equal(d.told.sequence, 0);

    for (unsigned i = 0; i < SS_STORE_ATTRIBUTES_MAX; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        const struct ss_store_attribute one = {key, "v"};
        ss_status_t status = ss_store_attributes_put(store, "d1", SS_STORE_MERGE, &one, 1, &err);
        if (i < SS_STORE_ATTRIBUTES_MAX - 1)
            assert_ok(status, err);
        else
            assert_refused(status, SS_ERROR_INSUFFICIENT_SPACE, &err, "the limit is 100");
    }
    assert_ok(ss_store_attributes_ask(store, "d1", &err), err);
    assert_true(store_bench_get(store, "d1").wants_attributes);
    assert_ok(ss_store_count(store, &before, &err), err);
    assert_int_equal(before.devices, 1);
    for (int i = 0; i < 100; i++)
        (void)store_bench_get(store, "d1");
    assert_ok(ss_store_count(store, &after, &err), err);
    assert_int_equal(after.cache_misses, before.cache_misses);
    assert_true(after.cache_hits >= before.cache_hits + 100);
    ss_store_close(store);
}

static void test_success(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    store_bench_devices(store, 2);
    int64_t release = store_bench_release(store, "1.0"), action = store_bench_assign(store, "d1", release), again;
    bool created = true;
    const struct ss_store_assignment a = {.device = "d1", .release = release, .operator_name = "bob"};
    assert_ok(ss_store_assign(store, &a, &again, &created, &err), err);
    assert_false(created);
    assert_int_equal(again, action);

    struct ss_store_device d = store_bench_get(store, "d1");
    assert_int_equal(d.open.action, action);
    assert_int_equal(d.open.release, release);
    assert_int_equal(d.open.state, SS_STORE_RUNNING);
    assert_true(d.open.forced && !d.open.retrieved);
    ss_store_action_retrieved(store, "d1", action);
    ss_store_action_retrieved(store, "d1", action);
    ss_store_action_downloading(store, "d1", action, "app.bin");
    // Another device has no part in it.
    assert_refused(store_bench_report(store, "d2", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                      SS_STORE_FINISHED_SUCCESS, &err),
                   SS_ERROR_DOES_NOT_EXIST, &err, "of device d2");
    assert_ok(store_bench_report(store, "d1", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_PROCEEDING,
                                 SS_STORE_FINISHED_NONE, &err),
              err);
    assert_true(store_bench_get(store, "d1").open.retrieved);
    assert_ok(store_bench_report(store, "d1", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_DOWNLOADED,
                                 SS_STORE_FINISHED_NONE, &err),
              err);
    assert_ok(store_bench_report(store, "d1", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                 SS_STORE_FINISHED_SUCCESS, &err),
              err);
    assert_refused(store_bench_report(store, "d1", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                      SS_STORE_FINISHED_SUCCESS, &err),
                   SS_ERROR_BAD_STATE, &err, "is finished");
    d = store_bench_get(store, "d1");
    assert_int_equal(d.open.action, 0);
    assert_int_equal(d.installed.action, action);
    assert_int_equal(d.installed.release, release);
    assert_true(d.wants_attributes);
    assert_string_equal(store_bench_history(store, action), "running retrieved download running downloaded finished");
    struct ss_store_action done = store_bench_action(store, action);
    assert_int_equal(done.state, SS_STORE_FINISHED);
    assert_false(done.active);
    assert_string_equal(done.version, "1.0");
    assert_string_equal(done.operator_name, "ann");
    assert_int_equal(ss_store_action_get(store, "d2", action, &done, &err), SS_ERROR_DOES_NOT_EXIST);
    ss_store_close(store);
}

static void test_sealed_devices_have_what_they_were_given(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    bool recorded = true;
    store_bench_devices(store, 1);
    (void)store_bench_release(store, "1.0");
    assert_refused(ss_store_installed_put(store, "d1", "lamp", "1.0", &recorded, &err), SS_ERROR_NOT_PERMITTED, &err,
                   "d1 is sealed");
    assert_false(recorded);
    assert_refused(ss_store_installed_put(store, "d2", "lamp", "1.0", NULL, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "no device d2");
    assert_int_equal(store_bench_get(store, "d1").installed.action, 0);
    ss_store_close(store);
}

/// Each row of the table: what is said of a running or cancelled action, and what becomes of it.
static void test_feedback_table(void **state)
{
    (void)state;
    static const struct {
        enum ss_store_feedback_to to;
        enum ss_store_execution execution;
        enum ss_store_finished finished;
        enum ss_store_state entry, state;
    } rows[] = {
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED, SS_STORE_FINISHED_SUCCESS, SS_STORE_FINISHED,
         SS_STORE_FINISHED},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED, SS_STORE_FINISHED_NONE, SS_STORE_FINISHED,
         SS_STORE_FINISHED},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED, SS_STORE_FINISHED_FAILURE, SS_STORE_ERROR, SS_STORE_ERROR},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CANCELED, SS_STORE_FINISHED_NONE, SS_STORE_CANCELED,
         SS_STORE_CANCELED},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_REJECTED, SS_STORE_FINISHED_NONE, SS_STORE_WARNING,
         SS_STORE_RUNNING},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_DOWNLOAD, SS_STORE_FINISHED_NONE, SS_STORE_DOWNLOAD,
         SS_STORE_RUNNING},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_DOWNLOADED, SS_STORE_FINISHED_NONE, SS_STORE_DOWNLOADED,
         SS_STORE_RUNNING},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_PROCEEDING, SS_STORE_FINISHED_NONE, SS_STORE_RUNNING,
         SS_STORE_RUNNING},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_SCHEDULED, SS_STORE_FINISHED_NONE, SS_STORE_RUNNING,
         SS_STORE_RUNNING},
        {SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_RESUMED, SS_STORE_FINISHED_NONE, SS_STORE_RUNNING,
         SS_STORE_RUNNING},
        {SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_CLOSED, SS_STORE_FINISHED_SUCCESS, SS_STORE_CANCELED,
         SS_STORE_CANCELED},
        {SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_CLOSED, SS_STORE_FINISHED_NONE, SS_STORE_CANCELED, SS_STORE_CANCELED},
        {SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_CLOSED, SS_STORE_FINISHED_FAILURE, SS_STORE_ERROR, SS_STORE_RUNNING},
        {SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_CANCELED, SS_STORE_FINISHED_NONE, SS_STORE_WARNING, SS_STORE_CANCELING},
        {SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_REJECTED, SS_STORE_FINISHED_NONE, SS_STORE_CANCEL_REJECTED,
         SS_STORE_RUNNING},
        {SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_PROCEEDING, SS_STORE_FINISHED_NONE, SS_STORE_RUNNING,
         SS_STORE_CANCELING},
        {SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_DOWNLOAD, SS_STORE_FINISHED_NONE, SS_STORE_RUNNING, SS_STORE_CANCELING},
    };
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    int64_t release = store_bench_release(store, "1.0");
    store_bench_devices(store, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[16];
        snprintf(id, sizeof id, "d%zu", i + 1);
        int64_t action = store_bench_assign(store, id, release);
        if (rows[i].to == SS_STORE_TO_CANCEL) {
            assert_refused(store_bench_report(store, id, action, SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_CLOSED,
                                              SS_STORE_FINISHED_SUCCESS, &err),
                           SS_ERROR_NOT_SUPPORTED, &err, "not to be cancelled");
            assert_ok(ss_store_cancel(store, action, false, "ann", &err), err);
        }
        assert_ok(store_bench_report(store, id, action, rows[i].to, rows[i].execution, rows[i].finished, &err), err);
        struct ss_store_action a = store_bench_action(store, action);
        assert_int_equal(a.last, rows[i].entry);
        assert_int_equal(a.state, rows[i].state);
        bool open = rows[i].state == SS_STORE_RUNNING || rows[i].state == SS_STORE_CANCELING;
        assert_int_equal(a.active, open);
        assert_int_equal(store_bench_get(store, id).open.action, open ? action : 0);
    }
    ss_store_close(store);
}

static void test_windows(void **state)
{
    (void)state;
    struct ss_error err = {0};
    const struct ss_store_window none = {0}, once = {.start = 1000000, .seconds = 3600},
                                 late = {.start = 23 * 3600, .seconds = 2 * 3600, .daily = true}; // over midnight
    const int64_t day = 86400 * INT64_C(20000);
    assert_ok(ss_store_window_check(&none, day, &err), err);
    assert_true(ss_store_window_is_open(&none, day) && !ss_store_window_is_over(&none, day));
    assert_int_equal(ss_store_window_wait(&none, day), 0);

    const struct {
        const struct ss_store_window *window;
        int64_t now;
        bool open, over;
        uint32_t wait;
    } cases[] = {
        {&once, 0, false, false, 1000000},
        {&once, 999999, false, false, 1},
        {&once, 1000000, true, false, 0},
        {&once, 1003599, true, false, 0},
        {&once, 1003600, false, true, 0},
        {&late, day, true, false, 0},
        {&late, day + 3599, true, false, 0},
        {&late, day + 3600, false, false, 22 * 3600},
        {&late, day + 23 * 3600 - 1, false, false, 1},
        {&late, day + 23 * 3600, true, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ss_store_window_is_open(cases[i].window, cases[i].now), cases[i].open);
        assert_int_equal(ss_store_window_is_over(cases[i].window, cases[i].now), cases[i].over);
        assert_int_equal(ss_store_window_wait(cases[i].window, cases[i].now), cases[i].wait);
    }

    const struct {
        struct ss_store_window window;
        const char *why;
    } wrong[] = {
        {{.start = 10}, "0 seconds"},
        {{.start = 10, .seconds = 59, .daily = true}, "59 seconds"},
        {{.start = 10, .seconds = 86401, .daily = true}, "86401 seconds"},
        {{.start = 86400, .seconds = 60, .daily = true}, "second of the day"},
        {{.start = -1, .seconds = 60, .daily = true}, "second of the day"},
        {{.start = day, .seconds = SS_STORE_WINDOW_MAX + 1}, "it has to be 60 to 2592000"},
        {{.start = day - 60, .seconds = 60}, "over already"},
        {{.start = INT64_MAX, .seconds = 60}, "over already"},
        {{.start = INT64_MIN, .seconds = 60}, "over already"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(ss_store_window_check(&wrong[i].window, day, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                       wrong[i].why);
}

static void test_assigning_otherwise(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    int64_t first, second, third;
    bool created;
    store_bench_devices(store, 1);
    struct ss_store_assignment a = {.device = "d1",
                                    .release = store_bench_release(store, "1.0"),
                                    .download_only = true,
                                    .window = {.start = 7200, .seconds = 3600, .daily = true},
                                    .operator_name = "ann"};
    assert_refused(ss_store_assign(store, &a, &first, &created, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "needs no window");
    a.download_only = false;
    a.window.seconds = 1;
    assert_refused(ss_store_assign(store, &a, &first, &created, &err), SS_ERROR_INVALID_ARGUMENT, &err, "1 seconds");
    a.window.seconds = 3600;
    assert_ok(ss_store_assign(store, &a, &first, &created, &err), err);
    assert_ok(ss_store_assign(store, &a, &second, &created, &err), err);
    assert_true(!created && second == first);
    struct ss_store_device d = store_bench_get(store, "d1");
    assert_true(d.open.window.start == 7200 && d.open.window.seconds == 3600 && d.open.window.daily);
    a.window.start = 0;
    assert_ok(ss_store_assign(store, &a, &second, &created, &err), err);
    assert_true(created && second != first);
    assert_int_equal(store_bench_action(store, first).state, SS_STORE_CANCELING);
    assert_ok(ss_store_cancel(store, first, true, "ann", &err), err);

    // Only downloading ends with having downloaded; nothing is installed by that.
    a.window = (struct ss_store_window){0};
    a.download_only = true;
    assert_ok(ss_store_assign(store, &a, &third, &created, &err), err);
    assert_ok(ss_store_cancel(store, second, true, "ann", &err), err);
    assert_true(store_bench_get(store, "d1").open.download_only);
    assert_ok(store_bench_report(store, "d1", third, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_DOWNLOADED,
                                 SS_STORE_FINISHED_NONE, &err),
              err);
    assert_int_equal(store_bench_action(store, third).state, SS_STORE_DOWNLOADED);
    assert_false(store_bench_action(store, third).active);
    assert_true(store_bench_get(store, "d1").open.action == 0 && store_bench_get(store, "d1").installed.action == 0);
    assert_refused(store_bench_report(store, "d1", third, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                      SS_STORE_FINISHED_SUCCESS, &err),
                   SS_ERROR_BAD_STATE, &err, "is downloaded");
    struct ss_store_counts counts;
    assert_ok(ss_store_count(store, &counts, &err), err);
    assert_int_equal(counts.actions_finished, 1);
    assert_int_equal(store_bench_assign(store, "d1", a.release), third + 1);
    ss_store_close(store);
}

static void test_cancelling(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    store_bench_devices(store, 1);
    int64_t first = store_bench_assign(store, "d1", store_bench_release(store, "1.0"));
    int64_t two = store_bench_release(store, "2.0"), second = store_bench_assign(store, "d1", two);
    // hawkBit: the old one is asked to stop, and the device hears of that before it hears of the new one.
    struct ss_store_device d = store_bench_get(store, "d1");
    assert_int_equal(d.open.action, first);
    assert_int_equal(d.open.state, SS_STORE_CANCELING);
    assert_refused(ss_store_cancel(store, first, false, "ann", &err), SS_ERROR_BAD_STATE, &err, "is canceling already");
    assert_ok(store_bench_report(store, "d1", first, SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_CLOSED,
                                 SS_STORE_FINISHED_SUCCESS, &err),
              err);
    // It missed the answer and says it again.
    assert_ok(store_bench_report(store, "d1", first, SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_CLOSED,
                                 SS_STORE_FINISHED_SUCCESS, &err),
              err);
    assert_string_equal(store_bench_history(store, first), "running canceling canceled");
    d = store_bench_get(store, "d1");
    assert_int_equal(d.open.action, second);
    assert_int_equal(d.open.state, SS_STORE_RUNNING);

    // Rejected: it goes on, and the newer one waits.
    int64_t third = store_bench_assign(store, "d1", store_bench_release(store, "3.0"));
    assert_ok(store_bench_report(store, "d1", second, SS_STORE_TO_CANCEL, SS_STORE_EXECUTION_REJECTED,
                                 SS_STORE_FINISHED_NONE, &err),
              err);
    d = store_bench_get(store, "d1");
    assert_int_equal(d.open.action, second);
    assert_int_equal(d.open.state, SS_STORE_RUNNING);
    assert_ok(store_bench_report(store, "d1", second, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                 SS_STORE_FINISHED_SUCCESS, &err),
              err);
    assert_int_equal(store_bench_get(store, "d1").open.action, third);
    assert_int_equal(store_bench_get(store, "d1").installed.release, two);

    assert_ok(ss_store_cancel(store, third, false, "ann", &err), err);
    assert_ok(ss_store_cancel(store, third, true, "ann", &err), err);
    assert_int_equal(store_bench_get(store, "d1").open.action, 0);
    assert_refused(ss_store_cancel(store, third, true, "ann", &err), SS_ERROR_BAD_STATE, &err, "canceled already");
    assert_int_equal(ss_store_cancel(store, 999, true, "ann", &err), SS_ERROR_DOES_NOT_EXIST);
    assert_refused(store_bench_report(store, "d1", third, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_PROCEEDING,
                                      SS_STORE_FINISHED_NONE, &err),
                   SS_ERROR_BAD_STATE, &err, "is canceled");
    ss_store_close(store);
}

static void test_leaving_the_fleet(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    int64_t again;
    store_bench_devices(store, 1);
    int64_t release = store_bench_release(store, "1.0"), action = store_bench_assign(store, "d1", release);
    struct ss_store_registration r = store_bench_device("d1");
    r.active = false;
    assert_ok(ss_store_devices_put(store, &r, 1, &err), err);
    assert_int_equal(store_bench_get(store, "d1").open.action, 0);
    assert_int_equal(store_bench_action(store, action).state, SS_STORE_CANCELED);
    const struct ss_store_assignment a = {.device = "d1", .release = release, .operator_name = "ann"};
    assert_refused(ss_store_assign(store, &a, &again, NULL, &err), SS_ERROR_NOT_PERMITTED, &err, "no active member");
    ss_store_close(store);
}

static void test_revoked_release(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    int64_t action, release = store_bench_release(store, "1.0");
    store_bench_devices(store, 1);
    assert_int_equal(ss_store_release_revoke(store, 99, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_store_release_revoke(store, release, &err), err);
    struct ss_store_assignment a = {.device = "d1", .release = release, .operator_name = "ann"};
    assert_refused(ss_store_assign(store, &a, &action, NULL, &err), SS_ERROR_BAD_STATE, &err, "was revoked");
    a.release = 77;
    assert_refused(ss_store_assign(store, &a, &action, NULL, &err), SS_ERROR_DOES_NOT_EXIST, &err, "no release 77");
    a.device = "d9";
    assert_refused(ss_store_assign(store, &a, &action, NULL, &err), SS_ERROR_DOES_NOT_EXIST, &err, "no device d9");
    ss_store_close(store);
}

static void test_confirmation(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    int64_t action;
    store_bench_devices(store, 1);
    struct ss_store_assignment a = {
        .device = "d1", .release = store_bench_release(store, "1.0"), .confirm = true, .operator_name = "ann"};
    assert_ok(ss_store_assign(store, &a, &action, NULL, &err), err);
    assert_int_equal(store_bench_get(store, "d1").open.state, SS_STORE_WAIT_FOR_CONFIRMATION);
    assert_int_equal(store_bench_report(store, "d1", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                        SS_STORE_FINISHED_SUCCESS, &err),
                     SS_ERROR_DOES_NOT_EXIST);
    assert_ok(store_bench_report(store, "d1", action, SS_STORE_TO_CONFIRMATION, 0, SS_STORE_FINISHED_FAILURE, &err),
              err);
    assert_int_equal(store_bench_get(store, "d1").open.state, SS_STORE_WAIT_FOR_CONFIRMATION);
    assert_ok(store_bench_report(store, "d1", action, SS_STORE_TO_CONFIRMATION, 0, SS_STORE_FINISHED_SUCCESS, &err),
              err);
    assert_int_equal(store_bench_get(store, "d1").open.state, SS_STORE_RUNNING);
    assert_refused(
        store_bench_report(store, "d1", action, SS_STORE_TO_CONFIRMATION, 0, SS_STORE_FINISHED_SUCCESS, &err),
        SS_ERROR_DOES_NOT_EXIST, &err, "does not wait");
    assert_ok(ss_store_cancel(store, action, true, "ann", &err), err);
    assert_refused(
        store_bench_report(store, "d1", action, SS_STORE_TO_CONFIRMATION, 0, SS_STORE_FINISHED_SUCCESS, &err),
        SS_ERROR_BAD_STATE, &err, "is canceled");

    assert_ok(ss_store_assign(store, &a, &action, NULL, &err), err);
    assert_ok(ss_store_auto_confirm(store, "d1", true, "user", "holidays", &err), err);
    assert_refused(ss_store_auto_confirm(store, "d1", true, "", "", &err), SS_ERROR_BAD_STATE, &err, "is on already");
    assert_int_equal(store_bench_get(store, "d1").open.state, SS_STORE_RUNNING);
    assert_string_equal(store_bench_history(store, action), "wait_for_confirmation running");
    assert_ok(ss_store_cancel(store, action, true, "ann", &err), err);
    assert_ok(ss_store_assign(store, &a, &action, NULL, &err), err);
    assert_int_equal(store_bench_get(store, "d1").open.state, SS_STORE_RUNNING);
    assert_ok(ss_store_auto_confirm(store, "d1", false, "", "", &err), err);
    assert_int_equal(ss_store_auto_confirm(store, "d2", false, "", "", &err), SS_ERROR_DOES_NOT_EXIST);
    ss_store_close(store);
}

struct waiting {
    sem_t done;
    unsigned ok, over;
};

static void count_done(void *context, ss_status_t status, const struct ss_error *err)
{
    struct waiting *w = context;
    (void)err;
    w->ok += status == SS_OK;
    w->over += status == SS_ERROR_BAD_STATE;
    sem_post(&w->done);
}

static ss_status_t check_messages(void *context, const struct ss_store_status *s, struct ss_error *err)
{
    (void)err;
    if (s->state == SS_STORE_WARNING) {
        ++*(unsigned *)context;
        assert_int_equal(s->message_count, SS_STORE_MESSAGES_MAX);
        assert_int_equal(strlen(s->messages[0]), SS_STORE_MESSAGE_SIZE - 2); // not within the two bytes of ü
        assert_string_equal(s->messages[49], "x");
        assert_true(s->has_code && s->code == -7 && s->has_progress && s->count == 3 && s->of == 5);
    }
    return SS_OK;
}

static void test_quotas(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    const char *messages[60];
    char text[SS_STORE_MESSAGE_SIZE + 10];
    unsigned seen = 0;
    memset(text, 'y', sizeof text), text[sizeof text - 1] = '\0';
    memcpy(text + SS_STORE_MESSAGE_SIZE - 2, "\xC3\xBC", 2);
    for (unsigned i = 0; i < 60; i++)
        messages[i] = i ? "x" : text;
    store_bench_devices(store, 1);
    int64_t action = store_bench_assign(store, "d1", store_bench_release(store, "1.0"));
    struct ss_store_feedback f = {.device = "d1",
                                  .action = action,
                                  .execution = SS_STORE_EXECUTION_REJECTED,
                                  .has_code = true,
                                  .code = -7,
                                  .has_progress = true,
                                  .count = 3,
                                  .of = 5,
                                  .messages = messages,
                                  .message_count = 60};
    assert_ok(ss_store_feedback(store, &f, &err), err);
    assert_ok(ss_store_status_list(store, action, 0, check_messages, &seen, &err), err);
    assert_int_equal(seen, 1);
    assert_int_equal(store_bench_action(store, action).code, -7);

    f = (struct ss_store_feedback){.device = "d1", .action = action, .execution = SS_STORE_EXECUTION_PROCEEDING};
    struct waiting w = {.ok = 0};
    sem_init(&w.done, 0, 0);
    for (unsigned i = 2; i < SS_STORE_STATUSES_MAX; i++)
        assert_ok(ss_store_feedback_start(store, &f, count_done, &w, &err), err);
    for (unsigned i = 2; i < SS_STORE_STATUSES_MAX; i++)
        sem_wait(&w.done);
    sem_destroy(&w.done);
    assert_int_equal(w.ok, SS_STORE_STATUSES_MAX - 2);
    assert_refused(ss_store_feedback(store, &f, &err), SS_ERROR_INSUFFICIENT_SPACE, &err, "has 1000 status entries");
    f.execution = SS_STORE_EXECUTION_CLOSED;
    assert_ok(ss_store_feedback(store, &f, &err), err);
    assert_int_equal(store_bench_action(store, action).state, SS_STORE_FINISHED);
    ss_store_close(store);
}

static ss_status_t check_left_out(void *context, const struct ss_store_status *status, struct ss_error *err)
{
    (void)err;
    ++*(unsigned *)context;
    assert_int_equal(status->state, SS_STORE_FINISHED);
    assert_int_equal(status->message_count, 1);
    assert_string_equal(status->messages[0], "messages are left out: the history is full");
    return SS_OK;
}

/// What devices may write is bounded by bytes, an action and a device; the end of an action is always taken.
static void test_bytes_of_a_history(void **state)
{
    (void)state;
    enum { LONGEST = 64 + 50 * 513 }; // as an entry is counted
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    const char *messages[SS_STORE_MESSAGES_MAX];
    char text[SS_STORE_MESSAGE_SIZE];
    memset(text, 'y', sizeof text), text[sizeof text - 1] = '\0';
    for (unsigned i = 0; i < SS_STORE_MESSAGES_MAX; i++)
        messages[i] = text;
    store_bench_devices(store, 2);
    int64_t first = store_bench_assign(store, "d1", store_bench_release(store, "1.0"));
    struct ss_store_feedback f = {.device = "d1",
                                  .action = first,
                                  .execution = SS_STORE_EXECUTION_PROCEEDING,
                                  .messages = messages,
                                  .message_count = SS_STORE_MESSAGES_MAX};
    unsigned taken = 0;
    while (ss_store_feedback(store, &f, &err) == SS_OK)
        taken++;
    assert_int_equal(taken, SS_STORE_ACTION_BYTES / LONGEST);
    assert_refused(ss_store_feedback(store, &f, &err), SS_ERROR_INSUFFICIENT_SPACE, &err,
                   "at most 262144 (history in [limits])");
    // What is short still has room.
    f.message_count = 1;
    assert_ok(ss_store_feedback(store, &f, &err), err);
    f.message_count = SS_STORE_MESSAGES_MAX;
    f.execution = SS_STORE_EXECUTION_CLOSED;
    assert_ok(ss_store_feedback(store, &f, &err), err);
    assert_int_equal(store_bench_action(store, first).state, SS_STORE_FINISHED);
    unsigned left_out = 0;
    assert_ok(ss_store_status_list(store, first, 1, check_left_out, &left_out, &err), err);
    assert_int_equal(left_out, 1);
    // All of a device together; another device has its own.
    ss_store_set_history(store, 0, SS_STORE_ACTION_BYTES + 2 * LONGEST);
    f.action = store_bench_assign(store, "d1", store_bench_release(store, "2.0"));
    f.execution = SS_STORE_EXECUTION_PROCEEDING;
    for (taken = 0; ss_store_feedback(store, &f, &err) == SS_OK;)
        taken++;
    assert_true(taken == 2 || taken == 1);
    assert_refused(ss_store_feedback(store, &f, &err), SS_ERROR_INSUFFICIENT_SPACE, &err,
                   "the history of device d1 would have");
    unsigned entries = (unsigned)strlen(store_bench_history(store, f.action));
    ss_store_set_history(store, 0, 1); // nothing is left for what the server notes by itself
    ss_store_action_downloading(store, "d1", f.action, "firmware.bin");
    f.execution = SS_STORE_EXECUTION_CANCELED;
    assert_ok(ss_store_feedback(store, &f, &err), err);
    assert_int_equal(strlen(store_bench_history(store, f.action)), entries + strlen(" canceled"));
    ss_store_set_history(store, 0, 0);
    f = (struct ss_store_feedback){.device = "d2",
                                   .action = store_bench_assign(store, "d2", 1),
                                   .messages = messages,
                                   .execution = SS_STORE_EXECUTION_PROCEEDING,
                                   .message_count = SS_STORE_MESSAGES_MAX};
    assert_ok(ss_store_feedback(store, &f, &err), err);
    ss_store_close(store);
}

/// A store of the first layout, whose histories nobody has counted.
static void test_counting_what_is_there(void **state)
{
    (void)state;
    const char *url, *message = "twelve bytes";
    struct ss_store *store = store_bench_create(&url);
    struct ss_error err = {0};
    store_bench_devices(store, 1);
    int64_t action = store_bench_assign(store, "d1", store_bench_release(store, "1.0"));
    struct ss_store_feedback f = {.device = "d1",
                                  .action = action,
                                  .execution = SS_STORE_EXECUTION_PROCEEDING,
                                  .messages = &message,
                                  .message_count = 1};
    assert_ok(ss_store_feedback(store, &f, &err), err);
    ss_store_close(store);
    make_first_layout(url);
    store = store_bench_open(url);
    ss_store_set_history(store, 64 + (64 + 13) + (64 + 13) - 1, 0); // assigned, said, and to be said
    assert_refused(ss_store_feedback(store, &f, &err), SS_ERROR_INSUFFICIENT_SPACE, &err, "would have 218 bytes");
    ss_store_set_history(store, 64 + (64 + 13) + (64 + 13), 0);
    assert_ok(ss_store_feedback(store, &f, &err), err);
    ss_store_close(store);
}

/// Many reports at once share their commits; one that fails takes none of the others with it.
static void test_group_commit(void **state)
{
    (void)state;
    enum { REPORTS = 400 };
    struct ss_store *store = store_bench_create(NULL);
    struct ss_store_counts before, after;
    struct ss_error err = {0};
    struct waiting w = {.ok = 0};
    sem_init(&w.done, 0, 0);
    store_bench_devices(store, 2);
    int64_t release = store_bench_release(store, "1.0"), action = store_bench_assign(store, "d1", release);
    int64_t over = store_bench_assign(store, "d2", release);
    assert_ok(ss_store_cancel(store, over, true, "ann", &err), err);
    assert_ok(ss_store_count(store, &before, &err), err);
    for (unsigned i = 0; i < REPORTS; i++) {
        const char *message = "word";
        const struct ss_store_feedback f = {.device = i % 4 ? "d1" : "d2",
                                            .action = i % 4 ? action : over,
                                            .execution = SS_STORE_EXECUTION_PROCEEDING,
                                            .messages = &message,
                                            .message_count = 1};
        assert_ok(ss_store_feedback_start(store, &f, count_done, &w, &err), err);
    }
    for (unsigned i = 0; i < REPORTS; i++)
        sem_wait(&w.done);
    assert_ok(ss_store_count(store, &after, &err), err);
    assert_int_equal(w.ok, REPORTS * 3 / 4);
    assert_int_equal(w.over, REPORTS / 4);
    assert_int_equal(after.writes - before.writes, REPORTS);
    assert_true(after.commits - before.commits < REPORTS / 2);
    sem_destroy(&w.done);
    ss_store_close(store);
}

static void wait_for(struct ss_store *store, const char *id, int64_t action)
{
    for (int i = 0; i < 100 && store_bench_get(store, id).open.action != action; i++)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_int_equal(store_bench_get(store, id).open.action, action);
}

static void test_two_nodes(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *a = store_bench_create(&url), *b = store_bench_open(url);
    struct ss_store_product product;
    struct ss_store_counts counts;
    struct ss_error err = {0};
    store_bench_devices(a, 2);
    int64_t release = store_bench_release(a, "1.0");
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL); // both watchers are there
    assert_int_equal(store_bench_get(b, "d1").open.action, 0);
    assert_int_equal(store_bench_get(b, "d2").open.action, 0);
    assert_ok(ss_store_product_get(b, "lamp", &product, &err), err);
    assert_ok(ss_store_count(b, &counts, &err), err);
    uint64_t misses = counts.cache_misses;
    int64_t action = store_bench_assign(a, "d1", release);
    wait_for(b, "d1", action);
    assert_ok(store_bench_report(b, "d1", action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                 SS_STORE_FINISHED_SUCCESS, &err),
              err);
    wait_for(a, "d1", 0);
    assert_int_equal(store_bench_get(a, "d1").installed.action, action);
    // What nobody has touched stays in memory.
    (void)store_bench_get(b, "d2");
    assert_ok(ss_store_count(b, &counts, &err), err);
    assert_in_range(counts.cache_misses - misses, 1, 2);
    ss_store_close(a);
    assert_ok(ss_store_ping(b, &err), err);
    ss_store_close(b);
}

static void test_last_seen(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *a = store_bench_create(&url);
    struct ss_store_device d;
    struct ss_store_counts before, after;
    struct ss_error err = {0};
    int64_t seen;
    store_bench_devices(a, 2);
    assert_ok(ss_store_device_seen(a, "d1", &seen, &err), err);
    assert_int_equal(seen, 0);
    assert_ok(ss_store_count(a, &before, &err), err);
    for (int i = 0; i < 50; i++)
        assert_ok(ss_store_device_touch(a, "d1", &d, &err), err);
    assert_ok(ss_store_count(a, &after, &err), err);
    assert_int_equal(after.commits, before.commits); // polls do not write
    assert_ok(ss_store_device_seen(a, "d1", &seen, &err), err);
    assert_in_range(time(NULL) - seen, 0, 5);
    assert_int_equal(ss_store_device_seen(a, "d3", &seen, &err), SS_ERROR_DOES_NOT_EXIST);
    ss_store_close(a);
    a = store_bench_open(url);
    assert_ok(ss_store_device_seen(a, "d1", &seen, &err), err);
    assert_in_range(time(NULL) - seen, 0, 10);
    assert_ok(ss_store_device_seen(a, "d2", &seen, &err), err);
    assert_int_equal(seen, 0);
    ss_store_close(a);
}

static void test_small_cache(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    const struct ss_store_options small = {.cache_devices = 64, .readers = 1};
    struct ss_store_counts counts;
    struct ss_error err = {0};
    struct ss_store_registration many[1000];
    for (unsigned i = 0; i < 1000; i++) {
        many[i] = (struct ss_store_registration){.product = "lamp", .active = true};
        snprintf(many[i].id, sizeof many[i].id, "m%u", i);
    }
    assert_ok(ss_store_devices_put(store, many, 1000, &err), err);
    ss_store_close(store);
    assert_ok(ss_store_open(url, false, &small, &store, &err), err);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 1000; i++)
            assert_string_equal(store_bench_get(store, many[i].id).registration.id, many[i].id);
    assert_ok(ss_store_count(store, &counts, &err), err);
    assert_true(counts.cached <= 3 * 64);
    ss_store_close(store);
}

struct seen_list {
    char ids[256];
    unsigned count;
};

static ss_status_t list_one(void *context, const struct ss_store_device_row *row, struct ss_error *err)
{
    struct seen_list *l = context;
    (void)err;
    snprintf(l->ids + strlen(l->ids), sizeof l->ids - strlen(l->ids), "%s:%s:%s:%s ", row->registration.id, row->slot,
             row->version, row->action ? ss_store_state_name(row->state) : "-");
    l->count++;
    return SS_OK;
}

static ss_status_t count_action(void *context, const struct ss_store_action *action, struct ss_error *err)
{
    struct seen_list *l = context;
    (void)err;
    snprintf(l->ids + strlen(l->ids), sizeof l->ids - strlen(l->ids), "%s:%s ", action->device, action->version);
    return SS_OK;
}

static void test_lists(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_error err = {0};
    struct seen_list l = {.count = 0};
    const struct ss_store_attribute told[] = {{"slotseal.slot", "ota_0"}, {"slotseal.version", "0.9"}};
    store_bench_devices(store, 3);
    assert_ok(ss_store_attributes_put(store, "d2", SS_STORE_MERGE, told, 2, &err), err);
    (void)store_bench_assign(store, "d3", store_bench_release(store, "1.0"));
    (void)store_bench_assign(store, "d3", store_bench_release(store, "2.0"));
    assert_ok(ss_store_device_list(store, NULL, list_one, &l, &err), err);
    assert_string_equal(l.ids, "d1:::- d2:ota_0:0.9:- d3:::canceling ");
    l = (struct seen_list){.count = 0};
    const struct ss_store_device_filter page = {.product = "lamp", .after = "d1", .limit = 1};
    assert_ok(ss_store_device_list(store, &page, list_one, &l, &err), err);
    assert_string_equal(l.ids, "d2:ota_0:0.9:- ");
    l = (struct seen_list){.count = 0};
    assert_ok(ss_store_action_list(store, "d3", 0, 0, count_action, &l, &err), err);
    assert_string_equal(l.ids, "d3:2.0 d3:1.0 ");
    l = (struct seen_list){.count = 0};
    assert_ok(ss_store_action_list(store, NULL, 2, 5, count_action, &l, &err), err);
    assert_string_equal(l.ids, "d3:1.0 ");
    ss_store_close(store);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_other_layouts),
        cmocka_unit_test(test_an_older_layout_is_brought_up_to_date),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_opaque_and_sealed),
        cmocka_unit_test(test_joining),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_sealed_devices_have_what_they_were_given),
        cmocka_unit_test(test_feedback_table),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_assigning_otherwise),
        cmocka_unit_test(test_cancelling),
        cmocka_unit_test(test_leaving_the_fleet),
        cmocka_unit_test(test_revoked_release),
        cmocka_unit_test(test_confirmation),
        cmocka_unit_test(test_quotas),
        cmocka_unit_test(test_bytes_of_a_history),
        cmocka_unit_test(test_counting_what_is_there),
        cmocka_unit_test(test_group_commit),
        cmocka_unit_test(test_two_nodes),
        cmocka_unit_test(test_last_seen),
        cmocka_unit_test(test_small_cache),
        cmocka_unit_test(test_lists),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
