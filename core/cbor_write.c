// SPDX-License-Identifier: Apache-2.0
#include "core/cbor.h"

#include <string.h>

void ss_cbor_put_raw(struct ss_cbor_writer *w, const void *p, size_t len)
{
    if (w->len <= w->size && len <= w->size - w->len && len)
        memcpy(w->out + w->len, p, len);
    w->len += len;
}

// RFC 8949 §4.2.1: the shortest head that holds the argument.
static void put_head(struct ss_cbor_writer *w, unsigned major, uint64_t v)
{
    uint8_t head[9];
    unsigned size_code = v < 24 ? 0 : v < 0x100 ? 24 : v < 0x10000 ? 25 : v < 0x100000000 ? 26 : 27;
    size_t bytes = size_code ? (size_t)1 << (size_code - 24) : 0;
    head[0] = (uint8_t)(major << 5 | (size_code ? size_code : v));
    for (size_t i = 0; i < bytes; i++)
        head[1 + i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
    ss_cbor_put_raw(w, head, 1 + bytes);
}

void ss_cbor_put_uint(struct ss_cbor_writer *w, uint64_t v)
{
    put_head(w, 0, v);
}

void ss_cbor_put_negative(struct ss_cbor_writer *w, uint64_t n)
{
    put_head(w, 1, n);
}

void ss_cbor_put_bytes_head(struct ss_cbor_writer *w, size_t len)
{
    put_head(w, 2, len);
}

void ss_cbor_put_bytes(struct ss_cbor_writer *w, const void *p, size_t len)
{
    put_head(w, 2, len);
    ss_cbor_put_raw(w, p, len);
}

void ss_cbor_put_text(struct ss_cbor_writer *w, struct ss_span text)
{
    put_head(w, 3, text.len);
    ss_cbor_put_raw(w, text.p, text.len);
}

void ss_cbor_put_array(struct ss_cbor_writer *w, size_t count)
{
    put_head(w, 4, count);
}

void ss_cbor_put_map(struct ss_cbor_writer *w, size_t pairs)
{
    put_head(w, 5, pairs);
}

void ss_cbor_put_tag(struct ss_cbor_writer *w, uint64_t tag)
{
    put_head(w, 6, tag);
}
