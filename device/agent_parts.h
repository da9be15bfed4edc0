// SPDX-License-Identifier: Apache-2.0
// Between the files of the agent.
#ifndef SS_DEVICE_AGENT_PARTS_H
#define SS_DEVICE_AGENT_PARTS_H

#include "device/agent.h"

/// Notes @p cause and returns @p status.
ss_status_t ss_agent_ended(struct ss_agent *a, ss_status_t status, enum ss_agent_cause cause);
/// Hands on a status of the port: SS_CAUSE_FLASH unless it is SS_OK.
ss_status_t ss_agent_from_port(struct ss_agent *a, ss_status_t status);
/// One more failure of this delivery, stored; @p status and @p cause, or that it was given up.
ss_status_t ss_agent_failed(struct ss_agent *a, ss_status_t status, enum ss_agent_cause cause);

/// Stores the record.
ss_status_t ss_agent_store(struct ss_agent *a);
/// The running app has not confirmed itself yet.
bool ss_agent_on_trial(const struct ss_agent *a);
/// The running app is not confirmed: selects the other slot, and counts a failure.
ss_status_t ss_agent_take_back(struct ss_agent *a);
/// Seconds since 1970, 0 if not known.
uint64_t ss_agent_now(const struct ss_agent *a);

/// Ends a receiving that is under way; nothing in flash changes.
void ss_agent_abandon(struct ss_agent *a);
/// Sets `position` behind the last whole window from the start that lies in flash as it should.
ss_status_t ss_agent_resume(struct ss_agent *a);
/// Erases what lies behind the ciphertext in the slot.
ss_status_t ss_agent_erase_rest(struct ss_agent *a);
/// The canonical digest of the decrypted image has to be the release's.
ss_status_t ss_agent_check_image(struct ss_agent *a);

#endif
