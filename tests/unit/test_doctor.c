// SPDX-License-Identifier: Apache-2.0
// The doctor: silent on healthy chips, names every single mistake and every pair of them, and nothing else.
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip/boot.h"
#include "core/bytes.h"
#include "provision/doctor.h"
#include "slotseal/efuse.h"
#include "slotseal/partition_table.h"
#include "support/patient.h"

static struct ss_error err;
static struct patient_chip chip;
static struct ss_doctor_report report;

static int set_up(void **state)
{
    (void)state;
    chip.flash = malloc(PATIENT_FLASH);
    return chip.flash ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(chip.flash);
    return 0;
}

static void examine(const struct patient *p)
{
    patient_make(p, &chip);
    struct ss_doctor_input in = {.flash = chip.flash,
                                 .flash_len = PATIENT_FLASH,
                                 .flash_whole = true,
                                 .efuse = &chip.silicon,
                                 .silicon = true,
                                 .profile = &chip.profile};
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
}

/// As software sees the chip: hidden blocks read as zero, and there is no key.
static void examine_outside(const struct patient *p, const uint8_t *key)
{
    struct ss_efuse window;
    patient_make(p, &chip);
    ss_efuse_read_window(&chip.silicon, &window, NULL);
    struct ss_doctor_input in = {.flash = chip.flash,
                                 .flash_len = PATIENT_FLASH,
                                 .efuse = &window,
                                 .profile = &chip.profile,
                                 .key = key,
                                 .key_len = key ? 32 : 0};
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
}

static const char *id(unsigned i)
{
    return ss_doctor_rule(report.findings[i].id)->id;
}

static void healthy_chips_have_no_findings(void **state)
{
    (void)state;
    static const struct patient *const good[] = {&patient_plain, &patient_development, &patient_release,
                                                 &patient_secure, &patient_v2};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        examine(good[i]);
        if (report.count)
            fail_msg("healthy chip %zu: %s: %s", i, id(0), report.findings[0].seen);
    }
    struct patient p = patient_development;
    p.count = 7;
    examine(&p);
    assert_int_equal(report.count, 0);
    p = patient_release;
    p.count = 0x7F;
    examine(&p);
    assert_int_equal(report.count, 0);
    p = patient_plain;
    p.count = 3;
    examine(&p);
    assert_int_equal(report.count, 0);
}

static void what_is_hidden_is_unknown(void **state)
{
    (void)state;
    examine_outside(&patient_release, NULL);
    for (unsigned i = 0; i < report.count; i++)
        if (report.findings[i].severity != SS_DOCTOR_UNKNOWN)
            fail_msg("%s: %s", id(i), report.findings[i].seen);
    assert_non_null(ss_doctor_find(&report, SS_DOCTOR_BOOTLOADER_UNKNOWN));
    assert_non_null(ss_doctor_find(&report, SS_DOCTOR_TABLE_UNKNOWN));
    assert_non_null(ss_doctor_find(&report, SS_DOCTOR_APP_UNKNOWN));
    assert_non_null(ss_doctor_find(&report, SS_DOCTOR_SECURE_BOOT_UNKNOWN));
    patient_make(&patient_release, &chip);
    uint8_t key[32];
    memcpy(key, chip.key, 32);
    examine_outside(&patient_release, key);
    assert_int_equal(report.count, 1); // only the digest, whose key nothing shows
    assert_int_equal(report.findings[0].id, SS_DOCTOR_SECURE_BOOT_UNKNOWN);
}

struct mistake {
    enum ss_doctor_id id;
    const char *excludes; ///< letters; two mistakes that share one cannot be made together, or hide each other
    void (*make)(struct patient *p);
    enum ss_doctor_id also; ///< follows from it
    bool risk;
};

#define MISTAKE(name, change)                                                                                          \
    static void name(struct patient *p)                                                                                \
    {                                                                                                                  \
        change;                                                                                                        \
    }
