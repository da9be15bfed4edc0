// SPDX-License-Identifier: Apache-2.0
// Opening and closing, the connections for reading, and the little that all of the store needs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"
#include "core/hex.h"
#include "server/store_internal.h"
#include "vault/vault.h"

enum { BUSY_MS = 5000, READERS = 8, CACHE_DEVICES = 262144, SEEN_SECONDS = 60, PROBE_SECONDS = 10 };

const struct ss_sql_place ss_store_place = {"store", "slotseal_server", SS_AREA_SERVER};

int64_t ss_store_now(void)
{
    return (int64_t)time(NULL);
}

int64_t ss_store_monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

ss_status_t ss_store_out_of_memory(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
}

ss_status_t ss_store_check_name(const char *what, const char *name, struct ss_error *err)
{
    if (ss_vault_name_ok(name))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                        "the %s has to be 1 to %d characters of A-Z a-z 0-9 . _ -", what, SS_STORE_NAME_SIZE - 1);
}

void ss_store_copy(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
}

const char *ss_store_kind_name(enum ss_store_kind kind)
{
    return kind == SS_STORE_OPAQUE ? "opaque" : "sealed";
}

// Connections for reading

static ss_status_t reader_get(struct ss_store *store, struct ss_sql **db, struct ss_error *err)
{
    *db = NULL;
    pthread_mutex_lock(&store->readers_lock);
    while (!store->idle_count && store->open_count >= store->options.readers)
        pthread_cond_wait(&store->readers_free, &store->readers_lock);
    if (store->idle_count)
        *db = store->idle[--store->idle_count];
    else
        store->open_count++;
    pthread_mutex_unlock(&store->readers_lock);
    if (*db)
        return SS_OK;
    ss_status_t status = ss_sql_open(store->url, &ss_store_place, false, store->options.busy_ms, db, err);
    if (status == SS_OK)
        return SS_OK;
    pthread_mutex_lock(&store->readers_lock);
    store->open_count--;
    pthread_cond_signal(&store->readers_free);
    pthread_mutex_unlock(&store->readers_lock);
    return status;
}

static void reader_put(struct ss_store *store, struct ss_sql *db)
{
    bool lost = db->lost;
    pthread_mutex_lock(&store->readers_lock);
    if (lost)
        store->open_count--;
    else
        store->idle[store->idle_count++] = db;
    pthread_cond_signal(&store->readers_free);
    pthread_mutex_unlock(&store->readers_lock);
    if (lost)
        ss_sql_close(db);
}

ss_status_t ss_store_read(struct ss_store *store, ss_store_read_fn read, void *context, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    // A connection that broke while it lay idle shows that at its first use; every idle one may have.
    for (unsigned tries = 0; tries <= store->options.readers; tries++) {
        struct ss_sql *db;
        status = reader_get(store, &db, err);
        if (status != SS_OK)
            return status;
        status = ss_sql_begin(db, SS_SQL_READ, err);
        bool begun = status == SS_OK;
        if (begun)
            status = read(db, context, err);
        ss_sql_rollback(db);
        bool lost = db->lost && !begun;
        reader_put(store, db);
        if (!lost)
            break;
    }
    return status;
}

ss_status_t ss_store_first(ss_status_t status, struct ss_sql_rows **rows, bool *row, struct ss_error *err)
{
    *row = false;
    if (status == SS_OK)
        status = ss_sql_next(*rows, row, err);
    if (status != SS_OK || !*row) {
        ss_sql_end(*rows);
        *rows = NULL;
    }
    return status;
}

ss_status_t ss_store_number(struct ss_sql *db, const char *query, const struct ss_sql_value *values, size_t count,
                            int64_t fallback, int64_t *out, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row;
    *out = fallback;
    ss_status_t status = ss_store_first(ss_sql_query(db, query, values, count, &rows, err), &rows, &row, err);
    if (status == SS_OK && row)
        *out = ss_sql_column_int(rows, 0);
    ss_sql_end(rows);
    return status;
}

// Opening

static ss_status_t prepare(struct ss_store *store, bool create, struct ss_error *err)
{
    struct ss_sql *db;
    uint8_t node[8];
    ss_status_t status = ss_sql_open(store->url, &ss_store_place, create, store->options.busy_ms, &db, err);
    if (status != SS_OK)
        return status;
    status = ss_store_schema_prepare(db, create, err);
    if (status == SS_OK && (status = ss_random(node, sizeof node)) != SS_OK)
        status = ss_error_set(err, status, SS_AREA_CRYPTO, "no random numbers");
    if (status != SS_OK) {
        ss_sql_close(db);
        return status;
    }
    ss_put_hex(node, sizeof node, store->node);
    store->writer_db = db;
    return SS_OK;
}

