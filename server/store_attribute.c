// SPDX-License-Identifier: Apache-2.0
// Attributes: what a device tells by configData. Each start of a device sends them all; what is as it was is not written.
#include <stdlib.h>
#include <string.h>

#include "server/store_internal.h"

struct put {
    struct ss_store_job job; // first: the job's address is the put's
    ss_store_done_fn done;
    void *context;
    char device[SS_STORE_NAME_SIZE];
    enum ss_store_attribute_mode mode;
    size_t count;
    struct {
        char key[SS_STORE_ATTRIBUTE_MAX + 1], value[SS_STORE_ATTRIBUTE_MAX + 1];
    } items[];
};

static bool printable(const char *text, bool may_be_empty)
{
    size_t len = strlen(text);
    if (len > SS_STORE_ATTRIBUTE_MAX || (!len && !may_be_empty))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)text[i] < 0x20 || text[i] == 0x7F)
            return false;
    return true;
}

/// What the device has under this key. *@p known false: nothing.
static ss_status_t current(struct ss_sql *db, const char *device, const char *key, char *value, size_t size,
                           bool *known, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(db, &rows, err, "SELECT value FROM attributes WHERE device = $1 AND name = $2",
                                       ss_sql_text(device), ss_sql_text(key));
    status = ss_store_first(status, &rows, known, err);
    if (status == SS_OK && *known)
        ss_sql_column_text(rows, 0, value, size);
    ss_sql_end(rows);
    return status;
}

static ss_status_t set_one(struct ss_store_tx *tx, const char *device, const char *key, const char *value,
                           bool *changed, struct ss_error *err)
{
    char old[SS_STORE_ATTRIBUTE_MAX + 1];
    bool known;
    ss_status_t status = current(tx->db, device, key, old, sizeof old, &known, err);
    if (status != SS_OK || (known && !strcmp(old, value)))
        return status;
    *changed = true;
    return ss_sql_run(tx->db, err,
                      known ? "UPDATE attributes SET value = $3 WHERE device = $1 AND name = $2"
                            : "INSERT INTO attributes (device, name, value) VALUES ($1, $2, $3)",
                      ss_sql_text(device), ss_sql_text(key), ss_sql_text(value));
}

static bool given(const struct put *p, const char *key)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->items[i].key, key))
            return true;
    return false;
}

/// Removes what is there and (@p given_ones) named, or not named.
static ss_status_t remove_some(struct ss_store_tx *tx, const struct put *p, bool given_ones, bool *changed,
                               struct ss_error *err)
{
    char keys[SS_STORE_ATTRIBUTES_MAX][SS_STORE_ATTRIBUTE_MAX + 1];
    size_t count = 0;
    struct ss_sql_rows *rows;
    ss_status_t status =
        ss_sql_select(tx->db, &rows, err, "SELECT name FROM attributes WHERE device = $1", ss_sql_text(p->device));
    while (ss_sql_more(rows, &status, err) && count < SS_STORE_ATTRIBUTES_MAX) {
        ss_sql_column_text(rows, 0, keys[count], sizeof keys[count]);
        count += given(p, keys[count]) == given_ones;
    }
    ss_sql_end(rows);
    for (size_t i = 0; i < count && status == SS_OK; i++)
        status = ss_sql_run(tx->db, err, "DELETE FROM attributes WHERE device = $1 AND name = $2",
                            ss_sql_text(p->device), ss_sql_text(keys[i]));
    *changed |= count != 0;
    return status;
}

static ss_status_t check_count(struct ss_sql *db, const char *device, struct ss_error *err)
{
    int64_t count;
    ss_status_t status = ss_store_get_number(db, 0, &count, err, "SELECT count(*) FROM attributes WHERE device = $1",
                                             ss_sql_text(device));
    if (status == SS_OK && count > (int64_t)SS_STORE_ATTRIBUTES_MAX)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SERVER,
                            "device %s would have %lld attributes, the limit is %u", device, (long long)count,
                            SS_STORE_ATTRIBUTES_MAX);
    return status;
}

static ss_status_t put(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct put *p = context;
    int64_t wanted;
    bool changed = false;
    ss_status_t status = ss_store_get_number(
        tx->db, -1, &wanted, err, "SELECT wants_attributes FROM devices WHERE id = $1", ss_sql_text(p->device));
    if (status == SS_OK && wanted < 0)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no device %s", p->device);
    if (status == SS_OK && p->mode != SS_STORE_MERGE)
        status = remove_some(tx, p, p->mode == SS_STORE_REMOVE, &changed, err);
    for (size_t i = 0; i < p->count && p->mode != SS_STORE_REMOVE && status == SS_OK; i++)
        status = set_one(tx, p->device, p->items[i].key, p->items[i].value, &changed, err);
    if (status == SS_OK && changed)
        status = check_count(tx->db, p->device, err);
    if (status == SS_OK && wanted)
        status =
            ss_sql_run(tx->db, err, "UPDATE devices SET wants_attributes = 0 WHERE id = $1", ss_sql_text(p->device));
    return status == SS_OK && (changed || wanted) ? ss_store_touch_device(tx, p->device, err) : status;
}

