// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <stdio.h>

#include "chip/serve.h"
#include "commands.h"
#include "profile_option.h"

static const struct cli_option options[] = {
    {OPT_PTY, "pty", 0, false, "LINK", "make LINK a symbolic link to the pseudo-terminal", NULL, COMPLETE_FILE},
    {OPT_TCP, "tcp", 0, false, "PORT", "serve bare bytes on a TCP port of this host (0: any that is free)", NULL,
     COMPLETE_NOTHING},
    {OPT_RFC2217, "rfc2217", 0, false, "PORT", "serve RFC 2217 with DTR and RTS on a TCP port (0: any)", NULL,
     COMPLETE_NOTHING},
    {OPT_DOWNLOAD, "download", 0, false, NULL, "hold GPIO0 low: every reset starts the serial loader", NULL,
     COMPLETE_NOTHING},
    OPTIONS_PROFILE,
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
    if (!!args->options[OPT_PTY] + !!args->options[OPT_TCP] + !!args->options[OPT_RFC2217] > 1)
        return cli_usage(NULL, "--pty, --tcp and --rfc2217 exclude each other");
    enum cli_option_id id = args->options[OPT_TCP] ? OPT_TCP : OPT_RFC2217;
    if (!cli_option_number(args, options, id, UINT16_MAX, 0, &port))
        return CLI_USAGE;
    *serve = (struct ss_serve_options){
        .kind = args->options[OPT_TCP]       ? SS_SERVE_TCP
                : args->options[OPT_RFC2217] ? SS_SERVE_RFC2217
                                             : SS_SERVE_PTY,
        .link = args->options[OPT_PTY],
        .port = (uint16_t)port,
        .folder = args->operands[0],
        .download = args->options[OPT_DOWNLOAD] != NULL,
    };
    return CLI_OK;
}

static int run(const struct cli_args *args)
{
    struct ss_serve_options serve;
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    char address[SS_SERVE_ADDRESS_SIZE];
    struct profile_option profile = {0};
    int result = profile_option_check(args);
    if (result == CLI_OK)
        result = parse(args, &serve);
    if (result != CLI_OK)
        return result;
    ss_status_t status = profile_option_read(args, &profile, &err);
    serve.profile = profile.profile;
    if (status == SS_OK)
        status = ss_chip_open(args->operands[0], &chip, &err);
    if (status == SS_OK)
        status = ss_serve_new(&running, &err);
    if (status == SS_OK)
        status = ss_serve_add(running, chip, &serve, address, &err);
    if (status == SS_OK) {
        stop_on_signals();
        // Whoever started this waits for the line.
        printf("%s\n", serve.link ? serve.link : address);
        if (fflush(stdout) == 0)
            status = ss_serve_run(running, &err);
    }
    if (status != SS_OK)
        result = cli_fail(&err);
    ss_serve_free(running);
    ss_chip_free(chip);
    profile_option_free(&profile);
    return result;
}

const struct cli_command command_chip_serve = {
    .path = "chip serve",
    .summary = "give a virtual ESP32 a serial port",
    .description =
        "Prints what a serial program has to open, and serves until it is ended by Ctrl-C or SIGTERM. Without options "
        "that is a pseudo-terminal. esptool and espefuse work on it unchanged.\n\n"
        "A pseudo-terminal has no DTR and RTS: hold GPIO0 low with --download; each time the port is closed the chip "
        "is reset. With --tcp every connection is a power-on into the serial loader. With --rfc2217 programs reset the "
        "chip as they reset a board.\n\n"
        "With GPIO0 high it boots what is in flash; what is compiled into the bootloader comes from --profile or "
        "--build-dir, else it is guessed.\n\n"
        "While the chip is served, `slotseal chip reset`, `strap`, `power` and `cut` act on it.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip serve device1 --pty /tmp/device1 --download\n"
               "esptool --port /tmp/device1 flash-id\n",
    .run = run,
};
