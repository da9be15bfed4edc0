// SPDX-License-Identifier: Apache-2.0
// Inside of the doctor: the lines of a log that say something.
#ifndef SS_PROVISION_DOCTOR_LOG_H
#define SS_PROVISION_DOCTOR_LOG_H

#include "provision/doctor_internal.h"

struct log_pattern {
    const char *text; ///< found anywhere in a line; NULL ends the list. The first that is found counts
    enum { IN_BOTH, IN_ROM, IN_SECOND_STAGE } where; ///< … if the mask ROM, or the second stage, is running
    enum ss_doctor_id id;
    bool certain;
    enum log_about { ABOUT_CHIP, ABOUT_APP, ABOUT_OTADATA } about; ///< otadata: it boots nevertheless
    enum ss_doctor_repair repair;
    const char *how;
};
extern const struct log_pattern log_patterns[];

/// What to say of what may be ciphertext.
#define LOG_ENCRYPTED                                                                                                  \
    "with flash encryption on: plaintext, or sealed for another address, key or FLASH_CRYPT_CONFIG; "                  \
    "slotseal doctor --efuse --flash tells which"

#endif
