// SPDX-License-Identifier: Apache-2.0
// The tables, as a list of steps: a vault of version n has had the first n of them. A step is never changed once it has
// been released; a new layout is a new step.
#include "vault/internal.h"

static const char *const steps[] = {
    // 1
    "CREATE TABLE meta (name {text} PRIMARY KEY, value {blob} NOT NULL);"
    "CREATE TABLE migrations (version BIGINT PRIMARY KEY, applied BIGINT NOT NULL);"
    // state: active, retiring (records may still be under it), retired
    "CREATE TABLE wrapping_keys (ring {text} NOT NULL, version BIGINT NOT NULL, source {text} NOT NULL,"
    " params {blob} NOT NULL, proof {blob} NOT NULL, state {text} NOT NULL, created BIGINT NOT NULL,"
    " PRIMARY KEY (ring, version));"
    "CREATE TABLE secrets (kind {text} NOT NULL, owner {text} NOT NULL, bound {text} NOT NULL, ring {text} NOT NULL,"
    " key_version BIGINT NOT NULL, wrapped {blob} NOT NULL, content {blob} NOT NULL, PRIMARY KEY (kind, owner));"
    "CREATE INDEX secrets_by_key ON secrets (ring, key_version);"
    "CREATE TABLE products (name {text} PRIMARY KEY, chip {text} NOT NULL, secure_boot {text} NOT NULL,"
    " per_device_keys BIGINT NOT NULL, sign_key {text} NOT NULL, table_bytes {blob} NOT NULL,"
    " table_address BIGINT NOT NULL, flash_size BIGINT NOT NULL, public_key_1 {text} NOT NULL,"
    " public_key_2 {text} NOT NULL, public_key_3 {text} NOT NULL, created BIGINT NOT NULL);"
    "CREATE TABLE devices (id {text} PRIMARY KEY, product {text} NOT NULL REFERENCES products (name),"
    " mac {blob} NOT NULL UNIQUE, chip {text} NOT NULL, chip_revision BIGINT NOT NULL, crypt_config BIGINT NOT NULL,"
    " coding_scheme BIGINT NOT NULL, state {text} NOT NULL, sign_key {text} NOT NULL, replaced_by {text} NOT NULL,"
    " table_bytes {blob} NOT NULL, table_address BIGINT NOT NULL, flash_size BIGINT NOT NULL,"
    // none, present, forgotten; fingerprint: HMAC of the flash key, kept after forgetting
    " flash_key {text} NOT NULL, fingerprint {blob} UNIQUE, created BIGINT NOT NULL, changed BIGINT NOT NULL);"
    "CREATE INDEX devices_by_product ON devices (product, id);"
    "CREATE TABLE facts (device {text} NOT NULL REFERENCES devices (id), name {text} NOT NULL, value {text} NOT NULL,"
    " PRIMARY KEY (device, name));"
    "CREATE TABLE journal (number BIGINT PRIMARY KEY, time BIGINT NOT NULL, device {text} NOT NULL, run {text} NOT "
    "NULL,"
    " step {text} NOT NULL, phase {text} NOT NULL, actor {text} NOT NULL, detail {text} NOT NULL);"
    "CREATE INDEX journal_by_device ON journal (device, number);"
    "CREATE TABLE audit (number BIGINT PRIMARY KEY, time BIGINT NOT NULL, actor {text} NOT NULL, action {text} NOT "
    "NULL,"
    " subject {text} NOT NULL, detail {text} NOT NULL, hash {blob} NOT NULL);"
    "CREATE TABLE audit_head (one BIGINT PRIMARY KEY, number BIGINT NOT NULL, hash {blob} NOT NULL,"
    " signature {blob} NOT NULL);"
    "INSERT INTO meta VALUES ('writer', '')", // the row that PostgreSQL's writers queue at
    // 2: quota.c
    "CREATE TABLE quotas (station {text} PRIMARY KEY, devices BIGINT NOT NULL);"
    "CREATE TABLE quota_uses (device {text} PRIMARY KEY, station {text} NOT NULL, time BIGINT NOT NULL);"
    "CREATE INDEX quota_uses_by_station ON quota_uses (station);"
    "CREATE TABLE first_articles (recipe {text} PRIMARY KEY, device {text} NOT NULL, time BIGINT NOT NULL)",
    // 3
    // place: vault, token, elsewhere
    "CREATE TABLE signing_keys (name {text} PRIMARY KEY, type {text} NOT NULL, place {text} NOT NULL,"
    " uri {text} NOT NULL, public_key {text} NOT NULL, created BIGINT NOT NULL)",
    // 4
    "CREATE TABLE releases (id {text} PRIMARY KEY, product {text} NOT NULL REFERENCES products (name),"
    " version {text} NOT NULL, length BIGINT NOT NULL, secure_version BIGINT NOT NULL, digest {blob} NOT NULL,"
    " statement {blob} NOT NULL, created BIGINT NOT NULL, UNIQUE (product, version));"
    "CREATE TABLE release_chunks (release {text} NOT NULL REFERENCES releases (id), number BIGINT NOT NULL,"
    " content {blob} NOT NULL, PRIMARY KEY (release, number))",
    // 5: delivery.c, personal.c, floor.c, registry.c
    "CREATE TABLE deliveries (device {text} NOT NULL REFERENCES devices (id),"
    " release {text} NOT NULL REFERENCES releases (id), address BIGINT NOT NULL, length BIGINT NOT NULL,"
    " window_size BIGINT NOT NULL, digests {blob} NOT NULL, sha256 {blob} NOT NULL, epoch BIGINT NOT NULL,"
    " sequence BIGINT NOT NULL, statement {blob} NOT NULL, created BIGINT NOT NULL,"
    " PRIMARY KEY (device, release, address));"
    // the last sequence that was issued to a device
    "CREATE TABLE device_sequences (device {text} PRIMARY KEY REFERENCES devices (id), epoch BIGINT NOT NULL,"
    " sequence BIGINT NOT NULL);"
    "CREATE TABLE release_signatures (release {text} NOT NULL REFERENCES releases (id),"
    " device {text} NOT NULL REFERENCES devices (id), verification_key {blob} NOT NULL, trailer {blob} NOT NULL,"
    " created BIGINT NOT NULL, PRIMARY KEY (release, device));"
    "CREATE TABLE release_floors (product {text} PRIMARY KEY REFERENCES products (name), version {text} NOT NULL,"
    " signed BIGINT NOT NULL);"
    "CREATE TABLE device_changes (device {text} PRIMARY KEY REFERENCES devices (id), number BIGINT NOT NULL UNIQUE);"
    "INSERT INTO device_changes (device, number) SELECT id, row_number() OVER (ORDER BY id) FROM devices",
};

