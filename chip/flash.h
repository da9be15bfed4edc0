// SPDX-License-Identifier: Apache-2.0
// A serial NOR flash: programming clears bits, erasing sets those of a whole sector, nothing works without write
// enable. Commands and timings are those that the common 25-series parts share (W25Q32 and relatives; JEDEC JESD216 for
// SFDP).
#ifndef SS_CHIP_FLASH_H
#define SS_CHIP_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip/power.h"
#include "slotseal/error.h"

#define SS_FLASH_SECTOR 4096u
#define SS_FLASH_PAGE   256u
/// Of the largest part, 16 MiB.
#define SS_FLASH_MAX_SECTORS 4096u
/// What an operation takes on a typical part, microseconds.
#define SS_FLASH_PROGRAM_US 700u
#define SS_FLASH_ERASE_US   45000u
#define SS_FLASH_STATUS_US  10000u

/// Things that go wrong with worn or broken parts. All zero: a good part.
struct ss_flash_faults {
    uint32_t stuck_at; ///< flash address of a byte in which …
    uint8_t stuck;     ///< … these bits do not program: they stay 1
    uint32_t worn;     ///< sector number + 1 that no longer erases, 0 = none
    uint32_t flips;    ///< one bit of a read is wrong in about so many bytes, 0 = never
};

struct ss_flash {
    uint8_t *data;  ///< the array, borrowed from whoever made the chip
    uint32_t size;  ///< bytes, a power of two from 1 to 16 MiB
    uint32_t *wear; ///< erase count per sector (size / 4096), borrowed, may be NULL
    struct ss_power *power;
    struct ss_flash_faults faults;
    uint32_t jedec;           ///< as opcode 9F sends it, first byte lowest: 0x1640EF = Winbond, 4 MB
    uint8_t status[3];        ///< registers 1 to 3 as they are read now
    uint8_t stored_status[3]; ///< … and as they are after power-on
    bool write_enabled;
    bool volatile_enabled;            ///< opcode 50 came last: what is written to the status registers is not stored
    bool reset_armed;                 ///< opcode 66 came last
    uint64_t reads, programs, erases; ///< operations so far
};

/// Fills @p flash for an array of @p size bytes. The array is left as it is: erased flash is all 0xFF.
/// SS_ERROR_INVALID_ARGUMENT unless @p size is 1, 2, 4, 8 or 16 MiB.
SS_MUST_USE ss_status_t ss_flash_init(struct ss_flash *flash, uint8_t *data, uint32_t size, uint32_t *wear,
                                      struct ss_power *power, struct ss_error *err);

/// Power comes on, or opcodes 66 and 99: nothing is enabled, and the status registers are as stored.
void ss_flash_power_on(struct ss_flash *flash);

/// Raw reading; addresses wrap at the end as on the part.
void ss_flash_read(struct ss_flash *flash, uint32_t address, uint8_t *out, size_t len);

/// Programs page by page: each bit can only go from 1 to 0. Wraps at the end of the part, not of the page.
void ss_flash_program(struct ss_flash *flash, uint32_t address, const uint8_t *in, size_t len);

/// Erases the sectors that [address, address + len) touches, one operation each.
void ss_flash_erase(struct ss_flash *flash, uint32_t address, uint32_t len);

/// One SPI transaction as a controller issues it: @p opcode, then @p out bytes to the part, then @p in bytes from it.
/// Reading and programming commands take @p address. Unknown opcodes read as 0xFF. Writes without write enable, and
/// programming beyond a page (it wraps within the page), do what the part does.
void ss_flash_command(struct ss_flash *flash, uint8_t opcode, uint32_t address, const uint8_t *out, size_t out_len,
                      uint8_t *in, size_t in_len);

#endif
