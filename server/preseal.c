// SPDX-License-Identifier: Apache-2.0
#include "server/preseal.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/hex.h"
#include "server/preseal_parts.h"
#include "slotseal/statement_sign.h"
#include "slotseal/update_check.h"

enum { SLOTS_MAX = 16 };

struct job {
    const struct ss_preseal_options *options;
    struct ss_preseal_report *report;
    struct ss_preseal_sealer sealer;
    FILE *index, *sealed; ///< head and devices; what was sealed
    unsigned lines;       ///< of both
    uint8_t release[32];  ///< of the statement's file
    bool has_release;
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct ss_sealer_device *)a)->id, ((const struct ss_sealer_device *)b)->id);
}

static ss_status_t out_of_memory(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
}

/// What @p d's statement says; points into it.
static ss_status_t parse(const struct ss_sealer_delivery *d, struct ss_delivery *fields, struct ss_error *err)
{
    struct ss_statement statement;
    ss_status_t status = ss_statement_parse(d->statement, d->statement_len, &statement, NULL);
    if (status == SS_OK)
        status = ss_delivery_parse(&statement, fields, NULL);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "the sealer made no delivery statement");
    return SS_OK;
}

/// The sealer's statement with an expiry: nobody can take back what lies on a server without a sealer.
static ss_status_t sign_again(const struct job *job, const struct ss_sealer_delivery *d, uint8_t *out, size_t size,
                              size_t *len, struct ss_error *err)
{
    struct ss_delivery fields;
    ss_status_t status = parse(d, &fields, err);
    if (status != SS_OK)
        return status;
    fields.expiry = job->options->expiry;
    return ss_delivery_sign(&fields, ss_sealer_keys_delivery(job->options->keys), out, size, len, err);
}

static ss_status_t write_ciphertext(struct job *job, const struct ss_sealer_order *order,
                                    const struct ss_sealer_delivery *d, struct ss_error *err)
{
    uint8_t hash[32];
    if (ss_preseal_object_exists(job->options->folder, d->sha256, d->length))
        return SS_OK;
    uint8_t *bytes = malloc(d->length);
    if (!bytes)
        return out_of_memory(err);
    ss_status_t status = ss_preseal_sealer_read(&job->sealer, order, d, bytes, err);
    if (status == SS_OK)
        status = ss_preseal_object_write(job->options->folder, bytes, d->length, hash, err);
    if (status == SS_OK && memcmp(hash, d->sha256, sizeof hash) != 0)
        status =
            ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER, "the sealed bytes are not those of the delivery");
    free(bytes);
    return status;
}

/// The sequence and epoch above which a device that has accepted @p d takes another one.
static ss_status_t tell_accepted(const struct ss_sealer_delivery *d, struct ss_sealer_told *told, struct ss_error *err)
{
    struct ss_delivery fields;
    ss_status_t status = parse(d, &fields, err);
    if (status != SS_OK)
        return status;
    told->epoch = fields.epoch;
    told->sequence = fields.sequence + 1;
    return SS_OK;
}

static ss_status_t order_one(struct job *job, struct ss_sealer_order *order, struct ss_sealer_delivery *d,
                             struct ss_error *err)
{
    ss_status_t status = ss_preseal_sealer_deliver(&job->sealer, order, d, err);
    if (status != SS_OK || !job->options->again)
        return status;
    status = tell_accepted(d, &order->told, err);
    return status == SS_OK ? ss_preseal_sealer_deliver(&job->sealer, order, d, err) : status;
}

static ss_status_t seal_one(struct job *job, struct ss_sealer_order *order, struct ss_error *err)
{
    struct ss_sealer_delivery d;
    uint8_t statement[SS_DELIVERY_MAX], hash[32];
    char statement_hex[65], sealed_hex[65];
    size_t len;
    ss_status_t status = order_one(job, order, &d, err);
    if (status == SS_OK && !job->has_release) {
        status = ss_preseal_object_write(job->options->folder, d.release, d.release_len, job->release, err);
        job->has_release = status == SS_OK;
    }
    if (status == SS_OK)
        status = write_ciphertext(job, order, &d, err);
    if (status == SS_OK)
        status = sign_again(job, &d, statement, sizeof statement, &len, err);
    if (status == SS_OK)
        status = ss_preseal_object_write(job->options->folder, statement, len, hash, err);
    if (status != SS_OK)
        return status;
    ss_put_hex(hash, 32, statement_hex);
    ss_put_hex(d.sha256, 32, sealed_hex);
    fprintf(job->sealed, "sealed %s %s %s %s\n", order->device, d.slot, statement_hex, sealed_hex);
    job->lines++;
    job->report->deliveries++;
    job->report->bytes += d.length;
    return SS_OK;
}

