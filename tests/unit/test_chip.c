// SPDX-License-Identifier: Apache-2.0
// The chip's parts below the boot code: flash, eFuse controller, encryption engine, power, folder.
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chip/chip.h"
#include "slotseal/flash_cipher.h"
#include "support/vectors.h"

static struct ss_error err;

static struct ss_vchip *new_chip(unsigned revision)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip = NULL;
    options.flash_size = 1u << 20;
    options.revision = revision;
    assert_ok(ss_chip_new(&options, &chip, &err), err);
    return chip;
}

/// Burns a field by the controller, as software does.
static void burn(struct ss_vchip *chip, const char *name, uint32_t value)
{
    struct ss_efuse bits = {0};
    assert_ok(ss_efuse_burn(&bits, ss_efuse_field_find(name), value, &err), err);
    ss_efuse_controller_burn(&chip->efuse, &bits);
}

static void programming_only_clears_bits(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300);
    uint8_t out[4];
    ss_flash_program(&chip->flash, 0x1000, (const uint8_t[]){0xF0, 0x0F}, 2);
    ss_flash_program(&chip->flash, 0x1000, (const uint8_t[]){0x3C, 0xFF}, 2);
    ss_flash_read(&chip->flash, 0x1000, out, 4);
    assert_memory_equal(out, ((const uint8_t[]){0x30, 0x0F, 0xFF, 0xFF}), 4);
    ss_flash_erase(&chip->flash, 0x1FFF, 1);
    ss_flash_read(&chip->flash, 0x1000, out, 4);
    assert_memory_equal(out, "\xFF\xFF\xFF\xFF", 4);
    assert_int_equal(chip->flash.programs, 2);
    assert_int_equal(chip->flash.erases, 1);
    assert_int_equal(chip->flash.wear[1], 1);
    assert_int_equal(chip->power.operations, 3);
    assert_int_equal(chip->power.time_us, 2 * SS_FLASH_PROGRAM_US + SS_FLASH_ERASE_US);
    ss_chip_free(chip);
}

static void commands_need_write_enable(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300);
    struct ss_flash *flash = &chip->flash;
    const uint8_t zero[300] = {0};
    uint8_t in[4];
    ss_flash_command(flash, 0x02, 0, zero, 4, NULL, 0);
    assert_int_equal(flash->data[0], 0xFF);
    ss_flash_command(flash, 0x06, 0, NULL, 0, NULL, 0);
    ss_flash_command(flash, 0x05, 0, NULL, 0, in, 1);
    assert_int_equal(in[0], 2);
    // A page program wraps within its page.
    ss_flash_command(flash, 0x02, 0xFE, zero, 4, NULL, 0);
    assert_int_equal(flash->data[0x00], 0);
    assert_int_equal(flash->data[0x01], 0);
    assert_int_equal(flash->data[0xFF], 0);
    assert_int_equal(flash->data[0x100], 0xFF);
    ss_flash_command(flash, 0x05, 0, NULL, 0, in, 1);
    assert_int_equal(in[0], 0);
    ss_flash_command(flash, 0x9F, 0, NULL, 0, in, 4);
    assert_memory_equal(in, "\xEF\x40\x14\xFF", 4);
    ss_flash_command(flash, 0x5A, 0, NULL, 0, in, 4);
    assert_memory_equal(in, "SFDP", 4);
    // 66 and 99 in a row reset: write enable is gone.
    ss_flash_command(flash, 0x06, 0, NULL, 0, NULL, 0);
    ss_flash_command(flash, 0x66, 0, NULL, 0, NULL, 0);
    ss_flash_command(flash, 0x99, 0, NULL, 0, NULL, 0);
    assert_false(flash->write_enabled);
    ss_chip_free(chip);
}

/// True if the power failed while two pages were programmed.
static bool program_two_pages(struct ss_vchip *chip)
{
    const uint8_t zero[256] = {0};
    jmp_buf off;
    chip->power.off = &off;
    if (setjmp(off))
        return true;
    ss_flash_program(&chip->flash, 0x100, zero, 256);
    ss_flash_program(&chip->flash, 0x200, zero, 256);
    return false;
}

