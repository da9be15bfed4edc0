// SPDX-License-Identifier: Apache-2.0
#include "vault/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/hex.h"

static const char *const state_names[] = {
    [SS_VAULT_DEVICE_REGISTERED] = "registered",   [SS_VAULT_DEVICE_PROVISIONING] = "provisioning",
    [SS_VAULT_DEVICE_PROVISIONED] = "provisioned", [SS_VAULT_DEVICE_REPLACED] = "replaced",
    [SS_VAULT_DEVICE_REVOKED] = "revoked",         [SS_VAULT_DEVICE_LOST] = "lost",
    [SS_VAULT_DEVICE_RETURNED] = "returned",
};
enum { STATES = sizeof state_names / sizeof *state_names };

const char *ss_vault_device_state_name(enum ss_vault_device_state state)
{
    return (unsigned)state < STATES ? state_names[state] : "unknown";
}

bool ss_vault_device_state_from_name(const char *name, enum ss_vault_device_state *state)
{
    for (unsigned i = 0; i < STATES; i++)
        if (!strcmp(name, state_names[i])) {
            *state = (enum ss_vault_device_state)i;
            return true;
        }
    return false;
}

void ss_vault_mac_id(const uint8_t mac[SS_VAULT_MAC_SIZE], char id[SS_VAULT_MAC_ID_SIZE])
{
    ss_put_hex(mac, SS_VAULT_MAC_SIZE, id);
}

static ss_status_t check_values(const struct ss_vault_device *d, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    if (d->crypt_config > 15)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "FLASH_CRYPT_CONFIG %u, at most 15",
                            d->crypt_config);
    if (d->coding_scheme > SS_VAULT_CODING_REPEAT)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "coding scheme %u, at most %u",
                            d->coding_scheme, SS_VAULT_CODING_REPEAT);
    if (d->sign_key[0])
        status = ss_vault_check_name("name of the signing key", d->sign_key, err);
    if (status == SS_OK && d->table.len)
        status = ss_vault_check_table(&d->table, err);
    return status;
}

static ss_status_t check_new(const struct ss_vault_device *d, struct ss_error *err)
{
    ss_status_t status = ss_vault_check_name("id of the device", d->id, err);
    if (status != SS_OK)
        return status;
    if (ss_all_bytes(d->mac, sizeof d->mac, 0) || (d->mac[0] & 1))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "the MAC of device %s is none that a chip has", d->id);
    if (d->state != SS_VAULT_DEVICE_REGISTERED && d->state != SS_VAULT_DEVICE_PROVISIONED)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "a new device cannot be %s",
                            ss_vault_device_state_name(d->state));
    return check_values(d, err);
}

static ss_status_t insert(struct ss_vault *vault, const struct ss_vault_device *d, struct ss_error *err)
{
    struct ss_sql_value now = ss_sql_int(ss_vault_now());
    return ss_sql_run(
        vault->db, err,
        "INSERT INTO devices (id, product, mac, chip, chip_revision, crypt_config, coding_scheme, state, sign_key, "
        "replaced_by, table_bytes, table_address, flash_size, flash_key, created, changed) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', $10, $11, $12, 'none', $13, $13)",
        ss_sql_text(d->id), ss_sql_text(d->product), ss_sql_blob(d->mac, sizeof d->mac), ss_sql_text(d->chip),
        ss_sql_int(d->chip_revision), ss_sql_int(d->crypt_config), ss_sql_int(d->coding_scheme),
        ss_sql_text(ss_vault_device_state_name(d->state)), ss_sql_text(d->sign_key),
        ss_sql_blob(d->table.bytes, d->table.len), ss_sql_int(d->table.address), ss_sql_int(d->table.flash_size), now);
}

static ss_status_t add(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct ss_vault_device *d = context, other;
    struct ss_vault_product product;
    char mac[SS_VAULT_MAC_ID_SIZE];
    ss_status_t status = ss_vault_product_get(vault, d->product, &product, err);
    if (status != SS_OK)
        return status;
    if (!d->chip[0])
        strcpy(d->chip, product.chip);
    if (strcmp(d->chip, product.chip) != 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "product %s is made with %s, not with %s",
                            product.name, product.chip, d->chip);
    // Looked up first: after a constraint has failed PostgreSQL answers nothing more in this transaction.
    if (ss_vault_device_get(vault, d->id, &other, err) == SS_OK)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT, "there is a device %s already", d->id);
    ss_vault_mac_id(d->mac, mac);
    if (ss_vault_device_find_mac(vault, d->mac, &other, err) == SS_OK)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT, "MAC %s is that of device %s", mac, other.id);
    status = insert(vault, d, err);
    return status == SS_OK ? ss_registry_touch(vault, d->id, err) : status;
}

