// SPDX-License-Identifier: Apache-2.0
// Making statements. Hosts only. Each function takes the same struct that the parser of its kind gives, checks it by
// parsing what it made, signs, and verifies the signature before it hands the statement out.
//
// All of them: up to @p size bytes to @p out (SS_STATEMENT_MAX always suffices), the length to *@p len, 0 on error.
//   SS_ERROR_DATA_INVALID        a field is outside its range; @p err names the reason
//   SS_ERROR_BUFFER_TOO_SMALL    *@p len is the length needed
//   SS_ERROR_NOT_SUPPORTED       the key is not P-256
//   SS_ERROR_NOT_PERMITTED       it is a public key
//   others                       as ss_signing_key_sign_es256(): the key may sit in a token
#ifndef SLOTSEAL_STATEMENT_SIGN_H
#define SLOTSEAL_STATEMENT_SIGN_H

#include "slotseal/delivery.h"
#include "slotseal/error.h"
#include "slotseal/freshness.h"
#include "slotseal/key_set.h"
#include "slotseal/release.h"
#include "slotseal/rollout.h"
#include "slotseal/signing_key.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The fields of a statement of any kind; its `kind` says of which.
union ss_statement_fields {
    struct ss_release release;
    struct ss_delivery delivery;
    struct ss_key_set key_set;
    struct ss_rollout rollout;
    struct ss_freshness freshness;
};

/// Parses the fields by the statement's kind. Statuses of the parser of that kind; @p why may be NULL.
SS_MUST_USE ss_status_t ss_statement_fields_parse(const struct ss_statement *statement,
                                                  union ss_statement_fields *fields, struct ss_refusal *why);

/// The message of a refusal: "delivery statement is for another device". Returns @p status.
ss_status_t ss_refusal_error(struct ss_error *err, ss_status_t status, enum ss_statement_kind kind,
                             const struct ss_refusal *why);

SS_MUST_USE ss_status_t ss_release_sign(const struct ss_release *release, const ss_signing_key_t *key, uint8_t *out,
                                        size_t size, size_t *len, struct ss_error *err);

/// The window digests are ss_window_digests() of what was sealed.
SS_MUST_USE ss_status_t ss_delivery_sign(const struct ss_delivery *delivery, const ss_signing_key_t *key, uint8_t *out,
                                         size_t size, size_t *len, struct ss_error *err);

SS_MUST_USE ss_status_t ss_rollout_sign(const struct ss_rollout *rollout, const ss_signing_key_t *key, uint8_t *out,
                                        size_t size, size_t *len, struct ss_error *err);

/// The signature of a batch of freshness records: over product, time, root and number of leaves, which all share.
struct ss_freshness_signature {
    uint8_t key_id[SS_KEY_ID_SIZE];
    uint8_t signature[SS_STATEMENT_SIGNATURE_SIZE];
};

/// The leaf of a device, to be hashed by ss_merkle_leaf(): fields device, release and key_set of @p record.
SS_MUST_USE ss_status_t ss_freshness_leaf(const struct ss_freshness *record, uint8_t *out, size_t size, size_t *len,
                                          struct ss_error *err);

/// Signs once for all leaves: fields product, time, root and leaves of @p record.
SS_MUST_USE ss_status_t ss_freshness_sign(const struct ss_freshness *record, const ss_signing_key_t *key,
                                          struct ss_freshness_signature *signature, struct ss_error *err);

/// The record of one device: all fields of @p record, with the batch's signature. `leaf` need not be set.
SS_MUST_USE ss_status_t ss_freshness_encode(const struct ss_freshness *record,
                                            const struct ss_freshness_signature *signature, uint8_t *out, size_t size,
                                            size_t *len, struct ss_error *err);

/// A key set without a signature yet. `roles` need not be in order: keys and CAs are put in ascending order here,
/// `epochs` with their keys.
SS_MUST_USE ss_status_t ss_key_set_encode(const struct ss_key_set *set, uint8_t *out, size_t size, size_t *len,
                                          struct ss_error *err);

/// Adds a signature to the key set in @p in: its signers sit in different places, and each passes it on. A signature by
/// the same key is replaced. Whether it is a root key, is not checked here.
/// SS_ERROR_DATA_INVALID also if @p in is no key set; SS_ERROR_INSUFFICIENT_SPACE if it has all the signatures that it
/// can hold. out == in is allowed.
SS_MUST_USE ss_status_t ss_key_set_sign(const uint8_t *in, size_t in_len, const ss_signing_key_t *key, uint8_t *out,
                                        size_t size, size_t *len, struct ss_error *err);

#ifdef __cplusplus
}
#endif
#endif
