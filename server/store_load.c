// SPDX-License-Identifier: Apache-2.0
// A device as it is cached, from its rows.
#include <string.h>

#include "server/store_internal.h"

static ss_status_t load_row(struct ss_sql *db, const char *id, struct ss_store_device *out, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row;
    ss_status_t status = ss_sql_select(
        db, &rows, err,
        "SELECT d.id, d.product, d.active, d.credential, d.credential_hash, d.wants_attributes, d.auto_confirm, "
        "d.installed_action, d.installed_release, p.kind, coalesce(s.freshness, 0), coalesce(f.time, 0) "
        "FROM devices d JOIN products p ON p.name = d.product LEFT JOIN seen s ON s.device = d.id "
        "LEFT JOIN freshness f ON f.device = d.id WHERE d.id = $1",
        ss_sql_text(id));
    status = ss_store_first(status, &rows, &row, err);
    if (status == SS_OK && !row)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no device %s", id);
    if (status != SS_OK)
        return status;
    struct ss_store_registration *r = &out->registration;
    ss_sql_column_text(rows, 0, r->id, sizeof r->id);
    ss_sql_column_text(rows, 1, r->product, sizeof r->product);
    r->active = ss_sql_column_int(rows, 2) != 0;
    // A hash that is not whole must not match anything.
    r->credential =
        ss_sql_column_blob(rows, 4, r->credential_hash, sizeof r->credential_hash) == sizeof r->credential_hash
            ? (enum ss_store_credential)ss_sql_column_int(rows, 3)
            : SS_STORE_NO_CREDENTIAL;
    out->wants_attributes = ss_sql_column_int(rows, 5) != 0;
    out->auto_confirm = ss_sql_column_int(rows, 6) != 0;
    out->installed.action = ss_sql_column_int(rows, 7);
    out->installed.release = ss_sql_column_int(rows, 8);
    out->kind = ss_sql_column_int(rows, 9) == SS_STORE_OPAQUE ? SS_STORE_OPAQUE : SS_STORE_SEALED;
    out->freshness_fetched = ss_sql_column_int(rows, 10);
    out->freshness = ss_sql_column_int(rows, 11);
    ss_sql_end(rows);
    return SS_OK;
}

static ss_status_t load_told(struct ss_sql *db, const char *id, struct ss_store_told *told, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(db, &rows, err,
                                       "SELECT name, value FROM attributes WHERE device = $1 AND name >= 'slotseal.' "
                                       "AND name < 'slotseal/'",
                                       ss_sql_text(id));
    while (ss_sql_more(rows, &status, err)) {
        char key[SS_STORE_ATTRIBUTE_MAX + 1], value[SS_STORE_ATTRIBUTE_MAX + 1];
        ss_sql_column_text(rows, 0, key, sizeof key);
        ss_sql_column_text(rows, 1, value, sizeof value);
        ss_store_told_set(told, key, value);
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t load_open(struct ss_sql *db, const char *id, struct ss_store_device *out, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row;
    ss_status_t status = ss_sql_select(db, &rows, err,
                                       "SELECT id, release, state, forced, retrieved, download_only, window_start, "
                                       "window_seconds, window_daily FROM actions WHERE device = $1 AND active = 1 "
                                       "ORDER BY id LIMIT 1",
                                       ss_sql_text(id));
    status = ss_store_first(status, &rows, &row, err);
    if (status != SS_OK || !row)
        return status;
    out->open.action = ss_sql_column_int(rows, 0);
    out->open.release = ss_sql_column_int(rows, 1);
    out->open.state = (enum ss_store_state)ss_sql_column_int(rows, 2);
    out->open.forced = ss_sql_column_int(rows, 3) != 0;
    out->open.retrieved = ss_sql_column_int(rows, 4) != 0;
    out->open.download_only = ss_sql_column_int(rows, 5) != 0;
    out->open.window = ss_store_window_column(rows, 6);
    ss_sql_end(rows);
    return SS_OK;
}

ss_status_t ss_store_device_load(struct ss_sql *db, const char *id, struct ss_store_device *out, struct ss_error *err)
{
    memset(out, 0, sizeof *out);
    ss_status_t status = load_row(db, id, out, err);
    if (status == SS_OK)
        status = load_told(db, id, &out->told, err);
    if (status == SS_OK)
        status = load_open(db, id, out, err);
    if (status != SS_OK)
        memset(out, 0, sizeof *out); // half a device must not be let in
    return status;
}
