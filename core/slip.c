// SPDX-License-Identifier: Apache-2.0
#include "core/slip.h"

enum { END = 0xC0, ESCAPE = 0xDB, ESCAPED_END = 0xDC, ESCAPED_ESCAPE = 0xDD };

void ss_slip_reset(struct ss_slip *slip)
{
    slip->len = 0;
    slip->inside = slip->escaped = slip->broken = false;
}

/// 0xC0 opens a frame or ends it; a second one in a row opens, too: hosts send one before and one after each frame.
static bool take_end(struct ss_slip *slip)
{
    bool whole = slip->inside && !slip->broken && !slip->escaped && slip->len > 0;
    bool open = !slip->inside || (slip->len == 0 && !slip->broken && !slip->escaped);
    slip->inside = open;
    slip->escaped = slip->broken = false;
    if (!whole)
        slip->len = 0;
    return whole;
}

bool ss_slip_take(struct ss_slip *slip, uint8_t byte)
{
    if (byte == END) {
        if (!slip->inside)
            slip->len = 0;
        return take_end(slip);
    }
    if (!slip->inside || slip->broken)
        return false;
    if (slip->escaped) {
        slip->escaped = false;
        slip->broken = byte != ESCAPED_END && byte != ESCAPED_ESCAPE;
        byte = byte == ESCAPED_END ? END : ESCAPE;
    } else if (byte == ESCAPE) {
        slip->escaped = true;
        return false;
    }
    if (slip->len == slip->size)
        slip->broken = true;
    if (!slip->broken)
        slip->frame[slip->len++] = byte;
    return false;
}

size_t ss_slip_encode(const uint8_t *in, size_t len, uint8_t *out)
{
    size_t n = 0;
    out[n++] = END;
    for (size_t i = 0; i < len; i++) {
        bool special = in[i] == END || in[i] == ESCAPE;
        if (special)
            out[n++] = ESCAPE;
        out[n++] = !special ? in[i] : in[i] == END ? ESCAPED_END : ESCAPED_ESCAPE;
    }
    out[n++] = END;
    return n;
}
