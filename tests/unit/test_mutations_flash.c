// SPDX-License-Identifier: Apache-2.0
// Partition tables, otadata, NVS partitions and eFuse images against every small damage of a valid input: no crash,
// documented statuses only, outputs as the headers promise.
#include "support/mend.h"
#include "support/mutate.h"
#include "support/nvs_sample.h"
#include "support/sample_table.h"
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "slotseal/content.h"
#include "slotseal/efuse.h"
#include "slotseal/otadata.h"
#include "slotseal/partition_table.h"

// -- Partition tables -------------------------------------------------------------------------------------------------

static void check_same_rows(const struct ss_partition_table *a, const struct ss_partition_table *b)
{
    mutant_assert(a->count == b->count && a->md5 == b->md5);
    for (size_t i = 0; i < a->count; i++) {
        const struct ss_partition *x = &a->rows[i], *y = &b->rows[i];
        mutant_assert(memcmp(x->label, y->label, sizeof x->label) == 0 && x->type == y->type &&
                      x->subtype == y->subtype && x->offset == y->offset && x->size == y->size && x->flags == y->flags);
    }
}

static void check_table(const struct ss_partition_table *table)
{
    static struct ss_partition_table again;
    static struct ss_table_finding findings[8];
    static uint8_t binary[SS_TABLE_BINARY_SIZE];
    static char text[0x4000];
    const struct ss_table_options newest = {.rules = SS_TABLE_RULES_5_5, .flash_size = 0x400000};
    struct ss_error err = {0};
    size_t len = 0;
    mutant_assert(table->count <= SS_TABLE_MAX_ROWS);
    ss_status_t status = ss_table_to_binary(table, binary, &err);
    mutant_status("ss_table_to_binary", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_INSUFFICIENT_SPACE));
    if (status == SS_OK) {
        mutant_assert(ss_table_from_binary(binary, sizeof binary, &again, &err) == SS_OK);
        check_same_rows(table, &again);
    }
    size_t count = ss_table_check(table, &newest, findings, 8);
    for (size_t i = 0; i < count && i < 8; i++)
        mutant_assert(strnlen(findings[i].text, sizeof findings[i].text) < sizeof findings[i].text);
    status = ss_table_to_csv(table, SS_TABLE_RULES_5_5, text, sizeof text, &len, &err);
    mutant_status("ss_table_to_csv", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID));
    mutant_assert(status != SS_OK || strnlen(text, sizeof text) == len);
    (void)ss_table_next_update(table, table->count > 0 ? &table->rows[table->count - 1] : NULL);
}

static void run_table(const uint8_t *in, size_t len)
{
    static struct ss_partition_table table;
    struct ss_error err = {0};
    mutant_assert(ss_content_name(ss_content_classify(in, len)) != NULL);
    (void)ss_table_is_binary(in, len);
    ss_status_t status = ss_table_from_binary(in, len, &table, &err);
    mutant_status("ss_table_from_binary", status,
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_DATA_CORRUPT));
    mutant_message(status, &err, SS_AREA_PARTITION_TABLE);
    if (status == SS_OK)
        check_table(&table);
    else
        mutant_assert(table.count == 0);
}

static void binary_table(void **state)
{
    (void)state;
    static uint8_t binary[SS_TABLE_BINARY_SIZE];
    assert_true(mutate(binary, sample_table(binary), mend_table, run_table) > 1000);
    // Short, so that every byte gets every change: the end of the table is the end of the input.
    assert_true(mutate(binary, 9 * SS_TABLE_ROW_SIZE, mend_table, run_table) > 5000);
}

static void run_csv_under(enum ss_table_rules rules, const uint8_t *in, size_t len)
{
    static struct ss_partition_table table;
    const struct ss_table_options options = {.rules = rules};
    struct ss_error err = {0};
    ss_status_t status = ss_table_from_csv((const char *)in, len, &options, &table, &err);
    mutant_status("ss_table_from_csv", status,
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_DOES_NOT_EXIST) |
                      ONE_OF(SS_ERROR_INSUFFICIENT_SPACE));
    mutant_message(status, &err, SS_AREA_PARTITION_TABLE);
    if (status == SS_OK) {
        check_table(&table);
        return;
    }
    mutant_assert(table.count == 0);
    mutant_assert(strncmp(err.message, "line ", 5) == 0);
}

static void run_csv(const uint8_t *in, size_t len)
{
    run_csv_under(SS_TABLE_RULES_4_0, in, len);
    run_csv_under(SS_TABLE_RULES_5_5, in, len);
}

