// SPDX-License-Identifier: Apache-2.0
// Reading devices and their facts.
#include <stdlib.h>
#include <string.h>

#include "vault/internal.h"

#define COLUMNS                                                                                                        \
    "id, product, mac, chip, chip_revision, crypt_config, coding_scheme, state, sign_key, replaced_by, table_bytes, "  \
    "table_address, flash_size, flash_key, created, changed"

static ss_status_t fill_states(const struct ss_sql_rows *rows, struct ss_vault_device *d, struct ss_error *err)
{
    char state[24], key[24];
    ss_sql_column_text(rows, 7, state, sizeof state);
    ss_sql_column_text(rows, 13, key, sizeof key);
    d->flash_key = !strcmp(key, "present")     ? SS_VAULT_FLASH_KEY_PRESENT
                   : !strcmp(key, "forgotten") ? SS_VAULT_FLASH_KEY_FORGOTTEN
                                               : SS_VAULT_FLASH_KEY_NONE;
    if (ss_vault_device_state_from_name(state, &d->state))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "device %s is in a state %s", d->id, state);
}

static ss_status_t fill(const struct ss_sql_rows *rows, struct ss_vault_device *d, struct ss_error *err)
{
    memset(d, 0, sizeof *d);
    ss_sql_column_text(rows, 0, d->id, sizeof d->id);
    ss_sql_column_text(rows, 1, d->product, sizeof d->product);
    ss_sql_column_blob(rows, 2, d->mac, sizeof d->mac);
    ss_sql_column_text(rows, 3, d->chip, sizeof d->chip);
    d->chip_revision = (uint16_t)ss_sql_column_int(rows, 4);
    d->crypt_config = (uint8_t)ss_sql_column_int(rows, 5);
    d->coding_scheme = (uint8_t)ss_sql_column_int(rows, 6);
    ss_sql_column_text(rows, 8, d->sign_key, sizeof d->sign_key);
    ss_sql_column_text(rows, 9, d->replaced_by, sizeof d->replaced_by);
    d->table.len = ss_sql_column_blob(rows, 10, d->table.bytes, sizeof d->table.bytes);
    d->table.address = (uint32_t)ss_sql_column_int(rows, 11);
    d->table.flash_size = (uint32_t)ss_sql_column_int(rows, 12);
    d->created = ss_sql_column_int(rows, 14);
    d->changed = ss_sql_column_int(rows, 15);
    return fill_states(rows, d, err);
}

static ss_status_t read_one(struct ss_vault *vault, const char *text, struct ss_sql_value value, const char *name,
                            struct ss_vault_device *device, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    memset(device, 0, sizeof *device);
    ss_status_t status = ss_sql_query(vault->db, text, &value, 1, &rows, err);
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK)
        status = row ? fill(rows, device, err)
                     : ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "there is no device %s", name);
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_device_get(struct ss_vault *vault, const char *id, struct ss_vault_device *device,
                                struct ss_error *err)
{
    return read_one(vault, "SELECT " COLUMNS " FROM devices WHERE id = $1", ss_sql_text(id), id, device, err);
}

ss_status_t ss_vault_device_find_mac(struct ss_vault *vault, const uint8_t mac[SS_VAULT_MAC_SIZE],
                                     struct ss_vault_device *device, struct ss_error *err)
{
    char name[SS_VAULT_MAC_ID_SIZE];
    ss_vault_mac_id(mac, name);
    return read_one(vault, "SELECT " COLUMNS " FROM devices WHERE mac = $1", ss_sql_blob(mac, SS_VAULT_MAC_SIZE), name,
                    device, err);
}

enum { PAGE = 32 };

/// The next devices behind @p after, at most PAGE.
static ss_status_t read_page(struct ss_vault *vault, const struct ss_vault_device_filter *filter, const char *after,
                             struct ss_vault_device *page, size_t *count, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    const char *state = filter->by_state ? ss_vault_device_state_name(filter->state) : "";
    *count = 0;
    ss_status_t status = ss_sql_select(vault->db, &rows, err,
                                       "SELECT " COLUMNS " FROM devices WHERE id > $1 AND ($2 = '' OR product = $2) "
                                       "AND ($3 = '' OR state = $3) ORDER BY id LIMIT $4",
                                       ss_sql_text(after), ss_sql_text(filter->product ? filter->product : ""),
                                       ss_sql_text(state), ss_sql_int(PAGE));
    while (*count < PAGE && ss_sql_more(rows, &status, err)) {
        status = fill(rows, &page[*count], err);
        if (status == SS_OK)
            ++*count;
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_device_list(struct ss_vault *vault, const struct ss_vault_device_filter *filter,
                                 ss_status_t (*each)(void *context, const struct ss_vault_device *device,
                                                     struct ss_error *err),
                                 void *context, struct ss_error *err)
{
    static const struct ss_vault_device_filter all;
    char after[SS_VAULT_NAME_SIZE] = "";
    size_t count = PAGE;
    ss_status_t status = SS_OK;
    struct ss_vault_device *page = malloc(PAGE * sizeof *page);
    if (!page)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    while (status == SS_OK && count == PAGE) {
        status = read_page(vault, filter ? filter : &all, after, page, &count, err);
        for (size_t i = 0; i < count && status == SS_OK; i++)
            status = each(context, &page[i], err);
        if (count)
            strcpy(after, page[count - 1].id);
    }
    free(page);
    return status;
}
