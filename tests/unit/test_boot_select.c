// SPDX-License-Identifier: Apache-2.0
// The second stage before it loads an image: own header, partition table, otadata, rollback, anti-rollback, order of
// slots.
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/app_desc.h"
#include "slotseal/otadata.h"
#include "support/boot_bench.h"
#include "support/sample_image.h"

static void as_release(struct bench *b, const char *version)
{
    snprintf(b->profile.idf_version, sizeof b->profile.idf_version, "%s", version);
    assert_true(ss_profile_idf_number(version, &b->profile.idf));
}

static void expect_reset(struct bench *b)
{
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_BOOTLOADER);
    assert_true(b->result.loops);
    assert_int_equal(b->result.resets, 1);
}

static void banner_of_each_release(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(301);
    as_release(b, "v3.2");
    bench_boot(b);
    bench_expect(b,
                 "entry 0x40080400\nI (T) boot: ESP-IDF v3.2 2nd stage bootloader\nI (T) boot: compile time 00:00:00\n"
                 "I (T) boot: Enabling RNG early entropy source...\nI (T) boot: SPI Speed      : 40MHz");
    as_release(b, "v4.0.1");
    bench_boot(b);
    bench_expect(b, "entry 0x40080400\nI (T) boot: Chip Revision: 3\n"
                    "I (T) boot_comm: chip revision: 3, min. bootloader chip revision: 0\n"
                    "I (T) boot: ESP-IDF v4.0.1 2nd stage bootloader");
    as_release(b, "v5.2");
    bench_boot(b);
    bench_expect(b, "I (T) boot: compile time 00:00:00\nI (T) boot: Multicore bootloader\n"
                    "I (T) boot: chip revision: v3.1\nI (T) boot.esp32: SPI Speed      : 40MHz\n"
                    "I (T) boot.esp32: SPI Mode       : DIO\nI (T) boot.esp32: SPI Flash Size : 4MB\n"
                    "I (T) boot: Enabling RNG early entropy source...\nI (T) boot: Partition Table:");
    b->profile.unicore = true;
    bench_boot(b);
    bench_expect(b, "W (T) boot: Unicore bootloader");
    bench_free(b);
}

static void log_levels(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_lay_otadata(b, 0, 5, SS_OTA_UNDEFINED);
    b->chip->flash.data[BENCH_OTA + 28] ^= 1; // its CRC
    b->profile.log = SS_PROFILE_LOG_ERROR;
    bench_boot(b);
    bench_expect(b, "entry 0x40080400\nE (T) boot: ota data partition invalid and no factory, will try all partitions");
    b->profile.log = SS_PROFILE_LOG_NONE;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_null(strstr(b->log, "(T)"));
    bench_free(b);
}

/// Changes the bootloader's header, checksum and hash with it.
static void change_header(struct bench *b, unsigned at, uint8_t value)
{
    uint8_t image[480];
    memcpy(image, b->chip->flash.data + 0x1000, sizeof image);
    image[at] = value;
    sample_refresh(image, sizeof image);
    bench_lay(b, 0x1000, image, sizeof image);
}

static void a_bootloader_for_another_chip(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(100);
    change_header(b, 12, 5);
    expect_reset(b);
    bench_expect(b, "E (T) boot_comm: mismatch chip ID, expected 0, found 5");
    bench_expect_failure(b, "bootloader-chip", "the bootloader is not for this chip, revision v1.0");
    as_release(b, "v5.2");
    expect_reset(b);
    bench_expect(b, "E (T) boot_comm: mismatch chip ID, expected 0, found 5");
    as_release(b, "v3.2"); // does not look
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    as_release(b, "v4.0.1");
    change_header(b, 12, 0);
    change_header(b, 14, 3);
    expect_reset(b);
    bench_expect(b, "E (T) boot_comm: can't run on lower chip revision, expected 1, found 3");
    as_release(b, "v5.2");
    change_header(b, 15, 44);
    change_header(b, 16, 1);
    expect_reset(b);
    bench_expect(b, "E (T) boot_comm: Image requires chip rev >= v3.0, but chip is v1.0");
    bench_free(b);
}

static void expect_table_failure(struct bench *b, const char *text)
{
    char line[200];
    expect_reset(b);
    snprintf(
        line, sizeof line,
        "E (T) flash_parts: %s\nE (T) boot: Failed to verify partition table\nE (T) boot: load partition table error!",
        text);
    bench_expect(b, line);
    bench_expect_failure(b, "partition-table", text);
}

