// SPDX-License-Identifier: Apache-2.0
// Flash parameters of the image header: codes, names, and changing them.
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/image_parts.h"

uint32_t ss_image_flash_size(uint8_t spi_size)
{
    return spi_size <= 7 ? 0x100000u << spi_size : 0;
}

ss_status_t ss_image_flash_size_code(uint32_t bytes, uint8_t *code)
{
    *code = 0;
    for (uint8_t i = 0; i <= 7; i++)
        if (ss_image_flash_size(i) == bytes) {
            *code = i;
            return SS_OK;
        }
    return SS_ERROR_INVALID_ARGUMENT;
}

const char *ss_image_spi_mode_name(uint8_t spi_mode)
{
    static const char *const names[] = {"QIO", "QOUT", "DIO", "DOUT", "FAST_READ", "SLOW_READ"};
    return spi_mode < sizeof names / sizeof *names ? names[spi_mode] : NULL;
}

// esptool's flash frequency tables. Where one code stands for two clocks, the first is reported.
static const struct {
    uint16_t chip_id;
    uint8_t code, mhz;
} clocks[] = {
    {0x00, 0, 40}, {0x00, 1, 26}, {0x00, 2, 20},  {0x00, 15, 80}, // ESP32
    {0x02, 0, 40}, {0x02, 1, 26}, {0x02, 2, 20},  {0x02, 15, 80}, // ESP32-S2
    {0x05, 0, 40}, {0x05, 1, 26}, {0x05, 2, 20},  {0x05, 15, 80}, // ESP32-C3
    {0x09, 0, 40}, {0x09, 1, 26}, {0x09, 2, 20},  {0x09, 15, 80}, // ESP32-S3
    {0x0C, 0, 30}, {0x0C, 1, 20}, {0x0C, 2, 15},  {0x0C, 15, 60}, // ESP32-C2
    {0x0D, 0, 40}, {0x0D, 0, 80}, {0x0D, 2, 20},                  // ESP32-C6: ROM divides wrongly, 80 is code 0
    {0x10, 0, 24}, {0x10, 1, 16}, {0x10, 2, 12},  {0x10, 15, 48}, // ESP32-H2
    {0x12, 0, 40}, {0x12, 2, 20}, {0x12, 15, 80},                 // ESP32-P4
    {0x14, 0, 40}, {0x14, 2, 20}, {0x14, 15, 80},                 // ESP32-C61
    {0x17, 0, 40}, {0x17, 2, 20}, {0x17, 15, 80},                 // ESP32-C5
};
#define CLOCK_COUNT (sizeof clocks / sizeof *clocks)

unsigned ss_image_flash_mhz(uint16_t chip_id, uint8_t spi_speed)
{
    for (size_t i = 0; i < CLOCK_COUNT; i++)
        if (clocks[i].chip_id == chip_id && clocks[i].code == spi_speed)
            return clocks[i].mhz;
    return 0;
}

ss_status_t ss_image_flash_mhz_code(uint16_t chip_id, unsigned mhz, uint8_t *code)
{
    *code = 0;
    for (size_t i = 0; i < CLOCK_COUNT; i++)
        if (clocks[i].chip_id == chip_id && clocks[i].mhz == mhz) {
            *code = clocks[i].code;
            return SS_OK;
        }
    return SS_ERROR_INVALID_ARGUMENT;
}

ss_status_t ss_image_refresh(uint8_t *data, const struct ss_image *image)
{
    data[image->checksum_offset] = ss_image_checksum(data, image);
    if (!image->has_hash)
        return SS_OK;
    uint8_t *hash = data + image->checksum_offset + 1;
    return ss_hash_once(SS_HASH_SHA256, data, image->checksum_offset + 1, hash);
}

// Values from outside reach the device: a damaged image must not come out with a fresh hash that hides it.
static ss_status_t check_untouched(const uint8_t *data, size_t len, struct ss_image *image, struct ss_error *err)
{
    ss_status_t status = ss_image_describe(data, len, NULL, image, err);
    if (status != SS_OK)
        return status;
    if (!image->complete)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_IMAGE, "not a complete image");
    if (image->checksum_stored != image->checksum_computed)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_IMAGE,
                            "checksum is 0x%02x, should be 0x%02x: the image is damaged", image->checksum_stored,
                            image->checksum_computed);
    if (image->has_hash && memcmp(image->hash_stored, image->hash_computed, sizeof image->hash_stored) != 0)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_IMAGE,
                            "appended SHA-256 is wrong: the image is damaged");
    if (image->signature != SS_IMAGE_UNSIGNED)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_IMAGE,
                            "image is signed: change its header first, then sign it");
    return SS_OK;
}

ss_status_t ss_image_set_flash_params(uint8_t *data, size_t len, const struct ss_image_flash_params *params,
                                      struct ss_error *err)
{
    if (params->spi_mode > 5 || params->spi_speed > 15 || params->spi_size > 15)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_IMAGE,
                            "flash mode %d, clock %d, size %d: limits are 5, 15, 15", params->spi_mode,
                            params->spi_speed, params->spi_size);
    struct ss_image image;
    ss_status_t status = check_untouched(data, len, &image, err);
    if (status != SS_OK)
        return status;
    const uint8_t before[2] = {data[2], data[3]};
    if (params->spi_mode >= 0)
        data[2] = (uint8_t)params->spi_mode;
    if (params->spi_speed >= 0)
        data[3] = (uint8_t)((data[3] & 0xF0) | params->spi_speed);
    if (params->spi_size >= 0)
        data[3] = (uint8_t)((data[3] & 0x0F) | params->spi_size << 4);
    status = ss_image_refresh(data, &image);
    if (status == SS_OK)
        return SS_OK;
    memcpy(data + 2, before, sizeof before);
    return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 of the image failed: %s", ss_status_name(status));
}
