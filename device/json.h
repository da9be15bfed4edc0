// SPDX-License-Identifier: Apache-2.0
// Reads JSON (RFC 8259) as it comes in, in pieces of any size, and hands on only the values at paths that were asked
// for. No heap, no recursion, a fixed size however long the text is: what a device can afford and a hostile server
// cannot exhaust. Strict: no comments, no trailing commas, no leading zeros, no control characters in strings, nothing
// behind the value. Members may come in any order; those not asked for are read and dropped.
//
// Not checked: that strings are UTF-8, and that names are unique. Each comes as it stands.
#ifndef SS_DEVICE_JSON_H
#define SS_DEVICE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

/// Deepest nesting that is read.
#define SS_JSON_DEPTH_MAX 32u
/// Most names in a path, most paths at a time, longest name in a path and longest number that is handed on, characters.
#define SS_JSON_NAMES_MAX 10u
#define SS_JSON_PATHS_MAX 16u
#define SS_JSON_TOKEN_MAX 20u

enum ss_json_event {
    SS_JSON_BEGIN, ///< an object, an array or a string begins; no bytes
    SS_JSON_TEXT,  ///< the next bytes of a string, unescaped, not terminated
    SS_JSON_END,   ///< what has begun ends; no bytes
    SS_JSON_WORD,  ///< a number, `true`, `false` or `null`, whole, as it stands
};

/// What is called for a value at path number @p path. False ends the reading: SS_ERROR_DATA_INVALID.
typedef bool (*ss_json_value_fn)(void *context, unsigned path, enum ss_json_event event, const char *bytes, size_t len);

/// A reading. Private.
struct ss_json {
    const char *const *paths;
    ss_json_value_fn value;
    void *context;
    const char *word;                      ///< rest of a literal
    uint32_t arrays;                       ///< bit d: what is open at depth d + 1 is an array
    uint16_t alive[SS_JSON_NAMES_MAX + 2]; ///< bit p: path p leads here; by depth
    uint16_t next;                         ///< the same of the value that comes
    uint16_t unit, high;                   ///< of \u escapes
    uint8_t path_count, depth, state, digits, token_len;
    int8_t path; ///< of the value under way; -1: not asked for
    bool key;    ///< the string under way is a name
    char token[SS_JSON_TOKEN_MAX];
};

/// Begins. @p paths are names with `/` between them, `[]` for an element of an array: `chunks/[]/metadata/[]/key`. No
/// two are the same; they must stay as they are. At most SS_JSON_PATHS_MAX.
void ss_json_start(struct ss_json *json, const char *const *paths, unsigned path_count, ss_json_value_fn value,
                   void *context);

/// The next @p len bytes. SS_ERROR_DATA_INVALID: not JSON, nested too deeply, a number at a path that is longer than
/// SS_JSON_TOKEN_MAX, or stopped by the function. The reading has ended then, and stays so.
SS_MUST_USE ss_status_t ss_json_read(struct ss_json *json, const void *in, size_t len);

/// After the last byte. SS_ERROR_DATA_INVALID: the value is not complete.
SS_MUST_USE ss_status_t ss_json_finish(struct ss_json *json);

#endif
