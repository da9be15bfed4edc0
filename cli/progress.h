// SPDX-License-Identifier: Apache-2.0
// How far work on a chip has come: one line on stderr that is written over, if stderr is a terminal.
#ifndef SS_CLI_PROGRESS_H
#define SS_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "slotseal/link.h"

/// Start with all zero.
struct progress {
    const char *what; ///< a file's name, whose last part is shown; NULL: nothing
    bool silent;      ///< nothing is shown
    bool shown;       ///< the line is on the terminal
    enum ss_link_work work;
    unsigned percent;
};

/// An ss_link_progress_fn; @p context is a struct progress.
void progress_show(void *context, enum ss_link_work work, size_t done, size_t total);
/// Removes the line.
void progress_end(struct progress *progress);

#endif
