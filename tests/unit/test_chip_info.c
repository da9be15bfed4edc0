// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <string.h>

#include "slotseal/chip_info.h"

static void names_ignore_case_and_dashes(void **state)
{
    (void)state;
    const char *spellings[] = {"esp32s3", "ESP32-S3", "esp32-s3", "Esp32_S3", "-esp32s3-"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        assert_ptr_equal(ss_chip_find(spellings[i]), ss_chip_find_id(9));
    assert_string_equal(ss_chip_find("ESP32")->title, "ESP32");
}

static void other_names_are_not_found(void **state)
{
    (void)state;
    const char *others[] = {"", "-", "esp", "esp3", "esp32x", "esp8266", "esp32s", "esp32s33", "esp32 s3"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(ss_chip_find(others[i]));
    assert_null(ss_chip_find(NULL));
    assert_null(ss_chip_find_id(1));
    assert_null(ss_chip_find_id(0xFFFF));
}

static void every_chip_is_complete_and_unique(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct ss_chip *c; (c = ss_chip_at(count)); count++) {
        assert_ptr_equal(ss_chip_find(c->name), c);
        assert_ptr_equal(ss_chip_find(c->title), c);
        assert_ptr_equal(ss_chip_find_id(c->image_id), c);
        assert_true(c->flash_key_lengths != 0);
        assert_true(c->key_purpose_count >= 3);
        assert_int_equal(c->table_address, 0x8000);
        assert_int_equal(c->bootloader_address % 0x1000, 0);
        assert_true(c->bootloader_address < c->table_address);
        assert_int_equal(c->mmu_page_size, 0x10000);
        assert_true(c->mmu_page_min <= c->mmu_page_size);
        assert_int_equal(c->flash_limit % c->mmu_page_size, 0);
        assert_true(c->drom.low < c->drom.high && c->irom.low < c->irom.high);
        assert_true(c->crypt_count_len == (c->scheme == SS_FLASH_SCHEME_ESP32 ? 7 : 3));
        assert_int_equal(c->secure_boot_keys > 0, c->secure_boot != 0);
    }
    assert_int_equal(count, 13);
    assert_string_equal(ss_chip_at(0)->name, "esp32");
}

static void the_esp32_is_as_documented(void **state)
{
    (void)state;
    const struct ss_chip *c = ss_chip_find_id(0);
    assert_int_equal(c->scheme, SS_FLASH_SCHEME_ESP32);
    assert_int_equal(c->secure_boot, SS_SECURE_BOOT_V1 | SS_SECURE_BOOT_V2_RSA);
    assert_int_equal(c->secure_boot_v2_min_rev, 300);
    assert_int_equal(c->bootloader_address, 0x1000);
    assert_int_equal(c->flash_limit, 0x1000000);
    assert_string_equal(c->crypt_count, "FLASH_CRYPT_CNT");
    assert_int_equal(c->crypt_count_bit, 20);
}

static void key_lengths_follow_the_chip(void **state)
{
    (void)state;
    const struct {
        const char *chip;
        size_t taken[3];
    } expected[] = {
        {"esp32", {24, 32}}, {"esp32s2", {32, 64}}, {"esp32c2", {16, 32}}, {"esp32c3", {32}}, {"esp32p4", {32, 64}},
    };
    const size_t lengths[] = {0, 15, 16, 24, 31, 32, 33, 48, 64, 128};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            bool taken = lengths[j] && (lengths[j] == expected[i].taken[0] || lengths[j] == expected[i].taken[1]);
            assert_int_equal(ss_chip_takes_flash_key(ss_chip_find(expected[i].chip), lengths[j]), taken);
        }
    }
}

static void key_purposes_have_espefuse_values(void **state)
{
    (void)state;
    const struct ss_chip *s3 = ss_chip_find("esp32s3");
    assert_int_equal(s3->key_purpose_count, 6);
    assert_string_equal(s3->key_purposes[2].name, "XTS_AES_128_KEY");
    assert_int_equal(s3->key_purposes[2].value, 4);
    assert_string_equal(s3->key_purposes[5].name, "SECURE_BOOT_DIGEST2");
    assert_int_equal(s3->key_purposes[5].value, 11);
    assert_int_equal(ss_chip_find("esp32")->key_purposes[0].value, -1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_ignore_case_and_dashes),      cmocka_unit_test(other_names_are_not_found),
        cmocka_unit_test(every_chip_is_complete_and_unique), cmocka_unit_test(the_esp32_is_as_documented),
        cmocka_unit_test(key_lengths_follow_the_chip),       cmocka_unit_test(key_purposes_have_espefuse_values),
    };
    return ss_test_main(argc, argv, tests);
}
