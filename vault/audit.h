// SPDX-License-Identifier: Apache-2.0
// The audit log: every use of a secret, in a chain of hashes whose head is signed. Who can write the database but lacks
// the vault key cannot change, drop or reorder a record unnoticed; a log cut back to an older head is found by comparing
// it with a head that was kept elsewhere.
//
//   hash(n) = SHA-256("slotseal audit 1" 00 | vault id (16) | n, time (le64 each) |
//                     actor, action, subject, detail (le32 length and bytes each) | hash(n - 1))
//   hash(0) = 32 zero bytes
//   head    = n, hash(n), ECDSA P-256 signature r|s over SHA-256("slotseal audit head 1" 00 | vault id | n (le64) | hash(n))
#ifndef SS_VAULT_AUDIT_H
#define SS_VAULT_AUDIT_H

#include "vault/vault.h"

enum ss_vault_action {
    SS_AUDIT_CREATE,   ///< the vault itself, or a key version
    SS_AUDIT_GENERATE, ///< a key was made
    SS_AUDIT_IMPORT,
    SS_AUDIT_UNWRAP, ///< a key was taken out, for the purpose in the detail
    SS_AUDIT_EXPORT,
    SS_AUDIT_FORGET,
    SS_AUDIT_SEAL, ///< one for each device, release and slot
    SS_AUDIT_SIGN,
    SS_AUDIT_BURN,  ///< an irreversible eFuse was written
    SS_AUDIT_STATE, ///< a device's state was changed
    SS_AUDIT_REWRAP,
    SS_AUDIT_BACKUP,
    SS_AUDIT_RESTORE,
    SS_AUDIT_QUOTA,
    SS_AUDIT_RELEASE, ///< a release was stored
};

/// Longest subject and detail of a record, bytes.
#define SS_VAULT_SUBJECT_MAX      256
#define SS_VAULT_AUDIT_DETAIL_MAX 1024
#define SS_VAULT_AUDIT_HASH_SIZE  32

struct ss_vault_audit_record {
    int64_t number; ///< from 1, without gaps
    int64_t time;   ///< seconds since 1970
    char actor[2 * SS_VAULT_NAME_SIZE];
    char action[24];
    char subject[SS_VAULT_SUBJECT_MAX + 1]; ///< a device's id, a key's name, …
    char detail[SS_VAULT_AUDIT_DETAIL_MAX + 1];
    uint8_t hash[SS_VAULT_AUDIT_HASH_SIZE];
};

/// The end of the chain at some time.
struct ss_vault_audit_head {
    uint8_t vault_id[16];
    int64_t number;
    uint8_t hash[SS_VAULT_AUDIT_HASH_SIZE];
    uint8_t signature[64];
};

/// Appends a record, durable when this returns SS_OK. For what others do with what the vault gave them: SEAL, BURN, SIGN.
/// The vault writes the others itself. SS_ERROR_INVALID_ARGUMENT: too long, or not UTF-8. @p detail NULL: none.
SS_MUST_USE ss_status_t ss_vault_audit(struct ss_vault *vault, enum ss_vault_action action, const char *subject,
                                       const char *detail, struct ss_error *err);

/// Calls @p each for the records from number @p from on, oldest first, until it returns something other than SS_OK.
SS_MUST_USE ss_status_t ss_vault_audit_read(struct ss_vault *vault, int64_t from,
                                            ss_status_t (*each)(void *context,
                                                                const struct ss_vault_audit_record *record,
                                                                struct ss_error *err),
                                            void *context, struct ss_error *err);

/// Walks the whole chain in one consistent picture, compares its end with the head and verifies the head's signature
/// under the audit key that is wrapped in the vault. With @p known, a head kept from earlier, also that it lies on the
/// chain. @p head (NULL: not wanted) gets the present one.
///   SS_ERROR_DATA_CORRUPT        a record was changed, dropped, put in or moved: the message names the first one
///   SS_ERROR_INVALID_SIGNATURE   the head is not what the vault signed, or @p known is not
///   SS_ERROR_NOT_PERMITTED       the log ends before @p known: it, or the whole vault, is an older copy
SS_MUST_USE ss_status_t ss_vault_audit_verify(struct ss_vault *vault, const struct ss_vault_audit_head *known,
                                              struct ss_vault_audit_head *head, struct ss_error *err);

/// The audit public key as PEM, terminated, for whoever checks heads without the vault.
SS_MUST_USE ss_status_t ss_vault_audit_public_key(struct ss_vault *vault, char pem[SS_VAULT_PUBLIC_KEY_SIZE],
                                                  struct ss_error *err);

/// Checks a head's signature with the public key alone. SS_ERROR_INVALID_SIGNATURE, SS_ERROR_DATA_INVALID for the key.
SS_MUST_USE ss_status_t ss_vault_audit_head_verify(const struct ss_vault_audit_head *head, const char *public_key_pem,
                                                   struct ss_error *err);

/// A copy of the log that is followed record by record, without the vault or a key of it.
struct ss_vault_audit_chain {
    uint8_t vault_id[16];
    const struct ss_vault_audit_head *head; ///< the caller's; must lie on the chain. NULL: none
    int64_t number;                         ///< of the last record; 0: none yet
    uint8_t hash[SS_VAULT_AUDIT_HASH_SIZE]; ///< of it; zeros before the first
};

/// Takes the next record, from number 1 on. What is signed by @p chain->head ends at its number: the caller verifies its
/// signature and sees to it that the chain gets there.
/// SS_ERROR_DATA_CORRUPT: a record was changed, dropped, put in or moved, or is not the head's.
SS_MUST_USE ss_status_t ss_vault_audit_follow(struct ss_vault_audit_chain *chain,
                                              const struct ss_vault_audit_record *record, struct ss_error *err);

#endif
