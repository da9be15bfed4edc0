// SPDX-License-Identifier: Apache-2.0
#include "core/cbor.h"

#include <string.h>

// Major types, RFC 8949 §3.1.
#define UNSIGNED 0u
#define NEGATIVE 1u
#define BYTES    2u
#define TEXT     3u
#define ARRAY    4u
#define MAP      5u
#define TAG      6u

void ss_cbor_reader_init(struct ss_cbor_reader *r, const uint8_t *in, size_t len)
{
    static const uint8_t nothing;
    if (!in)
        in = &nothing; // an empty span has no address to count from
    *r = (struct ss_cbor_reader){.p = in, .end = in + len};
}

void ss_cbor_fail_at(struct ss_cbor_reader *r, const uint8_t *at, enum ss_reason reason)
{
    if (r->reason != SS_REASON_NONE)
        return;
    r->reason = reason;
    r->fault = at;
}

void ss_cbor_fail(struct ss_cbor_reader *r, enum ss_reason reason)
{
    ss_cbor_fail_at(r, r->p, reason);
}

// The argument of the head whose first byte has the low bits @p info. RFC 8949 §4.2.1: as short as it can be.
static uint64_t argument(struct ss_cbor_reader *r, const uint8_t *head, unsigned info)
{
    static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};
    if (info < 24)
        return info;
    if (info > 27) {
        ss_cbor_fail_at(r, head, SS_REASON_NOT_DETERMINISTIC); // reserved, or of indefinite length
        return 0;
    }
    size_t bytes = (size_t)1 << (info - 24);
    if ((size_t)(r->end - r->p) < bytes) {
        ss_cbor_fail_at(r, head, SS_REASON_TRUNCATED);
        return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | *r->p++;
    if (v < least[info - 24])
        ss_cbor_fail_at(r, head, SS_REASON_NOT_DETERMINISTIC);
    return v;
}

// Reads a head of type @p major with an argument from @p min to @p max; 0 after a fault.
static uint64_t head(struct ss_cbor_reader *r, unsigned major, uint64_t min, uint64_t max)
{
    const uint8_t *at = r->p;
    if (r->reason != SS_REASON_NONE)
        return 0;
    if (at == r->end) {
        ss_cbor_fail_at(r, at, SS_REASON_TRUNCATED);
        return 0;
    }
    if (*at >> 5 != major) {
        ss_cbor_fail_at(r, at, SS_REASON_TYPE);
        return 0;
    }
    r->p++;
    uint64_t v = argument(r, at, *at & 31u);
    if (v < min || v > max)
        ss_cbor_fail_at(r, at, SS_REASON_RANGE);
    return r->reason == SS_REASON_NONE ? v : 0;
}

uint64_t ss_cbor_uint(struct ss_cbor_reader *r, uint64_t min, uint64_t max)
{
    return head(r, UNSIGNED, min, max);
}

uint64_t ss_cbor_positive(struct ss_cbor_reader *r)
{
    return head(r, UNSIGNED, 1, SS_STATEMENT_INT_MAX);
}

uint32_t ss_cbor_u32(struct ss_cbor_reader *r, uint32_t min, uint32_t max)
{
    return (uint32_t)head(r, UNSIGNED, min, max);
}

uint32_t ss_cbor_multiple(struct ss_cbor_reader *r, uint32_t unit, uint32_t min, uint32_t max)
{
    const uint8_t *at = r->p;
    uint32_t v = ss_cbor_u32(r, min, max);
    if (v % unit)
        ss_cbor_fail_at(r, at, SS_REASON_RANGE);
    return v;
}

void ss_cbor_negative(struct ss_cbor_reader *r, uint32_t n)
{
    (void)head(r, NEGATIVE, n, n);
}

static struct ss_span string(struct ss_cbor_reader *r, unsigned major, size_t min, size_t max)
{
    const uint8_t *at = r->p;
    size_t len = (size_t)head(r, major, min, max);
    if (len > (size_t)(r->end - r->p))
        ss_cbor_fail_at(r, at, SS_REASON_TRUNCATED);
    if (r->reason != SS_REASON_NONE)
        return (struct ss_span){NULL, 0};
    struct ss_span span = {r->p, (uint16_t)len};
    r->p += len;
    return span;
}

struct ss_span ss_cbor_bytes(struct ss_cbor_reader *r, size_t min, size_t max)
{
    return string(r, BYTES, min, max);
}

const uint8_t *ss_cbor_fixed(struct ss_cbor_reader *r, size_t len)
{
    return string(r, BYTES, len, len).p;
}

struct ss_span ss_cbor_text(struct ss_cbor_reader *r, size_t min, size_t max)
{
    struct ss_span text = string(r, TEXT, min, max);
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7E)
            ss_cbor_fail_at(r, text.p + i, SS_REASON_TEXT);
    return text;
}

struct ss_span ss_cbor_name(struct ss_cbor_reader *r, size_t max)
{
    struct ss_span text = string(r, TEXT, 1, max);
    size_t good = ss_name_prefix(text.p, text.len);
    if (good < text.len)
        ss_cbor_fail_at(r, text.p + good, SS_REASON_TEXT);
    return text;
}

unsigned ss_cbor_array(struct ss_cbor_reader *r, unsigned min, unsigned max)
{
    return (unsigned)head(r, ARRAY, min, max);
}

void ss_cbor_tag(struct ss_cbor_reader *r, uint32_t tag)
{
    (void)head(r, TAG, tag, tag);
}

void ss_cbor_map(struct ss_cbor_reader *r)
{
    r->left = (uint8_t)head(r, MAP, 0, 23);
}

bool ss_cbor_has(struct ss_cbor_reader *r, unsigned key)
{
    // Keys are at most 23: one byte.
    if (r->reason != SS_REASON_NONE || r->left == 0 || r->p == r->end || *r->p != key)
        return false;
    r->p++;
    r->left--;
    return true;
}

void ss_cbor_need(struct ss_cbor_reader *r, unsigned key)
{
    if (r->reason != SS_REASON_NONE || ss_cbor_has(r, key))
        return;
    if (r->left && r->p == r->end)
        ss_cbor_fail(r, SS_REASON_TRUNCATED);
    else
        ss_cbor_fail(r, r->left && *r->p < key ? SS_REASON_FIELD_UNKNOWN : SS_REASON_FIELD_MISSING);
}

void ss_cbor_map_end(struct ss_cbor_reader *r)
{
    if (r->left)
        ss_cbor_fail(r, r->p == r->end ? SS_REASON_TRUNCATED : SS_REASON_FIELD_UNKNOWN);
}

void ss_cbor_end(struct ss_cbor_reader *r)
{
    if (r->p != r->end)
        ss_cbor_fail(r, SS_REASON_TRAILING);
}

ss_status_t ss_cbor_status(const struct ss_cbor_reader *r, const uint8_t *base, struct ss_refusal *why)
{
    if (r->reason == SS_REASON_NONE)
        return SS_OK;
    if (why)
        *why = (struct ss_refusal){r->reason, (uint16_t)(r->fault - base)};
    return SS_ERROR_DATA_INVALID;
}
