// SPDX-License-Identifier: Apache-2.0
// One file that holds a whole vault, independent of the back end: what SQLite wrote can be restored into PostgreSQL. Secrets
// stay wrapped in it, so that it is as safe to keep as the database and as useless without the vault key.
#ifndef SS_VAULT_BACKUP_H
#define SS_VAULT_BACKUP_H

#include "vault/check.h"
#include "vault/vault.h"

/// Writes a backup to the new file @p path, mode 0600: one consistent picture, while others go on. It appears under its name
/// only when it is complete and on disk. SS_ERROR_ALREADY_EXISTS for @p path; SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_vault_backup(struct ss_vault *vault, const char *path, struct ss_error *err);

/// Makes a vault at @p url of the backup @p path, whose keys @p options name, and verifies it whole before it exists: the
/// file's hash and signature, that every record decrypts (signing keys only with options->signing_key), the audit log.
/// @p report (NULL: not wanted) is that of ss_vault_check().
///   SS_ERROR_ALREADY_EXISTS      the database holds something
///   SS_ERROR_DATA_INVALID        not a backup of a vault
///   SS_ERROR_DATA_CORRUPT        it is damaged or cut short
///   SS_ERROR_INVALID_SIGNATURE   its content is not what the vault wrote
///   SS_ERROR_NOT_PERMITTED       wrong key
///   SS_ERROR_NOT_SUPPORTED       from a newer program
///   SS_ERROR_DOES_NOT_EXIST      no such file or key
SS_MUST_USE ss_status_t ss_vault_restore(const char *url, const struct ss_vault_options *options, const char *path,
                                         struct ss_vault_report *report, struct ss_error *err);

#endif
