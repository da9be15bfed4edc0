// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

// clang-format off
const struct cli_command *const cli_commands[] = {
    &command_key_generate,
    &command_key_public,
    &command_key_digest,
    &command_image_info,
    &command_image_build,
    &command_table_build,
    &command_table_show,
    &command_otadata_build,
    &command_otadata_show,
    &command_sign,
    &command_verify,
    &command_seal,
    &command_unseal,
    &command_compare,
    &command_chip_new,
    &command_chip_serve,
    &command_chip_boot,
    &command_chip_load,
    &command_chip_dump,
    &command_chip_efuse,
    &command_chip_info,
    &command_chip_cut,
    &command_chip_fault,
    &command_chip_reset,
    &command_chip_strap,
    &command_chip_power,
    &command_device_config,
    &command_doctor,
    &command_espsecure,
    NULL,
};
// clang-format on
