// SPDX-License-Identifier: Apache-2.0
// Bytes as text. Internal.
#ifndef SS_CORE_HEX_H
#define SS_CORE_HEX_H

#include <stddef.h>
#include <stdint.h>

/// Lower-case hex of @p len bytes, terminated, to @p out (2·len + 1). Not for secrets.
static inline void ss_put_hex(const uint8_t *in, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * len] = '\0';
}

#endif
