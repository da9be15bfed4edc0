// SPDX-License-Identifier: Apache-2.0
// A device that takes updates: the one of chip_device.h with pins in its app and settings in its NVS, and an update for
// it. Exits with a message if something fails: nothing can be measured then.
#ifndef SS_BENCH_AGENT_DEVICE_H
#define SS_BENCH_AGENT_DEVICE_H

#include "bench/chip_device.h"
#include "sim/device.h"
#include "slotseal/delivery.h"

#define DEVICE_SLOT_SIZE 0x150000u

/// An update from ota_0 to ota_1. Static memory; one at a time.
struct agent_update {
    uint8_t release[SS_RELEASE_MAX], delivery[SS_DELIVERY_MAX], sealed[DEVICE_APP_SIZE];
    struct ss_sim_parcel parcel;
};

/// The chip of device number @p seed, sealed, with an older app in ota_1 if @p used. End it with ss_chip_free().
struct ss_vchip *agent_chip(uint64_t seed, bool used);
/// An update of DEVICE_APP_SIZE bytes for that device.
void agent_update(uint64_t seed, struct agent_update *update);

#endif
