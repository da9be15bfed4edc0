// SPDX-License-Identifier: Apache-2.0
#include "server/range.h"

#include <string.h>
#include <strings.h>

/// Reads digits at *@p at; false without any, or when they exceed 2^63 - 1.
static bool digits(const char **at, uint64_t *out)
{
    const char *p = *at;
    uint64_t value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (value > (INT64_MAX - (uint64_t)(*p - '0')) / 10)
            return false;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    bool some = p != *at;
    *at = p;
    *out = value;
    return some;
}

static const char *blanks(const char *p)
{
    return p + strspn(p, " \t");
}

enum ss_range ss_range_parse(const char *header, uint64_t size, uint64_t *first, uint64_t *last)
{
    *first = *last = 0;
    if (!header || strncasecmp(header, "bytes=", 6) != 0)
        return SS_RANGE_NONE;
    const char *p = blanks(header + 6);
    uint64_t from = 0, to = 0;
    bool has_from = digits(&p, &from);
    if (*p != '-')
        return SS_RANGE_NONE;
    p++;
    bool has_to = digits(&p, &to);
    if (*blanks(p) || (!has_from && !has_to) || (has_from && has_to && to < from))
        return SS_RANGE_NONE;
    if (!has_from) { // the last `to` bytes
        if (!to || !size)
            return SS_RANGE_UNSATISFIABLE;
        *first = to < size ? size - to : 0;
        *last = size - 1;
        return SS_RANGE_PART;
    }
    if (from >= size)
        return SS_RANGE_UNSATISFIABLE;
    *first = from;
    *last = has_to && to < size ? to : size - 1;
    return SS_RANGE_PART;
}

bool ss_etag_in(const char *header, const char *etag, bool weak)
{
    size_t len = strlen(etag);
    if (!header)
        return false;
    if (!strcmp(header, "*"))
        return true;
    for (const char *p = header; *(p = p + strspn(p, " \t,"));) {
        bool is_weak = p[0] == 'W' && p[1] == '/';
        p += is_weak ? 2 : 0;
        const char *end = *p == '"' ? strchr(p + 1, '"') : NULL;
        if (!end)
            return false;
        if ((size_t)(end + 1 - p) == len && !memcmp(p, etag, len) && (weak || !is_weak))
            return true;
        p = end + 1;
    }
    return false;
}

bool ss_if_range(const char *header, const char *etag)
{
    return !header || !strcmp(header, etag);
}