/// Every OTA slot of its table in turn is the one that runs: what follows it is sealed.
static ss_status_t seal_device(struct job *job, const struct ss_sealer_device *device, struct ss_error *err)
{
    struct ss_sealer_order order = {.told = {.bootloader = SS_BOOTLOADER_ALL}}; // the device knows better, and decides
    ss_status_t status = SS_OK;
    memcpy(order.device, device->id, sizeof order.device);
    snprintf(order.version, sizeof order.version, "%s", job->options->version);
    for (unsigned slot = 0; slot < SLOTS_MAX && status == SS_OK; slot++) {
        snprintf(order.told.slot, sizeof order.told.slot, "ota_%u", slot);
        order.told.epoch = 0;
        order.told.sequence = 0;
        status = seal_one(job, &order, err);
        // Everything was fit for the slots before: this one is not in the table.
        if (status == SS_ERROR_NOT_PERMITTED && slot >= 2)
            return SS_OK;
    }
    return status;
}

static void print_device(struct job *job, const struct ss_sealer_device *d)
{
    static const char *const kinds[] = {
        [SS_SEALER_NO_CREDENTIAL] = "none", [SS_SEALER_TOKEN] = "token:", [SS_SEALER_CERTIFICATE] = "certificate:"};
    char hex[65] = "";
    if (d->credential != SS_SEALER_NO_CREDENTIAL)
        ss_put_hex(d->digest, 32, hex);
    fprintf(job->index, "device %s %s %s%s\n", d->id, d->active ? "active" : "gone", kinds[d->credential], hex);
    job->lines++;
}

static ss_status_t print_head(struct job *job, struct ss_error *err)
{
    uint8_t hash[32];
    char hex[65];
    ss_status_t status =
        ss_preseal_object_write(job->options->folder, job->options->key_set, job->options->key_set_len, hash, err);
    if (status != SS_OK)
        return status;
    ss_put_hex(hash, 32, hex);
    fprintf(job->index, "slotseal-presealed 1\nproduct %s\nkey-set %s\n", job->options->product, hex);
    ss_put_hex(job->release, 32, hex);
    fprintf(job->index, "release %s\n", hex);
    job->lines += 4;
    return SS_OK;
}

static ss_status_t seal_all(struct job *job, struct ss_error *err)
{
    const struct ss_preseal_sealer *s = &job->sealer;
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < s->count && status == SS_OK; i++) {
        if (job->options->progress)
            job->options->progress(job->options->context, i, s->count);
        if (s->devices[i].active)
            status = seal_device(job, &s->devices[i], err);
        else
            job->report->gone++;
    }
    if (status == SS_OK && !job->has_release)
        status = ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER,
                              "no device of product %s is a member of the fleet", job->options->product);
    return status;
}

static ss_status_t write_index(struct job *job, const char *sealed, size_t sealed_len, struct ss_error *err)
{
    char *text = NULL;
    size_t len = 0;
    job->index = open_memstream(&text, &len);
    if (!job->index)
        return out_of_memory(err);
    ss_status_t status = print_head(job, err);
    for (size_t i = 0; i < job->sealer.count && status == SS_OK; i++)
        print_device(job, &job->sealer.devices[i]);
    fwrite(sealed, 1, sealed_len, job->index);
    fprintf(job->index, "end %u\n", job->lines);
    bool failed = ferror(job->index) != 0;
    if (fclose(job->index) != 0 || failed)
        status = out_of_memory(err);
    if (status == SS_OK)
        status = ss_preseal_index_write(job->options->folder, job->options->product, text, len, err);
    free(text);
    return status;
}

static ss_status_t work(struct job *job, struct ss_error *err)
{
    char *sealed = NULL;
    size_t len = 0;
    ss_status_t status = ss_preseal_sealer_devices(&job->sealer, err);
    if (status == SS_OK && !job->sealer.count)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "the vault has no devices of product %s",
                            job->options->product);
    if (status != SS_OK)
        return status;
    job->report->devices = job->sealer.count;
    qsort(job->sealer.devices, job->sealer.count, sizeof *job->sealer.devices, by_id);
    job->sealed = open_memstream(&sealed, &len);
    if (!job->sealed)
        return out_of_memory(err);
    status = seal_all(job, err);
    bool failed = ferror(job->sealed) != 0;
    if ((fclose(job->sealed) != 0 || failed) && status == SS_OK)
        status = out_of_memory(err);
    if (status == SS_OK)
        status = write_index(job, sealed, len, err);
    free(sealed);
    return status;
}

ss_status_t ss_preseal(const struct ss_preseal_options *options, struct ss_preseal_report *report, struct ss_error *err)
{
    struct job job = {.options = options, .report = report};
    memset(report, 0, sizeof *report);
    if (!options->expiry)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "what is sealed ahead needs an expiry");
    ss_status_t status = ss_preseal_folder_make(options->folder, err);
    if (status != SS_OK)
        return status;
    status = ss_preseal_sealer_start(&job.sealer, options, err);
    if (status == SS_OK)
        status = work(&job, err);
    ss_preseal_sealer_stop(&job.sealer);
    return status;
}
