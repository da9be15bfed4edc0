// SPDX-License-Identifier: Apache-2.0
#include "provision/batch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"
#include "provision/shared_store.h"
#include "provision/vault_store.h"
#include "slotseal/app_desc.h"

/// What the threads share. The vault, the files and `step` are used under `mutex` only.
struct floor {
    const struct ss_batch *batch;
    pthread_mutex_t mutex;
    char recipe[SS_VAULT_RECIPE_SIZE];
    struct ss_manufacturing_record common;
};

/// One port and its thread.
struct line {
    struct floor *floor;
    unsigned index;
    const char *port;
    struct ss_batch_result *result;
    pthread_t thread;
    // While it runs:
    struct ss_link *link;
    struct ss_vault_store *store;
    struct shared_store shared;
    struct ss_provision *run;
    struct ss_rehearsal *rehearsal;
    struct ss_part_data data;
    uint8_t *nvs;
    size_t nvs_len;
    char token[SS_DEVICE_TOKEN_SIZE];
};

static void at(struct line *l, const char *step)
{
    snprintf(l->result->step, sizeof l->result->step, "%s", step);
}

static void tell(void *context, size_t index, const struct ss_step *step, enum ss_journal_phase phase)
{
    struct line *l = context;
    const struct ss_batch *batch = l->floor->batch;
    (void)index;
    at(l, step->id);
    if (!batch->step)
        return;
    pthread_mutex_lock(&l->floor->mutex);
    batch->step(batch->context, l->index, step, phase);
    pthread_mutex_unlock(&l->floor->mutex);
}

static ss_status_t connect(struct line *l, struct ss_error *err)
{
    const struct ss_batch *batch = l->floor->batch;
    at(l, "connect");
    ss_status_t status = batch->connect(batch->context, l->port, &l->link, err);
    if (status != SS_OK)
        return status;
    memcpy(l->result->mac, ss_link_chip(l->link)->mac, sizeof l->result->mac);
    ss_device_name_from_mac(l->result->mac, l->result->device);
    return batch->config ? ss_credential_read(l->link, batch->job.table, l->token, err) : SS_OK;
}

/// Keys, signatures, configuration: what needs the vault.
static ss_status_t prepare(struct line *l, struct ss_error *err)
{
    const struct ss_batch *batch = l->floor->batch;
    struct ss_vault_store_options options = {
        .station = batch->station, .sign_key = batch->sign_key, .ask = batch->ask, .ask_context = batch->ask_context};
    struct ss_credential_request request = {.product = batch->product,
                                            .mac = l->result->mac,
                                            .config = batch->config,
                                            .found = l->token,
                                            .table = batch->job.table};
    struct ss_provision_job job = batch->job;
    at(l, "prepare");
    ss_status_t status = ss_vault_store_open(batch->vault, batch->product, &options, &l->store, err);
    if (status == SS_OK && batch->config)
        status = ss_credential_prepare(batch->vault, &request, &l->nvs, &l->nvs_len, err);
    if (status != SS_OK)
        return status;
    shared_store_init(&l->shared, ss_vault_store_functions(l->store), &l->floor->mutex);
    job.store = &l->shared.functions;
    if (l->nvs) {
        l->data = (struct ss_part_data){ss_credential_partition(job.table)->label, l->nvs, l->nvs_len};
        job.data = &l->data;
        job.data_count = 1;
    }
    status = ss_provision_begin(&job, l->link, &l->run, err);
    if (status == SS_OK)
        snprintf(l->result->device, sizeof l->result->device, "%s", ss_provision_device(l->run));
    return status;
}

static ss_status_t work(struct line *l, struct ss_error *err)
{
    struct ss_provision_observer observer = {.context = l, .step = tell};
    ss_status_t status = connect(l, err);
    if (status != SS_OK)
        return status;
    pthread_mutex_lock(&l->floor->mutex);
    status = prepare(l, err);
    pthread_mutex_unlock(&l->floor->mutex);
    if (status != SS_OK)
        return status;
    at(l, "rehearsal");
    status = ss_provision_rehearse(l->run, l->rehearsal, err);
    return status == SS_OK ? ss_provision_execute(l->run, &observer, err) : status;
}

