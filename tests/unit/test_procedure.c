// SPDX-License-Identifier: Apache-2.0
// Procedures as data: the order rules hold for every combination, and what makes no sense is refused.
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "provision/procedure.h"
#include "provision/procedure_bits.h"

static struct ss_error err;

/// A bootloader, otadata and an app in its slot, without content: only names and addresses matter here.
static struct ss_parts *some_parts(void)
{
    static uint8_t sector[4096];
    struct ss_parts *parts = calloc(1, sizeof *parts);
    assert_non_null(parts);
    parts->count = 4;
    parts->parts[0] = (struct ss_part){"otadata", 0xD000, 0x2000, sector, sector, SS_PART_UNTIL_ENCRYPTED};
    parts->parts[1] = (struct ss_part){"ota_0", 0x10000, 0x1000, sector, sector, SS_PART_LASTS};
    parts->parts[2] = (struct ss_part){"ota_0", 0x11000, 0xF000, NULL, NULL, SS_PART_UNTIL_ENCRYPTED};
    parts->parts[3] = (struct ss_part){"bootloader", 0x1000, 0x5000, sector, sector, SS_PART_LASTS};
    return parts;
}

static struct ss_boot_profile profile_for(const struct ss_procedure_options *o, bool release)
{
    struct ss_boot_profile p = SS_BOOT_PROFILE_DEFAULT;
    p.flash_encryption = true;
    p.release = release;
    p.rollback = true;
    p.secure_boot = o->secure_boot == SS_SECURE_BOOT_NONE ? SS_PROFILE_SECURE_BOOT_NONE
                    : o->secure_boot == SS_SECURE_BOOT_V2 ? SS_PROFILE_SECURE_BOOT_V2
                                                          : SS_PROFILE_SECURE_BOOT_V1;
    if (o->secure_boot == SS_SECURE_BOOT_V2)
        p.idf = 50200;
    return p;
}

/// Position of the step with this id; fails if it is not there.
static size_t at(const struct ss_procedure *p, const char *id)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->steps[i].id, id) == 0)
            return i;
    fail_msg("no step %s", id);
    return 0;
}

static bool has(const struct ss_procedure *p, const char *id)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->steps[i].id, id) == 0)
            return true;
    return false;
}

/// First step that burns one of these bits; p->count if none does.
static size_t burns(const struct ss_procedure *p, unsigned word, uint32_t bits)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->steps[i].kind == SS_STEP_BURN && (p->steps[i].bits.words[word] & bits))
            return i;
    return p->count;
}

static void check_general_rules(const struct ss_procedure *p)
{
    size_t key = at(p, "flash-key"), protect = at(p, "flash-key-protect"), verify = at(p, "read-back");
    size_t boot = at(p, "boot"), check = at(p, "check");
    // The key is read back before it is hidden, and hidden before anything else is burned.
    assert_int_equal(key, 0);
    assert_int_equal(protect, 1);
    assert_int_equal(p->steps[protect].bits.words[0], WR_DIS_BLK1 | RD_DIS_BLK1);
    // Nothing here ever write-protects RD_DIS or WR_DIS itself.
    assert_int_equal(burns(p, 0, WR_DIS_RD_DIS | WR_DIS_WR_DIS), p->count);
    for (size_t i = 0; i < p->count; i++) {
        const struct ss_step *s = &p->steps[i];
        assert_non_null(s->id);
        assert_non_null(s->title);
        // Everything is written before it is compared, compared before a switch is burned or the chip runs.
        if (s->kind == SS_STEP_WRITE)
            assert_true(i < verify);
        if (s->kind == SS_STEP_COUNT)
            assert_true(i > verify && i < boot);
        // A key is burned before it is protected, and protected at once.
        if (s->kind == SS_STEP_KEY) {
            assert_int_equal(p->steps[i + 1].kind, SS_STEP_BURN);
            assert_true(p->steps[i + 1].bits.words[0] & (s->block == 1 ? WR_DIS_BLK1 : WR_DIS_BLK2));
        }
        assert_true(!s->irreversible || s->kind != SS_STEP_WRITE);
        if (s->irreversible)
            assert_non_null(s->undo);
        for (size_t n = i + 1; n < p->count; n++)
            assert_string_not_equal(s->kind == SS_STEP_WRITE ? "" : s->id, p->steps[n].id);
    }
    assert_true(boot > verify);
    assert_int_equal(check, boot + 1);
    assert_true(burns(p, 6, ABS_DONE_0) > verify);
    assert_true(burns(p, 0, CRYPT_COUNT) > verify);
    assert_true(burns(p, 0, UART_DOWNLOAD_DIS) > verify);
    assert_true(burns(p, 0, WR_DIS_CNT) > verify);
    // FLASH_CRYPT_CNT and UART_DOWNLOAD_DIS are burned before what write-protects them.
    assert_true(burns(p, 0, CRYPT_COUNT) == p->count || burns(p, 0, CRYPT_COUNT) < burns(p, 0, WR_DIS_CNT) ||
                p->options.level == SS_LEVEL_DEVELOPMENT);
    // The bootloader is the last that is written: nothing can start before.
    assert_string_equal(p->steps[verify - 1].id, "write-bootloader");
    if (p->options.kind == SS_PROCEDURE_HOST_SEALED) {
        assert_true(at(p, "crypt-config") < verify && at(p, "locks") < verify);
        assert_true(at(p, "enable") > verify && at(p, "enable") < boot);
    } else {
        assert_false(has(p, "enable"));
        assert_true(p->steps[boot].irreversible);
    }
    assert_int_equal(has(p, "count-protect"), p->options.level == SS_LEVEL_RELEASE);
    assert_int_equal(has(p, "count-max"), p->options.count_max);
    assert_int_equal(has(p, "uart-disable"), p->options.uart_disable);
    assert_int_equal(has(p, "secure-boot-key"), p->options.secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE);
    assert_int_equal(has(p, "secure-boot-digest"), p->options.secure_boot == SS_SECURE_BOOT_V2);
    assert_int_equal(!!(p->steps[at(p, "locks")].bits.words[6] & DL_ENCRYPT), p->options.level == SS_LEVEL_RELEASE);
}