static ss_status_t make(const char *device, enum ss_store_attribute_mode mode,
                        const struct ss_store_attribute *attributes, size_t count, struct put **out,
                        struct ss_error *err)
{
    *out = NULL;
    ss_status_t status = ss_store_check_name("id of the device", device, err);
    if (status != SS_OK)
        return status;
    if (!count)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "no attributes are given");
    if (count > SS_STORE_ATTRIBUTES_MAX)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SERVER, "%zu attributes, the limit is %u", count,
                            SS_STORE_ATTRIBUTES_MAX);
    for (size_t i = 0; i < count; i++)
        if (!printable(attributes[i].key, false) ||
            (mode != SS_STORE_REMOVE && (!attributes[i].value || !printable(attributes[i].value, true))))
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                                "attribute %zu is empty, not printable or longer than %u bytes", i + 1,
                                SS_STORE_ATTRIBUTE_MAX);
    struct put *p = calloc(1, sizeof *p + count * sizeof *p->items);
    if (!p)
        return ss_store_out_of_memory(err);
    ss_store_copy(p->device, sizeof p->device, device);
    p->mode = mode;
    p->count = count;
    for (size_t i = 0; i < count; i++) {
        strcpy(p->items[i].key, attributes[i].key);
        if (mode != SS_STORE_REMOVE)
            strcpy(p->items[i].value, attributes[i].value);
    }
    *out = p;
    return SS_OK;
}

ss_status_t ss_store_attributes_put(struct ss_store *store, const char *device, enum ss_store_attribute_mode mode,
                                    const struct ss_store_attribute *attributes, size_t count, struct ss_error *err)
{
    struct put *p;
    ss_status_t status = make(device, mode, attributes, count, &p, err);
    if (status == SS_OK)
        status = ss_store_write(store, "store-attributes", put, p, err);
    free(p);
    return status;
}

static void finish(struct ss_store_job *job)
{
    struct put *p = (struct put *)job;
    p->done(p->context, job->status, &job->err);
    free(p);
}

ss_status_t ss_store_attributes_put_start(struct ss_store *store, const char *device, enum ss_store_attribute_mode mode,
                                          const struct ss_store_attribute *attributes, size_t count,
                                          ss_store_done_fn done, void *context, struct ss_error *err)
{
    struct put *p;
    ss_status_t status = make(device, mode, attributes, count, &p, err);
    if (status != SS_OK)
        return status;
    p->job = (struct ss_store_job){.name = "store-attributes", .work = put, .context = p, .finish = finish};
    p->done = done;
    p->context = context;
    ss_store_submit(store, &p->job);
    return SS_OK;
}

struct list {
    const char *device;
    ss_status_t (*each)(void *context, const char *key, const char *value, struct ss_error *err);
    void *context;
};

static ss_status_t list(struct ss_sql *db, void *context, struct ss_error *err)
{
    const struct list *l = context;
    struct ss_sql_rows *rows;
    ss_status_t status = ss_sql_select(
        db, &rows, err, "SELECT name, value FROM attributes WHERE device = $1 ORDER BY name", ss_sql_text(l->device));
    while (ss_sql_more(rows, &status, err)) {
        char key[SS_STORE_ATTRIBUTE_MAX + 1], value[SS_STORE_ATTRIBUTE_MAX + 1];
        ss_sql_column_text(rows, 0, key, sizeof key);
        ss_sql_column_text(rows, 1, value, sizeof value);
        status = l->each(l->context, key, value, err);
    }
    ss_sql_end(rows);
    return status;
}

ss_status_t ss_store_attribute_list(struct ss_store *store, const char *device,
                                    ss_status_t (*each)(void *context, const char *key, const char *value,
                                                        struct ss_error *err),
                                    void *context, struct ss_error *err)
{
    struct list l = {device, each, context};
    return ss_store_read(store, list, &l, err);
}

static ss_status_t ask(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const char *device = context;
    int64_t known;
    ss_status_t status =
        ss_store_get_number(tx->db, 0, &known, err, "SELECT 1 FROM devices WHERE id = $1", ss_sql_text(device));
    if (status == SS_OK && !known)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no device %s", device);
    if (status == SS_OK)
        status = ss_sql_run(tx->db, err, "UPDATE devices SET wants_attributes = 1 WHERE id = $1", ss_sql_text(device));
    return status == SS_OK ? ss_store_touch_device(tx, device, err) : status;
}

ss_status_t ss_store_attributes_ask(struct ss_store *store, const char *device, struct ss_error *err)
{
    char copy[SS_STORE_NAME_SIZE];
    ss_status_t status = ss_store_check_name("id of the device", device, err);
    if (status != SS_OK)
        return status;
    ss_store_copy(copy, sizeof copy, device);
    return ss_store_write(store, "store-ask", ask, copy, err);
}