static void fill_record(const struct line *l, struct ss_manufacturing_record *r)
{
    const struct ss_link_chip *chip = l->link ? ss_link_chip(l->link) : NULL;
    *r = l->floor->common;
    memcpy(r->device, l->result->device, sizeof r->device);
    r->mac_known = *r->device != '\0';
    memcpy(r->mac, l->result->mac, sizeof r->mac);
    r->revision = l->run ? ss_provision_chip(l->run)->revision : chip ? chip->revision : 0;
    if (l->run)
        snprintf(r->key_id, sizeof r->key_id, "%s", ss_provision_key_id(l->run));
    if (l->store)
        snprintf(r->run, sizeof r->run, "%s", ss_vault_store_run(l->store));
    r->result = l->result->result;
    memcpy(r->step, l->result->step, sizeof r->step);
    r->time = time(NULL);
}

static ss_status_t write_files(const struct line *l, struct ss_error *err)
{
    const struct ss_batch *batch = l->floor->batch;
    struct ss_manufacturing_record record;
    struct ss_label label = {l->result->device, l->result->mac, batch->product, batch->qr};
    ss_status_t status = SS_OK;

    fill_record(l, &record);
    for (const char *const *path = batch->records; status == SS_OK && path && *path; path++)
        status = ss_record_append(*path, &record, err);
    bool done = l->result->result == SS_RECORD_DONE;
    for (const char *const *path = batch->labels; status == SS_OK && done && path && *path; path++)
        status = ss_label_append(*path, &label, err);
    if (status == SS_OK && done)
        status = ss_vault_device_set_fact(batch->vault, l->result->device, "station", batch->station, err);
    if (status == SS_OK && done && batch->person && *batch->person)
        status = ss_vault_device_set_fact(batch->vault, l->result->device, "operator", batch->person, err);
    if (status == SS_OK && done)
        status = ss_vault_first_article_set(batch->vault, l->floor->recipe, l->result->device, err);
    return status;
}

static void release(struct line *l)
{
    ss_provision_end(l->run);
    ss_vault_store_close(l->store);
    ss_link_free(l->link);
    ss_wipe(l->nvs, l->nvs_len);
    free(l->nvs);
    free(l->rehearsal);
    ss_wipe(l->token, sizeof l->token);
}

