// SPDX-License-Identifier: Apache-2.0
// Which memory of which chip an address belongs to. Internal.
#ifndef SS_CORE_MEMORY_MAP_H
#define SS_CORE_MEMORY_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "slotseal/image.h"

/// Kind of the memory at @p address; SS_SEGMENT_OTHER where nothing can be loaded, or for an unknown chip.
enum ss_segment_kind ss_memory_kind(uint16_t chip_id, uint32_t address);

/// True if the table has all loadable memory of the chip, so that SS_SEGMENT_OTHER is an error there.
bool ss_memory_complete(uint16_t chip_id);

/// True for what is read from flash through the cache.
static inline bool ss_memory_mapped(enum ss_segment_kind kind)
{
    return kind == SS_SEGMENT_DROM || kind == SS_SEGMENT_IROM || kind == SS_SEGMENT_FLASH;
}

#endif
