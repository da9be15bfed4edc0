// SPDX-License-Identifier: Apache-2.0
// What went wrong, in words. Owned by the caller, fixed size, no allocation, no thread-local state.
#ifndef SLOTSEAL_ERROR_H
#define SLOTSEAL_ERROR_H

#include <stdarg.h>

#include "slotseal/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The part of the library that reported an error.
enum ss_area {
    SS_AREA_NONE,
    SS_AREA_CRYPTO,
    SS_AREA_KEY,
    SS_AREA_IMAGE,
    SS_AREA_ELF,
    SS_AREA_PARTITION_TABLE,
    SS_AREA_OTADATA,
    SS_AREA_EFUSE,
    SS_AREA_FLASH_CIPHER,
    SS_AREA_NVS,
    SS_AREA_SECURE_BOOT,
    SS_AREA_SEAL,
    SS_AREA_FILE,
    SS_AREA_CHIP,
    SS_AREA_VAULT,
    SS_AREA_LINK,
    SS_AREA_PROVISION,
    SS_AREA_STATEMENT,
    SS_AREA_SERVER,
};

/// Capacity of an error message with its terminator, bytes. Longer messages are cut.
#define SS_ERROR_MESSAGE_SIZE 256

/// Passed as last, optional argument: every function takes NULL. Start with all zero.
struct ss_error {
    ss_status_t status;
    enum ss_area area;
    char message[SS_ERROR_MESSAGE_SIZE]; ///< one line, lower case, no full stop; names the value and the limit
};

/// Stores status, area and the formatted message in @p err (if not NULL) and returns @p status, so that a failing
/// function ends in `return ss_error_set(…)`. An earlier message is replaced: use ss_error_prefix() to keep it.
ss_status_t ss_error_set(struct ss_error *err, ss_status_t status, enum ss_area area, const char *format, ...)
    SS_PRINTF(4, 5);

/// Puts the formatted text and ": " before the message that a lower function left in @p err (if not NULL); status and
/// area stay. Returns err->status, or @p status where @p err is NULL.
ss_status_t ss_error_prefix(struct ss_error *err, ss_status_t status, const char *format, ...) SS_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