MISTAKE(bootloader_missing, p->bootloader.missing = true)
MISTAKE(bootloader_plain, p->bootloader.plain = true)
MISTAKE(bootloader_elsewhere, p->bootloader.sealed_for = 0x10000)
MISTAKE(bootloader_other_config, p->bootloader.other_config = true)
MISTAKE(bootloader_damaged, p->bootloader.damaged = true)
MISTAKE(bootloader_big, p->big = 0x7000)
MISTAKE(header_flash_size, p->flash_code = 0)
MISTAKE(table_missing, p->table.missing = true)
MISTAKE(table_plain, p->table.plain = true)
MISTAKE(table_elsewhere, p->table.sealed_for = 0x1000)
MISTAKE(table_damaged, p->table.damaged = true)
MISTAKE(table_address, p->table_at = 0xD000)
MISTAKE(otadata_erased, p->otadata_unsealed = true)
MISTAKE(otadata_plain, p->otadata.plain = true)
MISTAKE(otadata_elsewhere, p->otadata.sealed_for = 0x8000)
MISTAKE(otadata_selects, p->selects_empty = true)
MISTAKE(app_missing, p->app.missing = true)
MISTAKE(app_plain, p->app.plain = true)
MISTAKE(app_elsewhere, p->app.sealed_for = 0x100000)
MISTAKE(app_other_config, p->app.other_config = true)
MISTAKE(app_damaged, p->app.damaged = true)
MISTAKE(app_unsigned, p->unsigned_app = true)
MISTAKE(app_signature, p->wrong_signature = true)
MISTAKE(app_sealed_then_signed, p->sealed_then_signed = true)
MISTAKE(config_missing, p->config = 0)
MISTAKE(key_readable, p->rd_dis &= ~1u)
MISTAKE(key_writable, p->wr_dis &= ~0x80u)
MISTAKE(key_reversed, p->reversed_key = true)
MISTAKE(rd_dis_locked, (p->rd_dis &= ~1u, p->wr_dis |= 1))
MISTAKE(download_open, p->dl_bits &= ~0x100u)
MISTAKE(jtag_open, p->dl_bits &= ~0x40u)
MISTAKE(not_armed, (p->armed = false, p->dl_bits &= ~0x10u))
MISTAKE(digest_wrong, p->wrong_digest = true)
MISTAKE(secure_boot_key_open, p->wr_dis &= ~0x100u)
MISTAKE(public_key_length, p->public_key_len = 178)
MISTAKE(not_built, p->profile_encrypts = false)
MISTAKE(decryption_off, (p->count = 3, p->wr_dis &= ~4u))

