// SPDX-License-Identifier: Apache-2.0
// What the agent keeps through resets, beside the slots themselves, and its form in storage. The form does not depend
// on compiler or version: an app that was updated, or rolled back, reads what the other one wrote.
#ifndef SS_DEVICE_AGENT_RECORD_H
#define SS_DEVICE_AGENT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/statement.h"

/// What an update is about to be, or was.
enum ss_agent_phase {
    SS_AGENT_IDLE,
    SS_AGENT_WRITING,     ///< a delivery was accepted
    SS_AGENT_SWITCHING,   ///< the slot is complete and verified; the next boot is to start it
    SS_AGENT_ROLLED_BACK, ///< the new app has rejected itself
};

/// Plain data; a port stores it whole, as ss_agent_record_write() makes it.
struct ss_agent_record {
    uint64_t sequence;                          ///< last accepted in `epoch`
    uint64_t action;                            ///< the server's number of that delivery: see ss_agent_note_action()
    uint64_t fresh;                             ///< time of the newest freshness record, seconds since 1970; 0: none
    uint64_t withheld;                          ///< time of the first one that named what nobody has offered; 0: none
    uint32_t epoch;                             ///< highest from which a delivery was accepted
    uint8_t accepted[SS_STATEMENT_DIGEST_SIZE]; ///< reference of that delivery
    uint8_t release[SS_STATEMENT_DIGEST_SIZE];  ///< reference of its release
    uint8_t running[SS_STATEMENT_DIGEST_SIZE];  ///< reference of the release that was confirmed last
    uint16_t stale_hours;                       ///< hours of running without a freshness record and without a clock
    uint8_t phase;                              ///< enum ss_agent_phase, of that delivery
    uint8_t slot;                               ///< that it is for
    uint8_t failures;                           ///< of that delivery; SS_AGENT_FAILURES_MAX: refused for good
    uint8_t trial_boots;                        ///< boots of the new app that were not confirmed
    uint8_t cause;                              ///< enum ss_agent_cause: of its last failure
    uint8_t unreported;                         ///< not 0: the server has not been told how `action` went on
    uint8_t lacks;                              ///< SS_BOOTLOADER_* bits that the bootloader turned out not to have
};

/// Length of a record in storage, bytes; a multiple of 16.
#define SS_AGENT_RECORD_SIZE 144u

/// Makes the stored form of @p record.
void ss_agent_record_write(const struct ss_agent_record *record, uint8_t out[SS_AGENT_RECORD_SIZE]);
/// Reads @p len bytes from storage. What is no record of a known format counts as lost: all zero.
void ss_agent_record_read(const uint8_t *in, size_t len, struct ss_agent_record *record);

#endif
