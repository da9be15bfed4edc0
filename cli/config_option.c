// SPDX-License-Identifier: Apache-2.0
#include "config_option.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "slotseal/statement_sign.h"

enum { CONFIG_FILE_LIMIT = 64 << 10 };

static ss_status_t read_one(const char *path, struct input *in, struct ss_device_file *out, struct ss_error *err)
{
    if (!path)
        return SS_OK;
    ss_status_t status = file_read(path, CONFIG_FILE_LIMIT, in, err);
    out->data = in->data;
    out->len = in->len;
    return status;
}

/// A device trusts the first key set that it is given for what it is: it has to be one.
static ss_status_t check_key_set(const struct input *in, struct ss_error *err)
{
    struct ss_statement statement;
    struct ss_key_set set;
    struct ss_refusal why = {SS_REASON_NONE, 0};
    if (!in->data)
        return SS_OK;
    ss_status_t status = ss_statement_parse(in->data, in->len, &statement, &why);
    if (status == SS_OK)
        status = ss_key_set_parse(&statement, &set, &why);
    if (status == SS_OK)
        status = ss_key_set_check_roots(&statement, &set, &why);
    if (status == SS_OK)
        return SS_OK;
    status = ss_refusal_error(err, status, SS_STATEMENT_KEY_SET, &why);
    return ss_error_prefix(err, status, "%s", in->name);
}

static ss_status_t split_servers(const char *list, struct config_option *out, struct ss_error *err)
{
    char *rest = out->servers;
    if (!list)
        return SS_OK;
    if (strlen(list) >= sizeof out->servers)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE,
                            "--update-server has %zu characters, the limit is %zu", strlen(list),
                            sizeof out->servers - 1);
    strcpy(out->servers, list);
    for (char *server; (server = strsep(&rest, ",")) != NULL; out->config.server_count++) {
        if (out->config.server_count == SS_DEVICE_CONFIG_MAX_SERVERS)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE,
                                "--update-server names more than %d servers", SS_DEVICE_CONFIG_MAX_SERVERS);
        out->config.servers[out->config.server_count] = server;
    }
    return SS_OK;
}

ss_status_t config_option_read(const struct cli_args *args, struct config_option *out, struct ss_error *err)
{
    struct ss_device_config *config = &out->config;
    ss_status_t status = split_servers(args->options[OPT_UPDATE_SERVER], out, err);

    config->plain_http = args->options[OPT_PLAIN_HTTP] != NULL;
    config->version = args->options[OPT_NVS_VERSION] && *args->options[OPT_NVS_VERSION] == '1' ? SS_NVS_V1 : SS_NVS_V2;
    if (status == SS_OK)
        status = read_one(args->options[OPT_CA], &out->ca, &config->ca, err);
    if (status == SS_OK)
        status = read_one(args->options[OPT_KEY_SET], &out->key_set, &config->key_set, err);
    if (status == SS_OK)
        status = check_key_set(&out->key_set, err);
    if (status == SS_OK)
        status = read_one(args->options[OPT_CLIENT_KEY], &out->client_key, &config->client_key, err);
    if (status == SS_OK)
        status = read_one(args->options[OPT_CLIENT_CERT], &out->client_certificate, &config->client_certificate, err);
    if (status == SS_OK && out->client_key.data)
        file_warn_readable(&out->client_key);
    return status;
}

void config_option_free(struct config_option *option)
{
    file_free(&option->ca);
    file_free(&option->key_set);
    file_free(&option->client_key);
    file_free(&option->client_certificate);
    ss_wipe(option, sizeof *option);
}
