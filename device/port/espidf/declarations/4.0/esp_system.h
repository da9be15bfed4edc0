// SPDX-License-Identifier: Apache-2.0
// Reset, random numbers, the MAC.
#pragma once

#include <stdint.h>

#include "esp_err.h"

void esp_restart(void) __attribute__((noreturn));
uint32_t esp_random(void);
esp_err_t esp_efuse_mac_get_default(uint8_t *mac);
