// SPDX-License-Identifier: Apache-2.0
#include "provision/readback.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/otadata.h"
#include "support/sample_image.h"
#include "support/unit.h"

enum { FLASH = 0x30000 };

static uint8_t flash[FLASH], plain[FLASH];
static const uint8_t key[32] = {7, 7, 1}, other[32] = {8};
static struct ss_partition_table table;
static struct ss_error err;

static void add_row(const char *label, uint8_t type, uint8_t subtype, uint32_t offset, uint32_t size)
{
    struct ss_partition *row = &table.rows[table.count++];
    *row = (struct ss_partition){.type = type, .subtype = subtype, .offset = offset, .size = size};
    strcpy(row->label, label);
}

static struct ss_seal_params params(const uint8_t *with)
{
    return (struct ss_seal_params){.kind = SS_SEAL_DATA, .key = with, .key_len = 32, .crypt_config = 0xF};
}

static void lay(uint32_t address, size_t len)
{
    struct ss_seal_params p = params(key);
    size_t out;
    p.address = address;
    assert_ok(ss_seal(&p, plain + address, len, flash + address, len, &out, NULL, &err), err);
}

/// The flash of a chip that runs: bootloader, table, otadata, one app, nvs as it is, the second slot erased.
static int set_up(void **state)
{
    (void)state;
    add_row("nvs", SS_PARTITION_DATA, SS_PARTITION_DATA_NVS, 0x9000, 0x4000);
    add_row("otadata", SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, 0xD000, 0x2000);
    add_row("ota_0", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0, 0x10000, 0x10000);
    add_row("ota_1", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0 + 1, 0x20000, 0x10000);
    memset(flash, 0xFF, sizeof flash);
    memset(plain, 0xFF, sizeof plain);
    sample_bootloader(plain + 0x1000, 0x1000);
    assert_ok(ss_table_to_binary(&table, plain + 0x8000, &err), err);
    memset(plain + 0x9000, 'n', 0x40);
    assert_ok(ss_otadata_build(0, 2, SS_OTA_VALID, plain + 0xD000, &err), err);
    sample_app(plain + 0x10000, 0x1000);
    lay(0x1000, 0x1000);
    lay(0x8000, 0x1000);
    memcpy(flash + 0x9000, plain + 0x9000, 0x4000);
    lay(0xD000, 0x2000);
    lay(0x10000, 0x1000);
    return 0;
}

struct seen {
    unsigned count, noise, erased;
    char version[33];
};

static void see(void *context, const struct ss_readback_region *region)
{
    struct seen *s = context;
    s->count++;
    s->noise += !region->erased && region->content == SS_CONTENT_NOISE;
    s->erased += region->erased;
    if (!strcmp(region->name, "ota_0"))
        strcpy(s->version, region->version);
}

static void everything_is_plaintext_again(void **state)
{
    (void)state;
    static uint8_t copy[FLASH];
    struct seen seen = {0};
    struct ss_seal_params p = params(key);
    memcpy(copy, flash, sizeof copy);
    assert_ok(ss_readback_unseal(&p, &table, 0x8000, copy, sizeof copy, see, &seen, &err), err);
    assert_memory_equal(copy, plain, sizeof copy);
    assert_int_equal(seen.count, 6); // digest, bootloader, table, otadata, two slots
    assert_int_equal(seen.noise, 0);
    assert_int_equal(seen.erased, 2); // digest, ota_1
    assert_string_equal(seen.version, "1.2.3");
}

static void another_key_gives_noise(void **state)
{
    (void)state;
    static uint8_t copy[FLASH];
    struct seen seen = {0};
    struct ss_seal_params p = params(other);
    memcpy(copy, flash, sizeof copy);
    assert_ok(ss_readback_unseal(&p, &table, 0x8000, copy, sizeof copy, see, &seen, &err), err);
    assert_true(seen.noise >= 3);
    assert_string_equal(seen.version, "");
    assert_memory_equal(copy + 0x9000, plain + 0x9000, 0x4000);
}

static void short_dumps_and_bad_keys(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct ss_seal_params p = params(key);
    uint8_t *part = malloc(0x8010);
    memcpy(part, flash, 0x8010);
    assert_ok(ss_readback_unseal(&p, &table, 0x8000, part, 0x8010, see, &seen, &err), err);
    assert_int_equal(seen.count, 3);
    assert_memory_equal(part, plain, 0x8010);
    free(part);
    p.key_len = 31;
    assert_int_equal(ss_readback_unseal(&p, &table, 0x8000, flash, sizeof flash, NULL, NULL, &err),
                     SS_ERROR_INVALID_ARGUMENT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_plaintext_again),
        cmocka_unit_test(another_key_gives_noise),
        cmocka_unit_test(short_dumps_and_bad_keys),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
