// SPDX-License-Identifier: Apache-2.0
// Rows -> CSV, in the generator's format.
#include "core/partition_internal.h"

#include <stdio.h>
#include <string.h>

// Counts what does not fit too, so that the caller learns the size needed.
struct writer {
    char *out;
    size_t size;
    size_t len;
};

static void put(struct writer *w, const char *format, ...) SS_PRINTF(2, 3);

static void put(struct writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = w->len < w->size ? w->size - w->len : 0;
    int n = vsnprintf(room ? w->out + w->len : NULL, room, format, args);
    va_end(args);
    w->len += n > 0 ? (size_t)n : 0;
}

static bool is_csv_label(const char *label)
{
    size_t len = strlen(label);
    if (label[0] == '#' || (len > 0 && (label[0] == ' ' || label[len - 1] == ' ')))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)label[i] < ' ' || label[i] == 0x7F || label[i] == ',' || label[i] == '$')
            return false;
    return true;
}

static void put_word(struct writer *w, const char *word, unsigned number)
{
    if (word)
        put(w, "%s,", word);
    else
        put(w, "%u,", number);
}

static void put_size(struct writer *w, uint32_t size)
{
    if (size % 0x100000 == 0)
        put(w, "%uM,", (unsigned)(size / 0x100000));
    else if (size % 0x400 == 0)
        put(w, "%uK,", (unsigned)(size / 0x400));
    else
        put(w, "0x%x,", (unsigned)size);
}

static void put_row(struct writer *w, const struct ss_partition *row, enum ss_table_rules rules)
{
    put(w, "%s,", row->label);
    put_word(w, ss_partition_type_name(row->type, rules), row->type);
    put_word(w, ss_partition_subtype_name(row->type, row->subtype, rules), row->subtype);
    put(w, "0x%x,", (unsigned)row->offset);
    put_size(w, row->size);
    const char *colon = "";
    const struct ss_table_flag *flag;
    for (size_t i = 0; (flag = ss_table_flag_at(i)); i++) {
        if (!(row->flags & flag->bit) || flag->since > rules)
            continue;
        put(w, "%s%s", colon, flag->name);
        colon = ":";
    }
    put(w, "\n");
}

ss_status_t ss_table_to_csv(const struct ss_partition_table *table, enum ss_table_rules rules, char *out, size_t size,
                            size_t *len, struct ss_error *err)
{
    struct writer w = {.out = out, .size = size};
    *len = 0;
    if (size > 0)
        out[0] = 0;
    for (size_t i = 0; i < table->count; i++) {
        char name[SS_PARTITION_LABEL_SIZE + 1];
        const char *label = table->rows[i].label;
        if (!is_csv_label(label))
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_PARTITION_TABLE,
                                "name '%s' of partition %zu cannot be written in CSV",
                                ss_table_printable(label, strlen(label), name, sizeof name), i);
    }
    put(&w, "# ESP-IDF Partition Table\n# Name, Type, SubType, Offset, Size, Flags\n");
    for (size_t i = 0; i < table->count; i++)
        put_row(&w, &table->rows[i], rules);
    *len = w.len;
    if (w.len < size)
        return SS_OK;
    if (size > 0)
        out[0] = 0;
    return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_PARTITION_TABLE, "CSV takes %zu bytes, %zu given",
                        w.len + 1, size);
}
