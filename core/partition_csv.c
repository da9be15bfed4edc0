// SPDX-License-Identifier: Apache-2.0
// Partition table CSV -> rows, by the rules of ESP-IDF's generator. Offsets and sizes are completed row by row, since
// each depends only on the rows before it.
#include "core/partition_line.h"

#include <string.h>

// At the position of a column's text.
#define FAIL(r, span, ...) ss_table_fail_at(r, SS_ERROR_DATA_INVALID, (r)->column[(span).at], __VA_ARGS__)

// A keyword of the rules, or a number from 0 to 255.
static ss_status_t parse_keyword(struct ss_table_reader *r, struct ss_table_span s, const char *what,
                                 const struct ss_table_keyword *keyword, uint8_t *out)
{
    char q[SS_TABLE_QUOTE_SIZE];
    int64_t number;
    if (ss_table_integer(r->text + s.at, s.len, &number)) {
        if (number < 0 || number > 255)
            return FAIL(r, s, "%s %s is not in 0..255", what, ss_table_quote(r, s, q));
        *out = (uint8_t)number;
        return SS_OK;
    }
    if (!keyword)
        return FAIL(r, s, "%s '%s' is neither a number nor a known word", what, ss_table_quote(r, s, q));
    if (keyword->since > r->options.rules)
        return FAIL(r, s, "%s '%s' exists from ESP-IDF v%s on, the rules are those of v%s", what,
                    ss_table_quote(r, s, q), ss_table_rules_name(keyword->since),
                    ss_table_rules_name(r->options.rules));
    *out = keyword->value;
    return SS_OK;
}

static ss_status_t parse_label(struct ss_table_reader *r, struct ss_table_span s, struct ss_partition *row)
{
    for (size_t i = s.at; i < s.at + s.len; i++)
        if ((unsigned char)r->text[i] < ' ' || r->text[i] == 0x7F)
            return ss_table_fail_at(r, SS_ERROR_DATA_INVALID, r->column[i], "name has a control character, 0x%02x",
                                    (unsigned)(unsigned char)r->text[i]);
    row->label_cut = s.len > SS_PARTITION_LABEL_SIZE;
    memcpy(row->label, r->text + s.at, row->label_cut ? SS_PARTITION_LABEL_SIZE : s.len);
    return SS_OK;
}

static ss_status_t parse_type(struct ss_table_reader *r, struct ss_table_span s, struct ss_partition *row)
{
    if (s.len == 0)
        return FAIL(r, s, "type is missing");
    return parse_keyword(r, s, "type", ss_table_type_keyword(r->text + s.at, s.len), &row->type);
}

static ss_status_t parse_subtype(struct ss_table_reader *r, struct ss_table_span s, struct ss_partition *row)
{
    if (s.len > 0)
        return parse_keyword(r, s, "subtype", ss_table_subtype_keyword(row->type, r->text + s.at, s.len),
                             &row->subtype);
    if (r->options.rules == SS_TABLE_RULES_4_0)
        row->subtype = 0;
    else if (row->type == SS_PARTITION_APP)
        return FAIL(r, s, "subtype of an app is missing");
    else
        row->subtype = 0x06; // "undefined"
    return SS_OK;
}

static ss_status_t parse_flags(struct ss_table_reader *r, struct ss_table_span s, struct ss_partition *row)
{
    char q[SS_TABLE_QUOTE_SIZE];
    for (size_t at = s.at, end = s.at + s.len; at <= end;) {
        const char *colon = memchr(r->text + at, ':', end - at);
        struct ss_table_span word = {at, colon ? (size_t)(colon - r->text) - at : end - at};
        at += word.len + 1;
        if (word.len == 0)
            continue;
        const struct ss_table_flag *flag = NULL;
        for (size_t i = 0; (flag = ss_table_flag_at(i)); i++)
            if (strlen(flag->name) == word.len && memcmp(flag->name, r->text + word.at, word.len) == 0)
                break;
        if (!flag)
            return FAIL(r, word, "flag '%s' is unknown", ss_table_quote(r, word, q));
        if (flag->since > r->options.rules)
            return FAIL(r, word, "flag '%s' exists from ESP-IDF v%s on, the rules are those of v%s", flag->name,
                        ss_table_rules_name(flag->since), ss_table_rules_name(r->options.rules));
        row->flags |= flag->bit;
    }
    return SS_OK;
}

// Bootloaders and tables (rules v5.4) have their size, and mostly their place, from the project and not from the CSV.
static bool fixed_size(const struct ss_table_reader *r, const struct ss_partition *row, int64_t *size)
{
    if (r->options.rules < SS_TABLE_RULES_5_4)
        return false;
    if (row->type == SS_PARTITION_BOOTLOADER)
        *size = (int64_t)r->options.table_address - r->options.chip->bootloader_address;
    else if (row->type == SS_PARTITION_TABLE)
        *size = SS_TABLE_SECTOR_SIZE;
    else
        return false;
    return true;
}

static ss_status_t fixed_offset(struct ss_table_reader *r, struct ss_table_span s, const struct ss_partition *row,
                                int64_t *offset, bool *fixed)
{
    const struct ss_table_options *o = &r->options;
    *fixed = true;
    if (ss_table_row_is_primary(row, o->rules)) {
        *offset = row->type == SS_PARTITION_TABLE ? o->table_address : o->chip->bootloader_address;
    } else if (o->rules >= SS_TABLE_RULES_5_5 && row->type == SS_PARTITION_BOOTLOADER && row->subtype == 2) {
        if (o->recovery_bootloader == 0)
            return FAIL(r, s, "address of the recovery bootloader is not given");
        *offset = o->recovery_bootloader;
    } else {
        *fixed = false;
    }
    return SS_OK;
}

