// SPDX-License-Identifier: Apache-2.0
// Partition tables from files, and the options that every command with a table has.
#ifndef SS_CLI_TABLE_FILE_H
#define SS_CLI_TABLE_FILE_H

#include "cli.h"
#include "file.h"
#include "slotseal/partition_table.h"

#define OPTION_TABLE_OFFSET                                                                                            \
    {                                                                                                                  \
        OPT_TABLE_OFFSET, "table-offset", 0, false, "N", "flash address of the partition table (0x8000)", NULL,        \
            COMPLETE_NOTHING                                                                                           \
    }
#define OPTION_RULES                                                                                                   \
    {                                                                                                                  \
        OPT_RULES, "rules", 0, false, "VERSION", "follow the table rules of this ESP-IDF version (4.0.1)", NULL,       \
            COMPLETE_NOTHING                                                                                           \
    }
#define OPTION_CHIP                                                                                                    \
    {                                                                                                                  \
        OPT_CHIP, "chip", 0, false, "CHIP", "the chip: esp32 (default), esp32s2, esp32s3, esp32c3, ...", NULL,         \
            COMPLETE_NOTHING                                                                                           \
    }

/// The chip named by --chip, the ESP32 without; NULL with a report.
const struct ss_chip *cli_chip(const struct cli_args *args);

/// Table options from --rules, --table-offset, --flash-size, --secure and --chip. CLI_OK, or CLI_USAGE with a report.
int table_options(const struct cli_args *args, const struct cli_option *options, struct ss_table_options *out);

/// Reads the table @p path, CSV or binary. @p in keeps the file for comparison with outputs: file_free() it.
SS_MUST_USE ss_status_t table_load(const char *path, const struct ss_table_options *options, struct input *in,
                                   struct ss_partition_table *table, struct ss_error *err);

/// Prints the findings of @p table as warnings; true if one of them is an error.
bool table_report_findings(const char *name, const struct ss_partition_table *table,
                           const struct ss_table_options *options);

/// First byte after the last partition, which the flash has to reach.
uint32_t table_end(const struct ss_partition_table *table);

#endif
