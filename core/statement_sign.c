// SPDX-License-Identifier: Apache-2.0
// Making statements, hosts only: encode, parse what was encoded, sign, verify.
#include "slotseal/statement_sign.h"

#include <string.h>

#include "core/crypto.h"
#include "core/statement_fields.h"
#include "core/statement_make.h"

ss_status_t ss_refusal_error(struct ss_error *err, ss_status_t status, enum ss_statement_kind kind,
                             const struct ss_refusal *why)
{
    if (why->reason == SS_REASON_NONE)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "%s statement: %s", ss_statement_kind_name(kind),
                            ss_status_name(status));
    if (why->reason <= SS_REASON_SHARED_KEY)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "%s statement %s, at byte %u", ss_statement_kind_name(kind),
                            ss_reason_text(why->reason), why->offset);
    return ss_error_set(err, status, SS_AREA_STATEMENT, "%s statement %s", ss_statement_kind_name(kind),
                        ss_reason_text(why->reason));
}

// {1: -7, 3: content type, 4: key id}, without what a key set's two headers leave out.
static void put_header(struct ss_cbor_writer *w, bool with_type, enum ss_statement_kind kind, const uint8_t *key_id)
{
    uint8_t header[SS_COSE_HEADER_MAX];
    struct ss_cbor_writer h = {header, sizeof header, 0};
    ss_cbor_put_map(&h, (key_id ? 2 : 0) + with_type);
    if (key_id) {
        ss_cbor_put_uint(&h, SS_COSE_ALG);
        ss_cbor_put_negative(&h, SS_COSE_ES256);
    }
    if (with_type)
        ss_put_text_field(&h, SS_COSE_CONTENT_TYPE, ss_cose_content_type(kind));
    if (key_id)
        ss_put_bytes_field(&h, SS_COSE_KEY_ID, key_id, SS_KEY_ID_SIZE);
    ss_cbor_put_bytes(w, header, h.len);
}

void ss_cose_put_sign1(struct ss_cbor_writer *w, const struct ss_cose_parts *parts)
{
    ss_cbor_put_tag(w, SS_COSE_TAG_SIGN1);
    ss_cbor_put_array(w, 4);
    put_header(w, true, parts->kind, parts->key_id);
    ss_cbor_put_map(w, parts->proof != NULL);
    if (parts->proof) {
        ss_cbor_put_negative(w, SS_COSE_PROOF);
        ss_cbor_put_raw(w, parts->proof, parts->proof_len);
    }
    ss_cbor_put_bytes(w, parts->payload, parts->payload_len);
    ss_cbor_put_bytes(w, parts->signature, SS_STATEMENT_SIGNATURE_SIZE);
}

void ss_cose_put_key_set(struct ss_cbor_writer *w, struct ss_span payload, const struct ss_cose_signature *signatures,
                         unsigned count)
{
    ss_cbor_put_tag(w, SS_COSE_TAG_SIGN);
    ss_cbor_put_array(w, 4);
    put_header(w, true, SS_STATEMENT_KEY_SET, NULL);
    ss_cbor_put_map(w, 0);
    ss_cbor_put_bytes(w, payload.p, payload.len);
    ss_cbor_put_array(w, count);
    for (unsigned i = 0; i < count; i++) {
        ss_cbor_put_array(w, 3);
        put_header(w, false, SS_STATEMENT_KEY_SET, signatures[i].key_id);
        ss_cbor_put_map(w, 0);
        ss_cbor_put_bytes(w, signatures[i].signature, SS_STATEMENT_SIGNATURE_SIZE);
    }
}

ss_status_t ss_statement_output(const struct ss_cbor_writer *made, enum ss_statement_kind kind, uint8_t *out,
                                size_t size, size_t *len, struct ss_error *err)
{
    if (made->len > ss_statement_max(kind))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_STATEMENT,
                            "%s statement is %zu bytes, the limit is %zu", ss_statement_kind_name(kind), made->len,
                            ss_statement_max(kind));
    *len = made->len;
    if (made->len > size)
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_STATEMENT,
                            "%s statement is %zu bytes, there is room for %zu", ss_statement_kind_name(kind), made->len,
                            size);
    memmove(out, made->out, made->len);
    return SS_OK;
}

ss_status_t ss_statement_fields_parse(const struct ss_statement *statement, union ss_statement_fields *fields,
                                      struct ss_refusal *why)
{
    switch (statement->kind) {
    case SS_STATEMENT_RELEASE:
        return ss_release_parse(statement, &fields->release, why);
    case SS_STATEMENT_DELIVERY:
        return ss_delivery_parse(statement, &fields->delivery, why);
    case SS_STATEMENT_KEY_SET:
        return ss_key_set_parse(statement, &fields->key_set, why);
    case SS_STATEMENT_ROLLOUT:
        return ss_rollout_parse(statement, &fields->rollout, why);
    default:
        return ss_freshness_parse(statement, &fields->freshness, why);
    }
}

