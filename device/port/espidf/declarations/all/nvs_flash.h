// SPDX-License-Identifier: Apache-2.0
// Its partition.
#pragma once

#include "esp_err.h"

esp_err_t nvs_flash_init(void);
