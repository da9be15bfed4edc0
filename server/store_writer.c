// SPDX-License-Identifier: Apache-2.0
// The writer: takes all writes that wait, runs them within one transaction, each behind a savepoint, and commits once. A
// disk that syncs a hundred times a second still takes thousands of reports. The only file that commits to the store,
// but for the schema; each write has a name, and its fault points.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/store_internal.h"
#include "vault/fault.h"

enum { BATCH = 256, TRIES = 12, HINTS = 2048 };

static void fault(const char *name, const char *when)
{
    char point[80];
    snprintf(point, sizeof point, "%s:%s", name, when);
    ss_fault_point(point);
}

static ss_status_t touch(struct ss_store_tx *tx, char what, const char *name, struct ss_error *err)
{
    struct ss_store_touched *t = tx->touched;
    char text[SS_STORE_NAME_SIZE + 1];
    snprintf(text, sizeof text, "%c%s", what, name);
    if (t->count && !strcmp(t->names[t->count - 1], text))
        return SS_OK;
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 64;
        void *names = realloc(t->names, capacity * sizeof *t->names);
        if (!names)
            return ss_store_out_of_memory(err);
        t->names = names;
        t->capacity = capacity;
    }
    memcpy(t->names[t->count++], text, sizeof text);
    return SS_OK;
}

ss_status_t ss_store_touch_device(struct ss_store_tx *tx, const char *device, struct ss_error *err)
{
    return touch(tx, 'd', device, err);
}

ss_status_t ss_store_touch_product(struct ss_store_tx *tx, const char *product, struct ss_error *err)
{
    return touch(tx, 'p', product, err);
}

static void fail_all(struct ss_store_job *const *jobs, size_t count, ss_status_t status, const struct ss_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (jobs[i]->status == SS_OK) {
            jobs[i]->status = status;
            jobs[i]->err = *err;
        }
}

/// One job of a batch; what it wrote is undone if it fails. Only what ends the whole batch is returned.
static ss_status_t run_job(struct ss_store_tx *tx, struct ss_store_job *job, struct ss_error *err)
{
    size_t touched = tx->touched->count;
    job->err = (struct ss_error){0};
    ss_status_t status = ss_sql_execute(tx->db, "SAVEPOINT job", NULL, 0, err);
    if (status != SS_OK)
        return status;
    fault(job->name, "begin");
    job->status = job->work(tx, job->context, &job->err);
    if (job->status == SS_OK)
        return ss_sql_execute(tx->db, "RELEASE SAVEPOINT job", NULL, 0, err);
    if (tx->db->retry || tx->db->lost) {
        *err = job->err;
        return job->status;
    }
    tx->touched->count = touched;
    status = ss_sql_execute(tx->db, "ROLLBACK TO SAVEPOINT job", NULL, 0, err);
    return status == SS_OK ? ss_sql_execute(tx->db, "RELEASE SAVEPOINT job", NULL, 0, err) : status;
}

static bool any_ok(struct ss_store_job *const *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (jobs[i]->status == SS_OK)
            return true;
    return false;
}

static void fault_all(struct ss_store_job *const *jobs, size_t count, const char *when)
{
    for (size_t i = 0; i < count; i++)
        if (jobs[i]->status == SS_OK)
            fault(jobs[i]->name, when);
}

static ss_status_t commit(struct ss_store *store, struct ss_store_tx *tx, struct ss_store_job *const *jobs,
                          size_t count, bool *committing, struct ss_error *err)
{
    if (!any_ok(jobs, count)) {
        ss_sql_rollback(tx->db);
        return SS_OK;
    }
    ss_status_t status = ss_store_publish_changes(store, tx->db, tx->touched, err);
    if (status != SS_OK)
        return status;
    fault_all(jobs, count, "commit");
    *committing = true;
    status = ss_sql_commit(tx->db, err);
    if (status == SS_OK)
        fault_all(jobs, count, "done");
    return status;
}

/// @p committing: the commit was tried, so that nobody knows whether it happened if the connection is gone.
static ss_status_t run_batch(struct ss_store *store, struct ss_store_job *const *jobs, size_t count,
                             struct ss_store_touched *touched, bool *committing, struct ss_error *err)
{
    struct ss_store_tx tx = {.store = store, .touched = touched, .now = ss_store_now()};
    ss_status_t status = SS_OK;
    touched->count = 0;
    *committing = false;
    if (!store->writer_db)
        status = ss_sql_open(store->url, &ss_store_place, false, store->options.busy_ms, &store->writer_db, err);
    tx.db = store->writer_db;
    if (status == SS_OK)
        status = ss_sql_begin(tx.db, SS_SQL_WRITE, err);
    for (size_t i = 0; i < count && status == SS_OK; i++)
        status = run_job(&tx, jobs[i], err);
    if (status == SS_OK)
        status = commit(store, &tx, jobs, count, committing, err);
    if (status != SS_OK && tx.db)
        ss_sql_rollback(tx.db);
    return status;
}

static void drop_touched(struct ss_store *store, const struct ss_store_touched *touched)
{
    for (size_t i = 0; i < touched->count; i++)
        if (touched->names[i][0] == 'p')
            ss_store_cache_drop_products(store);
        else
            ss_store_cache_drop_device(store, touched->names[i] + 1);
}

/// How many writes these jobs are: what a job has gathered counts one by one.
static size_t weigh(struct ss_store_job *const *jobs, size_t count)
{
    size_t weight = 0;
    for (size_t i = 0; i < count; i++)
        weight += jobs[i]->hints ? jobs[i]->hints : 1;
    return weight;
}

