// SPDX-License-Identifier: Apache-2.0
// The chain's links, for the files that write, verify and restore it. Internal to vault/.
#ifndef SS_VAULT_AUDIT_CHAIN_H
#define SS_VAULT_AUDIT_CHAIN_H

#include "vault/internal.h"

/// hash(n) of @p record, whose own hash is not looked at, after a record with hash @p before.
SS_MUST_USE ss_status_t ss_audit_hash(const uint8_t vault_id[SS_VAULT_ID_SIZE],
                                      const struct ss_vault_audit_record *record,
                                      const uint8_t before[SS_VAULT_AUDIT_HASH_SIZE],
                                      uint8_t out[SS_VAULT_AUDIT_HASH_SIZE], struct ss_error *err);
/// What the head's signature is over.
SS_MUST_USE ss_status_t ss_audit_head_digest(const struct ss_vault_audit_head *head, uint8_t out[32],
                                             struct ss_error *err);
/// The head as stored; number 0 if nothing was ever recorded. SS_ERROR_DATA_CORRUPT.
SS_MUST_USE ss_status_t ss_audit_read_head(struct ss_vault *vault, struct ss_vault_audit_head *head,
                                           struct ss_error *err);
/// ss_vault_audit_verify() within a transaction.
SS_MUST_USE ss_status_t ss_audit_verify_within(struct ss_vault *vault, struct ss_vault_audit_head *head,
                                               struct ss_error *err);

#endif
