// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/partition_table.h"
#include "support/alloc_fault.h"
#include "support/vectors.h"

#define TEXT_SIZE 8192

static const char forum_csv[] = "# ESP-IDF Partition Table\n"
                                "# Name, Type, SubType, Offset, Size, Flags\n"
                                "nvs, data, nvs, 0x9000, 0x4000,\n"
                                "otadata, data, ota, 0xd000, 0x2000,\n"
                                "phy_init, data, phy, 0xf000, 0x1000,\n"
                                "ota_0, 0, ota_0, 0x10000, 0x150000, encrypted\n"
                                "ota_1, 0, ota_1, 0x160000, 0x150000, encrypted\n";

static struct ss_partition_table table;
static struct ss_error err;

static const char *test_getenv(void *context, const char *name, size_t len)
{
    static char longer[601];
    memset(longer, 'a', sizeof longer - 1);
    const char *const values[][2] = {
        {"OFFSET", "0x9000"}, {"PAIR", "nvs,data"}, {"EMPTY", ""}, {"HASH", "#x"}, {"LONG", longer}};
    ++*(unsigned *)context;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strlen(values[i][0]) == len && memcmp(values[i][0], name, len) == 0)
            return values[i][1];
    return NULL;
}

static size_t unescape(const char *in, char *out)
{
    size_t n = 0;
    for (; *in; in++) {
        if (*in != '\\') {
            out[n++] = *in;
            continue;
        }
        in++;
        if (*in == 'x') {
            char hex[3] = {in[1], in[2], 0};
            out[n++] = (char)strtol(hex, NULL, 16);
            in += 2;
        } else {
            out[n++] = *in == 'n' ? '\n' : *in == 'r' ? '\r' : *in == 't' ? '\t' : *in;
        }
    }
    return n;
}

static struct ss_table_options options_of(const struct vector *v, const char *rules_field)
{
    static unsigned calls;
    struct ss_table_options o = {.getenv_fn = test_getenv, .getenv_context = &calls};
    if (vector_has(v, rules_field))
        assert_true(ss_table_rules_from_version(vector_text(v, rules_field), &o.rules));
    if (vector_has(v, "table"))
        o.table_address = (uint32_t)vector_number(v, "table");
    if (vector_has(v, "chip"))
        assert_non_null(o.chip = ss_chip_find(vector_text(v, "chip")));
    if (vector_has(v, "recovery"))
        o.recovery_bootloader = (uint32_t)vector_number(v, "recovery");
    if (vector_has(v, "flash"))
        o.flash_size = (uint32_t)vector_number(v, "flash");
    if (vector_has(v, "secure"))
        o.secure = strcmp(vector_text(v, "secure"), "v1") == 0 ? SS_TABLE_SECURE_V1 : SS_TABLE_SECURE_V2;
    return o;
}

static ss_status_t parse_vector(const struct vector *v, const struct ss_table_options *o)
{
    char *csv = malloc(strlen(vector_text(v, "csv")) + 1);
    assert_non_null(csv);
    size_t len = unescape(vector_text(v, "csv"), csv);
    // An exact block, so that the address sanitizer sees a read past the end.
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, csv, len);
    free(csv);
    ss_status_t status = ss_table_from_csv(exact, len, o, &table, &err);
    free(exact);
    return status;
}

static void describe(char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < table.count; i++) {
        const struct ss_partition *r = &table.rows[i];
        used += (size_t)snprintf(out + used, size - used, "%s%s/%x/%x/%x/%x/%x", i ? " " : "", r->label, r->type,
                                 r->subtype, r->offset, r->size, r->flags);
    }
}

