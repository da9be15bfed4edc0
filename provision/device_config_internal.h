// SPDX-License-Identifier: Apache-2.0
// Between the files of device_config.
#ifndef SS_PROVISION_DEVICE_CONFIG_INTERNAL_H
#define SS_PROVISION_DEVICE_CONFIG_INTERNAL_H

#include "provision/device_config.h"

/// Whether @p file is a certificate of device @p id. SS_ERROR_DATA_INVALID.
SS_MUST_USE ss_status_t ss_device_certificate_check(const struct ss_device_file *file, const char *id,
                                                    struct ss_error *err);

/// Checks everything about @p config that NVS does not.
SS_MUST_USE ss_status_t ss_device_config_check(const struct ss_device_config *config, struct ss_error *err);

#endif