static void power_fails_before_inside_and_after(void **state)
{
    (void)state;
    for (enum ss_cut cut = SS_CUT_BEFORE; cut <= SS_CUT_AFTER; cut++) {
        struct ss_vchip *chip = new_chip(300);
        chip->power.cut_at = 1;
        chip->power.cut = cut;
        assert_true(program_two_pages(chip));
        unsigned zero_bits = 0;
        for (unsigned i = 0x100; i < 0x200; i++)
            zero_bits += 8 - (unsigned)__builtin_popcount(chip->flash.data[i]);
        assert_int_equal(chip->flash.data[0x200], 0xFF);
        if (cut == SS_CUT_INSIDE)
            assert_in_range(zero_bits, 1, 2047);
        else
            assert_int_equal(zero_bits, cut == SS_CUT_BEFORE ? 0 : 2048);
        // One cut is one cut.
        assert_false(program_two_pages(chip));
        ss_chip_free(chip);
    }
}

static void stuck_bits_and_worn_sectors(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300);
    const uint8_t zero[16] = {0};
    chip->flash.faults = (struct ss_flash_faults){.stuck_at = 3, .stuck = 0x80, .worn = 1};
    ss_flash_program(&chip->flash, 0, zero, sizeof zero);
    assert_int_equal(chip->flash.data[3], 0x80);
    assert_int_equal(chip->flash.data[4], 0);
    ss_flash_erase(&chip->flash, 0, 4096);
    assert_int_equal(chip->flash.data[4], 0);
    ss_chip_free(chip);
}

static void burned_bits_stay_and_protection_holds(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300);
    struct ss_efuse bits = {0};
    burn(chip, "FLASH_CRYPT_CONFIG", 0x5);
    // The read window is as of the last read command.
    assert_int_equal(ss_efuse_get_name(&chip->efuse.window, "FLASH_CRYPT_CONFIG"), 0);
    ss_efuse_controller_write(&chip->efuse, SS_EFUSE_BASE + 0xFC, 0x5AA5);
    ss_efuse_controller_write(&chip->efuse, SS_EFUSE_BASE + 0x104, 1);
    assert_int_equal(ss_efuse_controller_read(&chip->efuse, SS_EFUSE_BASE + 5 * 4) >> 28, 5);
    burn(chip, "WR_DIS", 1u << 10);
    burn(chip, "FLASH_CRYPT_CONFIG", 0xF);
    assert_int_equal(ss_efuse_get_name(chip->silicon, "FLASH_CRYPT_CONFIG"), 5);
    // A key: hidden from software, known to the engine.
    for (unsigned i = 0; i < 8; i++)
        bits.words[7 + i] = 0x01010101u * (i + 1);
    ss_efuse_controller_burn(&chip->efuse, &bits);
    burn(chip, "RD_DIS", 1);
    ss_chip_reset(chip);
    assert_int_equal(ss_efuse_controller_read(&chip->efuse, SS_EFUSE_BASE + 0x38), 0);
    assert_int_equal(chip->silicon->words[7], 0x01010101);
    burn(chip, "WR_DIS", 1u << 7);
    bits.words[7] = 0xFFFFFFFF;
    ss_efuse_controller_burn(&chip->efuse, &bits);
    assert_int_equal(chip->silicon->words[7], 0x01010101);
    ss_chip_free(chip);
}

