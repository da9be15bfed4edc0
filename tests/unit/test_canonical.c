// SPDX-License-Identifier: Apache-2.0
#include "support/alloc_fault.h"
#include "support/sample_image.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "slotseal/canonical.h"
#include "slotseal/image.h"

#define SIZE 0x3000
// In the sample app's DROM segment, behind its descriptor.
#define VK_OFFSET 0x140

static uint8_t image[SIZE], template_key[SS_VK_SIZE], device_key[SS_VK_SIZE];
static size_t len;

static int setup(void **state)
{
    (void)state;
    uint64_t seed = 7;
    test_random_bytes(&seed, template_key, sizeof template_key);
    test_random_bytes(&seed, device_key, sizeof device_key);
    len = sample_app(image, sizeof image);
    memcpy(image + VK_OFFSET, template_key, sizeof template_key);
    sample_refresh(image, len);
    return 0;
}

static void sha256(const uint8_t *in, size_t in_len, uint8_t out[32])
{
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, in, in_len, out), SS_OK);
}

static void without_key_it_is_the_file_hash(void **state)
{
    (void)state;
    uint8_t digest[32], expected[32];
    struct ss_error err = {0};
    sha256(image, len, expected);
    assert_ok(ss_canonical_digest(image, len, SS_VK_NONE, digest, &err), err);
    assert_memory_equal(digest, expected, 32);
    // A signature, of either version, is not part of it.
    assert_ok(ss_canonical_digest(image, sample_sign_v1(image, len, SIZE), SS_VK_NONE, digest, &err), err);
    assert_memory_equal(digest, expected, 32);
    assert_ok(ss_canonical_digest(image, sample_sign_v2(image, len, SIZE), SS_VK_NONE, digest, &err), err);
    assert_memory_equal(digest, expected, 32);
}

static void assert_digest_of_zeroed_image(void)
{
    uint8_t digest[32], expected[32], zeroed[SAMPLE_APP_LEN];
    struct ss_error err = {0};
    memcpy(zeroed, image, len);
    memset(zeroed + VK_OFFSET, 0, SS_VK_SIZE);
    sample_refresh(zeroed, len);
    sha256(zeroed, len, expected);
    assert_ok(ss_canonical_digest(image, len, VK_OFFSET, digest, &err), err);
    assert_memory_equal(digest, expected, 32);
}

static void with_key_it_is_that_of_the_zeroed_image(void **state)
{
    (void)state;
    assert_digest_of_zeroed_image();
}

static void without_appended_hash(void **state)
{
    (void)state;
    image[23] = 0;
    len -= 32;
    assert_digest_of_zeroed_image();
}

static void every_device_has_the_same(void **state)
{
    (void)state;
    uint8_t digest[32], other[32], out[SIZE];
    size_t out_len;
    uint32_t offset;
    bool dropped = true;
    struct ss_error err = {0};
    assert_ok(ss_canonical_digest(image, len, VK_OFFSET, digest, &err), err);
    assert_ok(ss_vk_replace(image, len, template_key, device_key, out, SIZE, &out_len, &offset, &dropped, &err), err);
    assert_false(dropped);
    assert_int_equal(offset, VK_OFFSET);
    assert_ok(ss_canonical_digest(out, out_len, VK_OFFSET, other, &err), err);
    assert_memory_equal(digest, other, 32);
    // Anything but the key counts.
    out[SAMPLE_APP_DRAM] ^= 1;
    sample_refresh(out, out_len);
    assert_ok(ss_canonical_digest(out, out_len, VK_OFFSET, other, &err), err);
    assert_memory_not_equal(digest, other, 32);
}

