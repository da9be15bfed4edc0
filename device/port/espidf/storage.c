// SPDX-License-Identifier: Apache-2.0
// What the device keeps, in the NVS namespace that provisioning has begun. The forms in NVS are those of
// provision/device_config.h: text, and bytes.
#include <stdlib.h>

#include "core/crypto.h"
#include "device/port/espidf/idf.h"

// From v4.3 on NVS is encrypted by default where the flash is. A table of a device in the field cannot be changed to hold
// the keys, so such an app must not get there; ESP-IDF itself would only say that something was not found.
static bool has_nvs_keys(void)
{
    return !SS_IDF_NVS_KEYS ||
           esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS_KEYS, NULL) != NULL;
}

// Never erases: ids, keys and certificates in there cannot be made up again.
esp_err_t ss_idf_storage_open(struct ss_idf *idf)
{
    if (!has_nvs_keys()) {
        ESP_LOGE(SS_IDF_TAG, "CONFIG_NVS_ENCRYPTION is on, but the partition table has no nvs_keys: disable it");
        return ESP_ERR_NOT_SUPPORTED;
    }
    esp_err_t err = nvs_open(SS_IDF_NAMESPACE, NVS_READWRITE, &idf->nvs);
    if (err == ESP_ERR_NVS_NOT_INITIALIZED) {
        err = nvs_flash_init();
        if (err == ESP_OK)
            err = nvs_open(SS_IDF_NAMESPACE, NVS_READWRITE, &idf->nvs);
    }
    if (err != ESP_OK)
        ESP_LOGE(SS_IDF_TAG, "NVS does not open: %s", esp_err_to_name(err));
    return err;
}

static esp_err_t get(const struct ss_idf *idf, const char *key, bool text, void *out, size_t *len)
{
    return text ? nvs_get_str(idf->nvs, key, out, len) : nvs_get_blob(idf->nvs, key, out, len);
}

ss_status_t ss_idf_get(const struct ss_idf *idf, const char *key, bool text, struct ss_idf_blob *blob)
{
    size_t len = 0;
    *blob = (struct ss_idf_blob){0};
    esp_err_t err = get(idf, key, text, NULL, &len);
    if (err == ESP_ERR_NVS_NOT_FOUND || (err == ESP_OK && len == 0))
        return SS_ERROR_DOES_NOT_EXIST;
    if (err != ESP_OK)
        return ss_idf_status(err);
    blob->p = malloc(len);
    if (!blob->p)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    blob->len = len;
    err = get(idf, key, text, blob->p, &blob->len);
    if (err != ESP_OK)
        ss_idf_blob_free(blob);
    return ss_idf_status(err);
}

ss_status_t ss_idf_set(const struct ss_idf *idf, const char *key, const void *in, size_t len)
{
    esp_err_t err = nvs_set_blob(idf->nvs, key, in, len);
    if (err == ESP_OK)
        err = nvs_commit(idf->nvs);
    return ss_idf_status(err);
}

void ss_idf_blob_free(struct ss_idf_blob *blob)
{
    if (blob->p)
        ss_wipe(blob->p, blob->len);
    free(blob->p);
    *blob = (struct ss_idf_blob){0};
}

ss_status_t ss_idf_load(void *context, struct ss_agent_record *record)
{
    struct ss_idf_blob blob;
    ss_status_t status = ss_idf_get(context, SS_IDF_KEY_RECORD, false, &blob);
    if (status == SS_OK || status == SS_ERROR_DOES_NOT_EXIST) {
        ss_agent_record_read(blob.p, blob.len, record);
        status = SS_OK;
    }
    ss_idf_blob_free(&blob);
    return status;
}

ss_status_t ss_idf_store(void *context, const struct ss_agent_record *record)
{
    uint8_t out[SS_AGENT_RECORD_SIZE];
    ss_agent_record_write(record, out);
    return ss_idf_set(context, SS_IDF_KEY_RECORD, out, sizeof out);
}

// A value that is too long for a key set is none.
static struct ss_span span_of(const struct ss_idf_blob *blob)
{
    return blob->len <= SS_KEY_SET_MAX ? (struct ss_span){blob->p, (uint16_t)blob->len} : (struct ss_span){0};
}

static ss_status_t get_key_set(const struct ss_idf *idf, const char *key, struct ss_idf_blob *blob)
{
    ss_status_t status = ss_idf_get(idf, key, false, blob);
    return status == SS_ERROR_DOES_NOT_EXIST ? SS_OK : status;
}

ss_status_t ss_idf_load_trust(struct ss_idf *idf)
{
    struct ss_idf_blob newest, old = {0};
    struct ss_trust trust;
    struct ss_key_ring ring;
    ss_status_t status = get_key_set(idf, SS_IDF_KEY_KEY_SET, &newest);
    if (status == SS_OK)
        status = get_key_set(idf, SS_IDF_KEY_KEY_SET_OLD, &old);
    if (status == SS_OK) {
        const struct ss_trust_sets sets = {
            .pinned = ss_idf_pins(), .current = span_of(&newest), .previous = span_of(&old)};
        status = ss_trust_choose(&sets, &trust, &ring);
    }
    if (status != SS_OK) {
        ss_idf_blob_free(&newest);
        ss_idf_blob_free(&old);
        return status;
    }
    struct ss_idf_blob before[] = {idf->key_set, idf->key_set_old};
    idf->key_set = newest;
    idf->key_set_old = old;
    idf->trust = trust;
    idf->identity.ring.current = &idf->trust.sets[0];
    idf->identity.ring.previous = ring.previous ? &idf->trust.sets[1] : NULL;
    idf->identity.product = idf->trust.sets[0].product;
    ss_idf_blob_free(&before[0]);
    ss_idf_blob_free(&before[1]);
    return SS_OK;
}

// The one that was in force first: should the power go in between, the chain from the pins still holds.
ss_status_t ss_idf_store_key_set(void *context, const uint8_t *key_set, size_t len)
{
    struct ss_idf *idf = context;
    const struct ss_span next = {key_set, (uint16_t)len}, now = idf->trust.chosen.current;
    ss_status_t status = ss_trust_would_keep(&idf->trust, next);
    if (status != SS_OK) {
        ESP_LOGE(SS_IDF_TAG, "key set refused: its root keys are too far from those of the app, which needs an update");
        return status;
    }
    status = ss_idf_set(idf, SS_IDF_KEY_KEY_SET_OLD, now.p, now.len);
    if (status == SS_OK)
        status = ss_idf_set(idf, SS_IDF_KEY_KEY_SET, key_set, len);
    return status == SS_OK ? ss_idf_load_trust(idf) : status;
}
