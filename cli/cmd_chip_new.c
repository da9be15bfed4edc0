// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"

static const struct cli_option options[] = {
    {OPT_FLASH, "flash", 0, false, "SIZE", "flash size (4MB)", "1MB 2MB 4MB 8MB 16MB", COMPLETE_CHOICE},
    {OPT_REV, "rev", 0, false, "REVISION", "chip revision (3.0)", "0.0 1.0 1.1 2.0 3.0 3.1", COMPLETE_CHOICE},
    {OPT_CODING, "coding", 0, false, "SCHEME", "eFuse coding scheme (none)", "none 3/4", COMPLETE_CHOICE},
    {OPT_MAC, "mac", 0, false, "MAC", "factory MAC, 24:0a:c4:... (made from the seed)", NULL, COMPLETE_NOTHING},
    {OPT_SEED, "seed", 0, false, "N", "seed of all that is random about the chip (1)", NULL, COMPLETE_NOTHING},
    OPTION_END,
};

static bool parse_mac(const char *text, uint8_t mac[6])
{
    int end = 0;
    return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5],
                  &end) == 6 &&
           end == 17 && !text[end];
}

static int run(const struct cli_args *args)
{
    static const unsigned revisions[] = {0, 100, 101, 200, 300, 301};
    struct ss_chip_options chip = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_error err = {0};
    chip.flash_size = 1u << (20 + cli_option_choice(args, options, OPT_FLASH, 2));
    chip.revision = revisions[cli_option_choice(args, options, OPT_REV, 4)];
    chip.coding = cli_option_choice(args, options, OPT_CODING, 0) ? SS_EFUSE_CODING_34 : SS_EFUSE_CODING_NONE;
    if (!cli_option_number(args, options, OPT_SEED, UINT32_MAX, chip.seed, &chip.seed))
        return CLI_USAGE;
    if (args->options[OPT_MAC] && !parse_mac(args->options[OPT_MAC], chip.mac))
        return cli_usage("six bytes in hexadecimal: 24:0a:c4:00:11:22", "--mac %s is no MAC", args->options[OPT_MAC]);
    return ss_chip_create(args->operands[0], &chip, &err) == SS_OK ? CLI_OK : cli_fail(&err);
}

const struct cli_command command_chip_new = {
    .path = "chip new",
    .summary = "make a virtual ESP32 in a folder",
    .description =
        "The folder holds the chip's state: flash.bin (raw flash), efuse.bin (31 little-endian words, as burned), "
        "chip.conf (revision and seed) and state.bin (counters, status registers of the flash, what is planned). The "
        "first two may be written by other programs. Every irreversible step of a real device can be tried on it "
        "first; a copy of the folder is a copy of the chip.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip new device1 --flash 4MB --rev 3.0\n",
    .run = run,
};
