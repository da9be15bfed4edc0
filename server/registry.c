// SPDX-License-Identifier: Apache-2.0
// Between store and sealer: the sealer's devices are written to the store, uploads are brought to the sealer, and
// freshness records are fetched from it.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/front_parts.h"
#include "server/log.h"
#include "server/store_content.h"

/// How often the store is asked for uploads, seconds: this node or another has taken them in.
#define LOOK_SECONDS 2
/// How often devices are looked for whose freshness record is old, seconds.
#define FRESH_EVERY 300
/// Devices that are written at once.
#define BATCH 1000u

struct ss_registry {
    struct ss_front *front;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, answered;
    // The sealer's answer, by `answered`.
    ss_status_t status;
    struct ss_sealer_upload upload;
    char text[SS_SEALER_TEXT_SIZE];
    // Freshness records of one request.
    struct ss_store_freshness records[SS_SEALER_FRESHNESS_MAX];
    uint8_t bytes[SS_SEALER_FRESHNESS_MAX][SS_FRESHNESS_MAX];
    char ids[SS_SEALER_FRESHNESS_MAX][SS_SEALER_NAME_SIZE];
    size_t count;
};

// Devices

static void convert(const struct ss_sealer_device *from, struct ss_store_registration *to)
{
    *to = (struct ss_store_registration){.active = from->active,
                                         .credential = from->credential == SS_SEALER_TOKEN ? SS_STORE_TOKEN
                                                       : from->credential == SS_SEALER_CERTIFICATE
                                                           ? SS_STORE_CERTIFICATE
                                                           : SS_STORE_NO_CREDENTIAL};
    memcpy(to->id, from->id, sizeof to->id);
    memcpy(to->product, from->product, sizeof to->product);
    memcpy(to->credential_hash, from->digest, sizeof to->credential_hash);
}

static bool take_devices(void *context, const struct ss_sealer_device *devices, size_t count, bool complete)
{
    struct ss_front *front = context;
    struct ss_error err = {0};
    struct ss_store_registration *batch = malloc(BATCH * sizeof *batch);
    ss_status_t status = batch ? SS_OK : SS_ERROR_INSUFFICIENT_MEMORY;
    for (size_t at = 0; at < count && status == SS_OK; at += BATCH) {
        size_t n = count - at < BATCH ? count - at : BATCH;
        for (size_t i = 0; i < n; i++)
            convert(&devices[at + i], &batch[i]);
        status = ss_store_devices_put(front->store, batch, n, &err);
    }
    free(batch);
    if (status != SS_OK)
        ss_log(SS_LOG_WARNING, "the sealer's devices were not stored", "reason",
               err.message[0] ? err.message : ss_status_name(status), NULL);
    else if (complete)
        ss_log(SS_LOG_INFO, "the sealer has told its devices", NULL);
    return status == SS_OK;
}

void ss_front_log_trusted(ss_status_t status, const struct ss_store_trusted *done, const struct ss_error *err)
{
    char version[16];
    snprintf(version, sizeof version, "%u", (unsigned)done->version);
    if (status != SS_OK)
        ss_log(SS_LOG_ERROR, "a pinned key set is not stored", "product", done->product, "reason", err->message, NULL);
    else if (done->removed)
        ss_log(SS_LOG_ERROR, "key sets that contradict the pinned one were removed", "product", done->product,
               "version", version, "hint", "publish those that follow again; make sure that all sealers have the same",
               NULL);
    else if (done->added)
        ss_log(SS_LOG_INFO, "a pinned key set is published", "product", done->product, "version", version, NULL);
}

/// What a sealer is pinned to is what devices are to be offered. A key set that cannot be stored must not hold up the
/// devices that come behind it.
static bool take_key_set(void *context, const uint8_t *statement, size_t len)
{
    const struct ss_front *front = context;
    struct ss_error err = {0};
    struct ss_store_trusted done;
    ss_status_t status = ss_store_key_set_trust(front->store, statement, len, &done, &err);
    ss_front_log_trusted(status, &done, &err);
    return status != SS_ERROR_IO && status != SS_ERROR_INSUFFICIENT_MEMORY;
}

