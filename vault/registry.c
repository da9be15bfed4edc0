// SPDX-License-Identifier: Apache-2.0
#include "vault/registry.h"

#include "vault/internal.h"

/// Writers come one after the other, so numbers rise in the order of the commits: who has read up to one has seen all
/// below it.
ss_status_t ss_registry_touch(struct ss_vault *vault, const char *device, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    int64_t last = 0;
    ss_status_t status = ss_sql_query(vault->db, "SELECT max(number) FROM device_changes", NULL, 0, &rows, err);
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && row)
        last = ss_sql_column_int(rows, 0);
    ss_sql_end(rows);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "DELETE FROM device_changes WHERE device = $1", ss_sql_text(device));
    if (status != SS_OK)
        return status;
    return ss_sql_run(vault->db, err, "INSERT INTO device_changes (device, number) VALUES ($1, $2)",
                      ss_sql_text(device), ss_sql_int(last + 1));
}

static ss_status_t fill(const struct ss_sql_rows *rows, struct ss_vault_member *m, struct ss_error *err)
{
    char state[24];
    ss_sql_column_text(rows, 0, m->id, sizeof m->id);
    ss_sql_column_text(rows, 1, m->product, sizeof m->product);
    ss_sql_column_text(rows, 2, state, sizeof state);
    ss_sql_column_text(rows, 3, m->fact, sizeof m->fact);
    m->change = ss_sql_column_int(rows, 4);
    if (ss_vault_device_state_from_name(state, &m->state))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "device %s is in a state %s", m->id, state);
}

ss_status_t ss_vault_registry_read(struct ss_vault *vault, int64_t after, const char *fact,
                                   struct ss_vault_member *members, size_t size, size_t *count, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *count = 0;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err,
                      "SELECT d.id, d.product, d.state, f.value, c.number FROM device_changes c "
                      "JOIN devices d ON d.id = c.device LEFT JOIN facts f ON f.device = d.id AND f.name = $2 "
                      "WHERE c.number > $1 ORDER BY c.number LIMIT $3",
                      ss_sql_int(after), ss_sql_text(fact), ss_sql_int((int64_t)size));
    while (*count < size && ss_sql_more(rows, &status, err)) {
        status = fill(rows, &members[*count], err);
        if (status == SS_OK)
            ++*count;
    }
    ss_sql_end(rows);
    return status;
}
