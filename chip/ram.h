// SPDX-License-Identifier: Apache-2.0
// Memory of the chip's 32-bit address space of which only what was written takes room. What was never written reads as
// zero.
#ifndef SS_CHIP_RAM_H
#define SS_CHIP_RAM_H

#include <stddef.h>
#include <stdint.h>

#define SS_RAM_PAGE      4096u
#define SS_RAM_MAX_PAGES 512u ///< 2 MiB, four times the chip's SRAM

struct ss_ram_page {
    uint32_t address;
    uint8_t bytes[SS_RAM_PAGE];
};

/// All zero: empty memory. Ends with ss_ram_clear().
struct ss_ram {
    struct ss_ram_page *pages[SS_RAM_MAX_PAGES];
    size_t count;
};

/// Copies out; addresses wrap at 4 GiB.
void ss_ram_read(const struct ss_ram *ram, uint32_t address, uint8_t *out, size_t len);

/// Copies in. Writes are lost when SS_RAM_MAX_PAGES are in use or the host has no memory left, as on a real chip where
/// there is no memory behind an address.
void ss_ram_write(struct ss_ram *ram, uint32_t address, const uint8_t *in, size_t len);

/// Power off: everything is zero.
void ss_ram_clear(struct ss_ram *ram);

#endif
