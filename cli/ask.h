// SPDX-License-Identifier: Apache-2.0
// Passphrases and PINs from the person at the terminal.
#ifndef SS_CLI_ASK_H
#define SS_CLI_ASK_H

#include "vault/key_source.h"

/// Asks on the controlling terminal, without echo, whatever standard input and output are; an ss_vault_ask_fn.
/// SS_ERROR_NOT_PERMITTED without a terminal, or when the person presses ^C or ^D.
ss_status_t ask_secret(void *context, const char *what, bool repeat, char *out, size_t size, size_t *len,
                       struct ss_error *err);

#endif
