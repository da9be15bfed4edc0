// SPDX-License-Identifier: Apache-2.0
// Any range of a delivery. Both flash ciphers depend on the address alone, so a range that is sealed by itself is the
// slice of the whole.
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "server/sealer_parts.h"
#include "vault/locked.h"

enum { BLOCK = 16 };

static bool touches(const struct ss_sealer_ready *r, uint32_t start, uint32_t end)
{
    for (unsigned i = 0; i < r->patch_count; i++)
        if (r->patches[i].offset < end && start < r->patches[i].offset + r->patches[i].len)
            return true;
    return false;
}

/// One block of which only a part is wanted.
static ss_status_t seal_part(const struct ss_sealer_ready *r, uint32_t address, const uint8_t *plain, uint32_t skip,
                             uint32_t len, uint8_t *out, struct ss_error *err)
{
    uint8_t block[BLOCK];
    ss_status_t status = ss_sealer_cipher_seal(r->cipher, address, plain, block, BLOCK, err);
    if (status == SS_OK)
        memcpy(out, block + skip, len);
    return status;
}

/// @p plain is that of @p start, the beginning of the block that holds w->offset.
static ss_status_t seal_from(const struct ss_sealer_ready *r, const struct ss_message_window *w, uint32_t start,
                             const uint8_t *plain, uint8_t *out, struct ss_error *err)
{
    uint32_t address = w->address + start, skip = w->offset - start, left = w->len;
    ss_status_t status = SS_OK;
    if (skip) {
        uint32_t n = BLOCK - skip < left ? BLOCK - skip : left;
        status = seal_part(r, address, plain, skip, n, out, err);
        out += n;
        left -= n;
        plain += BLOCK;
        address += BLOCK;
    }
    uint32_t whole = left - left % BLOCK;
    if (status == SS_OK && whole)
        status = ss_sealer_cipher_seal(r->cipher, address, plain, out, whole, err);
    if (status == SS_OK && left > whole)
        status = seal_part(r, address + whole, plain + whole, 0, left - whole, out + whole, err);
    return status;
}

/// At most SS_SEALER_WINDOW_MAX bytes.
static ss_status_t seal_piece(const struct ss_sealer_ready *r, const struct ss_message_window *w, uint8_t *scratch,
                              uint8_t *out, struct ss_error *err)
{
    uint32_t start = w->offset - w->offset % BLOCK;
    uint32_t end = w->offset + w->len + (BLOCK - 1);
    end -= end % BLOCK;
    if (!touches(r, start, end))
        return seal_from(r, w, start, r->plain + start, out, err);
    memcpy(scratch, r->plain + start, end - start);
    ss_sealer_patch_range(r->patches, r->patch_count, start, scratch, end - start);
    ss_status_t status = seal_from(r, w, start, scratch, out, err);
    ss_wipe(scratch, end - start);
    return status;
}

ss_status_t ss_sealer_seal_range(const struct ss_sealer_ready *r, const struct ss_message_window *w, uint8_t *scratch,
                                 uint8_t *out, struct ss_error *err)
{
    struct ss_message_window piece = *w;
    uint32_t end = w->offset + w->len;
    ss_status_t status = SS_OK;
    if (w->offset > r->length || w->len > r->length - w->offset)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "%u bytes from %u on, there are %u",
                            (unsigned)w->len, (unsigned)w->offset, (unsigned)r->length);
    for (; status == SS_OK && piece.offset < end; piece.offset += piece.len) {
        piece.len = end - piece.offset < SS_SEALER_WINDOW_MAX ? end - piece.offset : SS_SEALER_WINDOW_MAX;
        status = seal_piece(r, &piece, scratch, out + (piece.offset - w->offset), err);
    }
    return status;
}

// Getting ready

struct opening {
    struct ss_vault_device device;
    struct ss_vault_product product;
    struct ss_vault_release release;
    struct ss_vault_delivery delivery;
    struct ss_release fields;
    struct ss_sealer_personal personal;
    struct ss_vault_flash_key key;
    struct ss_sealer_cipher cipher;
};