/// A first boot that write-protects FLASH_CRYPT_CNT comes after whatever needs it open.
static void check_first_boot(const struct ss_procedure *p, bool release_profile)
{
    size_t boot = at(p, "boot");
    // Where the bootloader itself burns all of FLASH_CRYPT_CNT (v4.4), the step finds it done.
    if (release_profile && p->options.kind == SS_PROCEDURE_HOST_SEALED) {
        assert_true(!has(p, "count-max") || at(p, "count-max") < boot);
        assert_true(!has(p, "uart-disable") || at(p, "uart-disable") < boot);
    }
    // With download mode gone, what follows the boot can neither be burned nor checked.
    if (has(p, "uart-disable") && at(p, "uart-disable") < boot)
        for (size_t i = boot + 1; i < p->count; i++)
            assert_int_equal(p->steps[i].kind, SS_STEP_CHECK);
}

static unsigned try_combination(unsigned n, const struct ss_parts *parts, struct ss_procedure *p)
{
    struct ss_procedure_options o = {.kind = (enum ss_procedure_kind)(n & 1),
                                     .level = (enum ss_procedure_level)(n >> 1 & 1),
                                     .secure_boot = (enum ss_secure_boot_scheme)(n >> 2 & 3),
                                     .count_max = n >> 4 & 1,
                                     .uart_disable = n >> 5 & 1,
                                     .coding = (enum ss_efuse_coding)(n >> 6 & 1),
                                     .revision = n >> 7 & 1 ? 300 : 100};
    bool release = n >> 8 & 1;
    struct ss_boot_profile profile = profile_for(&o, release);
    o.profile = &profile;
    ss_status_t status = ss_procedure_build(&o, parts, p, &err);
    bool v2 = o.secure_boot == SS_SECURE_BOOT_V2, encrypts = o.kind == SS_PROCEDURE_DEVICE_ENCRYPTS;
    bool impossible = (v2 && (o.revision < 300 || o.coding)) || (o.uart_disable && o.revision < 300);
    bool pointless = encrypts && release &&
                     (o.level == SS_LEVEL_DEVELOPMENT || o.uart_disable || (o.count_max && profile.idf < SS_IDF_4_4));
    bool final = !encrypts && release && o.uart_disable && (v2 || o.secure_boot == SS_SECURE_BOOT_V1_ONE_TIME);
    if (impossible || pointless || final) {
        assert_int_equal(status, impossible ? SS_ERROR_NOT_SUPPORTED : SS_ERROR_NOT_PERMITTED);
        return 0;
    }
    assert_ok(status, err);
    check_general_rules(p);
    check_first_boot(p, release);
    return 1;
}

static void every_combination_keeps_the_order(void **state)
{
    (void)state;
    struct ss_parts *parts = some_parts();
    struct ss_procedure *p = malloc(sizeof *p);
    unsigned built = 0;
    for (unsigned n = 0; n < 512; n++)
        built += try_combination(n, parts, p);
    assert_int_equal(built, 242);
    free(p);
    free(parts);
}

