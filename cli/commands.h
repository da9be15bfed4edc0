// SPDX-License-Identifier: Apache-2.0
// Every command; each is defined in its cmd_<name>.c.
#ifndef SS_CLI_COMMANDS_H
#define SS_CLI_COMMANDS_H

#include "cli.h"

extern const struct cli_command command_key_generate;
extern const struct cli_command command_key_public;
extern const struct cli_command command_key_digest;
extern const struct cli_command command_key_import;
extern const struct cli_command command_key_list;
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
extern const struct cli_command command_keyset_new;
extern const struct cli_command command_keyset_sign;
extern const struct cli_command command_keyset_show;
extern const struct cli_command command_keyset_embed;
extern const struct cli_command command_release_sign;
extern const struct cli_command command_release_deliver;
extern const struct cli_command command_statement_show;
extern const struct cli_command command_statement_verify;
extern const struct cli_command command_chip_new;
extern const struct cli_command command_chip_serve;
extern const struct cli_command command_chip_boot;
extern const struct cli_command command_chip_load;
extern const struct cli_command command_chip_dump;
extern const struct cli_command command_chip_efuse;
extern const struct cli_command command_chip_info;
extern const struct cli_command command_chip_cut;
extern const struct cli_command command_chip_fault;
extern const struct cli_command command_chip_reset;
extern const struct cli_command command_chip_strap;
extern const struct cli_command command_chip_power;
extern const struct cli_command command_sim_run;
extern const struct cli_command command_sim_push;
extern const struct cli_command command_device_config;
extern const struct cli_command command_device_list;
extern const struct cli_command command_device_show;
extern const struct cli_command command_device_import;
extern const struct cli_command command_device_export;
extern const struct cli_command command_device_forget;
extern const struct cli_command command_device_replace;
extern const struct cli_command command_device_revoke;
extern const struct cli_command command_device_lost;
extern const struct cli_command command_device_return;
extern const struct cli_command command_flash_id;
extern const struct cli_command command_flash_read;
extern const struct cli_command command_flash_write;
extern const struct cli_command command_flash_erase;
extern const struct cli_command command_flash_verify;
extern const struct cli_command command_efuse_show;
extern const struct cli_command command_efuse_burn;
extern const struct cli_command command_efuse_protect;
extern const struct cli_command command_doctor;
extern const struct cli_command command_provision;
extern const struct cli_command command_provision_batch;
extern const struct cli_command command_provision_kit;
extern const struct cli_command command_kit_make;
extern const struct cli_command command_kit_show;
extern const struct cli_command command_kit_accept;
extern const struct cli_command command_quota;
extern const struct cli_command command_recover;
extern const struct cli_command command_vault_init;
extern const struct cli_command command_vault_check;
extern const struct cli_command command_vault_rewrap;
extern const struct cli_command command_vault_backup;
extern const struct cli_command command_vault_restore;
extern const struct cli_command command_vault_audit;
extern const struct cli_command command_release_add;
extern const struct cli_command command_release_list;
extern const struct cli_command command_product_add;
extern const struct cli_command command_product_list;
extern const struct cli_command command_product_show;
extern const struct cli_command command_serve;
extern const struct cli_command command_device_assign;
extern const struct cli_command command_device_cancel;
extern const struct cli_command command_device_history;
extern const struct cli_command command_device_register;
extern const struct cli_command command_release_upload;
extern const struct cli_command command_product_opaque;
extern const struct cli_command command_keyset_publish;
extern const struct cli_command command_operator_add;
extern const struct cli_command command_operator_remove;
extern const struct cli_command command_operator_list;
extern const struct cli_command command_espsecure;

#endif
