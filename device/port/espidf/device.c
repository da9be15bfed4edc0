// SPDX-License-Identifier: Apache-2.0
// What an app calls. One lock is around everything that touches the agent; reports are copies.
#include <time.h>

#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "device/port/espidf/idf.h"
#include "device/pull.h"
#include "slotseal_device.h"

// Clocks that nobody has set begin in 1970.
#define EARLIEST_TIME 1704067200 // 2024-01-01

#define STEP_SECONDS 5u ///< between two questions to a self-test, without pull

static struct {
    struct ss_idf idf;
    struct ss_agent agent;
#ifdef CONFIG_SLOTSEAL_PULL
    struct ss_pull pull;
    struct ss_pull_config config;
#endif
    struct ss_device_hooks hooks;
    enum ss_agent_found found;
    SemaphoreHandle_t lock;   ///< recursive: hooks may call back
    SemaphoreHandle_t view;   ///< of `report`, never held for long
    SemaphoreHandle_t wanted; ///< given to end the task's sleep
    TaskHandle_t task;
    bool ready, reached;
    struct ss_device_report report;
} device; // internal memory, as esp_flash_write() wants it

static void lock(void)
{
    xSemaphoreTakeRecursive(device.lock, portMAX_DELAY);
}

static void note_report(void)
{
    const struct ss_agent *a = &device.agent;
    struct ss_device_report report = {
        .id = device.idf.id,
        .version = esp_app_get_description()->version,
        .state = ss_agent_state_name(ss_agent_state(a)),
        .cause = ss_agent_cause_name((enum ss_agent_cause)a->record.cause),
        .alarm = device.idf.identity.ring.current ? ss_agent_alarm_name(ss_agent_alarm(a)) : "none",
        .slot = device.idf.identity.running,
        .epoch = a->record.epoch,
        .sequence = a->record.sequence,
        .key_set = device.idf.identity.ring.current ? device.idf.identity.ring.current->version : 0,
        .receiving = ss_agent_receiving(a),
        .received = ss_agent_receiving(a) ? ss_agent_wanted(a) : 0,
        .bootloader_takes_back = ss_agent_bootloader(a) & SS_BOOTLOADER_ROLLBACK,
        .encrypted = device.idf.encrypted,
    };
    xSemaphoreTake(device.view, portMAX_DELAY);
    device.report = report;
#ifdef CONFIG_SLOTSEAL_PULL
    device.reached = device.task && ss_pull_reached(&device.pull);
#endif
    xSemaphoreGive(device.view);
}

static void unlock(void)
{
    note_report();
    xSemaphoreGiveRecursive(device.lock);
}

static void reset(void)
{
    if (device.hooks.before_reset)
        device.hooks.before_reset(device.hooks.context);
    esp_restart();
}

// What the agent says, in ESP-IDF's words.
static esp_err_t err_of(ss_status_t status)
{
    switch (status) {
    case SS_OK:
        return ESP_OK;
    case SS_ERROR_BAD_STATE:
        return ESP_ERR_INVALID_STATE;
    case SS_ERROR_INSUFFICIENT_SPACE:
        return ESP_ERR_INVALID_SIZE;
    case SS_ERROR_DATA_CORRUPT:
        return device.agent.cause == SS_CAUSE_WINDOW ? ESP_ERR_INVALID_CRC : SS_DEVICE_REFUSED;
    case SS_ERROR_INSUFFICIENT_MEMORY:
        return ESP_ERR_NO_MEM;
    case SS_ERROR_IO:
    case SS_ERROR_GENERIC:
        return ESP_FAIL;
    default:
        return SS_DEVICE_REFUSED;
    }
}

static bool willing(void *context)
{
    (void)context;
    return !device.hooks.willing || device.hooks.willing(device.hooks.context);
}

static uint64_t now(void *context)
{
    (void)context;
    time_t seconds = time(NULL);
    return seconds < EARLIEST_TIME ? 0 : (uint64_t)seconds;
}

static uint32_t uptime(void *context)
{
    (void)context;
    return (uint32_t)(esp_timer_get_time() / 1000000);
}

