// SPDX-License-Identifier: Apache-2.0
// What is wrong with a complete table, by the generator's rules and by what bootloader and app do with it.
#include "core/partition_internal.h"

#include <stdio.h>
#include <string.h>

#define KIB(n)      ((uint32_t)(n) << 10)
#define APP_MAX     (16u << 20) // ESP-IDF esp_image_format.c
#define LABEL_SIZE  (SS_PARTITION_LABEL_SIZE + 1)
#define NVS_MINIMUM 0x3000u

struct checker {
    const struct ss_partition_table *table;
    struct ss_table_options options;
    struct ss_table_finding *out;
    size_t max;
    size_t count;
    struct ss_table_finding first_error; // count_errors > 0
    size_t count_errors;
};

static void add(struct checker *c, enum ss_table_severity severity, enum ss_table_problem problem, int row,
                const char *format, ...) SS_PRINTF(5, 6);

static void add(struct checker *c, enum ss_table_severity severity, enum ss_table_problem problem, int row,
                const char *format, ...)
{
    struct ss_table_finding f = {.severity = severity, .problem = problem, .row = row};
    char label[LABEL_SIZE];
    size_t used = 0;
    if (row >= 0) {
        const char *raw = c->table->rows[row].label;
        used = (size_t)snprintf(f.text, sizeof f.text,
                                "partition %s: ", ss_table_printable(raw, strlen(raw), label, sizeof label));
    }
    va_list args;
    va_start(args, format);
    vsnprintf(f.text + used, sizeof f.text - used, format, args);
    va_end(args);
    if (c->count < c->max)
        c->out[c->count] = f;
    c->count++;
    if (severity == SS_TABLE_ERROR && c->count_errors++ == 0)
        c->first_error = f;
}

static const char *label_of(const struct ss_partition *row, char out[LABEL_SIZE])
{
    return ss_table_printable(row->label, strlen(row->label), out, LABEL_SIZE);
}

static uint64_t end_of(const struct ss_partition *row)
{
    return (uint64_t)row->offset + row->size;
}

static bool is_data(const struct ss_partition *row, uint8_t subtype)
{
    return row->type == SS_PARTITION_DATA && row->subtype == subtype;
}

static void check_offset(struct checker *c, int i, const struct ss_partition *row)
{
    bool app = row->type == SS_PARTITION_APP;
    uint32_t unit = app ? KIB(64) : c->options.rules >= SS_TABLE_RULES_5_0 ? KIB(4) : 4;
    if (row->offset % unit != 0)
        add(c, SS_TABLE_ERROR, SS_TABLE_OFFSET_UNALIGNED, i, "offset 0x%x is not a multiple of 0x%x",
            (unsigned)row->offset, (unsigned)unit);
    else if (row->offset % KIB(4) != 0)
        add(c, SS_TABLE_WARNING, SS_TABLE_OFFSET_UNALIGNED, i,
            "offset 0x%x is not a multiple of the 0x1000 that flash erases, refused from ESP-IDF v5.0 on",
            (unsigned)row->offset);
    uint64_t first = (uint64_t)c->options.table_address + SS_TABLE_SECTOR_SIZE;
    if (row->offset < first && !ss_table_row_is_primary(row, c->options.rules))
        add(c, SS_TABLE_ERROR, SS_TABLE_BELOW_TABLE, i, "offset 0x%x is below 0x%llx, the end of the partition table",
            (unsigned)row->offset, (unsigned long long)first);
}

// What app sizes have to be a multiple of; 0: anything.
static uint32_t app_size_unit(const struct ss_table_options *o)
{
    if (o->secure == SS_TABLE_SECURE_V1 || (o->secure == SS_TABLE_SECURE_V2 && o->rules < SS_TABLE_RULES_4_3))
        return KIB(64);
    return o->secure == SS_TABLE_SECURE_V2 || o->rules >= SS_TABLE_RULES_5_3 ? KIB(4) : 0;
}

