// SPDX-License-Identifier: Apache-2.0
// What all devices of a kind share.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "signing.h"
#include "table_file.h"
#include "vault_option.h"

static const struct cli_option add_options[] = {
    OPTION_CHIP,
    {OPT_TABLE, "table", 't', true, "FILE", "partition table, CSV or binary", NULL, COMPLETE_FILE},
    {OPT_SECURE_BOOT, "secure-boot", 0, true, "SCHEME", "how its chips verify what they boot",
     "none v1-one-time v1-reflashable v2", COMPLETE_CHOICE},
    {OPT_SIGN_KEY, "sign-key", 's', false, "KEY", "its signing key: PEM file, pkcs11:URI or vault:NAME", NULL,
     COMPLETE_FILE},
    {OPT_PER_DEVICE_KEYS, "per-device-sign-keys", 0, false, NULL, "each device has a signing key of its own", NULL,
     COMPLETE_NOTHING},
    {OPT_FLASH_SIZE, "flash-size", 0, false, "SIZE", "bytes of flash, such as 4MB", NULL, COMPLETE_NOTHING},
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    OPTIONS_VAULT,
    OPTION_END,
};

/// The public half of --sign-key; the private one is none of a product's.
static ss_status_t read_public_key(const struct cli_args *args, struct ss_vault_product *product, struct ss_error *err)
{
    struct input file = {0};
    ss_signing_key_t *key = NULL;
    size_t len = 0;
    const char *name = signing_vault_name(args->options[OPT_SIGN_KEY]);
    ss_status_t status = name ? signing_vault_public(args, name, &key, err)
                              : signing_key_read(args->options[OPT_SIGN_KEY], &file, &key, err);
    if (status == SS_OK && name) // the vault has such a key: the name is not too long
        snprintf(product->sign_key, sizeof product->sign_key, "%s", name);
    if (status == SS_OK)
        status = ss_signing_key_write_public(key, (uint8_t *)product->public_keys[0],
                                             sizeof product->public_keys[0] - 1, &len, err);
    ss_signing_key_free(key);
    file_free(&file);
    return status;
}

static int add_check(const struct cli_args *args, const struct ss_vault_product *product)
{
    bool key = args->options[OPT_SIGN_KEY] != NULL, signs = product->secure_boot != SS_SECURE_BOOT_NONE;
    if (key && product->per_device_sign_keys)
        return cli_usage(NULL, "--sign-key and --per-device-sign-keys exclude each other");
    if (signs && !key && !product->per_device_sign_keys)
        return cli_usage("--sign-key KEY or --per-device-sign-keys", "who signs for --secure-boot %s?",
                         ss_secure_boot_scheme_name(product->secure_boot));
    if (strlen(args->operands[0]) >= sizeof product->name)
        return cli_usage(NULL, "the name of the product is longer than %zu characters", sizeof product->name - 1);
    return CLI_OK;
}

static ss_status_t add_fill(const struct cli_args *args, const struct ss_table_options *rules,
                            struct ss_vault_product *product, struct ss_error *err)
{
    struct input file = {0};
    struct ss_partition_table table;
    strcpy(product->name, args->operands[0]);
    strcpy(product->chip, rules->chip->name);
    product->table = (struct ss_vault_table){
        .len = SS_TABLE_BINARY_SIZE, .address = rules->table_address, .flash_size = rules->flash_size};
    ss_status_t status = table_load(args->options[OPT_TABLE], rules, &file, &table, err);
    if (status == SS_OK && table_report_findings(file.name, &table, rules))
        status =
            ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_PARTITION_TABLE, "%s: not a table to build on", file.name);
    if (status == SS_OK)
        status = ss_table_to_binary(&table, product->table.bytes, err);
    file_free(&file);
    if (status == SS_OK && args->options[OPT_SIGN_KEY])
        status = read_public_key(args, product, err);
    return status;
}

static int run_add(const struct cli_args *args)
{
    struct ss_vault_product product = {0};
    struct ss_table_options rules;
    struct ss_vault *vault;
    struct ss_error err = {0};
    (void)ss_secure_boot_scheme_from_name(args->options[OPT_SECURE_BOOT], &product.secure_boot); // a choice
    product.per_device_sign_keys = args->options[OPT_PER_DEVICE_KEYS] != NULL;
    int status = table_options(args, add_options, &rules);
    if (status == CLI_OK)
        status = add_check(args, &product);
    if (status != CLI_OK)
        return status;
    if (add_fill(args, &rules, &product, &err) != SS_OK)
        return cli_fail(&err);
    status = vault_option_open(args, false, &vault);
    if (status != CLI_OK)
        return status;
    if (ss_vault_product_add(vault, &product, &err) != SS_OK)
        status = vault_fail(&err);
    ss_vault_close(vault);
    return status;
}

