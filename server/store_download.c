// SPDX-License-Identifier: Apache-2.0
// What a download needs of a delivery, in memory beside the device: dropped with it, so that whatever changes one of the
// two has the other read again.
#include <stdlib.h>
#include <string.h>

#include "server/store_internal.h"

struct get {
    const char *device, *slot;
    int64_t release;
    struct ss_store_download *out;
};

static ss_status_t get(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct get *g = context;
    struct ss_store_download *d = g->out;
    struct ss_sql_rows *rows;
    bool row;
    ss_status_t status = ss_sql_select(db, &rows, err,
                                       "SELECT d.slot, r.version, d.etag, d.address, d.length, d.blob, d.created "
                                       "FROM deliveries d JOIN releases r ON r.id = d.release "
                                       "WHERE d.device = $1 AND d.release = $2 AND d.slot = $3",
                                       ss_sql_text(g->device), ss_sql_int(g->release), ss_sql_text(g->slot));
    status = ss_store_first(status, &rows, &row, err);
    if (status == SS_OK && !row)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER,
                            "nothing of release %lld was sealed for slot %s of device %s", (long long)g->release,
                            g->slot, g->device);
    if (status != SS_OK)
        return status;
    d->release = g->release;
    ss_sql_column_text(rows, 0, d->slot, sizeof d->slot);
    ss_sql_column_text(rows, 1, d->version, sizeof d->version);
    ss_sql_column_text(rows, 2, d->etag, sizeof d->etag);
    d->address = (uint32_t)ss_sql_column_int(rows, 3);
    d->length = (uint32_t)ss_sql_column_int(rows, 4);
    d->blob = ss_sql_column_int(rows, 5);
    d->created = ss_sql_column_int(rows, 6);
    ss_sql_end(rows);
    return SS_OK;
}

/// Where a download of @p release is kept: what is asked for again and again is that of the open action, and beside it
/// at most that of the installed one.
static struct ss_store_download *place(const struct ss_store_entry *e, int64_t release)
{
    return &e->downloads[e->device.open.action && e->device.open.release == release ? 0 : 1];
}

/// @p epoch, if the caller wants to _put(): what counts changes until then.
static bool peek(struct ss_store *store, const struct get *g, uint64_t *epoch)
{
    struct ss_store_entry *e;
    bool current = ss_store_cache_is_current(store), found = false;
    struct ss_store_shard *shard = ss_store_cache_lock(store, g->device, &e);
    *epoch = shard->epoch;
    if (current && e && e->valid && e->downloads) {
        const struct ss_store_download *d = place(e, g->release);
        found = d->release == g->release && !strcmp(d->slot, g->slot);
        if (found)
            *g->out = *d;
    }
    pthread_mutex_unlock(&shard->lock);
    return found;
}

/// Only beside a device that is valid, and if nothing was dropped since @p epoch.
static void put(struct ss_store *store, const struct get *g, uint64_t epoch)
{
    struct ss_store_entry *e;
    struct ss_store_shard *shard = ss_store_cache_lock(store, g->device, &e);
    if (e && e->valid && epoch == shard->epoch) {
        if (!e->downloads)
            e->downloads = calloc(2, sizeof *e->downloads);
        if (e->downloads)
            *place(e, g->release) = *g->out;
    }
    pthread_mutex_unlock(&shard->lock);
}

bool ss_store_download_peek(struct ss_store *store, const char *device, int64_t release, const char *slot,
                            struct ss_store_download *out)
{
    uint64_t epoch;
    return peek(store, &(struct get){device, slot, release, out}, &epoch);
}

ss_status_t ss_store_download_get(struct ss_store *store, const char *device, int64_t release, const char *slot,
                                  struct ss_store_download *out, struct ss_error *err)
{
    struct get g = {device, slot, release, out};
    uint64_t epoch;
    if (peek(store, &g, &epoch))
        return SS_OK;
    memset(out, 0, sizeof *out);
    ss_status_t status = ss_store_read(store, get, &g, err);
    if (status == SS_OK)
        put(store, &g, epoch);
    return status;
}
