// SPDX-License-Identifier: Apache-2.0
// eFuses.
#pragma once

#include <stdbool.h>
#include <stdint.h>

uint32_t esp_efuse_read_secure_version(void);
bool esp_efuse_is_flash_encryption_enabled(void);
