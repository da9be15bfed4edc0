// SPDX-License-Identifier: Apache-2.0
// Worn and broken flash parts.
#include <stdlib.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"

static const struct cli_option options[] = {
    {OPT_STUCK, "stuck", 0, false, "ADDR:BITS", "these bits of the byte at ADDR do not program: they stay 1", NULL,
     COMPLETE_NOTHING},
    {OPT_WORN, "worn", 0, false, "ADDR", "the sector of ADDR no longer erases", NULL, COMPLETE_NOTHING},
    {OPT_FLIPS, "flips", 0, false, "N", "one bit of a read is wrong in about N bytes", NULL, COMPLETE_NOTHING},
    {OPT_NONE, "none", 0, false, NULL, "the part is good again", NULL, COMPLETE_NOTHING},
    OPTION_END,
};

/// "ADDR:BITS"
static bool parse_stuck(const char *text, uint32_t flash_size, struct ss_flash_faults *faults)
{
    char address_text[32];
    uint64_t address, bits;
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof address_text)
        return false;
    memcpy(address_text, text, (size_t)(colon - text));
    address_text[colon - text] = '\0';
    if (!cli_number(address_text, flash_size - 1, &address) || !cli_number(colon + 1, 0xFF, &bits) || bits == 0)
        return false;
    faults->stuck_at = (uint32_t)address;
    faults->stuck = (uint8_t)bits;
    return true;
}

static int apply(const struct cli_args *args, struct ss_flash *flash)
{
    struct ss_flash_faults faults = flash->faults;
    const char *stuck = args->options[OPT_STUCK];
    uint64_t worn, flips;
    if (args->options[OPT_NONE])
        faults = (struct ss_flash_faults){0};
    if (stuck && !parse_stuck(stuck, flash->size, &faults))
        return cli_usage("an address and which bits of its byte: 0x10003:0x80",
                         "--stuck %s names no bits of a byte below 0x%x", stuck, (unsigned)flash->size);
    if (!cli_option_number(args, options, OPT_WORN, flash->size - 1, 0, &worn) ||
        !cli_option_number(args, options, OPT_FLIPS, UINT32_MAX, faults.flips, &flips))
        return CLI_USAGE;
    if (args->options[OPT_WORN])
        faults.worn = (uint32_t)worn / SS_FLASH_SECTOR + 1;
    faults.flips = (uint32_t)flips;
    flash->faults = faults;
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    bool any = args->options[OPT_STUCK] || args->options[OPT_WORN] || args->options[OPT_FLIPS];
    if (any == (args->options[OPT_NONE] != NULL))
        return cli_usage("slotseal help chip fault", "give --none, or at least one of --stuck, --worn and --flips");
    if (ss_chip_open(args->operands[0], &chip, &err) != SS_OK)
        return cli_fail(&err);
    int result = apply(args, &chip->flash);
    ss_chip_free(chip);
    return result;
}

const struct cli_command command_chip_fault = {
    .path = "chip fault",
    .summary = "wear out or break a virtual ESP32's flash",
    .description =
        "What goes wrong with real parts: bits that do not program, a sector that does not erase, reads that "
        "are wrong now and then. Each option replaces the fault of its kind; they stay until --none. The "
        "chip must not be served meanwhile. `slotseal chip info` shows them.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip fault device1 --worn 0x160000\n"
               "slotseal chip fault device1 --none\n",
    .run = run,
};