static const struct mistake mistakes[] = {
    {SS_DOCTOR_BOOTLOADER_MISSING, "bBd", bootloader_missing, 0, false},
    {SS_DOCTOR_BOOTLOADER_PLAINTEXT, "bo", bootloader_plain, 0, false},
    {SS_DOCTOR_BOOTLOADER_SEALED_WRONG, "b", bootloader_elsewhere, 0, false},
    {SS_DOCTOR_BOOTLOADER_SEALED_WRONG, "bc", bootloader_other_config, 0, false},
    {SS_DOCTOR_BOOTLOADER_DAMAGED, "Bd", bootloader_damaged, 0, false},
    {SS_DOCTOR_BOOTLOADER_OVERLAP, "Bd", bootloader_big, 0, false},
    {SS_DOCTOR_BOOTLOADER_FLASH_SIZE, "BT", header_flash_size, 0, false},
    {SS_DOCTOR_TABLE_MISSING, "tTOB", table_missing, 0, false},
    {SS_DOCTOR_TABLE_PLAINTEXT, "t", table_plain, 0, false},
    {SS_DOCTOR_TABLE_SEALED_WRONG, "t", table_elsewhere, 0, false},
    {SS_DOCTOR_TABLE_DAMAGED, "tT", table_damaged, 0, false},
    {SS_DOCTOR_TABLE_ADDRESS, "t", table_address, 0, false},
    {SS_DOCTOR_OTADATA_ERASED, "O", otadata_erased, 0, true},
    {SS_DOCTOR_OTADATA_PLAINTEXT, "O", otadata_plain, 0, true},
    {SS_DOCTOR_OTADATA_SEALED_WRONG, "O", otadata_elsewhere, 0, true},
    {SS_DOCTOR_OTADATA_SELECTS_BAD, "Om", otadata_selects, 0, true},
    {SS_DOCTOR_APP_MISSING, "aASKm", app_missing, 0, false},
    {SS_DOCTOR_APP_PLAINTEXT, "a", app_plain, 0, false},
    {SS_DOCTOR_APP_SEALED_WRONG, "a", app_elsewhere, 0, false},
    {SS_DOCTOR_APP_SEALED_WRONG, "ac", app_other_config, 0, false},
    {SS_DOCTOR_APP_DAMAGED, "AS", app_damaged, 0, false},
    {SS_DOCTOR_APP_UNSIGNED, "S", app_unsigned, 0, false},
    {SS_DOCTOR_APP_SIGNATURE_WRONG, "SK", app_signature, 0, false},
    {SS_DOCTOR_APP_SEALED_THEN_SIGNED, "SaA", app_sealed_then_signed, 0, false},
    {SS_DOCTOR_CONFIG_MISSING, "c", config_missing, 0, false},
    {SS_DOCTOR_KEY_READABLE, "r", key_readable, 0, true},
    {SS_DOCTOR_KEY_WRITABLE, "w", key_writable, 0, true},
    {SS_DOCTOR_KEY_REVERSED, "k", key_reversed, 0, false},
    {SS_DOCTOR_RD_DIS_LOCKED, "r", rd_dis_locked, 0, true},
    {SS_DOCTOR_DOWNLOAD_OPEN, "", download_open, 0, true},
    {SS_DOCTOR_DEBUG_OPEN, "", jtag_open, 0, true},
    {SS_DOCTOR_SECURE_BOOT_NOT_ARMED, "dp", not_armed, 0, true},
    {SS_DOCTOR_SECURE_BOOT_DIGEST, "d", digest_wrong, 0, false},
    {SS_DOCTOR_SECURE_BOOT_KEY_OPEN, "p", secure_boot_key_open, 0, true},
    {SS_DOCTOR_PUBLIC_KEY_LENGTH, "K", public_key_length, 0, false},
    {SS_DOCTOR_ENCRYPTION_NOT_BUILT, "n", not_built, 0, true},
    {SS_DOCTOR_DECRYPTION_OFF, "no", decryption_off, 0, false},
};
enum { MISTAKES = sizeof mistakes / sizeof *mistakes };

/// That the count is used up follows from other findings; it is tested by itself.
static bool expected(const struct ss_doctor_finding *f, const struct mistake *a, const struct mistake *b)
{
    return f->id == a->id || f->id == a->also || f->id == b->id || f->id == b->also || f->id == SS_DOCTOR_COUNT_USED_UP;
}

static void check(const struct mistake *a, const struct mistake *b)
{
    const char *name_a = ss_doctor_rule(a->id)->id, *name_b = ss_doctor_rule(b->id)->id;
    if (!ss_doctor_find(&report, a->id))
        fail_msg("%s and %s: the first is not named", name_a, name_b);
    if (!ss_doctor_find(&report, b->id))
        fail_msg("%s and %s: the second is not named", name_a, name_b);
    for (unsigned i = 0; i < report.count; i++)
        if (!expected(&report.findings[i], a, b))
            fail_msg("%s and %s: falsely %s: %s", name_a, name_b, id(i), report.findings[i].seen);
    if (!ss_doctor_stops(&report) != (a->risk && b->risk))
        fail_msg("%s and %s: %s", name_a, name_b, a->risk && b->risk ? "stops" : "does not stop");
}

