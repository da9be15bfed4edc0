// SPDX-License-Identifier: Apache-2.0
// The frame of the command line: one table entry a command gives parser, help, man page and shell completion.
#ifndef SS_CLI_CLI_H
#define SS_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

/// What scripts rely on.
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,  ///< the work could not be done: input refused, file not readable, …
    CLI_USAGE = 2,   ///< the command line itself is wrong
    CLI_REFUSED = 3, ///< the work was done, and what was verified is not good
};

/// Every option of every command; a command lists those that it takes.
enum cli_option_id {
    OPT_OUTPUT,
    OPT_JSON,
    OPT_TYPE,
    OPT_KEY,
    OPT_SCHEME,
    OPT_LENGTH,
    OPT_ELF,
    OPT_CHIP,
    OPT_FLASH_SIZE,
    OPT_FLASH_MODE,
    OPT_FLASH_FREQ,
    OPT_SECURE_PAD,
    OPT_BOOTLOADER,
    OPT_TABLE,
    OPT_TABLE_OFFSET,
    OPT_RULES,
    OPT_NO_MD5,
    OPT_CSV,
    OPT_SECURE,
    OPT_SELECT,
    OPT_STATE,
    OPT_SLOT,
    OPT_ADDRESS,
    OPT_REGION,
    OPT_FLASH_KEY,
    OPT_CRYPT_CONFIG,
    OPT_SIGN_KEY,
    OPT_DATA,
    OPT_PAD_TO,
    OPT_DRY_RUN,
    OPT_APPEND,
    OPT_REPLACE_KEY,
    OPT_FLASH,
    OPT_REV,
    OPT_CODING,
    OPT_MAC,
    OPT_SEED,
    OPT_PTY,
    OPT_TCP,
    OPT_RFC2217,
    OPT_DOWNLOAD,
    OPT_EFUSE,
    OPT_AT,
    OPT_WHEN,
    OPT_NONE,
    OPT_STUCK,
    OPT_WORN,
    OPT_FLIPS,
    OPT_LOG,
    OPT_PLAN,
    OPT_BUILD_DIR,
    OPT_PROFILE,
    OPT_MAX_RESETS,
    OPT_DEVICE,
    OPT_SIZE,
    OPT_TOKEN,
    OPT_NEW_TOKEN,
    OPT_NO_CREDENTIAL,
    OPT_CLIENT_KEY,
    OPT_CLIENT_CERT,
    OPT_UPDATE_SERVER,
    OPT_CA,
    OPT_KEY_SET,
    OPT_PLAIN_HTTP,
    OPT_NVS_VERSION,
    OPT_NVS_KEYS,
    OPT_CONFIRM,
    OPT_PORT,
    OPT_BAUD,
    OPT_RESET,
    OPT_RESET_COMMAND,
    OPT_AFTER,
    OPT_RAW,
    OPT_RESUME,
    OPT_ALL,
    OPT_FORCE,
    OPT_READ,
    OPT_WRITE,
    OPT_DUMP,
    OPT_VAULT,
    OPT_VAULT_KEY,
    OPT_VAULT_SIGNING_KEY,
    OPT_NEW_KEY,
    OPT_NEW_SIGNING_KEY,
    OPT_SECURE_BOOT,
    OPT_PER_DEVICE_KEYS,
    OPT_HEAD,
    OPT_PUBLIC_KEY,
    OPT_PRODUCT,
    OPT_FROM,
    OPT_NUMBER,
    OPT_ROOT_KEYS,
    OPT_THRESHOLD,
    OPT_RELEASE_KEYS,
    OPT_DELIVERY_KEYS,
    OPT_OPERATOR_KEYS,
    OPT_NOT_BEFORE,
    OPT_NOT_AFTER,
    OPT_OVERLAP,
    OPT_PREVIOUS,
    OPT_TIME,
    OPT_IMAGE,
    OPT_RELEASE,
    OPT_SEALED,
    OPT_NEEDS,
    OPT_NVS_ENCRYPTION,
    OPT_SEQUENCE,
    OPT_EXPIRES,
    OPT_REASON,
    OPT_BY,
    OPT_TO,
    OPT_PATTERN,
    OPT_MACS,
    OPT_GENERATE_KEY,
    OPT_APP,
    OPT_LEVEL,
    OPT_COUNT_MAX,
    OPT_UART_DISABLE,
    OPT_STATION,
    OPT_PORTS,
    OPT_OPERATOR,
    OPT_RECORD,
    OPT_LABELS,
    OPT_QR,
    OPT_SET,
    OPT_KIT_KEY,
    OPT_STATION_CERT,
    OPT_STATION_KEY,
    OPT_SIGN_PATTERN,
    OPT_UNTIL,
    OPT_TIMEOUT,
    OPT_INTERVAL,
    OPT_STALL,
    OPT_SPREAD,
    OPT_FAIL_SELF_TEST,
    OPT_CRASH,
    OPT_UNWILLING,
    OPT_UART,
    OPT_DELIVERY,
    OPT_CHUNK,
    OPT_CONFIG,
    OPT_SAMPLE,
    OPT_NO_SANDBOX,
    OPT_PRESEALED,
    OPT_SERVER,
    OPT_TOKEN_FILE,
    OPT_SERVER_CA,
    OPT_SOFT,
    OPT_ASK_USER,
    OPT_DOWNLOAD_ONLY,
    OPT_WINDOW,
    OPT_ANY_CERT,
    OPT_UPLOAD_KEY,
    OPT_OPAQUE,
    OPT_VERSION,
    OPT_STORE,
    OPT_NO_WAIT,
    OPT_AGAIN,
    OPT_COUNT
};

