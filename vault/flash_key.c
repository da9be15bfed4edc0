// SPDX-License-Identifier: Apache-2.0
// Flash keys: in, out, and gone for good.
#include "vault/flash_key.h"

#include <stdio.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/internal.h"
#include "vault/locked.h"

void ss_vault_flash_key_wipe(struct ss_vault_flash_key *key)
{
    ss_wipe(key, sizeof *key);
}

static bool repeats(const uint8_t *key, size_t len, size_t period)
{
    return period < len && memcmp(key, key + period, len - period) == 0;
}

static bool counts(const uint8_t *key, size_t len)
{
    uint8_t step = (uint8_t)(key[1] - key[0]);
    for (size_t i = 2; i < len; i++)
        if ((uint8_t)(key[i] - key[i - 1]) != step)
            return false;
    return true;
}

bool ss_vault_flash_key_is_weak(const uint8_t *key, size_t len)
{
    if (len < 2 || counts(key, len)) // a step of 0 is one byte repeated
        return true;
    for (size_t period = 1; period <= len / 2; period *= 2)
        if (repeats(key, len, period))
            return true;
    return false;
}

static ss_status_t fingerprint(const struct ss_vault *vault, const uint8_t *key, size_t len, uint8_t out[32],
                               struct ss_error *err)
{
    ss_status_t status = ss_hmac_sha256(vault->duplicate_key, SS_VAULT_DATA_KEY_SIZE, key, len, out);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "HMAC failed");
}

// Storing

struct arrival {
    const char *device, *source; ///< source NULL: made here
    const uint8_t *key;
    size_t len;
};

static ss_status_t check_place(const struct ss_vault_device *device, size_t len, struct ss_error *err)
{
    if (device->flash_key == SS_VAULT_FLASH_KEY_PRESENT)
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_VAULT,
                            "device %s has a flash key, and a flash key is never replaced", device->id);
    if (device->flash_key == SS_VAULT_FLASH_KEY_FORGOTTEN)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "the flash key of device %s was forgotten",
                            device->id);
    const struct ss_chip *chip = ss_chip_find(device->chip);
    if (!chip || !ss_chip_takes_flash_key(chip, len))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "%s takes no flash key of %zu bytes",
                            chip ? chip->title : device->chip, len);
    return SS_OK;
}

/// SS_ERROR_NOT_PERMITTED if a device has or had a key with this fingerprint.
static ss_status_t check_duplicate(struct ss_vault *vault, const uint8_t print[32], struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err, "SELECT id FROM devices WHERE fingerprint = $1", ss_sql_blob(print, 32));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && row) {
        char other[SS_VAULT_NAME_SIZE];
        ss_sql_column_text(rows, 0, other, sizeof other);
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                              "this is the flash key of device %s: each device has one of its own", other);
    }
    ss_sql_end(rows);
    return status;
}

static ss_status_t store(struct ss_vault *vault, const struct ss_vault_device *device, const struct arrival *a,
                         const uint8_t print[32], struct ss_error *err)
{
    struct ss_secret_id id = {"flash-key", device->id, device->chip};
    ss_status_t status = ss_secret_put(vault, SS_RING_VAULT, &id, a->key, a->len, err);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err,
                            "UPDATE devices SET flash_key = 'present', fingerprint = $1, changed = $2 WHERE id = $3",
                            ss_sql_blob(print, 32), ss_sql_int(ss_vault_now()), ss_sql_text(device->id));
    return status;
}

static ss_status_t put(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct arrival *a = context;
    struct ss_vault_device device;
    uint8_t print[32];
    ss_status_t status = ss_vault_device_get(vault, a->device, &device, err);
    if (status == SS_OK)
        status = check_place(&device, a->len, err);
    if (status == SS_OK)
        status = fingerprint(vault, a->key, a->len, print, err);
    if (status == SS_OK)
        status = check_duplicate(vault, print, err);
    if (status == SS_OK)
        status = store(vault, &device, a, print, err);
    if (status == SS_OK)
        status = ss_audit_append(vault, a->source ? SS_AUDIT_IMPORT : SS_AUDIT_GENERATE, a->device,
                                 a->source ? a->source : "flash key", err);
    return status;
}

