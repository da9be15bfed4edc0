// SPDX-License-Identifier: Apache-2.0
// What `provision` shows: the procedure in full, the rehearsal, the steps as they are done, and what the chip is now.
#ifndef SS_CLI_PROVISION_TEXT_H
#define SS_CLI_PROVISION_TEXT_H

#include <jansson.h>

#include "provision/engine.h"

/// The whole procedure for this chip, each step with its state, what can be undone, and the same as commands.
void provision_print_procedure(const struct ss_provision *run);
void provision_print_warnings(const struct ss_provision *run);
void provision_print_rehearsal(const struct ss_rehearsal *rehearsal);
/// What the chip is now.
void provision_print_result(const struct ss_provision *run);

/// The same as one object; @p rehearsal NULL: there was none. NULL without memory.
json_t *provision_json(const struct ss_provision *run, const struct ss_rehearsal *rehearsal, bool done);
/// What --json prints where it failed. @p run NULL: no chip was read; @p step NULL or "": no step was begun.
json_t *provision_failure_json(const struct ss_provision *run, bool rehearsed, const char *step,
                               const struct ss_error *err);

/// Steps as they are done: lines on stderr, if it is a terminal. An ss_provision_observer.step with no context.
void provision_show_step(void *context, size_t index, const struct ss_step *step, enum ss_journal_phase phase);

#endif
