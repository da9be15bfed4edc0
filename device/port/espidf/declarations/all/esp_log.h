// SPDX-License-Identifier: Apache-2.0
// The log. Macros there; here functions, so that formats are checked.
#pragma once

void ESP_LOGE(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ESP_LOGW(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ESP_LOGI(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));