static void registers_burn_only_in_program_mode(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300);
    ss_efuse_controller_write(&chip->efuse, SS_EFUSE_BASE + 0x01C + 5 * 4, 0xF0000000);
    assert_int_equal(ss_efuse_controller_read(&chip->efuse, SS_EFUSE_BASE + 0x01C + 5 * 4), 0xF0000000);
    ss_efuse_controller_write(&chip->efuse, SS_EFUSE_BASE + 0x104, 2);
    assert_int_equal(ss_efuse_get_name(chip->silicon, "FLASH_CRYPT_CONFIG"), 0);
    ss_efuse_controller_write(&chip->efuse, SS_EFUSE_BASE + 0xFC, 0x5A5A);
    ss_efuse_controller_write(&chip->efuse, SS_EFUSE_BASE + 0x104, 2);
    assert_int_equal(ss_efuse_get_name(chip->silicon, "FLASH_CRYPT_CONFIG"), 0xF);
    assert_int_equal(chip->efuse.burns, 1);
    // What was written to be burned is used up.
    assert_int_equal(ss_efuse_controller_read(&chip->efuse, SS_EFUSE_BASE + 0x01C + 5 * 4), 0);
    ss_chip_free(chip);
}

static void a_cut_burn_leaves_some_of_its_bits(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300);
    struct ss_efuse bits = {0}, before = *chip->silicon;
    jmp_buf off;
    memset(&bits.words[7], 0xFF, 32);
    chip->power.cut_at = chip->power.operations + 1;
    chip->power.cut = SS_CUT_INSIDE;
    chip->power.off = &off;
    if (setjmp(off) == 0) {
        ss_efuse_controller_burn(&chip->efuse, &bits);
        fail_msg("the burn went on");
    }
    unsigned ones = 0;
    for (unsigned i = 7; i < 15; i++)
        ones += (unsigned)__builtin_popcount(chip->silicon->words[i]);
    assert_in_range(ones, 1, 255);
    assert_memory_equal(chip->silicon->words, before.words, 7 * 4);
    ss_chip_free(chip);
}

static void the_engine_is_that_of_the_library(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300);
    uint8_t key[32], plain[64], sealed[64], out[64];
    uint64_t seed = 7;
    test_random_bytes(&seed, key, sizeof key);
    test_random_bytes(&seed, plain, sizeof plain);
    struct ss_efuse bits = {0};
    assert_ok(ss_efuse_key_to_words(key, 32, SS_EFUSE_CODING_NONE, &bits.words[7], &err), err);
    ss_efuse_controller_burn(&chip->efuse, &bits);
    burn(chip, "FLASH_CRYPT_CONFIG", 0xF);
    assert_ok(ss_chip_encrypted_write(chip, 0x10000, plain, sizeof plain, &err), err);
    // Decryption is off: the cache shows what is there.
    assert_false(ss_chip_encrypts(chip));
    assert_ok(ss_chip_cache_read(chip, 0x10000, sealed, sizeof sealed, &err), err);
    struct ss_flash_cipher cipher;
    assert_ok(ss_flash_cipher_init(&cipher, key, 32, 0xF, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, 0x10000, plain, out, sizeof plain, &err), err);
    assert_memory_equal(sealed, out, sizeof out);
    burn(chip, "FLASH_CRYPT_CNT", 1);
    assert_true(ss_chip_encrypts(chip));
    assert_ok(ss_chip_cache_read(chip, 0x10000, out, sizeof out, &err), err);
    assert_memory_equal(out, plain, sizeof out);
    burn(chip, "FLASH_CRYPT_CNT", 3);
    assert_false(ss_chip_encrypts(chip));
    assert_int_equal(ss_chip_encrypted_write(chip, 0x10010, plain, 32, &err), SS_ERROR_INVALID_ARGUMENT);
    ss_chip_free(chip);
}

