// SPDX-License-Identifier: Apache-2.0
// Stands in for the commands of the server and of its operators in a build without it (SS_WITH_SERVER=OFF).
#include "cli/commands.h"
#include "cli/remote/remote.h"

static int not_built(const struct cli_args *args)
{
    (void)args;
    cli_error("this build has no server");
    return CLI_FAILED;
}

static const struct cli_option none[] = {OPTION_END};

#define ABSENT(name, words)                                                                                            \
    const struct cli_command name = {.path = words,                                                                    \
                                     .summary = "not in this build",                                                   \
                                     .description = "This slotseal was built without the server and its client.",      \
                                     .example = "slotseal " words "\n",                                                \
                                     .options = none,                                                                  \
                                     .run = not_built,                                                                 \
                                     .own_parser = true}

ABSENT(command_serve, "serve");
ABSENT(command_sealer, "sealer");
ABSENT(command_device_assign, "device assign");
ABSENT(command_device_cancel, "device cancel");
ABSENT(command_device_history, "device history");
ABSENT(command_device_register, "device register");
ABSENT(command_release_upload, "release upload");
ABSENT(command_product_opaque, "product opaque");
ABSENT(command_keyset_publish, "keyset publish");
ABSENT(command_preseal, "preseal");
ABSENT(command_presealed_load, "presealed load");
ABSENT(command_operator_add, "operator add");
ABSENT(command_operator_remove, "operator remove");
ABSENT(command_operator_list, "operator list");

bool remote_wanted(const struct cli_args *args)
{
    return args->options[OPT_SERVER] != NULL;
}

int remote_device_list(const struct cli_args *args)
{
    return not_built(args);
}

int remote_device_show(const struct cli_args *args)
{
    return not_built(args);
}

int remote_release_list(const struct cli_args *args)
{
    return not_built(args);
}
