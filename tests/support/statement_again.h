// SPDX-License-Identifier: Apache-2.0
// Encodes a parsed statement again, from the parsed values alone. Header only: the fuzzer uses it, too.
#ifndef SS_TESTS_STATEMENT_AGAIN_H
#define SS_TESTS_STATEMENT_AGAIN_H

#include "core/statement_fields.h"
#include "core/statement_make.h"
#include "slotseal/statement_sign.h"

static inline void again_key_set(const struct ss_statement *s, struct ss_cbor_writer *payload, struct ss_cbor_writer *w)
{
    struct ss_cose_signature signatures[SS_KEY_SET_SIGNATURES_MAX];
    struct ss_cbor_reader r;
    ss_cbor_reader_init(&r, s->rest.p, s->rest.len);
    for (unsigned i = 0; i < s->signatures; i++)
        ss_cose_read_signature(&r, &signatures[i]);
    ss_cose_put_key_set(w, (struct ss_span){payload->out, (uint16_t)payload->len}, signatures, s->signatures);
}

static inline void again_proof(const struct ss_freshness *f, struct ss_cbor_writer *proof)
{
    uint8_t leaf[SS_FRESHNESS_LEAF_MAX];
    struct ss_cbor_writer l = {leaf, sizeof leaf, 0};
    ss_freshness_put_leaf(&l, f);
    ss_cbor_put_array(proof, 3);
    ss_cbor_put_bytes(proof, leaf, l.len);
    ss_cbor_put_uint(proof, f->index);
    ss_cbor_put_bytes(proof, f->path, (size_t)f->path_len * SS_STATEMENT_DIGEST_SIZE);
}

/// Parses the fields of @p s and writes the whole statement to @p out (SS_STATEMENT_MAX bytes); its length to *@p len.
/// Statuses of the parser of its kind.
static inline ss_status_t statement_again(const struct ss_statement *s, uint8_t *out, size_t *len,
                                          struct ss_refusal *why)
{
    uint8_t payload[SS_STATEMENT_MAX], proof[SS_STATEMENT_MAX];
    struct ss_cbor_writer w = {out, SS_STATEMENT_MAX, 0}, p = {payload, sizeof payload, 0};
    struct ss_cbor_writer q = {proof, sizeof proof, 0};
    union ss_statement_fields f;
    ss_status_t status = ss_statement_fields_parse(s, &f, why);
    if (status != SS_OK)
        return status;
    if (s->kind == SS_STATEMENT_RELEASE)
        ss_release_put(&p, &f.release);
    else if (s->kind == SS_STATEMENT_DELIVERY)
        ss_delivery_put(&p, &f.delivery);
    else if (s->kind == SS_STATEMENT_KEY_SET)
        ss_key_set_put(&p, &f.key_set);
    else if (s->kind == SS_STATEMENT_ROLLOUT)
        ss_rollout_put(&p, &f.rollout);
    else
        ss_freshness_put(&p, &f.freshness);
    if (s->kind == SS_STATEMENT_FRESHNESS)
        again_proof(&f.freshness, &q);
    struct ss_cose_parts parts = {s->kind, s->key_id, s->signature, payload, p.len, q.len ? proof : NULL, q.len};
    if (s->kind == SS_STATEMENT_KEY_SET)
        again_key_set(s, &p, &w);
    else
        ss_cose_put_sign1(&w, &parts);
    *len = w.len;
    return SS_OK;
}

#endif
