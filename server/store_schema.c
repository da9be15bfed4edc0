// SPDX-License-Identifier: Apache-2.0
// The tables, as a list of steps: a store of layout n has had the first n of them. A step is never changed once it has been
// released; a new layout is a new step. Numbers of states and kinds are those of the enums in store.h.
#include "server/store_internal.h"
#include "vault/fault.h"

static const char *const steps[] = {
    // 1
    "CREATE TABLE meta (name {text} PRIMARY KEY, value {blob} NOT NULL);"
    "CREATE TABLE migrations (version BIGINT PRIMARY KEY, applied BIGINT NOT NULL);"
    "CREATE TABLE products (name {text} PRIMARY KEY, kind BIGINT NOT NULL, key_set BIGINT NOT NULL,"
    " created BIGINT NOT NULL);"
    "CREATE TABLE devices (id {text} PRIMARY KEY, product {text} NOT NULL REFERENCES products (name),"
    " active BIGINT NOT NULL, credential BIGINT NOT NULL, credential_hash {blob} NOT NULL,"
    " wants_attributes BIGINT NOT NULL, auto_confirm BIGINT NOT NULL, installed_action BIGINT NOT NULL,"
    " installed_release BIGINT NOT NULL, created BIGINT NOT NULL, changed BIGINT NOT NULL);"
    "CREATE INDEX devices_by_product ON devices (product, id);"
    "CREATE TABLE attributes (device {text} NOT NULL REFERENCES devices (id), name {text} NOT NULL,"
    " value {text} NOT NULL, PRIMARY KEY (device, name));"
    "CREATE TABLE seen (device {text} PRIMARY KEY, time BIGINT NOT NULL, freshness BIGINT NOT NULL);"
    "CREATE TABLE blobs (id BIGINT PRIMARY KEY);"
    "CREATE TABLE blob_chunks (blob BIGINT NOT NULL REFERENCES blobs (id), number BIGINT NOT NULL,"
    " content {blob} NOT NULL, PRIMARY KEY (blob, number));"
    "CREATE TABLE releases (id BIGINT PRIMARY KEY, product {text} NOT NULL REFERENCES products (name),"
    " version {text} NOT NULL, kind BIGINT NOT NULL, state BIGINT NOT NULL, statement {blob} NOT NULL,"
    " digest {blob} NOT NULL, length BIGINT NOT NULL, secure_version BIGINT NOT NULL, operator {text} NOT NULL,"
    " created BIGINT NOT NULL, UNIQUE (product, version));"
    "CREATE TABLE artifacts (release BIGINT NOT NULL REFERENCES releases (id), file {text} NOT NULL,"
    " length BIGINT NOT NULL, blob BIGINT NOT NULL REFERENCES blobs (id), sha1 {blob} NOT NULL, md5 {blob} NOT NULL,"
    " sha256 {blob} NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (release, file));"
    // sha1 and md5 are there when it is complete
    "CREATE TABLE uploads (id BIGINT PRIMARY KEY, kind BIGINT NOT NULL, state BIGINT NOT NULL, length BIGINT NOT NULL,"
    " received BIGINT NOT NULL, sha256 {blob} NOT NULL, sha1 {blob} NOT NULL, md5 {blob} NOT NULL,"
    " blob BIGINT NOT NULL, release BIGINT NOT NULL, operator {text} NOT NULL, reason {text} NOT NULL,"
    " created BIGINT NOT NULL, changed BIGINT NOT NULL);"
    "CREATE INDEX uploads_by_state ON uploads (state, id);"
    "CREATE TABLE actions (id BIGINT PRIMARY KEY, device {text} NOT NULL REFERENCES devices (id),"
    " release BIGINT NOT NULL REFERENCES releases (id), state BIGINT NOT NULL, last BIGINT NOT NULL,"
    " active BIGINT NOT NULL, forced BIGINT NOT NULL, retrieved BIGINT NOT NULL, code BIGINT,"
    " statuses BIGINT NOT NULL, operator {text} NOT NULL, created BIGINT NOT NULL, changed BIGINT NOT NULL);"
    "CREATE INDEX actions_by_device ON actions (device, active, id);"
    "CREATE INDEX actions_by_state ON actions (state);"
    // messages: each with a NUL at its end
    "CREATE TABLE statuses (action BIGINT NOT NULL REFERENCES actions (id), number BIGINT NOT NULL,"
    " time BIGINT NOT NULL, state BIGINT NOT NULL, code BIGINT, done BIGINT, whole BIGINT, messages {blob} NOT NULL,"
    " PRIMARY KEY (action, number));"
    "CREATE TABLE deliveries (device {text} NOT NULL REFERENCES devices (id), release BIGINT NOT NULL REFERENCES "
    "releases (id),"
    " slot {text} NOT NULL, statement {blob} NOT NULL, address BIGINT NOT NULL, length BIGINT NOT NULL,"
    " sha256 {blob} NOT NULL, etag {text} NOT NULL, epoch BIGINT NOT NULL, sequence BIGINT NOT NULL,"
    " expiry BIGINT NOT NULL, blob BIGINT NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (device, release, slot));"
    "CREATE TABLE key_sets (product {text} NOT NULL REFERENCES products (name), version BIGINT NOT NULL,"
    " statement {blob} NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (product, version));"
    "CREATE TABLE certificates (sha256 {blob} PRIMARY KEY, der {blob} NOT NULL, created BIGINT NOT NULL);"
    "CREATE TABLE freshness (device {text} PRIMARY KEY REFERENCES devices (id), time BIGINT NOT NULL,"
    " record {blob} NOT NULL);"
    "CREATE TABLE operators (name {text} PRIMARY KEY, token {blob} NOT NULL UNIQUE, created BIGINT NOT NULL);"
    // what nodes have cached and must drop, in the order of commits
    "CREATE TABLE changes (number BIGINT PRIMARY KEY, node {text} NOT NULL, what {text} NOT NULL);"
    "INSERT INTO meta VALUES ('writer', '')", // the row that PostgreSQL's writers queue at
    // 2: what the history of an action takes; 64 is SS_STORE_STATUS_BYTES
    "ALTER TABLE actions ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;"
    "UPDATE actions SET bytes = (SELECT coalesce(sum(length(messages) + 64), 0) FROM statuses WHERE action = id)",
    // 3: download-only actions; maintenance windows, window_seconds 0 for none
    "ALTER TABLE actions ADD COLUMN download_only BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE actions ADD COLUMN window_start BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE actions ADD COLUMN window_seconds BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE actions ADD COLUMN window_daily BIGINT NOT NULL DEFAULT 0",
};
enum { LAYOUT = sizeof steps / sizeof *steps };