const struct cli_command command_product_add = {
    .path = "product add",
    .summary = "describe a kind of device",
    .description =
        "Chip, partition table and secure boot scheme are the same for all devices of a product. Of --sign-key "
        "only the public half is kept: what the chips are to trust.",
    .operands = "NAME",
    .options = add_options,
    .example = "export SLOTSEAL_VAULT=sqlite:fleet.vault\n"
               "slotseal product add lamp --table partitions.csv --flash-size 4MB \\\n"
               "    --secure-boot v1-one-time --per-device-sign-keys\n",
    .run = run_add,
};

static const struct cli_option list_options[] = {OPTIONS_VAULT, OPTION_JSON, OPTION_END};

static json_t *json_product(const struct ss_vault_product *p)
{
    json_t *keys = json_array();
    for (int i = 0; i < 3; i++)
        if (p->public_keys[i][0])
            json_array_append_new(keys, json_text(p->public_keys[i]));
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:o, s:I}", "name", p->name, "chip", p->chip, "secure_boot",
                     ss_secure_boot_scheme_name(p->secure_boot), "per_device_sign_keys", p->per_device_sign_keys,
                     "sign_key", p->sign_key, "table_address", (json_int_t)p->table.address, "flash_size",
                     (json_int_t)p->table.flash_size, "public_keys", keys, "created", (json_int_t)p->created);
}

static const char *signed_by(const struct ss_vault_product *p)
{
    if (p->per_device_sign_keys)
        return "a key for each device";
    return p->sign_key[0] ? p->sign_key : p->public_keys[0][0] ? "one key" : "nobody";
}

static ss_status_t list_one(void *context, const struct ss_vault_product *product, struct ss_error *err)
{
    json_t *array = context;
    (void)err;
    if (array)
        json_array_append_new(array, json_product(product));
    else
        printf("%-24s %-10s %-16s signed by %s\n", product->name, product->chip,
               ss_secure_boot_scheme_name(product->secure_boot), signed_by(product));
    return SS_OK;
}

static int run_list(const struct cli_args *args)
{
    struct ss_vault *vault;
    struct ss_error err = {0};
    int status = vault_option_open(args, false, &vault);
    if (status != CLI_OK)
        return status;
    json_t *array = args->options[OPT_JSON] ? json_array() : NULL;
    if (ss_vault_product_list(vault, list_one, array, &err) != SS_OK) {
        json_decref(array);
        status = vault_fail(&err);
    } else if (array) {
        status = json_print(json_pack("{s:o}", "products", array), CLI_OK);
    }
    ss_vault_close(vault);
    return status;
}

const struct cli_command command_product_list = {
    .path = "product list",
    .summary = "list the products",
    .description = "One line a product: name, chip, secure boot, who signs.",
    .options = list_options,
    .example = "slotseal product list --vault sqlite:fleet.vault\n",
    .run = run_list,
};

static int show(const struct cli_args *args, const struct ss_vault_product *p)
{
    static char csv[8192];
    struct ss_partition_table table;
    struct ss_error err = {0};
    size_t len = 0;
    if (ss_table_from_binary(p->table.bytes, p->table.len, &table, &err) != SS_OK ||
        ss_table_to_csv(&table, SS_TABLE_RULES_5_5, csv, sizeof csv, &len, &err) != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON]) {
        json_t *object = json_product(p);
        if (object)
            json_object_set_new(object, "table", json_text(csv));
        return json_print(object, CLI_OK);
    }
    printf("%s: %s, secure boot %s, signed by %s\n", p->name, p->chip, ss_secure_boot_scheme_name(p->secure_boot),
           signed_by(p));
    printf("partition table at 0x%x%s\n%s", (unsigned)p->table.address,
           p->table.flash_size ? "" : ", flash size not said", csv);
    for (int i = 0; i < 3; i++)
        fputs(p->public_keys[i], stdout);
    return CLI_OK;
}

static int run_show(const struct cli_args *args)
{
    struct ss_vault *vault;
    struct ss_vault_product product;
    struct ss_error err = {0};
    int status = vault_option_open(args, false, &vault);
    if (status != CLI_OK)
        return status;
    if (ss_vault_product_get(vault, args->operands[0], &product, &err) != SS_OK)
        status = vault_fail(&err);
    else
        status = show(args, &product);
    ss_vault_close(vault);
    return status;
}

const struct cli_command command_product_show = {
    .path = "product show",
    .summary = "all that is known of a product",
    .description = "Its chip, scheme, partition table and public keys.",
    .operands = "NAME",
    .options = list_options,
    .example = "slotseal product show lamp --vault sqlite:fleet.vault\n",
    .run = run_show,
};
