// SPDX-License-Identifier: Apache-2.0
// The front: the process that speaks HTTP. It holds no firmware key and no plaintext.
#ifndef SS_SERVER_FRONT_H
#define SS_SERVER_FRONT_H

#include <stdbool.h>

#include "server/config.h"

/// Most sockets that a front listens on.
#define SS_FRONT_LISTENERS_MAX 16

/// What a front needs that cannot be opened any more once it is confined.
struct ss_front_listeners {
    int fds[SS_FRONT_LISTENERS_MAX];
    unsigned count;
};

/// Opens the addresses of @p config, or takes those that systemd passed (LISTEN_FDS), if there are any.
/// SS_ERROR_IO names the address that cannot be listened on.
SS_MUST_USE ss_status_t ss_front_listen(const struct ss_server_config *config, struct ss_front_listeners *listeners,
                                        struct ss_error *err);
void ss_front_unlisten(struct ss_front_listeners *listeners);

/// How a front is run.
struct ss_front_options {
    const struct ss_server_config *config;
    const char *config_path;                     ///< read again on SIGHUP
    struct ss_front_listeners *listeners;        ///< the front's from here on
    int sealer;                                  ///< the supervisor's socket for local sealers; -1: none
    bool unconfined_too;                         ///< goes on with neither another user nor Landlock
    void (*ready)(void *context, unsigned port); ///< it serves; @p port of the first listener; may be NULL
    void *context;
};

/// Runs until SIGTERM or SIGINT; then finishes what is under way, for at most 20 seconds. SIGHUP reads the
/// configuration again: certificates, limits, log level and format change at once, a change of anything else needs a
/// restart, and says so in the log. Signals are blocked for all threads; call it from the only one.
///   SS_ERROR_IO and others: it could not start
SS_MUST_USE ss_status_t ss_front_run(const struct ss_front_options *options, struct ss_error *err);

#endif
