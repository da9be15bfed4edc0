// SPDX-License-Identifier: Apache-2.0
// Key sets: made without a signature, and signed by one root key after the other. Hosts only.
#include <string.h>

#include "core/crypto.h"
#include "core/statement_fields.h"
#include "core/statement_make.h"

static void swap_keys(struct ss_key_set *set, enum ss_key_role role, unsigned a, unsigned b)
{
    struct ss_role_keys *keys = &set->roles[role];
    const uint8_t *key = keys->keys[a];
    keys->keys[a] = keys->keys[b];
    keys->keys[b] = key;
    if (role == SS_ROLE_DELIVERY) {
        uint32_t epoch = set->epochs[a];
        set->epochs[a] = set->epochs[b];
        set->epochs[b] = epoch;
    }
}

static void sort(struct ss_key_set *set)
{
    for (unsigned role = 0; role < SS_ROLE_COUNT; role++)
        for (unsigned i = 1; i < set->roles[role].count; i++)
            for (unsigned k = i; k > 0; k--)
                if (memcmp(set->roles[role].keys[k - 1], set->roles[role].keys[k], SS_STATEMENT_KEY_SIZE) > 0)
                    swap_keys(set, role, k - 1, k);
    for (unsigned i = 1; i < set->ca_count; i++)
        for (unsigned k = i; k > 0; k--)
            if (memcmp(set->cas[k - 1], set->cas[k], SS_STATEMENT_DIGEST_SIZE) > 0) {
                const uint8_t *ca = set->cas[k - 1];
                set->cas[k - 1] = set->cas[k];
                set->cas[k] = ca;
            }
}

static bool counts_fit(const struct ss_key_set *set)
{
    static const uint8_t most[SS_ROLE_COUNT] = {SS_ROOT_KEYS_MAX, SS_RELEASE_KEYS_MAX, SS_DELIVERY_KEYS_MAX,
                                                SS_OPERATOR_KEYS_MAX};
    for (unsigned role = 0; role < SS_ROLE_COUNT; role++)
        if (set->roles[role].count > most[role])
            return false;
    return set->ca_count <= SS_CAS_MAX && set->server_count <= SS_SERVERS_MAX;
}

// Puts a key set together, and hands it out if it parses.
static ss_status_t output(struct ss_span payload, const struct ss_cose_signature *signatures, unsigned count,
                          uint8_t *out, size_t size, size_t *len, struct ss_error *err)
{
    uint8_t made[SS_STATEMENT_MAX];
    struct ss_statement statement;
    struct ss_cbor_writer w = {made, sizeof made, 0};
    ss_cose_put_key_set(&w, payload, signatures, count);
    if (w.len <= SS_KEY_SET_MAX) {
        ss_status_t status = ss_statement_check_fields(made, w.len, &statement, err);
        if (status != SS_OK)
            return status;
    }
    return ss_statement_output(&w, SS_STATEMENT_KEY_SET, out, size, len, err);
}

ss_status_t ss_key_set_encode(const struct ss_key_set *set, uint8_t *out, size_t size, size_t *len,
                              struct ss_error *err)
{
    uint8_t payload[SS_STATEMENT_MAX];
    struct ss_cbor_writer w = {payload, sizeof payload, 0};
    struct ss_key_set sorted = *set;
    *len = 0;
    if (!counts_fit(set))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_STATEMENT, "too many keys, CAs or servers");
    sort(&sorted);
    ss_key_set_put(&w, &sorted);
    if (w.len > sizeof payload)
        return ss_statement_output(&w, SS_STATEMENT_KEY_SET, out, size, len, err);
    return output((struct ss_span){payload, (uint16_t)w.len}, NULL, 0, out, size, len, err);
}

// The digest for one more signer of @p statement.
static ss_status_t signer_digest(const struct ss_statement *statement, const uint8_t *key_id, uint8_t digest[32])
{
    uint8_t encoded[SS_COSE_HEADER_MAX];
    struct ss_cbor_writer w = {encoded, sizeof encoded, 0};
    ss_cbor_put_map(&w, 2);
    ss_cbor_put_uint(&w, SS_COSE_ALG);
    ss_cbor_put_negative(&w, SS_COSE_ES256);
    ss_put_bytes_field(&w, SS_COSE_KEY_ID, key_id, SS_KEY_ID_SIZE);
    return ss_cose_digest(statement, (struct ss_span){encoded, (uint16_t)w.len}, digest);
}

// The signatures of @p statement with @p mine in its place. False if there are too many.
static bool merge(const struct ss_statement *statement, struct ss_cose_signature mine, struct ss_cose_signature *all,
                  unsigned *count)
{
    struct ss_cbor_reader r;
    bool placed = false;
    *count = 0;
    ss_cbor_reader_init(&r, statement->rest.p, statement->rest.len);
    for (unsigned i = 0; i < statement->signatures; i++) {
        struct ss_cose_signature one;
        ss_cose_read_signature(&r, &one);
        int order = memcmp(one.key_id, mine.key_id, SS_KEY_ID_SIZE);
        if (order >= 0 && !placed) {
            all[(*count)++] = mine;
            placed = true;
        }
        if (order != 0)
            all[(*count)++] = one;
    }
    if (!placed)
        all[(*count)++] = mine;
    return *count <= SS_KEY_SET_SIGNATURES_MAX;
}

ss_status_t ss_key_set_sign(const uint8_t *in, size_t in_len, const ss_signing_key_t *key, uint8_t *out, size_t size,
                            size_t *len, struct ss_error *err)
{
    uint8_t key_id[SS_KEY_ID_SIZE], digest[32], signature[SS_STATEMENT_SIGNATURE_SIZE];
    struct ss_cose_signature all[SS_KEY_SET_SIGNATURES_MAX + 1];
    struct ss_statement statement;
    unsigned count;
    *len = 0;
    ss_status_t status = ss_statement_check_fields(in, in_len, &statement, err);
    if (status != SS_OK)
        return status;
    if (statement.kind != SS_STATEMENT_KEY_SET)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_STATEMENT, "this is a %s statement, not a key set",
                            ss_statement_kind_name(statement.kind));
    status = ss_signing_key_id(key, key_id, err);
    if (status == SS_OK && (status = signer_digest(&statement, key_id, digest)) != SS_OK)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash the key set: %s", ss_status_name(status));
    if (status == SS_OK)
        status = ss_signing_key_sign_es256(key, digest, signature, err);
    if (status != SS_OK)
        return status;
    struct ss_cose_signature mine = {.key_id = key_id, .signature = signature};
    if (!merge(&statement, mine, all, &count))
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_STATEMENT,
                            "the key set has %u signatures, the limit", SS_KEY_SET_SIGNATURES_MAX);
    return output(statement.payload, all, count, out, size, len, err);
}
