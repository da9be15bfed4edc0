// SPDX-License-Identifier: Apache-2.0
#include "slotseal/statement.h"

#include <string.h>

#include "core/cose.h"
#include "core/crypto.h"

static const struct {
    const char *content_type;
    uint16_t max;
} kinds[SS_STATEMENT_KIND_COUNT] = {
    [SS_STATEMENT_RELEASE] = {"application/vnd.slotseal.release.v1", SS_RELEASE_MAX},
    [SS_STATEMENT_DELIVERY] = {"application/vnd.slotseal.delivery.v1", SS_DELIVERY_MAX},
    [SS_STATEMENT_KEY_SET] = {"application/vnd.slotseal.key-set.v1", SS_KEY_SET_MAX},
    [SS_STATEMENT_ROLLOUT] = {"application/vnd.slotseal.rollout.v1", SS_ROLLOUT_MAX},
    [SS_STATEMENT_FRESHNESS] = {"application/vnd.slotseal.freshness.v1", SS_FRESHNESS_MAX},
};

struct ss_span ss_span_of(const char *text)
{
    return (struct ss_span){(const uint8_t *)text, (uint16_t)strlen(text)};
}

bool ss_span_equal(struct ss_span a, struct ss_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

size_t ss_name_prefix(const uint8_t *p, size_t len)
{
    size_t i = 0;
    while (i < len && ((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= 'a' && p[i] <= 'z') ||
                       p[i] == '.' || p[i] == '_' || p[i] == '-'))
        i++;
    return i;
}

size_t ss_statement_max(enum ss_statement_kind kind)
{
    return kinds[kind].max;
}

struct ss_span ss_cose_content_type(enum ss_statement_kind kind)
{
    return ss_span_of(kinds[kind].content_type);
}

static uint8_t read_content_type(struct ss_cbor_reader *r)
{
    ss_cbor_need(r, SS_COSE_CONTENT_TYPE);
    const uint8_t *at = r->p;
    struct ss_span type = ss_cbor_text(r, 1, SS_COSE_HEADER_MAX);
    for (unsigned kind = 0; kind < SS_STATEMENT_KIND_COUNT; kind++)
        if (r->reason == SS_REASON_NONE && ss_span_equal(type, ss_cose_content_type(kind)))
            return (uint8_t)kind;
    if (r->reason == SS_REASON_NONE)
        r->p = at;
    ss_cbor_fail(r, SS_REASON_KIND);
    return 0;
}

// A protected header is a byte string that holds a map. The fault of the inner reader becomes that of the outer one.
static struct ss_cbor_reader open_header(struct ss_cbor_reader *outer, struct ss_span *header)
{
    struct ss_cbor_reader r;
    *header = ss_cbor_bytes(outer, 1, SS_COSE_HEADER_MAX);
    ss_cbor_reader_init(&r, header->p, header->len);
    r.reason = outer->reason;
    ss_cbor_map(&r);
    return r;
}

static void close_header(struct ss_cbor_reader *outer, struct ss_cbor_reader *r)
{
    ss_cbor_map_end(r);
    ss_cbor_end(r);
    if (outer->reason != SS_REASON_NONE || r->reason == SS_REASON_NONE)
        return;
    outer->reason = r->reason;
    outer->fault = r->fault;
}

static void read_no_unprotected(struct ss_cbor_reader *r)
{
    ss_cbor_map(r);
    ss_cbor_map_end(r);
}

void ss_cose_read_signature(struct ss_cbor_reader *r, struct ss_cose_signature *signature)
{
    (void)ss_cbor_array(r, 3, 3);
    struct ss_cbor_reader h = open_header(r, &signature->header);
    ss_cbor_need(&h, SS_COSE_ALG);
    ss_cbor_negative(&h, SS_COSE_ES256);
    ss_cbor_need(&h, SS_COSE_KEY_ID);
    signature->key_id = ss_cbor_fixed(&h, SS_KEY_ID_SIZE);
    close_header(r, &h);
    read_no_unprotected(r);
    signature->signature = ss_cbor_fixed(r, SS_STATEMENT_SIGNATURE_SIZE);
}

static void read_payload(struct ss_cbor_reader *r, struct ss_statement *s)
{
    s->payload = ss_cbor_bytes(r, 1, SS_STATEMENT_MAX);
}

// {-65537: [leaf, index, path]}
static void read_proof(struct ss_cbor_reader *r, struct ss_statement *s)
{
    ss_cbor_map(r);
    if (r->left != 1)
        ss_cbor_fail(r, SS_REASON_FIELD_MISSING);
    r->left = 0; // the label is not one of the small keys that the reader counts
    ss_cbor_negative(r, SS_COSE_PROOF);
    const uint8_t *from = r->p;
    (void)ss_cbor_array(r, 3, 3);
    (void)ss_cbor_bytes(r, 1, SS_STATEMENT_MAX);
    (void)ss_cbor_u32(r, 0, UINT32_MAX);
    (void)ss_cbor_bytes(r, 0, SS_STATEMENT_MAX);
    s->rest = (struct ss_span){from, (uint16_t)(r->p - from)};
}

static void read_sign1(struct ss_cbor_reader *r, struct ss_statement *s)
{
    (void)ss_cbor_array(r, 4, 4);
    struct ss_cbor_reader h = open_header(r, &s->header);
    ss_cbor_need(&h, SS_COSE_ALG);
    ss_cbor_negative(&h, SS_COSE_ES256);
    s->kind = read_content_type(&h);
    if (s->kind == SS_STATEMENT_KEY_SET)
        ss_cbor_fail(&h, SS_REASON_KIND);
    ss_cbor_need(&h, SS_COSE_KEY_ID);
    s->key_id = ss_cbor_fixed(&h, SS_KEY_ID_SIZE);
    close_header(r, &h);
    if (s->kind == SS_STATEMENT_FRESHNESS)
        read_proof(r, s);
    else
        read_no_unprotected(r);
    read_payload(r, s);
    s->signature = ss_cbor_fixed(r, SS_STATEMENT_SIGNATURE_SIZE);
    s->signatures = 1;
}

static void read_signatures(struct ss_cbor_reader *r, struct ss_statement *s)
{
    struct ss_cose_signature one, last = {0};
    s->signatures = (uint8_t)ss_cbor_array(r, 0, SS_KEY_SET_SIGNATURES_MAX);
    const uint8_t *from = r->p;
    for (unsigned i = 0; i < s->signatures && r->reason == SS_REASON_NONE; i++) {
        ss_cose_read_signature(r, &one);
        if (r->reason == SS_REASON_NONE && last.key_id && memcmp(last.key_id, one.key_id, SS_KEY_ID_SIZE) >= 0)
            ss_cbor_fail(r, SS_REASON_ORDER);
        last = one;
    }
    s->rest = (struct ss_span){from, (uint16_t)(r->p - from)};
}

static void read_sign(struct ss_cbor_reader *r, struct ss_statement *s)
{
    (void)ss_cbor_array(r, 4, 4);
    struct ss_cbor_reader h = open_header(r, &s->header);
    s->kind = read_content_type(&h);
    if (s->kind != SS_STATEMENT_KEY_SET)
        ss_cbor_fail(&h, SS_REASON_KIND);
    close_header(r, &h);
    read_no_unprotected(r);
    read_payload(r, s);
    read_signatures(r, s);
}

ss_status_t ss_statement_parse(const uint8_t *in, size_t len, struct ss_statement *statement, struct ss_refusal *why)
{
    struct ss_cbor_reader r;
    *statement = (struct ss_statement){.start = in};
    ss_cbor_reader_init(&r, in, len);
    if (len > SS_STATEMENT_MAX) {
        r.p += SS_STATEMENT_MAX;
        ss_cbor_fail(&r, SS_REASON_TOO_LONG);
    } else if (len && in[0] == (0xC0 | SS_COSE_TAG_SIGN1)) {
        ss_cbor_tag(&r, SS_COSE_TAG_SIGN1);
        read_sign1(&r, statement);
    } else {
        ss_cbor_tag(&r, SS_COSE_TAG_SIGN);
        read_sign(&r, statement);
    }
    ss_cbor_end(&r);
    if (r.reason == SS_REASON_NONE && len > kinds[statement->kind].max) {
        r.p = in + kinds[statement->kind].max;
        ss_cbor_fail(&r, SS_REASON_TOO_LONG);
    }
    ss_status_t status = ss_cbor_status(&r, in, why);
    if (status != SS_OK)
        *statement = (struct ss_statement){0};
    return status;
}

ss_status_t ss_cose_read_payload(const struct ss_statement *statement, void *out, struct ss_refusal *why,
                                 const struct ss_cose_payload *payload)
{
    struct ss_cbor_reader r;
    memset(out, 0, payload->size);
    ss_cbor_reader_init(&r, statement->payload.p, statement->payload.len);
    if (statement->kind != payload->kind || !statement->payload.p) {
        r.p = statement->header.p;
        ss_cbor_fail(&r, SS_REASON_KIND);
    }
    ss_cbor_map(&r);
    payload->read_fields(&r, out);
    ss_cbor_map_end(&r);
    ss_cbor_end(&r);
    ss_status_t status = ss_cbor_status(&r, statement->start, why);
    if (status != SS_OK)
        memset(out, 0, payload->size);
    return status;
}

ss_status_t ss_statement_reference(const struct ss_statement *statement, uint8_t reference[SS_STATEMENT_DIGEST_SIZE])
{
    return ss_hash_once(SS_HASH_SHA256, statement->payload.p, statement->payload.len, reference);
}

ss_status_t ss_key_id(const uint8_t public_key[SS_STATEMENT_KEY_SIZE], uint8_t id[SS_KEY_ID_SIZE])
{
    uint8_t digest[32];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, public_key, SS_STATEMENT_KEY_SIZE, digest);
    if (status == SS_OK)
        memcpy(id, digest, SS_KEY_ID_SIZE);
    return status;
}

