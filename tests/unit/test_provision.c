// SPDX-License-Identifier: Apache-2.0
// Whole provisionings in one process: both procedures, all levels and schemes of secure boot, both codings; and chips,
// images and stores that are refused.
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "slotseal/sign.h"
#include "support/provision_bench.h"
#include "support/sample_image.h"

static struct ss_error err;

static void run_all(const struct pb_options *o)
{
    struct pb *b = pb_new(o);
    if (pb_provision(b, false) != SS_OK)
        fail_msg("kind %d, level %d, secure boot %d, coding %d: %s\n%s", o->kind, o->level, o->secure_boot, o->coding,
                 b->err.message, b->log);
    assert_int_equal(b->rehearsal.boot.outcome, SS_OUTCOME_APP);
    assert_int_equal(b->confirmations, 1);
    assert_true(b->vault.finished);
    pb_expect_provisioned(b);
    // The same call again finds everything done and burns nothing.
    struct ss_efuse before = *b->chip->silicon;
    if (!o->uart_disable) {
        assert_ok(pb_provision(b, false), b->err);
        assert_memory_equal(&before, b->chip->silicon, sizeof before);
        assert_int_equal(b->confirmations, 1);
    }
    pb_free(b);
}

static void every_combination_ends_with_a_chip_that_boots(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 32; n++) {
        struct pb_options o = {.kind = (enum ss_procedure_kind)(n & 1),
                               .level = (enum ss_procedure_level)(n >> 1 & 1),
                               .secure_boot = (enum ss_secure_boot_scheme)(n >> 2 & 3),
                               .coding = (enum ss_efuse_coding)(n >> 4)};
        o.release_profile = o.level == SS_LEVEL_RELEASE;
        if (o.secure_boot == SS_SECURE_BOOT_V2 && o.coding)
            continue;
        run_all(&o);
    }
}

// ---- what a chip is left like

static void opt_in_steps_are_taken_in_time(void **state)
{
    (void)state;
    struct pb *b = pb_new(&(struct pb_options){.level = SS_LEVEL_RELEASE,
                                               .secure_boot = SS_SECURE_BOOT_V1_REFLASHABLE,
                                               .release_profile = true,
                                               .count_max = true,
                                               .uart_disable = true});
    assert_ok(pb_provision(b, true), b->err);
    pb_expect_provisioned(b);
    // FLASH_CRYPT_CNT 0x7F, UART_DOWNLOAD_DIS, WR_DIS for both.
    assert_int_equal(b->chip->silicon->words[0] & 0x0FF00004, 0x0FF00004);
    // Nobody can ask it anything any more.
    assert_int_equal(pb_provision(b, true), SS_ERROR_TIMEOUT);
    pb_free(b);
}

static void development_leaves_the_way_back_open(void **state)
{
    (void)state;
    struct pb *b = pb_new(&(struct pb_options){0});
    assert_ok(pb_provision(b, true), b->err);
    pb_expect_provisioned(b);
    assert_int_equal(b->chip->silicon->words[0] >> 20 & 0xFF, 1);
    assert_int_equal(b->chip->silicon->words[0] & 4, 0);
    assert_int_equal(b->chip->silicon->words[6] & 0x80, 0);
    pb_free(b);
}

static void what_was_in_the_slots_is_erased(void **state)
{
    (void)state;
    struct pb *b = pb_new(&(struct pb_options){0});
    memset(b->chip->flash.data + 0x10000, 0x42, 0x20000);
    memset(b->chip->flash.data + 0x9000, 0x24, 0x4000);
    assert_ok(pb_provision(b, true), b->err);
    pb_expect_provisioned(b);
    for (uint32_t at = 0x11000; at < 0x30000; at++)
        assert_int_equal(b->chip->flash.data[at], 0xFF);
    // nvs is nobody's business here.
    assert_int_equal(b->chip->flash.data[0x9000], 0x24);
    pb_free(b);
}

