// SPDX-License-Identifier: Apache-2.0
// Where memory lies.
#pragma once

#include <stdbool.h>

bool esp_ptr_in_dram(const void *p);
