// SPDX-License-Identifier: Apache-2.0
// What differs between the versions of ESP-IDF, v4.0.1 to v6.x, and what of an app's configuration cannot work: here and
// nowhere else. docs/esp-idf.md explains each. Internal.
#ifndef SS_PORT_ESPIDF_VERSION_H
#define SS_PORT_ESPIDF_VERSION_H

#include "esp_idf_version.h"
#include "sdkconfig.h"

#define SS_IDF_FROM(major, minor) (ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(major, minor, 0))

#if !SS_IDF_FROM(4, 0)
#error "slotseal: ESP-IDF v4.0.1 or later is needed"
#endif

// Without it esp_partition_write() refuses encrypted partitions, so esp_ota_set_boot_partition() would erase a record of
// otadata and then fail to write it.
#if SS_IDF_FROM(4, 1)
#ifndef CONFIG_SPI_FLASH_ENABLE_ENCRYPTED_READ_WRITE
#error "slotseal: enable CONFIG_SPI_FLASH_ENABLE_ENCRYPTED_READ_WRITE, or no update can be selected"
#endif
#else
#ifndef CONFIG_SECURE_FLASH_ENC_ENABLED
#error                                                                                                                 \
    "slotseal: enable CONFIG_SECURE_FLASH_ENC_ENABLED: before v4.1 apps without it cannot write otadata when it is encrypted"
#endif
#endif

// Ciphertext is written by esp_flash_write(). The old driver has no chip behind it.
#ifdef CONFIG_SPI_FLASH_USE_LEGACY_IMPL
#error "slotseal: disable CONFIG_SPI_FLASH_USE_LEGACY_IMPL"
#endif

#include "esp_err.h"
#include "esp_flash.h"
#include "esp_image_format.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "nvs.h"
#include "nvs_flash.h"

#if SS_IDF_FROM(4, 4)
#include "esp_mac.h"
#include "esp_random.h"
#endif

#if SS_IDF_FROM(5, 0)
#include "esp_app_desc.h"
#include "esp_memory_utils.h"
#include "spi_flash_mmap.h"
#else
#include "esp_spi_flash.h"
#include "soc/soc_memory_layout.h"
#define esp_app_get_description esp_ota_get_app_description
#endif

#include "esp_efuse.h"
#if !SS_IDF_FROM(6, 0)
#include "esp_flash_encrypt.h"
#define esp_efuse_is_flash_encryption_enabled esp_flash_encryption_enabled
#endif

// How apps are signed, as enum ss_release_scheme. Until v4.1 there was V1 only.
#if defined(CONFIG_SECURE_SIGNED_APPS_RSA_SCHEME) || defined(CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME)
#define SS_IDF_SCHEME SS_RELEASE_V2
#elif defined(CONFIG_SECURE_SIGNED_APPS_ECDSA_SCHEME) || (!SS_IDF_FROM(4, 1) && defined(CONFIG_SECURE_SIGNED_APPS))
#define SS_IDF_SCHEME SS_RELEASE_V1
#else
#define SS_IDF_SCHEME SS_RELEASE_UNSIGNED
#endif

#if defined(CONFIG_SLOTSEAL_PER_DEVICE_KEYS) && !defined(CONFIG_SECURE_SIGNED_ON_UPDATE)
#error                                                                                                                 \
    "slotseal: CONFIG_SLOTSEAL_PER_DEVICE_KEYS without a verification key in the app: enable CONFIG_SECURE_SIGNED_ON_UPDATE"
#endif

// What the bootloader of this build does; one that is older than the app may do less, which the agent finds out.
#ifdef CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
#define SS_IDF_ROLLBACK 1
#else
#define SS_IDF_ROLLBACK 0
#endif
#ifdef CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK
#define SS_IDF_ANTI_ROLLBACK 1
#else
#define SS_IDF_ANTI_ROLLBACK 0
#endif

// Whether NVS is encrypted with keys from a partition of their own.
#if defined(CONFIG_NVS_ENCRYPTION) && !defined(CONFIG_NVS_SEC_KEY_PROTECT_USING_HMAC)
#define SS_IDF_NVS_KEYS 1
#else
#define SS_IDF_NVS_KEYS 0
#endif

#endif
