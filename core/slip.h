// SPDX-License-Identifier: Apache-2.0
// SLIP (RFC 1055) as the ESP32's serial loader frames its packets: 0xC0 before and after, 0xDB 0xDC and 0xDB 0xDD for
// 0xC0 and 0xDB inside. esptool's documentation, "Serial Protocol".
#ifndef SS_CORE_SLIP_H
#define SS_CORE_SLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A decoder over the caller's buffer. Set @p frame and @p size, the rest zero.
struct ss_slip {
    uint8_t *frame; ///< content of the frame so far; borrowed
    size_t size;    ///< capacity of @p frame
    size_t len;     ///< bytes in @p frame
    bool inside;    ///< the opening 0xC0 was seen
    bool escaped;   ///< 0xDB came last
    bool broken;    ///< wrong escape or too long: ignored up to its end
};

/// Takes one byte from the line. True if it ends a frame, which then is in frame[0 … len) until the next call. Bytes
/// outside frames, empty frames, frames longer than the buffer and frames with a wrong escape are ignored.
bool ss_slip_take(struct ss_slip *slip, uint8_t byte);

/// Forgets a frame that has begun.
void ss_slip_reset(struct ss_slip *slip);

/// Most bytes that a frame with @p len bytes of content takes on the line.
#define SS_SLIP_ENCODED_MAX(len) (2 * (len) + 2)

/// Writes @p len bytes as a frame to @p out, which holds at least SS_SLIP_ENCODED_MAX(len). Returns its length.
size_t ss_slip_encode(const uint8_t *in, size_t len, uint8_t *out);

#endif
