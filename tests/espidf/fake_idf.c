// SPDX-License-Identifier: Apache-2.0
#include "espidf/fake_idf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/pins.h"
#include "device/port/espidf/version.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "slotseal/otadata.h"
#include "support/unit.h"

struct fake_idf fake;

// -- The chip ---------------------------------------------------------------------------------------------------------

static struct ss_vchip *chip(void)
{
    return fake.device->bench->chip;
}

static esp_err_t err_of(ss_status_t status)
{
    return status == SS_OK ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_flash_read(esp_flash_t *no, void *buffer, uint32_t address, uint32_t length)
{
    assert_null(no);
    ss_flash_read(&chip()->flash, address, buffer, length);
    return ESP_OK;
}

esp_err_t esp_flash_read_encrypted(esp_flash_t *no, uint32_t address, void *buffer, uint32_t length)
{
    assert_null(no);
    return err_of(ss_chip_cache_read(chip(), address, buffer, length, NULL));
}

esp_err_t esp_flash_write(esp_flash_t *no, const void *buffer, uint32_t address, uint32_t length)
{
    assert_null(no);
    ss_flash_program(&chip()->flash, address, buffer, length);
    return ESP_OK;
}

esp_err_t esp_flash_erase_region(esp_flash_t *no, uint32_t start, uint32_t len)
{
    assert_null(no);
    ss_flash_erase(&chip()->flash, start, len);
    return ESP_OK;
}

bool esp_flash_encryption_enabled(void)
{
    return ss_chip_encrypts(chip());
}

// Constants are in flash there, which is why the test's buffers for updates are not constant.
bool esp_ptr_in_dram(const void *p)
{
    extern const char __executable_start[], __etext[];
    return (const char *)p < __executable_start || (const char *)p >= __etext;
}

const uint8_t fake_verification_key[64] __asm__("_binary_signature_verification_key_bin_start") = {1};

size_t spi_flash_cache2phys(const void *cached)
{
    assert_ptr_equal(cached, fake_verification_key);
    return fake.device->slots[fake.running] + 0x200;
}

uint32_t esp_efuse_read_secure_version(void)
{
    return 0;
}

esp_err_t esp_efuse_mac_get_default(uint8_t *mac)
{
    memcpy(mac, (const uint8_t[]){0x24, 0x0A, 0xC4, 0x12, 0x34, 0x56}, 6);
    return ESP_OK;
}

uint32_t esp_random(void)
{
    return 4;
}

// -- Partitions and booting -------------------------------------------------------------------------------------------

static esp_partition_t partitions[] = {
    {.type = ESP_PARTITION_TYPE_APP, .subtype = ESP_PARTITION_SUBTYPE_APP_OTA_0, .encrypted = true},
    {.type = ESP_PARTITION_TYPE_APP, .subtype = ESP_PARTITION_SUBTYPE_APP_OTA_1, .encrypted = true},
    {.type = ESP_PARTITION_TYPE_DATA,
     .subtype = ESP_PARTITION_SUBTYPE_DATA_OTA,
     .address = BENCH_OTA,
     .size = 0x2000,
     .encrypted = true},
    {.type = ESP_PARTITION_TYPE_DATA, .subtype = ESP_PARTITION_SUBTYPE_DATA_NVS_KEYS, .encrypted = true},
    {.type = ESP_PARTITION_TYPE_APP, .subtype = ESP_PARTITION_SUBTYPE_APP_OTA_2, .encrypted = true},
};
static const esp_partition_t factory = {.type = ESP_PARTITION_TYPE_APP};

const esp_partition_t *esp_partition_find_first(esp_partition_type_t type, esp_partition_subtype_t subtype,
                                                const char *label)
{
    assert_null(label);
    for (unsigned i = 0; i < sizeof partitions / sizeof *partitions; i++) {
        if ((i == 3 && fake.no_nvs_keys) || (i == 4 && !fake.third_slot))
            continue;
        if (partitions[i].type == type && partitions[i].subtype == subtype)
            return &partitions[i];
    }
    return NULL;
}

esp_err_t esp_partition_read(const esp_partition_t *partition, size_t src_offset, void *dst, size_t size)
{
    assert_true(src_offset + size <= partition->size);
    return err_of(ss_chip_cache_read(chip(), partition->address + (uint32_t)src_offset, dst, size, NULL));
}

esp_err_t esp_partition_write(const esp_partition_t *partition, size_t dst_offset, const void *src, size_t size)
{
    assert_true(dst_offset + size <= partition->size);
    return err_of(ss_chip_encrypted_write(chip(), partition->address + (uint32_t)dst_offset, src, size, NULL));
}

esp_err_t esp_partition_erase_range(const esp_partition_t *partition, size_t offset, size_t size)
{
    assert_true(offset + size <= partition->size);
    ss_flash_erase(&chip()->flash, partition->address + (uint32_t)offset, (uint32_t)size);
    return ESP_OK;
}

const esp_partition_t *esp_ota_get_running_partition(void)
{
    return fake.factory ? &factory : &partitions[fake.running];
}

esp_err_t esp_image_verify(esp_image_load_mode_t mode, const esp_partition_pos_t *part, esp_image_metadata_t *data)
{
    assert_int_equal(mode, ESP_IMAGE_VERIFY_SILENT);
    memset(data, 0, sizeof *data);
    ss_status_t status = ss_chip_app_check(chip(), &fake.device->bench->profile, part->offset, part->size, NULL);
    return status == SS_OK ? ESP_OK : ESP_ERR_IMAGE_INVALID;
}

static void read_otadata(struct ss_otadata *otadata)
{
    uint8_t raw[SS_OTADATA_SIZE];
    assert_int_equal(ss_chip_cache_read(chip(), BENCH_OTA, raw, sizeof raw, NULL), SS_OK);
    assert_int_equal(ss_otadata_from_partition(raw, sizeof raw, otadata, NULL), SS_OK);
}

static esp_err_t write_copy(unsigned copy, const struct ss_otadata_record *record)
{
    uint8_t raw[SS_OTADATA_RECORD_SIZE];
    ss_otadata_record_write(record, raw);
    esp_partition_erase_range(&partitions[2], copy * 0x1000u, 0x1000);
    return esp_partition_write(&partitions[2], copy * 0x1000u, raw, sizeof raw);
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition)
{
    struct ss_otadata otadata;
    struct ss_otadata_update update;
    esp_image_metadata_t metadata;
    const esp_partition_pos_t place = {partition->address, partition->size};
    if (esp_image_verify(ESP_IMAGE_VERIFY_SILENT, &place, &metadata) != ESP_OK)
        return ESP_FAIL;
    read_otadata(&otadata);
    assert_int_equal(ss_otadata_next_write(&otadata, partition == &partitions[1], 2,
                                           fake.device->bench->profile.rollback, &update, NULL),
                     SS_OK);
    fake.selections++;
    return write_copy((unsigned)update.copy, &update.record);
}

esp_err_t esp_ota_mark_app_valid_cancel_rollback(void)
{
    struct ss_otadata otadata;
    read_otadata(&otadata);
    int active = ss_otadata_active(&otadata);
    assert_true(active >= 0);
    otadata.copies[active].state = SS_OTA_VALID;
    return write_copy((unsigned)active, &otadata.copies[active]);
}

const esp_app_desc_t *esp_app_get_description(void)
{
    static esp_app_desc_t description = {.version = "1.2.3"};
    description.secure_version = fake.secure_version;
    return &description;
}

// -- NVS --------------------------------------------------------------------------------------------------------------

struct fake_value *fake_value(const char *key)
{
    for (unsigned i = 0; i < FAKE_VALUES; i++)
        if (strcmp(fake.values[i].key, key) == 0)
            return &fake.values[i];
    return NULL;
}

void fake_set(const char *key, const void *in, size_t len)
{
    struct fake_value *v = fake_value(key);
    if (!v)
        v = fake_value("");
    assert_non_null(v);
    assert_true(len <= sizeof v->bytes && strlen(key) < sizeof v->key);
    snprintf(v->key, sizeof v->key, "%s", key);
    memcpy(v->bytes, in, len);
    v->len = len;
}

esp_err_t nvs_flash_init(void)
{
    fake.nvs_ready = true;
    return ESP_OK;
}

esp_err_t nvs_open(const char *name, nvs_open_mode_t mode, nvs_handle_t *out_handle)
{
    assert_string_equal(name, "slotseal");
    assert_int_equal(mode, NVS_READWRITE);
    *out_handle = 5;
    return fake.nvs_ready ? ESP_OK : ESP_ERR_NVS_NOT_INITIALIZED;
}

esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *out_value, size_t *length)
{
    assert_int_equal(handle, 5);
    const struct fake_value *v = fake_value(key);
    if (!v)
        return ESP_ERR_NVS_NOT_FOUND;
    if (out_value && *length < v->len)
        return ESP_FAIL;
    if (out_value)
        memcpy(out_value, v->bytes, v->len);
    *length = v->len;
    return ESP_OK;
}

