// SPDX-License-Identifier: Apache-2.0
// What an ESP-IDF app would keep in an NVS namespace of its own: a few named values that outlive resets. This is no
// emulation of ESP-IDF's NVS, its flash layout or its wear: a value is there whole or not at all, and one that is
// being replaced when the power fails is the old one or the new one. Setting a value is one operation of the chip's
// power, so that cuts are planned over it as over those of flash.
#ifndef SS_SIM_STORAGE_H
#define SS_SIM_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chip/power.h"
#include "slotseal/error.h"
#include "slotseal/nvs.h"

/// Name of the file in a chip's folder: an NVS image, so that NVS tools read it. It is not in the chip's flash.
#define SS_SIM_STORAGE_FILE      "agent.nvs"
#define SS_SIM_STORAGE_SIZE      0x10000u
#define SS_SIM_STORAGE_NAMESPACE "agent"
/// Modelled time of a change, microseconds: an entry of NVS is a few page programs, now and then a sector is erased.
#define SS_SIM_STORAGE_US 3000u
#define SS_SIM_VALUES_MAX 12u

struct ss_sim_value {
    char name[SS_NVS_NAME_SIZE]; ///< empty: none
    uint8_t *bytes;
    size_t len;
};

/// A device's storage. Tests may look into it and change what is there.
struct ss_sim_storage {
    struct ss_power *power; ///< of the chip; NULL: changes are not counted
    char *folder;           ///< NULL: kept in memory only
    bool forgets;           ///< every value is lost as soon as it is set
    struct ss_sim_value values[SS_SIM_VALUES_MAX];
};

/// Opens the storage in @p folder, which is empty if its file does not exist; NULL: in memory. @p power is borrowed.
/// SS_ERROR_IO, SS_ERROR_DATA_INVALID, SS_ERROR_INSUFFICIENT_MEMORY. Ended with ss_sim_storage_close() whatever comes back.
SS_MUST_USE ss_status_t ss_sim_storage_open(const char *folder, struct ss_power *power, struct ss_sim_storage *storage,
                                            struct ss_error *err);
void ss_sim_storage_close(struct ss_sim_storage *storage);

/// The value called @p name, valid until it is set again; NULL if there is none.
const struct ss_sim_value *ss_sim_storage_get(const struct ss_sim_storage *storage, const char *name);
/// Sets a value; @p name has at most 15 characters. Does not return if the power fails.
/// SS_ERROR_INSUFFICIENT_SPACE, SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_IO: the old value is still there.
SS_MUST_USE ss_status_t ss_sim_storage_set(struct ss_sim_storage *storage, const char *name, const void *in,
                                           size_t len);

#endif
