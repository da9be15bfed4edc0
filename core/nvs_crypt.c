// SPDX-License-Identifier: Apache-2.0
// NVS encryption and the partition that carries its keys.
#include "core/crypto.h"
#include "core/nvs_format.h"

#include <string.h>

/// Free entries stay erased in flash. One that was torn while written is ciphertext, although its state says free.
static bool is_free(const uint8_t *page, unsigned index)
{
    return nvs_entry_state(page, index) == NVS_ENTRY_FREE &&
           ss_all_bytes(nvs_entry_in(page, index), NVS_ENTRY_SIZE, 0xFF);
}

static ss_status_t crypt_page(bool encrypt, uint8_t *page, size_t offset, const uint8_t *keys)
{
    if (ss_get_le32(page) == NVS_PAGE_ERASED)
        return SS_OK;
    for (unsigned i = 0; i < SS_NVS_PAGE_ENTRIES; i++) {
        uint8_t tweak[16] = {0};
        uint8_t *entry = nvs_entry_at(page, i);
        if (is_free(page, i))
            continue;
        ss_put_le32(tweak, (uint32_t)(offset + (size_t)(entry - page)));
        ss_status_t status = ss_aes_xts(encrypt, keys, SS_NVS_KEYS_SIZE, tweak, entry, entry, NVS_ENTRY_SIZE);
        if (status)
            return status;
    }
    return SS_OK;
}

static ss_status_t crypt_image(bool encrypt, uint8_t *image, size_t size, const uint8_t *keys, struct ss_error *err)
{
    if (size == 0 || size % SS_NVS_PAGE_SIZE != 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NVS,
                            "NVS image is %zu bytes, it must be a multiple of %d", size, SS_NVS_PAGE_SIZE);
    if (ss_equal(keys, keys + SS_NVS_KEYS_SIZE / 2, SS_NVS_KEYS_SIZE / 2))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NVS,
                            "NVS encryption key and tweak key are equal, XTS needs two different ones");
    for (size_t offset = 0; offset < size; offset += SS_NVS_PAGE_SIZE) {
        ss_status_t status = crypt_page(encrypt, image + offset, offset, keys);
        if (status)
            return ss_error_set(err, status, SS_AREA_NVS, "AES-XTS failed in NVS page %zu: %s",
                                offset / SS_NVS_PAGE_SIZE, ss_status_name(status));
    }
    return SS_OK;
}

ss_status_t ss_nvs_encrypt(uint8_t *image, size_t size, const uint8_t keys[SS_NVS_KEYS_SIZE], struct ss_error *err)
{
    return crypt_image(true, image, size, keys, err);
}

ss_status_t ss_nvs_decrypt(uint8_t *image, size_t size, const uint8_t keys[SS_NVS_KEYS_SIZE], struct ss_error *err)
{
    return crypt_image(false, image, size, keys, err);
}

void ss_nvs_keys_build(const uint8_t keys[SS_NVS_KEYS_SIZE], uint8_t out[SS_NVS_KEYS_IMAGE_SIZE])
{
    memset(out, 0xFF, SS_NVS_KEYS_IMAGE_SIZE);
    memcpy(out, keys, SS_NVS_KEYS_SIZE);
    ss_put_le32(out + SS_NVS_KEYS_SIZE, ss_crc32(0xFFFFFFFF, keys, SS_NVS_KEYS_SIZE));
}

ss_status_t ss_nvs_keys_parse(const uint8_t *in, size_t len, uint8_t keys[SS_NVS_KEYS_SIZE], struct ss_error *err)
{
    memset(keys, 0, SS_NVS_KEYS_SIZE);
    if (len < SS_NVS_KEYS_USED_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NVS,
                            "NVS key partition is %zu bytes, it has at least %d", len, SS_NVS_KEYS_USED_SIZE);
    if (ss_all_bytes(in, SS_NVS_KEYS_USED_SIZE, 0xFF))
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_NVS, "NVS key partition is erased");
    if (ss_crc32(0xFFFFFFFF, in, SS_NVS_KEYS_SIZE) != ss_get_le32(in + SS_NVS_KEYS_SIZE))
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_NVS,
                            "NVS key partition has a wrong CRC (is it flash-encrypted?)");
    memcpy(keys, in, SS_NVS_KEYS_SIZE);
    return SS_OK;
}
