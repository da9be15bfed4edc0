// SPDX-License-Identifier: Apache-2.0
// A plan: the commands of the real tools that somebody means to run, one a line, rehearsed on a chip in memory before
// anything is done. Commands of esptool, espefuse and espsecure with what 4.x or 5.x takes of them (what only 2.x took
// is refused, as by them), and of slotseal; `#` comments, NAME=value and $NAME, quotes, `\` at the end of a line.
#ifndef SS_PROVISION_PLAN_H
#define SS_PROVISION_PLAN_H

#include "provision/doctor.h"

struct ss_plan_options {
    const char *folder;                    ///< where files of the plan are looked for; NULL: none is read
    const struct ss_boot_profile *profile; ///< of the bootloader that the plan flashes; NULL: guessed from it
    uint32_t table_offset;                 ///< 0: the profile's
    const unsigned *revision;              ///< of the chip, major × 100 + minor; NULL: not known
};

/// Rehearses the plan and examines the chip that it leaves behind. Findings about a command come first and have its
/// line; those about the chip follow.
///
/// Files that are not there yet are replaced by stand-ins, and the report says which: a made-up bootloader or app, the
/// table of `partitions.csv` beside the plan or else one with two slots, fresh keys. Nothing is written anywhere.
///
/// SS_ERROR_DATA_INVALID: a line that is no command line (a quote without end, an unknown variable, too many words);
/// the message begins with "line N: ". SS_ERROR_INSUFFICIENT_MEMORY; statuses of ss_doctor_examine().
SS_MUST_USE ss_status_t ss_plan_rehearse(const char *text, size_t len, const struct ss_plan_options *options,
                                         struct ss_doctor_report *report, struct ss_error *err);

#endif