static void pieces_of_any_size(void **state)
{
    (void)state;
    uint8_t digest[32], pieces[32];
    struct ss_error err = {0};
    const uint32_t keys[] = {SS_VK_NONE, VK_OFFSET};
    for (unsigned k = 0; k < 2; k++) {
        assert_ok(ss_canonical_digest(image, len, keys[k], digest, &err), err);
        for (size_t step = 1; step <= len; step = step * 3 / 2 + 1) {
            struct ss_canonical c;
            assert_int_equal(ss_canonical_init(&c, (uint32_t)len, keys[k]), SS_OK);
            for (size_t at = 0; at < len; at += step)
                assert_int_equal(ss_canonical_update(&c, image + at, len - at < step ? len - at : step), SS_OK);
            // What follows the image does not count.
            assert_int_equal(ss_canonical_update(&c, "signature", 9), SS_OK);
            assert_int_equal(ss_canonical_finish(&c, pieces), SS_OK);
            assert_memory_equal(pieces, digest, 32);
        }
    }
}

static void init_checks_its_arguments(void **state)
{
    (void)state;
    struct ss_canonical c;
    assert_int_equal(ss_canonical_init(&c, 0x2E1, 0), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_canonical_init(&c, 32, 0), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_canonical_init(&c, SS_IMAGE_MAX_SIZE + 16, 0), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_canonical_init(&c, 0x2E0, 31), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_canonical_init(&c, 0x2E0, 0x2E0 - 64), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_canonical_init(&c, 0x2E0, 0xFFFFFFF0), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_canonical_init(&c, 0x2E0, 0x2E0 - 65), SS_OK);
    ss_canonical_abort(&c);
}

static void states(void **state)
{
    (void)state;
    struct ss_canonical c = {0};
    uint8_t digest[32];
    ss_canonical_abort(&c);
    assert_int_equal(ss_canonical_update(&c, image, 1), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_canonical_finish(&c, digest), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_canonical_init(&c, (uint32_t)len, VK_OFFSET), SS_OK);
    assert_int_equal(ss_canonical_update(&c, image, len - 1), SS_OK);
    assert_int_equal(ss_canonical_finish(&c, digest), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_canonical_update(&c, image + len - 1, 1), SS_ERROR_BAD_STATE);
    // The header says that a hash is appended: the key would lie on it.
    assert_int_equal(ss_canonical_init(&c, (uint32_t)len, (uint32_t)len - 65), SS_OK);
    assert_int_equal(ss_canonical_update(&c, image, len), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_canonical_finish(&c, digest), SS_ERROR_BAD_STATE);
}

