// SPDX-License-Identifier: Apache-2.0
// Power cuts during the first boot that enables flash encryption and secure boot V1: at every operation of flash and
// eFuses, before it, inside it and after it. Whatever is left has to boot where ESP-IDF's own account of the steps
// says so, and to fail by a name otherwise.
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/boot_bench.h"
#include "support/sample_image.h"
#include "support/vectors.h"

#define WR_RD_BLK1 (1u << 7 | 1u << 16)
#define WR_RD_BLK2 (1u << 8 | 1u << 17)

static struct ss_error err;

/// What a cut can leave behind.
enum left {
    LEFT_BOOTS,
    LEFT_FLASH_KEY,       ///< BLOCK1 burned in part or not protected: the bootloader refuses to encrypt
    LEFT_SECURE_BOOT_KEY, ///< BLOCK2 protected half: the bootloader refuses to enable secure boot
    LEFT_NO_BOOTLOADER,   ///< the bootloader is erased or encrypted, and flash is not decrypted yet
    LEFT_KINDS,
};

static struct ss_vchip *clone(const struct ss_vchip *chip)
{
    struct ss_vchip *copy;
    assert_ok(ss_chip_clone(chip, &copy, &err), err);
    return copy;
}

/// Brings a clone back to what it was made from, without the cost of a new one.
static void restore(struct ss_vchip *chip, const struct ss_vchip *from)
{
    *chip->silicon = *from->silicon;
    memcpy(chip->flash.data, from->flash.data, from->flash.size);
    chip->power = (struct ss_power){.operations = from->power.operations, .seed = from->power.seed};
}

static bool empty(const struct ss_vchip *chip, unsigned block)
{
    for (unsigned i = 0; i < 8; i++)
        if (chip->silicon->words[ss_efuse_block_start(block) + i])
            return false;
    return true;
}

/// By the bits alone, from what ESP-IDF's bootloader says about the steps of a first boot (bootloader_utility.c).
static enum left what_is_left(const struct ss_vchip *chip, const uint8_t *bootloader, size_t len)
{
    uint32_t dis = chip->silicon->words[0], blk1 = dis & WR_RD_BLK1, blk2 = dis & WR_RD_BLK2;
    if (!ss_chip_encrypts(chip)) {
        if (memcmp(chip->flash.data + 0x1000, bootloader, len))
            return LEFT_NO_BOOTLOADER;
        if (blk1 != WR_RD_BLK1 && (blk1 || !empty(chip, 1)))
            return LEFT_FLASH_KEY;
    }
    if (!ss_efuse_get_name(chip->silicon, "ABS_DONE_0") && blk2 && blk2 != WR_RD_BLK2)
        return LEFT_SECURE_BOOT_KEY;
    return LEFT_BOOTS;
}

/// True if one of these rules failed in the last cycle, or there are none to fail.
static bool is_named(const struct ss_boot_result *r, const char *const rules[3])
{
    bool named = !rules[0];
    unsigned last = r->stages[r->stage_count - 1].cycle;
    for (unsigned i = 0; i < r->stage_count; i++)
        for (unsigned n = 0; n < 3 && rules[n]; n++)
            named =
                named || (r->stages[i].cycle == last && !r->stages[i].ok && !strcmp(r->stages[i].rule->id, rules[n]));
    return named;
}

/// Boots what is left and compares with what is to be expected of it.
static enum left boot_what_is_left(struct bench *b, const uint8_t *bootloader, size_t len)
{
    static const struct {
        enum ss_boot_outcome outcome;
        const char *rules[3];
    } expected[LEFT_KINDS] = {
        [LEFT_BOOTS] = {SS_OUTCOME_APP, {0}},
        [LEFT_FLASH_KEY] = {SS_OUTCOME_BOOTLOADER, {"encryption-setup"}},
        [LEFT_SECURE_BOOT_KEY] = {SS_OUTCOME_BOOTLOADER, {"secure-boot-enable"}},
        [LEFT_NO_BOOTLOADER] = {SS_OUTCOME_ROM, {"rom-header", "rom-load", "rom-checksum"}},
    };
    enum left left = what_is_left(b->chip, bootloader, len);
    bench_boot(b);
    if (b->result.outcome == SS_OUTCOME_POWER_LOST)
        return left; // a second cut: the caller boots again
    if (b->result.outcome != expected[left].outcome || !is_named(&b->result, expected[left].rules))
        fail_msg("left %d, outcome %s:\n%s", left, ss_boot_outcome_name(b->result.outcome), b->log);
    return left;
}

