// SPDX-License-Identifier: Apache-2.0
// The demo as a device that takes updates: the agent's table of functions on the raw flash driver, the journal and
// otadata, all in flash. It knows nothing of a machine but rt/.
//
// otadata and journal are written as they are. On a chip with flash encryption the bootloader would read otadata through
// it, and this port has no encrypting writes: demo_agent_start() refuses to start there.
#ifndef DEMO_AGENT_PORT_H
#define DEMO_AGENT_PORT_H

#include "device/agent.h"
#include "device/journal.h"
#include "device/pins.h"
#include "device/trust.h"

/// Where the device is in flash, and who it is.
struct demo_device {
    struct ss_span id;               ///< the device's
    const struct ss_pins *pins;      ///< of the running app
    const uint8_t *verification_key; ///< X‖Y of secure boot V1, which the bootloader checks; NULL: it checks nothing
    uint32_t otadata;                ///< addresses, bytes
    uint32_t journal, journal_size;
    uint32_t slots[2], slot_size;
    uint32_t bootloader; ///< SS_BOOTLOADER_* bits
    uint8_t running;     ///< slot
};

/// All RAM of it. All zero before demo_agent_start().
struct demo_agent {
    struct ss_agent agent;
    struct ss_agent_identity identity;
    struct ss_journal journal;
    struct ss_trust trust;
    const struct demo_device *device;
    uint8_t key_sets[2][SS_KEY_SET_MAX]; ///< as stored: the newer, the older
    bool newest_in_force;                ///< nothing newer is stored than the set in force
};

/// Mounts the journal, decides which key sets are in force, and starts the agent. @p device stays as it is.
/// SS_ERROR_DOES_NOT_EXIST: nobody has filled the pins; SS_ERROR_DATA_INVALID: they hold no key set;
/// SS_ERROR_NOT_SUPPORTED: flash encryption is on; statuses of the flash driver.
SS_MUST_USE ss_status_t demo_agent_start(struct demo_agent *d, const struct demo_device *device,
                                         enum ss_agent_found *found);

#endif
