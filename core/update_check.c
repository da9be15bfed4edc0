// SPDX-License-Identifier: Apache-2.0
#include "slotseal/update_check.h"

#include <string.h>

static ss_status_t verdict(enum ss_reason reason, struct ss_refusal *why)
{
    if (why)
        *why = (struct ss_refusal){reason, 0};
    return reason == SS_REASON_NONE ? SS_OK : SS_ERROR_NOT_PERMITTED;
}

static bool same_digest(const uint8_t *a, const uint8_t *b)
{
    return a && b && memcmp(a, b, SS_STATEMENT_DIGEST_SIZE) == 0;
}

static enum ss_reason release_reason(const struct ss_release *r, const struct ss_device_view *d)
{
    if (!ss_span_equal(r->product, d->product))
        return SS_REASON_PRODUCT;
    if (r->chip != d->chip)
        return SS_REASON_CHIP;
    if (r->scheme != d->scheme)
        return SS_REASON_SECURE_BOOT;
    if (r->secure_version < d->secure_version)
        return SS_REASON_SECURE_VERSION;
    if (r->table_digest && !same_digest(r->table_digest, d->table_digest))
        return SS_REASON_TABLE;
    if (r->bootloader & ~d->bootloader & SS_NEEDS_NVS_KEYS)
        return SS_REASON_TABLE;
    if (r->bootloader & ~d->bootloader)
        return SS_REASON_BOOTLOADER;
    if (ss_release_file_len(r) > d->slot_size)
        return SS_REASON_SLOT_SIZE;
    return SS_REASON_NONE;
}

ss_status_t ss_release_check(const struct ss_release *release, const struct ss_device_view *device,
                             struct ss_refusal *why)
{
    return verdict(release_reason(release, device), why);
}

static enum ss_reason sequence_reason(const struct ss_delivery *d, const uint8_t *again,
                                      const struct ss_device_view *device)
{
    if (d->epoch < device->epoch)
        return SS_REASON_EPOCH;
    uint64_t last = d->epoch == device->epoch ? device->sequence : 0;
    if (d->sequence == last && same_digest(again, device->accepted))
        return SS_REASON_NONE;
    if (d->sequence <= last)
        return SS_REASON_SEQUENCE;
    return d->sequence - last > SS_SEQUENCE_JUMP_MAX ? SS_REASON_SEQUENCE_JUMP : SS_REASON_NONE;
}

static enum ss_reason place_reason(const struct ss_delivery *d, const struct ss_release *release,
                                   const uint8_t *reference, const struct ss_device_view *device)
{
    if (!ss_span_equal(d->device, device->device))
        return SS_REASON_DEVICE;
    if (!same_digest(d->release, reference))
        return SS_REASON_RELEASE;
    if (d->slot_address != device->slot_address)
        return SS_REASON_SLOT_ADDRESS;
    if (d->slot_size != device->slot_size)
        return SS_REASON_SLOT_SIZE;
    // Sealing may pad up to a whole sector; more would be bytes that nobody asked for.
    uint32_t file_len = ss_release_file_len(release);
    return d->length >= file_len && d->length - file_len < SS_WINDOW_UNIT ? SS_REASON_NONE : SS_REASON_LENGTH;
}

ss_status_t ss_delivery_check(const struct ss_delivery *delivery, const uint8_t again[SS_STATEMENT_DIGEST_SIZE],
                              const struct ss_release *release, const uint8_t reference[SS_STATEMENT_DIGEST_SIZE],
                              uint32_t key_epoch, const struct ss_device_view *device, struct ss_refusal *why)
{
    enum ss_reason reason = place_reason(delivery, release, reference, device);
    if (reason == SS_REASON_NONE && delivery->epoch != key_epoch)
        reason = SS_REASON_EPOCH_KEY;
    if (reason == SS_REASON_NONE)
        reason = sequence_reason(delivery, again, device);
    if (reason == SS_REASON_NONE && device->now && delivery->expiry && device->now > delivery->expiry)
        reason = SS_REASON_EXPIRED;
    return verdict(reason, why);
}

static ss_status_t check_release(const struct ss_key_ring *ring, const uint8_t *in, size_t len,
                                 const struct ss_device_view *device, struct ss_update *u, struct ss_refusal *why)
{
    ss_status_t status = ss_statement_parse(in, len, &u->release_statement, why);
    if (status == SS_OK)
        status = ss_release_parse(&u->release_statement, &u->release, why);
    if (status == SS_OK)
        status = ss_key_ring_verify(ring, &u->release_statement, device->now, NULL, why);
    if (status == SS_OK)
        status = ss_release_check(&u->release, device, why);
    return status == SS_OK ? ss_statement_reference(&u->release_statement, u->release_reference) : status;
}

static ss_status_t check_delivery(const struct ss_key_ring *ring, const uint8_t *in, size_t len,
                                  const struct ss_device_view *device, struct ss_update *u, struct ss_refusal *why)
{
    struct ss_signer signer = {0};
    ss_status_t status = ss_statement_parse(in, len, &u->delivery_statement, why);
    if (status == SS_OK)
        status = ss_delivery_parse(&u->delivery_statement, &u->delivery, why);
    if (status == SS_OK)
        status = ss_key_ring_verify(ring, &u->delivery_statement, device->now, &signer, why);
    if (status == SS_OK)
        status = ss_statement_reference(&u->delivery_statement, u->delivery_reference);
    return status == SS_OK ? ss_delivery_check(&u->delivery, u->delivery_reference, &u->release, u->release_reference,
                                               signer.epoch, device, why)
                           : status;
}

ss_status_t ss_update_check(const struct ss_key_ring *ring, const uint8_t *release, size_t release_len,
                            const uint8_t *delivery, size_t delivery_len, const struct ss_device_view *device,
                            struct ss_update *update, enum ss_statement_kind *which, struct ss_refusal *why)
{
    enum ss_statement_kind local, *at = which ? which : &local;
    if (why)
        *why = (struct ss_refusal){SS_REASON_NONE, 0};
    *update = (struct ss_update){0};
    *at = SS_STATEMENT_RELEASE;
    ss_status_t status = check_release(ring, release, release_len, device, update, why);
    if (status == SS_OK) {
        *at = SS_STATEMENT_DELIVERY;
        status = check_delivery(ring, delivery, delivery_len, device, update, why);
    }
    if (status != SS_OK)
        *update = (struct ss_update){0};
    return status;
}
