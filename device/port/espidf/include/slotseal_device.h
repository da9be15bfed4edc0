// SPDX-License-Identifier: Apache-2.0
// slotseal on ESP-IDF, v4.0.1 to v6.x: what an app calls to take sealed updates. docs/esp-idf.md is the guide.
//
//     void app_main(void)
//     {
//         ESP_ERROR_CHECK(ss_device_start(&hooks));   // before anything that may crash
//         …                                           // NVS is open now; network
//         ESP_ERROR_CHECK(ss_device_run());           // polls, updates, resets
//     }
//
// Functions may be called from any task, also from the hooks; not from interrupts. Those that say so wait while an
// update is on its way.
#ifndef SLOTSEAL_DEVICE_H
#define SLOTSEAL_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Refused: what it was asked is not allowed. An error code of this component.
#define SS_DEVICE_REFUSED ((esp_err_t)0x55EA)

/// What a new app thinks of itself.
enum ss_device_verdict {
    SS_DEVICE_PENDING, ///< not known yet
    SS_DEVICE_FIT,     ///< it stays
    SS_DEVICE_UNFIT,   ///< the app before it comes back, and this delivery is never taken again
};

/// The app's part. Each may be NULL. They are called by the task of ss_device_run(), or by whoever called the function
/// that needs an answer, and should return at once.
struct ss_device_hooks {
    /// Asked every few seconds while a new app is on trial. NULL: the app calls ss_device_confirm() or _reject(). Without
    /// an answer within CONFIG_SLOTSEAL_TRIAL_SECONDS after the reset the app is taken back.
    enum ss_device_verdict (*self_test)(void *context);
    /// False while the device does not want to be updated: battery low, busy. NULL: always willing.
    bool (*willing)(void *context);
    /// Called before this component resets the chip: the last moment to bring things into order.
    void (*before_reset)(void *context);
    void *context; ///< of all three
};

/// To be called first in app_main(): an app that crashes before it cannot be taken back by the agent, only by a
/// bootloader with rollback. Initialises NVS if nobody has (with CONFIG_NVS_ENCRYPTION before v4.3 the app does it, by
/// nvs_flash_secure_init()); never erases it. @p hooks (may be NULL) is copied. Does not return if a new app was not
/// confirmed in time: takes it back and resets.
///   ESP_ERR_INVALID_STATE   called twice
///   ESP_ERR_NOT_SUPPORTED   the partition table has no two slots, or lacks what NVS encryption needs; the app runs from
///                           neither slot
///   ESP_ERR_NOT_FOUND       no key set is embedded in the app: `slotseal keyset embed`
///   ESP_FAIL, ESP_ERR_NO_MEM, those of nvs_open() and nvs_flash_init()
/// A trial is counted and ended also where it fails with ESP_ERR_NOT_FOUND. The log says what was wrong.
esp_err_t ss_device_start(const struct ss_device_hooks *hooks);

/// Starts the task that ends trials, asks the self-test, and (CONFIG_SLOTSEAL_PULL) polls the servers, takes updates and
/// resets. The network stack has to be initialised (esp_netif_init() or tcpip_adapter_init()); a connection need not be
/// there yet.
///   ESP_ERR_INVALID_STATE   ss_device_start() has not succeeded, or the task is there
///   ESP_ERR_NO_MEM          no memory for it
///   ESP_FAIL                what was provisioned for servers cannot be read
esp_err_t ss_device_run(void);

/// Polls now instead of when it is due. Does not wait.
void ss_device_poll_now(void);

/// Whether a server has accepted this device since the reset: a good question for a self-test.
bool ss_device_reached(void);

/// The new app has proved itself: it stays. Waits. ESP_ERR_INVALID_STATE: nothing is on trial. ESP_FAIL: flash.
esp_err_t ss_device_confirm(void);
/// The new app is unfit: resets into the one before it, so returns only if that failed, as above or because the other
/// app would not start. Waits.
esp_err_t ss_device_reject(void);

/// What is known of device and updates. Text is never NULL and stays.
struct ss_device_report {
    const char *id;             ///< of the device
    const char *version;        ///< of the running app
    const char *state;          ///< "confirmed", "trial", "rolled-back"
    const char *cause;          ///< why the last update ended as it did, see docs/agent.md; "none"
    const char *alarm;          ///< "none", "stale", "withheld"
    unsigned slot;              ///< of the running app: 0 or 1
    uint32_t epoch;             ///< of the last delivery that was accepted; 0: none
    uint64_t sequence;          ///< its sequence
    uint32_t key_set;           ///< version of the key set in force
    uint32_t received;          ///< bytes of an update that is on its way
    bool receiving;             ///< there is one
    bool bootloader_takes_back; ///< a new app that crashes before ss_device_start() is taken back
    bool encrypted;             ///< flash encryption is on
};

/// As of the last time that nothing was being done; while an update comes in, as of the last sector. Does not wait.
/// ESP_ERR_INVALID_STATE: not started.
esp_err_t ss_device_report(struct ss_device_report *report);

// Updates that the app carries in itself: BLE, UART, a gateway. With CONFIG_SLOTSEAL_PULL the task must not run then.
// All wait for each other. The statements are those that the server, or `slotseal release deliver`, has made.

/// Checks both statements, erases nothing if they are refused; *@p wanted is the offset of the first byte of the sealed
/// image that is wanted: 0, or where an interrupted one goes on.
///   ESP_ERR_INVALID_STATE   the running app is on trial, the pull task runs, or not started
///   SS_DEVICE_REFUSED     refused, unwilling, failed too often: see ss_device_cause()
///   ESP_FAIL                flash or storage
esp_err_t ss_device_begin(const void *release, size_t release_len, const void *delivery, size_t delivery_len,
                          uint32_t *wanted);
/// The next bytes, any number. ESP_ERR_INVALID_CRC: a window was damaged, go on at the offset of ss_device_wanted().
/// SS_DEVICE_REFUSED, ESP_ERR_INVALID_STATE, ESP_ERR_INVALID_SIZE (more than there should be), ESP_FAIL: it has ended.
esp_err_t ss_device_write(const void *in, size_t len);
uint32_t ss_device_wanted(void);
/// Verifies the whole image and selects it. ESP_OK: reset when it suits. Others as ss_device_write(); the running app
/// stays.
esp_err_t ss_device_finish(void);
/// The next key set of the fleet. SS_DEVICE_REFUSED: refused.
esp_err_t ss_device_key_set(const void *key_set, size_t len);
/// Why the last of these failed: "none", "statement", "window", … (docs/agent.md). Never NULL.
const char *ss_device_cause(void);

#ifdef __cplusplus
}
#endif
#endif
