// SPDX-License-Identifier: Apache-2.0
#include "vault_option.h"

#include <stdlib.h>
#include <string.h>

#include "ask.h"

static const char *from(const struct cli_args *args, enum cli_option_id id, const char *variable)
{
    const char *value = args && args->options[id] ? args->options[id] : getenv(variable);
    return value && *value ? value : NULL;
}

int vault_option_url(const struct cli_args *args, const char **url)
{
    *url = from(args, OPT_VAULT, "SLOTSEAL_VAULT");
    if (*url)
        return CLI_OK;
    return cli_usage("--vault sqlite:PATH, or set SLOTSEAL_VAULT", "which vault?");
}

struct ss_vault_options vault_option_options(const struct cli_args *args)
{
    const char *key = from(args, OPT_VAULT_KEY, "SLOTSEAL_VAULT_KEY");
    return (struct ss_vault_options){
        .key = key ? key : "passphrase",
        .signing_key = from(args, OPT_VAULT_SIGNING_KEY, "SLOTSEAL_VAULT_SIGNING_KEY"),
        .ask = ask_secret,
    };
}

int vault_fail(const struct ss_error *err)
{
    int status = cli_fail(err);
    if (err->status == SS_ERROR_DOES_NOT_EXIST && strstr(err->message, "holds no vault"))
        cli_hint("slotseal vault init makes one");
    else if (err->status == SS_ERROR_NOT_PERMITTED &&
             (strstr(err->message, "nobody to ask") || strstr(err->message, "no terminal")))
        cli_hint("--key file:PATH, credential:NAME or passphrase:fd:N works without a terminal");
    return status;
}

ss_status_t vault_option_connect(const struct cli_args *args, bool signing, struct ss_vault **vault,
                                 struct ss_error *err)
{
    struct ss_vault_options options = vault_option_options(args);
    const char *url = from(args, OPT_VAULT, "SLOTSEAL_VAULT");
    *vault = NULL;
    if (!url)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "a key of the vault is named, but no vault: set SLOTSEAL_VAULT");
    if (!signing)
        options.signing_key = NULL;
    else if (!options.signing_key)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "what wraps the vault's signing keys? set SLOTSEAL_VAULT_SIGNING_KEY");
    return ss_vault_open(url, &options, vault, err);
}

int vault_option_open(const struct cli_args *args, bool signing, struct ss_vault **vault)
{
    struct ss_vault_options options = vault_option_options(args);
    struct ss_error err = {0};
    const char *url;
    *vault = NULL;
    int status = vault_option_url(args, &url);
    if (status != CLI_OK)
        return status;
    if (!signing)
        options.signing_key = NULL;
    else if (!options.signing_key)
        return cli_usage("--signing-key SOURCE, or set SLOTSEAL_VAULT_SIGNING_KEY", "what wraps the signing keys?");
    return ss_vault_open(url, &options, vault, &err) == SS_OK ? CLI_OK : vault_fail(&err);
}

int vault_option_run(const struct cli_args *args, int (*work)(const struct cli_args *args, struct ss_vault *vault))
{
    struct ss_vault *vault;
    int status = vault_option_open(args, false, &vault);
    if (status == CLI_OK)
        status = work(args, vault);
    ss_vault_close(vault);
    return status;
}
