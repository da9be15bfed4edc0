// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "ask.h"
#include "commands.h"
#include "server/front.h"
#include "server/log.h"
#include "server/sealer_process.h"
#include "server/supervise.h"

static const struct cli_option options[] = {
    {OPT_CONFIG, "config", 'c', false, "FILE", "the server's configuration", NULL, COMPLETE_FILE},
    {OPT_SAMPLE, "sample", 0, false, NULL, "print a configuration with every key and its default", NULL,
     COMPLETE_NOTHING},
    {OPT_PRESEALED, "presealed", 0, false, "FOLDER", "serve what was sealed elsewhere, without a sealer or any key",
     NULL, COMPLETE_FILE},
    {OPT_NO_SANDBOX, "insecure-no-sandbox", 0, false, NULL,
     "serve even if neither another user nor Landlock is to be had", NULL, COMPLETE_NOTHING},
    OPTION_END,
};

/// What both processes begin with.
struct serving {
    const struct ss_server_config *config;
    const char *path;
    struct ss_front_listeners listeners;
    bool no_sandbox;
};

static void log_line(void *context, const char *text)
{
    ss_log(SS_LOG_INFO, context, "detail", text, NULL);
}

/// Whoever started this waits for it.
static void tell(void *context, unsigned port)
{
    (void)context;
    printf("listening on port %u\n", port);
    fflush(stdout);
}

static ss_status_t run_front(struct serving *serving, int control, struct ss_error *err)
{
    const struct ss_front_options front = {.config = serving->config,
                                           .config_path = serving->path,
                                           .listeners = &serving->listeners,
                                           .sealer = control,
                                           .unconfined_too = serving->no_sandbox,
                                           .ready = tell};
    return ss_front_run(&front, err);
}

static int front_process(void *context, int control)
{
    struct ss_error err = {0};
    ss_status_t status = run_front(context, control, &err);
    if (status == SS_OK)
        return 0;
    ss_log(SS_LOG_ERROR, "the front does not start", "reason", err.message, NULL);
    // A database that is not there yet may come, and memory; a mistake in the configuration stays one.
    return status == SS_ERROR_IO || status == SS_ERROR_INSUFFICIENT_MEMORY ? 1 : SS_SUPERVISE_GIVE_UP;
}

static int sealer_process(void *context, int control)
{
    static char name[] = "sealer";
    struct serving *serving = context;
    ss_front_unlisten(&serving->listeners); // it listens nowhere
    const struct ss_sealer_process_options sealer = {
        .config = serving->config, .ask = ask_secret, .log = log_line, .context = name};
    return ss_sealer_process(&sealer, control);
}

static void supervisor_line(void *context, bool trouble, const char *text)
{
    ss_log(trouble ? SS_LOG_WARNING : SS_LOG_INFO, context, "detail", text, NULL);
}

static ss_status_t supervise(struct serving *serving, struct ss_error *err)
{
    static char name[] = "supervisor";
    const struct ss_supervise_options supervised = {.front = {"front", front_process, serving},
                                                    .sealer = {"sealer", sealer_process, serving},
                                                    .log = supervisor_line,
                                                    .context = name};
    return ss_supervise(&supervised, err);
}

static ss_status_t serve(struct serving *serving, struct ss_error *err)
{
    const struct ss_server_config *config = serving->config;
    bool sealer = config->sealer.vault != NULL;
    ss_status_t status = ss_server_config_check_front(config, err);
    if (status == SS_OK && sealer)
        status = ss_server_config_check_sealer(config, false, err);
    if (status != SS_OK)
        return status;
    ss_log_setup(config->log.format, config->log.level);
    status = ss_front_listen(config, &serving->listeners, err);
    if (status == SS_OK)
        status = sealer ? supervise(serving, err) : run_front(serving, -1, err);
    return status;
}

static int run(const struct cli_args *args)
{
    struct ss_error err = {0};
    struct ss_server_config *config;
    if (args->options[OPT_SAMPLE]) {
        ss_server_config_sample(stdout);
        return CLI_OK;
    }
    if (!args->options[OPT_CONFIG])
        return cli_usage("slotseal serve --sample prints a configuration to begin with", "--config is needed");
    ss_status_t status = ss_server_config_read(args->options[OPT_CONFIG], &config, &err);
    if (status == SS_OK && args->options[OPT_PRESEALED])
        status = ss_server_config_set_presealed(config, args->options[OPT_PRESEALED], &err);
    if (status == SS_OK) {
        struct serving serving = {
            .config = config, .path = args->options[OPT_CONFIG], .no_sandbox = args->options[OPT_NO_SANDBOX] != NULL};
        status = serve(&serving, &err);
    }
    ss_server_config_free(config);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

const struct cli_command command_serve = {
    .path = "serve",
    .summary = "run the update server",
    .description =
        "Speaks hawkBit's Direct Device Integration API with devices and a management API with operators. With "
        "[sealer] in "
        "its configuration it starts a second process, which opens the vault and seals updates while they are "
        "downloaded; the process that speaks HTTP never has a key of a device or a byte of plaintext. Without it, "
        "opaque "
        "products are served, what was sealed elsewhere, or what a sealer on another host seals.\n\n"
        "SIGTERM ends it after what is under way, SIGHUP reads certificates, limits and log settings again. Sockets "
        "that "
        "systemd passes are taken instead of listen.",
    .example = "slotseal serve --sample > server.conf\nslotseal serve --config server.conf\n",
    .options = options,
    .run = run,
};
