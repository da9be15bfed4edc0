// SPDX-License-Identifier: Apache-2.0
// Every command; each is defined in its cmd_<name>.c.
#ifndef SS_CLI_COMMANDS_H
#define SS_CLI_COMMANDS_H

#include "cli.h"

extern const struct cli_command command_key_generate;
extern const struct cli_command command_key_public;
extern const struct cli_command command_key_digest;
extern const struct cli_command command_image_info;
extern const struct cli_command command_image_build;
extern const struct cli_command command_table_build;
extern const struct cli_command command_table_show;
extern const struct cli_command command_otadata_build;
extern const struct cli_command command_otadata_show;
extern const struct cli_command command_sign;
extern const struct cli_command command_verify;
extern const struct cli_command command_seal;
extern const struct cli_command command_unseal;
extern const struct cli_command command_compare;
extern const struct cli_command command_espsecure;

#endif
