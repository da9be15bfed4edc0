// SPDX-License-Identifier: Apache-2.0
// Structured log lines on stderr: logfmt or JSON, one write a line, from any thread. Values come from outside as they
// are: everything that could forge a line is escaped. Secrets are never passed in.
#ifndef SS_SERVER_LOG_H
#define SS_SERVER_LOG_H

#include <stddef.h>

#include "server/config.h"

/// Longest line, bytes; longer ones lose their last fields.
#define SS_LOG_LINE_MAX 2048u

/// Sets format and least level; at once for all threads. Before it, everything from info on is logfmt.
void ss_log_setup(enum ss_log_format format, enum ss_log_level level);
/// Writes a line: time, level, @p message and pairs of key and text, ended by NULL. A pair whose text is NULL is left
/// out.
void ss_log(enum ss_log_level level, const char *message, ...) __attribute__((sentinel));

/// Makes the line alone, terminated, with its '\n', into @p out; its length. For tests.
size_t ss_log_format(char *out, size_t size, enum ss_log_format format, const char *time, enum ss_log_level level,
                     const char *message, const char *const *pairs, size_t count);

#endif
