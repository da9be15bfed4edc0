// SPDX-License-Identifier: Apache-2.0
// The NVS image that tells a device who it is, made by itself.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "config_option.h"
#include "core/crypto.h"
#include "json.h"
#include "provision/device_name.h"
#include "table_file.h"

enum { TOKEN_FILE_LIMIT = 256, NVS_KEYS_LIMIT = SS_NVS_KEYS_IMAGE_SIZE };

static const struct cli_option options[] = {
    {OPT_DEVICE, "device", 'd', true, "ID", "the device", NULL, COMPLETE_NOTHING},
    {OPT_TABLE, "table", 't', true, "FILE", "partition table, CSV or binary", NULL, COMPLETE_FILE},
    OPTIONS_CONFIG,
    {OPT_TOKEN, "token", 0, false, "FILE", "the device's token, as --new-token wrote it", NULL, COMPLETE_FILE},
    {OPT_NEW_TOKEN, "new-token", 0, false, "FILE", "make a token and keep it in this new file", NULL, COMPLETE_FILE},
    {OPT_NVS_KEYS, "nvs-keys", 0, false, "FILE", "encrypt the image: content of the nvs_keys partition", NULL,
     COMPLETE_FILE},
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    OPTION_OUTPUT,
    OPTION_JSON,
    OPTION_END,
};

struct job {
    struct config_option option;
    struct input table_file, token_file, keys_file, image;
    struct ss_partition_table table;
    const struct ss_partition *nvs;
    char token[SS_DEVICE_TOKEN_SIZE];
};

static int check_options(const struct cli_args *args)
{
    char shown[80];
    unsigned credentials = (args->options[OPT_TOKEN] != NULL) + (args->options[OPT_NEW_TOKEN] != NULL) +
                           (args->options[OPT_CLIENT_KEY] != NULL);
    if (!ss_device_name_valid(args->options[OPT_DEVICE]))
        return cli_usage("1 to 64 of the characters A-Z a-z 0-9 . _ -", "--device %s is no device id",
                         cli_shown(args->options[OPT_DEVICE], shown, sizeof shown));
    if (credentials > 1)
        return cli_usage(NULL, "--token, --new-token and --client-key exclude each other");
    if (!strcmp(args->options[OPT_OUTPUT], "-") && args->options[OPT_JSON])
        return cli_usage(NULL, "--json and the image cannot both go to standard output");
    return CLI_OK;
}

static ss_status_t find_nvs(const struct cli_args *args, const struct ss_table_options *rules, struct job *job,
                            struct ss_error *err)
{
    ss_status_t status = table_load(args->options[OPT_TABLE], rules, &job->table_file, &job->table, err);
    if (status != SS_OK)
        return status;
    job->nvs = ss_table_find_type(&job->table, SS_PARTITION_DATA, SS_PARTITION_DATA_NVS, 0);
    if (!job->nvs)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_PARTITION_TABLE, "%s: no nvs partition",
                            job->table_file.name);
    return SS_OK;
}

/// The token of --token, or a new one.
static ss_status_t get_token(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    const char *from = args->options[OPT_TOKEN], *to = args->options[OPT_NEW_TOKEN];
    ss_status_t status = SS_OK;

    if (from) {
        status = file_read_line(from, TOKEN_FILE_LIMIT, &job->token_file, err);
        if (status != SS_OK)
            return status;
        file_warn_readable(&job->token_file);
        if (job->token_file.len != SS_DEVICE_TOKEN_LEN)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY, "%s: no token of %d characters", from,
                                SS_DEVICE_TOKEN_LEN);
        memcpy(job->token, job->token_file.data, SS_DEVICE_TOKEN_LEN);
    } else if (to) {
        status = ss_device_token_new(job->token, err);
    }
    if (from || to)
        job->option.config.token = job->token;
    return status;
}