ss_status_t ss_vault_flash_key_generate(struct ss_vault *vault, const char *device, size_t len, struct ss_error *err)
{
    if (!len || len > SS_VAULT_FLASH_KEY_MAX)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "a flash key of %zu bytes, at most %d", len,
                            SS_VAULT_FLASH_KEY_MAX);
    uint8_t *key = ss_locked_new(len);
    if (!key)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    struct arrival a = {device, NULL, key, len};
    ss_status_t status = ss_random(key, len);
    if (status != SS_OK)
        status = ss_error_set(err, status, SS_AREA_CRYPTO, "no random bytes");
    else if (ss_vault_flash_key_is_weak(key, len))
        status = ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "the random generator is broken");
    else
        status = ss_vault_write(vault, "flash-key-new", put, &a, err);
    ss_locked_free(key, len);
    return status;
}

ss_status_t ss_vault_flash_key_import(struct ss_vault *vault, const char *device, const uint8_t *key, size_t len,
                                      const char *source, struct ss_error *err)
{
    struct arrival a = {device, source && *source ? source : "flash key", key, len};
    if (len <= SS_VAULT_FLASH_KEY_MAX && ss_vault_flash_key_is_weak(key, len))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "the flash key for device %s is no random key: it repeats or counts", device);
    return ss_vault_write(vault, "flash-key-import", put, &a, err);
}

// Taking out

static const char *const purposes[] = {
    [SS_VAULT_FOR_SEAL] = "seal",
    [SS_VAULT_FOR_UNSEAL] = "unseal",
    [SS_VAULT_FOR_BURN] = "burn",
    [SS_VAULT_FOR_REHEARSE] = "rehearse",
};

struct departure {
    const char *device, *detail, *confirm;
    enum ss_vault_purpose purpose;
    struct ss_vault_flash_key *key;
};

static ss_status_t check_has_key(const struct ss_vault_device *device, struct ss_error *err)
{
    if (device->flash_key == SS_VAULT_FLASH_KEY_FORGOTTEN)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "the flash key of device %s was forgotten",
                            device->id);
    if (device->flash_key == SS_VAULT_FLASH_KEY_NONE)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "the vault has no flash key of device %s",
                            device->id);
    return SS_OK;
}

static ss_status_t check_purpose(const struct ss_vault_device *device, enum ss_vault_purpose purpose,
                                 struct ss_error *err)
{
    if (purpose != SS_VAULT_FOR_SEAL || device->state == SS_VAULT_DEVICE_REGISTERED ||
        device->state == SS_VAULT_DEVICE_PROVISIONING || device->state == SS_VAULT_DEVICE_PROVISIONED)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                        "device %s is %s: nothing is sealed for it any more", device->id,
                        ss_vault_device_state_name(device->state));
}

static ss_status_t check_confirmed(const char *device, const char *confirm, struct ss_error *err)
{
    if (confirm && !strcmp(confirm, device))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "not confirmed with the id of device %s", device);
}

ss_status_t ss_flash_key_within(struct ss_vault *vault, const char *id, enum ss_vault_purpose purpose, bool confirmed,
                                struct ss_vault_flash_key *key, struct ss_error *err)
{
    struct ss_vault_device device;
    ss_status_t status = ss_vault_device_get(vault, id, &device, err);
    if (status == SS_OK)
        status = check_has_key(&device, err);
    if (status == SS_OK && !confirmed)
        status = check_purpose(&device, purpose, err);
    struct ss_secret_id secret = {"flash-key", device.id, device.chip};
    if (status == SS_OK)
        status = ss_secret_get(vault, &secret, key->bytes, sizeof key->bytes, &key->len, err);
    return status;
}

