// SPDX-License-Identifier: Apache-2.0
// A device of the vault in words and as JSON.
#ifndef SS_CLI_DEVICE_TEXT_H
#define SS_CLI_DEVICE_TEXT_H

#include "json.h"
#include "vault/vault.h"

/// Facts that commands keep about a device, by their names in the vault.
#define FACT_CREDENTIAL "credential" ///< "token sha256:HEX" or "certificate sha256:HEX"; gone when it is dead
#define FACT_KIT        "kit"        ///< the kit that the device is in
#define FACT_STATION    "station"
#define FACT_OPERATOR   "operator"
#define FACT_IMPORTED   "imported" ///< where its key came from, and whether a flash dump has shown it to be right

/// "present", "forgotten", "none".
const char *device_key_word(enum ss_vault_flash_key_state state);
/// All of it, facts included; NULL without memory.
json_t *device_json(struct ss_vault *vault, const struct ss_vault_device *device);
void device_print(struct ss_vault *vault, const struct ss_vault_device *device);

#endif
