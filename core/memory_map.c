// SPDX-License-Identifier: Apache-2.0
#include "core/memory_map.h"

#include <stddef.h>

#include "slotseal/chip_info.h"

// Memory that images are loaded to; what is mapped from flash is in the table of chips. ESP-IDF,
// components/soc/<chip>/include/soc/soc.h; the same ranges are in esptool's memory maps.
static const struct {
    uint16_t chip_id;
    enum ss_segment_kind kind;
    uint32_t start, end;
} ranges[] = {
    // clang-format off
    {0x00, SS_SEGMENT_RTC_FAST, 0x3FF80000, 0x3FF82000}, // ESP32
    {0x00, SS_SEGMENT_DRAM, 0x3FFAE000, 0x40000000},
    {0x00, SS_SEGMENT_IRAM, 0x40070000, 0x400C0000},
    {0x00, SS_SEGMENT_RTC_FAST, 0x400C0000, 0x400C2000},
    {0x00, SS_SEGMENT_RTC_SLOW, 0x50000000, 0x50002000},
    {0x02, SS_SEGMENT_RTC_FAST, 0x3FF9E000, 0x3FFA0000}, // ESP32-S2
    {0x02, SS_SEGMENT_DRAM, 0x3FFB0000, 0x40000000},
    {0x02, SS_SEGMENT_IRAM, 0x40020000, 0x40070000},
    {0x02, SS_SEGMENT_RTC_FAST, 0x40070000, 0x40072000},
    {0x02, SS_SEGMENT_RTC_SLOW, 0x50000000, 0x50002000},
    {0x05, SS_SEGMENT_DRAM, 0x3FC80000, 0x3FCE0000}, // ESP32-C3
    {0x05, SS_SEGMENT_IRAM, 0x4037C000, 0x403E0000},
    {0x05, SS_SEGMENT_RTC_FAST, 0x50000000, 0x50002000},
    {0x09, SS_SEGMENT_DRAM, 0x3FC88000, 0x3FD00000}, // ESP32-S3
    {0x09, SS_SEGMENT_IRAM, 0x40370000, 0x403E0000},
    {0x09, SS_SEGMENT_RTC_SLOW, 0x50000000, 0x50002000},
    {0x09, SS_SEGMENT_RTC_FAST, 0x600FE000, 0x60100000},
    {0x0C, SS_SEGMENT_DRAM, 0x3FCA0000, 0x3FCE0000}, // ESP32-C2
    {0x0C, SS_SEGMENT_IRAM, 0x4037C000, 0x403C0000},
    {0x0D, SS_SEGMENT_RAM, 0x40800000, 0x40880000}, // ESP32-C6
    {0x0D, SS_SEGMENT_RTC_FAST, 0x50000000, 0x50004000},
    {0x10, SS_SEGMENT_RAM, 0x40800000, 0x40880000}, // ESP32-H2
    {0x10, SS_SEGMENT_RTC_FAST, 0x50000000, 0x50004000},
    {0x12, SS_SEGMENT_RAM, 0x4FF00000, 0x4FFA0000}, // ESP32-P4
    {0x12, SS_SEGMENT_RTC_FAST, 0x50108000, 0x50110000},
    {0x14, SS_SEGMENT_RAM, 0x40800000, 0x40860000}, // ESP32-C61
    {0x14, SS_SEGMENT_RTC_FAST, 0x50000000, 0x50004000},
    {0x17, SS_SEGMENT_RAM, 0x40800000, 0x40860000}, // ESP32-C5
    {0x17, SS_SEGMENT_RTC_FAST, 0x50000000, 0x50004000},
    // clang-format on
};
#define RANGE_COUNT (sizeof ranges / sizeof *ranges)

// ESP-IDF: addresses below are for segments that are not loaded.
#define FIRST_LOADABLE 0x10000000

static bool within(const struct ss_address_range *range, uint32_t address)
{
    return address >= range->low && address < range->high;
}

static enum ss_segment_kind mapped_kind(uint16_t chip_id, uint32_t address)
{
    const struct ss_chip *chip = ss_chip_find_id(chip_id);
    bool drom = chip && within(&chip->drom, address), irom = chip && within(&chip->irom, address);
    if (drom && irom)
        return SS_SEGMENT_FLASH;
    return drom ? SS_SEGMENT_DROM : irom ? SS_SEGMENT_IROM : SS_SEGMENT_OTHER;
}

enum ss_segment_kind ss_memory_kind(uint16_t chip_id, uint32_t address)
{
    if (address < FIRST_LOADABLE)
        return address == 0 ? SS_SEGMENT_PADDING : SS_SEGMENT_RESERVED;
    for (size_t i = 0; i < RANGE_COUNT; i++)
        if (ranges[i].chip_id == chip_id && address >= ranges[i].start && address < ranges[i].end)
            return ranges[i].kind;
    return mapped_kind(chip_id, address);
}

bool ss_memory_complete(uint16_t chip_id)
{
    // Later chips have tightly coupled memories, retention areas and external RAM that the table leaves out.
    return chip_id == 0;
}
