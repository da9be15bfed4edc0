// SPDX-License-Identifier: Apache-2.0
// Which app runs, and which is next.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"
#include "esp_partition.h"

typedef struct {
    uint32_t magic_word;
    uint32_t secure_version;
    char version[32];
    char project_name[32];
} esp_app_desc_t;

const esp_app_desc_t *esp_ota_get_app_description(void);
const esp_partition_t *esp_ota_get_running_partition(void);
esp_err_t esp_ota_set_boot_partition(const esp_partition_t *partition);
esp_err_t esp_ota_mark_app_valid_cancel_rollback(void);