static void csv_text(void **state)
{
    (void)state;
    assert_true(mutate((const uint8_t *)sample_csv, strlen(sample_csv), NULL, run_csv) > 4000);
    static const char variables[] = "$NAME, app, ${SUB}, 0b10000000000000000, 0o4000000, encrypted:readonly\n\r\n";
    assert_true(mutate((const uint8_t *)variables, sizeof variables - 1, NULL, run_csv) > 1000);
}

// -- otadata ----------------------------------------------------------------------------------------------------------

static void check_choice(const struct ss_otadata *otadata, const struct ss_boot_context *context)
{
    struct ss_boot_choice choice;
    struct ss_error err = {0};
    ss_status_t status = ss_otadata_boot_choice(otadata, context, &choice, &err);
    mutant_status("ss_otadata_boot_choice", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_INVALID_ARGUMENT));
    if (status != SS_OK)
        return;
    mutant_assert(choice.order_count <= SS_PARTITION_MAX_OTA + 2 && choice.active >= -1 && choice.active <= 1);
    for (size_t i = 0; i < choice.order_count; i++)
        mutant_assert(choice.order[i] >= SS_BOOT_TEST && choice.order[i] < (int)context->slots);
}

/// An update to a slot must make the bootloader start that slot, whatever was there before.
static void check_update(const struct ss_otadata *otadata, const struct ss_boot_context *context)
{
    struct ss_otadata after = *otadata;
    struct ss_otadata_update update;
    struct ss_boot_choice choice;
    struct ss_error err = {0};
    for (int slot = 0; slot < (int)context->slots; slot++) {
        ss_status_t status = ss_otadata_next_write(otadata, slot, context->slots, context->rollback, &update, &err);
        mutant_status("ss_otadata_next_write", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_NOT_SUPPORTED));
        if (status != SS_OK)
            continue;
        mutant_assert(!update.erase_all && (update.copy == 0 || update.copy == 1));
        after = *otadata;
        after.copies[update.copy] = update.record;
        mutant_assert(ss_otadata_boot_choice(&after, context, &choice, &err) == SS_OK && choice.start == slot);
    }
}

static void run_otadata(const uint8_t *in, size_t len)
{
    static const struct ss_boot_context contexts[] = {
        {.slots = 2, .has_otadata = true, .otadata_size = SS_OTADATA_SIZE},
        {.slots = 2, .has_factory = true, .has_otadata = true, .otadata_size = SS_OTADATA_SIZE, .rollback = true},
        {.slots = 3, .has_test = true, .has_otadata = true, .otadata_size = SS_OTADATA_SIZE, .anti_rollback = true},
        {.slots = 16, .has_factory = true, .has_test = true, .has_otadata = true, .otadata_size = SS_OTADATA_SIZE},
    };
    struct ss_otadata otadata, erased;
    struct ss_error err = {0};
    ss_status_t status = ss_otadata_from_partition(in, len, &otadata, &err);
    mutant_status("ss_otadata_from_partition", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_INSUFFICIENT_SPACE));
    mutant_assert((status == SS_OK) == (len >= SS_OTADATA_SIZE));
    mutant_message(status, &err, SS_AREA_OTADATA);
    memset(&erased, 0xFF, sizeof erased);
    mutant_assert(status == SS_OK || memcmp(&otadata, &erased, sizeof erased) == 0);
    for (size_t i = 0; status == SS_OK && i < sizeof contexts / sizeof *contexts; i++) {
        mutant_assert(ss_ota_state_name(otadata.copies[i & 1].state) != NULL);
        check_choice(&otadata, &contexts[i]);
        check_update(&otadata, &contexts[i]);
    }
}

static void otadata_partition(void **state)
{
    (void)state;
    static uint8_t image[SS_OTADATA_SIZE];
    static const struct ss_otadata_record newer = {.seq = 2, .state = SS_OTA_NEW};
    struct ss_error err = {0};
    assert_ok(ss_otadata_build(0, 2, SS_OTA_VALID, image, &err), err);
    ss_otadata_record_write(&newer, image + SS_OTADATA_SECTOR_SIZE);
    mend_otadata(image, sizeof image);
    assert_true(mutate(image, sizeof image, mend_otadata, run_otadata) > 1000);
}

// -- NVS --------------------------------------------------------------------------------------------------------------

