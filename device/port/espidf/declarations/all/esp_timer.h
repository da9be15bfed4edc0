// SPDX-License-Identifier: Apache-2.0
// Time since the reset.
#pragma once

#include <stdint.h>

int64_t esp_timer_get_time(void);