static void download_mode_can_be_forbidden_from_revision_3_on(void **state)
{
    (void)state;
    for (unsigned revision = 100; revision <= 300; revision += 200) {
        struct ss_vchip *chip = new_chip(revision);
        chip->strap_download = true;
        ss_chip_reset(chip);
        assert_true(chip->in_download);
        burn(chip, "UART_DOWNLOAD_DIS", 1);
        ss_chip_reset(chip);
        assert_int_equal(chip->in_download, revision < 300);
        ss_chip_free(chip);
    }
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = {"efuse.bin", "flash.bin", "chip.conf", "state.bin"};
    char path[64];
    for (unsigned i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void command_write(struct ss_flash *flash, uint8_t enable, uint8_t opcode, uint8_t value)
{
    ss_flash_command(flash, enable, 0, NULL, 0, NULL, 0);
    ss_flash_command(flash, opcode, 0, &value, 1, NULL, 0);
}

static void a_folder_is_the_state(void **state)
{
    (void)state;
    char folder[] = "/tmp/slotseal-chip-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    options.flash_size = 1u << 20;
    options.coding = SS_EFUSE_CODING_34;
    options.revision = 101;
    assert_ok(ss_chip_create(folder, &options, &err), err);
    assert_int_equal(ss_chip_create(folder, &options, &err), SS_ERROR_ALREADY_EXISTS);

    struct ss_vchip *chip, *second;
    assert_ok(ss_chip_open(folder, &chip, &err), err);
    assert_int_equal(ss_chip_open(folder, &second, &err), SS_ERROR_BAD_STATE);
    assert_null(second);
    assert_int_equal(ss_efuse_coding(chip->silicon), SS_EFUSE_CODING_34);
    assert_int_equal(ss_efuse_revision(chip->silicon, chip->apb_date_bit31), 101);
    ss_flash_program(&chip->flash, 0x8000, (const uint8_t[]){0xAA, 0x50}, 2);
    burn(chip, "JTAG_DISABLE", 1);
    ss_chip_free(chip);

    // Files that other programs wrote count.
    snprintf(path, sizeof path, "%s/flash.bin", folder);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0x9000, SEEK_SET), 0);
    assert_int_equal(fwrite("x", 1, 1, f), 1);
    fclose(f);
    assert_ok(ss_chip_open(folder, &chip, &err), err);
    assert_int_equal(chip->flash.data[0x8000], 0xAA);
    assert_int_equal(chip->flash.data[0x9000], 'x');
    assert_int_equal(ss_efuse_get_name(chip->silicon, "JTAG_DISABLE"), 1);
    ss_chip_free(chip);

    snprintf(path, sizeof path, "%s/efuse.bin", folder);
    assert_int_equal(truncate(path, 123), 0);
    assert_int_equal(ss_chip_open(folder, &chip, &err), SS_ERROR_DATA_INVALID);
    assert_non_null(strstr(err.message, "123 bytes, not 124"));
    remove_folder(folder);
}

static struct ss_vchip *opened(const char *folder)
{
    struct ss_vchip *chip;
    assert_ok(ss_chip_open(folder, &chip, &err), err);
    return chip;
}

static void counters_status_and_plans_outlive_power(void **state)
{
    (void)state;
    char folder[] = "/tmp/slotseal-chip-XXXXXX", path[64];
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    assert_non_null(mkdtemp(folder));
    assert_ok(ss_chip_create(folder, &options, &err), err);
    struct ss_vchip *chip = opened(folder);
    command_write(&chip->flash, 0x06, 0x01, 0x1C);
    command_write(&chip->flash, 0x50, 0x31, 0x02);
    ss_flash_erase(&chip->flash, 0x5000, 1);
    chip->flash.faults.worn = 3;
    uint64_t random = ss_power_random(&chip->power);
    ss_power_plan(&chip->power, 2, SS_CUT_AFTER);
    ss_chip_free(chip);

    chip = opened(folder);
    assert_int_equal(chip->flash.status[0], 0x1C);
    assert_int_equal(chip->flash.status[1], 0); // written as volatile
    assert_int_equal(chip->power.operations, 3);
    assert_int_equal(chip->power.time_us, 2 * SS_FLASH_STATUS_US + SS_FLASH_ERASE_US);
    assert_int_equal(chip->flash.erases, 1);
    assert_int_equal(chip->flash.wear[5], 1);
    assert_int_equal(chip->flash.faults.worn, 3);
    assert_int_not_equal(ss_power_random(&chip->power), random);
    assert_int_equal(chip->power.cut_at, 5);
    assert_int_equal(chip->power.cut, SS_CUT_AFTER);
    jmp_buf off;
    volatile unsigned done = 0;
    chip->power.off = &off;
    if (!setjmp(off))
        for (; done < 9; done++)
            ss_flash_erase(&chip->flash, 0x6000, 1);
    assert_int_equal(done, 1);
    ss_chip_reset(chip);
    ss_chip_free(chip);

    // It happened, and does not happen again.
    chip = opened(folder);
    assert_int_equal(chip->power.cut_at, 0);
    assert_int_equal(chip->flash.wear[6], 2);
    ss_chip_free(chip);

    snprintf(path, sizeof path, "%s/state.bin", folder);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(ss_chip_open(folder, &chip, &err), SS_ERROR_DATA_INVALID);
    assert_non_null(strstr(err.message, "state.bin is not the state of a chip"));
    assert_int_equal(unlink(path), 0);
    chip = opened(folder);
    assert_int_equal(chip->power.operations, 0);
    ss_chip_free(chip);
    remove_folder(folder);
}