struct first_boot {
    struct bench *bench;
    struct ss_vchip *start; ///< before it
    uint64_t operations;    ///< of a whole one
    uint8_t bootloader[1024];
    size_t bootloader_len;
};

static void begin(struct first_boot *f, struct bench *b)
{
    f->bench = b;
    b->profile.flash_encryption = true;
    b->profile.secure_boot = SS_PROFILE_SECURE_BOOT_V1;
    f->bootloader_len = sample_bootloader(f->bootloader, sizeof f->bootloader);
    f->start = b->chip;
    b->chip = clone(f->start);
    uint64_t before = b->chip->power.operations;
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    f->operations = b->chip->power.operations - before;
}

static void end(struct first_boot *f)
{
    ss_chip_free(f->start);
    bench_free(f->bench);
}

/// A first boot from a copy of @p from that loses power at its n-th operation from now.
static void cut(struct first_boot *f, const struct ss_vchip *from, uint64_t n, enum ss_cut how, uint64_t seed)
{
    struct bench *b = f->bench;
    restore(b->chip, from);
    b->chip->power.cut_at = b->chip->power.operations + n;
    b->chip->power.cut = how;
    b->chip->power.seed = seed;
    bench_boot(b);
}

static struct bench *two_slots(void)
{
    struct bench *b = bench_bootable(300);
    const ss_signing_key_t *key = bench_sign_with_v1(b);
    bench_lay_signed_app(b, BENCH_SLOT_0, key);
    bench_lay_signed_app(b, BENCH_SLOT_1, key);
    return b;
}

/// ESP-IDF's way out of a lost bootloader: everything in plaintext again, no bit of FLASH_CRYPT_CNT is used up.
static void reflash_and_boot(struct first_boot *f)
{
    struct bench *b = f->bench;
    memcpy(b->chip->flash.data, f->start->flash.data, f->start->flash.size);
    bench_boot(b);
    assert_int_equal(b->result.outcome, SS_OUTCOME_APP);
    assert_int_equal(ss_efuse_get_name(b->chip->silicon, "FLASH_CRYPT_CNT"), 1);
}

static void every_cut_boots_or_has_a_name(void **state)
{
    (void)state;
    struct first_boot f;
    unsigned kinds[LEFT_KINDS] = {0};
    begin(&f, two_slots());
    for (uint64_t n = 1; n <= f.operations; n++)
        // Inside an operation there is more than one place.
        for (unsigned i = 0; i < 5; i++) {
            enum ss_cut how = i == 0 ? SS_CUT_BEFORE : i == 1 ? SS_CUT_AFTER : SS_CUT_INSIDE;
            cut(&f, f.start, n, how, n + 100 * i);
            assert_int_equal(f.bench->result.outcome, SS_OUTCOME_POWER_LOST);
            enum left left = boot_what_is_left(f.bench, f.bootloader, f.bootloader_len);
            kinds[left]++;
            if (left == LEFT_NO_BOOTLOADER && n % 16 == 0)
                reflash_and_boot(&f);
        }
    for (unsigned i = 0; i < LEFT_KINDS; i++)
        assert_true(kinds[i] > 0);
    // 37 sectors of 17 operations (bootloader, digest, table, otadata, two slots), 8 burns, 2 operations each for digest
    // and otadata.
    assert_int_equal(f.operations, 37 * 17 + 8 + 4);
    end(&f);
}