static void digest_needs_a_good_image(void **state)
{
    (void)state;
    uint8_t digest[32];
    struct ss_error err = {0};
    assert_int_equal(ss_canonical_digest(image, len, 0x200, digest, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "the 64 bytes at 0x200 are not within one segment's data");
    assert_int_equal(ss_canonical_digest(image, len, 24, digest, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_canonical_digest(image, len, 0xFFFFFFF0, digest, &err), SS_ERROR_INVALID_ARGUMENT);
    image[SAMPLE_APP_DRAM] ^= 1;
    assert_int_equal(ss_canonical_digest(image, len, VK_OFFSET, digest, &err), SS_ERROR_DATA_CORRUPT);
}

static void key_is_found_once(void **state)
{
    (void)state;
    uint32_t offset;
    struct ss_error err = {0};
    assert_ok(ss_vk_find(image, len, template_key, &offset, &err), err);
    assert_int_equal(offset, VK_OFFSET);
    assert_int_equal(ss_vk_find(image, len, device_key, &offset, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "the verification key is not in the image");
    assert_int_equal(offset, SS_VK_NONE);

    memcpy(image + VK_OFFSET + 64, template_key, SS_VK_SIZE);
    sample_refresh(image, len);
    assert_int_equal(ss_vk_find(image, len, template_key, &offset, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "the verification key is in the image 2 times, should be once");

    uint8_t across[SS_VK_SIZE];
    memcpy(across, image + 0x200, SS_VK_SIZE);
    assert_int_equal(ss_vk_find(image, len, across, &offset, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "the verification key at 0x200 is not within one segment's data");

    assert_int_equal(ss_vk_find(image, len - 1, template_key, &offset, &err), SS_ERROR_DATA_INVALID);
}

static void overlapping_keys_count(void **state)
{
    (void)state;
    uint32_t offset;
    struct ss_error err = {0};
    uint8_t same[SS_VK_SIZE];
    memset(same, 0x77, sizeof same);
    memset(image + VK_OFFSET, 0x77, SS_VK_SIZE + 1);
    sample_refresh(image, len);
    assert_int_equal(ss_vk_find(image, len, same, &offset, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "the verification key is in the image 2 times, should be once");
}

static void key_is_replaced(void **state)
{
    (void)state;
    uint8_t expected[SAMPLE_APP_LEN];
    size_t out_len;
    uint32_t offset;
    bool dropped;
    struct ss_error err = {0};
    memcpy(expected, image, len);
    memcpy(expected + VK_OFFSET, device_key, SS_VK_SIZE);
    sample_refresh(expected, len);
    size_t is_signed = sample_sign_v1(image, len, SIZE);
    // In place, and the signature goes.
    assert_ok(ss_vk_replace(image, is_signed, template_key, device_key, image, SIZE, &out_len, &offset, &dropped, &err),
              err);
    assert_true(dropped);
    assert_int_equal(out_len, len);
    assert_memory_equal(image, expected, len);
    // And back, without a word about the signature.
    assert_ok(ss_vk_replace(image, len, device_key, template_key, image, len, &out_len, &offset, NULL, &err), err);
    assert_memory_equal(image + VK_OFFSET, template_key, SS_VK_SIZE);
}

static void key_is_replaced_without_hash(void **state)
{
    (void)state;
    size_t out_len;
    uint32_t offset;
    struct ss_image parsed;
    struct ss_error err = {0};
    image[23] = 0;
    assert_ok(ss_vk_replace(image, len - 32, template_key, device_key, image, SIZE, &out_len, &offset, NULL, &err),
              err);
    assert_int_equal(out_len, len - 32);
    assert_ok(ss_image_parse(image, out_len, NULL, &parsed, &err), err);
}

static void replacing_is_refused(void **state)
{
    (void)state;
    uint8_t out[SIZE];
    size_t out_len;
    uint32_t offset;
    struct ss_error err = {0};
    memset(out, 0xA5, sizeof out);
    assert_int_equal(ss_vk_replace(image, len, template_key, template_key, out, SIZE, &out_len, &offset, NULL, &err),
                     SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "old and new verification key are the same");
    assert_int_equal(ss_vk_replace(image, len, device_key, template_key, out, SIZE, &out_len, &offset, NULL, &err),
                     SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(out_len, 0);
    assert_int_equal(ss_vk_replace(image, len, template_key, device_key, out, len - 1, &out_len, &offset, NULL, &err),
                     SS_ERROR_BUFFER_TOO_SMALL);
    assert_string_equal(err.message, "buffer is 735 bytes, image is 736");
    assert_int_equal(out_len, len);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0xA5);
}

static enum ss_vk_state compare(const uint8_t *signer, const uint8_t *template, uint32_t offset)
{
    enum ss_vk_state result;
    struct ss_error err = {0};
    assert_ok(ss_vk_compare(image, len, signer, template, offset, &result, &err), err);
    return result;
}

static void keys_are_compared(void **state)
{
    (void)state;
    assert_int_equal(compare(template_key, NULL, SS_VK_NONE), SS_VK_SAME);
    assert_int_equal(compare(template_key, NULL, VK_OFFSET), SS_VK_SAME);
    assert_int_equal(compare(device_key, NULL, SS_VK_NONE), SS_VK_MISSING);
    assert_int_equal(compare(device_key, template_key, SS_VK_NONE), SS_VK_DIFFERENT);
    assert_int_equal(compare(device_key, NULL, VK_OFFSET), SS_VK_DIFFERENT);
    memcpy(image + VK_OFFSET + 64, template_key, SS_VK_SIZE);
    sample_refresh(image, len);
    assert_int_equal(compare(template_key, NULL, SS_VK_NONE), SS_VK_AMBIGUOUS);
    assert_int_equal(compare(template_key, NULL, VK_OFFSET), SS_VK_SAME);

    enum ss_vk_state result = SS_VK_SAME;
    struct ss_error err = {0};
    assert_int_equal(ss_vk_compare(image, len, device_key, NULL, 0x200, &result, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(result, SS_VK_MISSING);
    assert_string_equal(ss_vk_state_name(SS_VK_SAME), "same");
    assert_string_equal(ss_vk_state_name(SS_VK_DIFFERENT), "different");
    assert_string_equal(ss_vk_state_name(SS_VK_AMBIGUOUS), "ambiguous");
    assert_string_equal(ss_vk_state_name(SS_VK_MISSING), "missing");
}

static ss_status_t digest_and_replace(void *context)
{
    (void)context;
    uint8_t digest[32], out[SIZE];
    size_t out_len;
    uint32_t offset;
    ss_status_t status = ss_canonical_digest(image, len, VK_OFFSET, digest, NULL);
    return status == SS_OK
               ? ss_vk_replace(image, len, template_key, device_key, out, SIZE, &out_len, &offset, NULL, NULL)
               : status;
}

static void allocation_failures(void **state)
{
    (void)state;
    assert_true(alloc_fault_each(digest_and_replace, NULL) > 0);
}

static void real_images(void **state)
{
    (void)state;
    static const char *const files[] = {"firmware/app-hello-world-v3.3-signed.bin", "firmware/bootloader-idf-v3.2.bin"};
    for (unsigned i = 0; i < 2; i++) {
        size_t file_len;
        struct ss_error err = {0};
        struct ss_image parsed;
        uint8_t digest[32], expected[32], key[SS_VK_SIZE];
        uint8_t *file = material_read(files[i], &file_len);
        if (!file)
            skip();
        assert_ok(ss_image_parse(file, file_len, NULL, &parsed, &err), err);
        sha256(file, parsed.image_len, expected);
        assert_ok(ss_canonical_digest(file, file_len, SS_VK_NONE, digest, &err), err);
        assert_memory_equal(digest, expected, 32);

        // Some 64 bytes of code stand for the key.
        uint32_t at = parsed.segments[parsed.segment_count - 2].offset + 0x400, offset;
        size_t out_len;
        memcpy(key, file + at, sizeof key);
        assert_ok(ss_vk_replace(file, file_len, key, device_key, file, file_len, &out_len, &offset, NULL, &err), err);
        assert_int_equal(offset, at);
        assert_ok(ss_image_parse(file, out_len, NULL, &parsed, &err), err);
        free(file);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_key_it_is_the_file_hash, setup),
        cmocka_unit_test_setup(with_key_it_is_that_of_the_zeroed_image, setup),
        cmocka_unit_test_setup(without_appended_hash, setup),
        cmocka_unit_test_setup(every_device_has_the_same, setup),
        cmocka_unit_test_setup(pieces_of_any_size, setup),
        cmocka_unit_test_setup(init_checks_its_arguments, setup),
        cmocka_unit_test_setup(states, setup),
        cmocka_unit_test_setup(digest_needs_a_good_image, setup),
        cmocka_unit_test_setup(key_is_found_once, setup),
        cmocka_unit_test_setup(overlapping_keys_count, setup),
        cmocka_unit_test_setup(key_is_replaced, setup),
        cmocka_unit_test_setup(key_is_replaced_without_hash, setup),
        cmocka_unit_test_setup(replacing_is_refused, setup),
        cmocka_unit_test_setup(keys_are_compared, setup),
        cmocka_unit_test_setup(allocation_failures, setup),
        cmocka_unit_test_setup(real_images, setup),
    };
    return ss_test_main(argc, argv, tests);
}
