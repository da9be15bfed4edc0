// SPDX-License-Identifier: Apache-2.0
// The buttons of a board whose chip another process serves.
#include <stdio.h>
#include <string.h>

#include "chip/serve.h"
#include "commands.h"

static const struct cli_option no_options[] = {OPTION_END};

static int control(const char *folder, const char *request)
{
    struct ss_error err = {0};
    ss_status_t status = ss_serve_control(folder, request, &err);
    if (status == SS_OK)
        return CLI_OK;
    int result = cli_fail(&err);
    if (status == SS_ERROR_BAD_STATE)
        cli_hint("slotseal chip serve %s", folder);
    return result;
}

/// "WORD STATE" with one of two states.
static int control_state(const struct cli_args *args, const char *word, const char *first, const char *second)
{
    char request[64];
    const char *state = args->operands[1];
    if (strcmp(state, first) != 0 && strcmp(state, second) != 0)
        return cli_usage(NULL, "%s is neither %s nor %s", state, first, second);
    snprintf(request, sizeof request, "%s %s", word, state);
    return control(args->operands[0], request);
}

static int run_reset(const struct cli_args *args)
{
    return control(args->operands[0], "reset");
}

const struct cli_command command_chip_reset = {
    .path = "chip reset",
    .summary = "press the reset button of a served chip",
    .description = "The chip starts as its strap says: see `slotseal chip strap`.",
    .operands = "DIR",
    .options = no_options,
    .example = "slotseal chip reset device1\n",
    .run = run_reset,
};

static int run_strap(const struct cli_args *args)
{
    return control_state(args, "strap", "download", "flash");
}

const struct cli_command command_chip_strap = {
    .path = "chip strap",
    .summary = "hold or release GPIO0 of a served chip",
    .description = "STATE is download (GPIO0 held low: the next reset starts the serial loader) or flash.",
    .operands = "DIR STATE",
    .options = no_options,
    .example = "slotseal chip strap device1 download\nslotseal chip reset device1\n",
    .run = run_strap,
};

static int run_power(const struct cli_args *args)
{
    return control_state(args, "power", "on", "off");
}

const struct cli_command command_chip_power = {
    .path = "chip power",
    .summary = "switch a served chip off or on",
    .description = "STATE is on or off. Switching on what is on takes the power away for a moment.",
    .operands = "DIR STATE",
    .options = no_options,
    .example = "slotseal chip power device1 off\n",
    .run = run_power,
};
