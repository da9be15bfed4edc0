// SPDX-License-Identifier: Apache-2.0
// eFuses for people and for scripts, as software reads them. The content of key blocks is never shown.
#ifndef SS_CLI_EFUSE_TEXT_H
#define SS_CLI_EFUSE_TEXT_H

#include <jansson.h>

#include "slotseal/efuse.h"

/// A line for every field: name, block, whether software can read (R) and write (W) it, value, description.
void efuse_print(const struct ss_efuse *window);
/// The same as an array; NULL without memory.
json_t *efuse_json(const struct ss_efuse *window);
/// Writes the file that `espefuse dump --format joint` writes: 124 bytes, 100 with 3/4 coding.
SS_MUST_USE ss_status_t efuse_dump(const struct ss_efuse *window, const char *path, struct ss_error *err);

#endif
