// SPDX-License-Identifier: Apache-2.0
#include "slotseal/rollout.h"

#include <string.h>

#include "core/statement_fields.h"

enum field {
    PRODUCT = 1,
    ID,
    RELEASE,
    LIST,
    DEVICES,
    STAGES,
    NOT_BEFORE,
    EXPIRY,
};

// [digest, number of devices]
static void read_list(struct ss_cbor_reader *r, struct ss_rollout *f)
{
    (void)ss_cbor_array(r, 2, 2);
    f->list = ss_cbor_fixed(r, SS_STATEMENT_DIGEST_SIZE);
    f->list_count = ss_cbor_u32(r, 1, UINT32_MAX);
    f->targets = SS_TARGETS_LIST;
}

// Bytewise, a shorter one first: as `LC_ALL=C sort` does.
static int compare(struct ss_span a, struct ss_span b)
{
    int order = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);
    return order ? order : (int)a.len - (int)b.len;
}

static void read_devices(struct ss_cbor_reader *r, struct ss_rollout *f)
{
    f->device_count = (uint8_t)ss_cbor_array(r, 1, SS_ROLLOUT_DEVICES_MAX);
    f->targets = SS_TARGETS_DEVICES;
    for (unsigned i = 0; i < f->device_count && r->reason == SS_REASON_NONE; i++) {
        const uint8_t *at = r->p;
        f->devices[i] = ss_cbor_name(r, SS_DEVICE_ID_MAX);
        if (r->reason == SS_REASON_NONE && i && compare(f->devices[i - 1], f->devices[i]) >= 0)
            ss_cbor_fail_at(r, at, SS_REASON_ORDER);
    }
}

// [+ [percent, soak, max_failed]]; the last one reaches all.
static void read_stages(struct ss_cbor_reader *r, struct ss_rollout *f)
{
    unsigned least = 1;
    f->stage_count = (uint8_t)ss_cbor_array(r, 1, SS_ROLLOUT_STAGES_MAX);
    for (unsigned i = 0; i < f->stage_count; i++) {
        bool last = i + 1u == f->stage_count;
        (void)ss_cbor_array(r, 3, 3);
        f->stages[i].percent = (uint8_t)ss_cbor_u32(r, last ? 100 : least, last ? 100 : 99);
        f->stages[i].soak = ss_cbor_u32(r, 0, UINT32_MAX);
        f->stages[i].max_failed = (uint8_t)ss_cbor_u32(r, 0, 100);
        least = f->stages[i].percent + 1u;
    }
}

static void read_fields(struct ss_cbor_reader *r, void *out)
{
    struct ss_rollout *f = out;
    ss_cbor_need(r, PRODUCT);
    f->product = ss_cbor_name(r, SS_PRODUCT_NAME_MAX);
    ss_cbor_need(r, ID);
    f->id = ss_cbor_name(r, SS_ROLLOUT_ID_MAX);
    ss_cbor_need(r, RELEASE);
    f->release = ss_cbor_fixed(r, SS_STATEMENT_DIGEST_SIZE);
    if (ss_cbor_has(r, LIST))
        read_list(r, f);
    else if (ss_cbor_has(r, DEVICES))
        read_devices(r, f);
    ss_cbor_need(r, STAGES);
    read_stages(r, f);
    ss_cbor_need(r, NOT_BEFORE);
    f->not_before = ss_cbor_uint(r, 1, SS_STATEMENT_INT_MAX - 1);
    ss_cbor_need(r, EXPIRY);
    f->expiry = ss_cbor_uint(r, f->not_before + 1, SS_STATEMENT_INT_MAX);
}

ss_status_t ss_rollout_parse(const struct ss_statement *statement, struct ss_rollout *rollout, struct ss_refusal *why)
{
    static const struct ss_cose_payload payload = {
        .read_fields = read_fields, .size = sizeof(struct ss_rollout), .kind = SS_STATEMENT_ROLLOUT};
    return ss_cose_read_payload(statement, rollout, why, &payload);
}

static void put_targets(struct ss_cbor_writer *w, const struct ss_rollout *f)
{
    if (f->targets == SS_TARGETS_LIST) {
        ss_cbor_put_uint(w, LIST);
        ss_cbor_put_array(w, 2);
        ss_cbor_put_bytes(w, f->list, SS_STATEMENT_DIGEST_SIZE);
        ss_cbor_put_uint(w, f->list_count);
    } else if (f->targets == SS_TARGETS_DEVICES) {
        ss_cbor_put_uint(w, DEVICES);
        ss_cbor_put_array(w, f->device_count);
        for (unsigned i = 0; i < f->device_count; i++)
            ss_cbor_put_text(w, f->devices[i]);
    }
}

void ss_rollout_put(struct ss_cbor_writer *w, const struct ss_rollout *f)
{
    ss_cbor_put_map(w, 6 + (f->targets != SS_TARGETS_PRODUCT));
    ss_put_text_field(w, PRODUCT, f->product);
    ss_put_text_field(w, ID, f->id);
    ss_put_bytes_field(w, RELEASE, f->release, SS_STATEMENT_DIGEST_SIZE);
    put_targets(w, f);
    ss_cbor_put_uint(w, STAGES);
    ss_cbor_put_array(w, f->stage_count);
    for (unsigned i = 0; i < f->stage_count; i++) {
        ss_cbor_put_array(w, 3);
        ss_cbor_put_uint(w, f->stages[i].percent);
        ss_cbor_put_uint(w, f->stages[i].soak);
        ss_cbor_put_uint(w, f->stages[i].max_failed);
    }
    ss_put_uint_field(w, NOT_BEFORE, f->not_before);
    ss_put_uint_field(w, EXPIRY, f->expiry);
}

ss_status_t ss_rollout_check(const struct ss_rollout *rollout, struct ss_span product,
                             const uint8_t release[SS_STATEMENT_DIGEST_SIZE], uint64_t now, struct ss_refusal *why)
{
    enum ss_reason reason = SS_REASON_NONE;
    if (!ss_span_equal(rollout->product, product))
        reason = SS_REASON_PRODUCT;
    else if (memcmp(rollout->release, release, SS_STATEMENT_DIGEST_SIZE) != 0)
        reason = SS_REASON_RELEASE;
    else if (now < rollout->not_before)
        reason = SS_REASON_EARLY;
    else if (now > rollout->expiry)
        reason = SS_REASON_EXPIRED;
    if (why)
        *why = (struct ss_refusal){reason, 0};
    return reason == SS_REASON_NONE ? SS_OK : SS_ERROR_NOT_PERMITTED;
}
