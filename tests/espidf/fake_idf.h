// SPDX-License-Identifier: Apache-2.0
// ESP-IDF's functions, as far as the port calls them, played on a virtual chip: flash, encryption and otadata are the
// chip's, NVS is a list, tasks and semaphores are nothing.
#ifndef SS_TESTS_ESPIDF_FAKE_IDF_H
#define SS_TESTS_ESPIDF_FAKE_IDF_H

#include <setjmp.h>
#include <stdbool.h>

#include "support/agent_bench.h"

#define FAKE_VALUES 16u
#define FAKE_VALUE  4000u

struct fake_value {
    char key[16];
    uint8_t bytes[FAKE_VALUE];
    size_t len;
};

struct fake_idf {
    struct device *device; ///< chip, slots, and what kind it is
    unsigned running;      ///< slot
    struct fake_value values[FAKE_VALUES];
    jmp_buf *reset; ///< where esp_restart() leaves to
    unsigned resets;
    bool nvs_ready;                        ///< nvs_flash_init() was called
    bool no_nvs_keys, third_slot, factory; ///< the partition table is so, or the app runs there
    unsigned selections;                   ///< calls of esp_ota_set_boot_partition()
    void (*task)(void *);                  ///< that was created
    bool no_task;                          ///< there is no memory for one
    unsigned sleeps;                       ///< of the task; each takes the time that it says
    jmp_buf *slept;                        ///< where the one that is the last leaves to
    unsigned sleeps_left;
    int64_t time_us;
    uint32_t secure_version; ///< of the running app
};
extern struct fake_idf fake;

/// All as after provisioning: @p device runs its slot 0, NVS holds its id.
void fake_begin(struct device *device);
/// The value @p key of the namespace; NULL if there is none.
struct fake_value *fake_value(const char *key);
void fake_set(const char *key, const void *in, size_t len);
/// Fills the block of pins that is linked into this program.
void fake_embed(const struct sample_statement *key_set);

#endif
