// SPDX-License-Identifier: Apache-2.0
// A device to boot: images made up in memory, sealed for a key of the device's own.
#ifndef SS_BENCH_CHIP_DEVICE_H
#define SS_BENCH_CHIP_DEVICE_H

#include <stdbool.h>

#include "chip/boot.h"
#include "slotseal/partition_table.h"

#define DEVICE_FLASH    (4u << 20)
#define DEVICE_SLOT     0x10000u
#define DEVICE_APP_SIZE (333 * 4096u) ///< 1.3 MiB

/// Options of device number @p seed.
struct ss_chip_options device_options(uint64_t seed);

/// Lays bootloader, partition table, otadata and an app of DEVICE_APP_SIZE bytes in ota_0 into a new chip; if @p sealed,
/// burns a key made from @p seed with FLASH_CRYPT_CONFIG 0xF and FLASH_CRYPT_CNT 1, and lays all of them encrypted.
/// Exits with a message if that fails: nothing can be measured then.
void device_lay(struct ss_vchip *chip, uint64_t seed, bool sealed);

/// device_options(), ss_chip_new() and device_lay(). The caller ends it with ss_chip_free().
struct ss_vchip *device_new(uint64_t seed, bool sealed);

/// Boots and exits with the first failure unless the app runs from its slot.
void device_boot(struct ss_vchip *chip);

/// The app alone, and the partition table with its two slots.
void device_app(uint8_t out[DEVICE_APP_SIZE]);
void device_table(uint8_t out[SS_TABLE_BINARY_SIZE]);

/// Exits with the error's message unless @p status is SS_OK.
void device_check(ss_status_t status, const struct ss_error *err);

#endif
