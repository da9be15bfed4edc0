// SPDX-License-Identifier: Apache-2.0
#include "port_option.h"

#include "core/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RATE_LOWEST = 9600, RESETS_BY_HAND = 2 };

static bool baud_of(const struct cli_args *args, uint64_t *baud)
{
    const char *text = args->options[OPT_BAUD];
    *baud = PORT_BAUD;
    return !text || (cli_number(text, SS_LINK_BAUD_MAX, baud) && *baud >= RATE_LOWEST);
}

static bool is_manual(const struct cli_args *args)
{
    return args->options[OPT_RESET] && !strcmp(args->options[OPT_RESET], "manual");
}

int port_check(const struct cli_args *args)
{
    uint64_t baud;
    if (!baud_of(args, &baud))
        return cli_usage(NULL, "--baud %s is not from %d to %u", args->options[OPT_BAUD], RATE_LOWEST,
                         SS_LINK_BAUD_MAX);
    if (args->options[OPT_RESET] && args->options[OPT_RESET_COMMAND])
        return cli_usage(NULL, "--reset and --reset-command exclude each other");
    if (is_manual(args) && (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)))
        return cli_usage("--reset-command CMD", "--reset manual asks at a terminal, and there is none");
    return CLI_OK;
}

static ss_status_t reset_by_hand(void *context, enum ss_link_boot boot, struct ss_error *err)
{
    char line[16];
    (void)context;
    fputs(boot == SS_LINK_BOOT_DOWNLOAD ? "\nHold BOOT, press and release EN (RST), release BOOT; then press Enter: "
                                        : "\nPress and release EN (RST); then press Enter: ",
          stderr);
    fflush(stderr);
    return fgets(line, sizeof line, stdin)
               ? SS_OK
               : ss_error_set(err, SS_ERROR_IO, SS_AREA_LINK, "nobody is there to reset the chip");
}

/// What it prints goes to stderr: stdout carries our result.
static ss_status_t reset_by_command(void *context, enum ss_link_boot boot, struct ss_error *err)
{
    const struct port_session *s = context;
    const char *word = boot == SS_LINK_BOOT_DOWNLOAD ? "download" : "run";
    char line[4096];
    int n = snprintf(line, sizeof line, "{ %s %s\n} >&2", s->reset_command, word);
    if (n < 0 || (size_t)n >= sizeof line)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_LINK, "the reset command is too long");
    int result = system(line);
    return result == 0 ? SS_OK
                       : ss_error_set(err, SS_ERROR_IO, SS_AREA_LINK, "the reset command failed: %s %s",
                                      s->reset_command, word);
}

static struct ss_link_options options_of(const struct cli_args *args, struct port_session *s)
{
    uint64_t baud;
    const char *reset = args->options[OPT_RESET];
    struct ss_link_options o = {.progress = progress_show, .progress_context = &s->progress, .reset_context = s};
    s->reset_command = args->options[OPT_RESET_COMMAND];
    o.baud = baud_of(args, &baud) ? (uint32_t)baud : 0;
    o.no_reset = reset && !strcmp(reset, "none");
    if (s->reset_command || is_manual(args)) {
        o.reset = s->reset_command ? reset_by_command : reset_by_hand;
        o.attempts = RESETS_BY_HAND;
    }
    return o;
}

static ss_status_t open_and_connect(const char *name, const struct ss_link_options *options, struct port_session *s,
                                    struct ss_error *err)
{
    struct ss_link_port *port;
    ss_status_t status = ss_link_port_open(name, &port, err);
    if (status != SS_OK)
        return status;
    status = ss_link_new(port, options, &s->link, err);
    if (status != SS_OK) {
        ss_link_port_close(port);
        return status;
    }
    status = ss_link_connect(s->link, err);
    if (status == SS_OK)
        return SS_OK;
    ss_link_free(s->link);
    s->link = NULL;
    return status;
}

ss_status_t port_connect(const struct cli_args *args, struct port_session *s, struct ss_error *err)
{
    struct ss_link_options options = options_of(args, s);
    ss_status_t status = open_and_connect(args->options[OPT_PORT], &options, s, err);
    // Nobody asked for this rate, so that it is no failure if the port or the cable cannot do it.
    bool rate = (status == SS_ERROR_TIMEOUT && strstr(err->message, " baud")) ||
                (status == SS_ERROR_NOT_SUPPORTED && strstr(err->message, "the rate"));
    if (rate && !args->options[OPT_BAUD]) {
        options.baud = 0;
        status = open_and_connect(args->options[OPT_PORT], &options, s, err);
    }
    if (status != SS_OK)
        return status;
    s->chip = ss_link_chip(s->link);
    ss_put_hex(s->chip->mac, sizeof s->chip->mac, s->id);
    return SS_OK;
}

void port_close(const struct cli_args *args, struct port_session *s)
{
    struct ss_error err = {0};
    progress_end(&s->progress);
    bool run = args->options[OPT_AFTER] && !strcmp(args->options[OPT_AFTER], "run");
    if (run && s->link && ss_link_chip(s->link) && ss_link_run(s->link, &err) != SS_OK)
        cli_warning("%s", err.message);
    ss_link_free(s->link);
    s->link = NULL;
}

int port_fail(const struct ss_error *err)
{
    cli_fail(err);
    if (ss_link_hint(err))
        cli_hint("%s", ss_link_hint(err));
    return CLI_FAILED;
}

int port_end(const struct cli_args *args, struct port_session *s, ss_status_t status, const struct ss_error *err)
{
    port_close(args, s);
    return status == SS_OK ? CLI_OK : port_fail(err);
}
