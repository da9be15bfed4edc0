// SPDX-License-Identifier: Apache-2.0
// Types of the kernel.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;

#define pdTRUE        1
#define pdPASS        1
#define portMAX_DELAY 0xffffffffUL

TickType_t pdMS_TO_TICKS(TickType_t milliseconds);
