// SPDX-License-Identifier: Apache-2.0
// What the files of the partition table share. Internal.
#ifndef SS_CORE_PARTITION_INTERNAL_H
#define SS_CORE_PARTITION_INTERNAL_H

#include "slotseal/partition_table.h"

/// A word of the CSV's type or subtype column.
struct ss_table_keyword {
    const char *name;
    uint8_t type; ///< for subtypes: of which type; not used for types
    uint8_t value;
    enum ss_table_rules since;
};

/// Keyword @p name (any case) of the type column, or of the subtype column for @p type; NULL if no release knows it.
const struct ss_table_keyword *ss_table_type_keyword(const char *name, size_t len);
const struct ss_table_keyword *ss_table_subtype_keyword(uint8_t type, const char *name, size_t len);

/// True if @p label is a type or subtype keyword under the options' rules that does not describe @p row.
bool ss_table_name_misleads(const struct ss_partition *row, enum ss_table_rules rules);

/// Flag bits that mean something under @p rules, and their words; NULL after the last one.
struct ss_table_flag {
    const char *name;
    uint32_t bit;
    enum ss_table_rules since;
};
const struct ss_table_flag *ss_table_flag_at(size_t index);

/// Options with NULL and zero replaced by the defaults they stand for.
struct ss_table_options ss_table_defaults(const struct ss_table_options *options);

/// The row that ESP-IDF v5.4 allows for the bootloader or the table itself: it lies below the other partitions.
bool ss_table_row_is_primary(const struct ss_partition *row, enum ss_table_rules rules);

/// Copies at most @p size - 1 of @p len bytes to @p out for a message: what could confuse a terminal becomes '?'.
const char *ss_table_printable(const char *text, size_t len, char *out, size_t size);

#endif
