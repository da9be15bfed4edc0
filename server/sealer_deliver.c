// SPDX-License-Identifier: Apache-2.0
// Deliveries. A front only asks; whether a device gets a release is decided here, from the vault's own record of the
// device, before anything is sealed, and once more over what was made, as the device will.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"
#include "server/sealer_parts.h"
#include "slotseal/canonical.h"
#include "slotseal/seal.h"
#include "slotseal/seal_many.h"
#include "slotseal/sign.h"
#include "slotseal/statement_sign.h"
#include "vault/floor.h"
#include "vault/locked.h"
#include "vault/signing.h"

/// Ciphertext of a batch, bytes: as many deliveries as fit are made together, one always.
#define BATCH_BYTES (48u << 20)

/// One order on its way.
struct work {
    struct ss_sealer_job *job;
    const struct ss_sealer_order *order;
    ss_status_t status;
    struct ss_error err;
    uint64_t now;
    struct ss_vault_device device;
    struct ss_vault_product product;
    struct ss_vault_release release;
    struct ss_release fields;
    uint8_t reference[32]; ///< of the release statement
    uint8_t table_digest[32];
    char slot[SS_SEALER_SLOT_SIZE];
    struct ss_device_view view;
    uint32_t epoch;
    struct ss_vault_delivery delivery;
    bool known, usable; ///< it was sealed before; and its statement will do
    // While it is sealed.
    void *image;
    struct ss_sealer_personal personal;
    struct ss_sealer_cipher cipher;
    uint8_t *own;    ///< locked: the device's own plaintext; NULL: the release's
    uint8_t *sealed; ///< ciphertext
};

static bool good(const struct work *w)
{
    return w->status == SS_OK;
}

static ss_status_t refuse(struct work *w, ss_status_t status, const char *text)
{
    return ss_error_set(&w->err, status, SS_AREA_SERVER, "device %s %s", w->order->device, text);
}

// What is known of device and release

static ss_status_t check_member(struct ss_sealer_service *service, struct work *w)
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
static ss_status_t choose_slot(struct work *w)
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

static ss_status_t describe_device(struct work *w)
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

static ss_status_t check_release(struct ss_sealer_service *service, struct work *w)
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
static ss_status_t look_up(struct ss_sealer_service *service, struct work *w)
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

// Plaintext

