// SPDX-License-Identifier: Apache-2.0
// What the vault knows about devices; nothing secret.
#include <stdio.h>
#include <string.h>

#include "cli/remote/remote.h"
#include "commands.h"
#include "device_text.h"
#include "provision/device_name.h"
#include "vault_option.h"

static const struct cli_option list_options[] = {
    {OPT_PRODUCT, "product", 'p', false, "NAME", "only devices of this product", NULL, COMPLETE_NOTHING},
    {OPT_STATE, "state", 0, false, "STATE", "only devices in this state",
     "registered provisioning provisioned replaced revoked lost returned", COMPLETE_CHOICE},
    OPTIONS_VAULT,
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

static ss_status_t print_line(void *context, const struct ss_vault_device *device, struct ss_error *err)
{
    char mac[SS_DEVICE_MAC_SIZE];
    (void)err;
    if (!(*(unsigned *)context)++)
        printf("%-20s %-14s %-12s %-17s %s\n", "ID", "PRODUCT", "STATE", "MAC", "KEY");
    ss_device_mac_text(device->mac, mac);
    printf("%-20s %-14s %-12s %-17s %s\n", device->id, device->product, ss_vault_device_state_name(device->state), mac,
           device_key_word(device->flash_key));
    return SS_OK;
}

static ss_status_t add_json(void *context, const struct ss_vault_device *device, struct ss_error *err)
{
    if (json_array_append_new(context, device_json(NULL, device)) == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_NONE, "out of memory");
}

static int list(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_vault_device_filter filter = {.product = args->options[OPT_PRODUCT]};
    struct ss_error err = {0};
    unsigned lines = 0;

    filter.by_state = args->options[OPT_STATE] != NULL;
    if (filter.by_state && !ss_vault_device_state_from_name(args->options[OPT_STATE], &filter.state))
        return CLI_USAGE;
    if (!args->options[OPT_JSON])
        return ss_vault_device_list(vault, &filter, print_line, &lines, &err) == SS_OK ? CLI_OK : cli_fail(&err);
    json_t *devices = json_array();
    if (devices && ss_vault_device_list(vault, &filter, add_json, devices, &err) != SS_OK) {
        json_decref(devices);
        return cli_fail(&err);
    }
    return json_print(devices ? json_pack("{s:o}", "devices", devices) : NULL, CLI_OK);
}

static int run_list(const struct cli_args *args)
{
    if (remote_wanted(args))
        return remote_device_list(args);
    return vault_option_run(args, list);
}

const struct cli_command command_device_list = {
    .path = "device list",
    .summary = "list the devices in the vault, or of a server",
    .description =
        "One line a device, by id. With --server, or SLOTSEAL_SERVER and no --vault, those of the server: what "
        "they run, when they were seen, and what is under way.",
    .options = list_options,
    .example = "slotseal device list --product meter --state provisioned\n"
               "slotseal device list --server https://up.example.com \\\n"
               "    --token-file operator.token\n",
    .run = run_list,
};

static const struct cli_option show_options[] = {
    OPTIONS_VAULT,
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

static int show(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_vault_device device;
    struct ss_error err = {0};
    if (ss_vault_device_get(vault, args->operands[0], &device, &err) != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(device_json(vault, &device), CLI_OK);
    device_print(vault, &device);
    return CLI_OK;
}

static int run_show(const struct cli_args *args)
{
    if (remote_wanted(args))
        return remote_device_show(args);
    return vault_option_run(args, show);
}

const struct cli_command command_device_show = {
    .path = "device show",
    .summary = "show what the vault, or a server, knows about a device",
    .description = "State, chip and facts. Keys are never shown: (hidden) is all there is to see of them.",
    .operands = "ID",
    .options = show_options,
    .example = "slotseal device show 240ac412345e\n",
    .run = run_show,
};
