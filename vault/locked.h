// SPDX-License-Identifier: Apache-2.0
// Memory for keys: pages of their own that are not swapped out and not part of a core file.
#ifndef SS_VAULT_LOCKED_H
#define SS_VAULT_LOCKED_H

#include <stdbool.h>
#include <stddef.h>

/// All-zero memory of @p size bytes; NULL without memory. Where the system's limit on locked memory is reached the pages
/// stay unlocked: a vault that opens is worth more than one that does not on a small machine. The first call raises the
/// limit as far as the process may.
void *ss_locked_new(size_t size);
/// False once pages stayed unlocked: they may be swapped out.
bool ss_locked_all(void);
/// Wipes and gives back what ss_locked_new(@p size) returned; NULL is allowed.
void ss_locked_free(void *p, size_t size);

#endif