static uint32_t offset_unit(const struct ss_table_reader *r, const struct ss_partition *row)
{
    if (row->type == SS_PARTITION_APP)
        return 0x10000;
    return r->options.rules >= SS_TABLE_RULES_5_0 ? 0x1000 : 4;
}

static ss_status_t check_offset(struct ss_table_reader *r, struct ss_table_span s, int64_t offset)
{
    bool first = r->free == (uint64_t)r->options.table_address + SS_TABLE_SECTOR_SIZE;
    if (offset < (int64_t)r->free)
        return FAIL(r, s, "offset %s0x%llx overlaps: %s ends at 0x%llx", offset < 0 ? "-" : "",
                    (unsigned long long)(offset < 0 ? -offset : offset),
                    first ? "the partition table" : "the row before", (unsigned long long)r->free);
    if (offset > (int64_t)UINT32_MAX)
        return FAIL(r, s, "offset is beyond 4 GiB");
    return SS_OK;
}

static ss_status_t place_row(struct ss_table_reader *r, struct ss_table_span s, struct ss_partition *row)
{
    char q[SS_TABLE_QUOTE_SIZE];
    bool fixed;
    int64_t offset = 0;
    ss_status_t status = fixed_offset(r, s, row, &offset, &fixed);
    if (status != SS_OK)
        return status;
    if (!fixed && s.len == 0) {
        uint64_t unit = offset_unit(r, row);
        offset = (int64_t)((r->free + unit - 1) / unit * unit);
    } else if (!fixed && !ss_table_integer(r->text + s.at, s.len, &offset)) {
        return FAIL(r, s, "offset '%s' is not a number", ss_table_quote(r, s, q));
    }
    if (!ss_table_row_is_primary(row, r->options.rules) && (status = check_offset(r, s, offset)) != SS_OK)
        return status;
    row->offset = (uint32_t)offset;
    return SS_OK;
}

static ss_status_t size_row(struct ss_table_reader *r, struct ss_table_span s, struct ss_partition *row)
{
    char q[SS_TABLE_QUOTE_SIZE];
    int64_t size;
    if (!fixed_size(r, row, &size)) {
        if (s.len == 0)
            return FAIL(r, s, "size is missing");
        if (!ss_table_integer(r->text + s.at, s.len, &size))
            return FAIL(r, s, "size '%s' is not a number", ss_table_quote(r, s, q));
        if (size < 0) // the address where the partition ends
            size = -size - row->offset;
    }
    if (size < 0)
        return FAIL(r, s, "partition ends before its offset 0x%x", (unsigned)row->offset);
    if (size > (int64_t)UINT32_MAX - row->offset)
        return FAIL(r, s, "partition reaches beyond 4 GiB");
    row->size = (uint32_t)size;
    if (!ss_table_row_is_primary(row, r->options.rules))
        r->free = (uint64_t)row->offset + row->size;
    return SS_OK;
}

static ss_status_t parse_row(struct ss_table_reader *r, struct ss_partition *row)
{
    static ss_status_t (*const parsers[SS_COLUMNS])(struct ss_table_reader *, struct ss_table_span,
                                                    struct ss_partition *) = {
        [SS_COLUMN_NAME] = parse_label, [SS_COLUMN_TYPE] = parse_type, [SS_COLUMN_SUBTYPE] = parse_subtype,
        [SS_COLUMN_OFFSET] = place_row, [SS_COLUMN_SIZE] = size_row,   [SS_COLUMN_FLAGS] = parse_flags,
    };
    struct ss_table_span fields[SS_COLUMNS];
    ss_table_split(r, fields);
    *row = (struct ss_partition){.line = r->line};
    for (int i = 0; i < SS_COLUMNS; i++) {
        ss_status_t status = parsers[i](r, fields[i], row);
        if (status != SS_OK)
            return status;
    }
    return SS_OK;
}

static ss_status_t parse_rows(struct ss_table_reader *r, struct ss_partition_table *table)
{
    r->free = (uint64_t)r->options.table_address + SS_TABLE_SECTOR_SIZE;
    bool found;
    ss_status_t status;
    while ((status = ss_table_next_row(r, &found)) == SS_OK && found) {
        if (table->count == SS_TABLE_MAX_ROWS)
            return ss_table_fail_at(r, SS_ERROR_INSUFFICIENT_SPACE, 1, "a table has at most %u rows",
                                    SS_TABLE_MAX_ROWS);
        status = parse_row(r, &table->rows[table->count]);
        if (status != SS_OK)
            return status;
        table->count++;
    }
    return status;
}

ss_status_t ss_table_from_csv(const char *csv, size_t len, const struct ss_table_options *options,
                              struct ss_partition_table *table, struct ss_error *err)
{
    struct ss_table_reader r = {.options = ss_table_defaults(options), .csv = csv, .len = len, .err = err};
    memset(table, 0, sizeof *table);
    ss_status_t status = parse_rows(&r, table);
    if (status != SS_OK)
        memset(table, 0, sizeof *table);
    else
        table->md5 = true;
    return status;
}