static void csv_case(const struct vector *v)
{
    struct ss_table_options o = options_of(v, "rules");
    char text[TEXT_SIZE];
    err = (struct ss_error){0};
    ss_status_t status = parse_vector(v, &o);
    if (vector_has(v, "error")) {
        snprintf(text, sizeof text, "%s: %s", ss_status_name(status), err.message);
        assert_string_equal(text, vector_text(v, "error"));
        assert_int_equal(err.status, status);
        assert_int_equal(err.area, SS_AREA_PARTITION_TABLE);
        assert_int_equal(table.count, 0);
        assert_int_equal(parse_vector(v, &o), status);
        return;
    }
    assert_ok(status, err);
    describe(text, sizeof text);
    assert_string_equal(text, vector_text(v, "rows"));
    assert_true(table.md5);
}

static void csv_vectors(void **state)
{
    (void)state;
    assert_true(vectors_run("partition_csv.data", csv_case) > 70);
}

static void set_rows(const char *text)
{
    memset(&table, 0, sizeof table);
    for (; *text; text += strspn(text, " ")) {
        struct ss_partition *r = &table.rows[table.count++];
        unsigned type, subtype;
        int used = 0;
        assert_int_equal(
            sscanf(text, "%16[^/]/%x/%x/%x/%x/%x%n", r->label, &type, &subtype, &r->offset, &r->size, &r->flags, &used),
            6);
        r->type = (uint8_t)type;
        r->subtype = (uint8_t)subtype;
        text += used;
    }
}

static void check_case(const struct vector *v)
{
    struct ss_table_options o = options_of(v, "rules");
    struct ss_table_options loose = options_of(v, "parse");
    if (vector_has(v, "csv"))
        assert_ok(parse_vector(v, &loose), err);
    else
        set_rows(vector_text(v, "row"));
    struct ss_table_finding findings[8];
    char text[TEXT_SIZE] = "";
    const char *first_error = NULL;
    size_t n = ss_table_check(&table, &o, findings, 8);
    for (size_t i = 0; i < n; i++) {
        bool error = findings[i].severity == SS_TABLE_ERROR;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", i ? " | " : "",
                 error ? "error" : "warning", findings[i].text);
        if (error && !first_error)
            first_error = findings[i].text;
    }
    assert_string_equal(n ? text : "none", vector_text(v, "findings"));
    assert_int_equal(ss_table_check(&table, &o, NULL, 0), n);
    assert_int_equal(ss_table_verify(&table, &o, &err), first_error ? SS_ERROR_DATA_INVALID : SS_OK);
    if (first_error)
        assert_string_equal(err.message, first_error);
}

static void check_vectors(void **state)
{
    (void)state;
    assert_true(vectors_run("partition_check.data", check_case) > 40);
}

static void a_row_too_many(void **state)
{
    (void)state;
    char csv[TEXT_SIZE];
    size_t used = 0;
    for (int i = 0; i < 96; i++)
        used += (size_t)snprintf(csv + used, sizeof csv - used, "p%d,data,fat,,4K\n", i);
    assert_int_equal(ss_table_from_csv(csv, used, NULL, &table, &err), SS_ERROR_INSUFFICIENT_SPACE);
    assert_string_equal(err.message, "line 96, column 1: a table has at most 95 rows");

    uint8_t binary[SS_TABLE_BINARY_SIZE];
    used -= strlen("p95,data,fat,,4K\n");
    assert_ok(ss_table_from_csv(csv, used, NULL, &table, &err), err);
    assert_int_equal(table.count, 95);
    assert_int_equal(table.rows[94].line, 95);
    assert_int_equal(ss_table_to_binary(&table, binary, &err), SS_ERROR_INSUFFICIENT_SPACE);
    assert_string_equal(err.message, "table has 95 rows, 94 fit beside the MD5 row");
    assert_true(ss_all_bytes(binary, sizeof binary, 0xFF));
    table.md5 = false;
    assert_ok(ss_table_to_binary(&table, binary, &err), err);
    struct ss_partition_table read;
    assert_ok(ss_table_from_binary(binary, sizeof binary, &read, &err), err);
    assert_int_equal(read.count, 95);
    assert_false(read.md5);
    table.count = 96; // a caller's mistake is refused, not written past the end
    assert_int_equal(ss_table_to_binary(&table, binary, &err), SS_ERROR_INSUFFICIENT_SPACE);
    assert_string_equal(err.message, "table has 96 rows, 95 fit without an MD5 row");
}

