// SPDX-License-Identifier: Apache-2.0
#include "core/elf_segments.h"

#include <string.h>

#include "core/memory_map.h"
#include "slotseal/image.h"

#define CHIP_ESP32 0
#define PAGE       SS_IMAGE_MMU_PAGE

// The kinds of memory at an address as a set: elf2image merges sections only if their sets are equal.
static uint32_t memory_set(uint32_t address)
{
    // esptool, memory map of the ESP32; ranges overlap.
    static const uint32_t ranges[][2] = {
        {0x00000000, 0x00010000}, {0x3F400000, 0x3F800000}, {0x3F800000, 0x3FC00000}, {0x3FF80000, 0x3FF82000},
        {0x3FF90000, 0x40000000}, {0x3FFAE000, 0x40000000}, {0x3FFE0000, 0x3FFFFFFC}, {0x40000000, 0x40070000},
        {0x40070000, 0x40078000}, {0x40078000, 0x40080000}, {0x40080000, 0x400A0000}, {0x400A0000, 0x400BFFFC},
        {0x400C0000, 0x400C2000}, {0x400D0000, 0x40400000}, {0x50000000, 0x50002000},
    };
    uint32_t set = 0;
    for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (address >= ranges[i][0] && address < ranges[i][1])
            set |= 1u << i;
    return set;
}

// Sections stay in the order of the file: a run ends where the next one does not follow at once.
static void merge_sections(struct ss_elf_plan *plan)
{
    struct ss_elf_segment *run = NULL;
    for (unsigned i = 0; i < plan->section_count; i++) {
        const struct ss_elf_section *s = &plan->sections[i];
        if (run && run->address + run->length == s->address &&
            memory_set(plan->sections[i - 1].address) == memory_set(s->address)) {
            run->length += ss_elf_padded(s);
            run->count++;
            continue;
        }
        run = &plan->segments[plan->segment_count++];
        *run = (struct ss_elf_segment){.address = s->address, .length = ss_elf_padded(s), .first = i, .count = 1};
        run->mapped = ss_memory_mapped(ss_memory_kind(CHIP_ESP32, s->address));
        plan->mapped_count += run->mapped;
    }
}

static bool named(const struct ss_elf_plan *plan, const struct ss_elf_segment *s, const char *name)
{
    return ss_elf_name_is(&plan->elf, &plan->sections[s->first], name);
}

static bool comes_before(const struct ss_elf_segment *x, const struct ss_elf_segment *y)
{
    if (x->mapped != y->mapped)
        return x->mapped;
    return x->address < y->address;
}

// Stable, as few elements as it has: insertion.
static void sort_segments(struct ss_elf_plan *plan)
{
    for (unsigned i = 1; i < plan->segment_count; i++) {
        struct ss_elf_segment moved = plan->segments[i];
        unsigned at = i;
        for (; at > 0 && comes_before(&moved, &plan->segments[at - 1]); at--)
            plan->segments[at] = plan->segments[at - 1];
        plan->segments[at] = moved;
    }
}

// The descriptor has to end up at file offset 0x20, so its segment goes first among its sort.
static void move_to_front(struct ss_elf_plan *plan, unsigned start, unsigned end, const char *name)
{
    for (unsigned i = start; i < end; i++) {
        if (!named(plan, &plan->segments[i], name))
            continue;
        struct ss_elf_segment moved = plan->segments[i];
        memmove(&plan->segments[start + 1], &plan->segments[start], (i - start) * sizeof moved);
        plan->segments[start] = moved;
        return;
    }
}

static ss_status_t check_segments(const struct ss_elf_plan *plan, struct ss_error *err)
{
    if (plan->segment_count == 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "nothing to load in this ELF file");
    for (unsigned i = 0; i < plan->segment_count; i++) {
        const struct ss_elf_segment *s = &plan->segments[i];
        if (s->length >= SS_IMAGE_MAX_SIZE)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                                "segment at 0x%08x is %u bytes, limit is 16 MiB", (unsigned)s->address,
                                (unsigned)s->length);
        if (s->mapped && s->address % 4 != 0)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                                "mapped segment at 0x%08x is not aligned to 4 bytes", (unsigned)s->address);
        if (i > 0 && i < plan->mapped_count && s->address / PAGE == plan->segments[i - 1].address / PAGE)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                                "segments at 0x%08x and 0x%08x lie in the same 64 KiB of the flash mapping",
                                (unsigned)plan->segments[i - 1].address, (unsigned)s->address);
    }
    return SS_OK;
}

ss_status_t ss_elf_plan_read(const uint8_t *data, size_t len, struct ss_elf_plan *plan, struct ss_error *err)
{
    plan->segment_count = plan->mapped_count = 0;
    ss_status_t status =
        ss_elf_read(data, len, &plan->elf, plan->sections, SS_IMAGE_BUILD_MAX_SECTIONS, &plan->section_count, err);
    if (status != SS_OK)
        return status;
    if (plan->elf.machine != SS_ELF_MACHINE_XTENSA)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_ELF, "ELF machine is %u, the ESP32's is %u (Xtensa)",
                            plan->elf.machine, SS_ELF_MACHINE_XTENSA);
    merge_sections(plan);
    sort_segments(plan);
    move_to_front(plan, 0, plan->mapped_count, ".flash.appdesc");
    move_to_front(plan, plan->mapped_count, plan->segment_count, ".dram0.bootdesc");
    return check_segments(plan, err);
}
