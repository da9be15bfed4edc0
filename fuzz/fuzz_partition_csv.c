// SPDX-License-Identifier: Apache-2.0
// Partition table CSV. The first byte selects rules and secure boot. What parses must survive the way through binary
// and CSV; what does not must say where.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "slotseal/partition_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct ss_partition_table table, again;
static uint8_t binary[SS_TABLE_BINARY_SIZE], second[SS_TABLE_BINARY_SIZE];
static char text[8192];

static void must(int condition)
{
    if (!condition)
        abort();
}

static const char *environment(void *context, const char *name, size_t len)
{
    (void)context;
    return len == 1 && *name == 'V' ? "data, nvs" : len == 1 && *name == 'E' ? "" : NULL;
}

static void round_trip(const struct ss_table_options *o)
{
    size_t len;
    struct ss_error err;
    table.md5 = table.count < SS_TABLE_MAX_ROWS;
    must(ss_table_to_binary(&table, binary, &err) == SS_OK);
    must(ss_table_from_binary(binary, sizeof binary, &again, &err) == SS_OK && again.count == table.count);
    must(ss_table_to_binary(&again, second, &err) == SS_OK && memcmp(binary, second, sizeof binary) == 0);
    if (ss_table_to_csv(&table, o->rules, text, sizeof text, &len, &err) != SS_OK)
        return;
    must(len == strlen(text) && ss_table_from_csv(text, len, o, &again, &err) == SS_OK);
    again.md5 = table.md5;
    must(ss_table_to_binary(&again, second, &err) == SS_OK && memcmp(binary, second, sizeof binary) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    struct ss_table_options o = {
        .rules = (enum ss_table_rules)(data[0] % (SS_TABLE_RULES_5_5 + 1)),
        .secure = (enum ss_table_secure)(data[0] / 16 % 3),
        .flash_size = data[0] & 0x80 ? 0x400000 : 0,
        .getenv_fn = environment,
    };
    struct ss_error err = {0};
    if (ss_table_from_csv((const char *)data + 1, len - 1, &o, &table, &err) != SS_OK) {
        must(table.count == 0 && strncmp(err.message, "line ", 5) == 0);
        return 0;
    }
    struct ss_table_finding findings[4];
    size_t n = ss_table_check(&table, &o, findings, 4);
    must(ss_table_verify(&table, &o, &err) == SS_OK || n > 0);
    for (size_t i = 0; i < n && i < 4; i++)
        must(findings[i].row >= -1 && findings[i].row < (int)table.count && findings[i].text[0]);
    round_trip(&o);
    return 0;
}
