// SPDX-License-Identifier: Apache-2.0
// What a whole vault is like, in words or JSON.
#ifndef SS_CLI_VAULT_REPORT_H
#define SS_CLI_VAULT_REPORT_H

#include "cli.h"
#include "vault/check.h"

/// Prints @p report on stdout; the exit code.
int vault_report_print(const struct cli_args *args, const struct ss_vault_report *report);

/// True for statuses that say something about a vault or backup, rather than about this machine or the command line.
bool vault_report_is_verdict(ss_status_t status);

#endif
