// SPDX-License-Identifier: Apache-2.0
// What ends or changes a device's life in the fleet. Its credential is dead at once, and nothing is sealed for it.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "confirm.h"
#include "device_text.h"
#include "vault/flash_key.h"
#include "vault_option.h"

#define OPTION_REASON                                                                                                  \
    {                                                                                                                  \
        OPT_REASON, "reason", 0, false, "TEXT", "goes to the audit log", NULL, COMPLETE_NOTHING                        \
    }

static int report(const struct cli_args *args, struct ss_vault *vault, const char *id)
{
    struct ss_vault_device device;
    struct ss_error err = {0};
    if (ss_vault_device_get(vault, id, &device, &err) != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(device_json(vault, &device), CLI_OK);
    printf("%s is %s, flash key %s\n", id, ss_vault_device_state_name(device.state), device_key_word(device.flash_key));
    return CLI_OK;
}

/// The state first: from then on no key is given out for sealing; then the credential's digest.
static int leave(const struct cli_args *args, struct ss_vault *vault, enum ss_vault_device_state state,
                 const char *replaced_by, const char *what)
{
    struct ss_vault_device device;
    struct ss_error err = {0};
    const char *id = args->operands[0], *reason = args->options[OPT_REASON];

    if (ss_vault_device_get(vault, id, &device, &err) != SS_OK)
        return cli_fail(&err);
    if (!cli_confirm(args->options[OPT_CONFIRM], id, what))
        return CLI_FAILED;
    if (ss_vault_device_set_state(vault, id, state, replaced_by, reason ? reason : "", &err) != SS_OK ||
        ss_vault_device_set_fact(vault, id, FACT_CREDENTIAL, NULL, &err) != SS_OK)
        return cli_fail(&err);
    return report(args, vault, id);
}

static const struct cli_option leave_options[] = {
    OPTION_REASON, OPTION_CONFIRM, OPTIONS_VAULT, OPTION_JSON, OPTION_END,
};

static int revoke(const struct cli_args *args, struct ss_vault *vault)
{
    return leave(args, vault, SS_VAULT_DEVICE_REVOKED, NULL, "ends the credential of");
}

static int run_revoke(const struct cli_args *args)
{
    return vault_option_run(args, revoke);
}

const struct cli_command command_device_revoke = {
    .path = "device revoke",
    .summary = "stop trusting a device",
    .description = "Its credential is dead at once and nothing is sealed for it any more. Its flash key stays in the "
                   "vault: device forget destroys it.",
    .operands = "ID",
    .options = leave_options,
    .example = "slotseal device revoke 240ac412345e --reason \"key seen elsewhere\"\n",
    .run = run_revoke,
};

static int lose(const struct cli_args *args, struct ss_vault *vault)
{
    return leave(args, vault, SS_VAULT_DEVICE_LOST, NULL, "ends the credential of");
}

static int run_lost(const struct cli_args *args)
{
    return vault_option_run(args, lose);
}

const struct cli_command command_device_lost = {
    .path = "device lost",
    .summary = "record that a device is lost or stolen",
    .description =
        "As device revoke. A thief reads the nvs partition, credential included, and on chips before revision "
        "3 the flash key with some effort; neither opens another device.",
    .operands = "ID",
    .options = leave_options,
    .example = "slotseal device lost 240ac412345e\n",
    .run = run_lost,
};

static const struct cli_option replace_options[] = {
    {OPT_BY, "by", 0, true, "ID", "the device that takes its place", NULL, COMPLETE_NOTHING},
    OPTION_REASON,
    OPTION_CONFIRM,
    OPTIONS_VAULT,
    OPTION_JSON,
    OPTION_END,
};

static int replace(const struct cli_args *args, struct ss_vault *vault)
{
    return leave(args, vault, SS_VAULT_DEVICE_REPLACED, args->options[OPT_BY], "ends the credential of");
}

static int run_replace(const struct cli_args *args)
{
    if (args->operand_count && !strcmp(args->operands[0], args->options[OPT_BY]))
        return cli_usage(NULL, "a device cannot take its own place");
    return vault_option_run(args, replace);
}

const struct cli_command command_device_replace = {
    .path = "device replace",
    .summary = "record that another device has taken its place",
    .description = "The credential of the old one is dead at once and nothing is sealed for it any more.",
    .operands = "ID",
    .options = replace_options,
    .example = "slotseal device replace 240ac412345e --by 240ac4aabbcc\n",
    .run = run_replace,
};

static const struct cli_option forget_options[] = {
    OPTION_REASON, OPTION_CONFIRM, OPTIONS_VAULT, OPTION_JSON, OPTION_END,
};

static int forget(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_vault_device device;
    struct ss_error err = {0};
    const char *id = args->operands[0];

    if (ss_vault_device_get(vault, id, &device, &err) != SS_OK)
        return cli_fail(&err);
    if (!cli_confirm(args->options[OPT_CONFIRM], id,
                     "destroys the flash key, and with it every way to make an update for, of"))
        return CLI_FAILED;
    if (ss_vault_flash_key_forget(vault, id, id, args->options[OPT_REASON], &err) != SS_OK)
        return cli_fail(&err);
    return report(args, vault, id);
}

static int run_forget(const struct cli_args *args)
{
    return vault_option_run(args, forget);
}

const struct cli_command command_device_forget = {
    .path = "device forget",
    .summary = "destroy the flash key of a device",
    .description = "What the vault holds of the key is overwritten. Nothing can be sealed for the device, or read back "
                   "from it, ever again. Backups made before still hold the key, under the vault key of that time.",
    .operands = "ID",
    .options = forget_options,
    .example = "slotseal device forget 240ac412345e --confirm 240ac412345e\n",
    .run = run_forget,
};
