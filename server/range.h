// SPDX-License-Identifier: Apache-2.0
// Conditional requests and ranges (RFC 9110 §13, §14), as far as downloads need them.
#ifndef SS_SERVER_RANGE_H
#define SS_SERVER_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum ss_range {
    SS_RANGE_NONE, ///< send everything: no Range, one that is no `bytes=`, one that is malformed, or several ranges
    SS_RANGE_PART, ///< send first to last
    SS_RANGE_UNSATISFIABLE, ///< 416
};

/// Reads the header Range (NULL: not sent) for @p size bytes; sets *@p first and *@p last (inclusive) for PART.
/// Several ranges are answered with everything, which RFC 9110 §14.2 allows.
enum ss_range ss_range_parse(const char *header, uint64_t size, uint64_t *first, uint64_t *last);

/// True if the header If-None-Match (or If-Match) @p header names @p etag or is "*". @p weak: W/ does not matter, as
/// for If-None-Match; otherwise a weak one never matches. @p etag has its quotes.
bool ss_etag_in(const char *header, const char *etag, bool weak);

/// True if If-Range (NULL: not sent) leaves a range in force: it is @p etag. Dates never are: ours is an ETag.
bool ss_if_range(const char *header, const char *etag);

#endif
