// SPDX-License-Identifier: Apache-2.0
#include "slotseal/delivery.h"

#include "core/crypto.h"
#include "core/statement_fields.h"

enum field {
    DEVICE = 1,
    RELEASE,
    SLOT_ADDRESS,
    SLOT_SIZE,
    LENGTH,
    WINDOW,
    DIGESTS,
    EPOCH,
    SEQUENCE,
    EXPIRY,
};

static uint32_t window_count(uint32_t len, uint32_t window)
{
    return len / window + (len % window != 0);
}

// As many digests as length and window demand.
static void read_digests(struct ss_cbor_reader *r, struct ss_delivery *f)
{
    const uint8_t *at = r->p;
    struct ss_span digests = ss_cbor_bytes(r, SS_STATEMENT_DIGEST_SIZE, SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE);
    if (r->reason != SS_REASON_NONE)
        return;
    if (digests.len != (uint64_t)window_count(f->length, f->window) * SS_STATEMENT_DIGEST_SIZE)
        ss_cbor_fail_at(r, at, SS_REASON_INCONSISTENT);
    f->digests = digests.p;
    f->windows = (uint8_t)(digests.len / SS_STATEMENT_DIGEST_SIZE);
}

static void read_fields(struct ss_cbor_reader *r, void *out)
{
    struct ss_delivery *f = out;
    ss_cbor_need(r, DEVICE);
    f->device = ss_cbor_name(r, SS_DEVICE_ID_MAX);
    ss_cbor_need(r, RELEASE);
    f->release = ss_cbor_fixed(r, SS_STATEMENT_DIGEST_SIZE);
    ss_cbor_need(r, SLOT_ADDRESS);
    f->slot_address = ss_cbor_multiple(r, SS_WINDOW_UNIT, SS_WINDOW_UNIT, UINT32_MAX);
    ss_cbor_need(r, SLOT_SIZE);
    f->slot_size = ss_cbor_multiple(r, SS_WINDOW_UNIT, SS_WINDOW_UNIT, UINT32_MAX);
    ss_cbor_need(r, LENGTH);
    f->length = ss_cbor_multiple(r, 16, 16, f->slot_size);
    ss_cbor_need(r, WINDOW);
    f->window = ss_cbor_multiple(r, SS_WINDOW_UNIT, SS_WINDOW_UNIT, UINT32_MAX);
    ss_cbor_need(r, DIGESTS);
    read_digests(r, f);
    ss_cbor_need(r, EPOCH);
    f->epoch = ss_cbor_u32(r, 1, UINT32_MAX);
    ss_cbor_need(r, SEQUENCE);
    f->sequence = ss_cbor_positive(r);
    if (ss_cbor_has(r, EXPIRY))
        f->expiry = ss_cbor_positive(r);
}

ss_status_t ss_delivery_parse(const struct ss_statement *statement, struct ss_delivery *delivery,
                              struct ss_refusal *why)
{
    static const struct ss_cose_payload payload = {
        .read_fields = read_fields, .size = sizeof(struct ss_delivery), .kind = SS_STATEMENT_DELIVERY};
    return ss_cose_read_payload(statement, delivery, why, &payload);
}

void ss_delivery_put(struct ss_cbor_writer *w, const struct ss_delivery *f)
{
    ss_cbor_put_map(w, 9 + (f->expiry != 0));
    ss_put_text_field(w, DEVICE, f->device);
    ss_put_bytes_field(w, RELEASE, f->release, SS_STATEMENT_DIGEST_SIZE);
    ss_put_uint_field(w, SLOT_ADDRESS, f->slot_address);
    ss_put_uint_field(w, SLOT_SIZE, f->slot_size);
    ss_put_uint_field(w, LENGTH, f->length);
    ss_put_uint_field(w, WINDOW, f->window);
    ss_put_bytes_field(w, DIGESTS, f->digests, (size_t)f->windows * SS_STATEMENT_DIGEST_SIZE);
    ss_put_uint_field(w, EPOCH, f->epoch);
    ss_put_uint_field(w, SEQUENCE, f->sequence);
    if (f->expiry)
        ss_put_uint_field(w, EXPIRY, f->expiry);
}

uint32_t ss_window_size(uint32_t slot_size)
{
    uint32_t units = slot_size / SS_WINDOW_UNIT + (slot_size % SS_WINDOW_UNIT != 0);
    uint32_t per_window = units / SS_WINDOWS_MAX + (units % SS_WINDOWS_MAX != 0);
    return (per_window ? per_window : 1) * SS_WINDOW_UNIT;
}

ss_status_t ss_window_digests(const uint8_t *ciphertext, size_t len, uint32_t window, uint8_t *digests,
                              uint8_t *windows)
{
    *windows = 0;
    if (window == 0 || window % SS_WINDOW_UNIT || len == 0 || (len - 1) / window >= SS_WINDOWS_MAX)
        return SS_ERROR_INVALID_ARGUMENT;
    uint8_t n = 0;
    for (size_t at = 0; at < len; at += window, n++) {
        size_t piece = len - at < window ? len - at : window;
        ss_status_t status =
            ss_hash_once(SS_HASH_SHA256, ciphertext + at, piece, digests + n * SS_STATEMENT_DIGEST_SIZE);
        if (status != SS_OK)
            return status;
    }
    *windows = n;
    return SS_OK;
}
