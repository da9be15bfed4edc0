// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <stdio.h>

#include "chip/serve.h"
#include "commands.h"
#include "json.h"
#include "profile_option.h"

static const struct cli_option options[] = {
    {OPT_PTY, "pty", 0, false, "[LINK]", "serve a pseudo-terminal (default), with LINK as a symbolic link to it", NULL,
     COMPLETE_FILE},
    {OPT_TCP, "tcp", 0, false, "PORT", "serve bare bytes on a TCP port of this host (0: any that is free)", NULL,
     COMPLETE_NOTHING},
    {OPT_RFC2217, "rfc2217", 0, false, "PORT", "serve RFC 2217 with DTR and RTS on a TCP port (0: any)", NULL,
     COMPLETE_NOTHING},
    {OPT_DOWNLOAD, "download", 0, false, NULL, "hold GPIO0 low: every reset starts the serial loader", NULL,
     COMPLETE_NOTHING},
    OPTIONS_PROFILE,
    OPTION_JSON,
    OPTION_END,
};

static struct ss_serve *running;

static void on_signal(int number)
{
    (void)number;
    ss_serve_stop(running);
}

static void stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int parse(const struct cli_args *args, struct ss_serve_options *serve)
{
    uint64_t port = 0;
    unsigned more = args->operand_count - 1;
    const char *link = args->options[OPT_PTY] && *args->options[OPT_PTY] ? args->options[OPT_PTY] : NULL;
    if (!!args->options[OPT_PTY] + !!args->options[OPT_TCP] + !!args->options[OPT_RFC2217] > 1)
        return cli_usage(NULL, "--pty, --tcp and --rfc2217 exclude each other");
    enum cli_option_id id = args->options[OPT_TCP] ? OPT_TCP : OPT_RFC2217;
    if (!cli_option_number(args, options, id, UINT16_MAX, 0, &port))
        return CLI_USAGE;
    if (more && link)
        return cli_usage("without --pty each chip gets a pseudo-terminal of its own",
                         "--pty links to one chip, not to %u", args->operand_count);
    if (port && port + more > UINT16_MAX)
        return cli_usage(NULL, "ports from %u on do not suffice for %u chips", (unsigned)port, args->operand_count);
    *serve = (struct ss_serve_options){
        .kind = args->options[OPT_TCP]       ? SS_SERVE_TCP
                : args->options[OPT_RFC2217] ? SS_SERVE_RFC2217
                                             : SS_SERVE_PTY,
        .link = link,
        .port = (uint16_t)port,
        .download = args->options[OPT_DOWNLOAD] != NULL,
    };
    return CLI_OK;
}

/// A chip that is served, and where.
struct served {
    struct ss_vchip *chip;
    char address[SS_SERVE_ADDRESS_SIZE];
};

static ss_status_t add_all(const struct cli_args *args, struct ss_serve_options serve, struct served *chips,
                           struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < args->operand_count; i++) {
        serve.folder = args->operands[i];
        status = ss_chip_open(serve.folder, &chips[i].chip, err);
        if (status == SS_OK)
            status = ss_serve_add(running, chips[i].chip, &serve, chips[i].address, err);
        serve.port = (uint16_t)(serve.port + (serve.port != 0));
    }
    return status;
}

static int print_json(const struct cli_args *args, const struct served *chips, const char *link)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < args->operand_count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "folder", json_text(args->operands[i]), "address",
                                              json_text(link ? link : chips[i].address)));
    return json_print(json_pack("{s:o}", "chips", list), CLI_OK);
}

/// Whoever started this waits for it.
static int tell(const struct cli_args *args, const struct served *chips, const char *link)
{
    int result = CLI_OK;
    if (args->options[OPT_JSON])
        result = print_json(args, chips, link);
    else if (args->operand_count == 1)
        printf("%s\n", link ? link : chips[0].address);
    else
        for (unsigned i = 0; i < args->operand_count; i++)
            printf("%s %s\n", chips[i].address, args->operands[i]);
    return fflush(stdout) == 0 ? result : CLI_FAILED;
}

static int run(const struct cli_args *args)
{
    struct ss_serve_options serve;
    struct served chips[CLI_MAX_OPERANDS] = {0};
    struct ss_error err = {0};
    struct profile_option profile = {0};
    int result = profile_option_check(args);
    if (result == CLI_OK)
        result = parse(args, &serve);
    if (result != CLI_OK)
        return result;
    ss_status_t status = profile_option_read(args, &profile, &err);
    serve.profile = profile.profile;
    if (status == SS_OK)
        status = ss_serve_new(&running, &err);
    if (status == SS_OK)
        status = add_all(args, serve, chips, &err);
    if (status == SS_OK) {
        stop_on_signals();
        result = tell(args, chips, serve.link);
        if (result == CLI_OK)
            status = ss_serve_run(running, &err);
    }
    if (status != SS_OK)
        result = cli_fail(&err);
    ss_serve_free(running);
    for (unsigned i = 0; i < args->operand_count; i++)
        ss_chip_free(chips[i].chip);
    profile_option_free(&profile);
    return result;
}

const struct cli_command command_chip_serve = {
    .path = "chip serve",
    .summary = "give virtual ESP32s a serial port",
    .description =
        "Prints what a serial program has to open, and serves until it is ended by Ctrl-C or SIGTERM. Without options "
        "that is a pseudo-terminal. esptool and espefuse work on it unchanged.\n\n"
        "A pseudo-terminal has no DTR and RTS: hold GPIO0 low with --download; each time the port is closed the chip "
        "is reset. With --tcp every connection is a power-on into the serial loader. With --rfc2217 programs reset the "
        "chip as they reset a board.\n\n"
        "With GPIO0 high it boots what is in flash; what is compiled into the bootloader comes from --profile or "
        "--build-dir, else it is guessed.\n\n"
        "Several chips are served by one process: a line each, address and folder, in the order given; with a PORT "
        "other than 0 the next chip has the next port.\n\n"
        "While a chip is served, `slotseal chip reset`, `strap`, `power` and `cut` act on it.",
    .operands = "DIR [DIR]...",
    .options = options,
    .example = "slotseal chip serve device1 --pty /tmp/device1 --download\n"
               "esptool --port /tmp/device1 flash-id\n"
               "slotseal chip serve device1 device2 device3 --tcp 4001\n",
    .run = run,
};
