// SPDX-License-Identifier: Apache-2.0
// Reads JSON (RFC 8259) as it comes in, in pieces of any size, and hands on only the values that were asked for, by
// place. No heap, no recursion, a fixed size however long the text is: what a device can afford and a hostile server
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
/// Most places at a time; longest name of one and longest number that is handed on, characters.
#define SS_JSON_PLACES_MAX 254u
#define SS_JSON_TOKEN_MAX  20u
/// Parent of those places that are members or elements of the whole.
#define SS_JSON_TOP 0xFEu

/// Where a value may be: under this name in that object, `[]` for any element of that array.
struct ss_json_place {
    const char *name;
    uint8_t parent; ///< number of a place, or SS_JSON_TOP
};

enum ss_json_event {
    SS_JSON_BEGIN, ///< an object, an array or a string begins; no bytes
    SS_JSON_TEXT,  ///< the next bytes of a string, unescaped, not terminated
    SS_JSON_END,   ///< what has begun ends; no bytes
    SS_JSON_WORD,  ///< a number, `true`, `false` or `null`, whole, as it stands
};

/// What is called for a value at place number @p place. False ends the reading: SS_ERROR_DATA_INVALID.
typedef bool (*ss_json_value_fn)(void *context, unsigned place, enum ss_json_event event, const char *bytes,
                                 size_t len);

/// What is asked for. The first @p wanted of the places are; the others lead there. No two are the same.
struct ss_json_form {
    const struct ss_json_place *places;
    ss_json_value_fn value;
    uint8_t place_count, wanted;
};

/// A reading. Private.
struct ss_json {
    const struct ss_json_form *form;
    void *context;
    const char *word;    ///< rest of a literal
    uint32_t arrays;     ///< bit d: what is open at depth d + 1 is an array
    uint16_t unit, high; ///< of \u escapes
    uint8_t depth, state, digits, token_len;
    uint8_t open[SS_JSON_DEPTH_MAX + 1]; ///< the place of what is open, by depth
    uint8_t next, place;                 ///< of the value that comes; of the one under way
    bool key;                            ///< the string under way is a name
    char token[SS_JSON_TOKEN_MAX];
};

/// Begins. @p form must stay as it is.
void ss_json_start(struct ss_json *json, const struct ss_json_form *form, void *context);

/// The next @p len bytes. SS_ERROR_DATA_INVALID: not JSON, nested too deeply, a number at a wanted place that is longer than
/// SS_JSON_TOKEN_MAX, or stopped by the function. The reading has ended then, and stays so.
SS_MUST_USE ss_status_t ss_json_read(struct ss_json *json, const void *in, size_t len);

/// After the last byte. SS_ERROR_DATA_INVALID: the value is not complete.
SS_MUST_USE ss_status_t ss_json_finish(struct ss_json *json);

#endif
