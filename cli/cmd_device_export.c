// SPDX-License-Identifier: Apache-2.0
// A flash key as a file: for those who leave, and for espsecure.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "confirm.h"
#include "device_text.h"
#include "file.h"
#include "provision/key_folder.h"
#include "vault/flash_key.h"
#include "vault_option.h"

static const struct cli_option options[] = {
    {OPT_OUTPUT, "output", 'o', false, "FILE", "write the key to this new file", NULL, COMPLETE_FILE},
    {OPT_TO, "to", 0, false, "DIR", "write it into this folder, named by --pattern", NULL, COMPLETE_FILE},
    {OPT_PATTERN, "pattern", 0, false, "NAME", "file name made of {id} or {mac} ({id}_flash_key.bin)", NULL,
     COMPLETE_NOTHING},
    {OPT_REASON, "reason", 0, false, "TEXT", "goes to the audit log", NULL, COMPLETE_NOTHING},
    OPTION_CONFIRM,
    OPTIONS_VAULT,
    OPTION_JSON,
    OPTION_END,
};

static ss_status_t file_name(const struct cli_args *args, const struct ss_vault_device *device, char *path, size_t size,
                             struct ss_error *err)
{
    const char *const *o = args->options;
    struct ss_device_words words = {.id = device->id, .mac = device->mac, .product = device->product};
    char name[256];
    if (o[OPT_OUTPUT]) {
        snprintf(path, size, "%s", o[OPT_OUTPUT]);
        return SS_OK;
    }
    const char *pattern = o[OPT_PATTERN] ? o[OPT_PATTERN] : ss_flash_key_patterns[0];
    ss_status_t status = ss_device_pattern_check(pattern, err);
    if (status == SS_OK)
        status = ss_device_pattern_fill(pattern, &words, name, sizeof name, err);
    if (status == SS_OK && snprintf(path, size, "%s/%s", o[OPT_TO], name) >= (int)size)
        status =
            ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FILE, "a path of more than %zu characters", size - 1);
    return status;
}

static int export(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_vault_device device;
    struct ss_vault_flash_key key = {0};
    struct ss_error err = {0};
    char path[4096];
    const char *id = args->operands[0];

    if (ss_vault_device_get(vault, id, &device, &err) != SS_OK ||
        file_name(args, &device, path, sizeof path, &err) != SS_OK)
        return cli_fail(&err);
    if (!cli_confirm(args->options[OPT_CONFIRM], id, "writes out, unprotected, the flash key of"))
        return CLI_FAILED;
    ss_status_t status = ss_vault_flash_key_export(vault, id, id, args->options[OPT_REASON], &key, &err);
    if (status == SS_OK)
        status = file_write(path, OUTPUT_KEY, key.bytes, key.len, NULL, &err);
    size_t len = key.len;
    ss_vault_flash_key_wipe(&key);
    if (status != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(
            json_pack("{s:s, s:o, s:I}", "device", id, "file", json_text(path), "length", (json_int_t)len), CLI_OK);
    if (strcmp(path, "-"))
        printf("%s\n", path);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    const char *const *o = args->options;
    if (!o[OPT_OUTPUT] == !o[OPT_TO])
        return cli_usage("slotseal help device export", "exactly one of --output and --to is needed");
    if (o[OPT_PATTERN] && !o[OPT_TO])
        return cli_usage(NULL, "--pattern needs --to");
    if (o[OPT_OUTPUT] && !strcmp(o[OPT_OUTPUT], "-") && o[OPT_JSON])
        return cli_usage(NULL, "--json and the key cannot both go to standard output");
    return vault_option_run(args, export);
}

const struct cli_command command_device_export = {
    .path = "device export",
    .summary = "write a device's flash key to a file",
    .description =
        "As espsecure and esptool take it, with mode 0600; an existing file is never replaced. The audit log has it "
        "before the file is there. Whoever has the file can read the device's flash and write what it runs.",
    .operands = "ID",
    .options = options,
    .example = "slotseal device export meter-7 --to keys/ --confirm meter-7\n",
    .run = run,
};
