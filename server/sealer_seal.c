// SPDX-License-Identifier: Apache-2.0
// Sealing whole deliveries: the plaintext, checked once more, and the windows of many devices at once.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "server/sealer_work.h"
#include "slotseal/canonical.h"
#include "slotseal/seal.h"
#include "slotseal/seal_many.h"
#include "slotseal/sign.h"
#include "vault/locked.h"
#include "vault/signing.h"

// Plaintext

/// The device's own image, signed with its own key: composed and verified.
static ss_status_t compose(struct ss_sealer_service *service, struct ss_sealer_work *w)
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

static const uint8_t *plain_of(const struct ss_sealer_work *w)
{
    return w->own ? w->own : ss_sealer_image_bytes(w->image);
}

/// It is the image that the release statement names, and one that the device can start from that slot. What all devices
/// get alike is looked at once for each slot.
static ss_status_t check_image(struct ss_sealer_work *w, const struct ss_vault_flash_key *key)
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

static ss_status_t get_plain(struct ss_sealer_service *service, struct ss_sealer_work *w,
                             const struct ss_vault_flash_key *key)
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

static size_t window_jobs(struct ss_sealer_work *w, struct ss_seal_job *jobs)
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

static ss_status_t seal_together(struct ss_sealer_work **works, size_t count, struct ss_error *err)
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

static void end_sealing(struct ss_sealer_service *service, struct ss_sealer_work *w)
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
static void keep_ready(struct ss_sealer_service *service, const struct ss_sealer_work *w)
{
    struct ss_sealer_key key = {.address = w->delivery.id.address};
    strcpy(key.device, w->delivery.id.device);
    strcpy(key.version, w->delivery.id.version);
    // If all room is held, the window's request will try again.
    (void)ss_sealer_cache_put(service->cache, &key, &w->cipher, w->image, w->personal.patches, w->personal.count);
}

void ss_sealer_seal_batch(struct ss_sealer_service *service, struct ss_sealer_work **works,
                          const struct ss_vault_sealing *items, size_t count)
{
    struct ss_sealer_work *ready[SS_SEALER_BATCH];
    struct ss_error err = {0};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        works[i]->status = get_plain(service, works[i], &items[i].key);
        if (ss_sealer_good(works[i]))
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
