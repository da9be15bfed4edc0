// SPDX-License-Identifier: Apache-2.0
// Releases: sealed ones by their statement, opaque ones by their files.
#include <string.h>

#include "server/store_internal.h"

#define COLUMNS "id, product, version, kind, state, statement, digest, length, secure_version, operator, created"

static void fill(const struct ss_sql_rows *rows, struct ss_store_release *r)
{
    memset(r, 0, sizeof *r);
    r->id = ss_sql_column_int(rows, 0);
    ss_sql_column_text(rows, 1, r->product, sizeof r->product);
    ss_sql_column_text(rows, 2, r->version, sizeof r->version);
    r->kind = ss_sql_column_int(rows, 3) == SS_STORE_OPAQUE ? SS_STORE_OPAQUE : SS_STORE_SEALED;
    r->state = ss_sql_column_int(rows, 4) == SS_STORE_RELEASE_READY ? SS_STORE_RELEASE_READY : SS_STORE_RELEASE_REVOKED;
    r->statement_len = ss_sql_column_blob(rows, 5, r->statement, sizeof r->statement);
    (void)ss_sql_column_blob(rows, 6, r->digest, sizeof r->digest);
    r->length = (uint32_t)ss_sql_column_int(rows, 7);
    r->secure_version = (uint32_t)ss_sql_column_int(rows, 8);
    ss_sql_column_text(rows, 9, r->operator_name, sizeof r->operator_name);
    r->created = ss_sql_column_int(rows, 10);
}

ss_status_t ss_store_release_read(struct ss_sql *db, int64_t id, const char *product, const char *version,
                                  struct ss_store_release *out, bool *found, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    ss_status_t status =
        product ? ss_sql_select(db, &rows, err, "SELECT " COLUMNS " FROM releases WHERE product = $1 AND version = $2",
                                ss_sql_text(product), ss_sql_text(version))
                : ss_sql_select(db, &rows, err, "SELECT " COLUMNS " FROM releases WHERE id = $1", ss_sql_int(id));
    status = ss_store_first(status, &rows, found, err);
    if (status == SS_OK && *found)
        fill(rows, out);
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_store_release_insert(struct ss_store_tx *tx, struct ss_store_release *r, struct ss_error *err)
{
    ss_status_t status =
        ss_store_number(tx->db, "SELECT coalesce(max(id), 0) + 1 FROM releases", NULL, 0, 1, &r->id, err);
    r->created = tx->now;
    return status == SS_OK
               ? ss_sql_run(tx->db, err,
                            "INSERT INTO releases (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                            ss_sql_int(r->id), ss_sql_text(r->product), ss_sql_text(r->version), ss_sql_int(r->kind),
                            ss_sql_int(r->state), ss_sql_blob(r->statement, r->statement_len),
                            ss_sql_blob(r->digest, sizeof r->digest), ss_sql_int(r->length),
                            ss_sql_int(r->secure_version), ss_sql_text(r->operator_name), ss_sql_int(r->created))
               : status;
}

struct get {
    int64_t id;
    const char *product, *version;
    struct ss_store_release *out;
};

static ss_status_t get(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct get *g = context;
    bool found;
    ss_status_t status = ss_store_release_read(db, g->id, g->product, g->version, g->out, &found, err);
    if (status != SS_OK || found)
        return status;
    if (g->product)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no release %s of %s", g->version,
                            g->product);
    return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no release %lld", (long long)g->id);
}

ss_status_t ss_store_release_get(struct ss_store *store, int64_t id, struct ss_store_release *out, struct ss_error *err)
{
    struct get g = {id, NULL, NULL, out};
    memset(out, 0, sizeof *out);
    return ss_store_read(store, get, &g, err);
}

ss_status_t ss_store_release_find(struct ss_store *store, const char *product, const char *version,
                                  struct ss_store_release *out, struct ss_error *err)
{
    struct get g = {0, product, version, out};
    memset(out, 0, sizeof *out);
    return ss_store_read(store, get, &g, err);
}

struct list {
    const char *product;
    ss_status_t (*each)(void *context, const struct ss_store_release *release, struct ss_error *err);
    void *context;
};

static ss_status_t list(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct list *l = context;
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(
        db, &rows, err, "SELECT " COLUMNS " FROM releases WHERE $1 = '' OR product = $1 ORDER BY product, id",
        ss_sql_text(l->product ? l->product : ""));
    while (ss_sql_more(rows, &status, err)) {
        struct ss_store_release r;
        fill(rows, &r);
        status = l->each(l->context, &r, err);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_store_release_list(struct ss_store *store, const char *product,
                                  ss_status_t (*each)(void *context, const struct ss_store_release *release,
                                                      struct ss_error *err),
                                  void *context, struct ss_error *err)
{
    struct list l = {product, each, context};
    return ss_store_read(store, list, &l, err);
}

static ss_status_t revoke(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const int64_t *id = context;
    struct ss_store_release release;
    struct get g = {*id, NULL, NULL, &release};
    ss_status_t status = get(tx->db, &g, err);
    return status == SS_OK ? ss_sql_run(tx->db, err, "UPDATE releases SET state = $2 WHERE id = $1", ss_sql_int(*id),
                                        ss_sql_int(SS_STORE_RELEASE_REVOKED))
                           : status;
}

ss_status_t ss_store_release_revoke(struct ss_store *store, int64_t id, struct ss_error *err)
{
    return ss_store_write(store, "store-revoke", revoke, &id, err);
}
