// SPDX-License-Identifier: Apache-2.0
// Options of an app that this component is compiled with in tests: the forum's device, or as little as possible.
#pragma once

#define CONFIG_IDF_TARGET_ESP32       1
#define CONFIG_IDF_FIRMWARE_CHIP_ID   0x0000
#define CONFIG_PARTITION_TABLE_OFFSET 0x8000

#define CONFIG_SECURE_FLASH_ENC_ENABLED              1
#define CONFIG_SPI_FLASH_ENABLE_ENCRYPTED_READ_WRITE 1
#define CONFIG_ESP_HTTP_CLIENT_ENABLE_HTTPS          1
#define CONFIG_MBEDTLS_CERTIFICATE_BUNDLE            1
#define CONFIG_SLOTSEAL_TRIAL_SECONDS                600
#define CONFIG_SLOTSEAL_ALARM_DAYS                   14
#define CONFIG_SLOTSEAL_HTTP_TIMEOUT_MS              15000
#define CONFIG_SLOTSEAL_SPREAD_SECONDS               60
#define CONFIG_SLOTSEAL_TASK_STACK                   10240
#define CONFIG_SLOTSEAL_TASK_PRIORITY                3

#ifdef SS_DECLARATIONS_SMALL
#define CONFIG_SLOTSEAL_KEY_SET_EMBEDDED 1
#else
#define CONFIG_SECURE_SIGNED_APPS              1
#define CONFIG_SECURE_SIGNED_APPS_ECDSA_SCHEME 1
#define CONFIG_SECURE_SIGNED_ON_UPDATE         1
#define CONFIG_NVS_ENCRYPTION                  1
#define CONFIG_SLOTSEAL_PER_DEVICE_KEYS        1
#define CONFIG_SLOTSEAL_PLAIN_HTTP             1
#ifndef SS_DECLARATIONS_NO_ROLLBACK
#define CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE 1
#define CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK   1
#define CONFIG_SLOTSEAL_PULL                  1
#endif
#endif