static void *run_line(void *context)
{
    struct line *l = context;
    struct ss_batch_result *r = l->result;
    struct ss_error err = {0};

    l->rehearsal = calloc(1, sizeof *l->rehearsal);
    r->status = l->rehearsal ? work(l, &err)
                             : ss_error_set(&err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory");
    r->result = r->status == SS_OK ? SS_RECORD_DONE : l->shared.committed ? SS_RECORD_FAILED : SS_RECORD_REFUSED;
    // What went well may have tried, and left the words of, something that did not.
    if (r->status == SS_OK)
        r->step[0] = r->message[0] = '\0';
    else
        memcpy(r->message, err.message, sizeof r->message);
    err = (struct ss_error){0};
    pthread_mutex_lock(&l->floor->mutex);
    r->record_status = write_files(l, &err);
    release(l);
    pthread_mutex_unlock(&l->floor->mutex);
    memcpy(r->record_message, err.message, sizeof r->record_message);
    return NULL;
}

static ss_status_t digest(const void *data, size_t len, struct ss_record_digest *out, struct ss_error *err)
{
    out->known = ss_hash_once(SS_HASH_SHA256, data, len, out->sha256) == SS_OK;
    return out->known ? SS_OK : ss_error_set(err, SS_ERROR_GENERIC, SS_AREA_CRYPTO, "SHA-256 failed");
}

/// What stands in every record of this batch.
static ss_status_t fill_common(struct floor *f, struct ss_error *err)
{
    const struct ss_batch *b = f->batch;
    struct ss_manufacturing_record *r = &f->common;
    struct ss_app_desc desc;
    uint8_t table[SS_TABLE_BINARY_SIZE];

    snprintf(r->chip, sizeof r->chip, "esp32");
    snprintf(r->product, sizeof r->product, "%s", b->product);
    snprintf(r->station, sizeof r->station, "%s", b->station);
    snprintf(r->person, sizeof r->person, "%s", b->person ? b->person : "");
    snprintf(r->tool, sizeof r->tool, "%s", b->tool ? b->tool : "");
    snprintf(r->plan, sizeof r->plan, "%s", ss_procedure_kind_name(b->job.options.kind));
    snprintf(r->level, sizeof r->level, "%s", ss_procedure_level_name(b->job.options.level));
    if (b->job.app_len > SS_DESC_OFFSET &&
        ss_app_desc_parse(b->job.app + SS_DESC_OFFSET, b->job.app_len - SS_DESC_OFFSET, &desc) == SS_OK)
        snprintf(r->app_version, sizeof r->app_version, "%s", desc.version);
    ss_status_t status = ss_table_to_binary(b->job.table, table, err);
    if (status == SS_OK)
        status = digest(table, sizeof table, &r->table, err);
    if (status == SS_OK)
        status = digest(b->job.bootloader, b->job.bootloader_len, &r->bootloader, err);
    return status == SS_OK ? digest(b->job.app, b->job.app_len, &r->app, err) : status;
}

static ss_status_t check_ports(const char *const *ports, unsigned count, struct ss_error *err)
{
    if (!count || count > SS_BATCH_MAX_PORTS)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_PROVISION, "%u ports, 1 to %d are possible", count,
                            SS_BATCH_MAX_PORTS);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = i + 1; k < count; k++)
            if (!strcmp(ports[i], ports[k]))
                return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_PROVISION, "port %.120s is named twice",
                                    ports[i]);
    return SS_OK;
}

static ss_status_t check_first_article(const struct floor *f, unsigned count, struct ss_error *err)
{
    char device[SS_VAULT_NAME_SIZE];
    if (count == 1)
        return SS_OK;
    ss_status_t status = ss_vault_first_article_get(f->batch->vault, f->recipe, device, err);
    if (status != SS_ERROR_DOES_NOT_EXIST)
        return status;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                        "no device has been made like this yet, with these images and options: provision a first one "
                        "alone");
}

static ss_status_t run_lines(struct floor *f, const char *const *ports, unsigned count, struct ss_batch_result *results,
                             struct ss_error *err)
{
    struct line *lines = calloc(count, sizeof *lines);
    unsigned started = 0;
    if (!lines)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory");
    for (; started < count; started++) {
        struct line *l = &lines[started];
        *l = (struct line){.floor = f, .index = started, .port = ports[started], .result = &results[started]};
        if (pthread_create(&l->thread, NULL, run_line, l) != 0)
            break;
    }
    for (unsigned i = 0; i < started; i++)
        pthread_join(lines[i].thread, NULL);
    for (unsigned i = started; i < count; i++) {
        results[i].result = SS_RECORD_REFUSED;
        results[i].status = SS_ERROR_INSUFFICIENT_MEMORY;
        snprintf(results[i].message, sizeof results[i].message, "no thread for this port");
    }
    free(lines);
    return SS_OK;
}

ss_status_t ss_batch_run(const struct ss_batch *batch, const char *const *ports, unsigned count,
                         struct ss_batch_result *results, struct ss_error *err)
{
    struct floor f = {.batch = batch};
    pthread_mutexattr_t recursive;

    memset(results, 0, count * sizeof *results);
    ss_status_t status = check_ports(ports, count, err);
    if (status == SS_OK)
        status = ss_batch_recipe(batch, f.recipe, err);
    if (status == SS_OK)
        status = check_first_article(&f, count, err);
    if (status == SS_OK)
        status = fill_common(&f, err);
    if (status != SS_OK)
        return status;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&f.mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
    status = run_lines(&f, ports, count, results, err);
    pthread_mutex_destroy(&f.mutex);
    return status;
}
