// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "table_file.h"

enum { CSV_SIZE = 16384, MAX_FINDINGS = 64 };

static const struct cli_option build_options[] = {
    OPTION_OUTPUT,
    {OPT_FLASH_SIZE, "flash-size", 0, false, "SIZE", "refuse a table that does not fit: 4MB, 0x400000, ...", NULL,
     COMPLETE_NOTHING},
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    {OPT_SECURE, "secure", 0, false, "VERSION", "require app sizes that suit secure boot", "v1 v2", COMPLETE_CHOICE},
    {OPT_NO_MD5, "no-md5", 0, false, NULL, "leave out the MD5 row (for ESP-IDF before v3.1)", NULL, COMPLETE_NOTHING},
    OPTION_CHIP,
    OPTION_END,
};

static int build(const struct cli_args *args, const struct ss_table_options *options, struct input *in,
                 struct ss_error *err)
{
    struct ss_partition_table table;
    uint8_t binary[SS_TABLE_BINARY_SIZE];

    if (table_load(args->operands[0], options, in, &table, err) != SS_OK)
        return cli_fail(err);
    if (table_report_findings(in->name, &table, options))
        return CLI_FAILED;
    if (args->options[OPT_NO_MD5])
        table.md5 = false;
    const struct input *inputs[] = {in, NULL};
    if (ss_table_to_binary(&table, binary, err) != SS_OK ||
        file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, binary, sizeof binary, inputs, err) != SS_OK)
        return cli_fail(err);
    return CLI_OK;
}

static int run_build(const struct cli_args *args)
{
    struct ss_table_options options;
    struct input in = {0};
    struct ss_error err = {0};

    int status = table_options(args, build_options, &options);
    if (status == CLI_OK)
        status = build(args, &options, &in, &err);
    file_free(&in);
    return status;
}

const struct cli_command command_table_build = {
    .path = "table build",
    .summary = "make the binary partition table from CSV",
    .description = "Follows the rules of gen_esp32part.py from ESP-IDF v4.0.1, or of a later release with --rules. "
                   "Mistakes are reported with line and column.",
    .operands = "IN.csv",
    .options = build_options,
    .example = "slotseal table build partitions.csv --flash-size 4MB -o partitions.bin\n",
    .run = run_build,
};

static const struct cli_option show_options[] = {
    OPTION_JSON,
    {OPT_CSV, "csv", 0, false, NULL, "print the table as CSV that table build takes", NULL, COMPLETE_NOTHING},
    {OPT_FLASH_SIZE, "flash-size", 0, false, "SIZE", "report what does not fit: 4MB, 0x400000, ...", NULL,
     COMPLETE_NOTHING},
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    OPTION_CHIP,
    OPTION_END,
};

static const char *type_text(const struct ss_partition *row, enum ss_table_rules rules, char out[8])
{
    const char *name = ss_partition_type_name(row->type, rules);
    snprintf(out, 8, "0x%02x", row->type);
    return name ? name : out;
}

static const char *subtype_text(const struct ss_partition *row, enum ss_table_rules rules, char out[8])
{
    const char *name = ss_partition_subtype_name(row->type, row->subtype, rules);
    snprintf(out, 8, "0x%02x", row->subtype);
    return name ? name : out;
}

static void print_text(const struct ss_partition_table *table, enum ss_table_rules rules)
{
    char type[8], subtype[8], label[sizeof table->rows[0].label];

    printf("%-16s  %-10s  %-10s  %10s  %10s  %10s  %s\n", "name", "type", "subtype", "offset", "size", "end", "flags");
    for (size_t i = 0; i < table->count; i++) {
        const struct ss_partition *row = &table->rows[i];
        memcpy(label, row->label, sizeof label);
        printf("%-16s  %-10s  %-10s  0x%08x  0x%08x  0x%08llx  %s%s%s\n", cli_printable(label),
               type_text(row, rules, type), subtype_text(row, rules, subtype), row->offset, row->size,
               (unsigned long long)row->offset + row->size,
               row->flags & SS_PARTITION_ENCRYPTED  ? "encrypted"
               : row->flags & SS_PARTITION_READONLY ? ""
                                                    : "-",
               row->flags & SS_PARTITION_ENCRYPTED && row->flags & SS_PARTITION_READONLY ? ":" : "",
               row->flags & SS_PARTITION_READONLY ? "readonly" : "");
    }
    printf("%zu partitions, %s, %s\n", table->count, table->md5 ? "with MD5" : "without MD5",
           table->v1_signature ? "with a V1 signature" : "not signed");
}

