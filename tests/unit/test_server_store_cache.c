// SPDX-License-Identifier: Apache-2.0
// What the store answers from memory, and when it must not any more.
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/store_internal.h"
#include "vault/fault.h"

/// What happens while somebody's being seen is written; NULL: nothing.
static struct ss_store *_Atomic crowded;

enum { CROWD = 200 };

/// Stands in for the library's. On the writer's thread.
void ss_fault_point(const char *name)
{
    struct ss_store *store = atomic_load(&crowded);
    struct ss_store_device d;
    for (unsigned i = 2; store && !strcmp(name, "store-seen:begin") && i <= CROWD; i++) {
        char id[16];
        snprintf(id, sizeof id, "d%u", i);
        (void)!ss_store_device_get(store, id, &d, NULL);
    }
}

static void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/// Two nodes on one database; "d1" runs an action for the first of two releases, which is sealed for ota_1.
struct nodes {
    struct ss_store *a, *b;
    int64_t release, next, action;
};

static void put_delivery(struct ss_store *store, const char *device, int64_t release, const char *slot,
                         const char *etag, const char *replaces)
{
    struct ss_error err = {0};
    struct ss_store_delivery d = {
        .release = release, .statement_len = 5, .sequence = 3, .address = 0x160000, .length = 4096, .epoch = 1};
    snprintf(d.device, sizeof d.device, "%s", device);
    snprintf(d.slot, sizeof d.slot, "%s", slot);
    snprintf(d.etag, sizeof d.etag, "%s", etag);
    assert_ok(ss_store_delivery_put(store, &d, replaces, NULL, &err), err);
}

static struct nodes start(void)
{
    const char *url;
    struct nodes n = {.a = store_bench_create(&url)};
    n.b = store_bench_open(url);
    store_bench_devices(n.a, 2);
    n.release = store_bench_release(n.a, "1.0");
    n.next = store_bench_release(n.a, "2.0");
    n.action = store_bench_assign(n.a, "d1", n.release);
    put_delivery(n.a, "d1", n.release, "ota_1", "\"one\"", NULL);
    pause_ms(300); // both watchers are there, and have heard of it
    return n;
}

static void stop(struct nodes *n)
{
    ss_store_close(n->a);
    ss_store_close(n->b);
}

static bool in_memory(struct ss_store *store, int64_t release, const char *slot)
{
    struct ss_store_download d;
    return ss_store_download_peek(store, "d1", release, slot, &d);
}

/// Asks as a download does that finds nothing in memory.
static void ask(struct ss_store *store, int64_t release, const char *etag)
{
    struct ss_store_download d;
    struct ss_error err = {0};
    (void)store_bench_get(store, "d1");
    assert_ok(ss_store_download_get(store, "d1", release, "ota_1", &d, &err), err);
    assert_int_equal(d.release, release);
    assert_string_equal(d.slot, "ota_1");
    assert_string_equal(d.etag, etag);
    assert_int_equal(d.address, 0x160000);
    assert_int_equal(d.length, 4096);
    assert_int_equal(d.blob, 0);
    assert_true(d.created > 0);
}

