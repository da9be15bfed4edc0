// SPDX-License-Identifier: Apache-2.0
// Deliveries: one at a time for a release and a slot of a device, whoever asked first.
#include <stdio.h>
#include <string.h>

#include "server/store_internal.h"

#define COLUMNS                                                                                                        \
    "device, release, slot, statement, address, length, sha256, etag, epoch, sequence, expiry, blob, created"

static void fill(const struct ss_sql_rows *rows, struct ss_store_delivery *d)
{
    memset(d, 0, sizeof *d);
    ss_sql_column_text(rows, 0, d->device, sizeof d->device);
    d->release = ss_sql_column_int(rows, 1);
    ss_sql_column_text(rows, 2, d->slot, sizeof d->slot);
    d->statement_len = ss_sql_column_blob(rows, 3, d->statement, sizeof d->statement);
    d->address = (uint32_t)ss_sql_column_int(rows, 4);
    d->length = (uint32_t)ss_sql_column_int(rows, 5);
    (void)ss_sql_column_blob(rows, 6, d->sha256, sizeof d->sha256);
    ss_sql_column_text(rows, 7, d->etag, sizeof d->etag);
    d->epoch = (uint32_t)ss_sql_column_int(rows, 8);
    d->sequence = (uint64_t)ss_sql_column_int(rows, 9);
    d->expiry = (uint64_t)ss_sql_column_int(rows, 10);
    d->blob = ss_sql_column_int(rows, 11);
    d->created = ss_sql_column_int(rows, 12);
}

static ss_status_t read_row(struct ss_sql *db, const char *device, int64_t release, const char *slot,
                            struct ss_store_delivery *out, bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(
        db, &rows, err, "SELECT " COLUMNS " FROM deliveries WHERE device = $1 AND release = $2 AND slot = $3",
        ss_sql_text(device), ss_sql_int(release), ss_sql_text(slot));
    status = ss_store_first(status, &rows, found, err);
    if (status == SS_OK && *found)
        fill(rows, out);
    ss_sql_end(rows);
    return status;
}

static ss_status_t write_row(struct ss_store_tx *tx, const struct ss_store_delivery *d, struct ss_error *err)
{
    ss_status_t status =
        ss_sql_run(tx->db, err, "DELETE FROM deliveries WHERE device = $1 AND release = $2 AND slot = $3",
                   ss_sql_text(d->device), ss_sql_int(d->release), ss_sql_text(d->slot));
    if (status == SS_OK)
        status = ss_sql_run(
            tx->db, err,
            "INSERT INTO deliveries (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            ss_sql_text(d->device), ss_sql_int(d->release), ss_sql_text(d->slot),
            ss_sql_blob(d->statement, d->statement_len), ss_sql_int(d->address), ss_sql_int(d->length),
            ss_sql_blob(d->sha256, sizeof d->sha256), ss_sql_text(d->etag), ss_sql_int(d->epoch),
            ss_sql_int((int64_t)d->sequence), ss_sql_int((int64_t)d->expiry), ss_sql_int(d->blob), ss_sql_int(tx->now));
    return status == SS_OK ? ss_store_touch_device(tx, d->device, err) : status;
}

struct get {
    const char *device, *slot;
    int64_t release;
    struct ss_store_delivery *out;
};

static ss_status_t get(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct get *g = context;
    bool found;
    ss_status_t status = read_row(db, g->device, g->release, g->slot, g->out, &found, err);
    if (status == SS_OK && !found)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER,
                            "nothing of release %lld was sealed for slot %s of device %s", (long long)g->release,
                            g->slot, g->device);
    return status;
}

ss_status_t ss_store_delivery_get(struct ss_store *store, const char *device, int64_t release, const char *slot,
                                  struct ss_store_delivery *out, struct ss_error *err)
{
    struct get g = {device, slot, release, out};
    memset(out, 0, sizeof *out);
    return ss_store_read(store, get, &g, err);
}

/// How many slots @p slot lies behind @p running, 0 to 14; 15: it is no slot to write.
static unsigned behind(const char *running, const char *slot)
{
    unsigned from = 15, n; // "factory": the first one is next
    if (sscanf(slot, "ota_%2u", &n) != 1 || n > 15)
        return 15;
    (void)!sscanf(running, "ota_%2u", &from);
    return (n + 15 - from % 16) % 16;
}

