// SPDX-License-Identifier: Apache-2.0
// Erased flash. Internal.
#ifndef SS_DEVICE_BLANK_H
#define SS_DEVICE_BLANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

/// Bytes that are erased together.
#define SS_BLANK_SECTOR 4096u

typedef ss_status_t (*ss_blank_read_fn)(void *context, uint32_t address, void *out, size_t len);
typedef ss_status_t (*ss_blank_erase_fn)(void *context, uint32_t address);

/// *@p blank: whether the @p len bytes at @p address are erased. Statuses of the function.
SS_MUST_USE ss_status_t ss_blank_check(ss_blank_read_fn read_raw, void *context, uint32_t address, uint32_t len,
                                       bool *blank);

/// Erases the sector at @p address, unless it is blank: flash wears. SS_ERROR_IO if it does not become so; statuses of
/// the functions.
SS_MUST_USE ss_status_t ss_blank_make(ss_blank_read_fn read_raw, ss_blank_erase_fn erase, void *context,
                                      uint32_t address);

#endif