static void data_goes_to_its_partition_as_it_is(void **state)
{
    (void)state;
    static const uint8_t settings[] = "settings of this device";
    struct pb *b = pb_new(&(struct pb_options){0});
    struct ss_part_data data = {"nvs", settings, sizeof settings};
    b->job.data = &data;
    b->job.data_count = 1;
    assert_ok(pb_provision(b, true), b->err);
    assert_memory_equal(b->chip->flash.data + 0x9000, settings, sizeof settings);
    // What a running device writes there is its own.
    b->chip->flash.data[0x9000] = 0;
    assert_ok(pb_provision(b, true), b->err);
    assert_int_equal(b->chip->flash.data[0x9000], 0);
    pb_free(b);
}

static void flagged_partitions_are_sealed_and_others_are_not(void **state)
{
    (void)state;
    struct pb *b = pb_new(&(struct pb_options){0});
    struct ss_partition *rows = b->table.rows;
    rows[b->table.count++] = (struct ss_partition){"keys", false, 1, SS_PARTITION_DATA_NVS_KEYS, 0x30000, 0x1000, 0, 0};
    rows[b->table.count++] =
        (struct ss_partition){"secret", false, 1, 0x81, 0x31000, 0x1000, SS_PARTITION_ENCRYPTED, 0};
    rows[b->table.count++] = (struct ss_partition){"open", false, 1, 0x81, 0x32000, 0x1000, 0, 0};
    assert_ok(pb_provision(b, true), b->err);
    pb_expect_provisioned(b);
    uint8_t read[32], erased[32];
    memset(erased, 0xFF, sizeof erased);
    for (uint32_t at = 0x30000; at < 0x32000; at += 0x1000) {
        assert_memory_not_equal(b->chip->flash.data + at, erased, sizeof erased);
        assert_ok(ss_chip_cache_read(b->chip, at, read, sizeof read, &err), err);
        assert_memory_equal(read, erased, sizeof erased);
    }
    assert_memory_equal(b->chip->flash.data + 0x32000, erased, sizeof erased);
    pb_free(b);
}

static void a_device_gets_its_own_verification_key(void **state)
{
    (void)state;
    static const uint8_t template[64] = {1, 2, 3, 4, 5};
    for (unsigned one_time = 0; one_time < 2; one_time++) {
        struct pb *b = pb_new(
            &(struct pb_options){.secure_boot = one_time ? SS_SECURE_BOOT_V1_ONE_TIME : SS_SECURE_BOOT_V1_REFLASHABLE});
        memcpy(b->bootloader + 0x200, template, sizeof template);
        sample_refresh(b->bootloader, b->bootloader_len);
        b->job.embedded_key = template;
        memset(b->profile.public_key, 0, sizeof b->profile.public_key); // as the build says
        uint8_t key[64];
        assert_ok(ss_signing_key_raw_public(b->sign_key, key, &err), err);
        memcpy(b->profile.public_key, key, sizeof key);
        assert_ok(pb_provision(b, true), b->err);
        pb_expect_provisioned(b);
        uint8_t read[64];
        assert_ok(ss_chip_cache_read(b->chip, 0x1200, read, sizeof read, &err), err);
        assert_memory_equal(read, key, sizeof key);
        pb_free(b);
    }
}

// ---- refusals

/// Refused with this message, and nothing of the chip has changed.
static void expect_refused(struct pb *b, ss_status_t status, const char *message)
{
    struct ss_efuse before = *b->chip->silicon;
    uint64_t erases = b->chip->flash.erases, programs = b->chip->flash.programs;
    ss_status_t got = pb_provision(b, true);
    if (got != status || strcmp(b->err.message, message) != 0)
        fail_msg("%s: %s", ss_status_name(got), b->err.message);
    assert_memory_equal(&before, b->chip->silicon, sizeof before);
    assert_true(b->chip->flash.erases == erases && b->chip->flash.programs == programs);
    assert_false(b->vault.finished);
    pb_free(b);
}

static struct pb *plain(void)
{
    return pb_new(&(struct pb_options){.level = SS_LEVEL_RELEASE});
}

static struct pb *reflashable(void)
{
    return pb_new(&(struct pb_options){.secure_boot = SS_SECURE_BOOT_V1_REFLASHABLE});
}