static ss_status_t get_next(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct get *g = context;
    struct ss_sql_rows *rows;
    unsigned best = 15;
    ss_status_t status =
        ss_sql_select(db, &rows, err, "SELECT " COLUMNS " FROM deliveries WHERE device = $1 AND release = $2",
                      ss_sql_text(g->device), ss_sql_int(g->release));
    while (ss_sql_more(rows, &status, err)) {
        char slot[SS_STORE_SLOT_SIZE];
        ss_sql_column_text(rows, 2, slot, sizeof slot);
        unsigned distance = behind(g->slot, slot);
        if (distance >= best)
            continue;
        best = distance;
        fill(rows, g->out);
    }
    ss_sql_end(rows);
    if (status == SS_OK && best == 15)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER,
                            "nothing of release %lld was sealed for device %s, which runs %s", (long long)g->release,
                            g->device, g->slot);
    return status;
}

ss_status_t ss_store_delivery_next(struct ss_store *store, const char *device, int64_t release, const char *running,
                                   struct ss_store_delivery *out, struct ss_error *err)
{
    struct get g = {device, running, release, out};
    memset(out, 0, sizeof *out);
    return ss_store_read(store, get_next, &g, err);
}

static ss_status_t check(const struct ss_store_delivery *d, struct ss_error *err)
{
    ss_status_t status = ss_store_check_name("id of the device", d->device, err);
    if (status == SS_OK && (!d->statement_len || d->statement_len > sizeof d->statement || !*d->slot || !*d->etag))
        status = ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                              "a delivery needs a statement, a slot and an ETag");
    return status;
}

struct put {
    const struct ss_store_delivery *delivery;
    const char *replaces;
    struct ss_store_delivery *kept;
};

static ss_status_t check_names(struct ss_sql *db, const struct ss_store_delivery *d, struct ss_error *err)
{
    int64_t known;
    ss_status_t status =
        ss_store_get_number(db, 0, &known, err, "SELECT 1 FROM devices d, releases r WHERE d.id = $1 AND r.id = $2",
                            ss_sql_text(d->device), ss_sql_int(d->release));
    if (status == SS_OK && !known)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no device %s or no release %lld",
                            d->device, (long long)d->release);
    return status;
}

static ss_status_t put(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct put *p = context;
    const struct ss_store_delivery *d = p->delivery;
    bool found = false;
    ss_status_t status = read_row(tx->db, d->device, d->release, d->slot, p->kept, &found, err);
    if (status != SS_OK || (found && strcmp(p->kept->etag, p->replaces) != 0))
        return status;
    status = check_names(tx->db, d, err);
    if (status == SS_OK)
        status = write_row(tx, d, err);
    *p->kept = *d;
    p->kept->created = tx->now;
    return status;
}

ss_status_t ss_store_delivery_put(struct ss_store *store, const struct ss_store_delivery *delivery,
                                  const char *replaces, struct ss_store_delivery *kept, struct ss_error *err)
{
    struct ss_store_delivery ignored;
    const struct ss_store_delivery wanted = *delivery; // which may be where `kept` is read to
    struct put p = {&wanted, replaces ? replaces : "", kept ? kept : &ignored};
    ss_status_t status = check(delivery, err);
    return status == SS_OK ? ss_store_write(store, "store-delivery", put, &p, err) : status;
}

bool ss_store_delivery_covers(const struct ss_store_delivery *there, const struct ss_store_delivery *d)
{
    if (there->epoch != d->epoch)
        return there->epoch > d->epoch;
    if (there->sequence != d->sequence)
        return there->sequence > d->sequence;
    return !there->expiry || (d->expiry && there->expiry >= d->expiry);
}

struct presealed {
    const struct ss_store_delivery *delivery;
    const uint8_t *ciphertext;
};

static ss_status_t put_presealed(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct presealed *p = context;
    struct ss_store_delivery d = *p->delivery, there = {.blob = 0};
    bool found;
    ss_status_t status = check_names(tx->db, &d, err);
    if (status == SS_OK)
        status = read_row(tx->db, d.device, d.release, d.slot, &there, &found, err);
    if (status != SS_OK || (found && ss_store_delivery_covers(&there, &d)))
        return status;
    if (there.blob)
        status = ss_store_blob_delete(tx, there.blob, err);
    if (status == SS_OK)
        status = ss_store_blob_new(tx, &d.blob, err);
    if (status == SS_OK)
        status = ss_store_blob_write(tx, d.blob, 0, p->ciphertext, d.length, err);
    return status == SS_OK ? write_row(tx, &d, err) : status;
}

ss_status_t ss_store_delivery_put_presealed(struct ss_store *store, const struct ss_store_delivery *delivery,
                                            const uint8_t *ciphertext, struct ss_error *err)
{
    struct presealed p = {delivery, ciphertext};
    ss_status_t status = check(delivery, err);
    return status == SS_OK ? ss_store_write(store, "store-presealed", put_presealed, &p, err) : status;
}