static ss_status_t apply(struct ss_sql *db, int64_t from, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (int64_t version = from + 1; version <= LAYOUT && status == SS_OK; version++) {
        status = ss_sql_script(db, steps[version - 1], err);
        if (status == SS_OK)
            status = ss_sql_run(db, err, "INSERT INTO migrations (version, applied) VALUES ($1, $2)",
                                ss_sql_int(version), ss_sql_int(ss_store_now()));
    }
    return status;
}

/// What layout the database has: 0 for none.
static ss_status_t look(struct ss_sql *db, int64_t *version, struct ss_error *err)
{
    size_t count = 0;
    bool found = false, ours = false;
    *version = 0;
    ss_status_t status = ss_sql_tables(db, "migrations", &count, &found, err);
    if (status == SS_OK && count)
        status = ss_sql_tables(db, "blob_chunks", &count, &ours, err); // a vault has migrations, too
    if (status != SS_OK || !count)
        return status;
    if (!found || !ours)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER,
                            "the database holds something else than a server's store");
    return ss_store_number(db, "SELECT max(version) FROM migrations", NULL, 0, 0, version, err);
}

static ss_status_t change(struct ss_sql *db, enum ss_sql_transaction kind, struct ss_error *err)
{
    int64_t version;
    ss_status_t status = ss_sql_begin(db, kind, err);
    if (status != SS_OK)
        return status;
    ss_fault_point("store-schema:begin");
    status = look(db, &version, err); // again: another program may have been quicker
    if (status == SS_OK)
        status = apply(db, version, err);
    if (status != SS_OK) {
        ss_sql_rollback(db);
        return status;
    }
    ss_fault_point("store-schema:commit");
    status = ss_sql_commit(db, err);
    ss_fault_point("store-schema:done");
    return status;
}

ss_status_t ss_store_schema_prepare(struct ss_sql *db, bool create, struct ss_error *err)
{
    int64_t version;
    ss_status_t status = look(db, &version, err);
    if (status != SS_OK)
        return status;
    if (!version && !create)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "the database holds no store");
    if (version > LAYOUT)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SERVER,
                            "the store has layout %lld, this program knows up to %d", (long long)version, LAYOUT);
    if (version == LAYOUT)
        return SS_OK;
    return change(db, version ? SS_SQL_WRITE : SS_SQL_CREATE, err);
}
