// SPDX-License-Identifier: Apache-2.0
// Which devices there are, and what lets them in.
#include <string.h>

#include "server/store_internal.h"

enum { DEVICES_AT_ONCE = 1000, LIST_LIMIT = 1000 };

struct put {
    const struct ss_store_registration *devices;
    size_t count;
    enum ss_store_kind kind;
};

static bool equal(const struct ss_store_registration *a, const struct ss_store_registration *b)
{
    return !strcmp(a->product, b->product) && a->active == b->active && a->credential == b->credential &&
           !memcmp(a->credential_hash, b->credential_hash, sizeof a->credential_hash);
}

static ss_status_t insert(struct ss_store_tx *tx, const struct ss_store_registration *d, struct ss_error *err)
{
    return ss_sql_run(tx->db, err,
                      "INSERT INTO devices (id, product, active, credential, credential_hash, wants_attributes, "
                      "auto_confirm, installed_action, installed_release, created, changed) "
                      "VALUES ($1, $2, $3, $4, $5, 1, 0, 0, 0, $6, $6)",
                      ss_sql_text(d->id), ss_sql_text(d->product), ss_sql_int(d->active), ss_sql_int(d->credential),
                      ss_sql_blob(d->credential_hash, sizeof d->credential_hash), ss_sql_int(tx->now));
}

static ss_status_t update(struct ss_store_tx *tx, const struct ss_store_registration *d,
                          const struct ss_store_registration *was, struct ss_error *err)
{
    ss_status_t status =
        ss_sql_run(tx->db, err,
                   "UPDATE devices SET product = $2, active = $3, credential = $4, credential_hash = $5, changed = $6 "
                   "WHERE id = $1",
                   ss_sql_text(d->id), ss_sql_text(d->product), ss_sql_int(d->active), ss_sql_int(d->credential),
                   ss_sql_blob(d->credential_hash, sizeof d->credential_hash), ss_sql_int(tx->now));
    if (status == SS_OK && strcmp(d->product, was->product) != 0) {
        // What it had installed was another product's: nothing of that may be fetched any more.
        status = ss_sql_run(tx->db, err, "UPDATE devices SET installed_action = 0, installed_release = 0 WHERE id = $1",
                            ss_sql_text(d->id));
        if (status == SS_OK)
            status = ss_store_actions_end(tx, d->id, "the device belongs to another product now", err);
    } else if (status == SS_OK && !d->active) {
        status = ss_store_actions_end(tx, d->id, "the device left the fleet", err);
    }
    return status;
}

static ss_status_t put_one(struct ss_store_tx *tx, const struct put *p, const struct ss_store_registration *d,
                           struct ss_error *err)
{
    struct ss_store_device was;
    struct ss_error ignored = {0};
    ss_status_t status = ss_store_device_load(tx->db, d->id, &was, &ignored);
    bool known = status == SS_OK;
    if (!known && status != SS_ERROR_DOES_NOT_EXIST) {
        if (err)
            *err = ignored;
        return status;
    }
    if (known && equal(&was.registration, d))
        return SS_OK;
    if (known && p->kind == SS_STORE_OPAQUE && was.kind == SS_STORE_SEALED)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                            "device %s belongs to product %s, which is sealed", d->id, was.registration.product);
    status = known ? update(tx, d, &was.registration, err) : insert(tx, d, err);
    return status == SS_OK ? ss_store_touch_device(tx, d->id, err) : status;
}

static ss_status_t put_all(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct put *p = context;
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < p->count && status == SS_OK; i++) {
        const struct ss_store_registration *d = &p->devices[i];
        // One look for a run of devices of the same product.
        if (p->kind == SS_STORE_SEALED && (i == 0 || strcmp(d->product, p->devices[i - 1].product) != 0))
            status = ss_store_product_ensure(tx, d->product, SS_STORE_SEALED, err);
        if (status == SS_OK)
            status = put_one(tx, p, d, err);
    }
    return status;
}

static ss_status_t check(const struct ss_store_registration *d, struct ss_error *err)
{
    ss_status_t status = ss_store_check_name("id of the device", d->id, err);
    if (status == SS_OK)
        status = ss_store_check_name("name of the product", d->product, err);
    if (status == SS_OK && (unsigned)d->credential > SS_STORE_ANY_CERTIFICATE)
        status = ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "device %s has a credential of kind %d",
                              d->id, (int)d->credential);
    return status;
}

ss_status_t ss_store_devices_put(struct ss_store *store, const struct ss_store_registration *devices, size_t count,
                                 struct ss_error *err)
{
    struct put p = {devices, count, SS_STORE_SEALED};
    ss_status_t status = SS_OK;
    if (count > DEVICES_AT_ONCE)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "%zu devices at once, at most %d", count,
                            DEVICES_AT_ONCE);
    for (size_t i = 0; i < count && status == SS_OK; i++)
        status = check(&devices[i], err);
    return status == SS_OK && count ? ss_store_write(store, "store-devices", put_all, &p, err) : status;
}

