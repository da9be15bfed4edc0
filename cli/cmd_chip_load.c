// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"
#include "core/bytes.h"
#include "file.h"

static const struct cli_option options[] = {OPTION_END};

#define MAX_PIECES (CLI_MAX_OPERANDS / 2)

/// A file and where it goes.
struct piece {
    uint64_t address;
    struct input in;
};

static int parse(const struct cli_args *args, struct piece *pieces, unsigned *count)
{
    unsigned rest = args->operand_count - 1;
    if (rest % 2)
        return cli_usage("slotseal help chip load", "%s has no file that goes there", args->operands[rest]);
    *count = rest / 2;
    for (unsigned i = 0; i < *count; i++)
        if (!cli_number(args->operands[1 + 2 * i], UINT32_MAX, &pieces[i].address))
            return cli_usage(NULL, "%s is no address", args->operands[1 + 2 * i]);
    return CLI_OK;
}

static ss_status_t read_pieces(const struct cli_args *args, struct piece *pieces, unsigned count, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < count; i++)
        status = file_read(args->operands[2 + 2 * i], FILE_LIMIT, &pieces[i].in, err);
    return status;
}

/// That every piece lies in flash, and none on another.
static ss_status_t check_pieces(const struct piece *pieces, unsigned count, uint32_t flash_size, struct ss_error *err)
{
    for (unsigned i = 0; i < count; i++) {
        const struct piece *a = &pieces[i];
        if (!ss_range_ok(a->address, a->in.len, flash_size))
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_CHIP,
                                "%zu bytes at 0x%llx do not fit: flash ends at 0x%x", a->in.len,
                                (unsigned long long)a->address, (unsigned)flash_size);
        for (unsigned j = 0; j < i; j++) {
            const struct piece *b = &pieces[j];
            if (a->address < b->address + b->in.len && b->address < a->address + a->in.len)
                return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_CHIP,
                                    "%s at 0x%llx and %s at 0x%llx overlap", b->in.name, (unsigned long long)b->address,
                                    a->in.name, (unsigned long long)a->address);
        }
    }
    return SS_OK;
}

static int run(const struct cli_args *args)
{
    struct piece pieces[MAX_PIECES] = {0};
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    unsigned count = 0;
    int result = parse(args, pieces, &count);
    if (result != CLI_OK)
        return result;
    ss_status_t status = read_pieces(args, pieces, count, &err);
    if (status == SS_OK)
        status = ss_chip_open(args->operands[0], &chip, &err);
    if (status == SS_OK)
        status = check_pieces(pieces, count, chip->flash.size, &err);
    for (unsigned i = 0; status == SS_OK && i < count; i++)
        memcpy(chip->flash.data + pieces[i].address, pieces[i].in.data, pieces[i].in.len);
    ss_chip_free(chip);
    for (unsigned i = 0; i < count; i++)
        file_free(&pieces[i].in);
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
