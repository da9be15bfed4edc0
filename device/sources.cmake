# SPDX-License-Identifier: Apache-2.0
# What a device links: the one list of it, by paths from the root of the repository. Used by the ESP-IDF component, by
# what packs it, and by its tests. One of the crypto providers comes on top.
set(SS_DEVICE_CORE
  core/canonical.c core/cbor_read.c core/cbor_write.c core/crc32.c core/error.c core/hash_once.c core/merkle.c
  core/otadata.c core/statement.c core/statement_delivery.c core/statement_freshness.c core/statement_key_set.c
  core/statement_release.c core/statement_trust.c core/update_check.c)
set(SS_DEVICE_AGENT
  device/agent.c device/agent_flash.c device/agent_image.c device/agent_names.c device/agent_record.c device/agent_watch.c
  device/blank.c device/pins.c device/text.c device/trust.c)
set(SS_DEVICE_PULL
  device/json.c device/pull.c device/pull_download.c device/pull_http.c device/pull_keys.c device/pull_offer.c
  device/pull_poll.c device/pull_report.c device/pull_url.c core/statement_names.c)
set(SS_DEVICE_ESPIDF
  device/port/espidf/boot.c device/port/espidf/credential.c device/port/espidf/device.c device/port/espidf/flash.c
  device/port/espidf/http.c device/port/espidf/identity.c device/port/espidf/pem.c device/port/espidf/push.c device/port/espidf/storage.c)
