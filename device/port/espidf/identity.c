// SPDX-License-Identifier: Apache-2.0
// What the device is, from the running app, the partition table and NVS; nothing of it is told from outside.
#include <stdio.h>

#include "device/pins.h"
#include "device/port/espidf/idf.h"

// Written into the partition table's sector by the partition tool: 0xC00 bytes, then a signature if there is one.
#define TABLE_SIZE 0xC00u

#ifdef CONFIG_SLOTSEAL_KEY_SET_EMBEDDED
extern const uint8_t key_set_start[] __asm__("_binary_slotseal_key_set_bin_start");
extern const uint8_t key_set_end[] __asm__("_binary_slotseal_key_set_bin_end");

struct ss_span ss_idf_pins(void)
{
    return (struct ss_span){key_set_start, (uint16_t)(key_set_end - key_set_start)};
}
#else
SS_PINS_DEFINE(ss_idf_pins_block);

struct ss_span ss_idf_pins(void)
{
    const uint8_t *statement;
    size_t len;
    if (ss_pins_own(&ss_idf_pins_block, &statement, &len) != SS_OK)
        return (struct ss_span){0};
    return (struct ss_span){statement, (uint16_t)len};
}
#endif

// Where ESP-IDF has put the key that the app verifies updates with: an offset in its image, which is where it lies in
// flash. The same in both slots, as everything in an image.
#ifdef CONFIG_SLOTSEAL_PER_DEVICE_KEYS
extern const uint8_t verification_key[] __asm__("_binary_signature_verification_key_bin_start");

static uint32_t vk_offset(const struct ss_idf *idf)
{
    size_t address = spi_flash_cache2phys(verification_key);
    const esp_partition_t *slot = idf->slots[idf->identity.running];
    return address >= slot->address && address - slot->address < slot->size ? (uint32_t)(address - slot->address)
                                                                            : SS_VK_NONE;
}
#else
static uint32_t vk_offset(const struct ss_idf *idf)
{
    (void)idf;
    return SS_VK_NONE;
}
#endif

static const esp_partition_t *app(esp_partition_subtype_t subtype)
{
    return esp_partition_find_first(ESP_PARTITION_TYPE_APP, subtype, NULL);
}

static esp_err_t find_slots(struct ss_idf *idf)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    idf->slots[0] = app(ESP_PARTITION_SUBTYPE_APP_OTA_0);
    idf->slots[1] = app(ESP_PARTITION_SUBTYPE_APP_OTA_1);
    idf->otadata = esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_OTA, NULL);
    if (!idf->slots[0] || !idf->slots[1] || app(ESP_PARTITION_SUBTYPE_APP_OTA_2) || !idf->otadata) {
        ESP_LOGE(SS_IDF_TAG, "the partition table needs otadata, ota_0 and ota_1, and no further slot");
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (running != idf->slots[0] && running != idf->slots[1]) {
        ESP_LOGE(SS_IDF_TAG, "runs from neither ota_0 nor ota_1: updates are for apps in slots");
        return ESP_ERR_NOT_SUPPORTED;
    }
    idf->identity.running = running == idf->slots[1];
    for (unsigned i = 0; i < SS_IDF_SLOTS; i++) {
        idf->identity.slots[i].address = idf->slots[i]->address;
        idf->identity.slots[i].size = idf->slots[i]->size;
    }
    return ESP_OK;
}

static ss_status_t digest_table(struct ss_idf *idf)
{
    uint8_t piece[128];
    struct ss_hash hash;
    ss_status_t status = ss_hash_init(&hash, SS_HASH_SHA256);
    for (uint32_t at = 0; status == SS_OK && at < TABLE_SIZE; at += sizeof piece) {
        status = ss_idf_read_plain(idf, CONFIG_PARTITION_TABLE_OFFSET + at, piece, sizeof piece);
        if (status == SS_OK)
            status = ss_hash_update(&hash, piece, sizeof piece);
    }
    if (status == SS_OK)
        return ss_hash_finish(&hash, idf->table_digest);
    ss_hash_abort(&hash);
    return status;
}

// The provisioned one, else the MAC, which is what provisioning takes as well if it is not told another.
static esp_err_t find_id(struct ss_idf *idf)
{
    uint8_t mac[6] = {0};
    size_t len = sizeof idf->id;
    esp_err_t err = nvs_get_str(idf->nvs, SS_IDF_KEY_ID, idf->id, &len);
    if (err == ESP_ERR_NVS_NOT_FOUND) {
        err = esp_efuse_mac_get_default(mac);
        snprintf(idf->id, sizeof idf->id, "%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    }
    if (err != ESP_OK)
        ESP_LOGE(SS_IDF_TAG, "no device id: %s", esp_err_to_name(err));
    return err;
}

// An app never steps below itself; where the eFuses count, not below them.
static uint32_t lowest_version(void)
{
    uint32_t version = esp_app_get_description()->secure_version;
#ifdef CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK
    uint32_t burned = esp_efuse_read_secure_version();
    if (burned > version)
        version = burned;
#endif
    return version;
}

// What no update brings: what the bootloader does, and whether the table has a place for the keys of an encrypted NVS.
static uint32_t fixed_parts(void)
{
    uint32_t bits = 0;
    if (SS_IDF_ROLLBACK)
        bits |= SS_BOOTLOADER_ROLLBACK;
    if (SS_IDF_ANTI_ROLLBACK)
        bits |= SS_BOOTLOADER_ANTI_ROLLBACK;
    if (esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS_KEYS, NULL))
        bits |= SS_NEEDS_NVS_KEYS;
    return bits;
}

esp_err_t ss_idf_identify(struct ss_idf *idf)
{
    struct ss_agent_identity *identity = &idf->identity;
    idf->encrypted = esp_efuse_is_flash_encryption_enabled();
    esp_err_t err = find_slots(idf);
    if (err == ESP_OK)
        err = find_id(idf);
    if (err != ESP_OK)
        return err;
    if (digest_table(idf) != SS_OK) {
        ESP_LOGE(SS_IDF_TAG, "the partition table at 0x%x cannot be read", (unsigned)CONFIG_PARTITION_TABLE_OFFSET);
        return ESP_FAIL;
    }
    identity->device = ss_span_of(idf->id);
    identity->table_digest = idf->table_digest;
    identity->vk_offset = vk_offset(idf);
    identity->secure_version = lowest_version();
    identity->bootloader = fixed_parts();
    identity->trial_seconds = CONFIG_SLOTSEAL_TRIAL_SECONDS;
    identity->alarm_seconds = CONFIG_SLOTSEAL_ALARM_DAYS * 86400u;
    identity->chip = CONFIG_IDF_FIRMWARE_CHIP_ID;
    identity->scheme = SS_IDF_SCHEME;
    return ESP_OK;
}
