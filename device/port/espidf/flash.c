// SPDX-License-Identifier: Apache-2.0
// The flash as it is and as programs see it. Written are the bytes of the update as they came: esp_flash_write() does not
// encrypt, whatever the partition's flag says (ESP-IDF Programming Guide, "SPI Flash API").
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "device/port/espidf/idf.h"

#define SECTOR     0x1000u
#define REST_EVERY 0x10000u ///< bytes read

ss_status_t ss_idf_status(esp_err_t err)
{
    if (err == ESP_OK)
        return SS_OK;
    return err == ESP_ERR_NO_MEM ? SS_ERROR_INSUFFICIENT_MEMORY : SS_ERROR_IO;
}

// Nothing but the slot that does not run is ever changed through here: not the bootloader, not the partition table, not
// the running app.
static bool in_other_slot(const struct ss_idf *idf, uint32_t address, size_t len)
{
    const esp_partition_t *slot = idf->slots[idf->identity.running ^ 1u];
    return address >= slot->address && len <= slot->size && address - slot->address <= slot->size - len;
}

// Hashing an image takes seconds. The tasks below get their turn now and then, the idle task's watchdog among them.
static void rest(struct ss_idf *idf, size_t len)
{
    idf->unrested += (uint32_t)len;
    if (idf->unrested < REST_EVERY)
        return;
    idf->unrested = 0;
    vTaskDelay(1);
}

ss_status_t ss_idf_read_raw(void *context, uint32_t address, void *out, size_t len)
{
    rest(context, len);
    return ss_idf_status(esp_flash_read(NULL, out, address, (uint32_t)len));
}

// Through the cache, which decrypts by the eFuses; it needs no option of sdkconfig. Each call maps the pages and unmaps
// them again: none may be mapped while it is written, or the cache would keep what was there before.
ss_status_t ss_idf_read_plain(void *context, uint32_t address, void *out, size_t len)
{
    struct ss_idf *idf = context;
    if (!idf->encrypted)
        return ss_idf_read_raw(context, address, out, len);
    rest(idf, len);
    return ss_idf_status(esp_flash_read_encrypted(NULL, address, out, (uint32_t)len));
}

// From internal memory only: v4.0 copies other buffers through one on the stack that it uses after its scope.
ss_status_t ss_idf_write_raw(void *context, uint32_t address, const void *in, size_t len)
{
    const struct ss_idf *idf = context;
    if (!in_other_slot(idf, address, len))
        return SS_ERROR_NOT_PERMITTED;
    if (!esp_ptr_in_dram(in))
        return SS_ERROR_INVALID_ARGUMENT;
    return ss_idf_status(esp_flash_write(NULL, in, address, (uint32_t)len));
}

ss_status_t ss_idf_erase(void *context, uint32_t address)
{
    const struct ss_idf *idf = context;
    if (!in_other_slot(idf, address, SECTOR) || address % SECTOR != 0)
        return SS_ERROR_NOT_PERMITTED;
    return ss_idf_status(esp_flash_erase_region(NULL, address, SECTOR));
}
