// SPDX-License-Identifier: Apache-2.0
// Whether writes work: what the last one has shown, or one that is made to find out.
#include <errno.h>
#include <time.h>

#include "server/store_internal.h"

enum { PATIENCE_SECONDS = 2 };

void ss_store_probe_init(struct ss_store *store)
{
    pthread_condattr_t monotonic;
    pthread_mutex_init(&store->probe.lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->probe.known, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void ss_store_probe_free(struct ss_store *store)
{
    pthread_mutex_destroy(&store->probe.lock);
    pthread_cond_destroy(&store->probe.known);
}

void ss_store_probe_note(struct ss_store *store, ss_status_t status, const struct ss_error *err)
{
    struct ss_store_probe *p = &store->probe;
    pthread_mutex_lock(&p->lock);
    p->status = status;
    p->err = status == SS_OK ? (struct ss_error){0} : *err;
    p->until = ss_store_monotonic() + (int64_t)store->options.probe_seconds;
    pthread_cond_broadcast(&p->known);
    pthread_mutex_unlock(&p->lock);
}

/// The row at which PostgreSQL's writers queue; its value means nothing.
static ss_status_t write_row(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    (void)context;
    return ss_sql_run(tx->db, err, "UPDATE meta SET value = $1 WHERE name = 'writer'",
                      ss_sql_blob(&tx->now, sizeof tx->now));
}

static void finish(struct ss_store_job *job)
{
    struct ss_store *store = job->context;
    pthread_mutex_lock(&store->probe.lock);
    store->probe.runs = false;
    pthread_mutex_unlock(&store->probe.lock);
}

/// With the lock held: until something is known, or patience ends.
static void wait_for_it(struct ss_store_probe *p)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += PATIENCE_SECONDS;
    while (ss_store_monotonic() >= p->until && pthread_cond_timedwait(&p->known, &p->lock, &end) != ETIMEDOUT)
        continue;
}

ss_status_t ss_store_writable(struct ss_store *store, struct ss_error *err)
{
    struct ss_store_probe *p = &store->probe;
    pthread_mutex_lock(&p->lock);
    if (ss_store_monotonic() >= p->until) {
        if (!p->runs) {
            p->runs = true;
            p->job =
                (struct ss_store_job){.name = "store-probe", .work = write_row, .context = store, .finish = finish};
            ss_store_submit(store, &p->job);
        }
        wait_for_it(p);
    }
    ss_status_t status = p->status;
    if (ss_store_monotonic() >= p->until)
        status = ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "a write has been waiting for %d s", PATIENCE_SECONDS);
    else if (status != SS_OK && err)
        *err = p->err;
    pthread_mutex_unlock(&p->lock);
    return status;
}
