// SPDX-License-Identifier: Apache-2.0
// The CSV's lines, columns and numbers, with the position of everything for messages. Internal.
#ifndef SS_CORE_PARTITION_LINE_H
#define SS_CORE_PARTITION_LINE_H

#include "core/partition_internal.h"

#define SS_TABLE_LINE_SIZE  1024u // of a row after expansion, with terminator
#define SS_TABLE_QUOTE_SIZE 41u   // of foreign text in a message, with terminator

enum {
    SS_COLUMN_NAME,
    SS_COLUMN_TYPE,
    SS_COLUMN_SUBTYPE,
    SS_COLUMN_OFFSET,
    SS_COLUMN_SIZE,
    SS_COLUMN_FLAGS,
    SS_COLUMNS
};

/// Part of the expanded row.
struct ss_table_span {
    size_t at, len;
};

struct ss_table_reader {
    struct ss_table_options options;
    const char *csv;
    size_t len;
    size_t next;   ///< start of the next line in csv
    unsigned line; ///< number of the current one, from 1
    char text[SS_TABLE_LINE_SIZE];
    uint32_t column[SS_TABLE_LINE_SIZE]; ///< of each byte of text in the csv's line, from 1; one more for its end
    size_t used;
    uint64_t free; ///< first flash address after the rows so far
    struct ss_error *err;
};

/// Sets the error "line L, column C: …" and returns @p status.
ss_status_t ss_table_fail_at(struct ss_table_reader *r, ss_status_t status, uint32_t column, const char *format, ...)
    SS_PRINTF(4, 5);

/// Expands the next line that is neither blank nor a comment into r->text; @p found is false at the end.
SS_MUST_USE ss_status_t ss_table_next_row(struct ss_table_reader *r, bool *found);

/// The row's columns, trimmed. Those that are not there are empty, at the end of the row.
void ss_table_split(const struct ss_table_reader *r, struct ss_table_span fields[SS_COLUMNS]);

/// An integer as Python's int(text, 0) takes it, with any number of K and M after it. False if it is none. Values are
/// held at ±2^40, which is beyond every limit of a table.
bool ss_table_integer(const char *text, size_t len, int64_t *out);

/// The span's text for a message.
const char *ss_table_quote(const struct ss_table_reader *r, struct ss_table_span s, char out[SS_TABLE_QUOTE_SIZE]);

#endif
