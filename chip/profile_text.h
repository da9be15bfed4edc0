// SPDX-License-Identifier: Apache-2.0
// Inside of the profile readers.
#ifndef SS_CHIP_PROFILE_TEXT_H
#define SS_CHIP_PROFILE_TEXT_H

#include "chip/profile.h"

/// Room for a line with the longest key in hex.
#define SS_PROFILE_LINE (2 * SS_PROFILE_KEY_MAX + 64)

struct ss_text {
    const char *at;
    size_t len;
    unsigned number; ///< of the line that came last, from 1
};

/// Copies the next line, terminated and without its end; false after the last one.
bool ss_profile_next_line(struct ss_text *text, char line[SS_PROFILE_LINE]);

/// A flash address that a table can have: a sector behind the bootloader's first. False for anything else.
bool ss_profile_set_table_offset(uint32_t *offset, const char *value);

/// What one option implies for another.
void ss_profile_settle(struct ss_boot_profile *profile);

#endif
