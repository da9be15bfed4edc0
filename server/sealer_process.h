// SPDX-License-Identifier: Apache-2.0
// The sealer as a process: started by the supervisor next to a front, or by `slotseal sealer` on a host of its own.
#ifndef SS_SERVER_SEALER_PROCESS_H
#define SS_SERVER_SEALER_PROCESS_H

#include "server/config.h"
#include "vault/key_source.h"

struct ss_sealer_process_options {
    const struct ss_server_config *config;
    ss_vault_ask_fn ask; ///< for passphrase and PIN; NULL: nobody is there
    /// One line for the log, on any thread. NULL: not wanted.
    void (*log)(void *context, const char *text);
    void *context;
};

/// Checks what a sealer needs of the configuration. SS_ERROR_INVALID_ARGUMENT names the key that is missing or
/// contradicts.
SS_MUST_USE ss_status_t ss_server_config_check_sealer(const struct ss_server_config *config, bool remote,
                                                      struct ss_error *err);

/// Opens keys and vault, confines the process and serves until SIGTERM or SIGINT: on the channels that come by
/// @p control, or, with -1, on one to config->sealer.connect, which is made again when it breaks, after 1 to 60
/// seconds. Blocks those signals; to be called with one thread only. Returns an exit status: 0, or SS_SUPERVISE_GIVE_UP
/// where starting again would not help, else 1; the reason is logged as an error (server/log.h).
int ss_sealer_process(const struct ss_sealer_process_options *options, int control);

#endif
