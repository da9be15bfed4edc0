// SPDX-License-Identifier: Apache-2.0
// Backups, restoring them, and new keys.
#include <stdio.h>
#include <unistd.h>

#include "commands.h"
#include "vault/backup.h"
#include "vault/rewrap.h"
#include "vault_option.h"
#include "vault_report.h"

static const struct cli_option backup_options[] = {
    {OPT_OUTPUT, "output", 'o', true, "FILE", "the backup, a new file", NULL, COMPLETE_FILE},
    OPTIONS_VAULT,
    OPTION_END};

static int run_backup(const struct cli_args *args)
{
    struct ss_vault *vault;
    struct ss_error err = {0};
    int status = vault_option_open(args, false, &vault);
    if (status != CLI_OK)
        return status;
    if (ss_vault_backup(vault, args->options[OPT_OUTPUT], &err) != SS_OK)
        status = vault_fail(&err);
    ss_vault_close(vault);
    return status;
}

const struct cli_command command_vault_backup = {
    .path = "vault backup",
    .summary = "write the whole vault to one file",
    .description =
        "A consistent picture, also while others work on the vault. Secrets stay wrapped in it: it is worth nothing "
        "without the vault key, of which it holds no copy. Keep that one, too, and elsewhere.",
    .options = backup_options,
    .example = "slotseal vault backup --vault sqlite:fleet.vault -o fleet-monday.backup\n",
    .run = run_backup,
};

static const struct cli_option restore_options[] = {OPTIONS_VAULT, OPTION_VAULT_SIGNING_KEY, OPTION_JSON, OPTION_END};

static int run_restore(const struct cli_args *args)
{
    struct ss_vault_options options = vault_option_options(args);
    struct ss_vault_report report;
    struct ss_error err = {0};
    const char *url;
    int status = vault_option_url(args, &url);
    if (status != CLI_OK)
        return status;
    ss_status_t found = ss_vault_restore(url, &options, args->operands[0], &report, &err);
    if (found == SS_OK)
        return vault_report_print(args, &report);
    vault_fail(&err);
    return vault_report_is_verdict(found) ? CLI_REFUSED : CLI_FAILED;
}

const struct cli_command command_vault_restore = {
    .path = "vault restore",
    .summary = "make a vault of a backup",
    .description =
        "Into a new file or an empty database, of either kind, whatever the backup came from. Every record is "
        "decrypted "
        "and the audit log verified before anything is kept. Exit status 3: the backup is damaged or was changed.\n\n"
        "Restoring into a scratch file is the drill that shows that backup and key fit together.",
    .operands = "FILE",
    .options = restore_options,
    .example = "slotseal vault restore fleet-monday.backup --vault sqlite:drill.vault\n",
    .run = run_restore,
};

static const struct cli_option rewrap_options[] = {
    {OPT_NEW_KEY, "new-key", 0, false, "SOURCE", "the new vault key, like --key", NULL, COMPLETE_NOTHING},
    {OPT_NEW_SIGNING_KEY, "new-signing-key", 0, false, "SOURCE", "a new key to wrap signing keys", NULL,
     COMPLETE_NOTHING},
    OPTIONS_VAULT,
    OPTION_VAULT_SIGNING_KEY,
    OPTION_END,
};

static void show_progress(void *context, uint64_t done)
{
    (void)context;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%llu records", (unsigned long long)done);
}

static int run_rewrap(const struct cli_args *args)
{
    struct ss_vault_options options = vault_option_options(args);
    const struct ss_vault_rewrap rewrap = {.new_key = args->options[OPT_NEW_KEY],
                                           .new_signing_key = args->options[OPT_NEW_SIGNING_KEY],
                                           .progress = show_progress};
    struct ss_error err = {0};
    const char *url;
    if (!rewrap.new_key && !rewrap.new_signing_key)
        return cli_usage("--new-key SOURCE, --new-signing-key SOURCE or both", "which key is to be a new one?");
    int status = vault_option_url(args, &url);
    if (status != CLI_OK)
        return status;
    ss_status_t done = ss_vault_rewrap(url, &options, &rewrap, &err);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    return done == SS_OK ? CLI_OK : vault_fail(&err);
}

const struct cli_command command_vault_rewrap = {
    .path = "vault rewrap",
    .summary = "put all secrets under a new key",
    .description =
        "Only what wraps the records' own keys changes: devices, their flash keys and sealed updates stay as they are. "
        "Interrupted, the same command goes on where it was. Programs that have the vault open need the new key when "
        "it "
        "is done.\n\n"
        "Backups from before still open with the old key. Destroy both if the old key is known to somebody.\n\n"
        "--new-signing-key also gives a key for signing keys to a vault that was made without.",
    .options = rewrap_options,
    .example = "slotseal vault rewrap --vault sqlite:fleet.vault \\\n"
               "    --key passphrase --new-key file:/etc/slotseal/key\n",
    .run = run_rewrap,
};
