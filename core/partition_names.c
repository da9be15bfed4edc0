// SPDX-License-Identifier: Apache-2.0
// The words of the CSV and the releases that brought them.
#include "core/partition_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct ss_table_keyword types[] = {
    {"app", 0, SS_PARTITION_APP, SS_TABLE_RULES_4_0},
    {"data", 0, SS_PARTITION_DATA, SS_TABLE_RULES_4_0},
    {"bootloader", 0, SS_PARTITION_BOOTLOADER, SS_TABLE_RULES_5_4},
    {"partition_table", 0, SS_PARTITION_TABLE, SS_TABLE_RULES_5_4},
};

static const struct ss_table_keyword subtypes[] = {
    {"factory", SS_PARTITION_APP, 0x00, SS_TABLE_RULES_4_0},
    {"ota_0", SS_PARTITION_APP, 0x10, SS_TABLE_RULES_4_0},
    {"ota_1", SS_PARTITION_APP, 0x11, SS_TABLE_RULES_4_0},
    {"ota_2", SS_PARTITION_APP, 0x12, SS_TABLE_RULES_4_0},
    {"ota_3", SS_PARTITION_APP, 0x13, SS_TABLE_RULES_4_0},
    {"ota_4", SS_PARTITION_APP, 0x14, SS_TABLE_RULES_4_0},
    {"ota_5", SS_PARTITION_APP, 0x15, SS_TABLE_RULES_4_0},
    {"ota_6", SS_PARTITION_APP, 0x16, SS_TABLE_RULES_4_0},
    {"ota_7", SS_PARTITION_APP, 0x17, SS_TABLE_RULES_4_0},
    {"ota_8", SS_PARTITION_APP, 0x18, SS_TABLE_RULES_4_0},
    {"ota_9", SS_PARTITION_APP, 0x19, SS_TABLE_RULES_4_0},
    {"ota_10", SS_PARTITION_APP, 0x1A, SS_TABLE_RULES_4_0},
    {"ota_11", SS_PARTITION_APP, 0x1B, SS_TABLE_RULES_4_0},
    {"ota_12", SS_PARTITION_APP, 0x1C, SS_TABLE_RULES_4_0},
    {"ota_13", SS_PARTITION_APP, 0x1D, SS_TABLE_RULES_4_0},
    {"ota_14", SS_PARTITION_APP, 0x1E, SS_TABLE_RULES_4_0},
    {"ota_15", SS_PARTITION_APP, 0x1F, SS_TABLE_RULES_4_0},
    {"test", SS_PARTITION_APP, 0x20, SS_TABLE_RULES_4_0},
    {"tee_0", SS_PARTITION_APP, 0x30, SS_TABLE_RULES_5_5},
    {"tee_1", SS_PARTITION_APP, 0x31, SS_TABLE_RULES_5_5},
    {"ota", SS_PARTITION_DATA, 0x00, SS_TABLE_RULES_4_0},
    {"phy", SS_PARTITION_DATA, 0x01, SS_TABLE_RULES_4_0},
    {"nvs", SS_PARTITION_DATA, 0x02, SS_TABLE_RULES_4_0},
    {"coredump", SS_PARTITION_DATA, 0x03, SS_TABLE_RULES_4_0},
    {"nvs_keys", SS_PARTITION_DATA, 0x04, SS_TABLE_RULES_4_0},
    {"efuse", SS_PARTITION_DATA, 0x05, SS_TABLE_RULES_4_0},
    {"undefined", SS_PARTITION_DATA, 0x06, SS_TABLE_RULES_4_1},
    {"esphttpd", SS_PARTITION_DATA, 0x80, SS_TABLE_RULES_4_0},
    {"fat", SS_PARTITION_DATA, 0x81, SS_TABLE_RULES_4_0},
    {"spiffs", SS_PARTITION_DATA, 0x82, SS_TABLE_RULES_4_0},
    {"littlefs", SS_PARTITION_DATA, 0x83, SS_TABLE_RULES_5_0},
    {"tee_ota", SS_PARTITION_DATA, 0x90, SS_TABLE_RULES_5_5},
    {"primary", SS_PARTITION_BOOTLOADER, 0x00, SS_TABLE_RULES_5_4},
    {"ota", SS_PARTITION_BOOTLOADER, 0x01, SS_TABLE_RULES_5_4},
    {"recovery", SS_PARTITION_BOOTLOADER, 0x02, SS_TABLE_RULES_5_5},
    {"primary", SS_PARTITION_TABLE, 0x00, SS_TABLE_RULES_5_4},
    {"ota", SS_PARTITION_TABLE, 0x01, SS_TABLE_RULES_5_4},
};

