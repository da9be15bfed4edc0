// SPDX-License-Identifier: Apache-2.0
// The agent's table of functions over a virtual chip: what device/port/espidf/ is on a real one. Flash is reached as an
// app reaches it, raw or through the cache; what ESP-IDF's ota functions do to otadata is done here.
#ifndef SS_SIM_SIM_PORT_H
#define SS_SIM_SIM_PORT_H

#include "chip/boot.h"
#include "device/agent.h"
#include "sim/keep.h"

struct ss_sim_identity;

/// A device as its app sees it: the context of ss_sim_agent_port. All is borrowed.
struct ss_sim_port {
    struct ss_vchip *chip;
    const struct ss_boot_profile *profile;    ///< of the bootloader: whether it rolls back, what signature it wants
    const struct ss_agent_identity *identity; ///< slots and the one that runs
    struct ss_sim_identity *self;             ///< NULL: `load`, `store` and `store_key_set` are somebody else's
    uint32_t otadata;                         ///< flash address
    bool unwilling;                           ///< the application does not want to be updated
    uint64_t (*clock)(void *context);         ///< seconds since 1970, 0 if not known; NULL: the device has no clock
    void *clock_context;
};

/// All functions; `context` is a struct ss_sim_port.
extern const struct ss_agent_port ss_sim_agent_port;

/// Writes @p state (enum ss_ota_state) to the copy of otadata that is active. SS_ERROR_IO: none is.
SS_MUST_USE ss_status_t ss_sim_set_state(const struct ss_sim_port *port, uint32_t state);

#endif