static bool compatible(const struct mistake *a, const struct mistake *b)
{
    return strpbrk(a->excludes, b->excludes) == NULL;
}

/// Whether the model of the boot chain starts an app on the chip that was examined last.
static bool boots(void)
{
    static struct ss_boot_result result;
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *model = NULL;
    options.flash_size = PATIENT_FLASH;
    assert_ok(ss_chip_new(&options, &model, &err), err);
    memcpy(model->flash.data, chip.flash, PATIENT_FLASH);
    *model->silicon = chip.silicon;
    ss_chip_reset(model);
    assert_ok(ss_chip_boot(model, &chip.profile, NULL, NULL, NULL, &result, &err), err);
    ss_chip_free(model);
    return result.outcome == SS_OUTCOME_APP;
}

static void every_mistake_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < MISTAKES; i++) {
        struct patient p = patient_release;
        mistakes[i].make(&p);
        examine(&p);
        check(&mistakes[i], &mistakes[i]);
    }
}

static void every_pair_of_mistakes_is_named(void **state)
{
    (void)state;
    unsigned pairs = 0;
    for (size_t i = 0; i < MISTAKES; i++)
        for (size_t j = i + 1; j < MISTAKES; j++) {
            if (!compatible(&mistakes[i], &mistakes[j]))
                continue;
            struct patient p = patient_release;
            mistakes[i].make(&p);
            mistakes[j].make(&p);
            examine(&p);
            check(&mistakes[i], &mistakes[j]);
            if (boots() == ss_doctor_stops(&report))
                fail_msg("%s and %s: the boot chain disagrees", ss_doctor_rule(mistakes[i].id)->id,
                         ss_doctor_rule(mistakes[j].id)->id);
            pairs++;
        }
    assert_true(pairs > 500);
}

static void the_boot_chain_agrees(void **state)
{
    (void)state;
    static const struct patient *const good[] = {&patient_plain, &patient_development, &patient_release,
                                                 &patient_secure};
    examine(&patient_v2);
    assert_true(boots());
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        examine(good[i]);
        if (!boots())
            fail_msg("healthy chip %zu does not boot", i);
        for (size_t n = 0; n < MISTAKES; n++) {
            struct patient p = *good[i];
            mistakes[n].make(&p);
            examine(&p);
            if (boots() == ss_doctor_stops(&report))
                fail_msg("chip %zu with %s %s", i, ss_doctor_rule(mistakes[n].id)->id,
                         ss_doctor_stops(&report) ? "boots, but the doctor says that it does not"
                                                  : "does not boot, and the doctor does not say why");
        }
    }
}

/// Fails unless the finding is there with this severity and prospect.
static const struct ss_doctor_finding *named(enum ss_doctor_id wanted, enum ss_doctor_severity severity,
                                             enum ss_doctor_repair repair)
{
    const struct ss_doctor_finding *f = ss_doctor_find(&report, wanted);
    if (!f)
        fail_msg("%s is not named", ss_doctor_rule(wanted)->id);
    assert_int_equal(f->severity, severity);
    assert_int_equal(f->repair, repair);
    assert_true(*f->seen && *f->how);
    return f;
}

