// SPDX-License-Identifier: Apache-2.0
// Is the vault whole? And the numbers that describe it.
#ifndef SS_VAULT_CHECK_H
#define SS_VAULT_CHECK_H

#include "vault/audit.h"
#include "vault/vault.h"

struct ss_vault_report {
    char back_end[16]; ///< "sqlite", "postgresql"
    char id[33];       ///< of the vault, hex
    int64_t layout;    ///< version of the tables
    int64_t products, devices, releases, secrets;
    int64_t locked;                   ///< signing keys that were not checked: what wraps them is not open
    int64_t key_version;              ///< of the vault key
    bool rewrap_unfinished;           ///< records are left under an older version
    struct ss_vault_audit_head audit; ///< verified
};

/// Decrypts every record whose wrapping key is open, verifies the audit log, and counts. SS_ERROR_DATA_CORRUPT or
/// SS_ERROR_INVALID_SIGNATURE names the first thing that is not as the vault wrote it.
SS_MUST_USE ss_status_t ss_vault_check(struct ss_vault *vault, struct ss_vault_report *report, struct ss_error *err);

#endif
