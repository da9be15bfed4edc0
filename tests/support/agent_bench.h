// SPDX-License-Identifier: Apache-2.0
// The agent on a virtual chip: a device with flash encryption, signed apps and the sample fleet's key set, what it is
// offered, and an app that takes it. The app has nothing but the chip and the agent's port; its RAM is lost at a reset.
#ifndef SS_TESTS_AGENT_BENCH_H
#define SS_TESTS_AGENT_BENCH_H

#include "device/agent.h"
#include "device/journal.h"
#include "device/trust.h"
#include "sim/sim_port.h"
#include "support/boot_bench.h"
#include "support/statement_sample.h"

/// Where its journal lies, if it has one: in place of NVS in the forum's table.
#define AGENT_BENCH_JOURNAL      0x9000u
#define AGENT_BENCH_JOURNAL_SIZE 0x4000u

enum agent_secure_boot {
    AGENT_V1_APP, ///< apps are signed and checked, the chip itself is not armed
    AGENT_V1,     ///< secure boot V1 armed: the ROM checks the bootloader's digest
    AGENT_V2,
    AGENT_SECURE_BOOTS
};

/// What keeps the record and the key sets.
enum agent_storage {
    AGENT_KEEPS,             ///< a store that is whole or not at all
    AGENT_FORGETS,           ///< … that loses every record
    AGENT_CAPRICIOUS,        ///< … that gives any record that it ever had, or none
    AGENT_JOURNAL,           ///< device/journal.h, in the same flash
    AGENT_JOURNAL_ENCRYPTED, ///< … through flash encryption
    AGENT_STORAGES
};

/// All zero: 64 KiB slots, apps of three sectors, no rollback.
struct agent_options {
    enum agent_secure_boot secure_boot;
    enum agent_storage storage;
    bool rollback;
    bool anti_rollback; ///< implies rollback
    bool own_key;       ///< the device's verification key is in its images
    bool forum;         ///< the forum's partition table, apps of 1.3 MiB
    bool full;          ///< apps that fill their slot of 64 KiB but for a sector
};

/// What is carried to the device: made before, the same for all runs.
struct parcel {
    struct sample_statement release, delivery;
    uint8_t *sealed; ///< the bench's; may be changed
    uint32_t len;
};

/// What a parcel is. All zero: for slot 0, right in all else; the version is that of the app, 1 byte.
struct parcel_options {
    unsigned version, slot;
    uint64_t sequence;
    uint32_t other_address;             ///< sealed for this one instead; 0: as it says
    bool unsigned_image;                ///< without a signature that holds
    bool other_digest;                  ///< the release is of another image
    uint32_t secure_version;            ///< of the app and the release; 0: 3
    unsigned release_key, delivery_key; ///< numbers of sample keys; 0: 4 and 5
    /// Changes the fields before they are signed; what it points to has to stay.
    void (*alter_release)(struct ss_release *release);
    void (*alter_delivery)(struct ss_delivery *delivery);
};

#define AGENT_PARCELS 8u
#define AGENT_STORED  16u

/// A device. All before `agent` outlives resets, as flash does.
struct device {
    struct ss_sim_port sim; ///< first: the port's context is also that of the simulator's port
    struct agent_options options;
    struct bench *bench;
    uint32_t slots[2], slot_size;
    uint8_t *images[AGENT_PARCELS];
    unsigned image_count;
    uint8_t *plain; ///< room for one image

    struct ss_agent_record stored[AGENT_STORED]; ///< the newest first
    struct sample_statement pinned;              ///< the key set in its app
    struct sample_statement key_sets[2];         ///< stored: the newest, and the one before

    const struct parcel *in; ///< what it is offered; NULL: nothing
    uint32_t chunk;          ///< bytes a write
    bool unhealthy;          ///< a new app finds itself unfit
    bool crashes;            ///< it never gets to say so
    unsigned updates;        ///< that were selected
    unsigned errors;         ///< times that the agent could not be started, for flash that fails
    uint64_t time;           ///< what its clock shows, if device_set_time() gave it one: seconds since 1970

    struct ss_agent agent; ///< its RAM
    struct ss_agent_port port;
    struct ss_agent_identity identity;
    struct ss_journal journal;
    struct sample_statement read[2]; ///< key sets, as `key_sets`
    struct ss_trust trust;
    enum ss_agent_found found;
    uint32_t alarm_seconds, trial_seconds; ///< of the identity from the next start on
};

struct device *device_new(const struct agent_options *options);
void device_free(struct device *d);

/// Makes an update. Its image is the bench's.
void make_parcel(struct device *d, const struct parcel_options *o, struct parcel *p);
/// A device that is offered @p o.
struct device *device_offered(const struct agent_options *options, const struct parcel_options *o, struct parcel *p);
/// The usual one: version 2 for slot 1.
extern const struct parcel_options agent_usual;
/// A device whose bootloader takes an app back that does not confirm itself.
extern const struct agent_options agent_with_rollback;

/// Gives it a clock that shows @p time, or sets it.
void device_set_time(struct device *d, uint64_t time);

/// What a reset does to the RAM.
void device_power_on(struct device *d);
/// Starts the agent as the app in @p slot would.
ss_status_t device_start(struct device *d, unsigned slot);
/// The same; fails the test unless that is SS_OK.
void device_started(struct device *d, unsigned slot);
/// Begins what it is offered; the bytes from @p from on; all of it.
ss_status_t device_begin(struct device *d, uint32_t *wanted);
ss_status_t device_push(struct device *d, uint32_t from);
ss_status_t device_update(struct device *d);

ss_status_t device_give_key_set(struct device *d, const struct sample_statement *s);

/// Switches the chip on, and follows it through all the resets that its apps ask for.
void device_boot(struct device *d);
/// Fails the test unless it runs the app in @p slot.
void device_expect(struct device *d, unsigned slot);
/// Boots: what was refused has changed nothing in flash, and the app in slot 0 runs on.
void device_expect_refused(struct device *d, enum ss_agent_cause cause, enum ss_reason reason);
/// Boots: the first window of what it was offered was written, found wrong, and erased again; nothing behind it was
/// touched, and the app in slot 0 runs on.
void device_expect_first_window_refused(struct device *d);
/// The record that the storage would give now.
struct ss_agent_record device_record(const struct device *d);

#endif