ss_status_t ss_vault_device_add(struct ss_vault *vault, const struct ss_vault_device *device, struct ss_error *err)
{
    struct ss_vault_device copy = *device;
    ss_status_t status = check_new(device, err);
    return status == SS_OK ? ss_vault_write(vault, "device-add", add, &copy, err) : status;
}

static ss_status_t update(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct ss_vault_device *d = context;
    struct ss_vault_device before;
    ss_status_t status = ss_vault_device_get(vault, d->id, &before, err);
    if (status != SS_OK)
        return status;
    status =
        ss_sql_run(vault->db, err,
                   "UPDATE devices SET chip_revision = $1, crypt_config = $2, coding_scheme = $3, sign_key = $4, "
                   "table_bytes = $5, table_address = $6, flash_size = $7, changed = $8 WHERE id = $9",
                   ss_sql_int(d->chip_revision), ss_sql_int(d->crypt_config), ss_sql_int(d->coding_scheme),
                   ss_sql_text(d->sign_key), ss_sql_blob(d->table.bytes, d->table.len), ss_sql_int(d->table.address),
                   ss_sql_int(d->table.flash_size), ss_sql_int(ss_vault_now()), ss_sql_text(d->id));
    return status == SS_OK ? ss_registry_touch(vault, d->id, err) : status;
}

ss_status_t ss_vault_device_update(struct ss_vault *vault, const struct ss_vault_device *device, struct ss_error *err)
{
    struct ss_vault_device copy = *device;
    ss_status_t status = check_values(device, err);
    return status == SS_OK ? ss_vault_write(vault, "device-update", update, &copy, err) : status;
}

struct transition {
    const char *id;
    enum ss_vault_device_state state;
    const char *replaced_by, *reason;
};

static ss_status_t set_state(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct transition *t = context;
    struct ss_vault_device device, other;
    char detail[SS_VAULT_AUDIT_DETAIL_MAX + 1];
    ss_status_t status = ss_vault_device_get(vault, t->id, &device, err);
    if (status == SS_OK && t->replaced_by)
        status = ss_vault_device_get(vault, t->replaced_by, &other, err);
    if (status != SS_OK)
        return status;
    status =
        ss_sql_run(vault->db, err, "UPDATE devices SET state = $1, replaced_by = $2, changed = $3 WHERE id = $4",
                   ss_sql_text(ss_vault_device_state_name(t->state)), ss_sql_text(t->replaced_by ? t->replaced_by : ""),
                   ss_sql_int(ss_vault_now()), ss_sql_text(t->id));
    if (status == SS_OK)
        status = ss_registry_touch(vault, t->id, err);
    snprintf(detail, sizeof detail, "%s to %s%s%s%s%s", ss_vault_device_state_name(device.state),
             ss_vault_device_state_name(t->state), t->replaced_by ? " by " : "", t->replaced_by ? t->replaced_by : "",
             t->reason && *t->reason ? ": " : "", t->reason ? t->reason : "");
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_STATE, t->id, detail, err) : status;
}

ss_status_t ss_vault_device_set_state(struct ss_vault *vault, const char *id, enum ss_vault_device_state state,
                                      const char *replaced_by, const char *reason, struct ss_error *err)
{
    struct transition t = {id, state, replaced_by, reason};
    if ((unsigned)state >= STATES || (replaced_by != NULL) != (state == SS_VAULT_DEVICE_REPLACED) ||
        (replaced_by && !strcmp(replaced_by, id)))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "a device that is replaced, and only that one, needs another in its place");
    ss_status_t status = reason ? ss_vault_check_text("reason", reason, 512, err) : SS_OK;
    return status == SS_OK ? ss_vault_write(vault, "device-state", set_state, &t, err) : status;
}
