// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"
#include "flash_pieces.h"

static const struct cli_option options[] = {OPTION_END};

static int run(const struct cli_args *args)
{
    struct flash_pieces pieces = {0};
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    int result = flash_pieces_parse(args, 1, "chip load", &pieces);
    if (result != CLI_OK)
        return result;
    ss_status_t status = flash_pieces_read(args, 1, &pieces, &err);
    if (status == SS_OK)
        status = ss_chip_open(args->operands[0], &chip, &err);
    if (status == SS_OK)
        status = flash_pieces_check(&pieces, chip->flash.size, &err);
    for (unsigned i = 0; status == SS_OK && i < pieces.count; i++)
        memcpy(chip->flash.data + pieces.at[i].address, pieces.at[i].in.data, pieces.at[i].in.len);
    ss_chip_free(chip);
    flash_pieces_free(&pieces);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

const struct cli_command command_chip_load = {
    .path = "chip load",
    .summary = "put files into a virtual ESP32's flash",
    .description =
        "The bytes of each FILE go to the ADDR before it as they are, as with a flash programmer: nothing is "
        "erased around them, nothing encrypted, no wear counted. All are checked before any byte is written.",
    .operands = "DIR ADDR FILE [ADDR FILE]...",
    .options = options,
    .example = "slotseal chip load device1 0x10000 app.ota_0.sealed\n"
               "slotseal chip load device1 0x1000 boot.sealed 0x8000 table.sealed\n",
    .run = run,
};
