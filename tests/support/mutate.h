// SPDX-License-Identifier: Apache-2.0
// Every small damage to a valid input: bits, bytes and 32-bit numbers changed, bytes lost or repeated, the end cut or
// extended, at every position, each as it stands and with its checksums made right again.
#ifndef SS_TESTS_MUTATE_H
#define SS_TESTS_MUTATE_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

/// What a parser is tried with. The input is a block of exactly @p len bytes of its own, so that the address sanitizer
/// sees a read past its end.
typedef void (*mutant_fn)(const uint8_t *in, size_t len);
/// Recomputes checksums in place, as far as the damaged input still has a place for them. Must not read past the end.
typedef void (*mend_fn)(uint8_t *in, size_t len);

/// Runs @p run on the input itself and on every mutant; @p mend may be NULL. Returns the number of runs.
/// Inputs of more than 2 KiB get fewer changes per byte, and blocks of 32 equal bytes only at their first one.
unsigned mutate(const uint8_t *seed, size_t len, mend_fn mend, mutant_fn run);

/// What the input under test is: "byte 17: bit 3 flipped, mended".
const char *mutant_name(void);

/// A set of statuses, for mutant_status().
#define ONE_OF(status) (1u << -(status))

/// Fails the test with the mutant's name unless @p status is one of the set.
void mutant_status(const char *call, ss_status_t status, unsigned documented);
/// Fails the test with the mutant's name unless @p condition holds.
#define mutant_assert(condition) mutant_check((condition) ? 1 : 0, #condition)
void mutant_check(int holds, const char *what);
/// Fails the test with the mutant's name unless an error (and only an error) left its status, @p area and words.
void mutant_message(ss_status_t status, const struct ss_error *err, enum ss_area area);

#endif