static ss_status_t open_delivery(struct ss_sealer_service *service, const struct ss_sealer_key *key, struct opening *o,
                                 void **image, struct ss_error *err)
{
    struct ss_vault_delivery_id id = {.address = key->address};
    uint8_t reference[32];
    strcpy(id.device, key->device);
    strcpy(id.version, key->version);
    ss_status_t status = ss_vault_delivery_get(service->vault, &id, &o->delivery, err);
    if (status == SS_OK)
        status = ss_vault_device_get(service->vault, id.device, &o->device, err);
    if (status == SS_OK)
        status = ss_vault_product_get(service->vault, o->device.product, &o->product, err);
    if (status == SS_OK)
        status = ss_vault_release_get(service->vault, o->device.product, id.version, &o->release, err);
    if (status == SS_OK)
        status = ss_sealer_release_read(service->options.keys, &o->release, 0, &o->fields, reference, err);
    if (status == SS_OK)
        status = ss_sealer_image_load(service, &o->release, &o->fields, image, err);
    if (status == SS_OK && o->product.per_device_sign_keys)
        status = ss_sealer_personal_load(service, &o->device, &o->release, &o->fields, *image, &o->personal, err);
    if (status == SS_OK && o->delivery.length != ss_sealer_image_len(*image))
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER, "the delivery has %u bytes, its image %u",
                              (unsigned)o->delivery.length, (unsigned)ss_sealer_image_len(*image));
    if (status == SS_OK)
        status = ss_vault_delivery_key(service->vault, &id, &o->key, err);
    return status == SS_OK ? ss_sealer_cipher_init(&o->cipher, &o->device, &o->key, err) : status;
}

/// Gets a delivery of the vault ready in the cache.
static ss_status_t get_ready(struct ss_sealer_service *service, const struct ss_sealer_key *key, struct ss_error *err)
{
    void *image = NULL;
    struct opening *o = ss_locked_new(sizeof *o);
    if (!o)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    ss_status_t status = open_delivery(service, key, o, &image, err);
    if (status == SS_OK &&
        !ss_sealer_cache_put(service->cache, key, &o->cipher, image, o->personal.patches, o->personal.count))
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "too many deliveries at once");
    ss_sealer_image_release(service->cache, image);
    ss_locked_free(o, sizeof *o);
    return status;
}

/// Seals where the answer goes: the shared memory, or behind the length in @p payload.
static ss_status_t seal_answer(struct ss_sealer_service *service, struct ss_sealer_job *job,
                               struct ss_sealer_ready *ready, uint8_t *payload, size_t *len, struct ss_error *err)
{
    const struct ss_message_window *w = &job->as.window;
    bool shared = w->slot != SS_CHANNEL_NO_SLOT;
    uint8_t *out = shared ? ss_channel_slot(job->session->channel, w->slot) : payload + 4;
    ss_status_t status = ss_sealer_seal_range(ready, w, service->scratch, out, err);
    *len = ss_message_put_length(payload, w->len) + (shared ? 0 : w->len);
    return status;
}

void ss_sealer_do_window(struct ss_sealer_service *service, struct ss_sealer_job *job)
{
    const struct ss_message_window *w = &job->as.window;
    struct ss_sealer_key key = {.address = w->address};
    struct ss_sealer_ready ready;
    struct ss_error err = {0};
    size_t len = 0;
    uint8_t *payload = malloc(w->len + 4);
    strcpy(key.device, w->device);
    strcpy(key.version, w->version);
    bool there = ss_sealer_cache_get(service->cache, &key, &ready);
    ss_status_t status = payload ? SS_OK : SS_ERROR_INSUFFICIENT_MEMORY;
    if (status == SS_OK && !there) {
        status = get_ready(service, &key, &err);
        there = status == SS_OK && ss_sealer_cache_get(service->cache, &key, &ready);
        if (status == SS_OK && !there)
            status = ss_error_set(&err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "the caches are too small");
    }
    if (status == SS_OK)
        status = seal_answer(service, job, &ready, payload, &len, &err);
    if (there)
        ss_sealer_cache_release(service->cache, &ready);
    if (status == SS_OK)
        ss_sealer_answer(job->session, SS_FRAME_BYTES, job->id, true, payload, len);
    else
        ss_sealer_refuse(job, status, err.message);
    free(payload);
}