static void images_that_do_not_fit_the_chip(void **state)
{
    (void)state;
    struct pb *b = plain();
    b->app[12] = 9;
    sample_refresh(b->app, b->app_len);
    expect_refused(b, SS_ERROR_NOT_SUPPORTED, "app: mismatch chip ID, expected 0, found 9");
    b = pb_new(&(struct pb_options){.revision = 100});
    b->app[14] = 3;
    sample_refresh(b->app, b->app_len);
    expect_refused(b, SS_ERROR_NOT_SUPPORTED, "app: can't run on lower chip revision, expected 1, found 3");
    b = plain();
    b->bootloader[100] ^= 1;
    expect_refused(b, SS_ERROR_DATA_CORRUPT, "bootloader: csum err:0xee!=0xef");
}

static void images_and_tables_that_do_not_fit_the_flash(void **state)
{
    (void)state;
    struct pb *b = plain();
    b->table.rows[4].size = 0x100000;
    expect_refused(b, SS_ERROR_DATA_INVALID,
                   "partition table: partition ota_1: ends at 0x120000, flash ends at 0x100000");
    b = plain();
    b->table.rows[3].size = 0;
    expect_refused(b, SS_ERROR_INSUFFICIENT_SPACE, "ota_0 is 736 bytes, there is room for 0");
    b = plain();
    b->table.count = 3;
    expect_refused(b, SS_ERROR_DOES_NOT_EXIST, "the partition table has no place for an app");
    b = plain();
    b->bootloader_len =
        sample_image(b->bootloader, sizeof b->bootloader, &(struct sample_segment){0x40080400, 0x1000}, 1, true);
    b->profile.table_offset = 0x2000;
    expect_refused(b, SS_ERROR_INSUFFICIENT_SPACE, "bootloader is 4176 bytes, there is room for 4096");
    b = plain();
    struct ss_part_data data = {"nvs", b->app, 0x5000};
    b->job.data = &data;
    b->job.data_count = 1;
    expect_refused(b, SS_ERROR_INSUFFICIENT_SPACE, "content of partition nvs is 20480 bytes, it holds 16384");
    b = plain();
    data.partition = "missing";
    b->job.data = &data;
    b->job.data_count = 1;
    expect_refused(b, SS_ERROR_DOES_NOT_EXIST, "the table has no partition missing");
}

static void signatures_by_other_keys(void **state)
{
    (void)state;
    ss_signing_key_t *other;
    uint8_t out[PB_IMAGE_MAX];
    size_t len;
    assert_ok(ss_signing_key_generate(SS_KEY_P256, &other, &err), err);
    struct pb *b = reflashable();
    assert_ok(ss_sign_image(SS_SIGN_V1, other, false, b->app, b->app_len, out, sizeof out, &len, NULL, &err), err);
    memcpy(b->app, out, len);
    b->app_len = len;
    expect_refused(b, SS_ERROR_INVALID_SIGNATURE, "app: V1 signature is not valid for this key and these bytes");
    b = reflashable();
    b->bootloader[0x200] ^= 1;
    sample_refresh(b->bootloader, b->bootloader_len);
    expect_refused(b, SS_ERROR_INVALID_SIGNATURE,
                   "bootloader: the key that verifies this device's apps is not in it, nor the one to be replaced");
    ss_signing_key_free(other);
}

static void keys_that_are_not_the_vaults(void **state)
{
    (void)state;
    struct pb *b = plain();
    b->chip->silicon->words[ss_efuse_block_start(1)] = 0xFFFFFFFF;
    expect_refused(b, SS_ERROR_NOT_PERMITTED, "BLOCK1 holds another key already");
    b = plain();
    b->chip->silicon->words[0] = 1u << 16 | 1u << 7;
    b->vault.has_key = false;
    expect_refused(
        b, SS_ERROR_NOT_PERMITTED,
        "BLOCK1 is read-protected, and the journal does not say that this vault's key was read back there: it "
        "was burned elsewhere or made on the chip");
    b = reflashable();
    b->chip->silicon->words[0] = 1u << 17 | 1u << 8;
    expect_refused(b, SS_ERROR_NOT_PERMITTED,
                   "BLOCK2 is read-protected, and the journal does not say that the product's secure boot key was read "
                   "back there: that key is lost");
    b = plain();
    b->chip->silicon->words[0] = 1;
    expect_refused(b, SS_ERROR_NOT_PERMITTED, "BLOCK1 can no longer be read-protected: WR_DIS covers RD_DIS");
}