static void expect_refused(const struct ss_procedure_options *o, ss_status_t status, const char *message)
{
    assert_int_equal(ss_procedure_check(o, NULL, &err), status);
    assert_string_equal(err.message, message);
}

static void combinations_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct ss_procedure_options o = {.secure_boot = SS_SECURE_BOOT_V2, .revision = 100};
    struct ss_boot_profile profile = profile_for(&o, false);
    o.profile = &profile;
    expect_refused(&o, SS_ERROR_NOT_SUPPORTED, "secure boot V2 needs an ESP32 of revision v3.0, this one is v1.0");
    o.revision = 301;
    o.coding = SS_EFUSE_CODING_34;
    expect_refused(&o, SS_ERROR_NOT_SUPPORTED, "secure boot V2 needs all 256 bits of BLOCK2, this chip has 3/4 coding");
    o.coding = SS_EFUSE_CODING_REPEAT;
    expect_refused(&o, SS_ERROR_NOT_SUPPORTED, "coding scheme \"repeat\": flash encryption does not work with it");
    o = (struct ss_procedure_options){.revision = 300, .profile = &profile};
    expect_refused(&o, SS_ERROR_NOT_PERMITTED, "the bootloader is built with secure boot v2, the product has none");
    profile = profile_for(&o, false);
    profile.source = SS_PROFILE_GUESSED;
    expect_refused(&o, SS_ERROR_NOT_PERMITTED,
                   "what is compiled into the bootloader is only guessed, and that decides what it burns");
    profile = profile_for(&o, true);
    o.kind = SS_PROCEDURE_DEVICE_ENCRYPTS;
    expect_refused(&o, SS_ERROR_NOT_PERMITTED,
                   "the bootloader is built for release mode and would close more than level development");
    o.level = SS_LEVEL_RELEASE;
    o.count_max = true;
    expect_refused(&o, SS_ERROR_NOT_PERMITTED,
                   "the first boot of this release-mode bootloader write-protects FLASH_CRYPT_CNT and "
                   "UART_DOWNLOAD_DIS; use the plan host-sealed, or a commissioning image in development mode");
    o.kind = SS_PROCEDURE_HOST_SEALED;
    o.uart_disable = true;
    o.secure_boot = SS_SECURE_BOOT_V1_ONE_TIME;
    profile = profile_for(&o, true);
    expect_refused(&o, SS_ERROR_NOT_PERMITTED,
                   "UART_DOWNLOAD_DIS would have to come before the boot that arms secure boot, which could never be "
                   "repaired then; boot a commissioning image in development mode first");
    o = (struct ss_procedure_options){.kind = SS_PROCEDURE_DEVICE_ENCRYPTS, .revision = 300, .profile = &profile};
    profile = profile_for(&o, true);
    profile.flash_encryption = false;
    expect_refused(&o, SS_ERROR_NOT_PERMITTED,
                   "the bootloader is not built to encrypt the flash; use the plan host-sealed");
    o = (struct ss_procedure_options){.revision = 100, .uart_disable = true, .profile = &profile};
    expect_refused(&o, SS_ERROR_NOT_SUPPORTED, "UART_DOWNLOAD_DIS exists from revision v3.0 on, this chip is v1.0");
}

static void old_chips_and_final_bootloaders_are_warned_of(void **state)
{
    (void)state;
    struct ss_procedure_options o = {.level = SS_LEVEL_RELEASE, .revision = 100};
    struct ss_boot_profile profile = profile_for(&o, true);
    struct ss_procedure_warnings w;
    o.profile = &profile;
    assert_ok(ss_procedure_check(&o, &w, &err), err);
    assert_int_equal(w.count, 1);
    assert_string_equal(w.text[0], "revision v1.0: the flash key can be read out by fault injection (CVE-2019-17391)");
    o.revision = 300;
    o.secure_boot = SS_SECURE_BOOT_V1_ONE_TIME;
    profile = profile_for(&o, true);
    profile.rollback = false;
    assert_ok(ss_procedure_check(&o, &w, &err), err);
    assert_int_equal(w.count, 1);
    assert_non_null(strstr(w.text[0], "this bootloader can never be replaced"));
    profile.rollback = true;
    assert_ok(ss_procedure_check(&o, &w, &err), err);
    assert_int_equal(w.count, 0);
}

// ---- judging a chip

