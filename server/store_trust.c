// SPDX-License-Identifier: Apache-2.0
// What devices fetch to go on trusting: key sets (store_key_set.c writes them), the certificates that those name,
// freshness records.
#include <string.h>

#include "core/crypto.h"
#include "server/store_internal.h"
#include "slotseal/freshness.h"

enum { AT_ONCE = 1000 };

/// Bytes of a row's only column to a caller's buffer.
static ss_status_t take_blob(ss_status_t status, struct ss_sql_rows *rows, uint8_t *out, size_t size, size_t *len,
                             const char *what, struct ss_error *err)
{
    bool row;
    status = ss_store_first(status, &rows, &row, err);
    if (status == SS_OK && !row)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no such %s", what);
    if (status != SS_OK)
        return status;
    struct ss_sql_value value = ss_sql_column(rows, 0);
    if (value.len > size)
        status = ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_SERVER, "the %s has %zu bytes", what, value.len);
    else
        *len = ss_sql_column_blob(rows, 0, out, size);
    ss_sql_end(rows);
    return status;
}

// Key sets

struct fetch {
    const char *product;
    uint32_t after;
    const uint8_t *sha256;
    const char *device;
    uint8_t *out;
    size_t size, *len;
    int64_t time;
};

static ss_status_t fetch_key_set(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct fetch *f = context;
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(
        db, &rows, err, "SELECT statement FROM key_sets WHERE product = $1 AND version > $2 ORDER BY version LIMIT 1",
        ss_sql_text(f->product), ss_sql_int(f->after));
    return take_blob(status, rows, f->out, f->size, f->len, "key set", err);
}

ss_status_t ss_store_key_set_after(struct ss_store *store, const char *product, uint32_t after, uint8_t *out,
                                   size_t size, size_t *len, struct ss_error *err)
{
    struct fetch f = {.product = product, .after = after, .out = out, .size = size, .len = len};
    *len = 0;
    return ss_store_read(store, fetch_key_set, &f, err);
}

// Certificates

struct ca {
    const uint8_t *der, *sha256;
    size_t len;
};

static ss_status_t put_ca(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct ca *ca = context;
    return ss_sql_run(tx->db, err,
                      "INSERT INTO certificates (sha256, der, created) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                      ss_sql_blob(ca->sha256, 32), ss_sql_blob(ca->der, ca->len), ss_sql_int(tx->now));
}

/// Whether @p der is one DER sequence, no more and no less; the digest says whether it is the right one.
static bool is_sequence(const uint8_t *der, size_t len)
{
    if (len < 4 || len > SS_STORE_CA_MAX || der[0] != 0x30)
        return false;
    if (der[1] < 0x80)
        return len == 2u + der[1];
    if (der[1] == 0x81)
        return len == 3u + der[2];
    return der[1] == 0x82 && len == 4u + (size_t)(der[2] << 8 | der[3]);
}

ss_status_t ss_store_ca_put(struct ss_store *store, const uint8_t *der, size_t len, uint8_t sha256[32],
                            struct ss_error *err)
{
    struct ca ca = {der, sha256, len};
    memset(sha256, 0, 32);
    if (!is_sequence(der, len))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "no certificate in DER of at most %u bytes",
                            SS_STORE_CA_MAX);
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, der, len, sha256);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    return ss_store_write(store, "store-ca", put_ca, &ca, err);
}

static ss_status_t fetch_ca(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct fetch *f = context;
    struct ss_sql_rows *rows;
    ss_status_t status =
        ss_sql_select(db, &rows, err, "SELECT der FROM certificates WHERE sha256 = $1", ss_sql_blob(f->sha256, 32));
    return take_blob(status, rows, f->out, f->size, f->len, "certificate", err);
}

ss_status_t ss_store_ca_get(struct ss_store *store, const uint8_t sha256[32], uint8_t *out, size_t size, size_t *len,
                            struct ss_error *err)
{
    struct fetch f = {.sha256 = sha256, .out = out, .size = size, .len = len};
    *len = 0;
    return ss_store_read(store, fetch_ca, &f, err);
}

// Freshness records

struct records {
    const struct ss_store_freshness *items;
    size_t count;
};

