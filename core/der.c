// SPDX-License-Identifier: Apache-2.0
#include "core/der.h"

#include <string.h>

bool ss_der_take(struct ss_der *in, uint8_t tag, struct ss_der *contents)
{
    const uint8_t *p = in->p;
    size_t header = 2;
    if (in->len < 2 || p[0] != tag)
        return false;
    size_t len = p[1];
    if (len == 0x81 && in->len >= 3 && p[2] >= 0x80) {
        header = 3;
        len = p[2];
    } else if (len == 0x82 && in->len >= 4 && p[2] != 0) {
        header = 4;
        len = (size_t)p[2] << 8 | p[3];
    } else if (len >= 0x80) {
        return false;
    }
    if (len > in->len - header)
        return false;
    *contents = (struct ss_der){p + header, len};
    *in = (struct ss_der){p + header + len, in->len - header - len};
    return true;
}

bool ss_der_take_unsigned(struct ss_der *in, struct ss_der *number)
{
    struct ss_der rest = *in, n;
    if (!ss_der_take(&rest, SS_DER_INTEGER, &n) || n.len == 0 || n.p[0] >= 0x80)
        return false;
    if (n.p[0] == 0) {
        // A leading zero is only there to keep the number positive.
        if (n.len > 1 && n.p[1] < 0x80)
            return false;
        n.p++;
        n.len--;
    }
    *number = n;
    *in = rest;
    return true;
}

bool ss_der_take_small(struct ss_der *in, uint8_t *number)
{
    struct ss_der rest = *in, n;
    if (!ss_der_take(&rest, SS_DER_INTEGER, &n) || n.len != 1 || n.p[0] >= 0x80)
        return false;
    *number = n.p[0];
    *in = rest;
    return true;
}

bool ss_der_take_bits(struct ss_der *in, struct ss_der *bytes)
{
    struct ss_der rest = *in, bits;
    if (!ss_der_take(&rest, SS_DER_BIT_STRING, &bits) || bits.len == 0 || bits.p[0] != 0)
        return false;
    *bytes = (struct ss_der){bits.p + 1, bits.len - 1};
    *in = rest;
    return true;
}

/// 2, 3 or 4 bytes.
static size_t header_len(size_t contents_len)
{
    return contents_len < 0x80 ? 2 : contents_len < 0x100 ? 3 : 4;
}

void ss_der_put(struct ss_der_writer *out, const void *contents, size_t len)
{
    out->failed |= len > out->size - out->len;
    if (out->failed || len == 0)
        return;
    memcpy(out->p + out->len, contents, len);
    out->len += len;
}

void ss_der_put_header(struct ss_der_writer *out, uint8_t tag, size_t contents_len)
{
    uint8_t header[4] = {tag, (uint8_t)contents_len};
    size_t len = header_len(contents_len);
    if (len > 2) {
        header[1] = (uint8_t)(0x80 + len - 2);
        header[2] = (uint8_t)(len == 3 ? contents_len : contents_len >> 8);
        header[3] = (uint8_t)contents_len;
    }
    out->failed |= contents_len > 0xFFFF;
    ss_der_put(out, header, len);
}

void ss_der_put_unsigned(struct ss_der_writer *out, const uint8_t *number, size_t len)
{
    // A leading zero where the first bit would make it negative, and for zero itself.
    bool pad = len == 0 || number[0] >= 0x80;
    ss_der_put_header(out, SS_DER_INTEGER, len + pad);
    ss_der_put(out, "", pad);
    ss_der_put(out, number, len);
}

struct ss_der ss_der_strip(const uint8_t *number, size_t len)
{
    while (len && *number == 0) {
        number++;
        len--;
    }
    return (struct ss_der){number, len};
}
