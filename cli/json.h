// SPDX-License-Identifier: Apache-2.0
#ifndef SS_CLI_JSON_H
#define SS_CLI_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/// Prints @p value on stdout, frees it and returns @p status; CLI_FAILED with a report if @p value is NULL (out of
/// memory while it was built).
int json_print(json_t *value, int status);
/// The same on one line: for commands that print many.
int json_print_line(json_t *value, int status);
/// Lower-case hex string; NULL without memory.
json_t *json_hex(const uint8_t *bytes, size_t len);
/// A string whose bytes came from outside: what is not UTF-8 becomes '?'. NULL without memory.
json_t *json_text(const char *text);

#endif
