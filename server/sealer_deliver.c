// SPDX-License-Identifier: Apache-2.0
// Deliveries. A front only asks; whether a device gets a release is decided here, from the vault's own record of the
// device, before anything is sealed, and once more over what was made, as the device will.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"
#include "core/hex.h"
#include "server/log.h"
#include "server/sealer_work.h"
#include "slotseal/statement_sign.h"
#include "vault/floor.h"
#include "vault/locked.h"

static ss_status_t refuse(struct ss_sealer_work *w, ss_status_t status, const char *text)
{
    return ss_error_set(&w->err, status, SS_AREA_SERVER, "device %s %s", w->order->device, text);
}

// What is known of device and release

static ss_status_t check_member(struct ss_sealer_service *service, struct ss_sealer_work *w)
{
    char fact[128], text[80];
    enum ss_sealer_credential credential;
    uint8_t digest[32];
    if (w->device.state != SS_VAULT_DEVICE_PROVISIONED) {
        snprintf(text, sizeof text, "is %s: nothing is sealed for it", ss_vault_device_state_name(w->device.state));
        return refuse(w, SS_ERROR_NOT_PERMITTED, text);
    }
    ss_status_t status =
        ss_vault_device_fact(service->vault, w->device.id, SS_SEALER_CREDENTIAL_FACT, fact, sizeof fact, &w->err);
    if (status == SS_ERROR_DOES_NOT_EXIST || status == SS_ERROR_BUFFER_TOO_SMALL ||
        (status == SS_OK && !ss_sealer_credential_parse(fact, &credential, digest)))
        return refuse(w, SS_ERROR_NOT_PERMITTED, "has no credential that is alive");
    return status;
}

/// The slot that does not run, by the vault's table of the device.
static ss_status_t choose_slot(struct ss_sealer_work *w)
{
    const struct ss_vault_table *kept = w->device.table.len ? &w->device.table : &w->product.table;
    const struct ss_sealer_told *told = &w->order->told;
    struct ss_partition_table table;
    ss_status_t status = ss_table_from_binary(kept->bytes, kept->len, &table, &w->err);
    if (status == SS_OK)
        status = ss_hash_once(SS_HASH_SHA256, kept->bytes, kept->len, w->table_digest);
    if (status != SS_OK)
        return status;
    if (told->has_table && memcmp(told->table, w->table_digest, sizeof told->table) != 0)
        return refuse(w, SS_ERROR_NOT_PERMITTED, "has another partition table than the vault's record of it");
    if (!*told->slot)
        return refuse(w, SS_ERROR_BAD_STATE, "has not told which slot it runs");
    const struct ss_partition *running = ss_table_find(&table, told->slot);
    if (!running || running->type != SS_PARTITION_APP)
        return refuse(w, SS_ERROR_NOT_PERMITTED, "told a running slot that its partition table does not have");
    const struct ss_partition *next = ss_table_next_update(&table, running);
    if (!next || next == running)
        return refuse(w, SS_ERROR_NOT_PERMITTED, "has no second slot to update");
    snprintf(w->slot, sizeof w->slot, "%.16s", next->label);
    w->view.slot_address = next->offset;
    w->view.slot_size = next->size;
    return SS_OK;
}

static ss_status_t describe_device(struct ss_sealer_work *w)
{
    static const uint8_t schemes[] = {[SS_SECURE_BOOT_NONE] = SS_RELEASE_UNSIGNED,
                                      [SS_SECURE_BOOT_V1_ONE_TIME] = SS_RELEASE_V1,
                                      [SS_SECURE_BOOT_V1_REFLASHABLE] = SS_RELEASE_V1,
                                      [SS_SECURE_BOOT_V2] = SS_RELEASE_V2};
    const struct ss_chip *chip = ss_chip_find(w->device.chip);
    if (!chip)
        return refuse(w, SS_ERROR_NOT_SUPPORTED, "has a chip that is not known");
    w->view.product = ss_span_of(w->product.name);
    w->view.device = ss_span_of(w->device.id);
    w->view.table_digest = w->table_digest;
    w->view.sequence = w->order->told.sequence;
    w->view.epoch = w->order->told.epoch;
    w->view.now = w->now;
    w->view.secure_version = w->order->told.secure_version;
    w->view.bootloader = w->order->told.bootloader;
    w->view.chip = chip->image_id;
    w->view.scheme = schemes[w->product.secure_boot];
    return SS_OK;
}