static void no_cut_beyond_the_last_operation(void **state)
{
    (void)state;
    struct first_boot f;
    begin(&f, two_slots());
    cut(&f, f.start, f.operations + 1, SS_CUT_BEFORE, 1);
    assert_int_equal(f.bench->result.outcome, SS_OUTCOME_APP);
    end(&f);
}

/// One slot of three sectors, so that pairs can be gone through.
static struct bench *three_sectors(void)
{
    struct bench *b = bench_bootable(300);
    b->table->count = 1;
    bench_add_row(b, "ota_0", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0, BENCH_SLOT_0, 0x3000);
    bench_lay_table(b);
    bench_lay_signed_app(b, BENCH_SLOT_0, bench_sign_with_v1(b));
    return b;
}

static void a_second_cut_while_it_recovers(void **state)
{
    (void)state;
    struct first_boot f;
    unsigned pairs = 0, second[LEFT_KINDS] = {0};
    begin(&f, three_sectors());
    struct ss_vchip *after = clone(f.start);
    for (uint64_t n = 1; n <= f.operations; n++)
        for (enum ss_cut how = SS_CUT_BEFORE; how <= SS_CUT_AFTER; how++) {
            cut(&f, f.start, n, how, n);
            restore(after, f.bench->chip);
            uint64_t before = f.bench->chip->power.operations;
            boot_what_is_left(f.bench, f.bootloader, f.bootloader_len);
            uint64_t more = f.bench->chip->power.operations - before;
            for (uint64_t m = 1; m <= more; m++) {
                cut(&f, after, m, (enum ss_cut)(SS_CUT_BEFORE + (n + m) % 3), n + m);
                assert_int_equal(f.bench->result.outcome, SS_OUTCOME_POWER_LOST);
                second[boot_what_is_left(f.bench, f.bootloader, f.bootloader_len)]++;
                pairs++;
            }
        }
    ss_chip_free(after);
    assert_true(pairs > 1000);
    assert_true(second[LEFT_BOOTS] > 0 && second[LEFT_NO_BOOTLOADER] > 0 && second[LEFT_FLASH_KEY] > 0);
    end(&f);
}

/// The forum's table on its flash of 4 MiB.
static struct bench *forum(void)
{
    struct bench *b = bench_new(300);
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    uint8_t image[1024];
    ss_chip_free(b->chip);
    assert_ok(ss_chip_new(&options, &b->chip, &err), err);
    b->table->count = 0;
    bench_add_row(b, "nvs", SS_PARTITION_DATA, SS_PARTITION_DATA_NVS, 0x9000, 0x4000);
    bench_add_row(b, "otadata", SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, 0xD000, 0x2000);
    bench_add_row(b, "phy_init", SS_PARTITION_DATA, SS_PARTITION_DATA_PHY, 0xF000, 0x1000);
    bench_add_row(b, "ota_0", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0, 0x10000, 0x150000);
    bench_add_row(b, "ota_1", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0 + 1, 0x160000, 0x150000);
    b->table->rows[3].flags = b->table->rows[4].flags = SS_PARTITION_ENCRYPTED;
    bench_lay(b, 0x1000, image, sample_bootloader(image, sizeof image));
    bench_lay_table(b);
    bench_lay_signed_app(b, 0x10000, bench_sign_with_v1(b));
    return b;
}

static void cuts_on_the_forum_table(void **state)
{
    (void)state;
    struct first_boot f;
    uint64_t seed = 2026;
    begin(&f, forum());
    for (unsigned i = 0; i < 500; i++) {
        uint64_t n = 1 + test_random(&seed) % f.operations;
        cut(&f, f.start, n, (enum ss_cut)(SS_CUT_BEFORE + i % 3), i);
        assert_int_equal(f.bench->result.outcome, SS_OUTCOME_POWER_LOST);
        boot_what_is_left(f.bench, f.bootloader, f.bootloader_len);
    }
    end(&f);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_boots_or_has_a_name),
        cmocka_unit_test(no_cut_beyond_the_last_operation),
        cmocka_unit_test(a_second_cut_while_it_recovers),
        cmocka_unit_test(cuts_on_the_forum_table),
    };
    return ss_test_main(argc, argv, tests);
}
