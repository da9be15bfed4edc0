// SPDX-License-Identifier: Apache-2.0
// Which slot starts next. ESP-IDF's functions do what they can do; taking the running app back is done here, because
// theirs resets at once (until v5.5), and the agent has something to note before that.
#include "device/port/espidf/idf.h"
#include "slotseal/otadata.h"

ss_status_t ss_idf_verify(void *context, unsigned slot)
{
    const struct ss_idf *idf = context;
    const esp_partition_pos_t place = {.offset = idf->slots[slot]->address, .size = idf->slots[slot]->size};
    esp_image_metadata_t metadata;
    esp_err_t err = esp_image_verify(ESP_IMAGE_VERIFY_SILENT, &place, &metadata);
    return err == ESP_ERR_IMAGE_INVALID ? SS_ERROR_DATA_INVALID : ss_idf_status(err);
}

// Decrypted where otadata is encrypted. ESP-IDF always does that where flash encryption is on.
static ss_status_t read_otadata(const struct ss_idf *idf, struct ss_otadata *otadata)
{
    uint8_t raw[SS_OTADATA_RECORD_SIZE];
    for (unsigned i = 0; i < 2; i++) {
        esp_err_t err = esp_partition_read(idf->otadata, i * SS_OTADATA_SECTOR_SIZE, raw, sizeof raw);
        if (err != ESP_OK)
            return ss_idf_status(err);
        ss_otadata_record_read(raw, &otadata->copies[i]);
    }
    return SS_OK;
}

static ss_status_t write_copy(const struct ss_idf *idf, unsigned copy, const struct ss_otadata_record *record)
{
    uint8_t raw[SS_OTADATA_RECORD_SIZE];
    size_t at = copy * SS_OTADATA_SECTOR_SIZE;
    ss_otadata_record_write(record, raw);
    esp_err_t err = esp_partition_erase_range(idf->otadata, at, SS_OTADATA_SECTOR_SIZE);
    if (err == ESP_OK)
        err = esp_partition_write(idf->otadata, at, raw, sizeof raw);
    return ss_idf_status(err);
}

// The running app goes on record before another one is selected: ESP-IDF's function does not see to that.
ss_status_t ss_idf_select(void *context, unsigned slot)
{
    const struct ss_idf *idf = context;
    struct ss_otadata otadata;
    struct ss_otadata_update update;
    ss_status_t status = read_otadata(idf, &otadata);
    if (status == SS_OK && ss_otadata_settle(&otadata, idf->identity.running, SS_IDF_SLOTS, &update))
        status = write_copy(idf, (unsigned)update.copy, &update.record);
    return status == SS_OK ? ss_idf_status(esp_ota_set_boot_partition(idf->slots[slot])) : status;
}

// Confirmed is what otadata has as active; that could be another app than the running one.
ss_status_t ss_idf_confirm(void *context)
{
    const struct ss_idf *idf = context;
    struct ss_otadata otadata;
    if (!SS_IDF_ROLLBACK)
        return SS_OK;
    ss_status_t status = read_otadata(idf, &otadata);
    if (status != SS_OK)
        return status;
    int active = ss_otadata_active(&otadata);
    if (active < 0 || !ss_otadata_record_names(&otadata.copies[active], idf->identity.running, SS_IDF_SLOTS))
        return SS_ERROR_BAD_STATE;
    return ss_idf_status(esp_ota_mark_app_valid_cancel_rollback()); // raises the secure version in the eFuses, too
}

// The copy of the running app becomes invalid; the other one has to lead to the other slot.
static ss_status_t step_back(const struct ss_idf *idf)
{
    struct ss_otadata otadata;
    unsigned back = idf->identity.running ^ 1u;
    ss_status_t status = read_otadata(idf, &otadata);
    int active = status == SS_OK ? ss_otadata_active(&otadata) : -1;
    if (status != SS_OK)
        return status;
    if (active < 0 || !ss_otadata_record_names(&otadata.copies[active], idf->identity.running, SS_IDF_SLOTS))
        return SS_ERROR_BAD_STATE;
    struct ss_otadata_record *running = &otadata.copies[active], *other = &otadata.copies[active ^ 1];
    if (!ss_otadata_record_is_valid(other) || !ss_otadata_record_names(other, back, SS_IDF_SLOTS)) {
        struct ss_otadata_record record = ss_otadata_confirmed(back, SS_IDF_SLOTS, running->seq);
        status = write_copy(idf, (unsigned)active ^ 1u, &record);
    }
    running->state = SS_OTA_INVALID;
    return status == SS_OK ? write_copy(idf, (unsigned)active, running) : status;
}

// Never away from an app that runs to one that does not start.
ss_status_t ss_idf_reject(void *context)
{
    const struct ss_idf *idf = context;
    unsigned back = idf->identity.running ^ 1u;
    ss_status_t status = ss_idf_verify(context, back);
    if (status != SS_OK)
        return status;
    return SS_IDF_ROLLBACK ? step_back(idf) : ss_idf_status(esp_ota_set_boot_partition(idf->slots[back]));
}

ss_status_t ss_idf_slot_state(void *context, unsigned slot, uint32_t *state)
{
    struct ss_otadata otadata;
    ss_status_t status = read_otadata(context, &otadata);
    *state = status == SS_OK ? ss_otadata_slot_state(&otadata, slot, SS_IDF_SLOTS) : SS_OTA_UNDEFINED;
    return status;
}
