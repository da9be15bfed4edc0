// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "provision/key_folder.h"
#include "slotseal/content.h"

enum { BOOTLOADER_MAX = 0x10000 }; ///< as much as a table offset leaves it on any chip that we know

static bool unseals(const struct ss_seal_params *params, const uint8_t *in, size_t len, uint8_t *out)
{
    size_t out_len;
    return ss_unseal(params, in, len, out, len, &out_len, NULL, NULL) == SS_OK;
}

static ss_status_t refuse(const struct ss_seal_params *params, const uint8_t *in, size_t len, uint8_t *out,
                          struct ss_error *err)
{
    struct ss_seal_params other = *params;
    enum ss_content content = ss_content_classify(in, len);

    if (content == SS_CONTENT_IMAGE || content == SS_CONTENT_IMAGE_V1 || content == SS_CONTENT_IMAGE_V2)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_KEY, "the flash is not encrypted: %s at 0x%x",
                            ss_content_name(content), params->address);
    for (other.crypt_config = 0; params->chip->scheme == SS_FLASH_SCHEME_ESP32 && other.crypt_config < 16;
         other.crypt_config++)
        if (unseals(&other, in, len, out))
            return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_KEY,
                                "this flash is sealed with this key, but for FLASH_CRYPT_CONFIG 0x%X, not 0x%X",
                                other.crypt_config, params->crypt_config);
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_KEY,
                        "the bootloader at 0x%x does not unseal with this key: it is another device's",
                        params->address);
}

ss_status_t ss_key_check_dump(const struct ss_seal_params *params, const uint8_t *dump, size_t len,
                              struct ss_error *err)
{
    struct ss_seal_params p = {.chip = params->chip ? params->chip : ss_chip_find("esp32"),
                               .kind = SS_SEAL_BOOTLOADER,
                               .key = params->key,
                               .key_len = params->key_len,
                               .crypt_config = params->crypt_config};
    ss_status_t status = ss_seal_check_key(&p, err);
    if (status != SS_OK)
        return status;
    p.address = p.chip->bootloader_address;
    if (len < (size_t)p.address + SS_SEAL_MAX_PAD)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_KEY,
                            "a dump of %zu bytes does not reach the bootloader: read flash from address 0 on", len);
    size_t n = (len - p.address) / SS_SEAL_BLOCK * SS_SEAL_BLOCK;
    n = n < BOOTLOADER_MAX ? n : BOOTLOADER_MAX;
    uint8_t *plain = malloc(n);
    if (!plain)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_KEY, "out of memory");
    if (!unseals(&p, dump + p.address, n, plain))
        status = refuse(&p, dump + p.address, n, plain, err);
    ss_wipe(plain, n);
    free(plain);
    return status;
}
