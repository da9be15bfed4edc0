// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"
#include "core/bytes.h"
#include "file.h"

static const struct cli_option options[] = {OPTION_END};

static int run(const struct cli_args *args)
{
    struct ss_vchip *chip = NULL;
    struct input in = {0};
    struct ss_error err = {0};
    uint64_t address = 0;
    if (!cli_number(args->operands[1], UINT32_MAX, &address))
        return cli_usage(NULL, "%s is no address", args->operands[1]);
    ss_status_t status = file_read(args->operands[2], FILE_LIMIT, &in, &err);
    if (status == SS_OK)
        status = ss_chip_open(args->operands[0], &chip, &err);
    if (status == SS_OK && !ss_range_ok(address, in.len, chip->flash.size))
        status = ss_error_set(&err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_CHIP,
                              "%zu bytes at 0x%llx do not fit: flash ends at 0x%x", in.len, (unsigned long long)address,
                              (unsigned)chip->flash.size);
    if (status == SS_OK)
        memcpy(chip->flash.data + address, in.data, in.len);
    ss_chip_free(chip);
    file_free(&in);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

const struct cli_command command_chip_load = {
    .path = "chip load",
    .summary = "put a file into a virtual ESP32's flash",
    .description = "The bytes go to the address as they are, as with a flash programmer: nothing is erased around "
                   "them, nothing encrypted.",
    .operands = "DIR ADDR FILE",
    .options = options,
    .example = "slotseal chip load device1 0x10000 app.ota_0.sealed\n",
    .run = run,
};