static struct ss_store_options with_defaults(const struct ss_store_options *given)
{
    struct ss_store_options o = given ? *given : (struct ss_store_options){0};
    o.busy_ms = o.busy_ms ? o.busy_ms : BUSY_MS;
    o.readers = o.readers ? o.readers : READERS;
    o.cache_devices = o.cache_devices ? o.cache_devices : CACHE_DEVICES;
    o.seen_seconds = o.seen_seconds ? o.seen_seconds : SEEN_SECONDS;
    o.probe_seconds = o.probe_seconds ? o.probe_seconds : PROBE_SECONDS;
    if (o.readers > sizeof((struct ss_store *)0)->idle / sizeof *((struct ss_store *)0)->idle)
        o.readers = sizeof((struct ss_store *)0)->idle / sizeof *((struct ss_store *)0)->idle;
    return o;
}

ss_status_t ss_store_open(const char *url, bool create, const struct ss_store_options *options, struct ss_store **out,
                          struct ss_error *err)
{
    *out = NULL;
    struct ss_store *store = calloc(1, sizeof *store);
    if (!store)
        return ss_store_out_of_memory(err);
    store->options = with_defaults(options);
    ss_store_set_history(store, 0, 0);
    store->last = &store->first;
    pthread_mutex_init(&store->readers_lock, NULL);
    pthread_cond_init(&store->readers_free, NULL);
    pthread_mutex_init(&store->queue_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->queue_filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    ss_store_probe_init(store);
    ss_status_t status = ss_store_cache_init(store, err);
    store->url = strdup(url);
    if (status == SS_OK && !store->url)
        status = ss_store_out_of_memory(err);
    if (status == SS_OK)
        status = prepare(store, create, err);
    if (status == SS_OK)
        status = ss_store_writer_start(store, err);
    if (status == SS_OK)
        status = ss_store_watcher_start(store, err);
    if (status != SS_OK) {
        ss_store_close(store);
        return status;
    }
    *out = store;
    return SS_OK;
}

void ss_store_close(struct ss_store *store)
{
    if (!store)
        return;
    ss_store_watcher_stop(store);
    for (unsigned shard = 0; store->threads && shard < SS_STORE_SHARDS;)
        if (ss_store_cache_write_seen(store, &shard, NULL) != SS_OK)
            break;
    ss_store_writer_stop(store);
    ss_sql_close(store->writer_db);
    for (unsigned i = 0; i < store->idle_count; i++)
        ss_sql_close(store->idle[i]);
    ss_store_cache_free(store);
    ss_store_probe_free(store);
    pthread_mutex_destroy(&store->readers_lock);
    pthread_cond_destroy(&store->readers_free);
    pthread_mutex_destroy(&store->queue_lock);
    pthread_cond_destroy(&store->queue_filled);
    free(store->url);
    free(store);
}

static ss_status_t ping(struct ss_sql *db, void *context, struct ss_error *err)
{
    (void)context;
    return ss_sql_execute(db, "SELECT 1 FROM migrations WHERE version = 1", NULL, 0, err);
}

void ss_store_set_history(struct ss_store *store, uint64_t action_bytes, uint64_t device_bytes)
{
    atomic_store(&store->action_bytes, action_bytes ? action_bytes : SS_STORE_ACTION_BYTES);
    atomic_store(&store->device_bytes, device_bytes ? device_bytes : SS_STORE_DEVICE_BYTES);
}

ss_status_t ss_store_ping(struct ss_store *store, struct ss_error *err)
{
    return ss_store_read(store, ping, NULL, err);
}

static ss_status_t count_rows(struct ss_sql *db, void *context, struct ss_error *err)
{
    struct ss_store_counts *counts = context;
    const struct {
        const char *query;
        uint64_t *out;
    } queries[] = {
        {"SELECT count(*) FROM devices", &counts->devices},
        {"SELECT count(*) FROM releases", &counts->releases},
        {"SELECT count(*) FROM actions WHERE active = 1", &counts->actions_open},
        {"SELECT count(*) FROM actions WHERE state IN (3, 9)", &counts->actions_finished},
        {"SELECT count(*) FROM actions WHERE state = 4", &counts->actions_failed},
        {"SELECT count(*) FROM actions WHERE state = 5", &counts->actions_canceled},
    };
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < sizeof queries / sizeof *queries && status == SS_OK; i++) {
        int64_t number;
        status = ss_store_number(db, queries[i].query, NULL, 0, 0, &number, err);
        *queries[i].out = (uint64_t)number;
    }
    return status;
}

ss_status_t ss_store_count(struct ss_store *store, struct ss_store_counts *counts, struct ss_error *err)
{
    *counts = (struct ss_store_counts){
        .cache_misses = atomic_load(&store->misses),
        .writes = atomic_load(&store->writes),
        .commits = atomic_load(&store->commits),
        .queued = atomic_load(&store->queued),
    };
    ss_store_cache_count(store, counts);
    return ss_store_read(store, count_rows, counts, err);
}
