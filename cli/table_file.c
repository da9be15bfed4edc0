// SPDX-License-Identifier: Apache-2.0
#include "table_file.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FINDINGS = 64 };

const struct ss_chip *cli_chip(const struct cli_args *args)
{
    const char *name = args->options[OPT_CHIP];
    const struct ss_chip *chip = name ? ss_chip_find(name) : ss_chip_at(0);
    if (!chip) {
        char known[256] = "";
        for (size_t i = 0; (chip = ss_chip_at(i)); i++) {
            strncat(known, i ? " " : "", sizeof known - strlen(known) - 1);
            strncat(known, chip->name, sizeof known - strlen(known) - 1);
        }
        cli_error("--chip %s is not known", name);
        cli_hint("one of: %s", known);
    }
    return chip;
}

static const char *get_environment(void *context, const char *name, size_t name_len)
{
    char copy[256];
    (void)context;
    if (name_len >= sizeof copy)
        return NULL;
    memcpy(copy, name, name_len);
    copy[name_len] = '\0';
    return getenv(copy);
}

int table_options(const struct cli_args *args, const struct cli_option *options, struct ss_table_options *out)
{
    uint64_t address, flash_size;
    const char *rules = args->options[OPT_RULES];

    *out = (struct ss_table_options){.getenv_fn = get_environment, .chip = cli_chip(args)};
    if (!out->chip || !cli_option_number(args, options, OPT_TABLE_OFFSET, 0xFFF000, 0, &address) ||
        !cli_option_number(args, options, OPT_FLASH_SIZE, UINT32_MAX, 0, &flash_size))
        return CLI_USAGE;
    if (rules && !ss_table_rules_from_version(rules, &out->rules))
        return cli_usage("for example --rules 5.1", "--rules %s is not an ESP-IDF version from 4.0", rules);
    if (address % SS_TABLE_SECTOR_SIZE)
        return cli_usage(NULL, "--table-offset 0x%x is not a multiple of 0x1000", (unsigned)address);
    out->table_address = address ? (uint32_t)address : out->chip->table_address;
    out->flash_size = (uint32_t)flash_size;
    if (args->options[OPT_SECURE])
        out->secure = !strcmp(args->options[OPT_SECURE], "v1") ? SS_TABLE_SECURE_V1 : SS_TABLE_SECURE_V2;
    return CLI_OK;
}

ss_status_t table_load(const char *path, const struct ss_table_options *options, struct input *in,
                       struct ss_partition_table *table, struct ss_error *err)
{
    ss_status_t status = file_read(path, FILE_LIMIT, in, err);
    if (status != SS_OK)
        return status;
    if (ss_table_is_binary(in->data, in->len))
        status = ss_table_from_binary(in->data, in->len, table, err);
    else
        status = ss_table_from_csv((const char *)in->data, in->len, options, table, err);
    if (status == SS_OK)
        return SS_OK;
    status = ss_error_prefix(err, status, "%s", in->name);
    file_free(in);
    return status;
}

bool table_report_findings(const char *name, const struct ss_partition_table *table,
                           const struct ss_table_options *options)
{
    struct ss_table_finding findings[MAX_FINDINGS];
    size_t count = ss_table_check(table, options, findings, MAX_FINDINGS);
    bool failed = false;

    for (size_t i = 0; i < count && i < MAX_FINDINGS; i++) {
        if (findings[i].severity == SS_TABLE_ERROR) {
            cli_error("%s: %s", name, findings[i].text);
            failed = true;
        } else {
            cli_warning("%s: %s", name, findings[i].text);
        }
    }
    return failed;
}

uint32_t table_end(const struct ss_partition_table *table)
{
    uint32_t end = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct ss_partition *row = &table->rows[i];
        if (row->size <= UINT32_MAX - row->offset && row->offset + row->size > end)
            end = row->offset + row->size;
    }
    return end;
}
