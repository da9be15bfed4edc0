// SPDX-License-Identifier: Apache-2.0
// The partition table of a device in the vault: its own, or its product's.
#ifndef SS_CLI_DEVICE_TABLE_H
#define SS_CLI_DEVICE_TABLE_H

#include "slotseal/partition_table.h"
#include "vault/vault.h"

struct device_table {
    struct ss_partition_table table;
    uint32_t address;    ///< of the table in flash
    uint32_t flash_size; ///< bytes; 0: not said
};

/// SS_ERROR_DOES_NOT_EXIST: neither has one. SS_ERROR_DATA_INVALID and _DATA_CORRUPT: ss_table_from_binary().
SS_MUST_USE ss_status_t device_table_get(struct ss_vault *vault, const struct ss_vault_device *device,
                                         struct device_table *out, struct ss_error *err);

#endif