static void check_size(struct checker *c, int i, const struct ss_partition *row)
{
    uint32_t unit = row->type == SS_PARTITION_APP ? app_size_unit(&c->options) : 0;
    if (row->size == 0)
        add(c, SS_TABLE_WARNING, SS_TABLE_SIZE_ZERO, i, "size is 0");
    if (unit && row->size % unit != 0)
        add(c, SS_TABLE_ERROR, SS_TABLE_SIZE_UNALIGNED, i, "size 0x%x is not a multiple of 0x%x%s", (unsigned)row->size,
            (unsigned)unit,
            c->options.secure == SS_TABLE_SECURE_V1   ? ", which secure boot V1 needs"
            : c->options.secure == SS_TABLE_SECURE_V2 ? ", which secure boot V2 needs"
                                                      : "");
    if (c->options.flash_size && end_of(row) > c->options.flash_size)
        add(c, SS_TABLE_ERROR, SS_TABLE_BEYOND_FLASH, i, "ends at 0x%llx, flash ends at 0x%x",
            (unsigned long long)end_of(row), (unsigned)c->options.flash_size);
    if (row->type != SS_PARTITION_APP)
        return;
    if (row->size > APP_MAX)
        add(c, SS_TABLE_ERROR, SS_TABLE_APP_TOO_BIG, i, "size 0x%x is above the bootloader's limit 0x%x for apps",
            (unsigned)row->size, APP_MAX);
    else if (end_of(row) > c->options.chip->flash_limit)
        add(c, SS_TABLE_ERROR, SS_TABLE_APP_TOO_BIG, i, "ends at 0x%llx, the %s can run code from flash up to 0x%x",
            (unsigned long long)end_of(row), c->options.chip->title, (unsigned)c->options.chip->flash_limit);
}

static void check_name(struct checker *c, int i, const struct ss_partition *row)
{
    if (row->label_cut)
        add(c, SS_TABLE_WARNING, SS_TABLE_LABEL_CUT, i, "name is longer than %u bytes and was cut",
            SS_PARTITION_LABEL_SIZE);
    for (int j = 0; j < i; j++) {
        if (strcmp(c->table->rows[j].label, row->label) != 0)
            continue;
        add(c, SS_TABLE_ERROR, SS_TABLE_DUPLICATE_NAME, i, "row %d has the same name", j);
        break;
    }
    if (ss_table_name_misleads(row, c->options.rules))
        add(c, SS_TABLE_WARNING, SS_TABLE_MISLEADING_NAME, i, "named like a type or subtype, but is type %u subtype %u",
            row->type, row->subtype);
}

static void check_flags(struct checker *c, int i, const struct ss_partition *row)
{
    uint32_t known = 0;
    const struct ss_table_flag *flag;
    for (size_t k = 0; (flag = ss_table_flag_at(k)); k++)
        known |= flag->since <= c->options.rules ? flag->bit : 0;
    if (row->flags & ~known)
        add(c, SS_TABLE_WARNING, SS_TABLE_FLAG_UNKNOWN, i, "flags 0x%08x have no meaning in ESP-IDF v%s",
            (unsigned)(row->flags & ~known), ss_table_rules_name(c->options.rules));
    bool always_written = is_data(row, SS_PARTITION_DATA_OTA) || is_data(row, SS_PARTITION_DATA_COREDUMP);
    if (always_written && (row->flags & known & SS_PARTITION_READONLY))
        add(c, SS_TABLE_ERROR, SS_TABLE_READONLY_REFUSED, i, "is always written and cannot be readonly");
}

static void check_nvs(struct checker *c, int i, const struct ss_partition *row)
{
    if (!is_data(row, SS_PARTITION_DATA_NVS))
        return;
    if (row->flags & SS_PARTITION_ENCRYPTED)
        add(c, SS_TABLE_WARNING, SS_TABLE_NVS_ENCRYPTED, i,
            "flag encrypted does not encrypt NVS, which needs NVS encryption and an nvs_keys partition");
    if (row->size < NVS_MINIMUM && !(row->flags & SS_PARTITION_READONLY))
        add(c, c->options.rules >= SS_TABLE_RULES_5_5 ? SS_TABLE_ERROR : SS_TABLE_WARNING, SS_TABLE_NVS_SMALL, i,
            "size 0x%x is below the 0x%x that a writable NVS needs", (unsigned)row->size, NVS_MINIMUM);
}

// Reported once a pair, at the row that begins second.
static void check_overlap(struct checker *c, int i, const struct ss_partition *row)
{
    char label[LABEL_SIZE];
    for (int j = 0; j < (int)c->table->count; j++) {
        const struct ss_partition *other = &c->table->rows[j];
        bool before = other->offset < row->offset || (other->offset == row->offset && j < i);
        if (j == i || !before || end_of(other) <= row->offset)
            continue;
        add(c, SS_TABLE_ERROR, SS_TABLE_OVERLAP, i, "offset 0x%x lies in %s, 0x%x to 0x%llx", (unsigned)row->offset,
            label_of(other, label), (unsigned)other->offset, (unsigned long long)end_of(other));
        return;
    }
}

