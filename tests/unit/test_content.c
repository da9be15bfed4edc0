// SPDX-License-Identifier: Apache-2.0
#include "support/sample_elf.h"
#include "support/sample_image.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/content.h"

#define SIZE 0x4000

static uint8_t data[SIZE];
static uint64_t seed;

static int setup(void **state)
{
    (void)state;
    seed = 1;
    test_random_bytes(&seed, data, SIZE);
    data[0] = 0x5A;
    return 0;
}

static void is(size_t len, enum ss_content expected)
{
    // A block of exactly this size, so that the address sanitizer sees every byte read too many.
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, data, len);
    assert_string_equal(ss_content_name(ss_content_classify(exact, len)), ss_content_name(expected));
    free(exact);
}

static void empty_and_erased(void **state)
{
    (void)state;
    is(0, SS_CONTENT_EMPTY);
    memset(data, 0xFF, SIZE);
    is(1, SS_CONTENT_ERASED);
    is(SIZE, SS_CONTENT_ERASED);
    data[SIZE - 1] = 0;
    is(SIZE, SS_CONTENT_OTHER);
}

static void images(void **state)
{
    (void)state;
    size_t len = sample_app(data, SIZE);
    is(len, SS_CONTENT_IMAGE);
    is(sample_sign_v1(data, len, SIZE), SS_CONTENT_IMAGE_V1);
    is(sample_sign_v2(data, len, SIZE), SS_CONTENT_IMAGE_V2);
    is(len - 1, SS_CONTENT_IMAGE);
    data[1] = 17; // damaged, and no noise: an image all the same
    is(len, SS_CONTENT_IMAGE);
    is(1, SS_CONTENT_IMAGE);
}

static void image_full_of_random_data(void **state)
{
    (void)state;
    uint8_t head[32];
    memcpy(head, "\xE9\1\2\x20\0\4\x08\x40\xEE", 9);
    memset(head + 9, 0, sizeof head - 9);
    ss_put_le32(head + 24, 0x3F400020);
    ss_put_le32(head + 28, 0x3000);
    memcpy(data, head, sizeof head);
    is(SIZE, SS_CONTENT_IMAGE);
    // Ciphertext that happens to start with 0xE9.
    data[1] = 0x90;
    is(SIZE, SS_CONTENT_NOISE);
}

static void ciphertext(void **state)
{
    (void)state;
    is(SIZE, SS_CONTENT_NOISE);
    is(512, SS_CONTENT_NOISE);
    is(511, SS_CONTENT_OTHER);
    // Padding under flash encryption: the halves of each 32 bytes are equal.
    for (size_t at = 0x1000; at < SIZE; at += 32)
        memcpy(data + at + 16, data + at, 16);
    is(SIZE, SS_CONTENT_NOISE);
}

static void signed_ciphertext(void **state)
{
    (void)state;
    size_t len = sample_sign_v1(data, 0x2000, SIZE);
    is(len, SS_CONTENT_NOISE_SIGNED_V1);
    memset(data + len, 0xFF, 12);
    is(len + 12, SS_CONTENT_NOISE_SIGNED_V1);
    data[len + 11] = 0;
    is(len + 12, SS_CONTENT_NOISE);
    data[0x2000] = 1; // version is not 0
    is(len, SS_CONTENT_NOISE);
}

static void v2_signed_ciphertext(void **state)
{
    (void)state;
    is(sample_sign_v2(data, 0x2000, SIZE), SS_CONTENT_NOISE_SIGNED_V2);
}

static void files_for_flash_address_0(void **state)
{
    (void)state;
    memset(data + 192, 0xFF, 0x1000 - 192);
    size_t len = 0x1000 + sample_bootloader(data + 0x1000, SIZE - 0x1000);
    is(len, SS_CONTENT_DIGEST_BOOTLOADER);
    memset(data, 0xFF, 192);
    is(len, SS_CONTENT_FLASH_DUMP);
    data[192] = 0;
    is(len, SS_CONTENT_OTHER);
}