static json_t *json_row(const struct ss_partition *row, enum ss_table_rules rules)
{
    char type[8], subtype[8];
    return json_pack("{s:o, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:b, s:b, s:b}", "name", json_text(row->label), "type",
                     type_text(row, rules, type), "subtype", subtype_text(row, rules, subtype), "type_value", row->type,
                     "subtype_value", row->subtype, "offset", (json_int_t)row->offset, "size", (json_int_t)row->size,
                     "flags", (json_int_t)row->flags, "encrypted_flag", (row->flags & SS_PARTITION_ENCRYPTED) != 0,
                     "readonly", (row->flags & SS_PARTITION_READONLY) != 0, "encrypted",
                     ss_partition_is_encrypted(row));
}

static json_t *json_findings(const struct ss_partition_table *table, const struct ss_table_options *options)
{
    struct ss_table_finding findings[MAX_FINDINGS];
    size_t count = ss_table_check(table, options, findings, MAX_FINDINGS);
    json_t *array = json_array();

    for (size_t i = 0; i < count && i < MAX_FINDINGS; i++)
        json_array_append_new(array, json_pack("{s:s, s:o}", "severity",
                                               findings[i].severity == SS_TABLE_ERROR ? "error" : "warning", "text",
                                               json_text(findings[i].text)));
    return array;
}

static json_t *json_table(const struct ss_partition_table *table, const struct ss_table_options *options, bool binary)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < table->count; i++)
        json_array_append_new(rows, json_row(&table->rows[i], options->rules));
    return json_pack("{s:s, s:I, s:b, s:b, s:I, s:i, s:o, s:o}", "format", binary ? "binary" : "csv", "table_offset",
                     (json_int_t)options->table_address, "md5", table->md5, "v1_signature", table->v1_signature, "end",
                     (json_int_t)table_end(table), "ota_slots", (int)ss_table_ota_count(table), "partitions", rows,
                     "findings", json_findings(table, options));
}

static int print_csv(const struct ss_partition_table *table, enum ss_table_rules rules, struct ss_error *err)
{
    char text[CSV_SIZE];
    size_t len;
    if (ss_table_to_csv(table, rules, text, sizeof text, &len, err) != SS_OK)
        return cli_fail(err);
    fwrite(text, 1, len, stdout);
    return CLI_OK;
}

static int run_show(const struct cli_args *args)
{
    struct ss_table_options options;
    struct ss_partition_table table;
    struct input in = {0};
    struct ss_error err = {0};

    int status = table_options(args, show_options, &options);
    if (status != CLI_OK)
        return status;
    if (args->options[OPT_JSON] && args->options[OPT_CSV])
        return cli_usage(NULL, "--json and --csv exclude each other");
    if (table_load(args->operands[0], &options, &in, &table, &err) != SS_OK)
        return cli_fail(&err);
    if (args->options[OPT_JSON]) {
        bool failed = ss_table_verify(&table, &options, NULL) != SS_OK;
        status = json_print(json_table(&table, &options, ss_table_is_binary(in.data, in.len)),
                            failed ? CLI_REFUSED : CLI_OK);
    } else {
        if (args->options[OPT_CSV])
            status = print_csv(&table, options.rules, &err);
        else
            print_text(&table, options.rules);
        if (table_report_findings(in.name, &table, &options) && status == CLI_OK)
            status = CLI_REFUSED;
    }
    file_free(&in);
    return status;
}

const struct cli_command command_table_show = {
    .path = "table show",
    .summary = "show and check a partition table, CSV or binary",
    .description = "Prints the rows and what bootloader, app or table generator would object to. Exit status 3 means "
                   "that there is an error among the findings.",
    .operands = "FILE",
    .options = show_options,
    .example = "slotseal table show partitions.bin --flash-size 4MB\n",
    .run = run_show,
};
