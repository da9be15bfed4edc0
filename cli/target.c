// SPDX-License-Identifier: Apache-2.0
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_table.h"

/// A flash key is 64 bytes at most; a little more is read so that its true length can be named.
#define FLASH_KEY_FILE_LIMIT 4096u

static int missing_table(const char *option)
{
    return cli_usage("for example --table partitions.csv", "--%s needs --table", option);
}

static void set_place(struct target *t, const struct ss_partition *row)
{
    bool app = row->type == SS_PARTITION_APP;
    snprintf(t->slot, sizeof t->slot, "%s", row->label);
    snprintf(t->place, sizeof t->place, "%s %s", app ? "slot" : "partition", row->label);
    (void)cli_printable(t->place);
    t->params.place = t->place;
}

/// What a partition of this type holds; false if only the user can say.
static bool row_kind(const struct ss_partition *row, enum ss_seal_kind *kind)
{
    if (row->type == SS_PARTITION_APP)
        *kind = SS_SEAL_APP;
    else if (row->type == SS_PARTITION_DATA && row->subtype == SS_PARTITION_DATA_OTA)
        *kind = SS_SEAL_OTADATA;
    else if (row->type == SS_PARTITION_BOOTLOADER)
        *kind = SS_SEAL_BOOTLOADER;
    else if (row->type == SS_PARTITION_TABLE)
        *kind = SS_SEAL_TABLE;
    else
        return false;
    return true;
}

static int use_row(struct target *t, const struct ss_partition *row, uint32_t address, bool data)
{
    set_place(t, row);
    t->params.address = address;
    t->params.capacity = row->offset + row->size - address;
    if (!data && !row_kind(row, &t->params.kind)) {
        cli_error("partition %s can hold anything, so nothing can be checked", row->label);
        cli_hint("--data if its content is right");
        return CLI_FAILED;
    }
    if (!ss_partition_is_encrypted(row))
        cli_warning("partition %s is not encrypted on the device, which will read it as it is", row->label);
    return CLI_OK;
}

static void print_names(const struct ss_partition_table *table)
{
    char names[512] = "";
    for (size_t i = 0; i < table->count; i++) {
        strncat(names, i ? " " : "", sizeof names - strlen(names) - 1);
        strncat(names, table->rows[i].label, sizeof names - strlen(names) - 1);
    }
    cli_hint("the table has: %s", names);
}

static int use_slot(struct target *t, const char *name, bool data)
{
    if (!t->has_table)
        return missing_table("slot");
    const struct ss_partition *row = ss_table_find(&t->table, name);
    if (!row) {
        cli_error("%s: no partition %s", t->table_file.name, name);
        print_names(&t->table);
        return CLI_FAILED;
    }
    return use_row(t, row, row->offset, data);
}

static void use_bootloader(struct target *t, const struct ss_table_options *options)
{
    const struct ss_chip *chip = t->params.chip;
    t->params.kind = SS_SEAL_BOOTLOADER;
    t->params.address = chip->bootloader_address;
    t->params.capacity =
        options->table_address > chip->bootloader_address ? options->table_address - chip->bootloader_address : 0;
    t->params.place = "the space before the partition table";
    t->params.flash_needed = t->has_table ? table_end(&t->table) : 0;
}

static void use_table(struct target *t, const struct ss_table_options *options)
{
    t->params.kind = SS_SEAL_TABLE;
    t->params.address = options->table_address;
    t->params.capacity = SS_TABLE_SECTOR_SIZE;
    t->params.place = "the sector of the partition table";
}

static int use_region(struct target *t, const char *region, const struct ss_table_options *options)
{
    if (!strcmp(region, "bootloader")) {
        use_bootloader(t, options);
        return CLI_OK;
    }
    if (!strcmp(region, "table")) {
        use_table(t, options);
        return CLI_OK;
    }
    if (!t->has_table)
        return cli_usage("--table says where it is; or give --address", "--region otadata needs --table");
    const struct ss_partition *row = ss_table_find_type(&t->table, SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, 0);
    if (!row) {
        cli_error("%s: no otadata partition", t->table_file.name);
        return CLI_FAILED;
    }
    return use_row(t, row, row->offset, false);
}

static const struct ss_partition *row_at(const struct ss_partition_table *table, uint32_t address)
{
    for (size_t i = 0; i < table->count; i++)
        if (address >= table->rows[i].offset && address - table->rows[i].offset < table->rows[i].size)
            return &table->rows[i];
    return NULL;
}

static int use_address(struct target *t, uint32_t address, const struct ss_table_options *options, bool data)
{
    const struct ss_partition *row = t->has_table ? row_at(&t->table, address) : NULL;

    if (row) {
        // The user has named an address, not a partition: its content says what it is.
        t->guess_kind = !data;
        return use_row(t, row, address, true);
    }
    if (address == options->table_address)
        use_table(t, options);
    else if (address == t->params.chip->bootloader_address)
        use_bootloader(t, options);
    else if (address < options->table_address)
        t->params.capacity = options->table_address - address;
    else if (t->has_table) {
        cli_error("%s: no partition at 0x%x", t->table_file.name, address);
        print_names(&t->table);
        return CLI_FAILED;
    }
    t->params.address = address;
    t->guess_kind = !data;
    return CLI_OK;
}