static struct ss_procedure *procedure(const struct ss_procedure_options *options)
{
    static struct ss_boot_profile profile;
    struct ss_procedure_options o = *options;
    struct ss_parts *parts = some_parts();
    struct ss_procedure *p = malloc(sizeof *p);
    assert_non_null(p);
    profile = profile_for(&o, false);
    o.profile = &profile;
    o.revision = 300;
    assert_ok(ss_procedure_build(&o, parts, p, &err), err);
    free(parts);
    return p;
}

static const uint32_t key_words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static const struct ss_step_evidence known = {.words = {NULL, key_words, NULL}};

static void expect_state(const struct ss_procedure_options *o, const struct ss_efuse *window,
                         const struct ss_step_evidence *e, const char *reason)
{
    struct ss_procedure *p = procedure(o);
    struct ss_error why = {0};
    assert_int_equal(ss_procedure_judge(p, window, e, &why), reason ? SS_STEP_REFUSED : SS_STEP_PENDING);
    if (reason)
        assert_string_equal(why.message, reason);
    free(p);
}

static void a_key_is_burned_once_and_only_where_it_fits(void **state)
{
    (void)state;
    struct ss_procedure_options o = {.level = SS_LEVEL_RELEASE};
    struct ss_efuse w = {0};
    struct ss_step_evidence read_back = known;
    read_back.read_back[1] = true;
    expect_state(&o, &w, &known, NULL);
    w.words[7] = 1; // begun: the rest can follow
    expect_state(&o, &w, &known, NULL);
    w.words[0] = WR_DIS_BLK1;
    expect_state(&o, &w, &known, "BLOCK1 is write-protected without the key in it");
    w.words[0] = 0;
    w.words[7] = 2;
    expect_state(&o, &w, &known, "BLOCK1 holds another key already");
    w = (struct ss_efuse){.words[0] = RD_DIS_BLK1};
    expect_state(&o, &w, &known,
                 "BLOCK1 is read-protected, and the journal does not say that the vault's key was read back there");
    expect_state(&o, &w, &read_back, NULL);
    w.words[0] = WR_DIS_RD_DIS;
    expect_state(&o, &w, &known, "BLOCK1 can no longer be read-protected: WR_DIS covers RD_DIS");
}

static void chips_in_other_states_are_left_alone(void **state)
{
    (void)state;
    struct ss_procedure_options o = {0};
    struct ss_efuse w = {.words[0] = 3u << CRYPT_COUNT_SHIFT | WR_DIS_CNT};
    expect_state(&o, &w, &known, "FLASH_CRYPT_CNT is used up: 0x03, encryption off, and write-protected");
    w.words[0] = 3u << CRYPT_COUNT_SHIFT;
    expect_state(&o, &w, &known, NULL);
    o.kind = SS_PROCEDURE_DEVICE_ENCRYPTS;
    expect_state(&o, &w, &known, "encryption was on and is off again; only the plan host-sealed turns it on safely");
    w = (struct ss_efuse){.words[6] = ABS_DONE_0};
    expect_state(&o, &w, &known, "secure boot V1 is on already (ABS_DONE_0), which the product does not have");
    w = (struct ss_efuse){.words[6] = ABS_DONE_1};
    expect_state(&o, &w, &known, "secure boot V2 is on already (ABS_DONE_1), which the product does not have");
    o = (struct ss_procedure_options){0};
    w = (struct ss_efuse){.words[0] = 1u << 15}; // word 6's locks
    expect_state(&o, &w, &known, "step locks: bits of BLOCK0 that it has to burn are write-protected");
    o.secure_boot = SS_SECURE_BOOT_V1_REFLASHABLE;
    w = (struct ss_efuse){.words[0] = RD_DIS_BLK2 | WR_DIS_BLK2};
    expect_state(&o, &w, &known, "BLOCK2 holds a key that is not in the vault: it is lost, or was made on the chip");
}

static void a_bootloader_needs_room_for_its_key(void **state)
{
    (void)state;
    struct ss_procedure_options o = {.secure_boot = SS_SECURE_BOOT_V1_ONE_TIME};
    struct ss_efuse w = {.words[0] = WR_DIS_BLK2};
    expect_state(&o, &w, &known, "BLOCK2 is write-protected and empty: the bootloader can put no key there");
    w.words[ss_efuse_block_start(2)] = 1;
    expect_state(&o, &w, &known, NULL);
}

