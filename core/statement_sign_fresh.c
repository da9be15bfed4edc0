// SPDX-License-Identifier: Apache-2.0
// Freshness records of a batch: one signature, a leaf and a path for each device. Hosts only.
#include <string.h>

#include "core/statement_fields.h"
#include "core/statement_make.h"

static ss_status_t hash_failed(struct ss_error *err, ss_status_t status)
{
    return ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash the freshness record: %s", ss_status_name(status));
}

static ss_status_t too_long(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_STATEMENT, "product, device id or path is too long");
}

ss_status_t ss_freshness_leaf(const struct ss_freshness *record, uint8_t *out, size_t size, size_t *len,
                              struct ss_error *err)
{
    struct ss_cbor_writer w = {out, size, 0};
    ss_freshness_put_leaf(&w, record);
    *len = w.len;
    if (w.len <= size)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_STATEMENT, "leaf is %zu bytes, there is room for %zu",
                        w.len, size);
}

ss_status_t ss_freshness_sign(const struct ss_freshness *record, const ss_signing_key_t *key,
                              struct ss_freshness_signature *signature, struct ss_error *err)
{
    // The record of leaf 0 with a path of zeros stands for all when the signed fields are checked.
    static const uint8_t leaf[] = {0xA2, 0x01, 0x61, '0', 0x02, 0x01};
    uint8_t path[SS_MERKLE_PATH_MAX * SS_STATEMENT_DIGEST_SIZE] = {0}, proof[SS_STATEMENT_MAX], payload[128];
    uint8_t made[SS_STATEMENT_MAX];
    struct ss_statement statement;
    struct ss_cbor_writer p = {proof, sizeof proof, 0}, w = {payload, sizeof payload, 0};
    size_t len;
    memset(signature, 0, sizeof *signature);
    if (record->leaves == 0 || record->leaves > SS_MERKLE_LEAVES_MAX)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_STATEMENT, "%u leaves, must be 1 to %u",
                            (unsigned)record->leaves, SS_MERKLE_LEAVES_MAX);
    ss_cbor_put_array(&p, 3);
    ss_cbor_put_bytes(&p, leaf, sizeof leaf);
    ss_cbor_put_uint(&p, 0);
    ss_cbor_put_bytes(&p, path, ss_merkle_path_len(0, record->leaves) * SS_STATEMENT_DIGEST_SIZE);
    ss_freshness_put(&w, record);
    if (w.len > sizeof payload)
        return too_long(err);
    struct ss_cose_parts parts = {SS_STATEMENT_FRESHNESS, NULL, NULL, payload, w.len, proof, p.len};
    ss_status_t status = ss_statement_make(&parts, key, made, sizeof made, &len, err);
    if (status != SS_OK)
        return status;
    if ((status = ss_statement_parse(made, len, &statement, NULL)) != SS_OK)
        return hash_failed(err, status);
    memcpy(signature->key_id, statement.key_id, SS_KEY_ID_SIZE);
    memcpy(signature->signature, statement.signature, SS_STATEMENT_SIGNATURE_SIZE);
    return SS_OK;
}

ss_status_t ss_freshness_encode(const struct ss_freshness *record, const struct ss_freshness_signature *signature,
                                uint8_t *out, size_t size, size_t *len, struct ss_error *err)
{
    uint8_t proof[SS_STATEMENT_MAX], leaf[SS_FRESHNESS_LEAF_MAX], payload[128], made[SS_STATEMENT_MAX];
    struct ss_cbor_writer l = {leaf, sizeof leaf, 0}, p = {proof, sizeof proof, 0}, w = {payload, sizeof payload, 0};
    struct ss_cbor_writer m = {made, sizeof made, 0};
    struct ss_statement statement;
    *len = 0;
    ss_freshness_put_leaf(&l, record);
    ss_freshness_put(&w, record);
    if (l.len > sizeof leaf || w.len > sizeof payload || record->path_len > SS_MERKLE_PATH_MAX)
        return too_long(err);
    ss_cbor_put_array(&p, 3);
    ss_cbor_put_bytes(&p, leaf, l.len);
    ss_cbor_put_uint(&p, record->index);
    ss_cbor_put_bytes(&p, record->path, (size_t)record->path_len * SS_STATEMENT_DIGEST_SIZE);
    struct ss_cose_parts parts = {
        SS_STATEMENT_FRESHNESS, signature->key_id, signature->signature, payload, w.len, proof, p.len};
    ss_cose_put_sign1(&m, &parts);
    if (m.len <= sizeof made) {
        ss_status_t status = ss_statement_check_fields(made, m.len, &statement, err);
        if (status != SS_OK)
            return status;
    }
    return ss_statement_output(&m, SS_STATEMENT_FRESHNESS, out, size, len, err);
}
