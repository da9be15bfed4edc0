// SPDX-License-Identifier: Apache-2.0
#include "support/sample_table.h"
#include "support/unit.h"

#include <string.h>

const char sample_csv[] = "# Name, Type, SubType, Offset, Size, Flags\n"
                          "nvs, data, nvs, 0x9000, 0x4000,\n"
                          "otadata, data, ota, 0xd000, 8K,\n"
                          "phy_init, data, phy, , 0x1000,\n"
                          "ota_0, 0, ota_0, 0x10000, 0x150000, encrypted\n"
                          "ota_1, app, ota_1, , 1344K, encrypted\n"
                          "last, 0x40, 7, , -0x400000,";

size_t sample_table(uint8_t out[SS_TABLE_BINARY_SIZE])
{
    static struct ss_partition_table table;
    struct ss_error err = {0};
    assert_ok(ss_table_from_csv(sample_csv, strlen(sample_csv), NULL, &table, &err), err);
    assert_ok(ss_table_to_binary(&table, out, &err), err);
    return SS_TABLE_BINARY_SIZE;
}
