// SPDX-License-Identifier: Apache-2.0
// Devices in memory, so that polls and heads of downloads do not touch the database.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "server/store_internal.h"

enum { FIRST_BUCKETS = 64 };

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
    free(entry->downloads);
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

struct ss_store_shard *ss_store_cache_lock(struct ss_store *store, const char *device, struct ss_store_entry **entry)
{
    uint64_t h = hash(device);
    struct ss_store_shard *shard = shard_of(store, h);
    pthread_mutex_lock(&shard->lock);
    *entry = find(shard, h, device);
    return shard;
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
            if (e->used || e->seen_new || e->writing) {
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
    free(e->downloads);
    e->downloads = NULL;
}

void ss_store_cache_drop_device(struct ss_store *store, const char *device)
{
    struct ss_store_entry *e;
    struct ss_store_shard *shard = ss_store_cache_lock(store, device, &e);
    shard->epoch++;
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

static bool get_cached(struct ss_store *store, const char *id, int64_t seen, struct ss_store_device *out,
                       uint64_t *epoch)
{
    struct ss_store_entry *e;
    bool current = ss_store_cache_is_current(store);
    struct ss_store_shard *shard = ss_store_cache_lock(store, id, &e);
    *epoch = shard->epoch;
    bool found = current && e && e->valid;
    if (found) {
        ss_store_cache_note_seen(e, seen);
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
        if (e->fetched_new)
            device->freshness_fetched = e->device.freshness_fetched;
        e->device = *device;
        e->valid = epoch == shard->epoch;
        ss_store_cache_note_seen(e, seen);
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
