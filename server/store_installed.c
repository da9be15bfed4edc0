// SPDX-License-Identifier: Apache-2.0
// What a device has, by an update from here or by its own word.
#include <string.h>

#include "server/store_internal.h"

ss_status_t ss_store_installed_set(struct ss_store_tx *tx, const char *device, int64_t action, int64_t release,
                                   struct ss_error *err)
{
    return ss_sql_run(tx->db, err,
                      "UPDATE devices SET installed_action = $2, installed_release = $3, wants_attributes = 1 "
                      "WHERE id = $1",
                      ss_sql_text(device), ss_sql_int(action), ss_sql_int(release));
}

struct told {
    const char *device, *product, *version;
    bool recorded;
};

/// The device and the release that it means.
static ss_status_t find(struct ss_sql *db, const struct told *t, struct ss_store_device *device,
                        struct ss_store_release *release, struct ss_error *err)
{
    bool found = false;
    ss_status_t status = ss_store_device_load(db, t->device, device, err);
    if (status != SS_OK)
        return status;
    if (device->kind != SS_STORE_OPAQUE)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                            "device %s is sealed: it tells what runs by its attributes", t->device);
    if (!strcmp(t->product, device->registration.product))
        status = ss_store_release_read(db, 0, t->product, t->version, release, &found, err);
    if (status == SS_OK && !found)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no release %.64s of %.64s",
                            t->version, t->product);
    return status;
}

/// The open action that was to bring @p release; 0: none. One that is being cancelled is the device's to answer.
static ss_status_t find_open(struct ss_sql *db, const char *device, int64_t release, int64_t *action,
                             struct ss_error *err)
{
    return ss_store_get_number(db, 0, action, err,
                               "SELECT coalesce(min(id), 0) FROM actions WHERE device = $1 AND active = 1 AND "
                               "release = $2 AND state <> $3",
                               ss_sql_text(device), ss_sql_int(release), ss_sql_int(SS_STORE_CANCELING));
}

static ss_status_t record(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    static const char note[] = "the device says that it has it";
    struct told *t = context;
    struct ss_store_device device;
    struct ss_store_release release;
    int64_t action = 0;
    t->recorded = false;
    ss_status_t status = find(tx->db, t, &device, &release, err);
    if (status == SS_OK)
        status = find_open(tx->db, t->device, release.id, &action, err);
    if (status != SS_OK || (!action && device.installed.action && device.installed.release == release.id))
        return status;
    const struct ss_store_assignment own = {
        .device = t->device, .release = release.id, .forced = true, .operator_name = ""};
    if (!action) {
        status = ss_store_action_add(tx, &own, &device, SS_STORE_FINISHED, note, &action, err);
    } else {
        status = ss_store_status_note(tx, action, SS_STORE_FINISHED, note, err);
        if (status == SS_OK)
            status = ss_store_action_set(tx, action, SS_STORE_FINISHED, err);
    }
    if (status == SS_OK)
        status = ss_store_installed_set(tx, t->device, action, release.id, err);
    t->recorded = true;
    return status == SS_OK ? ss_store_touch_device(tx, t->device, err) : status;
}

ss_status_t ss_store_installed_put(struct ss_store *store, const char *device, const char *product, const char *version,
                                   bool *recorded, struct ss_error *err)
{
    struct told t = {device, product, version, false};
    ss_status_t status = ss_store_check_name("id of the device", device, err);
    if (status == SS_OK)
        status = ss_store_write(store, "store-installed", record, &t, err);
    if (recorded)
        *recorded = status == SS_OK && t.recorded;
    return status;
}
