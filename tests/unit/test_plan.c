// SPDX-License-Identifier: Apache-2.0
// Plans: how they are read, what their commands do, and the forum's two.
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/build_dir.h"
#include "provision/plan.h"

static struct ss_doctor_report report;
static struct ss_error err;

static const unsigned *revision; ///< of the chip, NULL: not known

static ss_status_t rehearse(const char *text, const struct ss_boot_profile *profile)
{
    const struct ss_plan_options options = {.profile = profile, .revision = revision};
    return ss_plan_rehearse(text, strlen(text), &options, &report, &err);
}

static const struct ss_doctor_finding *named(enum ss_doctor_id id)
{
    const struct ss_doctor_finding *f = ss_doctor_find(&report, id);
    if (!f)
        fail_msg("%s is not named", ss_doctor_rule(id)->id);
    return f;
}

static void forum(const char *name)
{
    char path[512];
    uint8_t *text, *profile_text;
    size_t len, profile_len;
    struct ss_boot_profile profile;
    struct ss_plan_options options = {.folder = SS_SOURCE_DIR "/examples/forum", .profile = &profile};
    snprintf(path, sizeof path, SS_SOURCE_DIR "/examples/forum/%s.profile", name);
    assert_ok(ss_provision_read_file(path, 65536, &profile_text, &profile_len, &err), err);
    assert_ok(ss_profile_parse((const char *)profile_text, profile_len, &profile, &err), err);
    snprintf(path, sizeof path, SS_SOURCE_DIR "/examples/forum/%s.plan", name);
    assert_ok(ss_provision_read_file(path, 65536, &text, &len, &err), err);
    assert_ok(ss_plan_rehearse((const char *)text, len, &options, &report, &err), err);
    free(text);
    free(profile_text);
}

static void the_forum_procedure(void **state)
{
    (void)state;
    static const struct {
        enum ss_doctor_id id;
        enum ss_doctor_severity severity;
    } expected[] = {
        {SS_DOCTOR_PLAN_TABLE_UNSIGNED, SS_DOCTOR_RISK},
        {SS_DOCTOR_PLAN_SEALED_THEN_SIGNED, SS_DOCTOR_STOPS},
        {SS_DOCTOR_PLAN_UNUSED, SS_DOCTOR_RISK},
        {SS_DOCTOR_PLAN_STAND_IN, SS_DOCTOR_UNKNOWN},
        {SS_DOCTOR_CONFIG_MISSING, SS_DOCTOR_STOPS},
        {SS_DOCTOR_BOOTLOADER_PLAINTEXT, SS_DOCTOR_STOPS},
        {SS_DOCTOR_TABLE_PLAINTEXT, SS_DOCTOR_STOPS},
        {SS_DOCTOR_OTADATA_ERASED, SS_DOCTOR_RISK},
        {SS_DOCTOR_APP_SEALED_THEN_SIGNED, SS_DOCTOR_STOPS},
        {SS_DOCTOR_SECURE_BOOT_NOT_ARMED, SS_DOCTOR_RISK},
        {SS_DOCTOR_DOWNLOAD_OPEN, SS_DOCTOR_RISK},
        {SS_DOCTOR_DEBUG_OPEN, SS_DOCTOR_RISK},
        {SS_DOCTOR_ENCRYPTION_NOT_BUILT, SS_DOCTOR_RISK},
    };
    forum("procedure");
    assert_int_equal(report.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < report.count; i++) {
        assert_string_equal(ss_doctor_rule(report.findings[i].id)->id, ss_doctor_rule(expected[i].id)->id);
        assert_int_equal(report.findings[i].severity, expected[i].severity);
    }
    assert_int_equal(named(SS_DOCTOR_PLAN_SEALED_THEN_SIGNED)->line, 28);
    assert_true(named(SS_DOCTOR_CONFIG_MISSING)->certain);
}

static void the_repaired_plan(void **state)
{
    (void)state;
    forum("repaired");
    assert_int_equal(report.count, 2);
    assert_int_equal(report.findings[0].id, SS_DOCTOR_PLAN_STAND_IN);
    assert_int_equal(report.findings[1].id, SS_DOCTOR_SECURE_BOOT_NOT_ARMED); // the first boot does that
}

