// SPDX-License-Identifier: Apache-2.0
// Fails the n-th allocation, n = 1, 2, …, until the run under test needs fewer. Counts what OpenSSL allocates and what
// the code linked into the test asks of malloc(), calloc() and realloc(). Works in sanitizer builds. One thread only.
#ifndef SS_TESTS_ALLOC_FAULT_H
#define SS_TESTS_ALLOC_FAULT_H

#include <stddef.h>

#include "slotseal/status.h"

/// Calls run(context) once undisturbed, which must succeed, then with one allocation failing after the other.
/// @p run undoes all it did before it returns. Fails the test if a disturbed run leaves a block allocated, or returns
/// a verdict on its input: allowed are SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC (OpenSSL 3.0 does not always say
/// that memory was the reason) and SS_OK (where a library could do without). Returns how many runs failed.
unsigned alloc_fault_each(ss_status_t (*run)(void *context), void *context);

/// The same for runs that take long, which need not be the same each time: all of the first allocations, then ever fewer.
unsigned alloc_fault_some(ss_status_t (*run)(void *context), void *context);

/// From now on every block that is freed is searched for these bytes (at least 8; NULL ends it): a secret that is still
/// in memory when it is given back. Blocks that move while they grow are searched too.
void alloc_watch_secret(const void *bytes, size_t len);
/// How many such blocks were seen since alloc_watch_secret().
unsigned alloc_secrets_freed(void);

#endif
