// SPDX-License-Identifier: Apache-2.0
// Stands in for the server's commands in a build without them (SS_WITH_SERVER=OFF).
#include "../commands.h"

static int run(const struct cli_args *args)
{
    (void)args;
    cli_error("this build has no server");
    return CLI_FAILED;
}

const struct cli_command command_serve = {
    .path = "serve", .summary = "not in this build", .run = run, .own_parser = true};
