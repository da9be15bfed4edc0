// SPDX-License-Identifier: Apache-2.0
// Where in which flash: from --slot, --address or --region, with --table, --chip and --flash-key, or with --device and
// what the vault knows of it, to seal parameters.
#ifndef SS_CLI_TARGET_H
#define SS_CLI_TARGET_H

#include "cli.h"
#include "file.h"
#include "slotseal/seal.h"
#include "table_file.h"
#include "vault/flash_key.h"
#include "vault_option.h"

/// The options of a target, in this order in every command that has one.
#define OPTIONS_TARGET                                                                                                 \
    {OPT_TABLE, "table", 't', false, "FILE", "partition table, CSV or binary", NULL, COMPLETE_FILE},                   \
        {OPT_SLOT, "slot",          's', false, "NAME", "for this partition of the table: ota_0, ota_1, ...",          \
         NULL,     COMPLETE_NOTHING},                                                                                  \
        {OPT_ADDRESS, "address", 'a', false, "N", "for this flash address", NULL, COMPLETE_NOTHING},                   \
        {OPT_REGION,     "region", 0, false, "REGION", "for what every flash has", "bootloader table otadata",         \
         COMPLETE_CHOICE},                                                                                             \
        {OPT_FLASH_KEY, "flash-key", 'k', false, "FILE", "flash encryption key of the device", NULL, COMPLETE_FILE},   \
        {OPT_DEVICE, "device",        'd', false, "ID", "key, table and chip of this device in the vault",             \
         NULL,       COMPLETE_NOTHING},                                                                                \
        OPTION_VAULT,                                                                                                  \
        {OPT_VAULT_KEY, "key",           0, false, "SOURCE", "vault key: passphrase, file:, ... (SLOTSEAL_VAULT_KEY)", \
         NULL,          COMPLETE_NOTHING},                                                                             \
        OPTION_CHIP,                                                                                                   \
        {OPT_CRYPT_CONFIG, "crypt-config", 0, false, "N", "eFuse FLASH_CRYPT_CONFIG, ESP32 only (0xF)", NULL,          \
         COMPLETE_NOTHING},                                                                                            \
        {OPT_DATA, "data",          0, false, NULL, "the input is data: do not check that it is an image",             \
         NULL,     COMPLETE_NOTHING},                                                                                  \
        OPTION_TABLE_OFFSET, OPTION_RULES

struct target {
    enum ss_vault_purpose purpose; ///< set by the caller: what a key of the vault is taken out for
    struct ss_seal_params params;  ///< params.key and params.place point into this struct: do not copy it
    bool guess_kind;               ///< only the content can say what it is
    bool has_table;
    char place[48];
    char slot[SS_PARTITION_LABEL_SIZE + 1]; ///< partition name, "" without
    struct ss_partition_table table;
    struct input table_file, key_file;
    // With --device:
    struct ss_vault *vault;
    char device[SS_VAULT_NAME_SIZE]; ///< "" without
    enum ss_secure_boot_scheme secure_boot;
    struct ss_vault_flash_key vault_key;
};

/// Reads table and key and resolves the target. @p t starts all zero but for purpose; target_free() it whatever comes
/// back.
/// An exit code; CLI_OK, or another one after a report.
int target_resolve(const struct cli_args *args, const struct cli_option *options, struct target *t);
void target_free(struct target *t);

#endif
