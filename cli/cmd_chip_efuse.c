// SPDX-License-Identifier: Apache-2.0
#include "chip/chip.h"
#include "commands.h"
#include "efuse_text.h"
#include "json.h"

static const struct cli_option options[] = {OPTION_JSON, OPTION_END};

static int print_json(const struct ss_vchip *chip)
{
    unsigned revision = ss_efuse_revision(chip->silicon, chip->apb_date_bit31);
    return json_print(json_pack("{s:i, s:b, s:o}", "revision", (int)revision, "flash_encryption",
                                ss_chip_encrypts(chip), "fields", efuse_json(&chip->efuse.window)),
                      CLI_OK);
}

static int run(const struct cli_args *args)
{
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    if (ss_chip_open(args->operands[0], &chip, &err) != SS_OK)
        return cli_fail(&err);
    int result = CLI_OK;
    if (args->options[OPT_JSON])
        result = print_json(chip);
    else
        efuse_print(&chip->efuse.window);
    ss_chip_free(chip);
    return result;
}

const struct cli_command command_chip_efuse = {
    .path = "chip efuse",
    .summary = "show a virtual ESP32's eFuses",
    .description = "Prints each field with its block, whether software can still read (R) and write (W) it, and its "
                   "value. The content of key blocks is not printed.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip efuse device1\n",
    .run = run,
};
