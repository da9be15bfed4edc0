// SPDX-License-Identifier: Apache-2.0
// A device that lives: a virtual chip whose app is the agent. The chip boots its own bootloader and image; the agent runs
// with that image's identity (sim/identity.h), through its tables of functions only, and loses its RAM at every reset.
// Its HTTP is libcurl's, on the real network.
//
// For many devices in one process: nothing here is global, a device is used by one thread at a time, and ss_sim_step()
// blocks for one exchange with the server at most and then says how long the device sleeps. So a fleet is a queue of
// devices by the time at which they wake, worked off by as many threads as there are to be exchanges at once. A device
// that sleeps holds no connection and, beside its chip, about 40 KiB.
#ifndef SS_SIM_DEVICE_H
#define SS_SIM_DEVICE_H

#include <stdatomic.h>

#include "chip/boot.h"
#include "device/port/posix/http_curl.h"
#include "device/pull.h"
#include "sim/identity.h"

/// Where a new app dies: one that runs from another slot than the first app of this simulation.
enum ss_sim_crash {
    SS_SIM_CRASH_NEVER,
    SS_SIM_CRASH_BEFORE, ///< before it has started the agent
    SS_SIM_CRASH_AFTER,  ///< after that, before it has confirmed itself
};

enum ss_sim_event_kind {
    SS_SIM_LINE,       ///< the UART says something: `text`
    SS_SIM_STARTED,    ///< the agent runs: `found`
    SS_SIM_EXCHANGED,  ///< one with the server: `text` is method and address, `http`, `bytes`, `status`
    SS_SIM_REFUSED,    ///< the agent did not do what it was asked: `text` is the cause, `detail` the reason or empty
    SS_SIM_RESET,      ///< the app restarts the chip: `text` says why
    SS_SIM_POWER_LOST, ///< where a cut was planned
};

struct ss_sim_event {
    enum ss_sim_event_kind kind;
    const char *text, *detail; ///< never NULL; valid during the call
    enum ss_agent_found found;
    ss_status_t status;
    unsigned http;  ///< status of the answer, 0: none came
    uint64_t bytes; ///< of its body
};

/// All zero: a device as it is, without a clock.
struct ss_sim_options {
    const struct ss_boot_profile *profile; ///< what is compiled into its bootloader; NULL: guessed. Copied
    struct ss_curl_limits limits;          ///< of its HTTP client
    uint64_t clock;                        ///< its time when it is opened, seconds since 1970; 0: it has none
    uint32_t trial_seconds, alarm_seconds; ///< see struct ss_agent_identity
    uint32_t spread_seconds;               ///< see struct ss_pull_config
    enum ss_sim_crash crash;
    bool unfit;              ///< a new app finds itself unfit
    bool unwilling;          ///< the application does not want to be updated
    bool pushed;             ///< no pull mode: a new app confirms itself without a server
    const atomic_bool *stop; ///< ends exchanges early; NULL: nothing does. Borrowed
    void (*event)(void *context, const struct ss_sim_event *event); ///< NULL: nobody listens
    void *context;
};

/// What a device is at, for people and tests.
struct ss_sim_state {
    bool runs;     ///< the agent does
    unsigned slot; ///< of the running app
    char version[33];
    enum ss_agent_state state;
    struct ss_agent_record record;
    uint32_t key_set;         ///< version of the one in force
    struct ss_curl_count net; ///< since it was opened
    uint64_t flash_us;        ///< modelled time of flash and storage since it was opened
    unsigned updates, resets; ///< updates selected, resets by the app, since it was opened
    enum ss_agent_alarm alarm;
};

struct ss_sim_device;

/// Opens the chip in @p folder, and its storage there. Statuses of ss_chip_open() and ss_sim_storage_open().
SS_MUST_USE ss_status_t ss_sim_open(const char *folder, const struct ss_sim_options *options,
                                    struct ss_sim_device **device, struct ss_error *err);
/// A device around @p chip in memory, whose storage is in memory, too. It takes the chip over if it succeeds.
SS_MUST_USE ss_status_t ss_sim_new(struct ss_vchip *chip, const struct ss_sim_options *options,
                                   struct ss_sim_device **device, struct ss_error *err);
/// Switches it off, and frees. NULL is allowed.
void ss_sim_close(struct ss_sim_device *device);

/// Switches the chip on and follows it until its app has started the agent. SS_OK also if the power was lost on the way.
/// SS_ERROR_BAD_STATE: no app runs, or it restarts for ever; statuses of ss_chip_boot() and ss_sim_identity_read(), and
/// the chip is off then.
SS_MUST_USE ss_status_t ss_sim_boot(struct ss_sim_device *device, struct ss_error *err);

/// Lets the device do what is due: one exchange at most. *@p seconds is how long it then sleeps, at most; 0: there is
/// more to do. It boots if it has to: after a reset by its app, and after the power was lost. Statuses of ss_sim_boot().
SS_MUST_USE ss_status_t ss_sim_step(struct ss_sim_device *device, uint32_t *seconds, struct ss_error *err);
/// Puts the device's clock forward: it has slept.
void ss_sim_slept(struct ss_sim_device *device, uint32_t seconds);
/// True if nothing is under way: the server has answered what it was asked last, no update is being received or proved,
/// and nothing has to be told; also if one was downloaded and waits. Of use when ss_sim_step() says that the device sleeps.
bool ss_sim_idle(const struct ss_sim_device *device);

/// What is brought to a device by hand.
struct ss_sim_parcel {
    const uint8_t *release, *delivery, *sealed;
    size_t release_len, delivery_len, sealed_len;
};

/// The push way: begins or continues the update, writes in pieces of @p chunk bytes, and boots the new app. *@p cause is
/// what the agent says about it, SS_CAUSE_NONE if it is selected. Statuses of the agent, of ss_sim_boot().
SS_MUST_USE ss_status_t ss_sim_push(struct ss_sim_device *device, const struct ss_sim_parcel *parcel, uint32_t chunk,
                                    enum ss_agent_cause *cause, struct ss_error *err);

struct ss_sim_state ss_sim_state(const struct ss_sim_device *device);
struct ss_vchip *ss_sim_chip(struct ss_sim_device *device);
/// Who it is; valid while it runs.
const struct ss_sim_identity *ss_sim_who(const struct ss_sim_device *device);
/// "nothing", "trial", "rolled-back", "take-back". Never NULL.
const char *ss_sim_found_name(enum ss_agent_found found);

#endif