/// How a shell completes the value of an option or operand.
enum cli_completion { COMPLETE_NOTHING, COMPLETE_FILE, COMPLETE_CHOICE };

struct cli_option {
    enum cli_option_id id;
    const char *name;    ///< long name without dashes
    char letter;         ///< short form, 0 = none
    bool required;       ///< the command is a usage error without it
    const char *value;   ///< name of its value in the help, "[NAME]" if it may be left out; NULL for a switch
    const char *help;    ///< one lower-case phrase
    const char *choices; ///< the values allowed, separated by one space; NULL = any
    enum cli_completion completion;
};

// Options that mean the same in every command.
#define OPTION_OUTPUT                                                                                                  \
    {                                                                                                                  \
        OPT_OUTPUT, "output", 'o', true, "FILE", "write the result to FILE (- is standard output)", NULL,              \
            COMPLETE_FILE                                                                                              \
    }
#define OPTION_JSON                                                                                                    \
    {                                                                                                                  \
        OPT_JSON, "json", 0, false, NULL, "print the result as one JSON object", NULL, COMPLETE_NOTHING                \
    }
#define OPTION_END                                                                                                     \
    {                                                                                                                  \
        0                                                                                                              \
    }

#define CLI_MAX_OPERANDS 64

/// A parsed command line.
struct cli_args {
    const char *options[OPT_COUNT]; ///< value of each option; "" for a switch that is on, NULL when not given
    const char *operands[CLI_MAX_OPERANDS];
    unsigned operand_count;
    char **raw; ///< all arguments after the command, NULL-terminated; for commands that parse their own
};

struct cli_command {
    const char *path;        ///< as typed: "key generate"
    const char *summary;     ///< one lower-case phrase, for lists
    const char *description; ///< what else a user must know; paragraphs separated by "\n\n"
    const char *operands; ///< names of the operands, "A B"; most are files; "[A]" is optional; "..." at the end: and so
                          ///< on; NULL for none
    const char *example;  ///< whole command lines, each at most 76 columns, each ending in a newline
    const struct cli_option *options; ///< ends with OPTION_END
    int (*run)(const struct cli_args *args);
    bool own_parser; ///< everything after the path is handed over in args->raw
};

/// The one table, ends with NULL. commands.c.
extern const struct cli_command *const cli_commands[];
#define for_each_command(c) for (const struct cli_command *const *c##_at = cli_commands, *c; (c = *c##_at); c##_at++)

/// Runs the program; @p argv as given to main(). Returns the exit code.
int cli_main(int argc, char **argv);

// parse.c

/// Parses what follows the command. CLI_OK, or CLI_USAGE after having reported why. @p help is set for --help.
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *args, bool *help);

// help.c

void cli_help_command(const struct cli_command *command);
/// The list of commands, all or those whose first word is @p group.
void cli_help_list(const char *group);
/// The command whose path is nearest to what was typed, NULL when nothing is near.
const char *cli_suggest(const char *typed);
/// Nearest option name of a command, NULL when nothing is near.
const char *cli_suggest_option(const struct cli_command *command, const char *typed);

// message.c

/// `slotseal: error: …` on stderr.
void cli_error(const char *format, ...) SS_PRINTF(1, 2);
/// `slotseal: hint: …` on stderr: the next thing to type.
void cli_hint(const char *format, ...) SS_PRINTF(1, 2);
/// `slotseal: warning: …` on stderr.
void cli_warning(const char *format, ...) SS_PRINTF(1, 2);
/// Error and hint (may be NULL) for a wrong command line; returns CLI_USAGE.
int cli_usage(const char *hint, const char *format, ...) SS_PRINTF(2, 3);
/// Reports what the library said and returns CLI_FAILED.
int cli_fail(const struct ss_error *err);
/// Closes stdout; false (reported) if what was printed did not arrive, for instance on a full disk.
bool cli_flush(void);

// value.c: values of options

/// Decimal or 0x number with optional K, KB, M or MB (powers of 1024), up to @p max. False without a report.
bool cli_number(const char *text, uint64_t max, uint64_t *out);
/// The number in option @p id, @p fallback when it is not given. Reports and returns false for anything else.
bool cli_option_number(const struct cli_args *args, const struct cli_option *options, enum cli_option_id id,
                       uint64_t max, uint64_t fallback, uint64_t *out);
/// Position of the option's value among its choices, @p fallback when it is not given.
int cli_option_choice(const struct cli_args *args, const struct cli_option *options, enum cli_option_id id,
                      int fallback);
/// Replaces control characters and what is not UTF-8 by '?', in place: names from files must not drive a terminal.
/// Returns @p text.
char *cli_printable(char *text);
/// A printable copy of @p text in @p out, cut to @p size - 1 bytes; returns @p out.
const char *cli_shown(const char *text, char *out, size_t size);

#endif
