// SPDX-License-Identifier: Apache-2.0
// Flash that was read from an encrypted chip, put back into plaintext: what a device that came back has run.
#ifndef SS_PROVISION_READBACK_H
#define SS_PROVISION_READBACK_H

#include "slotseal/content.h"
#include "slotseal/partition_table.h"
#include "slotseal/seal.h"

/// A region that the chip reads through decryption.
struct ss_readback_region {
    const char *name; ///< "digest", "bootloader", "table", or the partition's label
    uint32_t address, len;
    bool erased;             ///< all 0xFF as it lies there
    enum ss_content content; ///< of the plaintext; NOISE: not sealed with this key, or for another address
    char version[33];        ///< of an app; "" if it has none
};

/// Decrypts the dump @p flash of @p len bytes, read from address 0 on, in place. @p params says chip, key, key_len and
/// crypt_config; @p table_address is where the table lies. Erased sectors stay erased: they were never encrypted. nvs and
/// whatever else is not encrypted stays as it is. @p each (may be NULL) is told of every region that the dump holds.
/// SS_ERROR_INVALID_ARGUMENT: the key.
SS_MUST_USE ss_status_t ss_readback_unseal(const struct ss_seal_params *params, const struct ss_partition_table *table,
                                           uint32_t table_address, uint8_t *flash, size_t len,
                                           void (*each)(void *context, const struct ss_readback_region *region),
                                           void *context, struct ss_error *err);

#endif