static void read_nvs_value(const struct ss_nvs_reader *r, const struct ss_nvs_entry *entry)
{
    struct ss_nvs_entry found;
    struct ss_error err = {0};
    size_t len;
    mutant_assert(strnlen(entry->key, sizeof entry->key) < sizeof entry->key);
    mutant_assert(strnlen(entry->ns, sizeof entry->ns) < sizeof entry->ns);
    mutant_assert(strcmp(ss_nvs_type_name(entry->type), "unknown") != 0);
    mutant_status("ss_nvs_find", ss_nvs_find(r, entry->ns, entry->key, entry->type, &found, &err),
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DOES_NOT_EXIST));
    uint8_t *out = malloc(entry->len + 1);
    assert_non_null(out);
    ss_status_t status = ss_nvs_read(r, entry, out, entry->len, &len, &err);
    bool has_data = entry->type == SS_NVS_STRING || entry->type == SS_NVS_BLOB;
    mutant_status("ss_nvs_read", status,
                  has_data ? ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_CORRUPT) | ONE_OF(SS_ERROR_DATA_INVALID)
                           : ONE_OF(SS_ERROR_INVALID_ARGUMENT));
    mutant_assert(len == (status == SS_OK ? entry->len : 0));
    free(out);
}

static void run_nvs(const uint8_t *in, size_t len)
{
    static struct ss_nvs_reader r;
    struct ss_nvs_finding findings[4];
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry entry;
    struct ss_error err = {0};
    size_t count;
    ss_status_t status = ss_nvs_check(in, len, findings, 4, &count, &err);
    mutant_status("ss_nvs_check", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID));
    mutant_assert((status == SS_OK) == (len > 0 && len % SS_NVS_PAGE_SIZE == 0));
    for (size_t i = 0; i < count && i < 4; i++)
        mutant_assert(strcmp(ss_nvs_fault_text(findings[i].fault), "unknown fault") != 0);
    status = ss_nvs_reader_open(&r, in, len, &err);
    mutant_status("ss_nvs_reader_open", status,
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_NOT_SUPPORTED));
    mutant_message(status, &err, SS_AREA_NVS);
    unsigned values = 0;
    while (status == SS_OK && ss_nvs_next(&r, &cursor, &entry) == SS_OK) {
        read_nvs_value(&r, &entry);
        values++;
    }
    mutant_assert(values <= 6);
}

static void nvs_partition(void **state)
{
    (void)state;
    static uint8_t image[SS_NVS_MIN_SIZE];
    struct ss_nvs_writer w;
    struct ss_error err = {0};
    assert_ok(ss_nvs_writer_init(&w, image, sizeof image, SS_NVS_V2, &err), err);
    nvs_put(&w, "cfg", "a", nvs_number(SS_NVS_U8, 1));
    nvs_put(&w, "cfg", "n", nvs_number(SS_NVS_I64, UINT64_MAX));
    nvs_put(&w, "cfg", "s", nvs_text("text"));
    nvs_put(&w, "more", "big", nvs_blob(nvs_pattern(4000), 4000));
    nvs_put(&w, "more", "z", nvs_number(SS_NVS_U16, 9));
    assert_true(mutate(image, sizeof image, mend_nvs, run_nvs) > 10000);
}

static void run_nvs_keys(const uint8_t *in, size_t len)
{
    static const uint8_t zero[SS_NVS_KEYS_SIZE];
    uint8_t keys[SS_NVS_KEYS_SIZE];
    struct ss_error err = {0};
    ss_status_t status = ss_nvs_keys_parse(in, len, keys, &err);
    mutant_status("ss_nvs_keys_parse", status,
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_INVALID) | ONE_OF(SS_ERROR_DATA_CORRUPT));
    mutant_message(status, &err, SS_AREA_NVS);
    mutant_assert(status == SS_OK || memcmp(keys, zero, sizeof keys) == 0);
}

static void nvs_keys(void **state)
{
    (void)state;
    static uint8_t image[SS_NVS_KEYS_IMAGE_SIZE];
    ss_nvs_keys_build(nvs_pattern(SS_NVS_KEYS_SIZE), image);
    assert_true(mutate(image, SS_NVS_KEYS_USED_SIZE, NULL, run_nvs_keys) > 1000);
}

// -- eFuses -----------------------------------------------------------------------------------------------------------

