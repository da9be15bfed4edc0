// SPDX-License-Identifier: Apache-2.0
// Sections of an ESP32 ELF file, merged and sorted as elf2image does. Internal.
#ifndef SS_CORE_ELF_SEGMENTS_H
#define SS_CORE_ELF_SEGMENTS_H

#include "core/elf.h"
#include "slotseal/image_build.h"

/// A run of sections that touch: sections first … first + count − 1, each padded to 4 bytes.
struct ss_elf_segment {
    uint32_t address;
    uint32_t length;
    unsigned first, count;
    uint32_t taken; ///< bytes that the image builder has placed already
    bool mapped;    ///< from flash
};

/// Length of a section with its padding.
static inline uint32_t ss_elf_padded(const struct ss_elf_section *section)
{
    return (section->size + 3) & ~3u;
}

/// What an ELF file has to load. Caller-allocated, about 6 KiB.
struct ss_elf_plan {
    struct ss_elf elf;
    unsigned section_count, segment_count;
    unsigned mapped_count; ///< of the segments: the first so many are mapped
    struct ss_elf_section sections[SS_IMAGE_BUILD_MAX_SECTIONS];
    struct ss_elf_segment segments[SS_IMAGE_BUILD_MAX_SECTIONS]; ///< each sort by address, but its descriptor in front
};

/// Reads an ELF file for the ESP32 and merges its sections.
/// Statuses: those of ss_elf_read(); SS_ERROR_NOT_SUPPORTED for a machine other than Xtensa; SS_ERROR_DATA_INVALID if
/// there is nothing to load, a segment of 16 MiB or more, a mapped one not aligned to 4 bytes, or two in one page of
/// the flash mapping.
SS_MUST_USE ss_status_t ss_elf_plan_read(const uint8_t *data, size_t len, struct ss_elf_plan *plan,
                                         struct ss_error *err);

#endif
