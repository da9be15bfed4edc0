// SPDX-License-Identifier: Apache-2.0
#include "device/blank.h"

#include "core/bytes.h"

/// Bytes read at a time: of the stack.
#define PIECE 256u

ss_status_t ss_blank_check(ss_blank_read_fn read_raw, void *context, uint32_t address, uint32_t len, bool *blank)
{
    uint8_t piece[PIECE];
    *blank = true;
    for (uint32_t at = 0, n; *blank && at < len; at += n) {
        n = len - at < PIECE ? len - at : PIECE;
        ss_status_t status = read_raw(context, address + at, piece, n);
        if (status != SS_OK)
            return status;
        *blank = ss_all_bytes(piece, n, 0xFF);
    }
    return SS_OK;
}

ss_status_t ss_blank_make(ss_blank_read_fn read_raw, ss_blank_erase_fn erase, void *context, uint32_t address)
{
    bool blank;
    ss_status_t status = ss_blank_check(read_raw, context, address, SS_BLANK_SECTOR, &blank);
    if (status != SS_OK || blank)
        return status;
    status = erase(context, address);
    if (status == SS_OK)
        status = ss_blank_check(read_raw, context, address, SS_BLANK_SECTOR, &blank);
    return status == SS_OK && !blank ? SS_ERROR_IO : status;
}
