// SPDX-License-Identifier: Apache-2.0
// What a chip keeps beside flash and eFuses when it has no power: the status registers of its flash, what has been
// counted, and what has been planned for it. In a folder this is state.bin, a file as struct ss_chip_state lies in
// memory, and mapped; a folder without it is one whose chip has just been made.
#ifndef SS_CHIP_STATE_H
#define SS_CHIP_STATE_H

#include <stdint.h>

#include "chip/flash.h"

#define SS_CHIP_STATE_MAGIC "sschip1"

struct ss_vchip;

struct ss_chip_state {
    char magic[8];                       ///< SS_CHIP_STATE_MAGIC with its 0
    uint64_t operations, time_us;        ///< of ss_power, as the next three
    uint64_t seed;                       ///< state of the random generator
    uint64_t cut_at;                     ///< 0: none planned
    uint32_t cut;                        ///< enum ss_cut
    uint8_t status[4];                   ///< non-volatile bits of the flash's status registers 1 to 3; one byte unused
    uint64_t reads, programs, erases;    ///< of ss_flash
    struct ss_flash_faults faults;       ///< of ss_flash
    uint32_t wear[SS_FLASH_MAX_SECTORS]; ///< erasures by sector, also of sectors that this flash does not have
};

/// A state in memory: nothing counted, nothing planned. NULL without memory.
struct ss_chip_state *ss_chip_state_new(void);

/// The chip's power and flash go on from chip->state.
void ss_chip_state_load(struct ss_vchip *chip);
/// The other way round. Wear is in the state all the time.
void ss_chip_state_keep(struct ss_vchip *chip);

#endif