static void partition_table(void **state)
{
    (void)state;
    memset(data, 0xFF, 0xC00);
    memcpy(data, "\xAA\x50\1\2\0\x90\0\0\0\x40\0\0nvs\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
    is(0xC00, SS_CONTENT_PARTITION_TABLE);
    memcpy(data + 32, "\xEB\xEB", 2);
    is(0xC00, SS_CONTENT_PARTITION_TABLE);
    data[32] = 0;
    is(0xC00, SS_CONTENT_OTHER);
    is(32, SS_CONTENT_OTHER);
}

static void other_files(void **state)
{
    (void)state;
    const struct sample_section section = {".text", 1, 0x40080000, 64, 0};
    is(sample_elf(data, SIZE, &section, 1), SS_CONTENT_ELF);
    strcpy((char *)data, "-----BEGIN EC PRIVATE KEY-----\nMHcC");
    is(strlen((char *)data), SS_CONTENT_PEM);
    memset(data, 0, SIZE);
    is(SIZE, SS_CONTENT_OTHER);
}

static void advice(void **state)
{
    (void)state;
    for (int i = SS_CONTENT_OTHER; i <= SS_CONTENT_NOISE_SIGNED_V2; i++) {
        enum ss_content c = (enum ss_content)i;
        bool image = c == SS_CONTENT_IMAGE || c == SS_CONTENT_IMAGE_V1 || c == SS_CONTENT_IMAGE_V2;
        assert_int_equal(ss_content_seal_advice(c) == NULL, image);
        assert_int_equal(ss_content_sign_advice(c) == NULL, image || c == SS_CONTENT_PARTITION_TABLE);
    }
    assert_non_null(strstr(ss_content_sign_advice(SS_CONTENT_NOISE), "sign the plaintext, then pad, then seal"));
    assert_non_null(
        strstr(ss_content_seal_advice(SS_CONTENT_NOISE_SIGNED_V1), "sign the plaintext, then pad, then seal"));
    assert_string_equal(ss_content_name((enum ss_content)99), "unknown data");
}

static void random_data_is_noise(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        size_t len = 512 + test_random(&seed) % (SIZE - 512);
        test_random_bytes(&seed, data, len);
        data[0] = 0;
        assert_int_equal(ss_content_classify(data, len), SS_CONTENT_NOISE);
    }
}

static void real_firmware(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum ss_content content;
    } files[] = {
        {"firmware/app-hello-world-v3.3-signed.bin", SS_CONTENT_IMAGE_V1},
        {"firmware/bootloader-idf-v3.2.bin", SS_CONTENT_IMAGE},
        {"firmware/bootloader-idf-v5.2.bin", SS_CONTENT_IMAGE},
        {"firmware/forum-table.bin", SS_CONTENT_PARTITION_TABLE},
    };
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        uint8_t *file = material_read(files[i].file, &len);
        if (!file)
            skip();
        assert_int_equal(ss_content_classify(file, len), files[i].content);
        free(file);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(empty_and_erased, setup),
        cmocka_unit_test_setup(images, setup),
        cmocka_unit_test_setup(image_full_of_random_data, setup),
        cmocka_unit_test_setup(ciphertext, setup),
        cmocka_unit_test_setup(signed_ciphertext, setup),
        cmocka_unit_test_setup(v2_signed_ciphertext, setup),
        cmocka_unit_test_setup(files_for_flash_address_0, setup),
        cmocka_unit_test_setup(partition_table, setup),
        cmocka_unit_test_setup(other_files, setup),
        cmocka_unit_test_setup(advice, setup),
        cmocka_unit_test_setup(random_data_is_noise, setup),
        cmocka_unit_test_setup(real_firmware, setup),
    };
    return ss_test_main(argc, argv, tests);
}
