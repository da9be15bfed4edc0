// SPDX-License-Identifier: Apache-2.0
// What a device is told about itself: one namespace in the image of its `nvs` partition.
//
//     namespace slotseal   type    value
//     format               u8      1
//     id                   string  the device id
//     token                string  43 characters, base64url of 32 random bytes; or the two below
//     client_key           blob    private key, PEM with its closing NUL (as esp_tls takes it) or DER
//     client_cert          blob    its certificate, in the same form
//     server0 … server3    string  https:// addresses, in the order in which they are tried
//     ca                   blob    certificates that the servers' certificates end in, PEM with NUL or DER
//     key_set              blob    the key set statement, signed by the root keys
//
// The root keys themselves are not in here: whoever can write flash can write NVS, which flash encryption leaves alone.
// They are linked into the app, which is encrypted and, with secure boot, signed. docs/manufacturing.md says what a
// thief reads in this partition.
//
// Source of the NVS limits: ESP-IDF Programming Guide, "Non-volatile Storage Library"; see slotseal/nvs.h.
#ifndef SS_PROVISION_DEVICE_CONFIG_H
#define SS_PROVISION_DEVICE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/nvs.h"

#define SS_DEVICE_CONFIG_NAMESPACE   "slotseal"
#define SS_DEVICE_CONFIG_FORMAT      1
#define SS_DEVICE_CONFIG_MAX_SERVERS 4
#define SS_DEVICE_CONFIG_MAX_URL     96 ///< characters of a server address, as in a key set
#define SS_DEVICE_TOKEN_LEN          43 ///< characters
#define SS_DEVICE_TOKEN_SIZE         44 ///< with the NUL

/// PEM or DER from a file. A PEM text need not end in NUL: the image gets one.
struct ss_device_file {
    const void *data; ///< borrowed; NULL: none
    size_t len;
};

/// All borrowed. All zero beside id is a sensible start.
struct ss_device_config {
    const char *id;    ///< required, see ss_device_name_valid()
    const char *token; ///< NULL, or SS_DEVICE_TOKEN_LEN characters
    struct ss_device_file client_key;
    struct ss_device_file client_certificate; ///< with client_key, or neither
    const char *servers[SS_DEVICE_CONFIG_MAX_SERVERS];
    unsigned server_count;
    struct ss_device_file ca;
    struct ss_device_file key_set;
    bool plain_http;             ///< take http:// addresses too: for a laboratory, everyone on the way reads the token
    enum ss_nvs_version version; ///< 0: SS_NVS_V2
    const uint8_t *nvs_keys;     ///< SS_NVS_KEYS_SIZE bytes for firmware with CONFIG_NVS_ENCRYPTION; NULL: plain
};

/// Makes the image of a partition of @p size bytes in @p image. Which of the members are given is the caller's
/// business, except that a device needs an id and can have only one credential.
///
/// SS_ERROR_INVALID_ARGUMENT  id or token of another form; a token beside a client key; a client key without its
///                            certificate or the reverse; server_count; size or version (ss_nvs_writer_init()); a value
///                            above the limit of the NVS version
/// SS_ERROR_NOT_PERMITTED     an http:// address without plain_http; an address with a user name; a private key within
///                            the CA or the client's certificate
/// SS_ERROR_DATA_INVALID      what should be a certificate or an unencrypted private key is none; the key is not the
///                            certificate's; the certificate's common name is not the id; an address that is none
/// SS_ERROR_INSUFFICIENT_SPACE the partition is too small
/// On error the image is wiped.
SS_MUST_USE ss_status_t ss_device_config_build(const struct ss_device_config *config, uint8_t *image, size_t size,
                                               struct ss_error *err);

/// A new token from the system's random generator. Wipe it when done.
SS_MUST_USE ss_status_t ss_device_token_new(char out[SS_DEVICE_TOKEN_SIZE], struct ss_error *err);
/// SHA-256 of the token's characters: all that a server needs to recognise it. 256 random bits need no salt.
SS_MUST_USE ss_status_t ss_device_token_hash(const char *token, uint8_t out[32], struct ss_error *err);
/// True if @p token has the form of one.
bool ss_device_token_valid(const char *token);

#endif