static void tables_that_are_refused(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    uint8_t *table = b->chip->flash.data + BENCH_TABLE;
    table[12] ^= 1; // a label
    expect_table_failure(b, "Incorrect MD5 checksum");
    table[12] ^= 1;
    memcpy(table + 4 * 32, table + 3 * 32, 32);
    expect_table_failure(b, "Only one MD5 checksum is allowed");
    ss_put_le16(table + 4 * 32, 0x1234);
    expect_table_failure(b, "partition 4 invalid magic number 0x1234");
    ss_put_le16(table, 0);
    expect_table_failure(b, "partition 0 invalid magic number 0x0");
    memset(table + 4 * 32, 0xFF, 32);
    ss_put_le16(table, 0x50AA);
    ss_put_le32(table + 2 * 32 + 8, 0x400000);
    expect_table_failure(b, "partition 2 invalid - offset 0x20000 size 0x400000 exceeds flash chip size 0x400000");
    for (unsigned i = 0; i < 96; i++)
        memcpy(table + 32 * i, table, 32);
    expect_table_failure(b, "partition table has no terminating entry, not valid");
    bench_free(b);
}

static void a_table_elsewhere(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    b->profile.table_offset = 0x9000;
    expect_reset(b); // erased flash is a table without rows
    bench_expect(b,
                 "I (T) boot: End of partition table\nE (T) boot: No bootable app partitions in the partition table");
    bench_expect_failure(b, "no-app", "no partition holds an app that can be started");
    memcpy(b->chip->flash.data + 0x9000, b->chip->flash.data + BENCH_TABLE, 0xC00);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void every_kind_of_row(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_add_row(b, "sixteen letters.", SS_PARTITION_DATA, 0x03, 0x30000, 0x1000);
    bench_add_row(b, "em", SS_PARTITION_DATA, 5, 0x31000, 0x1000);
    bench_add_row(b, "keys", SS_PARTITION_DATA, SS_PARTITION_DATA_NVS_KEYS, 0x32000, 0x1000);
    bench_add_row(b, "factory", SS_PARTITION_APP, SS_PARTITION_APP_FACTORY, 0x40000, 0x10000);
    bench_add_row(b, "test", SS_PARTITION_APP, SS_PARTITION_APP_TEST, 0x50000, 0x10000);
    bench_add_row(b, "other", SS_PARTITION_APP, 0x55, 0x60000, 0x10000);
    bench_add_row(b, "own", 0x40, 7, 0x70000, 0x1000);
    bench_lay_table(b);
    bench_boot(b);
    bench_expect(b, "I (T) boot:  3 sixteen letters. Unknown data     01 03 00030000 00001000\n"
                    "I (T) boot:  4 em               efuse            01 05 00031000 00001000\n"
                    "I (T) boot:  5 keys             NVS keys         01 04 00032000 00001000\n"
                    "I (T) boot:  6 factory          factory app      00 00 00040000 00010000\n"
                    "I (T) boot:  7 test             test app         00 20 00050000 00010000\n"
                    "I (T) boot:  8 other            Unknown app      00 55 00060000 00010000\n"
                    "I (T) boot:  9 own              unknown          40 07 00070000 00001000");
    as_release(b, "v3.2");
    bench_boot(b);
    bench_expect(b, "I (T) boot:  4 em               Unknown data     01 05 00031000 00001000");
    bench_free(b);
}

static void otadata_that_cannot_be_read(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    b->table->rows[0].size = 0x1000;
    bench_lay_table(b);
    expect_reset(b);
    bench_expect(b, "E (T) boot: ota_info partition size 4096 is too small (minimum 32 bytes)");
    bench_expect_failure(b, "otadata", "the otadata partition has 4096 bytes, needs 8192");
    b->table->rows[0].size = 0x330000;
    bench_lay_table(b);
    expect_reset(b);
    bench_expect(b, "E (T) bootloader_flash: bootloader_mmap excess size 330000\n"
                    "E (T) boot: bootloader_mmap(0xd000, 0x330000) failed");
    bench_expect_failure(b, "otadata", "the otadata partition of 0x330000 bytes cannot be mapped");
    bench_free(b);
}

static void otadata_decides(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_lay_app(b, BENCH_SLOT_1);
    bench_lay_otadata(b, 0, 3, SS_OTA_UNDEFINED);
    bench_lay_otadata(b, 1, 4, SS_OTA_UNDEFINED);
    bench_boot(b);
    assert_int_equal(b->result.slot, 1);
    assert_int_equal(b->result.address, BENCH_SLOT_1);
    assert_int_equal(b->chip->power.operations, 0);
    // The bootloader of v3.2 does not know states: an aborted record is as good as any.
    bench_lay_otadata(b, 1, 4, SS_OTA_ABORTED);
    bench_boot(b);
    assert_int_equal(b->result.slot, 0);
    as_release(b, "v3.2");
    bench_boot(b);
    assert_int_equal(b->result.slot, 1);
    bench_free(b);
}

static void the_selected_slot_is_empty(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_lay_otadata(b, 0, 2, SS_OTA_UNDEFINED);
    bench_boot(b);
    bench_expect(b, "E (T) boot: OTA app partition slot 1 is not bootable");
    bench_expect_not(b, "Set actual ota_seq=1 in otadata[0]");
    assert_int_equal(b->result.slot, 0);
    bench_free(b);
}

static void factory_and_test_apps(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    bench_add_row(b, "factory", SS_PARTITION_APP, SS_PARTITION_APP_FACTORY, 0x40000, 0x10000);
    bench_add_row(b, "test", SS_PARTITION_APP, SS_PARTITION_APP_TEST, 0x50000, 0x10000);
    bench_lay_table(b);
    bench_lay_app(b, 0x40000);
    bench_boot(b);
    bench_expect(b, "I (T) boot: Defaulting to factory image");
    assert_int_equal(b->result.slot, SS_BOOT_FACTORY);
    assert_int_equal(b->result.address, 0x40000);

    bench_lay_otadata(b, 0, 1, SS_OTA_UNDEFINED);
    b->chip->flash.data[BENCH_OTA + 28] ^= 1;
    bench_boot(b);
    bench_expect(b, "E (T) boot: ota data partition invalid, falling back to factory");
    assert_int_equal(b->result.slot, SS_BOOT_FACTORY);

    b->chip->flash.data[0x40000] = 0;
    b->chip->flash.data[BENCH_SLOT_0] = 0;
    bench_lay_app(b, 0x50000);
    bench_boot(b);
    bench_expect(b, "E (T) boot: Factory app partition is not bootable");
    bench_expect(b, "E (T) boot: OTA app partition slot 0 is not bootable");
    bench_expect(b, "I (T) boot: Loaded app from partition at offset 0x50000\n"
                    "W (T) boot: Falling back to test app as only bootable partition");
    assert_int_equal(b->result.slot, SS_BOOT_TEST);
    bench_free(b);
}

static void a_table_without_otadata(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    b->table->rows[0].subtype = SS_PARTITION_DATA_PHY;
    bench_lay_table(b);
    bench_boot(b);
    assert_int_equal(b->result.slot, 0);
    assert_int_equal(b->chip->power.operations, 0);
    bench_free(b);
}

static uint32_t state_of(const struct bench *b, unsigned copy)
{
    return ss_get_le32(b->chip->flash.data + BENCH_OTA + copy * SS_OTADATA_SECTOR_SIZE + 24);
}

static void a_new_app_is_tried_once(void **state)
{
    (void)state;
    struct bench *b = bench_bootable(300);
    b->profile.rollback = true;
    bench_lay_app(b, BENCH_SLOT_1);
    bench_lay_otadata(b, 0, 1, SS_OTA_VALID);
    bench_lay_otadata(b, 1, 2, SS_OTA_NEW);
    bench_boot(b);
    assert_int_equal(b->result.slot, 1);
    assert_int_equal(state_of(b, 1), SS_OTA_PENDING_VERIFY);
    // It did not confirm itself: back to the old one, for good.
    bench_boot(b);
    assert_int_equal(b->result.slot, 0);
    assert_int_equal(state_of(b, 1), SS_OTA_ABORTED);
    uint64_t operations = b->chip->power.operations;
    bench_boot(b);
    assert_int_equal(b->result.slot, 0);
    assert_int_equal(b->chip->power.operations, operations);
    bench_free(b);
}

/// Power fails while a state is written: never is more lost than the record.
static void rollback_with_power_cuts(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 2; n++)
        for (enum ss_cut how = SS_CUT_BEFORE; how <= SS_CUT_AFTER; how++) {
            struct bench *b = bench_bootable(300);
            b->profile.rollback = true;
            bench_lay_app(b, BENCH_SLOT_1);
            bench_lay_otadata(b, 0, 1, SS_OTA_VALID);
            bench_lay_otadata(b, 1, 2, SS_OTA_NEW);
            b->chip->power.cut_at = n;
            b->chip->power.cut = how;
            bench_boot(b);
            assert_int_equal(b->result.outcome, SS_OUTCOME_POWER_LOST);
            bench_boot(b);
            assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
            // Until the record is touched the new app is still new; after it, the old one runs.
            assert_int_equal(b->result.slot, n == 1 && how == SS_CUT_BEFORE);
            bench_free(b);
        }
}