// A download is one long step of the task; its progress is noted on the way.
static ss_status_t write_and_note(void *context, uint32_t address, const void *in, size_t len)
{
    ss_status_t status = ss_idf_write_raw(context, address, in, len);
    note_report();
    return status;
}

static const struct ss_agent_port agent_port = {
    .read_raw = ss_idf_read_raw,
    .read_plain = ss_idf_read_plain,
    .write_raw = write_and_note,
    .erase = ss_idf_erase,
    .load = ss_idf_load,
    .store = ss_idf_store,
    .store_key_set = ss_idf_store_key_set,
    .verify = ss_idf_verify,
    .select = ss_idf_select,
    .confirm = ss_idf_confirm,
    .reject = ss_idf_reject,
    .state = ss_idf_slot_state,
    .willing = willing,
    .now = now,
};

static esp_err_t prepare(const struct ss_device_hooks *hooks)
{
    if (device.lock)
        return ESP_ERR_INVALID_STATE;
    if (hooks)
        device.hooks = *hooks;
    device.lock = xSemaphoreCreateRecursiveMutex();
    device.view = xSemaphoreCreateMutex();
    device.wanted = xSemaphoreCreateBinary();
    return device.lock && device.view && device.wanted ? ESP_OK : ESP_ERR_NO_MEM;
}

// The keys come last: to check their signatures takes time, and a trial has to be counted before anything can go wrong.
static esp_err_t begin_trust(void)
{
    if (!ss_idf_pins().p) {
        ESP_LOGE(SS_IDF_TAG, "no key set is embedded in this app: see slotseal keyset embed");
        return ESP_ERR_NOT_FOUND;
    }
    ss_status_t status = ss_idf_load_trust(&device.idf);
    if (status == SS_OK)
        return ESP_OK;
    ESP_LOGE(SS_IDF_TAG, "key sets cannot be read (%d)", (int)status);
    return status == SS_ERROR_DATA_INVALID ? ESP_ERR_NOT_FOUND : err_of(status);
}

esp_err_t ss_device_start(const struct ss_device_hooks *hooks)
{
    esp_err_t err = prepare(hooks);
    if (err == ESP_OK)
        err = ss_idf_storage_open(&device.idf);
    if (err == ESP_OK)
        err = ss_idf_identify(&device.idf);
    if (err != ESP_OK)
        return err;
    ss_status_t status = ss_agent_start(&device.agent, &agent_port, &device.idf, &device.idf.identity, &device.found);
    if (status == SS_OK && device.found == SS_FOUND_TAKE_BACK) {
        ESP_LOGE(SS_IDF_TAG, "this app was not confirmed: back to the one before it");
        reset();
    }
    if (status != SS_OK)
        return err_of(status);
    err = begin_trust();
    device.ready = err == ESP_OK;
    note_report();
    return err;
}

struct ss_agent *ss_idf_take(void)
{
    if (!device.ready)
        return NULL;
    lock();
    return &device.agent;
}

esp_err_t ss_idf_give(ss_status_t status)
{
    esp_err_t err = err_of(status);
    unlock();
    return err;
}

bool ss_idf_pulls(void)
{
#ifdef CONFIG_SLOTSEAL_PULL
    return device.task != NULL;
#else
    return false;
#endif
}

esp_err_t ss_device_confirm(void)
{
    struct ss_agent *agent = ss_idf_take();
    return agent ? ss_idf_give(ss_agent_confirm(agent)) : ESP_ERR_INVALID_STATE;
}

esp_err_t ss_device_reject(void)
{
    struct ss_agent *agent = ss_idf_take();
    esp_err_t err = agent ? ss_idf_give(ss_agent_reject(agent)) : ESP_ERR_INVALID_STATE;
    if (err == ESP_OK)
        reset();
    return err;
}

const char *ss_device_cause(void)
{
    return ss_agent_cause_name(device.agent.cause);
}

esp_err_t ss_device_report(struct ss_device_report *report)
{
    if (!device.report.id)
        return ESP_ERR_INVALID_STATE;
    xSemaphoreTake(device.view, portMAX_DELAY);
    *report = device.report;
    xSemaphoreGive(device.view);
    return ESP_OK;
}

