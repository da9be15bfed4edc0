// SPDX-License-Identifier: Apache-2.0
// Binary partition table. Random rows hardly have the right MD5: with bit 0 of the first byte it is put in.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "slotseal/partition_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void put_md5(uint8_t *in, size_t len)
{
    for (size_t at = 0; at + SS_TABLE_ROW_SIZE <= len; at += SS_TABLE_ROW_SIZE) {
        if (in[at] != 0xEB || in[at + 1] != 0xEB)
            continue;
        must(ss_hash_once(SS_HASH_MD5, in, at, in + at + 16) == SS_OK);
        return;
    }
}

static void use(const struct ss_partition_table *table)
{
    static struct ss_partition_table again;
    static uint8_t binary[SS_TABLE_BINARY_SIZE];
    static char text[8192];
    struct ss_table_finding findings[4];
    struct ss_error err;
    size_t len;
    ss_table_check(table, NULL, findings, 4);
    if (ss_table_to_csv(table, SS_TABLE_RULES_4_0, text, sizeof text, &len, &err) == SS_OK)
        must(len == strlen(text));
    for (size_t i = 0; i < table->count; i++) {
        const struct ss_partition *row = &table->rows[i], *next = ss_table_next_update(table, row);
        must(!next || ss_partition_ota_slot(next) >= 0);
        must(ss_table_find(table, row->label) <= row);
        (void)ss_partition_is_encrypted(row);
    }
    if (table->count + table->md5 > SS_TABLE_MAX_ROWS)
        return;
    must(ss_table_to_binary(table, binary, &err) == SS_OK);
    must(ss_table_from_binary(binary, sizeof binary, &again, &err) == SS_OK);
    must(again.count == table->count && again.md5 == table->md5 && !again.v1_signature);
    must(memcmp(again.rows, table->rows, table->count * sizeof *table->rows) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct ss_partition_table table;
    struct ss_error err = {0};
    if (len == 0)
        return 0;
    uint8_t *in = malloc(len);
    must(in != NULL);
    memcpy(in, data + 1, len - 1);
    if (data[0] & 1)
        put_md5(in, len - 1);
    if (ss_table_from_binary(in, len - 1, &table, &err) == SS_OK)
        use(&table);
    else
        must(table.count == 0 && err.message[0]);
    free(in);
    return 0;
}