static unsigned count_rows(const struct checker *c, uint8_t type, uint8_t subtype, int *first)
{
    unsigned n = 0;
    for (int i = 0; i < (int)c->table->count; i++) {
        const struct ss_partition *row = &c->table->rows[i];
        if (row->type == type && row->subtype == subtype && n++ == 0)
            *first = i;
    }
    return n;
}

// The bootloader counts the rows, the app counts up from ota_0 until one is missing: both have to agree.
static void check_slots(struct checker *c)
{
    unsigned slots = ss_table_ota_count(c->table);
    for (unsigned slot = 0; slot < SS_PARTITION_MAX_OTA; slot++) {
        int first = -1;
        unsigned rows = count_rows(c, SS_PARTITION_APP, (uint8_t)(SS_PARTITION_APP_OTA_0 + slot), &first);
        if (rows > 1)
            add(c, SS_TABLE_ERROR, SS_TABLE_SLOT_GAP, -1, "%u rows are ota_%u", rows, slot);
        else if (rows == 0 && slot < slots)
            add(c, SS_TABLE_ERROR, SS_TABLE_SLOT_GAP, -1, "there are %u OTA slots, but no ota_%u", slots, slot);
    }
    if (slots == 0 && !ss_table_find_type(c->table, SS_PARTITION_APP, SS_PARTITION_APP_FACTORY, 0) &&
        !ss_table_find_type(c->table, SS_PARTITION_APP, SS_PARTITION_APP_TEST, 0))
        add(c, SS_TABLE_WARNING, SS_TABLE_NO_APP, -1, "no app partition to boot");
}

static void check_otadata(struct checker *c, uint8_t subtype, const char *name)
{
    int first = -1;
    unsigned rows = count_rows(c, SS_PARTITION_DATA, subtype, &first);
    if (rows > 1)
        add(c, SS_TABLE_ERROR, SS_TABLE_OTADATA_REPEATED, -1, "%u %s partitions, only one is allowed", rows, name);
    if (rows == 0)
        return;
    uint32_t size = c->table->rows[first].size;
    if (size < 0x2000 || (size != 0x2000 && c->options.rules >= SS_TABLE_RULES_4_4))
        add(c, SS_TABLE_ERROR, SS_TABLE_OTADATA_SIZE, first, "%s has size 0x%x, 0x2000 is needed", name,
            (unsigned)size);
}

static void check_whole(struct checker *c)
{
    int first;
    if (c->table->count == 0) {
        add(c, SS_TABLE_ERROR, SS_TABLE_EMPTY, -1, "table has no rows");
        return;
    }
    check_slots(c);
    check_otadata(c, SS_PARTITION_DATA_OTA, "otadata");
    if (c->options.rules >= SS_TABLE_RULES_5_5)
        check_otadata(c, SS_PARTITION_DATA_TEE_OTA, "TEE otadata");
    if (ss_table_ota_count(c->table) > 0 && count_rows(c, SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, &first) == 0)
        add(c, SS_TABLE_WARNING, SS_TABLE_OTADATA_MISSING, -1,
            "OTA slots without otadata: the bootloader cannot be told which one to start");
}

static void check_all(struct checker *c)
{
    for (int i = 0; i < (int)c->table->count; i++) {
        const struct ss_partition *row = &c->table->rows[i];
        check_name(c, i, row);
        check_offset(c, i, row);
        check_size(c, i, row);
        check_overlap(c, i, row);
        check_flags(c, i, row);
        check_nvs(c, i, row);
    }
    check_whole(c);
}

size_t ss_table_check(const struct ss_partition_table *table, const struct ss_table_options *options,
                      struct ss_table_finding *out, size_t max)
{
    struct checker c = {.table = table, .options = ss_table_defaults(options), .out = out, .max = max};
    check_all(&c);
    return c.count;
}

ss_status_t ss_table_verify(const struct ss_partition_table *table, const struct ss_table_options *options,
                            struct ss_error *err)
{
    struct checker c = {.table = table, .options = ss_table_defaults(options)};
    check_all(&c);
    if (c.count_errors == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_PARTITION_TABLE, "%s", c.first_error.text);
}