static const struct ss_table_flag flags[] = {
    {"encrypted", SS_PARTITION_ENCRYPTED, SS_TABLE_RULES_4_0},
    {"readonly", SS_PARTITION_READONLY, SS_TABLE_RULES_5_2},
};

static const struct {
    unsigned major, minor;
    const char *name;
} releases[] = {
    [SS_TABLE_RULES_4_0] = {4, 0, "4.0"}, [SS_TABLE_RULES_4_1] = {4, 1, "4.1"}, [SS_TABLE_RULES_4_3] = {4, 3, "4.3"},
    [SS_TABLE_RULES_4_4] = {4, 4, "4.4"}, [SS_TABLE_RULES_5_0] = {5, 0, "5.0"}, [SS_TABLE_RULES_5_2] = {5, 2, "5.2"},
    [SS_TABLE_RULES_5_3] = {5, 3, "5.3"}, [SS_TABLE_RULES_5_4] = {5, 4, "5.4"}, [SS_TABLE_RULES_5_5] = {5, 5, "5.5"},
};

static bool same_word(const char *keyword, const char *name, size_t len)
{
    return strlen(keyword) == len && strncasecmp(keyword, name, len) == 0;
}

const struct ss_table_keyword *ss_table_type_keyword(const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (same_word(types[i].name, name, len))
            return &types[i];
    return NULL;
}

const struct ss_table_keyword *ss_table_subtype_keyword(uint8_t type, const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT(subtypes); i++)
        if (subtypes[i].type == type && same_word(subtypes[i].name, name, len))
            return &subtypes[i];
    return NULL;
}

const char *ss_partition_type_name(uint8_t type, enum ss_table_rules rules)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (types[i].value == type && types[i].since <= rules)
            return types[i].name;
    return NULL;
}

const char *ss_partition_subtype_name(uint8_t type, uint8_t subtype, enum ss_table_rules rules)
{
    for (size_t i = 0; i < COUNT(subtypes); i++)
        if (subtypes[i].type == type && subtypes[i].value == subtype && subtypes[i].since <= rules)
            return subtypes[i].name;
    return NULL;
}

// As the generator compares: exact case. A subtype word is fine if it is right for the row's own type.
bool ss_table_name_misleads(const struct ss_partition *row, enum ss_table_rules rules)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (types[i].since <= rules && strcmp(types[i].name, row->label) == 0 && types[i].value != row->type)
            return true;
    bool is_word = false;
    for (size_t i = 0; i < COUNT(subtypes); i++) {
        if (subtypes[i].since > rules || strcmp(subtypes[i].name, row->label) != 0)
            continue;
        if (subtypes[i].type == row->type && subtypes[i].value == row->subtype)
            return false;
        is_word = true;
    }
    return is_word;
}

const struct ss_table_flag *ss_table_flag_at(size_t index)
{
    return index < COUNT(flags) ? &flags[index] : NULL;
}

bool ss_table_rules_from_version(const char *version, enum ss_table_rules *rules)
{
    if (!version)
        return false;
    if (*version == 'v' || *version == 'V')
        version++;
    char *end;
    unsigned long major = *version >= '0' && *version <= '9' ? strtoul(version, &end, 10) : 0;
    if (major < 4 || *end != '.' || end[1] < '0' || end[1] > '9')
        return false;
    unsigned long minor = strtoul(end + 1, &end, 10);
    if (*end != 0 && *end != '.' && *end != '-')
        return false;
    size_t i = COUNT(releases) - 1;
    while (major < releases[i].major || (major == releases[i].major && minor < releases[i].minor))
        i--;
    *rules = (enum ss_table_rules)i;
    return true;
}

const char *ss_table_rules_name(enum ss_table_rules rules)
{
    return releases[rules].name;
}

struct ss_table_options ss_table_defaults(const struct ss_table_options *options)
{
    struct ss_table_options filled = {0};
    if (options)
        filled = *options;
    if (!filled.chip)
        filled.chip = ss_chip_find_id(0);
    if (filled.table_address == 0)
        filled.table_address = filled.chip->table_address;
    return filled;
}

bool ss_table_row_is_primary(const struct ss_partition *row, enum ss_table_rules rules)
{
    return rules >= SS_TABLE_RULES_5_4 && (row->type == SS_PARTITION_BOOTLOADER || row->type == SS_PARTITION_TABLE) &&
           row->subtype == 0;
}

const char *ss_table_printable(const char *text, size_t len, char *out, size_t size)
{
    size_t n = len < size - 1 ? len : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= ' ' && text[i] < 0x7F ? text[i] : '?';
    out[n] = 0;
    return out;
}
