// SPDX-License-Identifier: Apache-2.0
// What a device that was provisioned elsewhere shows to servers.
#include <stdio.h>

#include "commands.h"
#include "device_text.h"
#include "file.h"
#include "provision/credential.h"
#include "vault_option.h"

enum { CREDENTIAL_FILE_LIMIT = 16384 };

static const struct cli_option options[] = {
    {OPT_TOKEN, "token", 0, false, "FILE", "its token, as device config --new-token wrote it", NULL, COMPLETE_FILE},
    {OPT_CLIENT_CERT, "client-cert", 0, false, "FILE", "its client certificate; its CN is the device id", NULL,
     COMPLETE_FILE},
    {OPT_NO_CREDENTIAL, "none", 0, false, NULL, "nothing any more: no server lets it in", NULL, COMPLETE_NOTHING},
    OPTIONS_VAULT,
    OPTION_JSON,
    OPTION_END,
};

static ss_status_t note(const struct cli_args *args, struct ss_vault *vault, struct input *in, struct ss_error *err)
{
    const char *id = args->operands[0], *token = args->options[OPT_TOKEN],
               *certificate = args->options[OPT_CLIENT_CERT];
    ss_status_t status = token         ? file_read_line(token, CREDENTIAL_FILE_LIMIT, in, err)
                         : certificate ? file_read(certificate, CREDENTIAL_FILE_LIMIT, in, err)
                                       : SS_OK;
    if (status != SS_OK)
        return status;
    if (token)
        file_warn_readable(in);
    const struct ss_device_file file = {in->data, in->len};
    return ss_credential_note(vault, id, token ? (const char *)in->data : NULL, certificate ? &file : NULL, err);
}

static int credential(const struct cli_args *args, struct ss_vault *vault)
{
    struct input in = {0};
    struct ss_error err = {0};
    struct ss_vault_device device;
    const char *id = args->operands[0];
    ss_status_t status = note(args, vault, &in, &err);
    file_free(&in);
    if (status == SS_OK)
        status = ss_vault_device_get(vault, id, &device, &err);
    if (status != SS_OK)
        return vault_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(device_json(vault, &device), CLI_OK);
    printf("%s %s\n", id,
           args->options[OPT_NO_CREDENTIAL] ? "has no credential any more" : "is let in by its credential");
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    unsigned given = (args->options[OPT_TOKEN] != NULL) + (args->options[OPT_CLIENT_CERT] != NULL) +
                     (args->options[OPT_NO_CREDENTIAL] != NULL);
    if (given != 1)
        return cli_usage("slotseal help device credential", "one of --token, --client-cert and --none is needed");
    return vault_option_run(args, credential);
}

const struct cli_command command_device_credential = {
    .path = "device credential",
    .summary = "note what a device shows to servers",
    .description =
        "Provisioning notes it by itself; this is for devices that came by device import, or whose nvs partition was "
        "written anew. The vault keeps a digest. What was noted before is dead: servers that hear of it from "
        "their sealer stop letting it in.",
    .operands = "ID",
    .options = options,
    .example = "slotseal device config --device 240ac412345e --table partitions.csv \\\n"
               "    --new-token token.txt --update-server https://updates.example -o nvs.bin\n"
               "slotseal device credential 240ac412345e --token token.txt\n",
    .run = run,
};