static void test_a_download_is_remembered(void **state)
{
    (void)state;
    struct nodes n = start();
    struct ss_store_download d;
    struct ss_error err = {0};
    assert_false(in_memory(n.a, n.release, "ota_1"));
    ask(n.a, n.release, "\"one\"");
    assert_true(ss_store_download_peek(n.a, "d1", n.release, "ota_1", &d));
    assert_string_equal(d.version, "1.0");
    // That, and nothing else.
    assert_false(in_memory(n.a, n.release, "ota_0"));
    assert_false(in_memory(n.a, n.next, "ota_1"));
    assert_false(ss_store_download_peek(n.a, "d2", n.release, "ota_1", &d));
    assert_int_equal(ss_store_download_get(n.a, "d1", n.release, "ota_0", &d, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_store_download_get(n.a, "d2", n.release, "ota_1", &d, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(ss_store_download_get(n.a, "nobody", n.release, "ota_1", &d, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_true(in_memory(n.a, n.release, "ota_1"));
    // Nor beside a device that is not in memory.
    ask(n.b, n.release, "\"one\"");
    ss_store_cache_drop_device(n.b, "d1");
    assert_ok(ss_store_download_get(n.b, "d1", n.release, "ota_1", &d, &err), err);
    assert_false(in_memory(n.b, n.release, "ota_1"));
    stop(&n);
}

/// The open action's and the installed one's, which a device may ask for in turns; never more.
static void test_two_downloads_of_a_device(void **state)
{
    (void)state;
    struct nodes n = start();
    struct ss_error err = {0};
    assert_ok(store_bench_report(n.a, "d1", n.action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                 SS_STORE_FINISHED_SUCCESS, &err),
              err);
    n.action = store_bench_assign(n.a, "d1", n.next);
    put_delivery(n.a, "d1", n.next, "ota_1", "\"two\"", NULL);
    int64_t third = store_bench_release(n.a, "3.0");
    put_delivery(n.a, "d1", third, "ota_1", "\"three\"", NULL);
    ask(n.a, n.release, "\"one\"");
    ask(n.a, n.next, "\"two\"");
    assert_true(in_memory(n.a, n.release, "ota_1") && in_memory(n.a, n.next, "ota_1"));
    ask(n.a, third, "\"three\"");
    assert_true(in_memory(n.a, n.next, "ota_1") && in_memory(n.a, third, "ota_1"));
    assert_false(in_memory(n.a, n.release, "ota_1"));
    stop(&n);
}

static void cancel(struct nodes *n)
{
    struct ss_error err = {0};
    assert_ok(ss_store_cancel(n->a, n->action, true, "ann", &err), err);
}

static void finish(struct nodes *n)
{
    struct ss_error err = {0};
    assert_ok(store_bench_report(n->a, "d1", n->action, SS_STORE_TO_DEPLOYMENT, SS_STORE_EXECUTION_CLOSED,
                                 SS_STORE_FINISHED_FAILURE, &err),
              err);
}

static void assign_another(struct nodes *n)
{
    (void)store_bench_assign(n->a, "d1", n->next);
}

static void replace(struct nodes *n)
{
    put_delivery(n->a, "d1", n->release, "ota_1", "\"new\"", "\"one\"");
}

static void leave(struct nodes *n)
{
    struct ss_error err = {0};
    struct ss_store_registration d = store_bench_device("d1");
    d.active = false;
    assert_ok(ss_store_devices_put(n->a, &d, 1, &err), err);
}

static void change_product(struct nodes *n)
{
    struct ss_error err = {0};
    struct ss_store_registration d = store_bench_device("d1");
    snprintf(d.product, sizeof d.product, "other");
    assert_ok(ss_store_devices_put(n->a, &d, 1, &err), err);
}

static void tell(struct nodes *n)
{
    struct ss_error err = {0};
    const struct ss_store_attribute slot = {"slotseal.slot", "ota_1"};
    assert_ok(ss_store_attributes_put(n->a, "d1", SS_STORE_MERGE, &slot, 1, &err), err);
}

/// Whatever changes what a device may have is known here when it is acknowledged, and on the other node as soon as that
/// knows anything new of the device: never is the device's record newer than what is downloaded.
static void test_downloads_are_forgotten(void **state)
{
    (void)state;
    static void (*const events[])(struct nodes *) = {cancel,         finish, assign_another, replace, leave,
                                                     change_product, tell};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        struct nodes n = start();
        ask(n.a, n.release, "\"one\"");
        ask(n.b, n.release, "\"one\"");
        assert_true(in_memory(n.a, n.release, "ota_1") && in_memory(n.b, n.release, "ota_1"));
        uint64_t revision = store_bench_get(n.b, "d1").revision;
        events[i](&n);
        assert_false(in_memory(n.a, n.release, "ota_1"));
        unsigned ms = 0;
        while (store_bench_get(n.b, "d1").revision == revision && ms++ < 3000)
            pause_ms(1);
        assert_false(in_memory(n.b, n.release, "ota_1"));
        assert_true(ms < 3000);
        stop(&n);
    }
}

struct reader {
    struct ss_store *store;
    int64_t release;
    atomic_bool over;
};

static void *read_on(void *context)
{
    struct reader *r = context;
    struct ss_store_device device;
    struct ss_store_download d;
    struct ss_error err = {0};
    while (!atomic_load(&r->over))
        if (ss_store_device_get(r->store, "d1", &device, &err) != SS_OK ||
            ss_store_download_get(r->store, "d1", r->release, "ota_1", &d, &err) != SS_OK)
            return NULL;
    return r;
}

/// However late a reader comes back from the database: what it has read is not kept once something newer is acknowledged.
static void test_late_readers_keep_nothing(void **state)
{
    (void)state;
    enum { READERS = 3, CHANGES = 60 };
    struct nodes n = start();
    struct reader reader = {.store = n.a, .release = n.release};
    pthread_t threads[READERS];
    char was[SS_STORE_ETAG_SIZE] = "\"one\"";
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &reader), 0);
    for (unsigned i = 0; i < CHANGES; i++) {
        char is[SS_STORE_ETAG_SIZE];
        struct ss_store_download d;
        snprintf(is, sizeof is, "\"%u\"", i);
        put_delivery(n.a, "d1", n.release, "ota_1", is, was);
        for (unsigned look = 0; look < 100; look++)
            if (ss_store_download_peek(n.a, "d1", n.release, "ota_1", &d))
                assert_string_equal(d.etag, is);
        memcpy(was, is, sizeof was);
    }
    atomic_store(&reader.over, true);
    for (unsigned i = 0; i < READERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    stop(&n);
}

static void test_peeking(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *a = store_bench_create(&url), *b = store_bench_open(url);
    struct ss_store_device d;
    struct ss_store_product p;
    struct ss_error err = {0};
    int64_t seen;
    store_bench_devices(a, 1);
    pause_ms(300);
    assert_false(ss_store_device_peek(b, "d1", &d));
    assert_false(ss_store_device_peek(b, "", &d));
    assert_false(ss_store_device_saw(b, "d1"));
    assert_false(ss_store_product_peek(b, "lamp", &p));
    (void)store_bench_get(b, "d1");
    assert_ok(ss_store_product_get(b, "lamp", &p, &err), err);
    assert_true(ss_store_device_peek(b, "d1", &d));
    assert_string_equal(d.registration.id, "d1");
    assert_true(ss_store_product_peek(b, "lamp", &p));
    assert_string_equal(p.name, "lamp");
    assert_false(ss_store_product_peek(b, "no", &p));
    assert_ok(ss_store_device_seen(b, "d1", &seen, &err), err);
    assert_int_equal(seen, 0);
    assert_true(ss_store_device_saw(b, "d1"));
    assert_ok(ss_store_device_seen(b, "d1", &seen, &err), err);
    assert_true(seen > 0);
    ss_store_close(b);
    assert_ok(ss_store_device_seen(a, "d1", &seen, &err), err);
    assert_true(seen > 0);
    ss_store_close(a);
}

static void run_sql(const char *url, const char *text)
{
    struct ss_sql *db;
    struct ss_error err = {0};
    assert_ok(ss_sql_open(url, &ss_store_place, false, 1000, &db, &err), err);
    assert_ok(ss_sql_execute(db, text, NULL, 0, &err), err);
    ss_sql_close(db);
}

static ss_status_t write_all_seen(struct ss_store *store, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned shard = 0; status == SS_OK && shard < SS_STORE_SHARDS;)
        status = ss_store_cache_write_seen(store, &shard, err);
    return status;
}

/// What could not be written is known until it is, also when the cache is full meanwhile.
static void test_seen_survives_a_failed_write(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *first = store_bench_create(&url), *store;
    const struct ss_store_options options = {.cache_devices = 1};
    struct ss_store_device d;
    struct ss_error err = {0};
    int64_t seen;
    store_bench_devices(first, CROWD);
    assert_ok(ss_store_open(url, false, &options, &store, &err), err);
    assert_ok(ss_store_device_touch(store, "d1", &d, &err), err);
    run_sql(url, "ALTER TABLE seen RENAME COLUMN time TO moved");
    atomic_store(&crowded, store);
    assert_int_not_equal(write_all_seen(store, &err), SS_OK);
    atomic_store(&crowded, NULL);
    run_sql(url, "ALTER TABLE seen RENAME COLUMN moved TO time");
    assert_ok(ss_store_device_seen(first, "d1", &seen, &err), err);
    assert_int_equal(seen, 0);
    assert_ok(write_all_seen(store, &err), err);
    assert_ok(ss_store_device_seen(first, "d1", &seen, &err), err);
    assert_in_range(ss_store_now() - seen, 0, 60);
    // Nothing is held any more.
    for (unsigned i = 2; i <= CROWD; i++) {
        char id[16];
        snprintf(id, sizeof id, "d%u", i);
        (void)store_bench_get(store, id);
    }
    assert_false(ss_store_device_peek(store, "d1", &d));
    ss_store_close(store);
    ss_store_close(first);
}

/// What was noted while a clock was ahead does not stay the last until its day comes.
static void test_seen_by_a_clock_that_was_ahead(void **state)
{
    (void)state;
    const char *url;
    struct ss_store *store = store_bench_create(&url);
    struct ss_store_device d;
    struct ss_error err = {0};
    const int ahead[] = {0, 30, 4000000};
    store_bench_devices(store, 1);
    for (int i = 0; i < 3; i++) {
        int64_t seen, now = ss_store_now();
        char text[96];
        assert_ok(ss_store_device_touch(store, "d1", &d, &err), err);
        assert_ok(write_all_seen(store, &err), err);
        snprintf(text, sizeof text, "UPDATE seen SET time = %lld", (long long)(now + ahead[i]));
        run_sql(url, text);
        ss_store_close(store);
        store = store_bench_open(url);
        assert_ok(ss_store_device_touch(store, "d1", &d, &err), err);
        assert_ok(write_all_seen(store, &err), err);
        assert_ok(ss_store_device_seen(store, "d1", &seen, &err), err);
        assert_in_range(seen, now + (i == 1 ? 30 : 0), now + (i == 1 ? 30 : 20));
    }
    ss_store_close(store);
}

/// The slot behind the one that runs, among those that something was sealed for.
static void test_the_next_slot(void **state)
{
    (void)state;
    struct ss_store *store = store_bench_create(NULL);
    struct ss_store_delivery d;
    struct ss_error err = {0};
    static const struct {
        const char *running, *next;
    } cases[] = {{"ota_0", "ota_1"}, {"ota_1", "ota_5"},  {"ota_2", "ota_5"},  {"ota_5", "ota_0"},
                 {"ota_9", "ota_0"}, {"ota_15", "ota_0"}, {"factory", "ota_0"}};
    store_bench_devices(store, 1);
    int64_t release = store_bench_release(store, "1.0");
    assert_int_equal(ss_store_delivery_next(store, "d1", release, "ota_0", &d, &err), SS_ERROR_DOES_NOT_EXIST);
    put_delivery(store, "d1", release, "ota_0", "\"0\"", NULL);
    assert_refused(ss_store_delivery_next(store, "d1", release, "ota_0", &d, &err), SS_ERROR_DOES_NOT_EXIST, &err,
                   "which runs ota_0");
    put_delivery(store, "d1", release, "ota_5", "\"5\"", NULL);
    put_delivery(store, "d1", release, "ota_1", "\"1\"", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(ss_store_delivery_next(store, "d1", release, cases[i].running, &d, &err), err);
        assert_string_equal(d.slot, cases[i].next);
    }
    assert_int_equal(ss_store_delivery_next(store, "d2", release, "ota_0", &d, &err), SS_ERROR_DOES_NOT_EXIST);
    ss_store_close(store);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_download_is_remembered),
        cmocka_unit_test(test_two_downloads_of_a_device),
        cmocka_unit_test(test_downloads_are_forgotten),
        cmocka_unit_test(test_late_readers_keep_nothing),
        cmocka_unit_test(test_peeking),
        cmocka_unit_test(test_seen_survives_a_failed_write),
        cmocka_unit_test(test_seen_by_a_clock_that_was_ahead),
        cmocka_unit_test(test_the_next_slot),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