// Head and bytes of a string within the Sig_structure.
static ss_status_t hash_bytes(struct ss_hash *h, struct ss_span bytes)
{
    uint8_t head[9];
    struct ss_cbor_writer w = {head, sizeof head, 0};
    ss_cbor_put_bytes_head(&w, bytes.len);
    ss_status_t status = ss_hash_update(h, head, w.len);
    return status == SS_OK && bytes.len ? ss_hash_update(h, bytes.p, bytes.len) : status;
}

ss_status_t ss_cose_digest(const struct ss_statement *statement, struct ss_span signer_header, uint8_t digest[32])
{
    // Array of 4 and a text of 10 bytes; array of 5 and a text of 9 bytes.
    static const char sign1[] = "\x84\x6ASignature1", sign[] = "\x85\x69Signature";
    bool one = statement->kind != SS_STATEMENT_KEY_SET;
    struct ss_hash h;
    ss_status_t status = ss_hash_init(&h, SS_HASH_SHA256);
    if (status != SS_OK)
        return status;
    status = ss_hash_update(&h, one ? sign1 : sign, one ? sizeof sign1 - 1 : sizeof sign - 1);
    if (status == SS_OK)
        status = hash_bytes(&h, statement->header);
    if (status == SS_OK && !one)
        status = hash_bytes(&h, signer_header);
    if (status == SS_OK)
        status = hash_bytes(&h, (struct ss_span){NULL, 0}); // no external data
    if (status == SS_OK)
        status = hash_bytes(&h, statement->payload);
    if (status == SS_OK)
        return ss_hash_finish(&h, digest);
    ss_hash_abort(&h);
    return status;
}

ss_status_t ss_statement_verify(const struct ss_statement *statement, const uint8_t public_key[SS_STATEMENT_KEY_SIZE],
                                struct ss_refusal *why)
{
    struct ss_refusal none, *refusal = why ? why : &none;
    uint8_t digest[32], id[SS_KEY_ID_SIZE];
    *refusal = (struct ss_refusal){SS_REASON_NONE, 0};
    if (!statement->signature)
        return SS_ERROR_INVALID_ARGUMENT;
    ss_status_t status = ss_key_id(public_key, id);
    if (status != SS_OK)
        return status;
    if (memcmp(id, statement->key_id, sizeof id) != 0) {
        refusal->reason = SS_REASON_SIGNER_UNKNOWN;
        return SS_ERROR_DOES_NOT_EXIST;
    }
    status = ss_cose_digest(statement, (struct ss_span){NULL, 0}, digest);
    if (status == SS_OK)
        status = ss_p256_verify(public_key, digest, statement->signature);
    if (status == SS_ERROR_INVALID_SIGNATURE)
        refusal->reason = SS_REASON_SIGNATURE;
    return status;
}