static void build_forum(uint8_t binary[SS_TABLE_BINARY_SIZE])
{
    assert_ok(ss_table_from_csv(forum_csv, strlen(forum_csv), NULL, &table, &err), err);
    assert_ok(ss_table_to_binary(&table, binary, &err), err);
}

static void forum_table_is_built_exactly(void **state)
{
    (void)state;
    // Of the table as ESP-IDF's generator builds it.
    static const uint8_t md5[16] = {0xEF, 0x55, 0x66, 0xDE, 0xED, 0x2A, 0xDD, 0x29,
                                    0x39, 0xCE, 0xAC, 0xD2, 0xA8, 0xE8, 0xA2, 0xC6};
    static const uint8_t sha256[32] = {0x48, 0x3D, 0x73, 0xE4, 0xB4, 0xE4, 0xBA, 0x86, 0x88, 0x3D, 0x37,
                                       0xC3, 0xFF, 0x95, 0xFD, 0xCF, 0x8D, 0x18, 0x8B, 0xB0, 0x02, 0xB0,
                                       0x95, 0x8D, 0xD4, 0xEB, 0xB6, 0x2C, 0x80, 0x42, 0x1C, 0x42};
    uint8_t binary[SS_TABLE_BINARY_SIZE], digest[32];
    build_forum(binary);
    assert_memory_equal(binary + 5 * 32 + 16, md5, 16);
    assert_ok(ss_hash_once(SS_HASH_SHA256, binary, sizeof binary, digest), err);
    assert_memory_equal(digest, sha256, 32);
}

static void forum_table_of_the_material(void **state)
{
    (void)state;
    size_t len, csv_len;
    uint8_t binary[SS_TABLE_BINARY_SIZE];
    uint8_t *real = material_read("firmware/forum-table.bin", &len);
    uint8_t *csv = material_read("firmware/forum.csv", &csv_len);
    if (!real || !csv) {
        free(real);
        free(csv);
        skip();
    }
    assert_int_equal(len, sizeof binary);
    assert_ok(ss_table_from_csv((const char *)csv, csv_len, NULL, &table, &err), err);
    assert_ok(ss_table_to_binary(&table, binary, &err), err);
    assert_memory_equal(binary, real, len);
    free(real);
    free(csv);
}

static void example_of_the_repository(void **state)
{
    (void)state;
    uint8_t expected[SS_TABLE_BINARY_SIZE], binary[SS_TABLE_BINARY_SIZE];
    char csv[1024];
    build_forum(expected);
    FILE *f = fopen(SS_SOURCE_DIR "/examples/forum/partitions.csv", "rb");
    assert_non_null(f);
    size_t len = fread(csv, 1, sizeof csv, f);
    fclose(f);
    assert_ok(ss_table_from_csv(csv, len, NULL, &table, &err), err);
    assert_ok(ss_table_to_binary(&table, binary, &err), err);
    assert_memory_equal(binary, expected, sizeof binary);
}

static void binary_reads_back(void **state)
{
    (void)state;
    uint8_t binary[SS_TABLE_BINARY_SIZE], again[SS_TABLE_BINARY_SIZE];
    struct ss_partition_table read;
    build_forum(binary);
    assert_true(ss_table_is_binary(binary, sizeof binary));
    assert_ok(ss_table_from_binary(binary, sizeof binary, &read, &err), err);
    assert_int_equal(read.count, 5);
    assert_true(read.md5);
    assert_false(read.v1_signature);
    assert_string_equal(read.rows[2].label, "phy_init");
    assert_int_equal(read.rows[4].offset, 0x160000);
    assert_int_equal(read.rows[4].line, 0);
    assert_ok(ss_table_to_binary(&read, again, &err), err);
    assert_memory_equal(again, binary, sizeof binary);
    // Short form: as many rows as needed and the end.
    assert_ok(ss_table_from_binary(binary, 7 * 32, &read, &err), err);
    assert_int_equal(read.count, 5);
}

