// SPDX-License-Identifier: Apache-2.0
// The key sets that somebody has been told to trust: root-signed, named in a configuration. A set from elsewhere counts
// if it is one of these or follows from them; a set that was merely the first to come does not.
#ifndef SS_SERVER_KEY_SETS_H
#define SS_SERVER_KEY_SETS_H

#include "slotseal/error.h"
#include "slotseal/key_set.h"

struct ss_key_sets;

/// Reads @p path: a file, or a folder in which every file but hidden ones is a key set. Those of a product must follow
/// one another, so that its oldest one vouches for all. *@p sets is NULL on error: SS_ERROR_IO; SS_ERROR_DATA_INVALID
/// (no key set, or none at all); SS_ERROR_NOT_PERMITTED, SS_ERROR_INVALID_SIGNATURE (its own roots did not sign it, or
/// it does not follow the one before); SS_ERROR_INSUFFICIENT_MEMORY. Freed with ss_key_sets_free().
SS_MUST_USE ss_status_t ss_key_sets_load(const char *path, struct ss_key_sets **sets, struct ss_error *err);
/// NULL is allowed.
void ss_key_sets_free(struct ss_key_sets *sets);

/// The newest set of @p product and the one before. It points into @p sets. SS_ERROR_DOES_NOT_EXIST: there is none.
SS_MUST_USE ss_status_t ss_key_sets_ring(const struct ss_key_sets *sets, const char *product, struct ss_key_ring *ring,
                                         struct ss_error *err);
/// How many there are, of all products together.
size_t ss_key_sets_count(const struct ss_key_sets *sets);
/// The statement of number @p index, below ss_key_sets_count(): those of a product one after the other, the oldest
/// first. Borrowed.
const uint8_t *ss_key_sets_get(const struct ss_key_sets *sets, size_t index, size_t *len);

#endif
