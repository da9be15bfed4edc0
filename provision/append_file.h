// SPDX-License-Identifier: Apache-2.0
// Text files that only grow, a line at a time, and from several processes.
#ifndef SS_PROVISION_APPEND_FILE_H
#define SS_PROVISION_APPEND_FILE_H

#include <stddef.h>

#include "slotseal/error.h"

/// Appends @p line (without its '\n') to @p path; durable when this returns. A new file gets mode 0666 less the umask and
/// @p header (NULL: none) as its first line. Processes that do the same at the same time wait for each other. A last
/// line without '\n' is what a crash left of an append that was never acknowledged: it is cut off first.
///
/// SS_ERROR_INVALID_ARGUMENT: a '\n' within the line. SS_ERROR_DATA_INVALID: a file whose first line is not @p header.
/// SS_ERROR_IO: anything from the system, after which the line may or may not be there.
SS_MUST_USE ss_status_t ss_append_line(const char *path, const char *header, const char *line, struct ss_error *err);

#endif
