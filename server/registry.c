// SPDX-License-Identifier: Apache-2.0
// Between store and sealer: the sealer's devices are written to the store, and uploads are brought to the sealer.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/log.h"
#include "server/registry_parts.h"

/// How often the store is asked for uploads, seconds: this node or another has taken them in.
#define LOOK_SECONDS 2
/// How often devices are looked for whose freshness record is old, seconds.
#define FRESH_EVERY 300
/// Devices that are written at once.
#define BATCH 1000u

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

void ss_registry_answer(struct ss_registry *registry, ss_status_t status, const char *text)
{
    pthread_mutex_lock(&registry->lock);
    registry->status = status;
    snprintf(registry->text, sizeof registry->text, "%s", text ? text : "");
    registry->answered = true;
    pthread_cond_signal(&registry->wake);
    pthread_mutex_unlock(&registry->lock);
}

ss_status_t ss_registry_wait(struct ss_registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    while (!registry->answered)
        pthread_cond_wait(&registry->wake, &registry->lock);
    registry->answered = false;
    pthread_mutex_unlock(&registry->lock);
    return registry->status;
}

bool ss_front_sealer_there(struct ss_front *front)
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
    ss_registry_answer(registry, status, text);
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
    return ss_registry_wait(registry);
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
    while (ss_front_sealer_there(registry->front) &&
           ss_store_upload_next(registry->front->store, upload.id, &upload, NULL) == SS_OK)
        do_upload(registry, &upload);
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
        if (!ss_front_sealer_there(registry->front))
            continue;
        do_uploads(registry);
        if (ss_front_now() < next)
            continue;
        ss_registry_refresh(registry);
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
