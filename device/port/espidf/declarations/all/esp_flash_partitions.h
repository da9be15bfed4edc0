// SPDX-License-Identifier: Apache-2.0
// Where something lies in flash.
#pragma once

#include <stdint.h>

typedef struct {
    uint32_t offset;
    uint32_t size;
} esp_partition_pos_t;
