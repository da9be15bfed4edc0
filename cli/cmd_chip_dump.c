// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"
#include "efuse_text.h"
#include "file.h"
#include "provision/doctor.h"

static const struct cli_option options[] = {
    {OPT_FLASH, "flash", 0, false, "FILE", "write what esptool read-flash reads of the whole flash", NULL,
     COMPLETE_FILE},
    {OPT_EFUSE, "efuse", 0, false, "FILE", "write what espefuse dump reads (joint): 124 bytes, 100 with 3/4 coding",
     NULL, COMPLETE_FILE},
    OPTION_END,
};

static int run(const struct cli_args *args)
{
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    const char *flash = args->options[OPT_FLASH], *efuse = args->options[OPT_EFUSE];
    if (!flash && !efuse)
        return cli_usage("slotseal help chip dump", "nothing to dump: give --flash, --efuse or both");
    ss_status_t status = ss_chip_open(args->operands[0], &chip, &err);
    if (status == SS_OK && efuse)
        status = efuse_dump(&chip->efuse.window, efuse, &err);
    if (status == SS_OK && flash)
        status = file_write(flash, OUTPUT_PLAINTEXT, chip->flash.data, chip->flash.size, NULL, &err);
    ss_chip_free(chip);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

const struct cli_command command_chip_dump = {
    .path = "chip dump",
    .summary = "write what tools can read of a virtual ESP32",
    .description = "The same files as from a real device: flash as it is, not decrypted, and eFuses through their "
                   "read window, in which protected keys are zero.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip dump device1 --flash flash.dump --efuse efuse.dump\n",
    .run = run,
};
