// SPDX-License-Identifier: Apache-2.0
// Options of commands that talk to a chip on a serial port, and the connection they describe.
#ifndef SS_CLI_PORT_OPTION_H
#define SS_CLI_PORT_OPTION_H

#include "cli.h"
#include "progress.h"
#include "slotseal/link.h"

#define PORT_BAUD 460800u ///< tried first where the user does not say another one; else 115200

#define OPTION_PORT(required)                                                                                          \
    {                                                                                                                  \
        OPT_PORT, "port", 'p', required, "PORT", "serial port: a path, socket://HOST:PORT or rfc2217://HOST:PORT",     \
            NULL, COMPLETE_FILE                                                                                        \
    }
#define OPTION_BAUD                                                                                                    \
    {                                                                                                                  \
        OPT_BAUD, "baud", 'b', false, "RATE", "bits per second once connected, to 2000000 (460800)", NULL,             \
            COMPLETE_NOTHING                                                                                           \
    }
/// @p ways: the choices.
#define OPTIONS_RESET(ways)                                                                                            \
    {OPT_RESET, "reset", 0, false, "WAY", "how to reset it (auto: by DTR and RTS)", ways, COMPLETE_CHOICE},            \
    {                                                                                                                  \
        OPT_RESET_COMMAND, "reset-command", 0, false, "CMD", "run CMD download or CMD run to reset it", NULL,          \
            COMPLETE_NOTHING                                                                                           \
    }
/// How to talk to the chip; follows OPTION_PORT.
#define OPTIONS_PORT                                                                                                   \
    OPTION_BAUD, OPTIONS_RESET("auto manual none"),                                                                    \
    {                                                                                                                  \
        OPT_AFTER, "after", 0, false, "WHAT", "reset it to run, or leave it in its loader (stay)", "run stay",         \
            COMPLETE_CHOICE                                                                                            \
    }

/// A connection. Start with all zero; ends with port_end().
struct port_session {
    struct ss_link *link;
    const struct ss_link_chip *chip;
    struct progress progress;
    const char *reset_command;
    char id[13]; ///< MAC as 12 lower-case hex digits
};

/// Checks the options' values: CLI_OK, or CLI_USAGE after a report.
int port_check(const struct cli_args *args);
/// Opens the port and connects. On error nothing is left open.
SS_MUST_USE ss_status_t port_connect(const struct cli_args *args, struct port_session *session, struct ss_error *err);
/// Ends the session: the chip stays in its loader unless --after says otherwise, because what it would do when it runs
/// for the first time can be final, too.
void port_close(const struct cli_args *args, struct port_session *session);
/// Reports an error with what to try, if it is one of the line. Returns CLI_FAILED.
int port_fail(const struct ss_error *err);
/// Both: port_close(), and CLI_OK, or port_fail() where @p status is a failure.
int port_end(const struct cli_args *args, struct port_session *session, ss_status_t status, const struct ss_error *err);

#endif
