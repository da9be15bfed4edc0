// SPDX-License-Identifier: Apache-2.0
// Why a connection failed.
#pragma once

#include "esp_err.h"

typedef struct esp_tls_last_error *esp_tls_error_handle_t;

esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *code, int *flags);
