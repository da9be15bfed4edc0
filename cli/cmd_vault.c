// SPDX-License-Identifier: Apache-2.0
// Making a vault, and looking whether it is whole.
#include "commands.h"
#include "signing.h"
#include "vault/check.h"
#include "vault/pkcs11.h"
#include "vault_option.h"
#include "vault_report.h"

static const struct cli_option init_options[] = {
    OPTIONS_VAULT,
    OPTION_VAULT_SIGNING_KEY,
    {OPT_GENERATE_KEY, "generate-key", 0, false, NULL, "make the keys that pkcs11: sources name", NULL,
     COMPLETE_NOTHING},
    OPTION_END,
};

/// Makes the keys that are to be in a token. A file is made without being told: it cannot be one that is there.
static int generate_keys(const struct ss_vault_options *options)
{
    const char *sources[] = {options->key, options->signing_key};
    unsigned made = 0;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct ss_error err = {0};
        if (!sources[i] || !ss_pkcs11_is_uri(sources[i]))
            continue;
        const struct ss_vault_key_request request = token_request(sources[i], "new key");
        if (ss_pkcs11_wrapping_key_generate(&request, &err) != SS_OK)
            return vault_fail(&err);
        made++;
    }
    return made ? CLI_OK : cli_usage(NULL, "--generate-key makes a key in a token, and no source is pkcs11:");
}

static int run_init(const struct cli_args *args)
{
    struct ss_vault_options options = vault_option_options(args);
    struct ss_vault *vault = NULL;
    struct ss_error err = {0};
    const char *url;
    int status = vault_option_url(args, &url);
    if (status != CLI_OK)
        return status;
    if (args->options[OPT_GENERATE_KEY] && (status = generate_keys(&options)) != CLI_OK)
        return status;
    if (ss_vault_create(url, &options, &vault, &err) != SS_OK)
        return vault_fail(&err);
    ss_vault_close(vault);
    return CLI_OK;
}

const struct cli_command command_vault_init = {
    .path = "vault init",
    .summary = "make a new vault",
    .description =
        "The vault keeps products, devices and their flash keys, in one SQLite file or in a PostgreSQL database. All "
        "that "
        "is secret in it is encrypted under the vault key, which comes from\n\n"
        "passphrase         asked for on the terminal, here twice; passphrase:fd:N reads it from an open file, "
        "passphrase:credential:NAME from a systemd credential\n\n"
        "file:PATH          a file of 32 random bytes, mode 0600; made if there is none\n\n"
        "credential:NAME    32 bytes from a systemd credential\n\n"
        "pkcs11:URI         an AES-256 key that stays in its token; --generate-key makes it there\n\n"
        "Lose it and everything in the vault is lost: make a backup of both, apart from each other. Signing keys are "
        "kept "
        "only with --signing-key, a second source, so that what seals updates cannot sign them.\n\n"
        "A database URL never holds a password; libpq finds it in ~/.pgpass or a service file.",
    .options = init_options,
    .example = "slotseal vault init --vault sqlite:fleet.vault\n"
               "slotseal vault init --vault postgresql://seal@db/fleet \\\n"
               "    --key file:/etc/slotseal/key\n",
    .run = run_init,
};

static const struct cli_option check_options[] = {OPTIONS_VAULT, OPTION_VAULT_SIGNING_KEY, OPTION_JSON, OPTION_END};

static int run_check(const struct cli_args *args)
{
    struct ss_vault *vault;
    struct ss_vault_report report;
    struct ss_error err = {0};
    bool signing = vault_option_options(args).signing_key != NULL;
    int status = vault_option_open(args, signing, &vault);
    if (status != CLI_OK)
        return status;
    ss_status_t found = ss_vault_check(vault, &report, &err);
    ss_vault_close(vault);
    if (found != SS_OK) {
        vault_fail(&err);
        return vault_report_is_verdict(found) ? CLI_REFUSED : CLI_FAILED;
    }
    if (report.rewrap_unfinished)
        cli_warning("a rewrap was interrupted; repeat it to finish it");
    return vault_report_print(args, &report);
}

const struct cli_command command_vault_check = {
    .path = "vault check",
    .summary = "decrypt every record and verify the audit log",
    .description = "Says whether everything in the vault is as the vault wrote it. Exit status 3: something is not.",
    .options = check_options,
    .example = "slotseal vault check --vault sqlite:fleet.vault\n",
    .run = run_check,
};