/// Whether writes work is what the batch has shown, or else those of its jobs that the database itself has failed.
static void note_outcome(struct ss_store *store, struct ss_store_job *const *jobs, size_t count, ss_status_t status,
                         const struct ss_error *err)
{
    for (size_t i = 0; i < count && status == SS_OK; i++)
        if (jobs[i]->status == SS_ERROR_IO) {
            status = SS_ERROR_IO;
            err = &jobs[i]->err;
        }
    ss_store_probe_note(store, status, err);
}

static void run(struct ss_store *store, struct ss_store_job *const *jobs, size_t count,
                struct ss_store_touched *touched)
{
    struct ss_error err = {0};
    ss_status_t status = SS_OK;
    for (unsigned i = 0; i < TRIES; i++) {
        bool committing;
        status = run_batch(store, jobs, count, touched, &committing, &err);
        bool retry = status != SS_OK && store->writer_db && store->writer_db->retry;
        bool lost = status != SS_OK && store->writer_db && store->writer_db->lost;
        if (lost) {
            ss_sql_close(store->writer_db);
            store->writer_db = NULL;
        }
        if (!retry && (!lost || committing))
            break;
        nanosleep(&(struct timespec){.tv_nsec = 1000000L << (i < 8 ? i : 8)}, NULL);
    }
    // Also after a failure: the commit may have happened, unheard.
    drop_touched(store, touched);
    if (status != SS_OK) {
        for (size_t i = 0; i < count; i++)
            jobs[i]->status = SS_OK;
        fail_all(jobs, count, status, &err);
    }
    atomic_fetch_add(&store->writes, weigh(jobs, count));
    atomic_fetch_add(&store->commits, status == SS_OK);
    note_outcome(store, jobs, count, status, &err);
}

/// With the queue locked: until there is something that is not a hint, or hints have waited long enough.
static void wait_for_jobs(struct ss_store *store)
{
    bool late = false;
    while (!store->stop && !store->urgent && store->hints < HINTS && !late) {
        if (store->hints)
            late = pthread_cond_timedwait(&store->queue_filled, &store->queue_lock, &store->hints_due) == ETIMEDOUT;
        else
            pthread_cond_wait(&store->queue_filled, &store->queue_lock);
    }
}

static size_t take(struct ss_store *store, struct ss_store_job **jobs)
{
    size_t count = 0;
    pthread_mutex_lock(&store->queue_lock);
    wait_for_jobs(store);
    while (store->first && count < BATCH) {
        store->urgent -= !store->first->hints;
        store->hints -= store->first->hints;
        jobs[count++] = store->first;
        store->first = store->first->next;
    }
    if (!store->first) {
        store->last = &store->first;
        store->notes = NULL;
    }
    pthread_mutex_unlock(&store->queue_lock);
    atomic_fetch_sub(&store->queued, weigh(jobs, count));
    return count;
}

static void *writer(void *context)
{
    struct ss_store *store = context;
    struct ss_store_job *jobs[BATCH];
    struct ss_store_touched touched = {0};
    size_t count;
    while ((count = take(store, jobs)) != 0) {
        run(store, jobs, count, &touched);
        for (size_t i = 0; i < count; i++)
            jobs[i]->finish(jobs[i]);
    }
    free(touched.names);
    return NULL;
}

/// With the queue locked.
static void append(struct ss_store *store, struct ss_store_job *job)
{
    job->next = NULL;
    *store->last = job;
    store->last = &job->next;
}

void ss_store_submit(struct ss_store *store, struct ss_store_job *job)
{
    pthread_mutex_lock(&store->queue_lock);
    job->hints = 0;
    append(store, job);
    store->notes = NULL; // what is noted from here on comes behind this one
    store->urgent++;
    atomic_fetch_add(&store->queued, 1);
    pthread_cond_signal(&store->queue_filled);
    pthread_mutex_unlock(&store->queue_lock);
}

void ss_store_queue_hint(struct ss_store *store, struct ss_store_job *job)
{
    if (!job->hints++)
        append(store, job);
    if (!store->hints++) {
        clock_gettime(CLOCK_MONOTONIC, &store->hints_due);
        store->hints_due.tv_sec += SS_STORE_HINT_SECONDS;
    }
    atomic_fetch_add(&store->queued, 1);
    if (store->hints == 1 || store->hints == HINTS)
        pthread_cond_signal(&store->queue_filled);
}

struct waiting {
    struct ss_store_job job;
    sem_t done;
};

static void wake(struct ss_store_job *job)
{
    sem_post(&((struct waiting *)job)->done);
}

ss_status_t ss_store_write(struct ss_store *store, const char *name, ss_store_work_fn work, void *context,
                           struct ss_error *err)
{
    struct waiting w = {.job = {.name = name, .work = work, .context = context, .finish = wake}};
    sem_init(&w.done, 0, 0);
    ss_store_submit(store, &w.job);
    while (sem_wait(&w.done) != 0 && errno == EINTR)
        continue;
    sem_destroy(&w.done);
    if (w.job.status != SS_OK && err)
        *err = w.job.err;
    return w.job.status;
}

ss_status_t ss_store_writer_start(struct ss_store *store, struct ss_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&store->writer, NULL, writer, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    store->threads = !failed;
    return failed ? ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "cannot start a thread: %s",
                                 strerror(failed))
                  : SS_OK;
}

void ss_store_writer_stop(struct ss_store *store)
{
    if (!store->threads)
        return;
    pthread_mutex_lock(&store->queue_lock);
    store->stop = true;
    pthread_cond_signal(&store->queue_filled);
    pthread_mutex_unlock(&store->queue_lock);
    pthread_join(store->writer, NULL);
    store->threads = false;
}
