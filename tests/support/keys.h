// SPDX-License-Identifier: Apache-2.0
// The published test keys of tests/data/keys.
#ifndef SS_TESTS_KEYS_H
#define SS_TESTS_KEYS_H

#include "slotseal/signing_key.h"

/// Loads tests/data/keys/@p name; fails the test if that does not work. Ended by ss_signing_key_free().
ss_signing_key_t *test_key(const char *name);

#endif
