// SPDX-License-Identifier: Apache-2.0
// What every cipher asks of a range of flash. Internal.
#ifndef SS_CORE_FLASH_RANGE_H
#define SS_CORE_FLASH_RANGE_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/status.h"

/// Checks @p len bytes at flash address @p address, read from @p in and written to @p out; neither is accessed.
/// @p end is where the addresses of the cipher end.
/// SS_ERROR_INVALID_ARGUMENT, reported as of @p area: address or length is not a multiple of 16, the range passes
/// @p end, the buffers overlap without being the same.
SS_MUST_USE ss_status_t ss_flash_range_check(uint32_t address, const uint8_t *in, const uint8_t *out, size_t len,
                                             uint64_t end, enum ss_area area, struct ss_error *err);

#endif
