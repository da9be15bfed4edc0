// SPDX-License-Identifier: Apache-2.0
// Links all that a device has of the agent for Xtensa, to be measured: measure.py. An allocation, a lock or a printf
// anywhere in it, and this does not link. It never runs.
#include "device/agent.h"
#include "device/journal.h"
#include "device/pins.h"
#include "device/pull.h"
#include "device/trust.h"

/// The RAM that it takes as long as the device runs.
struct {
    struct ss_agent agent;
    struct ss_agent_identity identity;
    struct ss_trust trust; ///< the parsed key sets
    struct ss_journal journal;
} agent_ram;
struct ss_pull pull_ram; ///< with its JSON reader

// Everything that a device calls, so that nothing of it is left out.
int _start(void);
void *const volatile agent_entries[] = {ss_agent_start,       ss_agent_confirm,       ss_agent_reject,
                                        ss_agent_begin,       ss_agent_key_set,       ss_agent_wanted,
                                        ss_agent_write,       ss_agent_finish,        ss_agent_tick,
                                        ss_agent_freshness,   ss_agent_alarm,         ss_agent_running_digest,
                                        ss_agent_bootloader,  ss_agent_note_action,   ss_agent_erase_ahead,
                                        ss_agent_receiving,   ss_agent_state,         ss_agent_record_write,
                                        ss_agent_record_read, ss_journal_mount,       ss_journal_load,
                                        ss_journal_store,     ss_journal_put_key_set, ss_journal_get_key_set,
                                        ss_trust_choose,      ss_trust_would_keep,    ss_pins_own,
                                        ss_pull_start,        ss_pull_step,           ss_pull_now,
                                        ss_pull_reached};

int _start(void)
{
    return agent_entries[agent_ram.agent.cause + pull_ram.job] != NULL;
}
