// SPDX-License-Identifier: Apache-2.0
// A virtual ESP32: flash, eFuses, power, and what connects them. Everything that outlives a reset is in the flash array
// and the 31 eFuse words; a chip on disk is a folder with flash.bin (raw flash), efuse.bin (124 bytes, the bits as
// burned), chip.conf (`key = value` lines: what is neither: revision, seed) and state.bin (chip/state.h).
#ifndef SS_CHIP_CHIP_H
#define SS_CHIP_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip/efuse_controller.h"
#include "chip/flash.h"
#include "chip/power.h"
#include "chip/state.h"
#include "slotseal/error.h"

/// What a new chip is like. Start from SS_CHIP_OPTIONS_DEFAULT.
struct ss_chip_options {
    uint32_t flash_size;         ///< bytes; default 4 MiB
    unsigned revision;           ///< major × 100 + minor: 0, 100, 200, 300, 301; default 300
    enum ss_efuse_coding coding; ///< NONE (default) or 34; the factory burns it
    uint8_t mac[6];              ///< factory MAC; all zero: made from the seed
    uint64_t seed;               ///< of everything random about the chip; default 1
};
#define SS_CHIP_OPTIONS_DEFAULT                                                                                        \
    {                                                                                                                  \
        .flash_size = 4u << 20, .revision = 300, .coding = SS_EFUSE_CODING_NONE, .seed = 1                             \
    }

/// A chip that has power: struct ss_chip (slotseal/chip_info.h) is the kind, this is one.
struct ss_vchip {
    struct ss_power power;
    struct ss_efuse *silicon; ///< the bits as burned
    struct ss_efuse_controller efuse;
    struct ss_flash flash;
    bool apb_date_bit31; ///< the part of the revision that is not in eFuses (register APB_CTRL_DATE)
    bool strap_download; ///< GPIO0 is held low: the next reset starts the mask ROM's loader
    bool in_download;    ///< the mask ROM's loader runs
    /// Bit n: BLOCKn is read-protected and its bits are not known, as in a dump of a real chip. The silicon then holds
    /// zeros that mean nothing; what depends on them cannot be checked.
    uint8_t unknown_blocks;
    struct ss_chip_state *state; ///< what of all this outlives power, beside flash and eFuses: ss_chip_state_keep()
    int lock;                    ///< of the folder, -1 for a chip in memory
};

/// A new chip in memory, as it leaves the factory: erased flash, MAC, revision and coding scheme burned.
/// The caller ends it with ss_chip_free(). SS_ERROR_INVALID_ARGUMENT names the option; SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_chip_new(const struct ss_chip_options *options, struct ss_vchip **chip,
                                    struct ss_error *err);

/// The same as a folder, which must not exist or be empty (SS_ERROR_ALREADY_EXISTS). SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_chip_create(const char *folder, const struct ss_chip_options *options, struct ss_error *err);

/// Opens a folder. Files written by other programs are taken as they are; flash.bin decides the flash size, chip.conf
/// and state.bin may be missing. Changes of flash and eFuses go to the files at once, the state at every reset and at
/// the end. One opener at a time: SS_ERROR_BAD_STATE if another process has it. SS_ERROR_DATA_INVALID, SS_ERROR_IO.
SS_MUST_USE ss_status_t ss_chip_open(const char *folder, struct ss_vchip **chip, struct ss_error *err);

/// Writes back what changed and frees. NULL is allowed.
void ss_chip_free(struct ss_vchip *chip);

/// An independent copy in memory, for snapshots: flash, eFuses, counters, without power cuts planned.
SS_MUST_USE ss_status_t ss_chip_clone(const struct ss_vchip *chip, struct ss_vchip **copy, struct ss_error *err);

/// Reset of everything that a reset resets: eFuse read window, write enable, modes. The strap decides `in_download`.
void ss_chip_reset(struct ss_vchip *chip);

/// True if flash is read through decryption and written (by encrypting writes) through encryption when booted from
/// flash: FLASH_CRYPT_CNT has an odd number of bits set.
bool ss_chip_encrypts(const struct ss_vchip *chip);

/// Reading as the cache does: decrypted if the chip encrypts, else raw. @p address and @p len multiples of 16.
/// The hardware uses the key also where software cannot read it. SS_ERROR_NOT_SUPPORTED: coding scheme "repeat".
SS_MUST_USE ss_status_t ss_chip_cache_read(struct ss_vchip *chip, uint32_t address, uint8_t *out, size_t len,
                                           struct ss_error *err);

/// An encrypting write of whole 32-byte lines (the engine's unit), whether or not FLASH_CRYPT_CNT is odd.
/// SS_ERROR_INVALID_ARGUMENT for other addresses or lengths.
SS_MUST_USE ss_status_t ss_chip_encrypted_write(struct ss_vchip *chip, uint32_t address, const uint8_t *in, size_t len,
                                                struct ss_error *err);

#endif
