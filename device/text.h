// SPDX-License-Identifier: Apache-2.0
// Puts text together in a buffer of fixed size, without printf. Internal.
#ifndef SS_DEVICE_TEXT_H
#define SS_DEVICE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Text in the making; its last byte is always NUL. `full` once something did not fit: then it is of no use.
struct ss_text {
    char *p;
    size_t size, len; ///< of the buffer; used, without the NUL
    bool full;
};

/// Empty text in @p size bytes, at least 1.
struct ss_text ss_text_in(char *p, size_t size);
void ss_text_bytes(struct ss_text *t, const void *bytes, size_t len);
void ss_text_add(struct ss_text *t, const char *text);
void ss_text_number(struct ss_text *t, uint64_t value);
void ss_text_hex(struct ss_text *t, const uint8_t *bytes, size_t len);
/// Inside a JSON string: `?` for what would need an escape or is not ASCII.
void ss_text_json(struct ss_text *t, const void *bytes, size_t len);

#endif
