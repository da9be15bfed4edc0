// SPDX-License-Identifier: Apache-2.0
// A lamp that is kept up to date. What a product does beside that belongs between ss_device_run() and the loop.
#include <inttypes.h>

#include "esp_err.h"
#include "esp_event.h"
#include "esp_idf_version.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "protocol_examples_common.h"
#include "slotseal_device.h"

#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(4, 1, 0)
#include "esp_netif.h"
#else
#include "tcpip_adapter.h"
#endif

static const char *const tag = "lamp";

// Fit is an app that gets to its server: one that does not can never be updated again. A product has more to ask.
static enum ss_device_verdict self_test(void *context)
{
    (void)context;
    return ss_device_reached() ? SS_DEVICE_FIT : SS_DEVICE_PENDING;
}

// The place for a look at the battery.
static bool willing(void *context)
{
    (void)context;
    return true;
}

static void network(void)
{
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(4, 1, 0)
    ESP_ERROR_CHECK(esp_netif_init());
#else
    tcpip_adapter_init();
#endif
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    // Not checked: without a network there are no updates, but there is still a lamp. It connects when it can.
    esp_err_t err = example_connect();
    if (err != ESP_OK)
        ESP_LOGW(tag, "no network yet: %s", esp_err_to_name(err));
}

static void log_report(void)
{
    struct ss_device_report r;
    if (ss_device_report(&r) != ESP_OK)
        return;
    ESP_LOGI(tag, "%s runs %s from ota_%u: %s, last update: %s, key set %" PRIu32, r.id, r.version, r.slot, r.state,
             r.cause, r.key_set);
}

void app_main(void)
{
    // First of all: whatever goes wrong after this is counted against a new app, and takes it back.
    const struct ss_device_hooks hooks = {.self_test = self_test, .willing = willing};
    esp_err_t err = ss_device_start(&hooks);
    if (err != ESP_OK)
        ESP_LOGE(tag, "this device takes no updates: %s", esp_err_to_name(err));
    network();
    if (err == ESP_OK)
        ESP_ERROR_CHECK(ss_device_run());
    for (;;) {
        log_report();
        vTaskDelay(pdMS_TO_TICKS(60 * 1000));
    }
}