esp_err_t nvs_get_str(nvs_handle_t handle, const char *key, char *out_value, size_t *length)
{
    return nvs_get_blob(handle, key, out_value, length);
}

esp_err_t nvs_set_blob(nvs_handle_t handle, const char *key, const void *value, size_t length)
{
    assert_int_equal(handle, 5);
    struct ss_power *power = &chip()->power;
    if (ss_power_begin(power, 1000)) {
        if (ss_power_random(power) & 1)
            fake_set(key, value, length);
        ss_power_fail(power);
    }
    fake_set(key, value, length);
    ss_power_end(power);
    return ESP_OK;
}

esp_err_t nvs_commit(nvs_handle_t handle)
{
    assert_int_equal(handle, 5);
    return ESP_OK;
}

// -- The rest ---------------------------------------------------------------------------------------------------------

void esp_restart(void)
{
    fake.resets++;
    longjmp(*fake.reset, 1);
}

int64_t esp_timer_get_time(void)
{
    return fake.time_us;
}

const char *esp_err_to_name(esp_err_t code)
{
    (void)code;
    return "an error";
}

void ESP_LOGE(const char *tag, const char *format, ...)
{
    (void)tag, (void)format;
}

void ESP_LOGW(const char *tag, const char *format, ...)
{
    (void)tag, (void)format;
}

