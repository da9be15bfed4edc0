// SPDX-License-Identifier: Apache-2.0
// The first version that these declarations are for.
#pragma once

#define ESP_IDF_VERSION_MAJOR 6 // of this set
#define ESP_IDF_VERSION_MINOR 0 // of this set
#define ESP_IDF_VERSION_PATCH 0 // of this set

#define ESP_IDF_VERSION_VAL(major, minor, patch) ((major << 16) | (minor << 8) | (patch))
#define ESP_IDF_VERSION                                                                                                \
    ESP_IDF_VERSION_VAL(ESP_IDF_VERSION_MAJOR, ESP_IDF_VERSION_MINOR, ESP_IDF_VERSION_PATCH) // of this set