static void connected(void *context, bool is)
{
    (void)context;
    ss_log(is ? SS_LOG_INFO : SS_LOG_WARNING, is ? "a sealer is there" : "no sealer is there", NULL);
}

static void log_text(void *context, const char *text)
{
    (void)context;
    ss_log(SS_LOG_INFO, "sealer", "detail", text, NULL);
}

void ss_registry_options(struct ss_front *front, struct ss_sealer_options *options)
{
    options->devices = take_devices;
    options->key_set = take_key_set;
    options->connected = connected;
    options->log = log_text;
    options->context = front;
}

// Waiting for the sealer

static void answer(struct ss_registry *registry, ss_status_t status, const char *text)
{
    pthread_mutex_lock(&registry->lock);
    registry->status = status;
    snprintf(registry->text, sizeof registry->text, "%s", text ? text : "");
    registry->answered = true;
    pthread_cond_signal(&registry->wake);
    pthread_mutex_unlock(&registry->lock);
}

/// Waits for what was asked; the sealer's client always answers.
static ss_status_t wait_answer(struct ss_registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    while (!registry->answered)
        pthread_cond_wait(&registry->wake, &registry->lock);
    registry->answered = false;
    pthread_mutex_unlock(&registry->lock);
    return registry->status;
}

static bool sealer_there(struct ss_front *front)
{
    pthread_rwlock_rdlock(&front->sealer_lock);
    bool there = front->sealer && ss_sealer_connected(front->sealer);
    pthread_rwlock_unlock(&front->sealer_lock);
    return there;
}

// Uploads

static void opened(void *context, ss_status_t status, const struct ss_sealer_upload *upload, const char *text)
{
    struct ss_registry *registry = context;
    if (status == SS_OK)
        registry->upload = *upload;
    answer(registry, status, text);
}

static ss_status_t read_blob(struct ss_front *front, const struct ss_store_upload *upload, uint8_t **out,
                             struct ss_error *err)
{
    size_t at = 0, len = 0;
    ss_status_t status = SS_OK;
    *out = malloc(upload->length);
    if (!*out)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    while (status == SS_OK && at < upload->length) {
        status = ss_store_blob_read(front->store, upload->blob, at, *out + at, upload->length - at, &len, err);
        at += len;
        if (status == SS_OK && !len)
            status = SS_ERROR_DATA_CORRUPT;
    }
    if (status != SS_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

static ss_status_t have_opened(struct ss_registry *registry, const struct ss_store_upload *upload, struct ss_error *err)
{
    struct ss_front *front = registry->front;
    uint8_t *blob;
    ss_status_t status = read_blob(front, upload, &blob, err);
    if (status != SS_OK)
        return status == SS_ERROR_DATA_CORRUPT ? SS_ERROR_IO : status;
    pthread_rwlock_rdlock(&front->sealer_lock);
    status = front->sealer ? ss_sealer_open_upload(front->sealer, blob, upload->length, opened, registry) : SS_ERROR_IO;
    pthread_rwlock_unlock(&front->sealer_lock);
    if (status != SS_OK) {
        free(blob);
        return SS_ERROR_IO;
    }
    return wait_answer(registry);
}

static void accept_upload(struct ss_registry *registry, const struct ss_store_upload *upload)
{
    const struct ss_sealer_upload *found = &registry->upload;
    struct ss_store_release fields = {.statement_len = found->statement_len, .length = found->image_len};
    struct ss_statement statement;
    struct ss_release release;
    struct ss_error err = {0};
    int64_t id = 0;
    memcpy(fields.statement, found->statement, found->statement_len);
    memcpy(fields.digest, found->digest, sizeof fields.digest);
    snprintf(fields.product, sizeof fields.product, "%s", found->product);
    snprintf(fields.version, sizeof fields.version, "%s", found->version);
    if (ss_statement_parse(found->statement, found->statement_len, &statement, NULL) == SS_OK &&
        ss_release_parse(&statement, &release, NULL) == SS_OK)
        fields.secure_version = release.secure_version;
    ss_status_t status = ss_store_upload_accept(registry->front->store, upload->id, &fields, &id, &err);
    ss_log(status == SS_OK ? SS_LOG_INFO : SS_LOG_WARNING,
           status == SS_OK ? "a release was accepted" : "a release was not stored", "product", fields.product,
           "version", fields.version, "reason", status == SS_OK ? NULL : err.message, NULL);
}

static bool for_good(ss_status_t status)
{
    return status == SS_ERROR_NOT_PERMITTED || status == SS_ERROR_INVALID_SIGNATURE ||
           status == SS_ERROR_DATA_INVALID || status == SS_ERROR_DATA_CORRUPT || status == SS_ERROR_ALREADY_EXISTS;
}

static void do_upload(struct ss_registry *registry, const struct ss_store_upload *upload)
{
    struct ss_error err = {0};
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)upload->id);
    ss_status_t status = have_opened(registry, upload, &err);
    if (status == SS_OK) {
        accept_upload(registry, upload);
    } else if (for_good(status)) {
        const char *reason = registry->text[0] ? registry->text : ss_status_name(status);
        ss_log(SS_LOG_WARNING, "the sealer refuses a release", "upload", id, "reason", reason, NULL);
        if (ss_store_upload_refuse(registry->front->store, upload->id, reason, &err) != SS_OK)
            ss_log(SS_LOG_WARNING, "an upload was not ended", "upload", id, "reason", err.message, NULL);
    } else {
        ss_log(SS_LOG_INFO, "an upload waits", "upload", id, "reason",
               err.message[0] ? err.message : ss_status_name(status), NULL);
    }
}

