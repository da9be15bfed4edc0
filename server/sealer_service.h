// SPDX-License-Identifier: Apache-2.0
// The sealer: opens the vault and answers fronts, each over a channel. One thread a channel seals windows; one thread
// for all does what needs the vault: deliveries, uploads, freshness, the registry.
#ifndef SS_SERVER_SEALER_SERVICE_H
#define SS_SERVER_SEALER_SERVICE_H

#include "server/channel.h"
#include "server/sealer_keys.h"
#include "vault/vault.h"

struct ss_sealer_service_options {
    const char *vault; ///< URL; it is opened without its signing keys, whatever these options say
    struct ss_vault_options vault_options;
    const struct ss_sealer_keys *keys; ///< borrowed until _free()
    unsigned ciphers;                  ///< deliveries kept ready; 0: 2,048 (about 6 MiB of locked memory)
    uint64_t plaintext;                ///< bytes of images kept ready; 0: 64 MiB
    unsigned poll_ms;                  ///< how often the vault is asked for changes; 0: 500
    /// Called when the vault is open and before there is another thread: the time to confine the process. Anything but
    /// SS_OK ends the start. NULL: not wanted.
    ss_status_t (*opened)(void *context, struct ss_error *err);
    /// One line for the log, on any thread. NULL: not wanted.
    void (*log)(void *context, const char *text);
    void *context;
};

struct ss_sealer_service;

/// Opens the vault and starts its thread. *@p service is NULL on error: statuses of ss_vault_open().
SS_MUST_USE ss_status_t ss_sealer_service_start(const struct ss_sealer_service_options *options,
                                                struct ss_sealer_service **service, struct ss_error *err);

/// Serves one channel on the calling thread until it ends or @p stop (a file descriptor, -1: none) is readable. Takes
/// @p channel over. SS_OK: stopped; else why the channel ended.
SS_MUST_USE ss_status_t ss_sealer_service_run(struct ss_sealer_service *service, struct ss_channel *channel, int stop,
                                              struct ss_error *err);

/// No channel may be running any more. NULL is allowed.
void ss_sealer_service_free(struct ss_sealer_service *service);

#endif
