// SPDX-License-Identifier: Apache-2.0
#include "commands.h"
#include "espsecure.h"

static int run(const struct cli_args *args)
{
    int argc = 0;
    while (args->raw[argc])
        argc++;
    // raw[-1] is the word "espsecure", which makes a proper argv.
    return espsecure_main(argc + 1, args->raw - 1);
}

const struct cli_command command_espsecure = {
    .path = "espsecure",
    .summary = "esptool's espsecure: same commands, files, exit codes",
    .description = "Takes the command lines of espsecure from esptool 4.x (with underscores) and 5.x (with dashes). "
                   "The same happens when slotseal is started by the name espsecure or espsecure.py.\n\n"
                   "Two differences, where the original is unsafe: a partial last block is padded with 0xFF instead of "
                   "random bytes, and an existing key file is never overwritten.",
    .example = "slotseal espsecure encrypt-flash-data -k flash.key -a 0x10000 \\\n"
               "    -o app.enc app.bin\n",
    .run = run,
    .own_parser = true,
};