static void do_uploads(struct ss_registry *registry)
{
    struct ss_store_upload upload = {0};
    while (sealer_there(registry->front) &&
           ss_store_upload_next(registry->front->store, upload.id, &upload, NULL) == SS_OK)
        do_upload(registry, &upload);
}

// Freshness

static void fresh(void *context, ss_status_t status, const char *device, const uint8_t *record, size_t len,
                  const char *text)
{
    struct ss_registry *registry = context;
    if (!device) {
        answer(registry, status, text);
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
    if (status != SS_OK || wait_answer(registry) != SS_OK)
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

static void refresh(struct ss_registry *registry)
{
    struct products products = {0};
    struct due *due = calloc(1, sizeof *due);
    if (due && ss_store_product_list(registry->front->store, add_sealed, &products, NULL) == SS_OK)
        for (size_t i = 0; i < products.count; i++) {
            char after[SS_STORE_NAME_SIZE] = "";
            while (sealer_there(registry->front) &&
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

// The thread

/// Sleeps for @p seconds; true if it is over.
static bool pause_for(struct ss_registry *registry, unsigned seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&registry->lock);
    int code = 0;
    while (!registry->stop && code == 0)
        code = pthread_cond_clockwait(&registry->wake, &registry->lock, CLOCK_MONOTONIC, &until);
    bool stop = registry->stop;
    pthread_mutex_unlock(&registry->lock);
    return stop;
}

static void *run(void *context)
{
    struct ss_registry *registry = context;
    uint64_t next = 0;
    while (!pause_for(registry, LOOK_SECONDS)) {
        if (!sealer_there(registry->front))
            continue;
        do_uploads(registry);
        if (ss_front_now() < next)
            continue;
        refresh(registry);
        next = ss_front_now() + FRESH_EVERY * UINT64_C(1000000000);
    }
    return NULL;
}

struct ss_registry *ss_registry_start(struct ss_front *front)
{
    struct ss_registry *registry = calloc(1, sizeof *registry);
    if (!registry)
        return NULL;
    registry->front = front;
    pthread_mutex_init(&registry->lock, NULL);
    pthread_cond_init(&registry->wake, NULL);
    if (pthread_create(&registry->thread, NULL, run, registry) == 0)
        return registry;
    free(registry);
    return NULL;
}

void ss_registry_stop(struct ss_registry *registry)
{
    if (!registry)
        return;
    pthread_mutex_lock(&registry->lock);
    registry->stop = true;
    pthread_cond_signal(&registry->wake);
    pthread_mutex_unlock(&registry->lock);
    pthread_join(registry->thread, NULL);
    pthread_mutex_destroy(&registry->lock);
    pthread_cond_destroy(&registry->wake);
    free(registry);
}
