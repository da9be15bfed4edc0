// SPDX-License-Identifier: Apache-2.0
// Strict, bounded reader for the sections of a 32-bit little-endian ELF file. Internal; see the ELF specification 1.2.
#ifndef SS_CORE_ELF_H
#define SS_CORE_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"

#define SS_ELF_MACHINE_XTENSA 94

/// A section with contents, an address and a length: all of it lies within the file.
struct ss_elf_section {
    uint32_t address;
    uint32_t offset; ///< in the file
    uint32_t size;
    uint32_t name; ///< offset in the table of names
};

struct ss_elf {
    const uint8_t *data; ///< the caller's
    size_t len;
    uint16_t machine;
    uint32_t entry;
    uint32_t names_offset, names_len;
};

/// Reads the file header and the loadable sections, in the order of the file, into @p sections (capacity @p max).
/// Statuses: SS_ERROR_DATA_INVALID for a file that does not follow the format, or reaches outside itself;
/// SS_ERROR_NOT_SUPPORTED for 64-bit, big-endian, or more than @p max such sections.
SS_MUST_USE ss_status_t ss_elf_read(const uint8_t *data, size_t len, struct ss_elf *elf,
                                    struct ss_elf_section *sections, unsigned max, unsigned *count,
                                    struct ss_error *err);

/// True if the section has that name.
bool ss_elf_name_is(const struct ss_elf *elf, const struct ss_elf_section *section, const char *name);

#endif