static void efuse_mistakes(void **state)
{
    (void)state;
    struct patient p = patient_release;
    p.coding = 1;
    examine(&p);
    named(SS_DOCTOR_CODING_MISMATCH, SS_DOCTOR_STOPS, SS_REPAIR_NO);
    p.coding = 2;
    examine(&p);
    named(SS_DOCTOR_CODING_UNSUPPORTED, SS_DOCTOR_STOPS, SS_REPAIR_NO);

    p = patient_development;
    p.rd_dis = p.wr_dis = 0;
    patient_make(&p, &chip);
    memset(&chip.silicon.words[7], 0, 32);
    struct ss_doctor_input in = {
        .flash = chip.flash, .flash_len = PATIENT_FLASH, .efuse = &chip.silicon, .profile = &chip.profile};
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_KEY_MISSING, SS_DOCTOR_STOPS, SS_REPAIR_BURN);

    // Plaintext on a chip that will decrypt for ever.
    p = patient_release;
    p.bootloader.plain = true;
    examine(&p);
    named(SS_DOCTOR_BOOTLOADER_PLAINTEXT, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    named(SS_DOCTOR_COUNT_USED_UP, SS_DOCTOR_RISK, SS_REPAIR_FLASH);
    // Ciphertext on a chip that will never decrypt again.
    p = patient_release;
    p.count = 3;
    examine(&p);
    named(SS_DOCTOR_DECRYPTION_OFF, SS_DOCTOR_STOPS, SS_REPAIR_NO);
    named(SS_DOCTOR_COUNT_USED_UP, SS_DOCTOR_STOPS, SS_REPAIR_NO);
    // FLASH_CRYPT_CONFIG that stays as it is.
    p = patient_release;
    p.config = 0;
    p.wr_dis |= 1u << 10;
    examine(&p);
    named(SS_DOCTOR_CONFIG_MISSING, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    // No way in any more.
    p = patient_release;
    p.bootloader.plain = p.uart_disabled = true;
    examine(&p);
    named(SS_DOCTOR_UART_DISABLED, SS_DOCTOR_STOPS, SS_REPAIR_NO);
    assert_int_equal(named(SS_DOCTOR_BOOTLOADER_PLAINTEXT, SS_DOCTOR_STOPS, SS_REPAIR_NO)->command_count, 0);
    p = patient_release;
    p.uart_disabled = true;
    examine(&p);
    assert_int_equal(report.count, 0);
}

static void first_boot_needs_a_protected_key(void **state)
{
    (void)state;
    struct patient p = patient_plain;
    p.profile_encrypts = true;
    examine(&p);
    assert_int_equal(report.count, 0);
    patient_make(&p, &chip);
    chip.silicon.words[7] = 5;
    struct ss_doctor_input in = {
        .flash = chip.flash, .flash_len = PATIENT_FLASH, .efuse = &chip.silicon, .profile = &chip.profile};
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_KEY_READABLE, SS_DOCTOR_STOPS, SS_REPAIR_BURN);
    named(SS_DOCTOR_KEY_WRITABLE, SS_DOCTOR_STOPS, SS_REPAIR_BURN);
    chip.silicon.words[0] |= 1;
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_RD_DIS_LOCKED, SS_DOCTOR_STOPS, SS_REPAIR_NO);
}

static void config_without_tweak_is_weak(void **state)
{
    (void)state;
    struct patient p = patient_development;
    p.config = 0;
    p.bootloader.other_config = p.table.other_config = p.app.other_config = p.otadata.other_config = true;
    examine(&p);
    named(SS_DOCTOR_CONFIG_WEAK, SS_DOCTOR_RISK, SS_REPAIR_BURN);
    assert_int_equal(report.count, 1);
    // The table shows it without the key, too …
    examine_outside(&p, NULL);
    named(SS_DOCTOR_CONFIG_WEAK, SS_DOCTOR_RISK, SS_REPAIR_BURN);
    assert_null(ss_doctor_find(&report, SS_DOCTOR_CONFIG_MISSING));
    // … and the opposite: sealed with a tweak that the chip does not apply.
    p = patient_development;
    p.config = 0;
    examine_outside(&p, NULL);
    assert_true(named(SS_DOCTOR_CONFIG_MISSING, SS_DOCTOR_STOPS, SS_REPAIR_BURN)->certain);
}

