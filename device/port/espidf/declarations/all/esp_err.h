// SPDX-License-Identifier: Apache-2.0
// Results of ESP-IDF's functions.
#pragma once

#include <stdint.h>

typedef int esp_err_t;

#define ESP_OK                0
#define ESP_FAIL              -1
#define ESP_ERR_NO_MEM        0x101
#define ESP_ERR_INVALID_STATE 0x103
#define ESP_ERR_INVALID_SIZE  0x104
#define ESP_ERR_NOT_FOUND     0x105
#define ESP_ERR_NOT_SUPPORTED 0x106
#define ESP_ERR_INVALID_CRC   0x109

const char *esp_err_to_name(esp_err_t code);

#define ESP_ERROR_CHECK(x) ss_declared_check(x)

void ss_declared_check(esp_err_t code); // of this set