int64_t ss_vault_schema_version(void)
{
    return (int64_t)(sizeof steps / sizeof *steps);
}

static ss_status_t apply(struct ss_sql *db, int64_t from, int64_t to, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (int64_t version = from + 1; version <= to && status == SS_OK; version++) {
        status = ss_sql_script(db, steps[version - 1], err);
        if (status == SS_OK)
            status = ss_sql_run(db, err, "INSERT INTO migrations (version, applied) VALUES ($1, $2)",
                                ss_sql_int(version), ss_sql_int(ss_vault_now()));
    }
    return status;
}

ss_status_t ss_vault_schema_create(struct ss_sql *db, int64_t version, struct ss_error *err)
{
    return apply(db, 0, version, err);
}

ss_status_t ss_vault_schema_update(struct ss_sql *db, int64_t version, struct ss_error *err)
{
    return apply(db, version, SS_VAULT_SCHEMA, err);
}

static ss_status_t read_version(struct ss_sql *db, int64_t *version, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status = ss_sql_query(db, "SELECT max(version) FROM migrations", NULL, 0, &rows, err);
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    *version = status == SS_OK && row ? ss_sql_column_int(rows, 0) : 0;
    ss_sql_end(rows);
    return status;
}

static ss_status_t migrate(struct ss_vault *vault, void *context, struct ss_error *err)
{
    int64_t version;
    (void)context;
    ss_status_t status = read_version(vault->db, &version, err); // again: another program may have been quicker
    if (status == SS_OK && version < SS_VAULT_SCHEMA)
        status = apply(vault->db, version, SS_VAULT_SCHEMA, err);
    return status;
}

ss_status_t ss_vault_schema_check(struct ss_vault *vault, struct ss_error *err)
{
    size_t count = 0;
    bool found = false;
    int64_t version = 0;
    ss_status_t status = ss_sql_tables(vault->db, "migrations", &count, &found, err);
    if (status != SS_OK)
        return status;
    if (!count)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "the database holds no vault");
    if (!found)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT,
                            "the database holds something else than a vault");
    status = read_version(vault->db, &version, err);
    if (status != SS_OK)
        return status;
    if (version > SS_VAULT_SCHEMA)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_VAULT,
                            "the vault has layout %lld, this program knows up to %lld", (long long)version,
                            (long long)SS_VAULT_SCHEMA);
    return version < SS_VAULT_SCHEMA ? ss_vault_write(vault, "migrate", migrate, NULL, err) : SS_OK;
}
