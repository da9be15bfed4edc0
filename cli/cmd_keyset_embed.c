// SPDX-License-Identifier: Apache-2.0
// The key set that a device trusts first, put into its app.
#include <stdio.h>

#include "commands.h"
#include "file.h"
#include "provision/app_pins.h"
#include "slotseal/statement.h"

static const struct cli_option options[] = {
    {OPT_KEY_SET, "key-set", 'k', true, "FILE", "key set statement, signed by its root keys", NULL, COMPLETE_FILE},
    OPTION_OUTPUT,
    OPTION_END,
};

static ss_status_t embed(const struct cli_args *args, struct input *image, struct input *key_set, struct ss_error *err)
{
    const struct input *inputs[] = {image, key_set, NULL};
    ss_status_t status = file_read(args->operands[0], FILE_LIMIT, image, err);
    if (status == SS_OK)
        status = file_read(args->options[OPT_KEY_SET], SS_STATEMENT_MAX, key_set, err);
    if (status != SS_OK)
        return status;
    status = ss_app_pins_embed(image->data, image->len, key_set->data, key_set->len, err);
    if (status != SS_OK)
        return ss_error_prefix(err, status, "%s", image->name);
    return file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, image->data, image->len, inputs, err);
}

static int run(const struct cli_args *args)
{
    struct input image = {0}, key_set = {0};
    struct ss_error err = {0};
    int code = embed(args, &image, &key_set, &err) == SS_OK ? CLI_OK : cli_fail(&err);
    file_free(&image);
    file_free(&key_set);
    return code;
}

const struct cli_command command_keyset_embed = {
    .path = "keyset embed",
    .summary = "put a key set into a built app, which then trusts it",
    .description =
        "The app has a block for it (SS_PINS_DEFINE() of the agent's pins.h), empty as it is built. Checksum "
        "and hash are mended; a signature could not be, so do this before `slotseal sign`. The app's product "
        "is that of the key set.\n\n"
        "A device takes later key sets only if the root keys of this one have signed them.",
    .operands = "IMAGE",
    .options = options,
    .example = "slotseal keyset embed app.bin --key-set fleet.keys -o pinned.bin\n"
               "slotseal sign pinned.bin --key sign.pem -o signed.bin\n",
    .run = run,
};