static struct bench *with_anti_rollback(void)
{
    struct bench *b = bench_bootable(300); // the sample app has secure version 7
    b->profile.anti_rollback = b->profile.rollback = true;
    return b;
}

static void a_secure_version_is_raised(void **state)
{
    (void)state;
    struct bench *b = with_anti_rollback();
    bench_boot(b);
    bench_expect(b, "I (T) boot: Enabled a check secure version of app for anti rollback\n"
                    "I (T) boot: Secure version (from eFuse) = 0\n"
                    "I (T) boot: otadata[0..1] in initial state");
    bench_expect(b, "I (T) boot: Set actual ota_seq=1 in otadata[0]\n"
                    "I (T) efuse: Anti-rollback is set. eFuse field is updated(7).");
    assert_int_equal(b->chip->silicon->words[ss_efuse_block_start(3) + 4], 0x7F);
    bench_boot(b);
    bench_expect(b, "I (T) boot: Secure version (from eFuse) = 7");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
}

static void a_confirmed_app_raises_it_too(void **state)
{
    (void)state;
    struct bench *b = with_anti_rollback();
    bench_lay_otadata(b, 0, 1, SS_OTA_VALID);
    b->chip->silicon->words[ss_efuse_block_start(3) + 4] = 0x1F;
    bench_boot(b);
    bench_expect(b, "I (T) efuse: Anti-rollback is set. eFuse field is updated(7).");
    assert_int_equal(b->chip->silicon->words[ss_efuse_block_start(3) + 4], 0x7F);
    bench_free(b);
}

