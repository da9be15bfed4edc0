// SPDX-License-Identifier: Apache-2.0
// ELF files made up for tests: 32-bit, little endian, with nothing but what elf2image looks at.
#ifndef SS_TESTS_SAMPLE_ELF_H
#define SS_TESTS_SAMPLE_ELF_H

#include <stddef.h>
#include <stdint.h>

struct sample_section {
    char name[24];
    uint32_t type; ///< 1 PROGBITS, 8 NOBITS, 14 INIT_ARRAY, …
    uint32_t address, size;
    int desc; ///< starts with an application descriptor (version "1.0"); else byte i of section n (from 1) is 13i + n
};

/// Writes an ELF file to @p out: file header (machine 94, entry 0x40080400), the data of the sections one after the
/// other, their names, the section headers. Returns its length; fails the test if @p size is too small.
size_t sample_elf(uint8_t *out, size_t size, const struct sample_section *sections, unsigned count);

/// Offset of section header @p index (0 is the empty one) in such a file.
size_t sample_elf_header(const uint8_t *elf, unsigned index);

#endif
