// SPDX-License-Identifier: Apache-2.0
// Whether the chip encrypts its flash.
#pragma once

#include <stdbool.h>

bool esp_flash_encryption_enabled(void);