static ss_status_t check_release(struct ss_sealer_service *service, struct ss_sealer_work *w)
{
    char floor[SS_VAULT_VERSION_SIZE];
    uint64_t floor_signed;
    struct ss_refusal why = {0};
    ss_status_t status =
        ss_sealer_release_read(service->options.keys, &w->release, w->now, &w->fields, w->reference, &w->err);
    if (status != SS_OK)
        return status;
    status = ss_release_check(&w->fields, &w->view, &why);
    if (status != SS_OK)
        return ss_refusal_error(&w->err, status, SS_STATEMENT_RELEASE, &why);
    status = ss_vault_floor_get(service->vault, w->product.name, floor, &floor_signed, &w->err);
    if (status == SS_OK && w->fields.timestamp < floor_signed)
        return ss_error_set(&w->err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                            "release %s is older than the floor of product %s, %s", w->release.version, w->product.name,
                            floor);
    return status;
}

/// Everything that can be said before a key is touched.
static ss_status_t look_up(struct ss_sealer_service *service, struct ss_sealer_work *w)
{
    struct ss_vault *vault = service->vault;
    const struct ss_vault_accepted accepted = {w->order->told.epoch, w->order->told.sequence};
    struct ss_vault_delivery_id id = {0};
    ss_status_t status = ss_vault_device_get(vault, w->order->device, &w->device, &w->err);
    if (status == SS_OK)
        status = check_member(service, w);
    if (status == SS_OK)
        status = ss_vault_product_get(vault, w->device.product, &w->product, &w->err);
    if (status == SS_OK)
        status = choose_slot(w);
    if (status == SS_OK)
        status = describe_device(w);
    if (status == SS_OK)
        status = ss_vault_release_get(vault, w->product.name, w->order->version, &w->release, &w->err);
    if (status == SS_OK)
        status = check_release(service, w);
    if (status == SS_OK)
        status = ss_sealer_keys_epoch(service->options.keys, w->product.name, &w->epoch, &w->err);
    if (status != SS_OK)
        return status;
    strcpy(id.device, w->device.id);
    strcpy(id.version, w->release.version);
    id.address = w->view.slot_address;
    status = ss_vault_delivery_get(vault, &id, &w->delivery, &w->err);
    w->known = status == SS_OK;
    w->usable = w->known && ss_vault_delivery_usable(&w->delivery, w->epoch, &accepted);
    return status == SS_ERROR_DOES_NOT_EXIST ? SS_OK : status;
}

// Statements

static ss_status_t sign(struct ss_sealer_service *service, struct ss_sealer_work *w, uint64_t sequence)
{
    struct ss_vault_delivery *d = &w->delivery;
    const struct ss_delivery fields = {.device = ss_span_of(w->device.id),
                                       .release = w->reference,
                                       .digests = d->digests,
                                       .sequence = sequence,
                                       .epoch = w->epoch,
                                       .slot_address = w->view.slot_address,
                                       .slot_size = w->view.slot_size,
                                       .length = d->length,
                                       .window = d->window,
                                       .windows = d->windows};
    d->epoch = w->epoch;
    d->sequence = sequence;
    return ss_delivery_sign(&fields, ss_sealer_keys_delivery(service->options.keys), d->statement, sizeof d->statement,
                            &d->statement_len, &w->err);
}

/// What the device will ask, asked first.
static ss_status_t check_update(struct ss_sealer_service *service, struct ss_sealer_work *w)
{
    struct ss_key_ring ring;
    struct ss_update update;
    struct ss_refusal why = {0};
    enum ss_statement_kind which = SS_STATEMENT_RELEASE;
    struct ss_device_view view = w->view;
    ss_status_t status = ss_sealer_keys_ring(service->options.keys, w->product.name, &ring, &w->err);
    if (status != SS_OK)
        return status;
    status = ss_update_check(&ring, w->release.statement, w->release.statement_len, w->delivery.statement,
                             w->delivery.statement_len, &view, &update, &which, &why);
    return status == SS_OK ? SS_OK : ss_refusal_error(&w->err, status, which, &why);
}

// The batch

enum { COMPLAIN_MS = 60000 };

