// SPDX-License-Identifier: Apache-2.0
// A network for examples.
#pragma once

#include "esp_err.h"

esp_err_t example_connect(void);
