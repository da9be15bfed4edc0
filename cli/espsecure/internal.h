// SPDX-License-Identifier: Apache-2.0
// Inside of the espsecure drop-in: command lines, decisive phrases and exit codes of esptool's espsecure 4.x and 5.x.
#ifndef SS_CLI_ESPSECURE_INTERNAL_H
#define SS_CLI_ESPSECURE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/file.h"
#include "slotseal/error.h"
#include "slotseal/signing_key.h"

/// espsecure's exit code for every error that it reports itself, wrong command lines included.
#define ESP_EXIT_ERROR 2

enum esp_option_id {
    ESP_KEYFILE,
    ESP_OUTPUT,
    ESP_VERSION,
    ESP_SCHEME,
    ESP_KEYLEN,
    ESP_ADDRESS,
    ESP_CRYPT_CONF,
    ESP_AES_XTS,
    ESP_IV,
    ESP_APPEND,
    ESP_PUB_KEY,
    ESP_SIGNATURE,
    ESP_SKIP_PADDING,
    ESP_HSM,
    ESP_HSM_CONFIG,
    ESP_OPTION_COUNT
};

enum esp_option_kind {
    ESP_SWITCH,
    ESP_VALUE,
    ESP_MANY ///< takes every argument up to the next option, as espsecure's lists of files do
};

struct esp_option {
    enum esp_option_id id;
    const char *name; ///< spelled with dashes
    char letter;      ///< 0 = none
    enum esp_option_kind kind;
    bool required;
    const char *choices; ///< separated by one space, NULL = any
    const char *help;
};

#define ESP_MAX_FILES 8

struct esp_list {
    const char *items[ESP_MAX_FILES];
    unsigned count;
};

struct esp_args {
    const char *values[ESP_OPTION_COUNT]; ///< NULL when not given, "" for a switch that is on
    struct esp_list lists[ESP_OPTION_COUNT];
    const char *operand;
};

struct esp_command {
    const char *name; ///< spelled with dashes
    const char *summary;
    const char *operand;              ///< its name in the help, NULL = none
    const struct esp_option *options; ///< ends with a row without name
    int (*run)(const struct esp_args *args);
};

// flash.c, key.c, bootloader.c, sign.c, verify.c
extern const struct esp_command esp_flash_commands[];
extern const struct esp_command esp_key_commands[];
extern const struct esp_command esp_bootloader_commands[];
extern const struct esp_command esp_sign_commands[];
extern const struct esp_command esp_verify_commands[];

// espsecure.c

/// True when the command line is of the 4.x kind: errors go to stdout.
bool esp_is_v4(void);
/// Progress and results on stdout.
void esp_say(const char *format, ...) SS_PRINTF(1, 2);
/// "A fatal error occurred: …" where this generation prints errors; returns ESP_EXIT_ERROR.
int esp_fatal(const char *format, ...) SS_PRINTF(1, 2);
/// The same for a wrong command line, which goes to stderr in both generations.
int esp_usage(const char *format, ...) SS_PRINTF(1, 2);
/// esp_fatal() with what the library said.
int esp_fail(const struct ss_error *err);

// args.c

/// Parses what follows the command. False after having reported; @p help is set for -h and --help.
bool esp_parse(const struct esp_command *command, int argc, char **argv, struct esp_args *args, bool *help);
/// Number as Python's int(text, 0) takes it, up to @p max. False after having reported.
bool esp_number(const char *option, const char *text, uint64_t max, uint64_t *out);

// Files

/// Reads @p path, reports, and returns false if that fails or if @p output names the same file.
bool esp_read(const char *path, const char *output, struct input *in);
/// The same for a file that holds a secret key: warns if others may read it.
bool esp_read_key(const char *path, const char *output, struct input *in);

/// Loads a PEM or raw key; NULL after having reported.
ss_signing_key_t *esp_load_key(const char *path, const char *output, bool need_private);
/// False, reported, if @p v1 and the key is not P-256.
bool esp_key_fits(const ss_signing_key_t *key, bool v1);
/// True unless --version 2 was given.
bool esp_is_version_1(const struct esp_args *args);

#endif
