// SPDX-License-Identifier: Apache-2.0
// The pins: the key set that a device trusts before anything else, linked into its app as a block of read-only data.
// With flash encryption nobody reads it there, with secure boot nobody changes it. The product is the key set's.
//
//      0        16         20       24                       24 + capacity
//     +--------+----------+--------+------------------------+
//     | magic  | capacity | length | key set statement, 0 … |   integers little endian
//     +--------+----------+--------+------------------------+
//
// The build links the block with length 0; `slotseal keyset embed` fills it in the finished image, before that is signed
// and sealed. So one build serves every fleet, and the roots' holders need no build tools.
#ifndef SS_DEVICE_PINS_H
#define SS_DEVICE_PINS_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/key_set.h"

#define SS_PINS_MAGIC_SIZE 16u
#define SS_PINS_HEAD_SIZE  24u
/// Room for any key set.
#define SS_PINS_CAPACITY SS_KEY_SET_MAX

/// The block. An app has exactly one: SS_PINS_DEFINE(name) in one of its source files.
struct ss_pins {
    uint8_t magic[SS_PINS_MAGIC_SIZE];
    uint32_t capacity; ///< bytes of `statement`
    uint32_t length;   ///< bytes used; 0: nobody has filled the block
    uint8_t statement[SS_PINS_CAPACITY];
};

/// Code never has these bytes in a row: it would be found instead of the block.
#define SS_PINS_MAGIC                                                                                                  \
    {                                                                                                                  \
        0xA5, 's', 'l', 'o', 't', 's', 'e', 'a', 'l', '-', 'p', 'i', 'n', 's', 1, 0xC3                                 \
    }
/// Defines the block @p name, in a section .rodata.@p name where the build has -fdata-sections. Something has to refer
/// to it, or the linker leaves it out.
#define SS_PINS_DEFINE(name)                                                                                           \
    extern const struct ss_pins name;                                                                                  \
    __attribute__((used, aligned(4))) const struct ss_pins name = {.magic = SS_PINS_MAGIC, .capacity = SS_PINS_CAPACITY}

/// The key set statement in the app's own block; valid as long as the app runs. *@p statement is NULL on error.
/// SS_ERROR_DOES_NOT_EXIST: nobody has filled it. SS_ERROR_DATA_INVALID: its length is above its capacity.
SS_MUST_USE ss_status_t ss_pins_own(const struct ss_pins *pins, const uint8_t **statement, size_t *len);

/// Reads @p len bytes of an app's plaintext from @p address; statuses are handed on. As read_plain of struct
/// ss_agent_port: multiples of 16.
typedef ss_status_t (*ss_pins_read_fn)(void *context, uint32_t address, void *out, size_t len);

/// Where a block lies.
struct ss_pins_place {
    uint32_t offset; ///< of the statement, bytes from the start of the image
    uint32_t capacity;
    uint32_t length; ///< 0: not filled
};

/// Finds the block in the image of @p len bytes at @p address, a multiple of 16, reading all of it in pieces of 256
/// bytes. It has to be there exactly once, at any offset.
/// SS_ERROR_DOES_NOT_EXIST: no block. SS_ERROR_DATA_INVALID: more than one, or one that reaches beyond the image, or whose
/// length is above its capacity. *@p place is all zero on error.
SS_MUST_USE ss_status_t ss_pins_find(ss_pins_read_fn read, void *context, uint32_t address, uint32_t len,
                                     struct ss_pins_place *place);

/// The same, and copies the statement to @p out, of SS_KEY_SET_MAX bytes; *@p out_len is 0 on error.
/// Statuses of ss_pins_find(), and SS_ERROR_DOES_NOT_EXIST also for a block that is not filled; SS_ERROR_DATA_INVALID for
/// a statement above SS_KEY_SET_MAX.
SS_MUST_USE ss_status_t ss_pins_read(ss_pins_read_fn read, void *context, uint32_t address, uint32_t len,
                                     uint8_t out[SS_KEY_SET_MAX], size_t *out_len);

#endif
