// SPDX-License-Identifier: Apache-2.0
// Lines of a configuration file: [section], key = value, comments.
#ifndef SS_SERVER_INI_H
#define SS_SERVER_INI_H

#include <stdbool.h>

/// Takes one value, which may be "". All three live as long as the text.
/// @return whether the next line shall be read.
typedef bool (*ss_ini_take_fn)(void *user, const char *section, const char *key, const char *value);

struct ss_ini_result {
    unsigned line; ///< where reading ended, from 1; 0: at the end
    bool taken;    ///< the line had a value, which @p take refused; false: it is neither [section] nor key = value
};

/// Reads @p text, which it takes apart in place, and hands every value to @p take, in order.
///
/// Blanks around names and values do not count. A line that begins with # or ; is a comment, as is what follows one
/// of them behind a blank. An indented line is one more value of the key before it. Lines may end with CR LF, and the
/// text may begin with UTF-8's byte order mark. Values before the first section have section "".
struct ss_ini_result ss_ini_read(char *text, ss_ini_take_fn take, void *user);

#endif