static void without_md5(void **state)
{
    (void)state;
    uint8_t binary[SS_TABLE_BINARY_SIZE];
    assert_ok(ss_table_from_csv(forum_csv, strlen(forum_csv), NULL, &table, &err), err);
    table.md5 = false;
    assert_ok(ss_table_to_binary(&table, binary, &err), err);
    assert_true(ss_all_bytes(binary + 5 * 32, sizeof binary - 5 * 32, 0xFF));
    assert_ok(ss_table_from_binary(binary, sizeof binary, &table, &err), err);
    assert_false(table.md5);
    assert_int_equal(table.count, 5);
}

static void labels_of_16_bytes_have_no_terminator(void **state)
{
    (void)state;
    uint8_t binary[SS_TABLE_BINARY_SIZE];
    const char csv[] = "abcdefghijklmnop,data,fat,,4K,encrypted";
    assert_ok(ss_table_from_csv(csv, strlen(csv), NULL, &table, &err), err);
    assert_ok(ss_table_to_binary(&table, binary, &err), err);
    assert_memory_equal(binary + 12, "abcdefghijklmnop\1", 17);
    assert_ok(ss_table_from_binary(binary, sizeof binary, &table, &err), err);
    assert_string_equal(table.rows[0].label, "abcdefghijklmnop");
}

