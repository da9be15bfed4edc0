// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "commands.h"
#include "server/front.h"

static const struct cli_option options[] = {
    {OPT_CONFIG, "config", 'c', false, "FILE", "the server's configuration", NULL, COMPLETE_FILE},
    {OPT_SAMPLE, "sample", 0, false, NULL, "print a configuration with every key and its default", NULL,
     COMPLETE_NOTHING},
    OPTION_END,
};

/// Whoever started this waits for it.
static void tell(void *context, unsigned port)
{
    (void)context;
    printf("listening on port %u\n", port);
    fflush(stdout);
}

static int serve(const char *path)
{
    struct ss_server_config *config;
    struct ss_front_listeners listeners;
    struct ss_error err = {0};
    ss_status_t status = ss_server_config_read(path, &config, &err);
    if (status == SS_OK)
        status = ss_server_config_check_front(config, &err);
    if (status == SS_OK)
        status = ss_front_listen(config, &listeners, &err);
    if (status == SS_OK) {
        struct ss_front_options front = {
            .config = config, .config_path = path, .listeners = &listeners, .sealer = -1, .ready = tell};
        status = ss_front_run(&front, &err);
    }
    ss_server_config_free(config);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

static int run(const struct cli_args *args)
{
    if (args->options[OPT_SAMPLE]) {
        ss_server_config_sample(stdout);
        return CLI_OK;
    }
    if (!args->options[OPT_CONFIG])
        return cli_usage("slotseal serve --sample prints a configuration to begin with", "--config is needed");
    return serve(args->options[OPT_CONFIG]);
}

const struct cli_command command_serve = {
    .path = "serve",
    .summary = "run the update server",
    .description = "Speaks hawkBit's Direct Device Integration API with devices and a management API with operators.",
    .example = "  slotseal serve --sample > server.conf\n  slotseal serve --config server.conf\n",
    .options = options,
    .run = run,
};
