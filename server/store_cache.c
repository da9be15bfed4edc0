// SPDX-License-Identifier: Apache-2.0
// Devices and products in memory, so that polls do not touch the database; and who was seen, until it is written.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "server/store_internal.h"

enum { FIRST_BUCKETS = 64, SEEN_BATCH = 500 };

ss_status_t ss_store_cache_init(struct ss_store *store, struct ss_error *err)
{
    pthread_mutex_init(&store->products.lock, NULL);
    for (unsigned i = 0; i < SS_STORE_SHARDS; i++) {
        struct ss_store_shard *shard = &store->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        shard->buckets = calloc(FIRST_BUCKETS, sizeof *shard->buckets);
        if (!shard->buckets)
            return ss_store_out_of_memory(err);
        shard->bucket_count = FIRST_BUCKETS;
    }
    return SS_OK;
}

static void free_entry(struct ss_store_entry *entry)
{
    free(entry->delivery);
    free(entry);
}

void ss_store_cache_free(struct ss_store *store)
{
    for (unsigned i = 0; i < SS_STORE_SHARDS; i++) {
        struct ss_store_shard *shard = &store->shards[i];
        for (size_t b = 0; b < shard->bucket_count; b++)
            for (struct ss_store_entry *e = shard->buckets[b], *next; e; e = next) {
                next = e->next;
                free_entry(e);
            }
        free(shard->buckets);
        pthread_mutex_destroy(&shard->lock);
    }
    free(store->products.items);
    pthread_mutex_destroy(&store->products.lock);
}

/// FNV-1a. Only devices that the database knows get in, so nobody can choose names that collide.
static uint64_t hash(const char *id)
{
    uint64_t h = 0xcbf29ce484222325;
    for (; *id; id++)
        h = (h ^ (uint8_t)*id) * 0x100000001b3;
    return h ^ h >> 32;
}

static struct ss_store_shard *shard_of(struct ss_store *store, uint64_t h)
{
    return &store->shards[h % SS_STORE_SHARDS];
}

static struct ss_store_entry **bucket_of(const struct ss_store_shard *shard, uint64_t h)
{
    return &shard->buckets[h / SS_STORE_SHARDS % shard->bucket_count];
}

static struct ss_store_entry *find(const struct ss_store_shard *shard, uint64_t h, const char *id)
{
    struct ss_store_entry *e = *bucket_of(shard, h);
    while (e && strcmp(e->device.registration.id, id) != 0)
        e = e->next;
    return e;
}

/// Twice the buckets, if there is memory for them; else chains get longer.
static void grow(struct ss_store_shard *shard)
{
    struct ss_store_shard bigger = {.bucket_count = 2 * shard->bucket_count};
    bigger.buckets = calloc(bigger.bucket_count, sizeof *bigger.buckets);
    if (!bigger.buckets)
        return;
    for (size_t b = 0; b < shard->bucket_count; b++)
        for (struct ss_store_entry *e = shard->buckets[b], *next; e; e = next) {
            struct ss_store_entry **to = bucket_of(&bigger, hash(e->device.registration.id));
            next = e->next;
            e->next = *to;
            *to = e;
        }
    free(shard->buckets);
    shard->buckets = bigger.buckets;
    shard->bucket_count = bigger.bucket_count;
}

/// Makes room for one more: a clock over the buckets takes out what was not used since it last came by and has nothing
/// that is still to be written.
static void evict(struct ss_store_shard *shard, size_t limit)
{
    for (size_t steps = 0; shard->count >= limit && steps < 2 * shard->bucket_count; steps++) {
        struct ss_store_entry **at = &shard->buckets[shard->hand++ % shard->bucket_count];
        while (*at) {
            struct ss_store_entry *e = *at;
            if (e->used || e->seen_new) {
                e->used = false;
                at = &e->next;
                continue;
            }
            *at = e->next;
            free_entry(e);
            shard->count--;
        }
    }
}

static struct ss_store_entry *add(struct ss_store *store, struct ss_store_shard *shard, uint64_t h)
{
    size_t limit = store->options.cache_devices / SS_STORE_SHARDS + 1;
    if (shard->count >= limit)
        evict(shard, limit);
    if (shard->count >= shard->bucket_count)
        grow(shard);
    struct ss_store_entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->next = *bucket_of(shard, h);
    *bucket_of(shard, h) = e;
    shard->count++;
    return e;
}

static void drop(struct ss_store_entry *e)
{
    e->valid = false;
    free(e->delivery);
    e->delivery = NULL;
}

void ss_store_cache_drop_device(struct ss_store *store, const char *device)
{
    uint64_t h = hash(device);
    struct ss_store_shard *shard = shard_of(store, h);
    pthread_mutex_lock(&shard->lock);
    shard->epoch++;
    struct ss_store_entry *e = find(shard, h, device);
    if (e)
        drop(e);
    pthread_mutex_unlock(&shard->lock);
}

