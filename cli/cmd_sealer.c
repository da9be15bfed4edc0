// SPDX-License-Identifier: Apache-2.0
// The sealer on a host of its own.

#include "ask.h"
#include "commands.h"
#include "server/log.h"
#include "server/sealer_process.h"

static const struct cli_option sealer_options[] = {
    {OPT_CONFIG, "config", 'c', true, "FILE", "configuration, section [sealer]", NULL, COMPLETE_FILE},
    OPTION_END,
};

static void log_line(void *context, const char *text)
{
    (void)context;
    ss_log(SS_LOG_INFO, "sealer", "detail", text, NULL);
}

static int run_sealer(const struct cli_args *args)
{
    struct ss_server_config *config;
    struct ss_error err = {0};
    if (ss_server_config_read(args->options[OPT_CONFIG], &config, &err) != SS_OK)
        return cli_fail(&err);
    ss_log_setup(config->log.format, config->log.level);
    const struct ss_sealer_process_options options = {.config = config, .ask = ask_secret, .log = log_line};
    int status = ss_sealer_process(&options, -1);
    ss_server_config_free(config);
    return status == 0 ? CLI_OK : CLI_FAILED;
}

const struct cli_command command_sealer = {
    .path = "sealer",
    .summary = "seal updates for a server on another host",
    .description =
        "Opens the vault and connects outward to the server that the configuration names, over TLS with "
        "certificates on both sides; nobody connects to it. It seals what the server asks for and the vault's "
        "records allow. Ends on SIGTERM; a connection that breaks is made again. On one host, slotseal serve "
        "starts its sealer by itself.",
    .options = sealer_options,
    .example = "slotseal sealer --config /etc/slotseal/sealer.conf\n",
    .run = run_sealer,
};