static void expect_bad_binary(const uint8_t *binary, size_t len, ss_status_t status, const char *message)
{
    struct ss_partition_table read;
    memset(&read, 0xAA, sizeof read);
    assert_int_equal(ss_table_from_binary(binary, len, &read, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(read.count, 0);
    assert_int_equal(ss_table_from_binary(binary, len, &read, NULL), status);
}

static void bad_binaries(void **state)
{
    (void)state;
    uint8_t good[SS_TABLE_BINARY_SIZE], b[SS_TABLE_BINARY_SIZE];
    build_forum(good);
#define FRESH memcpy(b, good, sizeof b)
    FRESH;
    expect_bad_binary(b, 31, SS_ERROR_DATA_INVALID, "partition table of 31 bytes, a row takes 32");
    expect_bad_binary(b, 6 * 32 + 31, SS_ERROR_DATA_INVALID, "partition table has no terminating entry in its 6 rows");
    b[0] = 0x12;
    expect_bad_binary(b, sizeof b, SS_ERROR_DATA_INVALID,
                      "partition 0 has invalid magic number 0x5012, expected 0x50aa");
    FRESH;
    b[4 * 32 + 9] ^= 1;
    expect_bad_binary(b, sizeof b, SS_ERROR_DATA_CORRUPT, "incorrect MD5 checksum of the 5 rows before row 5");
    FRESH;
    b[5 * 32 + 31] ^= 1;
    expect_bad_binary(b, sizeof b, SS_ERROR_DATA_CORRUPT, "incorrect MD5 checksum of the 5 rows before row 5");
    FRESH;
    memcpy(b + 6 * 32, b + 5 * 32, 32);
    expect_bad_binary(b, sizeof b, SS_ERROR_DATA_INVALID, "partition 6 is a second MD5 row, only one is allowed");
    FRESH;
    memcpy(b + 6 * 32, b, 32);
    expect_bad_binary(b, sizeof b, SS_ERROR_DATA_INVALID, "partition 6 follows the MD5 row");
    FRESH;
    b[6 * 32 + 2] = 0;
    expect_bad_binary(b, sizeof b, SS_ERROR_DATA_INVALID,
                      "partition 6 has invalid magic number 0xffff, expected 0x50aa");
    for (size_t i = 0; i < 96; i++)
        memcpy(b + i * 32, good, 32);
    expect_bad_binary(b, sizeof b, SS_ERROR_DATA_INVALID, "partition table has no terminating entry in its 96 rows");
#undef FRESH
}

static void bytes_after_the_end_do_not_matter(void **state)
{
    (void)state;
    uint8_t b[SS_TABLE_BINARY_SIZE];
    build_forum(b);
    memset(b + 6 * 32 + 4, 0x11, sizeof b - 6 * 32 - 4);
    assert_ok(ss_table_from_binary(b, sizeof b, &table, &err), err);
    assert_int_equal(table.count, 5);
}

static void erased_flash_is_an_empty_table(void **state)
{
    (void)state;
    uint8_t b[SS_TABLE_BINARY_SIZE];
    memset(b, 0xFF, sizeof b);
    assert_true(ss_table_is_binary(b, sizeof b));
    assert_ok(ss_table_from_binary(b, sizeof b, &table, &err), err);
    assert_int_equal(table.count, 0);
    assert_int_equal(ss_table_verify(&table, NULL, NULL), SS_ERROR_DATA_INVALID);
    assert_false(ss_table_is_binary(b, 31));
    assert_false(ss_table_is_binary((const uint8_t *)forum_csv, sizeof forum_csv));
}

static void v1_signature_is_recognised(void **state)
{
    (void)state;
    uint8_t sector[SS_TABLE_SECTOR_SIZE];
    memset(sector, 0xFF, sizeof sector);
    build_forum(sector);
    const struct {
        uint32_t version;
        uint8_t fill;
        size_t len;
        bool found;
    } cases[] = {
        {0, 0x5A, SS_TABLE_BINARY_SIZE + 68, true},
        {0, 0x5A, sizeof sector, true},
        {0, 0x5A, SS_TABLE_BINARY_SIZE + 67, false},
        {1, 0x5A, sizeof sector, false},
        {0, 0xFF, sizeof sector, false},
        {0, 0x00, sizeof sector, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ss_put_le32(sector + SS_TABLE_BINARY_SIZE, cases[i].version);
        memset(sector + SS_TABLE_BINARY_SIZE + 4, cases[i].fill, 64);
        assert_ok(ss_table_from_binary(sector, cases[i].len, &table, &err), err);
        assert_int_equal(table.v1_signature, cases[i].found);
    }
}

static void csv_is_written_in_the_generators_form(void **state)
{
    (void)state;
    static const char expected[] = "# ESP-IDF Partition Table\n"
                                   "# Name, Type, SubType, Offset, Size, Flags\n"
                                   "nvs,data,nvs,0x9000,16K,\n"
                                   "otadata,data,ota,0xd000,8K,\n"
                                   "phy_init,data,phy,0xf000,4K,\n"
                                   "ota_0,app,ota_0,0x10000,1344K,encrypted\n"
                                   "ota_1,app,ota_1,0x160000,1344K,encrypted\n";
    char text[TEXT_SIZE];
    size_t len, needed;
    assert_ok(ss_table_from_csv(forum_csv, strlen(forum_csv), NULL, &table, &err), err);
    assert_ok(ss_table_to_csv(&table, SS_TABLE_RULES_4_0, text, sizeof text, &len, &err), err);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(expected));
    assert_int_equal(ss_table_to_csv(&table, SS_TABLE_RULES_4_0, text, len, &needed, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(needed, len);
    assert_string_equal(text, "");
    assert_int_equal(ss_table_to_csv(&table, SS_TABLE_RULES_4_0, NULL, 0, &needed, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(needed, len);
    assert_ok(ss_table_to_csv(&table, SS_TABLE_RULES_4_0, text, len + 1, &needed, &err), err);
}

static void unusual_rows_in_csv(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    size_t len;
    set_rows("a/40/7/9000/0/80000003 b/1/83/9001/1001/3 c/1/81/100000/200000/2");
    assert_ok(ss_table_to_csv(&table, SS_TABLE_RULES_4_0, text, sizeof text, &len, &err), err);
    assert_non_null(
        strstr(text, "\na,64,7,0x9000,0M,encrypted\nb,data,131,0x9001,0x1001,encrypted\nc,data,fat,0x100000,2M,\n"));
    assert_ok(ss_table_to_csv(&table, SS_TABLE_RULES_5_5, text, sizeof text, &len, &err), err);
    assert_non_null(strstr(text, "\nb,data,littlefs,0x9001,0x1001,encrypted:readonly\n"));
    const char *bad[] = {"a,b", "#a", " a", "a ", "a\nb", "a\x7f", "$A"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        strcpy(table.rows[1].label, bad[i]);
        assert_int_equal(ss_table_to_csv(&table, SS_TABLE_RULES_4_0, text, sizeof text, &len, &err),
                         SS_ERROR_DATA_INVALID);
        assert_int_equal(len, 0);
        assert_string_equal(text, "");
    }
    assert_string_equal(err.message, "name '$A' of partition 1 cannot be written in CSV");
}

static void names_cannot_reach_the_terminal(void **state)
{
    (void)state;
    set_rows("x/1/81/9000/1000/0");
    strcpy(table.rows[0].label, "\x1b[31m\xff");
    table.rows[0].offset = 1;
    struct ss_table_finding finding;
    assert_true(ss_table_check(&table, NULL, &finding, 1) > 1);
    assert_string_equal(finding.text, "partition ?[31m?: offset 0x1 is not a multiple of 0x4");
}

static void lookups(void **state)
{
    (void)state;
    assert_ok(ss_table_from_csv(forum_csv, strlen(forum_csv), NULL, &table, &err), err);
    assert_ptr_equal(ss_table_find(&table, "ota_1"), &table.rows[4]);
    assert_null(ss_table_find(&table, "OTA_1"));
    assert_null(ss_table_find(&table, "ota_"));
    assert_ptr_equal(ss_table_find_type(&table, SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, 0), &table.rows[1]);
    assert_ptr_equal(ss_table_find_type(&table, SS_PARTITION_APP, SS_PARTITION_ANY_SUBTYPE, 0), &table.rows[3]);
    assert_ptr_equal(ss_table_find_type(&table, SS_PARTITION_APP, SS_PARTITION_ANY_SUBTYPE, 4), &table.rows[4]);
    assert_null(ss_table_find_type(&table, SS_PARTITION_APP, SS_PARTITION_APP_FACTORY, 0));
    assert_null(ss_table_find_type(&table, SS_PARTITION_APP, SS_PARTITION_ANY_SUBTYPE, 99));
    assert_int_equal(ss_table_ota_count(&table), 2);
    assert_ptr_equal(ss_table_ota_slot(&table, 1), &table.rows[4]);
    assert_null(ss_table_ota_slot(&table, 2));
    assert_null(ss_table_ota_slot(&table, 16));
    assert_int_equal(ss_partition_ota_slot(&table.rows[4]), 1);
    assert_int_equal(ss_partition_ota_slot(&table.rows[0]), -1);
}

static void next_update_slot(void **state)
{
    (void)state;
    set_rows("f/0/0/10000/1000/0 t/0/20/20000/1000/0 c/0/1f/30000/1000/0 a/0/10/40000/1000/0 b/0/11/50000/1000/0");
    const struct ss_partition *f = &table.rows[0], *t = &table.rows[1], *c = &table.rows[2], *a = &table.rows[3],
                              *b = &table.rows[4];
    assert_ptr_equal(ss_table_next_update(&table, a), b);
    assert_ptr_equal(ss_table_next_update(&table, b), c);
    assert_ptr_equal(ss_table_next_update(&table, c), a);
    assert_ptr_equal(ss_table_next_update(&table, f), a);
    assert_ptr_equal(ss_table_next_update(&table, t), a);
    assert_ptr_equal(ss_table_next_update(&table, NULL), a);
    set_rows("a/0/10/10000/1000/0");
    assert_ptr_equal(ss_table_next_update(&table, &table.rows[0]), &table.rows[0]);
    set_rows("f/0/0/10000/1000/0");
    assert_null(ss_table_next_update(&table, &table.rows[0]));
}

static void what_is_encrypted(void **state)
{
    (void)state;
    const struct {
        uint8_t type, subtype;
        bool always;
    } cases[] = {
        {0, 0x00, true}, {0, 0x10, true}, {0, 0x20, true},  {0, 0x7F, true},  {1, 0x00, true},  {1, 0x04, true},
        {2, 0x00, true}, {3, 0x01, true}, {1, 0x01, false}, {1, 0x02, false}, {1, 0x81, false}, {0x40, 0x00, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_partition row = {.type = cases[i].type, .subtype = cases[i].subtype, .flags = SS_PARTITION_READONLY};
        assert_int_equal(ss_partition_is_encrypted(&row), cases[i].always);
        row.flags = SS_PARTITION_ENCRYPTED;
        assert_true(ss_partition_is_encrypted(&row));
    }
}

static void rules_from_versions(void **state)
{
    (void)state;
    const struct {
        const char *version;
        enum ss_table_rules rules;
    } good[] = {
        {"4.0", SS_TABLE_RULES_4_0},    {"v4.0.1", SS_TABLE_RULES_4_0}, {"4.1", SS_TABLE_RULES_4_1},
        {"4.2.3", SS_TABLE_RULES_4_1},  {"4.3", SS_TABLE_RULES_4_3},    {"v4.4-dev-1", SS_TABLE_RULES_4_4},
        {"4.9", SS_TABLE_RULES_4_4},    {"5.0", SS_TABLE_RULES_5_0},    {"5.1.7", SS_TABLE_RULES_5_0},
        {"5.2", SS_TABLE_RULES_5_2},    {"5.3", SS_TABLE_RULES_5_3},    {"5.4", SS_TABLE_RULES_5_4},
        {"5.5", SS_TABLE_RULES_5_5},    {"5.10", SS_TABLE_RULES_5_5},   {"6.1", SS_TABLE_RULES_5_5},
        {"V6.0.2", SS_TABLE_RULES_5_5},
    };
    enum ss_table_rules rules;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(ss_table_rules_from_version(good[i].version, &rules));
        assert_int_equal(rules, good[i].rules);
    }
    const char *bad[] = {"", "v", "4", "5", "4.", "4.x", "3.3", "-5.1", " 5.1", "5.1x", "5.-1", "five", "0.9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ss_table_rules_from_version(bad[i], &rules));
    assert_false(ss_table_rules_from_version(NULL, &rules));
    assert_string_equal(ss_table_rules_name(SS_TABLE_RULES_4_0), "4.0");
    assert_string_equal(ss_table_rules_name(SS_TABLE_RULES_5_5), "5.5");
}

static void words_of_types(void **state)
{
    (void)state;
    assert_string_equal(ss_partition_type_name(1, SS_TABLE_RULES_4_0), "data");
    assert_null(ss_partition_type_name(2, SS_TABLE_RULES_5_3));
    assert_string_equal(ss_partition_type_name(2, SS_TABLE_RULES_5_4), "bootloader");
    assert_string_equal(ss_partition_subtype_name(0, 0x1F, SS_TABLE_RULES_4_0), "ota_15");
    assert_null(ss_partition_subtype_name(1, 0x83, SS_TABLE_RULES_4_4));
    assert_null(ss_partition_subtype_name(0x40, 0, SS_TABLE_RULES_5_5));
}

// Random tables survive CSV and binary in both directions.
static void random_tables_round_trip(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 200; round++) {
        uint32_t at = 0x9000;
        memset(&table, 0, sizeof table);
        table.md5 = true;
        table.count = test_random(&seed) % 95;
        for (size_t i = 0; i < table.count; i++) {
            struct ss_partition *r = &table.rows[i];
            snprintf(r->label, sizeof r->label, "p%u", (unsigned)i);
            r->type = (uint8_t)test_random(&seed);
            r->subtype = (uint8_t)test_random(&seed);
            r->flags = test_random(&seed) & 3;
            r->offset = at + (uint32_t)(test_random(&seed) % 0x10000);
            r->size = (uint32_t)(test_random(&seed) % 0x100000);
            at = r->offset + r->size;
        }
        uint8_t binary[SS_TABLE_BINARY_SIZE], again[SS_TABLE_BINARY_SIZE];
        char text[TEXT_SIZE];
        size_t len;
        struct ss_table_options o = {.rules = SS_TABLE_RULES_5_3};
        struct ss_partition_table read;
        assert_ok(ss_table_to_binary(&table, binary, &err), err);
        assert_ok(ss_table_to_csv(&table, o.rules, text, sizeof text, &len, &err), err);
        assert_ok(ss_table_from_csv(text, len, &o, &read, &err), err);
        assert_ok(ss_table_to_binary(&read, again, &err), err);
        assert_memory_equal(again, binary, sizeof binary);
        assert_ok(ss_table_from_binary(binary, sizeof binary, &read, &err), err);
        assert_int_equal(read.count, table.count);
    }
}

static ss_status_t through_binary(void *context)
{
    struct ss_partition_table read;
    uint8_t *binary = context;
    ss_status_t status = ss_table_to_binary(&table, binary, &err);
    if (status != SS_OK) {
        assert_true(ss_all_bytes(binary, SS_TABLE_BINARY_SIZE, 0xFF));
        assert_int_equal(err.area, SS_AREA_CRYPTO);
        return status;
    }
    status = ss_table_from_binary(binary, SS_TABLE_BINARY_SIZE, &read, &err);
    assert_int_equal(read.count, status == SS_OK ? 5 : 0);
    return status;
}

static void md5_that_fails_leaves_nothing(void **state)
{
    (void)state;
    uint8_t binary[SS_TABLE_BINARY_SIZE];
    assert_ok(ss_table_from_csv(forum_csv, strlen(forum_csv), NULL, &table, &err), err);
    assert_true(alloc_fault_each(through_binary, binary) > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_vectors),
        cmocka_unit_test(check_vectors),
        cmocka_unit_test(a_row_too_many),
        cmocka_unit_test(forum_table_is_built_exactly),
        cmocka_unit_test(forum_table_of_the_material),
        cmocka_unit_test(example_of_the_repository),
        cmocka_unit_test(binary_reads_back),
        cmocka_unit_test(without_md5),
        cmocka_unit_test(labels_of_16_bytes_have_no_terminator),
        cmocka_unit_test(bad_binaries),
        cmocka_unit_test(bytes_after_the_end_do_not_matter),
        cmocka_unit_test(erased_flash_is_an_empty_table),
        cmocka_unit_test(v1_signature_is_recognised),
        cmocka_unit_test(csv_is_written_in_the_generators_form),
        cmocka_unit_test(unusual_rows_in_csv),
        cmocka_unit_test(names_cannot_reach_the_terminal),
        cmocka_unit_test(lookups),
        cmocka_unit_test(next_update_slot),
        cmocka_unit_test(what_is_encrypted),
        cmocka_unit_test(rules_from_versions),
        cmocka_unit_test(words_of_types),
        cmocka_unit_test(random_tables_round_trip),
        cmocka_unit_test(md5_that_fails_leaves_nothing),
    };
    return ss_test_main(argc, argv, tests);
}