void ss_store_cache_drop_products(struct ss_store *store)
{
    pthread_mutex_lock(&store->products.lock);
    store->products.epoch++;
    store->products.count = 0;
    pthread_mutex_unlock(&store->products.lock);
}

void ss_store_cache_drop_all(struct ss_store *store)
{
    ss_store_cache_drop_products(store);
    for (unsigned i = 0; i < SS_STORE_SHARDS; i++) {
        struct ss_store_shard *shard = &store->shards[i];
        pthread_mutex_lock(&shard->lock);
        shard->epoch++;
        for (size_t b = 0; b < shard->bucket_count; b++)
            for (struct ss_store_entry *e = shard->buckets[b]; e; e = e->next)
                drop(e);
        pthread_mutex_unlock(&shard->lock);
    }
}

void ss_store_cache_count(struct ss_store *store, struct ss_store_counts *counts)
{
    counts->cached = counts->cache_hits = 0;
    for (unsigned i = 0; i < SS_STORE_SHARDS; i++) {
        pthread_mutex_lock(&store->shards[i].lock);
        counts->cached += store->shards[i].count;
        counts->cache_hits += store->shards[i].hits;
        pthread_mutex_unlock(&store->shards[i].lock);
    }
}

// Devices

static void note_seen(struct ss_store_entry *e, int64_t seen)
{
    e->used = true;
    if (!seen || seen == e->seen)
        return;
    e->seen = seen;
    e->seen_new = true;
}

static bool get_cached(struct ss_store *store, const char *id, int64_t seen, struct ss_store_device *out,
                       uint64_t *epoch)
{
    uint64_t h = hash(id);
    struct ss_store_shard *shard = shard_of(store, h);
    bool current = ss_store_cache_is_current(store);
    pthread_mutex_lock(&shard->lock);
    *epoch = shard->epoch;
    struct ss_store_entry *e = current ? find(shard, h, id) : NULL;
    bool found = e && e->valid;
    if (found) {
        note_seen(e, seen);
        *out = e->device;
        shard->hits++;
    }
    pthread_mutex_unlock(&shard->lock);
    return found;
}

/// What was fetched may not be written yet: @p device learns of it from what was cached before.
static void put(struct ss_store *store, uint64_t epoch, int64_t seen, struct ss_store_device *device)
{
    uint64_t h = hash(device->registration.id);
    struct ss_store_shard *shard = shard_of(store, h);
    pthread_mutex_lock(&shard->lock);
    struct ss_store_entry *e = find(shard, h, device->registration.id);
    if (!e)
        e = add(store, shard, h);
    if (e) {
        if (e->device.freshness_fetched > device->freshness_fetched)
            device->freshness_fetched = e->device.freshness_fetched;
        e->device = *device;
        e->valid = epoch == shard->epoch;
        note_seen(e, seen);
    }
    pthread_mutex_unlock(&shard->lock);
}

struct load {
    const char *id;
    struct ss_store_device *out;
};

static ss_status_t load(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct load *l = context;
    return ss_store_device_load(db, l->id, l->out, err);
}

static ss_status_t get(struct ss_store *store, const char *id, int64_t seen, struct ss_store_device *out,
                       struct ss_error *err)
{
    char name[SS_STORE_NAME_SIZE]; // @p id may lie in @p out: what is known of a device is looked up again
    uint64_t epoch;
    ss_store_copy(name, sizeof name, strnlen(id, sizeof name) < sizeof name ? id : "");
    if (get_cached(store, name, seen, out, &epoch))
        return SS_OK;
    atomic_fetch_add_explicit(&store->misses, 1, memory_order_relaxed);
    struct load l = {name, out};
    memset(out, 0, sizeof *out);
    ss_status_t status = ss_store_read(store, load, &l, err);
    if (status != SS_OK)
        return status;
    out->revision = atomic_fetch_add(&store->revision, 1) + 1;
    put(store, epoch, seen, out);
    return SS_OK;
}

ss_status_t ss_store_device_get(struct ss_store *store, const char *id, struct ss_store_device *out,
                                struct ss_error *err)
{
    return get(store, id, 0, out, err);
}

ss_status_t ss_store_device_touch(struct ss_store *store, const char *id, struct ss_store_device *out,
                                  struct ss_error *err)
{
    return get(store, id, ss_store_now(), out, err);
}

bool ss_store_device_peek(struct ss_store *store, const char *id, struct ss_store_device *out)
{
    uint64_t epoch;
    return get_cached(store, id, 0, out, &epoch);
}

bool ss_store_device_saw(struct ss_store *store, const char *id)
{
    uint64_t h = hash(id);
    struct ss_store_shard *shard = shard_of(store, h);
    pthread_mutex_lock(&shard->lock);
    struct ss_store_entry *e = find(shard, h, id);
    if (e)
        note_seen(e, ss_store_now());
    pthread_mutex_unlock(&shard->lock);
    return e != NULL;
}