/// A key that was read back once, but is not the one that the vault has now.
static void a_vault_with_another_key_than_was_burned(void **state)
{
    (void)state;
    struct pb *b = plain();
    assert_ok(pb_provision(b, true), b->err);
    b->vault.key[0] ^= 1;
    b->vault.finished = false;
    expect_refused(b, SS_ERROR_NOT_PERMITTED,
                   "BLOCK1 is read-protected, and the journal does not say that the vault's key was read back there");
}

static void chips_that_are_used_up_or_of_another_kind(void **state)
{
    (void)state;
    struct pb *b = plain();
    b->chip->silicon->words[0] = 0xFu << 20 | 4;
    expect_refused(b, SS_ERROR_NOT_PERMITTED, "FLASH_CRYPT_CNT is used up: 0x0f, encryption off, and write-protected");
    b = plain();
    b->chip->silicon->words[6] = 0x10;
    expect_refused(b, SS_ERROR_NOT_PERMITTED,
                   "secure boot V1 is on already (ABS_DONE_0), which the product does not have");
    b = pb_new(&(struct pb_options){.secure_boot = SS_SECURE_BOOT_V2, .revision = 100});
    expect_refused(b, SS_ERROR_NOT_SUPPORTED, "secure boot V2 needs an ESP32 of revision v3.0, this one is v1.0");
    b = plain();
    b->chip->silicon->words[6] = 2;
    expect_refused(b, SS_ERROR_NOT_SUPPORTED, "coding scheme \"repeat\": flash encryption does not work with it");
}

static void nothing_is_burned_that_does_not_boot_in_the_rehearsal(void **state)
{
    (void)state;
    struct pb *b = plain();
    b->profile.signed_on_boot = true; // and no signature
    expect_refused(b, SS_ERROR_DATA_CORRUPT,
                   "rehearsal: step boot: the chip does not boot: the app's signature does not verify");
    b = plain();
    b->profile.source = SS_PROFILE_GUESSED;
    expect_refused(b, SS_ERROR_NOT_PERMITTED,
                   "what is compiled into the bootloader is only guessed, and that decides what it burns");
}

static void nothing_is_burned_without_a_yes(void **state)
{
    (void)state;
    struct pb *b = plain();
    b->refuse_confirmation = true;
    expect_refused(b, SS_ERROR_NOT_PERMITTED, "step flash-key: not confirmed: nothing was burned");
    b = plain();
    b->quota_spent = true;
    expect_refused(b, SS_ERROR_NOT_PERMITTED, "step flash-key: the quota is spent");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_ends_with_a_chip_that_boots),
        cmocka_unit_test(opt_in_steps_are_taken_in_time),
        cmocka_unit_test(development_leaves_the_way_back_open),
        cmocka_unit_test(what_was_in_the_slots_is_erased),
        cmocka_unit_test(data_goes_to_its_partition_as_it_is),
        cmocka_unit_test(flagged_partitions_are_sealed_and_others_are_not),
        cmocka_unit_test(a_device_gets_its_own_verification_key),
        cmocka_unit_test(images_that_do_not_fit_the_chip),
        cmocka_unit_test(images_and_tables_that_do_not_fit_the_flash),
        cmocka_unit_test(signatures_by_other_keys),
        cmocka_unit_test(keys_that_are_not_the_vaults),
        cmocka_unit_test(a_vault_with_another_key_than_was_burned),
        cmocka_unit_test(chips_that_are_used_up_or_of_another_kind),
        cmocka_unit_test(nothing_is_burned_that_does_not_boot_in_the_rehearsal),
        cmocka_unit_test(nothing_is_burned_without_a_yes),
    };
    return ss_test_main(argc, argv, tests);
}
