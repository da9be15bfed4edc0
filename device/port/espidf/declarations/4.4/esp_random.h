// SPDX-License-Identifier: Apache-2.0
// Random numbers.
#pragma once

#include <stdint.h>

uint32_t esp_random(void);