/// The device's own image, signed with its own key: composed and verified.
static ss_status_t compose(struct ss_sealer_service *service, struct work *w)
{
    struct ss_vault_signing_key key;
    ss_signing_key_t *public_key = NULL;
    uint32_t len = ss_sealer_image_len(w->image);
    ss_status_t status =
        ss_sealer_personal_load(service, &w->device, &w->release, &w->fields, w->image, &w->personal, &w->err);
    if (status == SS_OK)
        status = ss_vault_signing_key_get(service->vault, w->device.sign_key, &key, &w->err);
    if (status == SS_OK)
        status = ss_signing_key_load((const uint8_t *)key.public_key, strlen(key.public_key), &public_key, &w->err);
    if (status == SS_OK && !(w->own = ss_locked_new(len)))
        status = ss_error_set(&w->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory for an image");
    if (status == SS_OK) {
        memcpy(w->own, ss_sealer_image_bytes(w->image), len);
        ss_sealer_patch_range(w->personal.patches, w->personal.count, 0, w->own, len);
        status = ss_sign_verify(SS_SIGN_ANY, public_key, w->own, len, NULL, &w->err);
    }
    ss_signing_key_free(public_key);
    return status == SS_OK ? SS_OK : ss_error_prefix(&w->err, status, "device %s", w->device.id);
}

static const uint8_t *plain_of(const struct work *w)
{
    return w->own ? w->own : ss_sealer_image_bytes(w->image);
}

/// It is the image that the release statement names, and one that the device can start from that slot. What all devices
/// get alike is looked at once for each slot.
static ss_status_t check_image(struct work *w, const struct ss_vault_flash_key *key)
{
    if (!w->own && ss_sealer_image_is_checked(w->image, w->view.slot_address))
        return SS_OK;
    uint8_t digest[32];
    uint32_t len = ss_sealer_image_len(w->image);
    const struct ss_seal_params params = {.chip = ss_chip_find(w->device.chip),
                                          .kind = SS_SEAL_APP,
                                          .address = w->view.slot_address,
                                          .capacity = w->view.slot_size,
                                          .place = w->slot,
                                          .key = key->bytes,
                                          .key_len = key->len,
                                          .crypt_config = w->device.crypt_config};
    ss_status_t status = ss_seal_check(&params, plain_of(w), len, NULL, &w->err);
    if (status == SS_OK)
        status = ss_canonical_digest(plain_of(w), len, w->fields.vk_offset, digest, &w->err);
    if (status == SS_OK && memcmp(digest, w->fields.digest, sizeof digest) != 0)
        status = ss_error_set(&w->err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER,
                              "the image of release %s is not the one that its statement names", w->release.version);
    if (status == SS_OK && !w->own)
        ss_sealer_image_set_checked(w->image, w->view.slot_address);
    return status;
}

static ss_status_t get_plain(struct ss_sealer_service *service, struct work *w, const struct ss_vault_flash_key *key)
{
    ss_status_t status = ss_sealer_image_load(service, &w->release, &w->fields, &w->image, &w->err);
    if (status == SS_OK && w->product.per_device_sign_keys)
        status = compose(service, w);
    if (status == SS_OK)
        status = check_image(w, key);
    if (status == SS_OK)
        status = ss_sealer_cipher_init(&w->cipher, &w->device, key, &w->err);
    if (status != SS_OK)
        return status;
    w->delivery.length = ss_sealer_image_len(w->image);
    w->delivery.window = ss_window_size(w->view.slot_size);
    w->delivery.windows =
        (uint8_t)((w->delivery.length + w->delivery.window - 1) / w->delivery.window); // 32 cover the slot
    w->sealed = malloc(w->delivery.length);
    return w->sealed ? SS_OK
                     : ss_error_set(&w->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER,
                                    "out of memory for a sealed image");
}

// Sealing: the windows of all devices together, then one digest over each device's whole

static size_t window_jobs(struct work *w, struct ss_seal_job *jobs)
{
    struct ss_vault_delivery *d = &w->delivery;
    for (size_t i = 0; i < d->windows; i++) {
        uint32_t at = (uint32_t)i * d->window, left = d->length - at;
        jobs[i] = (struct ss_seal_job){.cipher = w->cipher.is_xts ? NULL : &w->cipher.as.esp32,
                                       .xts = w->cipher.is_xts ? &w->cipher.as.xts : NULL,
                                       .address = w->view.slot_address + at,
                                       .in = plain_of(w) + at,
                                       .out = w->sealed + at,
                                       .len = left < d->window ? left : d->window,
                                       .sealed_digest = d->digests + 32 * i};
    }
    return d->windows;
}

static ss_status_t seal_together(struct work **works, size_t count, struct ss_error *err)
{
    struct ss_seal_job jobs[SS_SEALER_BATCH * SS_WINDOWS_MAX], whole[SS_SEALER_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        n += window_jobs(works[i], jobs + n);
        whole[i] = (struct ss_seal_job){
            .in = works[i]->sealed, .len = works[i]->delivery.length, .plain_digest = works[i]->delivery.sha256};
    }
    ss_status_t status = ss_seal_many(jobs, n, err);
    return status == SS_OK ? ss_seal_many(whole, count, err) : status;
}

static void end_sealing(struct ss_sealer_service *service, struct work *w)
{
    free(w->sealed);
    if (w->own)
        ss_locked_free(w->own, ss_sealer_image_len(w->image));
    ss_sealer_image_release(service->cache, w->image);
    w->sealed = w->own = NULL;
    w->image = NULL;
    ss_wipe(&w->cipher, sizeof w->cipher);
}

/// The cipher is there now, and the device will ask for windows next.
static void keep_ready(struct ss_sealer_service *service, const struct work *w)
{
    struct ss_sealer_key key = {.address = w->delivery.id.address};
    strcpy(key.device, w->delivery.id.device);
    strcpy(key.version, w->delivery.id.version);
    // If all room is held, the window's request will try again.
    (void)ss_sealer_cache_put(service->cache, &key, &w->cipher, w->image, w->personal.patches, w->personal.count);
}

static void seal_batch(struct ss_sealer_service *service, struct work **works, const struct ss_vault_sealing *items,
                       size_t count)
{
    struct work *ready[SS_SEALER_BATCH];
    struct ss_error err = {0};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        works[i]->status = get_plain(service, works[i], &items[i].key);
        if (good(works[i]))
            ready[n++] = works[i];
    }
    ss_status_t status = n ? seal_together(ready, n, &err) : SS_OK;
    for (size_t i = 0; i < n; i++) {
        ready[i]->status = status;
        ready[i]->err = err;
        if (status == SS_OK)
            keep_ready(service, ready[i]);
    }
    for (size_t i = 0; i < count; i++)
        end_sealing(service, works[i]);
}