/// What no device and no operator at the front can mend is said where it can be, and not once a request.
static void complain(struct ss_sealer_service *service, const char *why)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    if (service->complained_ms && now - service->complained_ms < COMPLAIN_MS)
        return;
    service->complained_ms = now;
    ss_log(SS_LOG_ERROR, "updates wait for the right delivery key", "reason", why, NULL);
}

static void begin(struct ss_sealer_work **works, size_t count, struct ss_vault_sealing *items)
{
    for (size_t i = 0; i < count; i++) {
        struct ss_sealer_work *w = works[i];
        items[i] = (struct ss_vault_sealing){.id = w->delivery.id,
                                             .accepted = {w->order->told.epoch, w->order->told.sequence},
                                             .epoch = w->epoch,
                                             .with_key = !w->known};
    }
}

/// Whether it makes sense to begin at all; a sequence would be used up.
static ss_status_t check_personal(struct ss_sealer_service *service, struct ss_sealer_work *w)
{
    struct ss_vault_signature signature;
    if (!w->product.per_device_sign_keys || w->known)
        return SS_OK;
    ss_status_t status =
        ss_vault_signature_get(service->vault, w->product.name, w->release.version, w->device.id, &signature, &w->err);
    if (status != SS_ERROR_DOES_NOT_EXIST)
        return status;
    return ss_error_set(&w->err, SS_ERROR_BAD_STATE, SS_AREA_SERVER,
                        "release %s is not signed for device %s yet: slotseal release personalize %s %s",
                        w->release.version, w->device.id, w->product.name, w->release.version);
}

static void keep(struct ss_sealer_service *service, struct ss_sealer_work **works, size_t count)
{
    struct ss_vault_delivery *deliveries = calloc(count, sizeof *deliveries);
    struct ss_vault_accepted accepted[SS_SEALER_BATCH];
    struct ss_sealer_work *made[SS_SEALER_BATCH];
    struct ss_error err = {0};
    size_t n = 0;
    for (size_t i = 0; i < count && deliveries; i++) {
        if (!ss_sealer_good(works[i]))
            continue;
        deliveries[n] = works[i]->delivery;
        accepted[n] = (struct ss_vault_accepted){works[i]->order->told.epoch, works[i]->order->told.sequence};
        made[n++] = works[i];
    }
    ss_status_t status = deliveries ? SS_OK : SS_ERROR_INSUFFICIENT_MEMORY;
    if (n)
        status = ss_vault_delivery_put(service->vault, deliveries, accepted, n, &err);
    for (size_t i = 0; i < n; i++) {
        made[i]->delivery = deliveries[i]; // another node may have been first
        made[i]->status = status;
        made[i]->err = err;
    }
    free(deliveries);
}

/// Makes what is not there yet, up to SS_SEALER_BATCH deliveries.
static void make(struct ss_sealer_service *service, struct ss_sealer_work **works, size_t count)
{
    struct ss_vault_sealing *items = ss_locked_new(count * sizeof *items);
    struct ss_sealer_work *seals[SS_SEALER_BATCH];
    struct ss_vault_sealing *seal_items = ss_locked_new(count * sizeof *items);
    struct ss_error err = {0};
    size_t n = 0;
    ss_status_t status = SS_ERROR_INSUFFICIENT_MEMORY;
    if (items && seal_items) {
        begin(works, count, items);
        status = ss_vault_delivery_begin(service->vault, items, count, &err);
    }
    for (size_t i = 0; i < count; i++) {
        works[i]->status = status;
        works[i]->err = err;
        if (status != SS_OK)
            continue;
        works[i]->status = items[i].status;
        snprintf(works[i]->err.message, sizeof works[i]->err.message, "%s", items[i].message);
        if (items[i].status == SS_ERROR_BAD_STATE)
            complain(service, items[i].message);
        if (ss_sealer_good(works[i]) && !works[i]->known) {
            seal_items[n] = items[i];
            seals[n++] = works[i];
        }
    }
    if (n)
        ss_sealer_seal_batch(service, seals, seal_items, n);
    for (size_t i = 0; i < count; i++)
        if (ss_sealer_good(works[i]) && (works[i]->status = sign(service, works[i], items[i].sequence)) == SS_OK)
            works[i]->status = check_update(service, works[i]);
    keep(service, works, count);
    if (items)
        ss_locked_free(items, count * sizeof *items);
    if (seal_items)
        ss_locked_free(seal_items, count * sizeof *items);
}

