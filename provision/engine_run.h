// SPDX-License-Identifier: Apache-2.0
// Inside of the engine: a run with all that belongs to it.
#ifndef SS_PROVISION_ENGINE_RUN_H
#define SS_PROVISION_ENGINE_RUN_H

#include "provision/device_name.h"
#include "provision/engine_internal.h"

struct ss_provision {
    struct ss_provision_job job;
    struct ss_procedure_options options; ///< with the chip's coding and revision
    struct ss_boot_profile profile;      ///< with this device's public key
    char device[SS_DEVICE_NAME_SIZE];
    uint8_t flash_key[32];
    size_t key_len;                         ///< of flash and secure boot key, bytes
    uint32_t words[3][8];                   ///< to be burned into BLOCK1 and BLOCK2
    char key_ids[3][ENGINE_KEY_ID_LEN];     ///< of these
    char journal_ids[3][ENGINE_KEY_ID_LEN]; ///< what the journal says was read back there
    struct ss_parts parts;
    struct ss_procedure procedure;
    struct ss_procedure_warnings warnings;
    enum ss_step_state states[SS_PROCEDURE_MAX_STEPS];
    bool refused;   ///< the chip is not to be touched
    bool rehearsed; ///< and it went well
    struct engine_work work;
};

#endif
