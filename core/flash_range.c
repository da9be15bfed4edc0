// SPDX-License-Identifier: Apache-2.0
#include "core/flash_range.h"

#include <inttypes.h>
#include <stdbool.h>

#define BLOCK 16 ///< of AES

static bool overlap_in_part(const uint8_t *a, const uint8_t *b, size_t len)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x != y && (x < y ? y - x : x - y) < len;
}

ss_status_t ss_flash_range_check(uint32_t address, const uint8_t *in, const uint8_t *out, size_t len, uint64_t end,
                                 enum ss_area area, struct ss_error *err)
{
    if (address % BLOCK)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, area, "flash address 0x%" PRIx32 " is not a multiple of %d",
                            address, BLOCK);
    if (len % BLOCK)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, area, "length %zu is not a multiple of %d", len, BLOCK);
    if (address > end || len > end - address)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, area,
                            "%zu bytes at 0x%" PRIx32 " pass the end of flash addresses, 0x%" PRIx64, len, address,
                            end);
    if (overlap_in_part(in, out, len))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, area,
                            "input and output overlap in part: use one buffer or two separate ones");
    return SS_OK;
}
