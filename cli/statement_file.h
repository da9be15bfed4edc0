// SPDX-License-Identifier: Apache-2.0
// Statements from files, in words and in JSON; points in time as options.
#ifndef SS_CLI_STATEMENT_FILE_H
#define SS_CLI_STATEMENT_FILE_H

#include <jansson.h>

#include "cli.h"
#include "file.h"
#include "slotseal/statement_sign.h"
#include "slotseal/update_check.h"

/// A statement that was read. Start with all zero, end with file_free(&in).
struct statement_file {
    struct input in;
    struct ss_statement statement; ///< points into `in`, as do the fields
    union ss_statement_fields as;
};

/// Reads a statement of any kind. Nothing is verified. As file_read(), and SS_ERROR_DATA_INVALID for what is none.
SS_MUST_USE ss_status_t statement_read(const char *path, struct statement_file *file, struct ss_error *err);
/// The same, of the kind that is wanted.
SS_MUST_USE ss_status_t statement_read_kind(const char *path, enum ss_statement_kind kind, struct statement_file *file,
                                            struct ss_error *err);

/// Everything in it as one JSON object; NULL without memory.
json_t *statement_json(const struct statement_file *file);
/// Prints such an object as lines of text on stdout.
void statement_print(const json_t *object);

/// "key-set" and the like, without a blank; NULL without memory.
json_t *statement_json_kind(enum ss_statement_kind kind);
/// The id of a public key as 16 hex digits.
SS_MUST_USE ss_status_t statement_key_id(const uint8_t *key, char text[2 * SS_KEY_ID_SIZE + 1], struct ss_error *err);

/// Seconds since 1970: a number, 2027-01-31, or 2027-01-31T08:00:00Z. False for anything else.
bool cli_time(const char *text, uint64_t *out);
/// The same from an option; @p fallback when it is not given. Reports and returns false for what is none.
bool cli_option_time(const struct cli_args *args, const struct cli_option *options, enum cli_option_id id,
                     uint64_t fallback, uint64_t *out);

#endif
