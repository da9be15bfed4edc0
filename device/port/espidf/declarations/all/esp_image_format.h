// SPDX-License-Identifier: Apache-2.0
// Verifying an app as the bootloader does.
#pragma once

#include <stdint.h>

#include "esp_err.h"
#include "esp_flash_partitions.h"

#define ESP_ERR_IMAGE_INVALID 0x2002

typedef struct {
    uint32_t start_addr;
    uint32_t image_len;
    uint8_t image_digest[32];
} esp_image_metadata_t;

typedef enum {
    ESP_IMAGE_VERIFY,
    ESP_IMAGE_VERIFY_SILENT,
} esp_image_load_mode_t;

esp_err_t esp_image_verify(esp_image_load_mode_t mode, const esp_partition_pos_t *part, esp_image_metadata_t *data);