bool ss_device_reached(void)
{
    return device.reached;
}

void ss_device_poll_now(void)
{
    if (device.wanted)
        xSemaphoreGive(device.wanted);
}

static enum ss_device_verdict self_test(void)
{
    return device.hooks.self_test ? device.hooks.self_test(device.hooks.context) : SS_DEVICE_PENDING;
}

#ifdef CONFIG_SLOTSEAL_PULL
static uint32_t any_number(void *context)
{
    (void)context;
    return esp_random();
}

static enum ss_self_test ask(void *context)
{
    (void)context;
    switch (self_test()) {
    case SS_DEVICE_FIT:
        return SS_SELF_TEST_PASSED;
    case SS_DEVICE_UNFIT:
        return SS_SELF_TEST_FAILED;
    default:
        return SS_SELF_TEST_PENDING;
    }
}

static const struct ss_pull_port pull_port = {
    .http = {.exchange = ss_idf_exchange},
    .uptime = uptime,
    .random = any_number,
    .self_test = ask,
    .has_ca = ss_idf_has_ca,
    .store_ca = ss_idf_store_ca,
};

static esp_err_t begin(void)
{
    struct ss_pull_config *config = &device.config;
    if (ss_idf_load_credential(&device.idf) != SS_OK)
        return ESP_FAIL;
    for (unsigned i = 0; i < SS_IDF_SERVERS; i++)
        if (device.idf.servers[i].p)
            config->servers[config->server_count++] = (const char *)device.idf.servers[i].p;
#ifdef CONFIG_SLOTSEAL_PLAIN_HTTP
    config->plain_http = true;
#endif
    config->version = esp_app_get_description()->version;
    config->spread_seconds = CONFIG_SLOTSEAL_SPREAD_SECONDS;
    ss_pull_start(&device.pull, &device.agent, &pull_port, &device.idf, config);
    return ESP_OK;
}

// True: a reset is due.
static bool step(uint32_t *seconds)
{
    return ss_pull_step(&device.pull, seconds) == SS_PULL_RESET;
}

static void hurry(void)
{
    ss_pull_now(&device.pull);
}
#else
static esp_err_t begin(void)
{
    return ESP_OK;
}

static bool step(uint32_t *seconds)
{
    enum ss_agent_found found;
    *seconds = STEP_SECONDS;
    ss_status_t status = ss_agent_tick(&device.agent, uptime(NULL), &found);
    if (status != SS_OK || found == SS_FOUND_TAKE_BACK)
        return status == SS_OK;
    if (ss_agent_state(&device.agent) != SS_STATE_TRIAL)
        return false;
    enum ss_device_verdict verdict = self_test();
    if (verdict == SS_DEVICE_FIT)
        status = ss_agent_confirm(&device.agent);
    else if (verdict == SS_DEVICE_UNFIT)
        return ss_agent_reject(&device.agent) == SS_OK;
    if (status != SS_OK)
        ESP_LOGE(SS_IDF_TAG, "the app cannot be confirmed (%d)", (int)status);
    return false;
}

static void hurry(void)
{
}
#endif

static void run(void *unused)
{
    (void)unused;
    for (;;) {
        uint32_t seconds;
        lock();
        bool due = step(&seconds);
        unlock();
        if (due)
            reset();
        if (xSemaphoreTake(device.wanted, pdMS_TO_TICKS(seconds * 1000)) == pdTRUE) {
            lock();
            hurry();
            unlock();
        }
    }
}

esp_err_t ss_device_run(void)
{
    if (!device.ready || device.task)
        return ESP_ERR_INVALID_STATE;
    esp_err_t err = begin();
    if (err != ESP_OK)
        return err;
    if (xTaskCreate(run, "slotseal", CONFIG_SLOTSEAL_TASK_STACK, NULL, CONFIG_SLOTSEAL_TASK_PRIORITY, &device.task) ==
        pdPASS)
        return ESP_OK;
    device.task = NULL;
    return ESP_ERR_NO_MEM;
}
