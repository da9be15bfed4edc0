// SPDX-License-Identifier: Apache-2.0
// A power cut is planned where the chip is: in the process that serves it, else in its folder.
#include <stdio.h>
#include <string.h>

#include "chip/serve.h"
#include "commands.h"

static const struct cli_option options[] = {
    {OPT_AT, "at", 0, false, "N", "the power fails at the N-th change of flash or eFuses from now on", NULL,
     COMPLETE_NOTHING},
    {OPT_WHEN, "when", 0, false, "WHEN", "relative to that change (inside)", "before inside after", COMPLETE_CHOICE},
    {OPT_NONE, "none", 0, false, NULL, "forget the cut that is planned", NULL, COMPLETE_NOTHING},
    OPTION_END,
};

static ss_status_t plan_in_folder(const char *folder, uint64_t n, enum ss_cut cut, struct ss_error *err)
{
    struct ss_vchip *chip;
    ss_status_t status = ss_chip_open(folder, &chip, err);
    if (status != SS_OK)
        return status;
    ss_power_plan(&chip->power, n, cut);
    ss_chip_free(chip);
    return SS_OK;
}

static ss_status_t plan(const char *folder, uint64_t n, enum ss_cut cut, struct ss_error *err)
{
    char request[64] = "cut none";
    if (n)
        snprintf(request, sizeof request, "cut %llu %s", (unsigned long long)n, ss_cut_name(cut));
    ss_status_t status = ss_serve_control(folder, request, err);
    return status == SS_ERROR_BAD_STATE ? plan_in_folder(folder, n, cut, err) : status;
}

static int run(const struct cli_args *args)
{
    uint64_t at;
    struct ss_error err = {0};
    bool none = args->options[OPT_NONE] != NULL;
    if (none && (args->options[OPT_AT] || args->options[OPT_WHEN]))
        return cli_usage(NULL, "--none takes neither --at nor --when");
    if (!none && !args->options[OPT_AT])
        return cli_usage("slotseal help chip cut", "when? give --at N or --none");
    if (!cli_option_number(args, options, OPT_AT, UINT32_MAX, 0, &at))
        return CLI_USAGE;
    if (!none && at == 0)
        return cli_usage(NULL, "--at counts from 1");
    enum ss_cut cut = (enum ss_cut)(SS_CUT_BEFORE + cli_option_choice(args, options, OPT_WHEN, 1));
    return plan(args->operands[0], at, cut, &err) == SS_OK ? CLI_OK : cli_fail(&err);
}

const struct cli_command command_chip_cut = {
    .path = "chip cut",
    .summary = "let the power of a chip fail at one moment",
    .description =
        "Programming a page of 256 bytes, erasing a sector of 4 KiB, writing a flash status register and burning an "
        "eFuse block are one change each; N counts them from now on, over resets and over as many runs of `slotseal "
        "chip boot` or `serve` as it takes. A cut inside leaves some of the bits changed, which ones the chip's seed "
        "decides.\n\n"
        "The cut happens once. A chip that is served is off after it: `slotseal chip power DIR on` switches it on "
        "again. `slotseal chip boot` ends with the outcome power-lost; the next one starts from what the cut left. "
        "`slotseal chip info` shows a cut that is planned; --none or another cut replaces it.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip cut device1 --at 5\n"
               "slotseal chip cut device1 --at 40 --when before\n"
               "slotseal chip cut device1 --none\n",
    .run = run,
};