// Statements

static ss_status_t sign(struct ss_sealer_service *service, struct work *w, uint64_t sequence)
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
static ss_status_t check_update(struct ss_sealer_service *service, struct work *w)
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

static void begin(struct work **works, size_t count, struct ss_vault_sealing *items)
{
    for (size_t i = 0; i < count; i++) {
        struct work *w = works[i];
        items[i] = (struct ss_vault_sealing){.id = w->delivery.id,
                                             .accepted = {w->order->told.epoch, w->order->told.sequence},
                                             .epoch = w->epoch,
                                             .with_key = !w->known};
    }
}

/// Whether it makes sense to begin at all; a sequence would be used up.
static ss_status_t check_personal(struct ss_sealer_service *service, struct work *w)
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

static void keep(struct ss_sealer_service *service, struct work **works, size_t count)
{
    struct ss_vault_delivery *deliveries = calloc(count, sizeof *deliveries);
    struct ss_vault_accepted accepted[SS_SEALER_BATCH];
    struct work *made[SS_SEALER_BATCH];
    struct ss_error err = {0};
    size_t n = 0;
    for (size_t i = 0; i < count && deliveries; i++) {
        if (!good(works[i]))
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
static void make(struct ss_sealer_service *service, struct work **works, size_t count)
{
    struct ss_vault_sealing *items = ss_locked_new(count * sizeof *items);
    struct work *seals[SS_SEALER_BATCH];
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
        if (good(works[i]) && !works[i]->known) {
            seal_items[n] = items[i];
            seals[n++] = works[i];
        }
    }
    if (n)
        seal_batch(service, seals, seal_items, n);
    for (size_t i = 0; i < count; i++)
        if (good(works[i]) && (works[i]->status = sign(service, works[i], items[i].sequence)) == SS_OK)
            works[i]->status = check_update(service, works[i]);
    keep(service, works, count);
    if (items)
        ss_locked_free(items, count * sizeof *items);
    if (seal_items)
        ss_locked_free(seal_items, count * sizeof *items);
}

/// Those of one slot of one device may be asked for twice in a batch: the second waits for the first.
static bool is_double(struct work **batch, size_t count, const struct work *w)
{
    for (size_t i = 0; i < count; i++)
        if (!memcmp(&batch[i]->delivery.id, &w->delivery.id, sizeof w->delivery.id))
            return true;
    return false;
}

static void make_all(struct ss_sealer_service *service, struct work *works, size_t count)
{
    for (size_t next = 0; next < count;) {
        struct work *batch[SS_SEALER_BATCH];
        uint64_t bytes = 0;
        size_t n = 0;
        for (; next < count && n < SS_SEALER_BATCH; next++) {
            struct work *w = &works[next];
            if (!good(w) || w->usable || (w->status = check_personal(service, w)) != SS_OK)
                continue;
            bytes += ss_release_file_len(&w->fields);
            if (n && (bytes > BATCH_BYTES || is_double(batch, n, w)))
                break;
            batch[n++] = w;
        }
        if (n)
            make(service, batch, n);
    }
}

// Answers

static void answer(struct work *w)
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
    int at = snprintf(out.etag, sizeof out.etag, "\"");
    for (unsigned i = 0; i < 16; i++)
        at += snprintf(out.etag + at, sizeof out.etag - (size_t)at, "%02x", out.sha256[i]);
    snprintf(out.etag + at, sizeof out.etag - (size_t)at, "\"");
    ss_sealer_answer(w->job->session, SS_FRAME_DELIVERY, w->job->id, true, payload,
                     ss_message_put_delivery(payload, &out));
}

void ss_sealer_do_deliver(struct ss_sealer_service *service, struct ss_sealer_job **jobs, size_t count)
{
    struct work *works = calloc(count, sizeof *works);
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
        else if (good(&works[i]))
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
