// SPDX-License-Identifier: Apache-2.0
// --update-server, --ca, --client-key, …: what a device is told about itself, for every command that makes it.
#ifndef SS_CLI_CONFIG_OPTION_H
#define SS_CLI_CONFIG_OPTION_H

#include "cli.h"
#include "file.h"
#include "provision/device_config.h"

#define OPTIONS_CONFIG                                                                                                   \
    {OPT_UPDATE_SERVER, "update-server", 0, false, "URL[,URL]", "where the device looks for updates, https://", NULL,    \
     COMPLETE_NOTHING},                                                                                                  \
        {OPT_CA, "ca", 0, false, "FILE", "certificates that the servers' end in, PEM or DER", NULL, COMPLETE_FILE},      \
        {OPT_KEY_SET, "key-set", 0, false, "FILE", "key set statement, signed by the root keys", NULL, COMPLETE_FILE},   \
        {OPT_CLIENT_KEY, "client-key", 0, false, "FILE", "the device's private key for TLS, instead of a token",         \
         NULL,           COMPLETE_FILE},                                                                                 \
        {OPT_CLIENT_CERT, "client-cert", 0, false, "FILE", "certificate of --client-key; its CN is the device id", NULL, \
         COMPLETE_FILE},                                                                                                 \
        {OPT_PLAIN_HTTP, "plain-http",    0, false, NULL, "take http:// servers, too: for a laboratory",                 \
         NULL,           COMPLETE_NOTHING},                                                                              \
    {                                                                                                                    \
        OPT_NVS_VERSION, "nvs-version", 0, false, "N", "format of the NVS pages (2)", "1 2", COMPLETE_CHOICE             \
    }

/// Start all zero; config_option_free() wipes.
struct config_option {
    struct ss_device_config config; ///< points into the rest; `id` and `token` are the caller's to set
    struct input ca, key_set, client_key, client_certificate;
    char servers[SS_DEVICE_CONFIG_MAX_SERVERS * (SS_DEVICE_CONFIG_MAX_URL + 2)];
};

/// Reads the files. SS_ERROR_INVALID_ARGUMENT for more servers than a device takes; else as file_read().
SS_MUST_USE ss_status_t config_option_read(const struct cli_args *args, struct config_option *out,
                                           struct ss_error *err);
void config_option_free(struct config_option *option);

#endif
