// SPDX-License-Identifier: Apache-2.0
// What cannot be taken back is confirmed by typing the name of what it happens to.
#ifndef SS_CLI_CONFIRM_H
#define SS_CLI_CONFIRM_H

#include "cli.h"

#define OPTION_CONFIRM                                                                                                 \
    {                                                                                                                  \
        OPT_CONFIRM, "confirm", 0, false, "ID", "the device's id again, instead of being asked for it", NULL,          \
            COMPLETE_NOTHING                                                                                           \
    }

/// True if @p given, the value of --confirm, is @p id, or, without that option (NULL), somebody at a terminal types
/// @p id when asked. @p what completes "this …": "destroys the flash key of". Otherwise false, after a report.
bool cli_confirm(const char *given, const char *id, const char *what);

#endif