static ss_status_t put_opaque(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct put *p = context;
    enum ss_store_kind kind;
    ss_status_t status = ss_store_product_kind(tx->db, p->devices->product, &kind, err);
    if (status == SS_OK && kind != SS_STORE_OPAQUE)
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                              "product %s is sealed: its devices come from the sealer", p->devices->product);
    return status == SS_OK ? put_one(tx, p, p->devices, err) : status;
}

ss_status_t ss_store_device_register(struct ss_store *store, const struct ss_store_registration *device,
                                     struct ss_error *err)
{
    struct put p = {device, 1, SS_STORE_OPAQUE};
    ss_status_t status = check(device, err);
    return status == SS_OK ? ss_store_write(store, "store-register", put_opaque, &p, err) : status;
}

struct join {
    struct put put;
    bool joined;
};

static ss_status_t join(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    struct join *j = context;
    int64_t known;
    ss_status_t status = ss_store_get_number(tx->db, 0, &known, err, "SELECT 1 FROM devices WHERE id = $1",
                                             ss_sql_text(j->put.devices->id));
    j->joined = status == SS_OK && !known;
    return j->joined ? put_opaque(tx, &j->put, err) : status;
}

ss_status_t ss_store_device_join(struct ss_store *store, const struct ss_store_registration *device, bool *joined,
                                 struct ss_error *err)
{
    struct join j = {.put = {device, 1, SS_STORE_OPAQUE}};
    ss_status_t status = check(device, err);
    if (status == SS_OK)
        status = ss_store_write(store, "store-join", join, &j, err);
    *joined = status == SS_OK && j.joined;
    return status;
}

struct list {
    const struct ss_store_device_filter *filter;
    ss_status_t (*each)(void *context, const struct ss_store_device_row *row, struct ss_error *err);
    void *context;
};

static void fill(const struct ss_sql_rows *rows, struct ss_store_device_row *out)
{
    struct ss_store_told told = {0};
    char value[SS_STORE_ATTRIBUTE_MAX + 1];
    *out = (struct ss_store_device_row){.seen = ss_sql_column_int(rows, 5), .action = ss_sql_column_int(rows, 8)};
    ss_sql_column_text(rows, 0, out->registration.id, sizeof out->registration.id);
    ss_sql_column_text(rows, 1, out->registration.product, sizeof out->registration.product);
    out->registration.active = ss_sql_column_int(rows, 2) != 0;
    out->registration.credential = (enum ss_store_credential)ss_sql_column_int(rows, 3);
    (void)ss_sql_column_blob(rows, 4, out->registration.credential_hash, sizeof out->registration.credential_hash);
    ss_sql_column_text(rows, 6, value, sizeof value);
    ss_store_told_set(&told, "slotseal.slot", value);
    ss_sql_column_text(rows, 7, value, sizeof value);
    ss_store_told_set(&told, "slotseal.version", value);
    memcpy(out->slot, told.slot, sizeof out->slot);
    memcpy(out->version, told.version, sizeof out->version);
    out->state = (enum ss_store_state)ss_sql_column_int(rows, 9);
}

static ss_status_t list(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct list *l = context;
    const struct ss_store_device_filter *f = l->filter;
    struct ss_sql_rows *rows;
    ss_status_t status =
        ss_sql_select(db, &rows, err,
                      "SELECT d.id, d.product, d.active, d.credential, d.credential_hash, coalesce(s.time, 0), "
                      "coalesce(t.value, ''), "
                      "coalesce(v.value, ''), coalesce(a.id, 0), coalesce(a.state, 0) FROM devices d "
                      "LEFT JOIN seen s ON s.device = d.id "
                      "LEFT JOIN attributes t ON t.device = d.id AND t.name = 'slotseal.slot' "
                      "LEFT JOIN attributes v ON v.device = d.id AND v.name = 'slotseal.version' "
                      "LEFT JOIN actions a ON a.id = (SELECT min(id) FROM actions WHERE device = d.id AND active = 1) "
                      "WHERE d.id > $1 AND ($2 = '' OR d.product = $2) ORDER BY d.id LIMIT $3",
                      ss_sql_text(f->after ? f->after : ""), ss_sql_text(f->product ? f->product : ""),
                      ss_sql_int(f->limit ? f->limit : LIST_LIMIT));
    while (ss_sql_more(rows, &status, err)) {
        struct ss_store_device_row out;
        fill(rows, &out);
        status = l->each(l->context, &out, err);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_store_device_list(struct ss_store *store, const struct ss_store_device_filter *filter,
                                 ss_status_t (*each)(void *context, const struct ss_store_device_row *row,
                                                     struct ss_error *err),
                                 void *context, struct ss_error *err)
{
    static const struct ss_store_device_filter all;
    struct list l = {filter ? filter : &all, each, context};
    return ss_store_read(store, list, &l, err);
}