static void check_efuse_keys(const struct ss_efuse *efuse)
{
    struct ss_error err = {0};
    uint8_t key[32];
    uint32_t words[8];
    size_t key_len;
    for (unsigned block = 1; block < SS_EFUSE_BLOCKS; block++) {
        const uint32_t *burned = efuse->words + ss_efuse_block_start(block);
        ss_status_t status = ss_efuse_key_from_words(burned, ss_efuse_coding(efuse), key, &key_len, &err);
        mutant_status("ss_efuse_key_from_words", status,
                      ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_CORRUPT) | ONE_OF(SS_ERROR_NOT_SUPPORTED));
        if (status == SS_OK)
            mutant_assert(ss_efuse_key_to_words(key, key_len, ss_efuse_coding(efuse), words, &err) == SS_OK &&
                          memcmp(words, burned, sizeof words) == 0);
    }
}

static void check_efuse_fields(const struct ss_efuse *efuse)
{
    struct ss_error err = {0};
    const struct ss_efuse_field *field;
    for (size_t i = 0; (field = ss_efuse_field_at(i)) != NULL; i++) {
        struct ss_efuse silicon = *efuse;
        uint8_t bytes[32];
        mutant_assert(field->length <= 8 * sizeof bytes);
        ss_efuse_get_bytes(efuse, field, bytes);
        if (field->length > 32)
            continue;
        uint32_t value = ss_efuse_get(efuse, field), wanted = value | 1;
        ss_status_t status = ss_efuse_burn(&silicon, field, wanted, &err);
        mutant_status("ss_efuse_burn", status, ONE_OF(SS_OK) | ONE_OF(SS_ERROR_NOT_PERMITTED));
        mutant_assert(ss_efuse_get(&silicon, field) == (status == SS_OK ? wanted : value));
        mutant_assert(status == SS_OK || memcmp(&silicon, efuse, sizeof silicon) == 0);
    }
}

static void run_efuse(const uint8_t *in, size_t len)
{
    struct ss_efuse efuse, window;
    struct ss_crypt_count count;
    struct ss_error err = {0};
    uint8_t mac[6], again[SS_EFUSE_IMAGE_SIZE];
    if (len < SS_EFUSE_IMAGE_SIZE)
        return;
    ss_efuse_from_bytes(in, &efuse);
    ss_efuse_to_bytes(&efuse, again);
    mutant_assert(memcmp(in, again, sizeof again) == 0);
    mutant_status("ss_efuse_get_mac", ss_efuse_get_mac(&efuse, mac, &err),
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_CORRUPT));
    mutant_status("ss_efuse_get_custom_mac", ss_efuse_get_custom_mac(&efuse, mac, &err),
                  ONE_OF(SS_OK) | ONE_OF(SS_ERROR_DATA_CORRUPT) | ONE_OF(SS_ERROR_DOES_NOT_EXIST));
    ss_efuse_read_window(&efuse, &window, NULL);
    ss_efuse_crypt_count(&efuse, &count);
    mutant_assert(count.value <= 0x7F && (count.next & count.value) == count.value);
    mutant_assert(ss_efuse_revision(&efuse, true) <= 300);
    check_efuse_keys(&efuse);
    check_efuse_fields(&efuse);
}

static void efuse_image(void **state)
{
    (void)state;
    static const uint8_t mac[6] = {0x24, 0x0A, 0xC4, 0x01, 0x02, 0x03};
    struct ss_error err = {0};
    struct ss_efuse efuse = {0};
    uint32_t words[8];
    uint8_t image[SS_EFUSE_IMAGE_SIZE];
    assert_ok(ss_efuse_burn_mac(&efuse, mac, &err), err);
    assert_ok(ss_efuse_key_to_words(nvs_pattern(32), 32, SS_EFUSE_CODING_NONE, words, &err), err);
    assert_ok(ss_efuse_burn_block(&efuse, 1, words, &err), err);
    ss_efuse_to_bytes(&efuse, image);
    assert_true(mutate(image, sizeof image, NULL, run_efuse) > 1000);
    memset(&efuse, 0, sizeof efuse);
    assert_ok(ss_efuse_burn(&efuse, ss_efuse_field_find("CODING_SCHEME"), SS_EFUSE_CODING_34, &err), err);
    assert_ok(ss_efuse_key_to_words(nvs_pattern(24), 24, SS_EFUSE_CODING_34, words, &err), err);
    assert_ok(ss_efuse_burn_block(&efuse, 2, words, &err), err);
    ss_efuse_to_bytes(&efuse, image);
    assert_true(mutate(image, sizeof image, NULL, run_efuse) > 1000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_table),  cmocka_unit_test(csv_text), cmocka_unit_test(otadata_partition),
        cmocka_unit_test(nvs_partition), cmocka_unit_test(nvs_keys), cmocka_unit_test(efuse_image),
    };
    return ss_test_main(argc, argv, tests);
}
