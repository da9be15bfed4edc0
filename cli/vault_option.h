// SPDX-License-Identifier: Apache-2.0
// Opening the vault: the options that every command on it has, and their environment variables. Those name where a key
// is; a key or passphrase itself is never an option or a variable.
#ifndef SS_CLI_VAULT_OPTION_H
#define SS_CLI_VAULT_OPTION_H

#include "cli.h"
#include "vault/vault.h"

#define OPTION_VAULT                                                                                                   \
    {                                                                                                                  \
        OPT_VAULT, "vault", 0, false, "URL", "sqlite:PATH or postgresql://... (SLOTSEAL_VAULT)", NULL,                 \
            COMPLETE_NOTHING                                                                                           \
    }
#define OPTION_VAULT_KEY                                                                                               \
    {                                                                                                                  \
        OPT_VAULT_KEY, "key", 'k', false, "SOURCE", "passphrase, file:, credential:, pkcs11: (SLOTSEAL_VAULT_KEY)",    \
            NULL, COMPLETE_NOTHING                                                                                     \
    }
/// --vault and --key, for commands that have no other --key.
#define OPTIONS_VAULT OPTION_VAULT, OPTION_VAULT_KEY
/// The vault key for commands whose --key is another one.
#define OPTION_VAULT_KEY_LONG                                                                                          \
    {                                                                                                                  \
        OPT_VAULT_KEY, "vault-key", 0, false, "SOURCE", "vault key: passphrase, file:, ... (SLOTSEAL_VAULT_KEY)",      \
            NULL, COMPLETE_NOTHING                                                                                     \
    }
/// For commands that sign with a key in the vault.
#define OPTION_VAULT_SIGNING_KEY                                                                                       \
    {                                                                                                                  \
        OPT_VAULT_SIGNING_KEY, "signing-key", 0, false, "SOURCE",                                                      \
            "what wraps signing keys, sources as for the vault key (SLOTSEAL_VAULT_SIGNING_KEY)", NULL,                \
            COMPLETE_NOTHING                                                                                           \
    }

/// Where the vault is: --vault, else the environment. CLI_OK, or CLI_USAGE with a report.
int vault_option_url(const struct cli_args *args, const char **url);
/// How it is opened: from --key and --signing-key, else the environment, else a passphrase.
struct ss_vault_options vault_option_options(const struct cli_args *args);

/// Opens the vault of these options, and its signing keys only with @p signing. CLI_OK; otherwise what to exit with, after
/// a report, and *@p vault is NULL. The caller ends it by ss_vault_close().
int vault_option_open(const struct cli_args *args, bool signing, struct ss_vault **vault);

/// The same for callers that report by themselves; @p args may be NULL: the environment alone says where and how.
/// SS_ERROR_INVALID_ARGUMENT if nothing says it; statuses of ss_vault_open().
SS_MUST_USE ss_status_t vault_option_connect(const struct cli_args *args, bool signing, struct ss_vault **vault,
                                             struct ss_error *err);

/// Opens the vault without its signing keys, runs @p work on it and closes it. An exit code.
int vault_option_run(const struct cli_args *args, int (*work)(const struct cli_args *args, struct ss_vault *vault));

/// Reports an error of the vault, with what to do about it where there is something. Returns CLI_FAILED.
int vault_fail(const struct ss_error *err);

#endif
