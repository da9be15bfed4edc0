// SPDX-License-Identifier: Apache-2.0
// Looks through the whole memory of a process for secrets: keys, and blocks of plaintext at any offset.
#ifndef SS_TESTS_MEMORY_SEARCH_H
#define SS_TESTS_MEMORY_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What is looked for. Add everything, then search any number of times.
struct memory_search;

struct memory_search *memory_search_new(void);
void memory_search_free(struct memory_search *search);
/// A key of 16 to 64 bytes, also byte by byte reversed: as big numbers lie in memory.
void memory_search_add_key(struct memory_search *search, const uint8_t *key, size_t len);
/// Each 16-byte block of @p plain (from its start) that has at least 8 different byte values: others may lie anywhere.
/// Their number.
size_t memory_search_add_plaintext(struct memory_search *search, const uint8_t *plain, size_t len);

struct memory_found {
    uint64_t bytes;        ///< that were read
    uint64_t keys, blocks; ///< places where one was found
    uint64_t first;        ///< address of the first find, 0: none
    char where[160];       ///< the mapping that it is in
};

/// Reads all that is mapped and readable. False, with errno, if that is not allowed.
bool memory_search_run(const struct memory_search *search, pid_t process, struct memory_found *found);

#endif
