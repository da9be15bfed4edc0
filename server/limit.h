// SPDX-License-Identifier: Apache-2.0
// How often somebody may do something, for any number of somebodies in a fixed amount of memory: who was quiet longest
// is forgotten first. From any thread.
#ifndef SS_SERVER_LIMIT_H
#define SS_SERVER_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ss_limit;

/// Room for about @p entries somebodies, 16 bytes each. NULL without memory.
struct ss_limit *ss_limit_new(size_t entries);
void ss_limit_free(struct ss_limit *limit);

/// A rate: @p count times in @p seconds, all at once if one likes. count 0: no limit.
struct ss_rate {
    uint32_t count, seconds;
};

/// Takes one of what @p key (@p len bytes) has left under @p rate at @p now (microseconds, any monotonic clock). False,
/// and nothing is taken, if nothing is left.
bool ss_limit_take(struct ss_limit *limit, const void *key, size_t len, struct ss_rate rate, uint64_t now);
/// Whether ss_limit_take() would succeed.
bool ss_limit_left(struct ss_limit *limit, const void *key, size_t len, struct ss_rate rate, uint64_t now);

/// SipHash-1-3 of @p len bytes: for tables that outsiders can fill.
uint64_t ss_siphash(const uint64_t key[2], const void *bytes, size_t len);

#endif