static void words_and_variables(void **state)
{
    (void)state;
    assert_int_equal(rehearse("# nothing\n\n  # more\nA=1\n", NULL), SS_OK);
    assert_null(ss_doctor_find(&report, SS_DOCTOR_PLAN_NOT_MODELLED));
    assert_int_equal(rehearse("P='a b'\nfrobnicate \"$P\" ${P} \\\n  c\nother\n", NULL), SS_OK);
    assert_string_equal(named(SS_DOCTOR_PLAN_NOT_MODELLED)->seen, "frobnicate");
    assert_int_equal(report.findings[0].line, 2);
    assert_int_equal(report.findings[1].line, 4);
    static const char *const bad[][2] = {
        {"a\nesptool '$X", "line 2: a quote without end"}, {"esptool $X", "line 1: variable X is not set"},
        {"esptool $", "line 1: '$' without a variable"},   {"esptool ${X", "line 1: '$' without a variable"},
        {"a \\\nb\n\"c", "line 3: a quote without end"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(rehearse(bad[i][0], NULL), SS_ERROR_DATA_INVALID);
        assert_string_equal(err.message, bad[i][1]);
        assert_int_equal(report.count, 0);
    }
}

/// Each plan makes one mistake of its own kind.
static void mistakes_of_commands(void **state)
{
    (void)state;
    static const struct {
        const char *plan;
        enum ss_doctor_id id;
        unsigned line;
    } cases[] = {
        {"espsecure encrypt-flash-data -k k -a 0x10000 -o e b.bin\nesptool write-flash 0x20000 e",
         SS_DOCTOR_PLAN_ADDRESS, 2},
        {"espsecure generate-flash-encryption-key k\nespsecure generate-flash-encryption-key k",
         SS_DOCTOR_PLAN_KEY_REPLACED, 2},
        {"espsecure generate_signing_key -v 1 s\nespsecure generate_signing_key -v 1 s", SS_DOCTOR_PLAN_REFUSED, 2},
        {"openssl ec -in s.pem -pubout -out pub.pem", SS_DOCTOR_PLAN_KEY_FORMAT, 1},
        {"espefuse burn-efuse UART_DOWNLOAD_DIS 1\nesptool erase-flash\nesptool erase-flash", SS_DOCTOR_PLAN_LOCKED_OUT,
         2},
        {"espefuse burn_key flash_encryption a\nespefuse burn_key flash_encryption b", SS_DOCTOR_PLAN_REFUSED, 2},
        {"espefuse burn_efuse NO_SUCH 1", SS_DOCTOR_PLAN_REFUSED, 1},
        {"espefuse burn_key NOWHERE a", SS_DOCTOR_PLAN_REFUSED, 1},
        {"espefuse write_protect_efuse RD_DIS\nespefuse burn_key flash_encryption k", SS_DOCTOR_PLAN_REFUSED, 2},
        {"esptool write_flash 0xffff000 x.bin", SS_DOCTOR_PLAN_REFUSED, 1},
        {"esptool write_flash 0x1000", SS_DOCTOR_PLAN_REFUSED, 1},
        {"esptool erase_region 1 2", SS_DOCTOR_PLAN_REFUSED, 1},
        {"espsecure encrypt_flash_data -k k -a 0x10001 -o e x", SS_DOCTOR_PLAN_REFUSED, 1},
        {"openssl ecparam -genkey -name prime256v1 -out s\nespsecure sign_data -v 2 -k s -o y x",
         SS_DOCTOR_PLAN_REFUSED, 2},
        {"espefuse burn_efuse FLASH_CRYPT_CNT 1 DISABLE_DL_ENCRYPT 1\nesptool write_flash 0x1000 bootloader.bin",
         SS_DOCTOR_PLAN_REFUSED, 2},
        {"espsecure digest_secure_bootloader -k k -o d.bin bootloader.bin\nesptool write_flash 0 d.bin\n"
         "esptool write_flash --flash_mode dio 0x1000 bootloader.bin",
         SS_DOCTOR_PLAN_HEADER, 3},
        {"python -m espefuse set_flash_voltage 3.3V", SS_DOCTOR_PLAN_NOT_MODELLED, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(rehearse(cases[i].plan, NULL), err);
        const struct ss_doctor_finding *f = ss_doctor_find(&report, cases[i].id);
        if (!f || f->line != cases[i].line)
            fail_msg("%s: %s in line %u", cases[i].plan, f ? "found" : "not found", f ? f->line : 0);
    }
}

static void refused(const char *command, const char *why)
{
    assert_ok(rehearse(command, NULL), err);
    const struct ss_doctor_finding *f = ss_doctor_find(&report, SS_DOCTOR_PLAN_REFUSED);
    if (!why && f)
        fail_msg("%s: %s", command, f->seen);
    if (why && (!f || !strstr(f->seen, why)))
        fail_msg("%s: %s", command, f ? f->seen : "not refused");
}

/// Each of these was given to the real tools, 4.12 and 5.3, on a chip that is new.
static void what_the_tools_refuse(void **state)
{
    (void)state;
    refused("espsecure sign_data --keyfile k f", "needs --version");
    refused("espsecure sign_data --version 1 --keyfile k f", "an option takes all words up to the next option");
    refused("espsecure sign_data --version 3 --keyfile k -o o f", "--version takes 1|2, not 3");
    refused("espsecure sign_data --version 1 --frob -k k -o o f", "there is no option --frob");
    refused("espsecure sign_data --version 1 -k k -o o f g", "g is one word too many");
    refused("espsecure encrypt_flash_data --keyfile k -o e f", "needs --address");
    refused("espsecure encrypt_flash_data --aes_xts -k k -o e -a 0 f", "has no AES-XTS");
    refused("espsecure generate_flash_encryption_key", "1 more needed behind it");
    refused("espsecure generate_flash_encryption_key -l 512 k", "256 bits, or 192");
    refused("espsecure generate_signing_key -v 2 -s ecdsa256 k", "only rsa3072");
    refused("espefuse burn_efuse", "1 more needed behind it");
    refused("espefuse burn_efuse FLASH_CRYPT_CNT", "needs a value");
    refused("espefuse burn_efuse JTAG_DISABLE 1 ABS_DONE_0", "pairs of name and value");
    refused("espefuse burn_efuse JTAG_DISABLE ABS_DONE_0", "not a number");
    refused("espefuse burn_efuse JTAG_DISABLE 0", "only be burned to 1");
    refused("espefuse burn_key BLK1 k", "no such key block");
    refused("espefuse --before now burn_efuse JTAG_DISABLE 1", "--before takes");
    refused("espefuse burn_key_digest", "1 more needed");
    refused("esptool --no-stubs flash_id", "there is no option --no-stubs");
    refused("esptool write_flash --flash_size 5MB 0x1000 bootloader.bin", "--flash-size takes");
    refused("esptool write_flash --compress --no-compress 0x1000 bootloader.bin", "exclude each other");
    refused("esptool erase_region 0x1000", "1 more needed");
    refused("slotseal seal a.bin -o a.sealed", "needs --flash-key");
    refused("slotseal seal a.bin -k k -o a.sealed", "exactly one of");
    refused("slotseal seal a.bin -k k --region otadata -o a.sealed", "needs --table");
    refused("slotseal sign a.bin", "needs --key");
}

static void what_the_tools_take(void **state)
{
    (void)state;
    static const char *const commands[] = {
        "espsecure sign_data --version 1 --keyfile k --output o f",
        "espsecure sign-data -v 1 -k k -- f",
        "espsecure sign_data f --version 1 --keyfile k",
        "espsecure.py encrypt_flash_data --keyf k --out e -a0x10000 --flash_crypt_conf=0xF f",
        "espefuse --chip esp32 --before no-reset --do-not-confirm burn_efuse JTAG_DISABLE",
        "esptool.py -p x --after no_reset write_flash -fs keep -z 0x1000 bootloader.bin",
        "esptool verify_flash --diff yes 0x1000 bootloader.bin",
        "esptool verify-flash --diff 0x1000 bootloader.bin",
        "esptool --override-vddsdio write_flash 0x1000 bootloader.bin",
        "espefuse summary --format json",
        "python -m espefuse dump",
        "sudo esptool erase_flash",
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        refused(commands[i], NULL);
}

static void several_commands_of_espefuse_in_one_call(void **state)
{
    (void)state;
    assert_ok(
        rehearse("espefuse burn_key flash_encryption k burn_efuse FLASH_CRYPT_CONFIG 0xF FLASH_CRYPT_CNT 1 summary",
                 NULL),
        err);
    assert_null(ss_doctor_find(&report, SS_DOCTOR_PLAN_REFUSED));
    assert_null(ss_doctor_find(&report, SS_DOCTOR_CONFIG_MISSING));
    assert_null(ss_doctor_find(&report, SS_DOCTOR_KEY_MISSING));
    assert_null(ss_doctor_find(&report, SS_DOCTOR_DECRYPTION_OFF));
    refused("espefuse burn_efuse JTAG_DISABLE 1 burn_efuse", "1 more needed");
}

/// UART_DOWNLOAD_DIS does something from revision 3.0 on.
static void locked_out_by_revision(void **state)
{
    (void)state;
    static const char plan[] = "espefuse burn_efuse UART_DOWNLOAD_DIS 1\nespefuse burn_efuse JTAG_DISABLE 1\n";
    const unsigned old = 101, new = 300;
    assert_ok(rehearse(plan, NULL), err);
    assert_false(named(SS_DOCTOR_PLAN_LOCKED_OUT)->certain);
    revision = &new;
    assert_ok(rehearse(plan, NULL), err);
    assert_true(named(SS_DOCTOR_PLAN_LOCKED_OUT)->certain);
    assert_int_equal(named(SS_DOCTOR_PLAN_LOCKED_OUT)->line, 2);
    revision = &old;
    assert_ok(rehearse(plan, NULL), err);
    assert_null(ss_doctor_find(&report, SS_DOCTOR_PLAN_LOCKED_OUT));
    refused("espefuse burn_key_digest k.pem", "needs chip revision 3.0");
    revision = NULL;
}

/// V2 from the key to the chip: signed, its digest burned, enabled.
static void secure_boot_v2(void **state)
{
    (void)state;
    struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    profile.idf = 50200;
    profile.secure_boot = SS_PROFILE_SECURE_BOOT_V2;
    profile.signed_on_boot = true;
    static const char plan[] =
        "espsecure generate_signing_key -v 2 k.pem\n"
        "espsecure sign_data -v 2 -k k.pem -o b.signed bootloader.bin\nslotseal sign app.bin -k k.pem -o a.signed\n"
        "espefuse burn_key_digest k.pem\nespefuse burn_efuse ABS_DONE_1 1 CHIP_VER_REV1 1 CHIP_VER_REV2 1\n"
        "esptool write_flash 0x1000 b.signed 0x8000 table.bin 0x10000 a.signed 0x160000 a.signed\n";
    assert_ok(rehearse(plan, &profile), err);
    assert_null(ss_doctor_find(&report, SS_DOCTOR_PLAN_REFUSED));
    assert_null(ss_doctor_find(&report, SS_DOCTOR_PLAN_NOT_MODELLED));
    assert_false(ss_doctor_stops(&report));
    // The app by another key.
    char text[1000];
    snprintf(text, sizeof text,
             "espsecure generate_signing_key -v 2 other.pem\n%sespsecure sign_data -v 2 -k other.pem -o o app2.bin\n"
             "esptool write_flash 0x10000 o 0x160000 o\n",
             plan);
    assert_ok(rehearse(text, &profile), err);
    named(SS_DOCTOR_APP_SIGNATURE_WRONG);
}

/// What the doctor itself says to type, from keys to a chip that boots.
static void slotseals_own_commands(void **state)
{
    (void)state;
    struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    profile.flash_encryption = true;
    static const char plan[] =
        "slotseal key generate --type flash -o flash.key\nslotseal key generate --type secure-boot-v1 -o s.pem\n"
        "slotseal table build partitions.csv -o partitions.bin\n"
        "slotseal otadata build --table partitions.bin --select ota_0 -o otadata.bin\n"
        "slotseal seal bootloader.bin --region bootloader --flash-key flash.key -o b\n"
        "slotseal seal partitions.bin --region table --flash-key flash.key -o t\n"
        "slotseal seal otadata.bin --region otadata --table partitions.bin --flash-key flash.key -o o\n"
        "slotseal seal app.bin --slot ota_0 --table partitions.bin --sign-key s.pem --flash-key flash.key -o a\n"
        "slotseal verify app.bin\n"
        "espefuse burn_key flash_encryption flash.key burn_efuse FLASH_CRYPT_CONFIG 0xF FLASH_CRYPT_CNT 1\n"
        "esptool write_flash 0x1000 b 0x8000 t 0xd000 o 0x10000 a\n";
    assert_ok(rehearse(plan, &profile), err);
    assert_null(ss_doctor_find(&report, SS_DOCTOR_PLAN_REFUSED));
    assert_null(ss_doctor_find(&report, SS_DOCTOR_PLAN_NOT_MODELLED));
    assert_false(ss_doctor_stops(&report));
    assert_null(ss_doctor_find(&report, SS_DOCTOR_OTADATA_ERASED));
    refused("slotseal seal a.bin --address 0x10000 -k k -o s\nslotseal sign s -k s.pem -o t", "ciphertext");
    refused("slotseal key generate --type flash -o k\nslotseal key generate --type flash -o k", "there already");
    assert_ok(rehearse("slotseal frobnicate x", NULL), err);
    assert_string_equal(named(SS_DOCTOR_PLAN_NOT_MODELLED)->seen, "slotseal frobnicate");
}

static void the_chip_that_is_left(void **state)
{
    (void)state;
    struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    static const char plain[] = "esptool write_flash 0x1000 bootloader.bin 0x8000 table.bin 0x10000 app.bin\n";
    char text[1000];
    assert_ok(rehearse(plain, &profile), err);
    assert_int_equal(report.count, 1); // the stand-ins
    assert_false(ss_doctor_stops(&report));
    snprintf(text, sizeof text, "%sespefuse burn_key --no-protect-key flash_encryption k\n", plain);
    profile.flash_encryption = true;
    assert_ok(rehearse(text, &profile), err);
    named(SS_DOCTOR_KEY_READABLE);
    named(SS_DOCTOR_KEY_WRITABLE);
    // The first boot would turn encryption on by itself; burned by number the key is another one.
    snprintf(
        text, sizeof text,
        "espefuse burn_key BLOCK1 k\nespefuse read_protect_efuse BLOCK1\n"
        "espefuse burn_efuse FLASH_CRYPT_CONFIG 0xF\nespsecure encrypt_flash_data -k k -a 0x1000 -o e bootloader.bin\n"
        "esptool write_flash 0x1000 e\nespefuse burn_efuse FLASH_CRYPT_CNT 1\n");
    assert_ok(rehearse(text, &profile), err);
    named(SS_DOCTOR_KEY_REVERSED);
    named(SS_DOCTOR_TABLE_MISSING);
}

static void openssl_makes_the_wrong_length(void **state)
{
    (void)state;
    struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    profile.secure_boot = SS_PROFILE_SECURE_BOOT_V1;
    assert_ok(rehearse("openssl ec -in s -pubout -out p\nesptool write_flash 0x1000 bootloader.bin", &profile), err);
    named(SS_DOCTOR_PUBLIC_KEY_LENGTH);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_forum_procedure),
        cmocka_unit_test(the_repaired_plan),
        cmocka_unit_test(words_and_variables),
        cmocka_unit_test(mistakes_of_commands),
        cmocka_unit_test(what_the_tools_refuse),
        cmocka_unit_test(what_the_tools_take),
        cmocka_unit_test(several_commands_of_espefuse_in_one_call),
        cmocka_unit_test(locked_out_by_revision),
        cmocka_unit_test(secure_boot_v2),
        cmocka_unit_test(slotseals_own_commands),
        cmocka_unit_test(the_chip_that_is_left),
        cmocka_unit_test(openssl_makes_the_wrong_length),
    };
    return ss_test_main(argc, argv, tests);
}
