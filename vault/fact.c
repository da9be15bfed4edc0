// SPDX-License-Identifier: Apache-2.0
// Facts about devices: names and texts, no secrets.
#include <string.h>

#include "vault/internal.h"

#define VALUE_MAX 4096

struct fact {
    const char *id, *name, *value;
};

static ss_status_t set(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct fact *f = context;
    struct ss_vault_device device;
    ss_status_t status = ss_vault_device_get(vault, f->id, &device, err);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "DELETE FROM facts WHERE device = $1 AND name = $2", ss_sql_text(f->id),
                            ss_sql_text(f->name));
    if (status == SS_OK && f->value)
        status = ss_sql_run(vault->db, err, "INSERT INTO facts (device, name, value) VALUES ($1, $2, $3)",
                            ss_sql_text(f->id), ss_sql_text(f->name), ss_sql_text(f->value));
    return status == SS_OK ? ss_registry_touch(vault, f->id, err) : status;
}

ss_status_t ss_vault_device_set_fact(struct ss_vault *vault, const char *id, const char *name, const char *value,
                                     struct ss_error *err)
{
    struct fact f = {id, name, value};
    ss_status_t status = ss_vault_check_name("name of the fact", name, err);
    if (status == SS_OK && value)
        status = ss_vault_check_text("fact", value, VALUE_MAX, err);
    return status == SS_OK ? ss_vault_write(vault, "device-fact", set, &f, err) : status;
}

ss_status_t ss_vault_device_fact(struct ss_vault *vault, const char *id, const char *name, char *value, size_t size,
                                 struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    *value = '\0';
    ss_status_t status = ss_sql_select(vault->db, &rows, err, "SELECT value FROM facts WHERE device = $1 AND name = $2",
                                       ss_sql_text(id), ss_sql_text(name));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && !row)
        status = ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "nothing is known of the %s of device %s",
                              name, id);
    if (status == SS_OK && ss_sql_column(rows, 0).len >= size)
        status = ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_VAULT, "the %s of device %s has %zu bytes", name,
                              id, ss_sql_column(rows, 0).len);
    if (status == SS_OK)
        ss_sql_column_text(rows, 0, value, size);
    ss_sql_end(rows);
    return status;
}