static int use_target(const struct cli_args *args, const struct cli_option *options, struct target *t,
                      const struct ss_table_options *table_options)
{
    const char *slot = args->options[OPT_SLOT], *region = args->options[OPT_REGION];
    bool data = args->options[OPT_DATA] != NULL;
    uint64_t address;
    int status;

    if ((slot != NULL) + (region != NULL) + (args->options[OPT_ADDRESS] != NULL) != 1)
        return cli_usage("for example --table partitions.csv --slot ota_0",
                         "exactly one of --slot, --address and --region is needed");
    if (!cli_option_number(args, options, OPT_ADDRESS, UINT32_MAX, 0, &address))
        return CLI_USAGE;
    if (slot)
        status = use_slot(t, slot, data);
    else if (region)
        status = use_region(t, region, table_options);
    else
        status = use_address(t, (uint32_t)address, table_options, data);
    if (data)
        t->params.kind = SS_SEAL_DATA;
    return status;
}

static int load_key_file(const struct cli_args *args, struct target *t)
{
    struct ss_error err = {0};

    if (file_read(args->options[OPT_FLASH_KEY], FLASH_KEY_FILE_LIMIT, &t->key_file, &err) != SS_OK)
        return cli_fail(&err);
    file_warn_readable(&t->key_file);
    t->params.key = t->key_file.data;
    t->params.key_len = t->key_file.len;
    ss_status_t status = ss_seal_check_key(&t->params, &err);
    if (status == SS_OK)
        return CLI_OK;
    (void)ss_error_prefix(&err, status, "%s", t->key_file.name);
    return cli_fail(&err);
}

/// The vault writes down what for before it gives out a key.
static int load_key(const struct cli_args *args, struct target *t)
{
    struct ss_error err = {0};
    char detail[96];

    if (!t->vault)
        return load_key_file(args, t);
    snprintf(detail, sizeof detail, "%s at 0x%x", t->place[0] ? t->place : ss_seal_kind_name(t->params.kind),
             t->params.address);
    if (ss_vault_flash_key(t->vault, t->device, t->purpose, detail, &t->vault_key, &err) != SS_OK)
        return vault_fail(&err);
    t->params.key = t->vault_key.bytes;
    t->params.key_len = t->vault_key.len;
    return ss_seal_check_key(&t->params, &err) == SS_OK ? CLI_OK : cli_fail(&err);
}

static int load_table(const struct cli_args *args, const struct ss_table_options *rules, struct target *t)
{
    struct ss_error err = {0};
    if (!args->options[OPT_TABLE])
        return CLI_OK;
    if (table_load(args->options[OPT_TABLE], rules, &t->table_file, &t->table, &err) != SS_OK)
        return cli_fail(&err);
    ss_status_t verdict = ss_table_verify(&t->table, rules, &err);
    if (verdict != SS_OK) {
        (void)ss_error_prefix(&err, verdict, "%s", t->table_file.name);
        return cli_fail(&err);
    }
    t->has_table = true;
    return CLI_OK;
}

static ss_status_t read_device(struct target *t, const char *id, struct ss_table_options *rules, struct ss_error *err)
{
    struct ss_vault_device device;
    struct device_table table;
    struct ss_vault_product *product = calloc(1, sizeof *product);
    if (!product)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    ss_status_t status = ss_vault_device_get(t->vault, id, &device, err);
    if (status == SS_OK)
        status = device_table_get(t->vault, &device, &table, err);
    if (status == SS_OK)
        status = ss_vault_product_get(t->vault, device.product, product, err);
    if (status == SS_OK) {
        snprintf(t->device, sizeof t->device, "%s", id);
        t->params.chip = rules->chip = ss_chip_find(device.chip);
        t->params.crypt_config = device.crypt_config;
        t->secure_boot = product->secure_boot;
        t->table = table.table;
        t->table_file.name = "the vault's table";
        t->has_table = true;
        rules->table_address = table.address;
    }
    free(product);
    return status;
}

static int use_device(const struct cli_args *args, struct ss_table_options *rules, struct target *t)
{
    static const enum cli_option_id known[] = {OPT_TABLE, OPT_CHIP, OPT_CRYPT_CONFIG, OPT_TABLE_OFFSET};
    struct ss_error err = {0};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (args->options[known[i]])
            return cli_usage(NULL, "with --device, table, chip and eFuses are the vault's to say");
    int status = vault_option_open(args, false, &t->vault);
    if (status != CLI_OK)
        return status;
    return read_device(t, args->options[OPT_DEVICE], rules, &err) == SS_OK ? CLI_OK : cli_fail(&err);
}

static int use_files(const struct cli_args *args, const struct cli_option *options,
                     const struct ss_table_options *rules, struct target *t)
{
    uint64_t config;
    if (!cli_option_number(args, options, OPT_CRYPT_CONFIG, 15, SS_SEAL_CRYPT_CONFIG_DEFAULT, &config))
        return CLI_USAGE;
    t->params.chip = rules->chip;
    t->params.crypt_config = (unsigned)config;
    if (args->options[OPT_CRYPT_CONFIG] && rules->chip->scheme != SS_FLASH_SCHEME_ESP32)
        return cli_usage(NULL, "%s has no FLASH_CRYPT_CONFIG", rules->chip->title);
    return load_table(args, rules, t);
}

int target_resolve(const struct cli_args *args, const struct cli_option *options, struct target *t)
{
    struct ss_table_options rules;

    if (!args->options[OPT_FLASH_KEY] == !args->options[OPT_DEVICE])
        return cli_usage(NULL, "exactly one of --flash-key and --device is needed");
    int status = table_options(args, options, &rules);
    if (status == CLI_OK)
        status = args->options[OPT_DEVICE] ? use_device(args, &rules, t) : use_files(args, options, &rules, t);
    if (status == CLI_OK)
        status = use_target(args, options, t, &rules);
    return status == CLI_OK ? load_key(args, t) : status;
}

void target_free(struct target *t)
{
    file_free(&t->table_file);
    file_free(&t->key_file);
    ss_vault_flash_key_wipe(&t->vault_key);
    ss_vault_close(t->vault);
}