static void an_old_app_is_not_started(void **state)
{
    (void)state;
    struct bench *b = with_anti_rollback();
    bench_lay_otadata(b, 0, 1, SS_OTA_VALID);
    b->chip->silicon->words[ss_efuse_block_start(3) + 4] = 0xFF;
    expect_reset(b);
    bench_expect(b, "E (T) boot: ota data partition invalid and no factory, will try all partitions\n"
                    "E (T) boot: OTA app partition slot 0 is not bootable");
    bench_expect_failure(b, "anti-rollback", "0x10000: secure version 7, the chip's is 8");
    // Its record stays as it is.
    assert_int_equal(state_of(b, 0), SS_OTA_VALID);
    bench_free(b);
}

static void anti_rollback_needs_descriptors(void **state)
{
    (void)state;
    struct bench *b = with_anti_rollback();
    b->chip->flash.data[BENCH_SLOT_0 + SS_DESC_OFFSET] = 0;
    expect_reset(b);
    bench_expect_failure(b, "anti-rollback", "0x10000: no app descriptor");
    bench_expect_not(b, "E (T) boot: Failed to get partition description 261");
    as_release(b, "v5.2");
    expect_reset(b);
    bench_expect(b, "E (T) boot: Failed to get partition description 261");
    bench_free(b);
}

static void secure_versions_that_cannot_be_burned(void **state)
{
    (void)state;
    struct bench *b = with_anti_rollback();
    b->profile.secure_version_bits = 4;
    bench_boot(b);
    bench_expect(b, "E (T) efuse: Max secure version is 4. Given 7 version can not be written.");
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    bench_free(b);
    static const char *const versions[] = {"v4.0.1", "v5.2"};
    static const char *const lines[] = {"E (T) efuse: Anti rollback is not supported with a 3/4 coding scheme.",
                                        "E (T) efuse: Anti rollback is not supported with any coding scheme."};
    for (unsigned i = 0; i < 2; i++) {
        b = with_anti_rollback();
        as_release(b, versions[i]);
        bench_set(b, "CODING_SCHEME", SS_EFUSE_CODING_34);
        bench_boot(b);
        bench_expect(b, lines[i]);
        assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
        bench_free(b);
    }
}

static void anti_rollback_without_slots(void **state)
{
    (void)state;
    struct bench *b = with_anti_rollback();
    b->table->count = 1;
    bench_lay_table(b);
    bench_lay_otadata(b, 0, 1, SS_OTA_VALID);
    expect_reset(b);
    bench_expect_failure(b, "otadata", "anti-rollback needs OTA slots, the table has none");
    bench_free(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(banner_of_each_release),
        cmocka_unit_test(log_levels),
        cmocka_unit_test(a_bootloader_for_another_chip),
        cmocka_unit_test(tables_that_are_refused),
        cmocka_unit_test(a_table_elsewhere),
        cmocka_unit_test(every_kind_of_row),
        cmocka_unit_test(otadata_that_cannot_be_read),
        cmocka_unit_test(otadata_decides),
        cmocka_unit_test(the_selected_slot_is_empty),
        cmocka_unit_test(factory_and_test_apps),
        cmocka_unit_test(a_table_without_otadata),
        cmocka_unit_test(a_new_app_is_tried_once),
        cmocka_unit_test(rollback_with_power_cuts),
        cmocka_unit_test(a_secure_version_is_raised),
        cmocka_unit_test(a_confirmed_app_raises_it_too),
        cmocka_unit_test(an_old_app_is_not_started),
        cmocka_unit_test(anti_rollback_needs_descriptors),
        cmocka_unit_test(secure_versions_that_cannot_be_burned),
        cmocka_unit_test(anti_rollback_without_slots),
    };
    return ss_test_main(argc, argv, tests);
}
