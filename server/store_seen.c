// SPDX-License-Identifier: Apache-2.0
// Who was seen, in the cache until it is written: many at a time, once in a while.
#include <stdlib.h>
#include <string.h>

#include "server/store_internal.h"

enum { SEEN_BATCH = 500, DAY = 86400 };

void ss_store_cache_note_seen(struct ss_store_entry *e, int64_t seen)
{
    e->used = true;
    if (!seen || seen == e->seen)
        return;
    e->seen = seen;
    e->seen_new = true;
}

bool ss_store_device_saw(struct ss_store *store, const char *id)
{
    struct ss_store_entry *e;
    struct ss_store_shard *shard = ss_store_cache_lock(store, id, &e);
    if (e)
        ss_store_cache_note_seen(e, ss_store_now());
    pthread_mutex_unlock(&shard->lock);
    return e != NULL;
}

void ss_store_cache_fetched(struct ss_store *store, const char *device, int64_t time)
{
    struct ss_store_entry *e;
    struct ss_store_shard *shard = ss_store_cache_lock(store, device, &e);
    if (e && time != e->device.freshness_fetched) {
        e->device.freshness_fetched = time;
        e->seen_new = e->fetched_new = true;
    }
    pthread_mutex_unlock(&shard->lock);
}

struct seen_row {
    char device[SS_STORE_NAME_SIZE];
    int64_t seen, freshness; ///< freshness 0: none was fetched since the last time
};

struct seen_batch {
    struct seen_row rows[SEEN_BATCH];
    size_t count;
};

/// Nodes write the same device: the later time counts, unless it was noted while a clock was ahead. Of freshness records
/// it is what was fetched last, which may be the older one: the other was dated ahead.
static ss_status_t write_seen(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct seen_batch *batch = context;
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < batch->count && status == SS_OK; i++)
        status = ss_sql_run(
            tx->db, err,
            "INSERT INTO seen (device, time, freshness) VALUES ($1, $2, $3) ON CONFLICT (device) DO UPDATE "
            "SET time = CASE WHEN excluded.time > seen.time OR seen.time > $4 THEN excluded.time ELSE seen.time END, "
            "freshness = CASE WHEN excluded.freshness > 0 THEN excluded.freshness ELSE seen.freshness END",
            ss_sql_text(batch->rows[i].device), ss_sql_int(batch->rows[i].seen), ss_sql_int(batch->rows[i].freshness),
            ss_sql_int(tx->now + DAY));
    return status;
}

static void collect(struct ss_store_shard *shard, struct seen_batch *batch)
{
    batch->count = 0;
    for (size_t b = 0; b < shard->bucket_count; b++)
        for (struct ss_store_entry *e = shard->buckets[b]; e && batch->count < SEEN_BATCH; e = e->next) {
            if (!e->seen_new)
                continue;
            struct seen_row *row = &batch->rows[batch->count++];
            memcpy(row->device, e->device.registration.id, sizeof row->device);
            row->seen = e->seen;
            row->freshness = e->fetched_new ? e->device.freshness_fetched : 0;
            e->seen_new = false;
            e->writing = true;
        }
}

/// What was not @p written still is to be.
static void finish(struct ss_store *store, const struct seen_batch *batch, bool written)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct ss_store_entry *e;
        struct ss_store_shard *shard = ss_store_cache_lock(store, batch->rows[i].device, &e);
        if (e) {
            e->seen_new |= !written;
            e->fetched_new &= !written || e->device.freshness_fetched != batch->rows[i].freshness;
            e->writing = false;
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

ss_status_t ss_store_cache_write_seen(struct ss_store *store, unsigned *shard, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    struct seen_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return ss_store_out_of_memory(err);
    while (*shard < SS_STORE_SHARDS && !batch->count) {
        pthread_mutex_lock(&store->shards[*shard].lock);
        collect(&store->shards[*shard], batch);
        pthread_mutex_unlock(&store->shards[*shard].lock);
        *shard += batch->count < SEEN_BATCH; // else there may be more of it
    }
    if (batch->count)
        status = ss_store_write(store, "store-seen", write_seen, batch, err);
    finish(store, batch, status == SS_OK);
    free(batch);
    return status;
}

struct seen_read {
    const char *id;
    int64_t written;
};

static ss_status_t read_seen(struct ss_sql *db, void *context, struct ss_error *err)
{
    struct seen_read *r = context;
    int64_t known;
    ss_status_t status =
        ss_store_get_number(db, 0, &known, err, "SELECT 1 FROM devices WHERE id = $1", ss_sql_text(r->id));
    if (status == SS_OK && !known)
        status = ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no device %s", r->id);
    return status == SS_OK ? ss_store_get_number(db, 0, &r->written, err, "SELECT time FROM seen WHERE device = $1",
                                                 ss_sql_text(r->id))
                           : status;
}

ss_status_t ss_store_device_seen(struct ss_store *store, const char *id, int64_t *seen, struct ss_error *err)
{
    struct seen_read r = {.id = id};
    *seen = 0;
    ss_status_t status = ss_store_read(store, read_seen, &r, err);
    if (status != SS_OK)
        return status;
    struct ss_store_entry *e;
    struct ss_store_shard *shard = ss_store_cache_lock(store, id, &e);
    *seen = e && e->seen > r.written ? e->seen : r.written;
    pthread_mutex_unlock(&shard->lock);
    return SS_OK;
}
