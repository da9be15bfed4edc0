// SPDX-License-Identifier: Apache-2.0
// Inside of chip/: where a chip's state lies.
#ifndef SS_CHIP_FOLDER_H
#define SS_CHIP_FOLDER_H

#include "chip/chip.h"

/// A chip around a flash array, eFuse words and state that the caller made; the chip owns them from then on if it
/// succeeds.
SS_MUST_USE ss_status_t ss_chip_assemble(uint8_t *flash, uint32_t flash_size, struct ss_efuse *silicon,
                                         struct ss_chip_state *state, struct ss_vchip **chip, struct ss_error *err);
/// Ends what ss_chip_open() mapped and locked.
void ss_chip_unmap(struct ss_vchip *chip);

#endif
