// SPDX-License-Identifier: Apache-2.0
// What one process has written, the others must not answer from memory any more. Each write leaves the names of what it
// touched in table `changes`, numbered in the order of commits; the watcher wakes up when something was committed, and
// drops what it finds there. It also writes, once in a while, who was seen.
#include <signal.h>
#include <string.h>
#include <time.h>

#include "server/store_internal.h"

enum {
    WAIT_MS = 200,
    RETRY_MS = 250,
    CONNECT_MS = 1000,
    KEEP = 10000, ///< changes that are kept; a node that is further behind drops everything
};

ss_status_t ss_store_publish_changes(struct ss_store *store, struct ss_sql *db, const struct ss_store_touched *touched,
                                     struct ss_error *err)
{
    int64_t number = 0;
    if (!touched->count)
        return SS_OK;
    ss_status_t status = ss_store_number(db, "SELECT coalesce(max(number), 0) FROM changes", NULL, 0, 0, &number, err);
    for (size_t i = 0; i < touched->count && status == SS_OK; i++) {
        if (++number % (KEEP / 2) == 0)
            status = ss_sql_run(db, err, "DELETE FROM changes WHERE number <= $1",
                                ss_sql_int(number > KEEP ? number - KEEP : 0));
        if (status == SS_OK)
            status = ss_sql_run(db, err, "INSERT INTO changes (number, node, what) VALUES ($1, $2, $3)",
                                ss_sql_int(number), ss_sql_text(store->node), ss_sql_text(touched->names[i]));
    }
    return status == SS_OK ? ss_sql_announce(db, err) : status;
}

static void pause_ms(unsigned ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void apply(struct ss_store *store, const char *what)
{
    if (what[0] == 'p')
        ss_store_cache_drop_products(store);
    else
        ss_store_cache_drop_device(store, what + 1);
}

/// Drops what other nodes have changed since number *@p last; everything if some of that is not there any more.
static ss_status_t catch_up(struct ss_store *store, struct ss_sql *db, int64_t *last)
{
    struct ss_sql_rows *rows;
    bool row = true;
    ss_status_t status = ss_sql_select(
        db, &rows, NULL, "SELECT number, node, what FROM changes WHERE number > $1 ORDER BY number", ss_sql_int(*last));
    while (status == SS_OK && row) {
        char node[sizeof store->node], what[SS_STORE_NAME_SIZE + 1];
        status = ss_sql_next(rows, &row, NULL);
        if (status != SS_OK || !row)
            break;
        int64_t number = ss_sql_column_int(rows, 0);
        ss_sql_column_text(rows, 1, node, sizeof node);
        ss_sql_column_text(rows, 2, what, sizeof what);
        if (number != *last + 1)
            ss_store_cache_drop_all(store);
        else if (strcmp(node, store->node) != 0)
            apply(store, what);
        *last = number;
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t connect(struct ss_store *store, struct ss_sql **db, int64_t *last)
{
    ss_status_t status = ss_sql_open(store->url, &ss_store_place, false, store->options.busy_ms, db, NULL);
    if (status == SS_OK)
        status = ss_sql_watch(*db, NULL); // first: what is committed from here on is heard of
    if (status == SS_OK)
        status = ss_store_number(*db, "SELECT coalesce(max(number), 0) FROM changes", NULL, 0, 0, last, NULL);
    if (status == SS_OK)
        ss_store_cache_drop_all(store);
    return status;
}

static ss_status_t watch(struct ss_store *store, struct ss_sql *db, int64_t *last)
{
    bool changed;
    ss_status_t status = ss_sql_wait(db, WAIT_MS, &changed, NULL);
    if (status == SS_OK && changed)
        status = catch_up(store, db, last);
    return status;
}

static void *watcher(void *context)
{
    struct ss_store *store = context;
    struct ss_sql *db = NULL;
    int64_t last = 0, written = ss_store_monotonic();
    unsigned shard = SS_STORE_SHARDS; // whose turn it is
    while (!atomic_load(&store->stopping)) {
        ss_status_t status = db ? watch(store, db, &last) : connect(store, &db, &last);
        if (status == SS_OK) {
            atomic_store(&store->watched, ss_store_monotonic());
        } else {
            ss_sql_close(db);
            db = NULL;
            pause_ms(RETRY_MS);
        }
        // One transaction a turn: what other nodes change has to be heard in between.
        if (shard < SS_STORE_SHARDS) {
            if (ss_store_cache_write_seen(store, &shard, NULL) != SS_OK)
                shard = SS_STORE_SHARDS; // what is not written now is next time
        } else if (ss_store_monotonic() - written >= (int64_t)store->options.seen_seconds) {
            shard = 0;
            written = ss_store_monotonic();
        }
    }
    ss_sql_close(db);
    return NULL;
}

ss_status_t ss_store_watcher_start(struct ss_store *store, struct ss_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&store->watcher, NULL, watcher, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    store->watching = !failed;
    // From here on answers can come from memory; without it, a little later.
    for (unsigned ms = 0; !failed && ms < CONNECT_MS && !atomic_load(&store->watched); ms++)
        pause_ms(1);
    return failed ? ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "cannot start a thread: %s",
                                 strerror(failed))
                  : SS_OK;
}

void ss_store_watcher_stop(struct ss_store *store)
{
    if (!store->watching)
        return;
    atomic_store(&store->stopping, true);
    pthread_join(store->watcher, NULL);
    store->watching = false;
}

bool ss_store_cache_is_current(struct ss_store *store)
{
    long long watched = atomic_load(&store->watched);
    return watched && ss_store_monotonic() - watched <= (int64_t)SS_STORE_STALE_SECONDS;
}
