// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

const struct cli_command *const cli_commands[] = {
    &command_key_generate,
    &command_espsecure,
    NULL,
};