static ss_status_t put_record(struct ss_store_tx *tx, const struct ss_store_freshness *r, struct ss_error *err)
{
    int64_t due;
    ss_status_t status =
        ss_store_get_number(tx->db, 0, &due, err,
                            "SELECT 1 FROM devices d LEFT JOIN freshness f ON f.device = d.id "
                            "WHERE d.id = $1 AND (coalesce(f.time, 0) < $2 OR f.time > $3)",
                            ss_sql_text(r->device), ss_sql_int(r->time), ss_sql_int(tx->now + SS_STORE_FRESHNESS_AGE));
    if (status != SS_OK || !due)
        return status;
    status = ss_sql_run(tx->db, err, "DELETE FROM freshness WHERE device = $1", ss_sql_text(r->device));
    if (status == SS_OK)
        status = ss_sql_run(tx->db, err, "INSERT INTO freshness (device, time, record) VALUES ($1, $2, $3)",
                            ss_sql_text(r->device), ss_sql_int(r->time), ss_sql_blob(r->record, r->len));
    return status == SS_OK ? ss_store_touch_device(tx, r->device, err) : status;
}

static ss_status_t put_records(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct records *r = context;
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < r->count && status == SS_OK; i++)
        status = put_record(tx, &r->items[i], err);
    return status;
}

ss_status_t ss_store_freshness_put(struct ss_store *store, const struct ss_store_freshness *records, size_t count,
                                   struct ss_error *err)
{
    struct records r = {records, count};
    if (count > AT_ONCE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "%zu records at once, at most %d", count,
                            AT_ONCE);
    for (size_t i = 0; i < count; i++)
        if (!records[i].len || records[i].len > SS_FRESHNESS_MAX || records[i].time <= 0)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "a freshness record of %zu bytes",
                                records[i].len);
    return count ? ss_store_write(store, "store-freshness", put_records, &r, err) : SS_OK;
}

static ss_status_t fetch_record(struct ss_sql *db, void *context, struct ss_error *err)
{
    struct fetch *f = context;
    struct ss_sql_rows *rows;
    ss_status_t status = ss_store_get_number(db, 0, &f->time, err, "SELECT time FROM freshness WHERE device = $1",
                                             ss_sql_text(f->device));
    if (status != SS_OK)
        return status;
    status = ss_sql_select(db, &rows, err, "SELECT record FROM freshness WHERE device = $1", ss_sql_text(f->device));
    return take_blob(status, rows, f->out, f->size, f->len, "freshness record", err);
}

ss_status_t ss_store_freshness_fetch(struct ss_store *store, const char *device, uint8_t *out, size_t size, size_t *len,
                                     struct ss_error *err)
{
    struct fetch f = {.device = device, .out = out, .size = size, .len = len};
    *len = 0;
    ss_status_t status = ss_store_read(store, fetch_record, &f, err);
    if (status == SS_OK)
        ss_store_cache_fetched(store, device, f.time);
    return status;
}

struct due {
    const char *product, *after;
    int64_t now;
    unsigned limit;
    ss_status_t (*each)(void *context, const char *device, int64_t time, struct ss_error *err);
    void *context;
};

static ss_status_t list_due(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct due *d = context;
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(
        db, &rows, err,
        "SELECT d.id, coalesce(f.time, 0) FROM devices d LEFT JOIN freshness f ON f.device = d.id WHERE d.product = $1 "
        "AND d.id > $2 AND d.active = 1 AND (coalesce(f.time, 0) < $3 OR f.time > $4) ORDER BY d.id LIMIT $5",
        ss_sql_text(d->product), ss_sql_text(d->after ? d->after : ""), ss_sql_int(d->now - SS_STORE_FRESHNESS_AGE),
        ss_sql_int(d->now + SS_STORE_FRESHNESS_AGE), ss_sql_int(d->limit ? d->limit : AT_ONCE));
    while (ss_sql_more(rows, &status, err)) {
        char device[SS_STORE_NAME_SIZE];
        ss_sql_column_text(rows, 0, device, sizeof device);
        status = d->each(d->context, device, ss_sql_column_int(rows, 1), err);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t
ss_store_freshness_due(struct ss_store *store, const char *product, int64_t now, const char *after, unsigned limit,
                       ss_status_t (*each)(void *context, const char *device, int64_t time, struct ss_error *err),
                       void *context, struct ss_error *err)
{
    struct due d = {product, after, now, limit, each, context};
    return ss_store_read(store, list_due, &d, err);
}
