// SPDX-License-Identifier: Apache-2.0
// Test vectors in text files, tests/vectors/<name>.data:
//
//     # comment
//     [readable title]
//     key = 000102…
//     address = 0x1000
//     expect = data invalid: partition 0 …
//
// A file is a list of titled cases; a case is a list of `field = value` lines.
#ifndef SS_TESTS_VECTORS_H
#define SS_TESTS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VECTOR_MAX_FIELDS 24

struct vector {
    const char *title;
    const char *names[VECTOR_MAX_FIELDS];
    const char *values[VECTOR_MAX_FIELDS];
    unsigned count;
};

/// Calls @p run for each case of tests/vectors/@p file, printing the title when a check in it fails.
/// Fails the running test if the file is missing, malformed or has no case. Returns the number of cases.
unsigned vectors_run(const char *file, void (*run)(const struct vector *v));

bool vector_has(const struct vector *v, const char *name);
/// The value as it stands; fails the test if the field is missing.
const char *vector_text(const struct vector *v, const char *name);
/// Decimal or 0x number.
uint64_t vector_number(const struct vector *v, const char *name);
/// Hex digits (white space ignored) to bytes; returns their count. Fails the test above @p size.
size_t vector_bytes(const struct vector *v, const char *name, uint8_t *out, size_t size);

/// Whole file of the test material into a malloc'ed buffer; NULL if it is not there (the caller then calls skip()).
uint8_t *material_read(const char *relative_path, size_t *len);

/// Whole file of tests/data into a malloc'ed buffer; fails the test if it is not there.
uint8_t *test_data_read(const char *relative_path, size_t *len);

/// Reproducible bytes for property tests: xorshift, seeded.
uint64_t test_random(uint64_t *state);
void test_random_bytes(uint64_t *state, uint8_t *out, size_t len);

#endif
