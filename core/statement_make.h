// SPDX-License-Identifier: Apache-2.0
// What the makers of statements share. Hosts only, internal.
#ifndef SS_CORE_STATEMENT_MAKE_H
#define SS_CORE_STATEMENT_MAKE_H

#include "core/cose.h"
#include "slotseal/statement_sign.h"

/// What a COSE_Sign1 object is put together from.
struct ss_cose_parts {
    enum ss_statement_kind kind;
    const uint8_t *key_id;
    const uint8_t *signature;
    const uint8_t *payload;
    size_t payload_len;   ///< larger than its buffer if it did not fit: then it is above every limit, too
    const uint8_t *proof; ///< of a freshness record, else NULL
    size_t proof_len;
};

void ss_cose_put_sign1(struct ss_cbor_writer *w, const struct ss_cose_parts *parts);
void ss_cose_put_key_set(struct ss_cbor_writer *w, struct ss_span payload, const struct ss_cose_signature *signatures,
                         unsigned count);

/// Parses envelope and fields; that is the check of what was encoded.
SS_MUST_USE ss_status_t ss_statement_check_fields(const uint8_t *in, size_t len, struct ss_statement *statement,
                                                  struct ss_error *err);

/// The id of the public half of @p key.
SS_MUST_USE ss_status_t ss_signing_key_id(const ss_signing_key_t *key, uint8_t id[SS_KEY_ID_SIZE],
                                          struct ss_error *err);

/// A whole COSE_Sign1 statement of payload and proof in @p parts.
SS_MUST_USE ss_status_t ss_statement_make(struct ss_cose_parts *parts, const ss_signing_key_t *key, uint8_t *out,
                                          size_t size, size_t *len, struct ss_error *err);

/// Hands out what was made, if it keeps the limit of its kind and fits.
SS_MUST_USE ss_status_t ss_statement_output(const struct ss_cbor_writer *made, enum ss_statement_kind kind,
                                            uint8_t *out, size_t size, size_t *len, struct ss_error *err);

#endif