ss_status_t ss_statement_check_fields(const uint8_t *in, size_t len, struct ss_statement *statement,
                                      struct ss_error *err)
{
    union ss_statement_fields fields;
    struct ss_refusal why = {SS_REASON_NONE, 0};
    enum ss_statement_kind kind = SS_STATEMENT_RELEASE;
    ss_status_t status = ss_statement_parse(in, len, statement, &why);
    if (status == SS_OK) {
        kind = statement->kind;
        status = ss_statement_fields_parse(statement, &fields, &why);
    }
    return status == SS_OK ? SS_OK : ss_refusal_error(err, status, kind, &why);
}

ss_status_t ss_signing_key_id(const ss_signing_key_t *key, uint8_t id[SS_KEY_ID_SIZE], struct ss_error *err)
{
    uint8_t raw[SS_STATEMENT_KEY_SIZE];
    if (ss_signing_key_type(key) != SS_KEY_P256)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_STATEMENT,
                            "key is %s, statements are signed with P-256", ss_key_type_name(ss_signing_key_type(key)));
    ss_status_t status = ss_signing_key_raw_public(key, raw, err);
    if (status != SS_OK)
        return status;
    status = ss_key_id(raw, id);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash the key");
}

ss_status_t ss_statement_make(struct ss_cose_parts *parts, const ss_signing_key_t *key, uint8_t *out, size_t size,
                              size_t *len, struct ss_error *err)
{
    // Put together twice: with a signature of zeros, to be parsed; then with the one over what was parsed.
    uint8_t made[SS_STATEMENT_MAX], key_id[SS_KEY_ID_SIZE], digest[32], signature[SS_STATEMENT_SIGNATURE_SIZE] = {0};
    struct ss_cbor_writer w = {made, sizeof made, 0};
    struct ss_statement statement;
    *len = 0;
    ss_status_t status = ss_signing_key_id(key, key_id, err);
    if (status != SS_OK)
        return status;
    parts->key_id = key_id;
    parts->signature = signature;
    ss_cose_put_sign1(&w, parts);
    if (w.len > ss_statement_max(parts->kind))
        return ss_statement_output(&w, parts->kind, out, size, len, err);
    status = ss_statement_check_fields(made, w.len, &statement, err);
    if (status == SS_OK && (status = ss_cose_digest(&statement, (struct ss_span){NULL, 0}, digest)) != SS_OK)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash the statement: %s", ss_status_name(status));
    if (status == SS_OK)
        status = ss_signing_key_sign_es256(key, digest, signature, err);
    if (status != SS_OK)
        return status;
    w.len = 0;
    ss_cose_put_sign1(&w, parts);
    return ss_statement_output(&w, parts->kind, out, size, len, err);
}

static ss_status_t sign_payload(enum ss_statement_kind kind, const struct ss_cbor_writer *payload,
                                const ss_signing_key_t *key, uint8_t *out, size_t size, size_t *len,
                                struct ss_error *err)
{
    struct ss_cose_parts parts = {.kind = kind, .payload = payload->out, .payload_len = payload->len};
    return ss_statement_make(&parts, key, out, size, len, err);
}

ss_status_t ss_release_sign(const struct ss_release *release, const ss_signing_key_t *key, uint8_t *out, size_t size,
                            size_t *len, struct ss_error *err)
{
    uint8_t payload[SS_STATEMENT_MAX];
    struct ss_cbor_writer w = {payload, sizeof payload, 0};
    ss_release_put(&w, release);
    return sign_payload(SS_STATEMENT_RELEASE, &w, key, out, size, len, err);
}

ss_status_t ss_delivery_sign(const struct ss_delivery *delivery, const ss_signing_key_t *key, uint8_t *out, size_t size,
                             size_t *len, struct ss_error *err)
{
    uint8_t payload[SS_STATEMENT_MAX];
    struct ss_cbor_writer w = {payload, sizeof payload, 0};
    ss_delivery_put(&w, delivery);
    return sign_payload(SS_STATEMENT_DELIVERY, &w, key, out, size, len, err);
}

ss_status_t ss_rollout_sign(const struct ss_rollout *rollout, const ss_signing_key_t *key, uint8_t *out, size_t size,
                            size_t *len, struct ss_error *err)
{
    *len = 0;
    if (rollout->stage_count > SS_ROLLOUT_STAGES_MAX || rollout->device_count > SS_ROLLOUT_DEVICES_MAX)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_STATEMENT, "too many stages or devices");
    uint8_t payload[SS_STATEMENT_MAX];
    struct ss_cbor_writer w = {payload, sizeof payload, 0};
    ss_rollout_put(&w, rollout);
    return sign_payload(SS_STATEMENT_ROLLOUT, &w, key, out, size, len, err);
}
