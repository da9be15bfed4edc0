// SPDX-License-Identifier: Apache-2.0
#include "slotseal/freshness.h"

#include <string.h>

#include "core/statement_fields.h"

// What is signed.
enum field {
    PRODUCT = 1,
    TIME,
    LEAVES,
    ROOT,
};

// A leaf.
enum leaf_field {
    DEVICE = 1,
    KEY_SET,
    RELEASE,
};

static void read_leaf(struct ss_cbor_reader *outer, struct ss_freshness *f)
{
    struct ss_cbor_reader r;
    f->leaf = ss_cbor_bytes(outer, 1, SS_FRESHNESS_LEAF_MAX);
    ss_cbor_reader_init(&r, f->leaf.p, f->leaf.len);
    r.reason = outer->reason;
    ss_cbor_map(&r);
    ss_cbor_need(&r, DEVICE);
    f->device = ss_cbor_name(&r, SS_DEVICE_ID_MAX);
    ss_cbor_need(&r, KEY_SET);
    f->key_set = ss_cbor_u32(&r, 1, UINT32_MAX);
    if (ss_cbor_has(&r, RELEASE))
        f->release = ss_cbor_fixed(&r, SS_STATEMENT_DIGEST_SIZE);
    ss_cbor_map_end(&r);
    ss_cbor_end(&r);
    if (outer->reason == SS_REASON_NONE && r.reason != SS_REASON_NONE)
        ss_cbor_fail_at(outer, r.fault, r.reason);
}

// [leaf, index, path]; the path is as long as index and number of leaves demand.
static void read_proof(struct ss_cbor_reader *r, struct ss_freshness *f)
{
    (void)ss_cbor_array(r, 3, 3);
    read_leaf(r, f);
    f->index = ss_cbor_u32(r, 0, f->leaves - 1);
    const uint8_t *at = r->p;
    struct ss_span path = ss_cbor_bytes(r, 0, SS_MERKLE_PATH_MAX * SS_STATEMENT_DIGEST_SIZE);
    if (r->reason != SS_REASON_NONE)
        return;
    f->path_len = (uint8_t)ss_merkle_path_len(f->index, f->leaves);
    f->path = path.p;
    if (path.len != f->path_len * SS_STATEMENT_DIGEST_SIZE)
        ss_cbor_fail_at(r, at, SS_REASON_INCONSISTENT);
}

static void read_fields(struct ss_cbor_reader *r, void *out)
{
    struct ss_freshness *f = out;
    ss_cbor_need(r, PRODUCT);
    f->product = ss_cbor_name(r, SS_PRODUCT_NAME_MAX);
    ss_cbor_need(r, TIME);
    f->time = ss_cbor_positive(r);
    ss_cbor_need(r, LEAVES);
    f->leaves = ss_cbor_u32(r, 1, SS_MERKLE_LEAVES_MAX);
    ss_cbor_need(r, ROOT);
    f->root = ss_cbor_fixed(r, SS_STATEMENT_DIGEST_SIZE);
}

ss_status_t ss_freshness_parse(const struct ss_statement *statement, struct ss_freshness *record,
                               struct ss_refusal *why)
{
    static const struct ss_cose_payload payload = {
        .read_fields = read_fields, .size = sizeof(struct ss_freshness), .kind = SS_STATEMENT_FRESHNESS};
    ss_status_t status = ss_cose_read_payload(statement, record, why, &payload);
    if (status != SS_OK)
        return status;
    struct ss_cbor_reader r;
    ss_cbor_reader_init(&r, statement->rest.p, statement->rest.len);
    read_proof(&r, record);
    status = ss_cbor_status(&r, statement->start, why);
    if (status != SS_OK)
        *record = (struct ss_freshness){0};
    return status;
}

void ss_freshness_put(struct ss_cbor_writer *w, const struct ss_freshness *f)
{
    ss_cbor_put_map(w, 4);
    ss_put_text_field(w, PRODUCT, f->product);
    ss_put_uint_field(w, TIME, f->time);
    ss_put_uint_field(w, LEAVES, f->leaves);
    ss_put_bytes_field(w, ROOT, f->root, SS_STATEMENT_DIGEST_SIZE);
}

void ss_freshness_put_leaf(struct ss_cbor_writer *w, const struct ss_freshness *f)
{
    ss_cbor_put_map(w, 2 + (f->release != NULL));
    ss_put_text_field(w, DEVICE, f->device);
    ss_put_uint_field(w, KEY_SET, f->key_set);
    if (f->release)
        ss_put_bytes_field(w, RELEASE, f->release, SS_STATEMENT_DIGEST_SIZE);
}

static ss_status_t check_proof(const struct ss_freshness *record, enum ss_reason *reason)
{
    uint8_t hash[SS_STATEMENT_DIGEST_SIZE];
    ss_status_t status = ss_merkle_leaf(record->leaf.p, record->leaf.len, hash);
    if (status == SS_OK)
        status = ss_merkle_climb(hash, record->index, record->leaves, record->path);
    if (status == SS_OK && memcmp(hash, record->root, sizeof hash) != 0)
        *reason = SS_REASON_PROOF;
    return status;
}

ss_status_t ss_freshness_check(const struct ss_freshness *record, struct ss_span product, struct ss_span device,
                               uint64_t last, uint64_t now, uint32_t tolerance, struct ss_refusal *why)
{
    enum ss_reason reason = SS_REASON_NONE;
    ss_status_t status = check_proof(record, &reason);
    if (status != SS_OK)
        reason = SS_REASON_NONE;
    else if (reason == SS_REASON_PROOF)
        ;
    else if (!ss_span_equal(record->product, product))
        reason = SS_REASON_PRODUCT;
    else if (!ss_span_equal(record->device, device))
        reason = SS_REASON_DEVICE;
    else if (record->time < last)
        reason = SS_REASON_REPLAYED;
    else if (now && record->time > now + tolerance)
        reason = SS_REASON_FUTURE;
    if (why)
        *why = (struct ss_refusal){reason, 0};
    return status != SS_OK || reason == SS_REASON_NONE ? status : SS_ERROR_NOT_PERMITTED;
}