static ss_status_t use(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct departure *d = context;
    char detail[SS_VAULT_AUDIT_DETAIL_MAX + 1];
    const char *given = d->detail ? d->detail : "";
    ss_status_t status = ss_flash_key_within(vault, d->device, d->purpose, d->confirm != NULL, d->key, err);
    if (d->confirm)
        snprintf(detail, sizeof detail, "%.1000s", given);
    else
        snprintf(detail, sizeof detail, "for %s%s%.1000s", purposes[d->purpose], *given ? ": " : "", given);
    if (status == SS_OK)
        status = ss_audit_append(vault, d->confirm ? SS_AUDIT_EXPORT : SS_AUDIT_UNWRAP, d->device, detail, err);
    return status;
}

ss_status_t ss_vault_flash_key(struct ss_vault *vault, const char *device, enum ss_vault_purpose purpose,
                               const char *detail, struct ss_vault_flash_key *key, struct ss_error *err)
{
    struct departure d = {device, detail, NULL, purpose, key};
    memset(key, 0, sizeof *key);
    ss_status_t status = detail ? ss_vault_check_text("detail", detail, 1000, err) : SS_OK;
    if (status == SS_OK)
        status = ss_vault_write(vault, "flash-key-use", use, &d, err);
    if (status != SS_OK)
        ss_vault_flash_key_wipe(key);
    return status;
}

ss_status_t ss_vault_flash_key_export(struct ss_vault *vault, const char *device, const char *confirm,
                                      const char *detail, struct ss_vault_flash_key *key, struct ss_error *err)
{
    struct departure d = {device, detail, confirm, SS_VAULT_FOR_BURN, key};
    memset(key, 0, sizeof *key);
    ss_status_t status = check_confirmed(device, confirm, err);
    if (status == SS_OK && detail)
        status = ss_vault_check_text("detail", detail, 1000, err);
    if (status == SS_OK)
        status = ss_vault_write(vault, "flash-key-export", use, &d, err);
    if (status != SS_OK)
        ss_vault_flash_key_wipe(key);
    return status;
}

static ss_status_t forget(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct departure *d = context;
    struct ss_vault_device device;
    ss_status_t status = ss_vault_device_get(vault, d->device, &device, err);
    if (status == SS_OK)
        status = check_has_key(&device, err);
    struct ss_secret_id id = {"flash-key", device.id, device.chip};
    if (status == SS_OK)
        status = ss_secret_forget(vault, &id, err);
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "UPDATE devices SET flash_key = 'forgotten', changed = $1 WHERE id = $2",
                            ss_sql_int(ss_vault_now()), ss_sql_text(device.id));
    if (status == SS_OK)
        status = ss_audit_append(vault, SS_AUDIT_FORGET, device.id, d->detail, err);
    return status;
}

ss_status_t ss_vault_flash_key_forget(struct ss_vault *vault, const char *device, const char *confirm,
                                      const char *detail, struct ss_error *err)
{
    struct departure d = {.device = device, .detail = detail};
    ss_status_t status = check_confirmed(device, confirm, err);
    if (status == SS_OK)
        status = ss_vault_write(vault, "flash-key-forget", forget, &d, err);
    return status == SS_OK ? ss_sql_shred(vault->db, err) : status;
}

static ss_status_t compare(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct arrival *a = context;
    struct ss_sql_rows *rows;
    struct ss_vault_device device;
    uint8_t given[32], stored[32];
    bool row = false;
    ss_status_t status = ss_vault_device_get(vault, a->device, &device, err);
    if (status == SS_OK)
        status = check_has_key(&device, err);
    if (status == SS_OK)
        status = fingerprint(vault, a->key, a->len, given, err);
    if (status != SS_OK)
        return status;
    status =
        ss_sql_select(vault->db, &rows, err, "SELECT fingerprint FROM devices WHERE id = $1", ss_sql_text(a->device));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && (!row || ss_sql_column_blob(rows, 0, stored, sizeof stored) != sizeof stored ||
                            !ss_equal(given, stored, sizeof stored)))
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                              "this is not the flash key that the vault has of device %s", a->device);
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_vault_flash_key_matches(struct ss_vault *vault, const char *device, const uint8_t *key, size_t len,
                                       struct ss_error *err)
{
    struct arrival a = {device, NULL, key, len};
    return ss_vault_read(vault, compare, &a, err);
}
