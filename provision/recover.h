// SPDX-License-Identifier: Apache-2.0
// A provisioned chip that does not boot any more, but still listens: its sealed bootloader, table, otadata and app are
// written again as ciphertext. Nothing is burned, and nothing that is not read through decryption is touched: nvs keeps
// what it holds. The result is judged by the doctor before the first byte is written.
//
// Stopped anywhere, the same calls continue: what lies right in the flash is left alone.
#ifndef SS_PROVISION_RECOVER_H
#define SS_PROVISION_RECOVER_H

#include "chip/profile.h"
#include "provision/doctor.h"
#include "provision/parts.h"
#include "slotseal/link.h"

/// All borrowed.
struct ss_recover_job {
    const uint8_t *mac;       ///< 6 bytes: the chip has to be this one
    const uint8_t *flash_key; ///< in file order
    size_t flash_key_len;
    const struct ss_parts *parts; ///< ss_parts_make() for this device
    const struct ss_partition_table *table;
    const struct ss_boot_profile *profile; ///< of the bootloader in parts; NULL: guessed by the doctor
};

struct ss_recover_item {
    const struct ss_part *part;
    bool differs; ///< the flash holds something else
};

/// What was found. Large: not for the stack. End with ss_recovery_free().
struct ss_recovery {
    unsigned count;
    struct ss_recover_item items[SS_MAX_PARTS]; ///< in the order in which they are written, the bootloader last
    unsigned differing;
    bool examined;                   ///< and nothing speaks against writing
    bool key_seen;                   ///< something in the flash unseals with the key: it is this chip's
    uint32_t flash_size;             ///< bytes
    struct ss_doctor_report *report; ///< of the chip as it will be; NULL if it did not come to that
};

/// Connects, reads eFuses, compares the flash and asks the doctor what the chip will be like. Changes nothing.
///   SS_ERROR_NOT_PERMITTED   another chip; encryption is not on (provisioning was not finished); FLASH_CRYPT_CONFIG is
///                            not what parts are sealed for; or the doctor finds what flash alone cannot repair, the
///                            first such finding in @p err and all of them in the report
///   SS_ERROR_INSUFFICIENT_SPACE  parts beyond the end of the flash; statuses of the link; SS_ERROR_INSUFFICIENT_MEMORY
/// @p recovery is valid in any case.
SS_MUST_USE ss_status_t ss_recover_examine(const struct ss_recover_job *job, struct ss_link *link,
                                           struct ss_recovery *recovery, struct ss_error *err);

/// Writes what differs and compares it by MD5. @p each (may be NULL) is told of a part before it is written.
/// SS_ERROR_BAD_STATE: not examined, or refused. Statuses of the link.
SS_MUST_USE ss_status_t ss_recover_write(const struct ss_recover_job *job, struct ss_link *link,
                                         struct ss_recovery *recovery,
                                         void (*each)(void *context, const struct ss_part *part), void *context,
                                         struct ss_error *err);

void ss_recovery_free(struct ss_recovery *recovery);

#endif
