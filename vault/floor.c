// SPDX-License-Identifier: Apache-2.0
#include "vault/floor.h"

#include <stdio.h>
#include <string.h>

#include "slotseal/release.h"
#include "vault/internal.h"

struct floor {
    const char *product, *version;
};

static ss_status_t signed_at(const struct ss_vault_release *release, uint64_t *when, struct ss_error *err)
{
    struct ss_statement statement;
    struct ss_release fields;
    if (ss_statement_parse(release->statement, release->statement_len, &statement, NULL) != SS_OK ||
        ss_release_parse(&statement, &fields, NULL) != SS_OK)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "release %s of product %s has no release statement", release->version, release->product);
    *when = fields.timestamp;
    return SS_OK;
}

static ss_status_t set(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct floor *f = context;
    struct ss_vault_release release;
    char before[SS_VAULT_VERSION_SIZE], subject[2 * SS_VAULT_NAME_SIZE];
    uint64_t last = 0, when = 0;
    ss_status_t status = ss_vault_release_get(vault, f->product, f->version, &release, err);
    if (status == SS_OK)
        status = signed_at(&release, &when, err);
    if (status == SS_OK)
        status = ss_vault_floor_get(vault, f->product, before, &last, err);
    if (status == SS_OK && when < last)
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                              "the floor of product %.32s is release %s already, which was signed later", f->product,
                              before);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "DELETE FROM release_floors WHERE product = $1", ss_sql_text(f->product));
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "INSERT INTO release_floors (product, version, signed) VALUES ($1, $2, $3)",
                            ss_sql_text(f->product), ss_sql_text(f->version), ss_sql_int((int64_t)when));
    snprintf(subject, sizeof subject, "%.64s %.32s", f->product, f->version);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_RELEASE, subject, "floor", err) : status;
}

ss_status_t ss_vault_floor_set(struct ss_vault *vault, const char *product, const char *version, struct ss_error *err)
{
    struct floor f = {product, version};
    return ss_vault_write(vault, "release-floor", set, &f, err);
}

ss_status_t ss_vault_floor_get(struct ss_vault *vault, const char *product, char version[SS_VAULT_VERSION_SIZE],
                               uint64_t *when, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    *version = '\0';
    *when = 0;
    ss_status_t status = ss_sql_select(
        vault->db, &rows, err, "SELECT version, signed FROM release_floors WHERE product = $1", ss_sql_text(product));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && row) {
        ss_sql_column_text(rows, 0, version, SS_VAULT_VERSION_SIZE);
        *when = (uint64_t)ss_sql_column_int(rows, 1);
    }
    ss_sql_end(rows);
    return status;
}
