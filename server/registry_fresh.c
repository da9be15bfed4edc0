// SPDX-License-Identifier: Apache-2.0
// Freshness records are fetched from the sealer and stored for the devices.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/log.h"
#include "server/registry_parts.h"

static void fresh(void *context, ss_status_t status, const char *device, const uint8_t *record, size_t len,
                  const char *text)
{
    struct ss_registry *registry = context;
    if (!device) {
        ss_registry_answer(registry, status, text);
        return;
    }
    if (registry->count == SS_SEALER_FRESHNESS_MAX || len > SS_FRESHNESS_MAX)
        return;
    size_t n = registry->count++;
    memcpy(registry->bytes[n], record, len);
    snprintf(registry->ids[n], sizeof registry->ids[n], "%s", device);
    registry->records[n] = (struct ss_store_freshness){registry->ids[n], 0, registry->bytes[n], len};
}

/// Devices, and the first of them.
struct noted {
    size_t count;
    char first[SS_STORE_NAME_SIZE];
};

static void note(struct noted *noted, const char *device)
{
    if (!noted->count++)
        snprintf(noted->first, sizeof noted->first, "%s", device);
}

static void log_noted(const struct noted *noted, const char *message)
{
    char count[24];
    snprintf(count, sizeof count, "%zu", noted->count);
    if (noted->count)
        ss_log(SS_LOG_WARNING, message, "count", count, "first", noted->first, NULL);
}

struct due {
    struct ss_sealer_fresh_device devices[SS_SEALER_FRESHNESS_MAX];
    size_t count;
    int64_t now;
    struct noted bad, apart, ahead; // of all products
};

/// Time of each record, as it says itself; the sealer signs it. One that does not read is left out: the store would take
/// none with it. So is one of a clock that is not this one's: it would be due again at once. False: there was such a one.
static bool date_records(struct ss_registry *registry, struct due *due)
{
    struct ss_statement statement;
    struct ss_freshness fields;
    size_t good = 0, apart = due->apart.count;
    for (size_t i = 0; i < registry->count; i++) {
        struct ss_store_freshness *r = &registry->records[i];
        bool reads = ss_statement_parse(r->record, r->len, &statement, NULL) == SS_OK &&
                     ss_freshness_parse(&statement, &fields, NULL) == SS_OK;
        if (!reads) {
            note(&due->bad, r->device);
        } else if (fields.time + SS_STORE_FRESHNESS_AGE < (uint64_t)due->now ||
                   fields.time > (uint64_t)due->now + SS_STORE_FRESHNESS_AGE) {
            note(&due->apart, r->device);
        } else {
            r->time = (int64_t)fields.time;
            registry->records[good++] = *r;
        }
    }
    registry->count = good;
    return due->apart.count == apart;
}

static ss_status_t add_due(void *context, const char *device, int64_t time, struct ss_error *err)
{
    (void)err;
    struct due *due = context;
    if (time > due->now)
        note(&due->ahead, device);
    snprintf(due->devices[due->count++].id, SS_SEALER_NAME_SIZE, "%s", device);
    return SS_OK;
}

/// The release that each device is to run: what is open, else what was installed.
static void add_versions(struct ss_front *front, struct due *due)
{
    struct ss_store_device device;
    struct ss_store_release release;
    for (size_t i = 0; i < due->count; i++) {
        if (ss_store_device_get(front->store, due->devices[i].id, &device, NULL) != SS_OK)
            continue;
        int64_t id = device.open.action && device.open.state == SS_STORE_RUNNING ? device.open.release
                                                                                 : device.installed.release;
        if (id && ss_store_release_get(front->store, id, &release, NULL) == SS_OK)
            snprintf(due->devices[i].version, sizeof due->devices[i].version, "%s", release.version);
    }
}

static bool refresh_some(struct ss_registry *registry, const char *product, const char *after, struct due *due)
{
    struct ss_front *front = registry->front;
    due->count = 0;
    due->now = (int64_t)time(NULL);
    memset(due->devices, 0, sizeof due->devices);
    if (ss_store_freshness_due(front->store, product, due->now, after, SS_SEALER_FRESHNESS_MAX, add_due, due, NULL) !=
            SS_OK ||
        !due->count)
        return false;
    add_versions(front, due);
    registry->count = 0;
    pthread_rwlock_rdlock(&front->sealer_lock);
    ss_status_t status = front->sealer
                             ? ss_sealer_freshness(front->sealer, product, due->devices, due->count, fresh, registry)
                             : SS_ERROR_IO;
    pthread_rwlock_unlock(&front->sealer_lock);
    if (status != SS_OK || ss_registry_wait(registry) != SS_OK)
        return false;
    bool more = date_records(registry, due) && due->count == SS_SEALER_FRESHNESS_MAX;
    struct ss_error err = {0};
    if (registry->count && ss_store_freshness_put(front->store, registry->records, registry->count, &err) != SS_OK)
        ss_log(SS_LOG_WARNING, "freshness records were not stored", "reason", err.message, NULL);
    return more;
}

struct products {
    char (*names)[SS_STORE_NAME_SIZE];
    size_t count;
};

static ss_status_t add_sealed(void *context, const struct ss_store_product *product, struct ss_error *err)
{
    struct products *products = context;
    if (product->kind != SS_STORE_SEALED)
        return SS_OK;
    void *names = realloc(products->names, (products->count + 1) * sizeof *products->names);
    if (!names)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    products->names = names;
    memcpy(products->names[products->count++], product->name, SS_STORE_NAME_SIZE);
    return SS_OK;
}

void ss_registry_refresh(struct ss_registry *registry)
{
    struct products products = {0};
    struct due *due = calloc(1, sizeof *due);
    if (due && ss_store_product_list(registry->front->store, add_sealed, &products, NULL) == SS_OK)
        for (size_t i = 0; i < products.count; i++) {
            char after[SS_STORE_NAME_SIZE] = "";
            while (ss_front_sealer_there(registry->front) &&
                   refresh_some(registry, products.names[i], after[0] ? after : NULL, due))
                snprintf(after, sizeof after, "%s", due->devices[due->count - 1].id);
        }
    if (due) {
        log_noted(&due->bad, "the sealer sends freshness records that are none");
        log_noted(&due->apart, "the clocks of server and sealer are more than a day apart: no freshness records");
        log_noted(&due->ahead, "a clock was ahead: freshness records are made again");
    }
    free(products.names);
    free(due);
}
