// SPDX-License-Identifier: Apache-2.0
// Copies of the audit log and its heads, as `vault audit` prints them in JSON. What is read comes from outside.
#ifndef SS_CLI_AUDIT_FILE_H
#define SS_CLI_AUDIT_FILE_H

#include "file.h"
#include "vault/audit.h"

/// A head, whose signature is not looked at. SS_ERROR_DATA_INVALID: it is none; *@p head is all zero then.
SS_MUST_USE ss_status_t audit_file_head(const struct input *file, struct ss_vault_audit_head *head,
                                        struct ss_error *err);
/// Follows all records of a log, as ss_vault_audit_follow() does. SS_ERROR_DATA_INVALID: it is no log;
/// SS_ERROR_DATA_CORRUPT also for what is no record.
SS_MUST_USE ss_status_t audit_file_follow(const struct input *file, struct ss_vault_audit_chain *chain,
                                          struct ss_error *err);

#endif
