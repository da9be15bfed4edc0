// SPDX-License-Identifier: Apache-2.0
// Between the files of the simulated device.
#ifndef SS_SIM_DEVICE_PARTS_H
#define SS_SIM_DEVICE_PARTS_H

#include "sim/device.h"
#include "sim/sim_port.h"

/// What a reset destroys. Filled with what RAM holds after power-on, before each start.
struct ss_sim_ram {
    struct ss_agent agent;
    struct ss_pull pull;
};

struct ss_sim_device {
    struct ss_sim_options options;
    struct ss_boot_profile profile; ///< options.profile, and the key that its own bootloader has
    struct ss_vchip *chip;
    struct ss_sim_storage storage;
    struct ss_boot_result boot;
    struct ss_sim_port port;
    struct ss_pull_config config;
    struct ss_sim_identity identity;
    struct ss_sim_ram ram;
    struct ss_curl *curl;
    struct ss_curl_count net; ///< of the clients before
    bool runs;                ///< the agent was started, and no reset has come since
    bool answered;            ///< the last request was, with a 2xx
    bool trust_stale;         ///< the client has to be told the certificates anew
    enum ss_agent_found found;
    int home; ///< slot of the first app; -1: none yet
    unsigned updates, resets;
    uint64_t opened_ms, slept_ms, reset_ms; ///< host's clock, what was slept, both at the last reset
    uint64_t opened_us;                     ///< modelled time of the chip
    uint64_t random;
    // Of the call under way; here, since a power cut leaves it by longjmp.
    enum ss_pull_next next;
    uint32_t seconds;
    ss_status_t status;
    struct ss_error *err;
    const struct ss_sim_parcel *parcel;
    uint32_t chunk;
};

/// Seconds and milliseconds since the device was opened, by its own clock.
uint64_t ss_sim_elapsed_ms(const struct ss_sim_device *d);
void ss_sim_tell(struct ss_sim_device *d, const struct ss_sim_event *event);
/// All that a reset takes: RAM, connections, what a host keeps for a hash that runs.
void ss_sim_lose_ram(struct ss_sim_device *d);
/// The app restarts the chip; why is told.
enum ss_app_end ss_sim_restart(struct ss_sim_device *d, const char *why);

// device_net.c

/// The table of pull mode; `context` is the device.
extern const struct ss_pull_port ss_sim_pull_port;
/// A client with the device's credential, for a start. SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_sim_net_start(struct ss_sim_device *d);
/// Its connections are lost.
void ss_sim_net_end(struct ss_sim_device *d);

#endif