/// Those of one slot of one device may be asked for twice in a batch: the second waits for the first.
static bool is_double(struct ss_sealer_work **batch, size_t count, const struct ss_sealer_work *w)
{
    for (size_t i = 0; i < count; i++)
        if (!memcmp(&batch[i]->delivery.id, &w->delivery.id, sizeof w->delivery.id))
            return true;
    return false;
}

static void make_all(struct ss_sealer_service *service, struct ss_sealer_work *works, size_t count)
{
    for (size_t next = 0; next < count;) {
        struct ss_sealer_work *batch[SS_SEALER_BATCH];
        uint64_t bytes = 0;
        size_t n = 0;
        for (; next < count && n < SS_SEALER_BATCH; next++) {
            struct ss_sealer_work *w = &works[next];
            if (!ss_sealer_good(w) || w->usable || (w->status = check_personal(service, w)) != SS_OK)
                continue;
            bytes += ss_release_file_len(&w->fields);
            if (n && (bytes > SS_SEALER_BATCH_BYTES || is_double(batch, n, w)))
                break;
            batch[n++] = w;
        }
        if (n)
            make(service, batch, n);
    }
}

// Answers

static void answer(struct ss_sealer_work *w)
{
    uint8_t payload[sizeof(struct ss_sealer_delivery) + 64];
    struct ss_sealer_delivery out = {.address = w->view.slot_address, .length = w->delivery.length};
    memcpy(out.release, w->release.statement, w->release.statement_len);
    out.release_len = w->release.statement_len;
    memcpy(out.statement, w->delivery.statement, w->delivery.statement_len);
    out.statement_len = w->delivery.statement_len;
    memcpy(out.slot, w->slot, sizeof out.slot);
    memcpy(out.sha256, w->delivery.sha256, sizeof out.sha256);
    // The same bytes, the same tag: a new statement for what was sealed does not make a device begin again.
    char hex[33];
    ss_put_hex(out.sha256, 16, hex);
    snprintf(out.etag, sizeof out.etag, "\"%s\"", hex);
    ss_sealer_answer(w->job->session, SS_FRAME_DELIVERY, w->job->id, true, payload,
                     ss_message_put_delivery(payload, &out));
}

void ss_sealer_do_deliver(struct ss_sealer_service *service, struct ss_sealer_job **jobs, size_t count)
{
    struct ss_sealer_work *works = calloc(count, sizeof *works);
    bool lost = false;
    assert(count <= SS_SEALER_BATCH);
    for (size_t i = 0; i < count && works; i++) {
        works[i].job = jobs[i];
        works[i].order = &jobs[i]->as.order;
        works[i].now = (uint64_t)time(NULL);
        works[i].status = look_up(service, &works[i]);
    }
    if (works)
        make_all(service, works, count);
    for (size_t i = 0; i < count; i++) {
        if (!works)
            ss_sealer_refuse(jobs[i], SS_ERROR_INSUFFICIENT_MEMORY, "out of memory");
        else if (ss_sealer_good(&works[i]))
            answer(&works[i]);
        else
            ss_sealer_refuse(jobs[i], works[i].status, works[i].err.message);
        lost |= works && works[i].status == SS_ERROR_IO;
    }
    free(works);
    if (lost)
        ss_sealer_vault_lost(service);
}

void ss_sealer_do_opaque(struct ss_sealer_service *service, struct ss_sealer_job *job)
{
    struct ss_vault_device device;
    struct ss_error err = {0};
    char text[SS_SEALER_TEXT_SIZE];
    ss_status_t status = ss_vault_device_get(service->vault, job->as.device, &device, &err);
    if (status == SS_OK) {
        snprintf(text, sizeof text, "device %.64s is of product %.64s, which is sealed: it gets nothing opaque",
                 device.id, device.product);
        ss_sealer_refuse(job, SS_ERROR_NOT_PERMITTED, text);
    } else {
        ss_sealer_refuse(job, status == SS_ERROR_DOES_NOT_EXIST ? SS_OK : status,
                         status == SS_ERROR_DOES_NOT_EXIST ? "" : err.message);
    }
}