static int no_semaphore, no_task, sleep_semaphore;

SemaphoreHandle_t xSemaphoreCreateMutex(void)
{
    return (SemaphoreHandle_t)(void *)&no_semaphore;
}

SemaphoreHandle_t xSemaphoreCreateRecursiveMutex(void)
{
    return xSemaphoreCreateMutex();
}

SemaphoreHandle_t xSemaphoreCreateBinary(void)
{
    return (SemaphoreHandle_t)(void *)&sleep_semaphore;
}

// The task sleeps by waiting for somebody to wake it. Ticks are of 10 ms.
BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t wait)
{
    if ((void *)semaphore != &sleep_semaphore)
        return pdTRUE;
    fake.sleeps++;
    fake.time_us += (int64_t)wait * 10000;
    if (fake.sleeps_left-- == 0)
        longjmp(*fake.slept, 1);
    return 0;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore)
{
    (void)semaphore;
    return pdTRUE;
}

BaseType_t xSemaphoreTakeRecursive(SemaphoreHandle_t mutex, TickType_t wait)
{
    return xSemaphoreTake(mutex, wait);
}

BaseType_t xSemaphoreGiveRecursive(SemaphoreHandle_t mutex)
{
    return xSemaphoreGive(mutex);
}

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint32_t stack_depth, void *parameters,
                       UBaseType_t priority, TaskHandle_t *created)
{
    (void)parameters;
    assert_string_equal(name, "slotseal");
    assert_int_equal(stack_depth, CONFIG_SLOTSEAL_TASK_STACK);
    assert_int_equal(priority, CONFIG_SLOTSEAL_TASK_PRIORITY);
    if (fake.no_task)
        return 0;
    fake.task = code;
    *created = (TaskHandle_t)(void *)&no_task;
    return pdPASS;
}

void vTaskDelay(TickType_t ticks)
{
    (void)ticks;
}

TickType_t pdMS_TO_TICKS(TickType_t milliseconds)
{
    return milliseconds / 10;
}

void fake_begin(struct device *device)
{
    fake = (struct fake_idf){.device = device, .secure_version = 3};
    for (unsigned i = 0; i < 2; i++) {
        partitions[i].address = device->slots[i];
        partitions[i].size = device->slot_size;
    }
    fake_set("id", "240ac4123456", sizeof "240ac4123456");
    fake_embed(&device->pinned);
}

void fake_embed(const struct sample_statement *key_set)
{
    extern const struct ss_pins ss_idf_pins_block;
    struct ss_pins *pins = (struct ss_pins *)(uintptr_t)&ss_idf_pins_block;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)pins / page * page;
    assert_int_equal(mprotect((void *)from, (uintptr_t)(pins + 1) - from, PROT_READ | PROT_WRITE), 0);
    pins->length = (uint32_t)key_set->len;
    memcpy(pins->statement, key_set->bytes, key_set->len);
}
