// SPDX-License-Identifier: Apache-2.0
// The ESP32's eFuse controller: the bits as burned, the window through which software reads them, and the registers by
// which it burns. ESP32 Technical Reference Manual, chapter "eFuse Controller"; use as in ESP-IDF's and esptool's
// drivers.
#ifndef SS_CHIP_EFUSE_CONTROLLER_H
#define SS_CHIP_EFUSE_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "chip/power.h"
#include "core/rom_loader.h"
#include "slotseal/efuse.h"

#define SS_EFUSE_BURN_US 2000u

struct ss_efuse_controller {
    struct ss_efuse *silicon; ///< as burned; borrowed, it is the chip's state
    struct ss_power *power;
    struct ss_efuse window;  ///< what software reads: made at reset and by the read command
    struct ss_efuse program; ///< what software wrote to be burned
    uint32_t dec_status;     ///< 3/4 coding errors found by the last read command
    uint32_t clk, conf, dac; ///< kept, without effect but for conf
    uint64_t burns;          ///< blocks burned so far
};

/// Reset: read window from the silicon, nothing to be burned.
void ss_efuse_controller_reset(struct ss_efuse_controller *c);

/// Register access; @p address within SS_EFUSE_BASE … SS_EFUSE_END. Unknown registers read as zero and ignore writes.
uint32_t ss_efuse_controller_read(const struct ss_efuse_controller *c, uint32_t address);
void ss_efuse_controller_write(struct ss_efuse_controller *c, uint32_t address, uint32_t value);

/// Burns what @p bits has set, block 3 first and block 0 last as the controller does, where write protection allows it;
/// bits only go from 0 to 1. One operation a block that changes. What the mask ROM's and the bootloader's code does
/// with registers, in one call.
void ss_efuse_controller_burn(struct ss_efuse_controller *c, const struct ss_efuse *bits);

#endif