static void a_flash_reset_brings_stored_status_back(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300);
    uint8_t in = 0;
    command_write(&chip->flash, 0x06, 0x01, 0x04);
    command_write(&chip->flash, 0x50, 0x01, 0x18);
    ss_flash_command(&chip->flash, 0x05, 0, NULL, 0, &in, 1);
    assert_int_equal(in, 0x18);
    ss_flash_command(&chip->flash, 0x99, 0, NULL, 0, NULL, 0); // not armed
    assert_int_equal(chip->flash.status[0], 0x18);
    ss_flash_command(&chip->flash, 0x66, 0, NULL, 0, NULL, 0);
    ss_flash_command(&chip->flash, 0x99, 0, NULL, 0, NULL, 0);
    assert_int_equal(chip->flash.status[0], 0x04);
    ss_chip_free(chip);
}

static void a_clone_goes_its_own_way(void **state)
{
    (void)state;
    struct ss_vchip *chip = new_chip(300), *copy;
    ss_flash_program(&chip->flash, 0, (const uint8_t[]){0}, 1);
    assert_ok(ss_chip_clone(chip, &copy, &err), err);
    ss_flash_program(&copy->flash, 1, (const uint8_t[]){0}, 1);
    burn(copy, "ABS_DONE_0", 1);
    assert_int_equal(copy->flash.data[0], 0);
    assert_int_equal(chip->flash.data[1], 0xFF);
    assert_int_equal(ss_efuse_get_name(chip->silicon, "ABS_DONE_0"), 0);
    assert_int_equal(copy->power.operations, 3);
    assert_int_equal(chip->power.operations, 1);
    ss_chip_free(copy);
    ss_chip_free(chip);
}

static void odd_options_are_refused(void **state)
{
    (void)state;
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip;
    options.flash_size = 3u << 20;
    assert_int_equal(ss_chip_new(&options, &chip, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "3145728"));
    options.flash_size = 4u << 20;
    options.revision = 400;
    assert_int_equal(ss_chip_new(&options, &chip, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_null(chip);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programming_only_clears_bits),
        cmocka_unit_test(commands_need_write_enable),
        cmocka_unit_test(power_fails_before_inside_and_after),
        cmocka_unit_test(stuck_bits_and_worn_sectors),
        cmocka_unit_test(burned_bits_stay_and_protection_holds),
        cmocka_unit_test(registers_burn_only_in_program_mode),
        cmocka_unit_test(a_cut_burn_leaves_some_of_its_bits),
        cmocka_unit_test(the_engine_is_that_of_the_library),
        cmocka_unit_test(download_mode_can_be_forbidden_from_revision_3_on),
        cmocka_unit_test(a_folder_is_the_state),
        cmocka_unit_test(counters_status_and_plans_outlive_power),
        cmocka_unit_test(a_flash_reset_brings_stored_status_back),
        cmocka_unit_test(a_clone_goes_its_own_way),
        cmocka_unit_test(odd_options_are_refused),
    };
    return ss_test_main(argc, argv, tests);
}