static void protection_cut_in_half_is_completed_but_not_begun(void **state)
{
    (void)state;
    struct ss_procedure *p = procedure(&(struct ss_procedure_options){.secure_boot = SS_SECURE_BOOT_V1_ONE_TIME});
    size_t step = at(p, "secure-boot-key-complete");
    struct ss_efuse w = {0};
    assert_int_equal(ss_step_judge(p, step, &w, &known, NULL), SS_STEP_DONE);
    w.words[0] = WR_DIS_BLK2;
    assert_int_equal(ss_step_judge(p, step, &w, &known, NULL), SS_STEP_PENDING);
    w.words[0] = WR_DIS_BLK2 | RD_DIS_BLK2;
    assert_int_equal(ss_step_judge(p, step, &w, &known, NULL), SS_STEP_DONE);
    free(p);
}

static void what_a_boot_left_open_is_named(void **state)
{
    (void)state;
    struct ss_procedure *p = procedure(&(struct ss_procedure_options){.secure_boot = SS_SECURE_BOOT_V1_ONE_TIME});
    const struct ss_step *check = &p->steps[at(p, "check")];
    struct ss_efuse w = check->bits;
    struct ss_error why = {0};
    w.words[0] &= ~CRYPT_COUNT;
    assert_int_equal(ss_step_judge(p, at(p, "check"), &w, &known, &why), SS_STEP_REFUSED);
    assert_string_equal(why.message, "FLASH_CRYPT_CNT is even: flash encryption is not on");
    w.words[0] |= 1u << CRYPT_COUNT_SHIFT;
    assert_int_equal(ss_step_judge(p, at(p, "check"), &w, &known, &why), SS_STEP_DONE);
    w.words[6] &= ~JTAG;
    assert_int_equal(ss_step_judge(p, at(p, "check"), &w, &known, &why), SS_STEP_REFUSED);
    assert_string_equal(why.message, "not burned: JTAG_DISABLE 0x1");
    w.words[0] &= ~(WR_DIS_BLK2 | RD_DIS_BLK2);
    w.words[6] = check->bits.words[6] & ~ABS_DONE_0;
    assert_int_equal(ss_step_judge(p, at(p, "check"), &w, &known, &why), SS_STEP_REFUSED);
    assert_string_equal(why.message, "not burned: WR_DIS 0x100, RD_DIS 0x2, ABS_DONE_0 0x1; "
                                     "the bootloader did not turn secure boot on");
    free(p);
}

static void steps_are_shown_as_commands(void **state)
{
    (void)state;
    struct ss_parts *parts = some_parts();
    struct ss_procedure *p = procedure(
        &(struct ss_procedure_options){.level = SS_LEVEL_RELEASE, .secure_boot = SS_SECURE_BOOT_V1_REFLASHABLE});
    char text[1024];
    ss_step_commands(p, parts, at(p, "flash-key"), text, sizeof text);
    assert_string_equal(text, "espefuse --port PORT burn-key --no-protect-key flash_encryption flash-key.bin\n"
                              "espefuse --port PORT summary BLOCK_KEY0\n");
    ss_step_commands(p, parts, at(p, "flash-key-protect"), text, sizeof text);
    assert_string_equal(text, "espefuse --port PORT read-protect-efuse BLOCK1\n"
                              "espefuse --port PORT write-protect-efuse BLOCK1\n");
    ss_step_commands(p, parts, at(p, "locks"), text, sizeof text);
    assert_string_equal(text, "espefuse --port PORT burn-efuse DISABLE_DL_ENCRYPT 1 DISABLE_DL_DECRYPT 1 "
                              "DISABLE_DL_CACHE 1 JTAG_DISABLE 1 CONSOLE_DEBUG_DISABLE 1\n");
    ss_step_commands(p, parts, at(p, "erase-ota_0"), text, sizeof text);
    assert_string_equal(text, "esptool --port PORT erase-region 0x11000 0xf000\n");
    ss_step_commands(p, parts, at(p, "count-protect"), text, sizeof text);
    assert_string_equal(text, "espefuse --port PORT write-protect-efuse FLASH_CRYPT_CNT\n");
    ss_step_commands(p, parts, at(p, "write-bootloader"), text, 24);
    assert_string_equal(text, "espsecure encrypt-flash");
    free(p);
    free(parts);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_keeps_the_order),
        cmocka_unit_test(combinations_are_refused_with_a_reason),
        cmocka_unit_test(old_chips_and_final_bootloaders_are_warned_of),
        cmocka_unit_test(a_key_is_burned_once_and_only_where_it_fits),
        cmocka_unit_test(chips_in_other_states_are_left_alone),
        cmocka_unit_test(a_bootloader_needs_room_for_its_key),
        cmocka_unit_test(protection_cut_in_half_is_completed_but_not_begun),
        cmocka_unit_test(what_a_boot_left_open_is_named),
        cmocka_unit_test(steps_are_shown_as_commands),
    };
    return ss_test_main(argc, argv, tests);
}