static void mistakes_seen_without_the_key(void **state)
{
    (void)state;
    struct patient p = patient_release;
    p.bootloader.plain = p.table.plain = true;
    p.otadata_unsealed = true;
    p.sealed_then_signed = true;
    examine_outside(&p, NULL);
    named(SS_DOCTOR_BOOTLOADER_PLAINTEXT, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    named(SS_DOCTOR_TABLE_PLAINTEXT, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    named(SS_DOCTOR_OTADATA_ERASED, SS_DOCTOR_RISK, SS_REPAIR_FLASH);
    named(SS_DOCTOR_APP_SEALED_THEN_SIGNED, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
}

static void the_same_ciphertext_in_two_slots(void **state)
{
    (void)state;
    struct patient p = patient_development;
    p.table.plain = true;
    patient_make(&p, &chip);
    memcpy(chip.flash + 0x100000, chip.flash + 0x10000, 0x10000);
    struct ss_efuse window;
    ss_efuse_read_window(&chip.silicon, &window, NULL);
    struct ss_doctor_input in = {
        .flash = chip.flash, .flash_len = PATIENT_FLASH, .efuse = &window, .profile = &chip.profile};
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    assert_false(named(SS_DOCTOR_APP_SEALED_WRONG, SS_DOCTOR_RISK, SS_REPAIR_FLASH)->certain);
}

static void mistakes_without_encryption(void **state)
{
    (void)state;
    struct patient p = patient_secure;
    p.wrong_digest = p.unsigned_app = p.table.damaged = true;
    examine(&p);
    named(SS_DOCTOR_SECURE_BOOT_DIGEST, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    named(SS_DOCTOR_APP_UNSIGNED, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    named(SS_DOCTOR_TABLE_DAMAGED, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    assert_int_equal(report.count, 3);
    p = patient_plain;
    p.bootloader.missing = true;
    p.flash_code = 0;
    patient_make(&p, &chip);
    memcpy(chip.flash, "\xE9\x01\x02\x10\x00\x04\x08\x40\xEE", 9);
    struct ss_doctor_input in = {.flash = chip.flash, .flash_len = PATIENT_FLASH, .profile = &chip.profile};
    memset(chip.flash + 9, 0, 0x200);
    memcpy(chip.flash + 24, "\x00\x04\x08\x40\x10\x00\x00\x00", 8);
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_BOOTLOADER_ADDRESS, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
}

static void secure_boot_v2_mistakes(void **state)
{
    (void)state;
    struct patient p = patient_v2;
    p.block2_wrong = true;
    examine(&p);
    named(SS_DOCTOR_SECURE_BOOT_V2_KEY, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    p = patient_v2;
    p.rd_dis = 2;
    examine(&p);
    named(SS_DOCTOR_SECURE_BOOT_V2_HIDDEN, SS_DOCTOR_STOPS, SS_REPAIR_NO);
    p = patient_v2;
    patient_make(&p, &chip);
    struct ss_doctor_input in = {.flash = chip.flash,
                                 .flash_len = PATIENT_FLASH,
                                 .efuse = &chip.silicon,
                                 .silicon = true,
                                 .profile = &chip.profile};
    chip.flash[0x2000 + 100] ^= 1;
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    memset(chip.flash + 0x11000, 0xFF, 0x1000);
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_APP_UNSIGNED, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
    memset(&chip.silicon.words[15], 0, 32);
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_SECURE_BOOT_KEY_MISSING, SS_DOCTOR_STOPS, SS_REPAIR_BURN);
    chip.silicon.words[3] = 0;
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_SECURE_BOOT_V2_REVISION, SS_DOCTOR_RISK, SS_REPAIR_NO);
}

static void a_guess_authorises_nothing(void **state)
{
    (void)state;
    struct patient p = patient_development;
    p.dl_bits = 0;
    examine(&p);
    const struct ss_doctor_finding *f = named(SS_DOCTOR_DEBUG_OPEN, SS_DOCTOR_RISK, SS_REPAIR_BURN);
    assert_string_equal(f->commands[0], "espefuse.py --port PORT burn_efuse JTAG_DISABLE 1");
    struct ss_doctor_input in = {
        .flash = chip.flash, .flash_len = PATIENT_FLASH, .efuse = &chip.silicon, .silicon = true};
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    for (unsigned i = 0; i < report.count; i++)
        for (unsigned n = 0; n < report.findings[i].command_count; n++)
            if (strstr(report.findings[i].commands[n], "burn_efuse"))
                assert_int_equal(report.findings[i].commands[n][0], '#');
}

static void another_key_file(void **state)
{
    (void)state;
    uint8_t key[32] = {1, 2, 3};
    patient_make(&patient_development, &chip);
    struct ss_doctor_input in = {.flash = chip.flash,
                                 .flash_len = PATIENT_FLASH,
                                 .efuse = &chip.silicon,
                                 .silicon = true,
                                 .profile = &chip.profile,
                                 .key = key,
                                 .key_len = 32};
    assert_ok(ss_doctor_examine(&in, &report, &err), err);
    named(SS_DOCTOR_KEY_DIFFERS, SS_DOCTOR_RISK, SS_REPAIR_FLASH);
    assert_int_equal(report.count, 1);
    in.key_len = 31;
    assert_int_equal(ss_doctor_examine(&in, &report, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "flash key is 31 bytes, must be 32 or 24");
    // From outside nothing contradicts the file but the flash itself.
    examine_outside(&patient_development, key);
    named(SS_DOCTOR_BOOTLOADER_UNREADABLE, SS_DOCTOR_STOPS, SS_REPAIR_FLASH);
}

/// Looks at whatever a dump may be cut to.
/// A row's numbers are 32 bits wide; no flash size is large enough, and their sum may be larger than 32 bits.
static void a_table_beyond_any_flash(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {0x02000000, 0x80000000, 0xFFFFF000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        patient_make(&patient_plain, &chip);
        // Two rows without an MD5 behind them: otadata and one app.
        uint8_t *table = chip.flash + 0x8000, *app = table + 2 * SS_TABLE_ROW_SIZE;
        memset(app + SS_TABLE_ROW_SIZE, 0xFF, SS_TABLE_BINARY_SIZE - 3 * SS_TABLE_ROW_SIZE);
        ss_put_le32(app + 8, sizes[i]);
        struct ss_doctor_input in = {.flash = chip.flash,
                                     .flash_len = PATIENT_FLASH,
                                     .efuse = &chip.silicon,
                                     .silicon = true,
                                     .profile = &chip.profile};
        assert_ok(ss_doctor_examine(&in, &report, &err), err);
        const struct ss_doctor_finding *f = named(SS_DOCTOR_BOOTLOADER_FLASH_SIZE, SS_DOCTOR_STOPS, SS_REPAIR_BUILD);
        assert_string_equal(f->how, "correct the CSV: the chip reaches 16 MB of flash");
    }
}

static void any_length_of_dump(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 63, 64, 0x1000, 0x1001, 0x1040, 0x8010, 0x8C00, 0xE020, 0x10000, 0x10100};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        patient_make(&patient_release, &chip);
        struct ss_doctor_input in = {.flash = chip.flash,
                                     .flash_len = lengths[i],
                                     .efuse = &chip.silicon,
                                     .silicon = true,
                                     .profile = &chip.profile};
        assert_ok(ss_doctor_examine(&in, &report, &err), err);
        assert_true(report.count > 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(healthy_chips_have_no_findings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_hidden_is_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_mistake_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_pair_of_mistakes_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_boot_chain_agrees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(efuse_mistakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(first_boot_needs_a_protected_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(config_without_tweak_is_weak, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_seen_without_the_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_ciphertext_in_two_slots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_without_encryption, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secure_boot_v2_mistakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_guess_authorises_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_key_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_beyond_any_flash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_length_of_dump, set_up, tear_down),
    };
    return ss_test_main(argc, argv, tests);
}