void ss_store_cache_fetched(struct ss_store *store, const char *device, int64_t time)
{
    uint64_t h = hash(device);
    struct ss_store_shard *shard = shard_of(store, h);
    pthread_mutex_lock(&shard->lock);
    struct ss_store_entry *e = find(shard, h, device);
    if (e && time > e->device.freshness_fetched) {
        e->device.freshness_fetched = time;
        e->seen_new = true;
    }
    pthread_mutex_unlock(&shard->lock);
}

// What was seen

struct seen_row {
    char device[SS_STORE_NAME_SIZE];
    int64_t seen, freshness;
};

struct seen_batch {
    struct seen_row rows[SEEN_BATCH];
    size_t count;
};

/// Nodes write the same device: the later time counts.
static ss_status_t write_seen(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct seen_batch *batch = context;
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < batch->count && status == SS_OK; i++)
        status = ss_sql_run(
            tx->db, err,
            "INSERT INTO seen (device, time, freshness) VALUES ($1, $2, $3) ON CONFLICT (device) DO UPDATE "
            "SET time = CASE WHEN excluded.time > seen.time THEN excluded.time ELSE seen.time END, "
            "freshness = CASE WHEN excluded.freshness > seen.freshness THEN excluded.freshness ELSE "
            "seen.freshness END",
            ss_sql_text(batch->rows[i].device), ss_sql_int(batch->rows[i].seen), ss_sql_int(batch->rows[i].freshness));
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
            row->freshness = e->device.freshness_fetched;
            e->seen_new = false;
        }
}

/// They are still to be written, unless something newer is already.
static void give_back(struct ss_store_shard *shard, const struct seen_batch *batch)
{
    pthread_mutex_lock(&shard->lock);
    for (size_t i = 0; i < batch->count; i++) {
        struct ss_store_entry *e = find(shard, hash(batch->rows[i].device), batch->rows[i].device);
        if (e)
            e->seen_new = true;
    }
    pthread_mutex_unlock(&shard->lock);
}

ss_status_t ss_store_cache_write_seen(struct ss_store *store, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    struct seen_batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return ss_store_out_of_memory(err);
    for (unsigned i = 0; i < SS_STORE_SHARDS && status == SS_OK; i++)
        do {
            pthread_mutex_lock(&store->shards[i].lock);
            collect(&store->shards[i], batch);
            pthread_mutex_unlock(&store->shards[i].lock);
            if (batch->count)
                status = ss_store_write(store, "store-seen", write_seen, batch, err);
            if (status != SS_OK)
                give_back(&store->shards[i], batch);
        } while (status == SS_OK && batch->count == SEEN_BATCH);
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
    uint64_t h = hash(id);
    struct ss_store_shard *shard = shard_of(store, h);
    pthread_mutex_lock(&shard->lock);
    const struct ss_store_entry *e = find(shard, h, id);
    *seen = e && e->seen > r.written ? e->seen : r.written;
    pthread_mutex_unlock(&shard->lock);
    return SS_OK;
}

// Deliveries

uint64_t ss_store_cache_epoch(struct ss_store *store, const char *device)
{
    struct ss_store_shard *shard = shard_of(store, hash(device));
    pthread_mutex_lock(&shard->lock);
    uint64_t epoch = shard->epoch;
    pthread_mutex_unlock(&shard->lock);
    return epoch;
}

bool ss_store_cache_delivery(struct ss_store *store, const char *device, int64_t release, const char *slot,
                             struct ss_store_delivery *out)
{
    uint64_t h = hash(device);
    struct ss_store_shard *shard = shard_of(store, h);
    bool current = ss_store_cache_is_current(store);
    pthread_mutex_lock(&shard->lock);
    const struct ss_store_entry *e = current ? find(shard, h, device) : NULL;
    const struct ss_store_delivery *d = e && e->valid ? e->delivery : NULL;
    bool found = d && d->release == release && !strcmp(d->slot, slot);
    if (found)
        *out = *d;
    pthread_mutex_unlock(&shard->lock);
    return found;
}

void ss_store_cache_put_delivery(struct ss_store *store, uint64_t epoch, const struct ss_store_delivery *delivery)
{
    uint64_t h = hash(delivery->device);
    struct ss_store_shard *shard = shard_of(store, h);
    pthread_mutex_lock(&shard->lock);
    struct ss_store_entry *e = find(shard, h, delivery->device);
    if (e && e->valid && epoch == shard->epoch) {
        if (!e->delivery)
            e->delivery = malloc(sizeof *e->delivery);
        if (e->delivery)
            *e->delivery = *delivery;
    }
    pthread_mutex_unlock(&shard->lock);
}