static ss_status_t get_nvs_keys(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    if (!args->options[OPT_NVS_KEYS])
        return SS_OK;
    ss_status_t status = file_read(args->options[OPT_NVS_KEYS], NVS_KEYS_LIMIT, &job->keys_file, err);
    if (status != SS_OK)
        return status;
    file_warn_readable(&job->keys_file);
    if (job->keys_file.len < SS_NVS_KEYS_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY, "%s: has %zu bytes, NVS keys have %d",
                            job->keys_file.name, job->keys_file.len, SS_NVS_KEYS_SIZE);
    job->option.config.nvs_keys = job->keys_file.data;
    return SS_OK;
}

static ss_status_t make(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    const struct input *inputs[] = {&job->table_file,
                                    &job->token_file,
                                    &job->keys_file,
                                    &job->option.ca,
                                    &job->option.key_set,
                                    &job->option.client_key,
                                    &job->option.client_certificate,
                                    NULL};
    ss_status_t status = config_option_read(args, &job->option, err);
    if (status == SS_OK)
        status = get_nvs_keys(args, job, err);
    if (status == SS_OK)
        status = get_token(args, job, err);
    if (status == SS_OK)
        status = file_pad(&job->image, job->nvs->size, err);
    if (status != SS_OK)
        return status;
    job->option.config.id = args->options[OPT_DEVICE];
    status = ss_device_config_build(&job->option.config, job->image.data, job->image.len, err);
    if (status == SS_OK && args->options[OPT_NEW_TOKEN])
        status = file_write(args->options[OPT_NEW_TOKEN], OUTPUT_KEY, job->token, SS_DEVICE_TOKEN_LEN, NULL, err);
    if (status == SS_OK)
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_PLAINTEXT, job->image.data, job->image.len, inputs, err);
    return status;
}

static int report(const struct cli_args *args, const struct job *job)
{
    const struct ss_device_config *config = &job->option.config;
    const char *credential = config->token ? "token" : config->client_key.data ? "client key" : "none";

    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:s, s:I, s:I, s:s, s:i, s:b}", "device", config->id, "partition",
                                    job->nvs->label, "address", (json_int_t)job->nvs->offset, "size",
                                    (json_int_t)job->nvs->size, "credential", credential, "servers",
                                    (int)config->server_count, "encrypted", config->nvs_keys != NULL),
                          CLI_OK);
    printf("%-18s %s\n", "device", config->id);
    printf("%-18s %s at 0x%x, %u bytes%s\n", "partition", job->nvs->label, job->nvs->offset, job->nvs->size,
           config->nvs_keys ? ", encrypted with the NVS keys" : "");
    printf("%-18s %s\n", "credential", credential);
    printf("%-18s %u\n", "servers", config->server_count);
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct job job = {0};
    struct ss_table_options rules;
    struct ss_error err = {0};

    int status = check_options(args);
    if (status == CLI_OK)
        status = table_options(args, options, &rules);
    if (status != CLI_OK)
        return status;
    if (find_nvs(args, &rules, &job, &err) != SS_OK || make(args, &job, &err) != SS_OK)
        status = cli_fail(&err);
    else if (args->options[OPT_JSON] || strcmp(args->options[OPT_OUTPUT], "-"))
        status = report(args, &job);
    file_free(&job.table_file);
    file_free(&job.token_file);
    file_free(&job.keys_file);
    file_free(&job.image);
    config_option_free(&job.option);
    ss_wipe(job.token, sizeof job.token);
    return status;
}

const struct cli_command command_device_config = {
    .path = "device config",
    .summary = "make the nvs image that tells a device who it is",
    .description =
        "Writes the image of the table's nvs partition: device id, credential, servers, CA, key set, in the namespace "
        "slotseal. It goes to the address that is printed as it is: ESP-IDF does not encrypt nvs with the flash key, "
        "so "
        "who holds the flash reads it, credential included. With --nvs-keys it is encrypted for firmware built with "
        "CONFIG_NVS_ENCRYPTION.\n\n"
        "The token is 43 characters. Servers know it by the SHA-256 of these characters.",
    .options = options,
    .example = "slotseal device config --device 240ac412345e --table partitions.csv \\\n"
               "    --new-token token.txt --ca ca.pem \\\n"
               "    --update-server https://updates.example -o nvs.bin\n",
    .run = run,
};
