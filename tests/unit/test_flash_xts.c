// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/kernels/flash_xts_kernels.h"
#include "slotseal/flash_xts.h"
#include "support/vectors.h"

#define MAX_LEN 4096

/// Runs @p check for each kernel that this CPU can run.
static void for_each_kernel(const struct ss_flash_xts *c,
                            void (*check)(const struct ss_flash_xts_kernel *k, const struct ss_flash_xts *c, void *arg),
                            void *arg)
{
    for (const struct ss_flash_xts_kernel *const *kernel = ss_flash_xts_kernels; *kernel; kernel++) {
        if (!(*kernel)->supported())
            continue;
        printf("kernel: %s\n", (*kernel)->name);
        check(*kernel, c, arg);
    }
}

struct known {
    uint32_t address;
    size_t len;
    uint8_t plaintext[MAX_LEN];
    uint8_t ciphertext[MAX_LEN];
};

static void check_known(const struct ss_flash_xts_kernel *k, const struct ss_flash_xts *c, void *arg)
{
    const struct known *known = arg;
    uint8_t out[MAX_LEN] = {0};
    ss_flash_xts_run(k, true, c, known->address, known->plaintext, out, known->len);
    assert_memory_equal(out, known->ciphertext, known->len);
    ss_flash_xts_run(k, false, c, known->address, known->ciphertext, out, known->len);
    assert_memory_equal(out, known->plaintext, known->len);
}

static void check_api(const struct vector *v, const struct ss_flash_xts *c, const struct known *known)
{
    struct ss_error err = {0};
    uint8_t out[MAX_LEN] = {0};
    if (vector_has(v, "expect")) {
        assert_int_equal(ss_flash_xts_seal(c, known->address, known->plaintext, out, known->len, &err),
                         SS_ERROR_INVALID_ARGUMENT);
        assert_string_equal(err.message, vector_text(v, "expect"));
        assert_true(ss_all_bytes(out, sizeof out, 0));
    } else {
        assert_ok(ss_flash_xts_seal(c, known->address, known->plaintext, out, known->len, &err), err);
        assert_memory_equal(out, known->ciphertext, known->len);
    }
    assert_ok(ss_flash_xts_unseal(c, known->address, known->ciphertext, out, known->len, &err), err);
    assert_memory_equal(out, known->plaintext, known->len);
}

static void run_known(const struct vector *v)
{
    static struct known k;
    struct ss_error err = {0};
    struct ss_flash_xts c;
    uint8_t key[64];
    assert_ok(ss_flash_xts_init(&c, key, vector_bytes(v, "key", key, sizeof key), &err), err);
    k.address = (uint32_t)vector_number(v, "address");
    k.len = vector_bytes(v, "plaintext", k.plaintext, sizeof k.plaintext);
    assert_int_equal(vector_bytes(v, "ciphertext", k.ciphertext, sizeof k.ciphertext), k.len);
    check_api(v, &c, &k);
    for_each_kernel(&c, check_known, &k);
    ss_flash_xts_wipe(&c);
}

static void known_answers_of_espsecure(void **state)
{
    (void)state;
    assert_true(vectors_run("flash_xts.data", run_known) > 30);
}

/// Any range equals the slice of the whole, in place too; the whole is the portable kernel's.
static void check_slices(const struct ss_flash_xts_kernel *k, const struct ss_flash_xts *c, void *arg)
{
    uint64_t *seed = arg;
    uint8_t plain[MAX_LEN], whole[MAX_LEN], out[MAX_LEN];
    test_random_bytes(seed, plain, sizeof plain);
    uint32_t base = (uint32_t)test_random(seed) & 0xFFFF0000;
    ss_flash_xts_run(&ss_flash_xts_portable, true, c, base, plain, whole, sizeof plain);
    for (int i = 0; i < 200; i++) {
        size_t start = test_random(seed) % (MAX_LEN / 16) * 16;
        size_t len = test_random(seed) % (i % 2 ? 20 : MAX_LEN / 16) * 16;
        if (len > MAX_LEN - start)
            len = MAX_LEN - start;
        memcpy(out, plain, sizeof out);
        ss_flash_xts_run(k, true, c, base + (uint32_t)start, out + start, out + start, len);
        assert_memory_equal(out, plain, start);
        assert_memory_equal(out + start, whole + start, len);
        assert_memory_equal(out + start + len, plain + start + len, MAX_LEN - start - len);
        ss_flash_xts_run(k, false, c, base + (uint32_t)start, whole + start, out + start, len);
        assert_memory_equal(out, plain, sizeof out);
    }
}

static void any_range_is_the_slice_of_the_whole(void **state)
{
    (void)state;
    uint64_t seed = 0x5107;
    const size_t key_lens[] = {16, 32, 64};
    for (int i = 0; i < 12; i++) {
        uint8_t key[64];
        struct ss_error err = {0};
        struct ss_flash_xts c;
        test_random_bytes(&seed, key, sizeof key);
        assert_ok(ss_flash_xts_init(&c, key, key_lens[i % 3], &err), err);
        for_each_kernel(&c, check_slices, &seed);
        ss_flash_xts_wipe(&c);
    }
}

static void key_lengths(void **state)
{
    (void)state;
    const uint8_t key[65] = {1};
    for (size_t len = 0; len <= sizeof key; len++) {
        struct ss_error err = {0};
        struct ss_flash_xts c;
        ss_status_t status = ss_flash_xts_init(&c, key, len, &err);
        if (len == 16 || len == 32 || len == 64) {
            assert_int_equal(status, SS_OK);
            assert_int_equal(c.rounds, len == 64 ? 14 : 10);
        } else {
            char expected[SS_ERROR_MESSAGE_SIZE];
            snprintf(expected, sizeof expected, "AES-XTS flash key is %zu bytes, must be 16, 32 or 64", len);
            assert_int_equal(status, SS_ERROR_INVALID_ARGUMENT);
            assert_string_equal(err.message, expected);
            assert_int_equal(err.area, SS_AREA_FLASH_CIPHER);
        }
        ss_flash_xts_wipe(&c);
    }
}

static void assert_refused(const struct ss_flash_xts *c, uint32_t address, size_t len, ss_status_t status,
                           const char *message)
{
    struct ss_error err = {0};
    uint8_t in[64] = {0}, out[64] = {0};
    assert_int_equal(ss_flash_xts_seal(c, address, in, out, len, &err), status);
    assert_string_equal(err.message, message);
    err = (struct ss_error){0};
    assert_int_equal(ss_flash_xts_unseal(c, address, in, out, len, &err), status);
    assert_string_equal(err.message, message);
    assert_memory_equal(out, in, sizeof out);
    assert_int_equal(ss_flash_xts_seal(c, address, in, out, len, NULL), status);
}

static void bad_ranges_are_refused(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_flash_xts c;
    const uint8_t key[32] = {1};
    uint8_t block[32] = {0};
    assert_ok(ss_flash_xts_init(&c, key, sizeof key, &err), err);
    assert_refused(&c, 0x1008, 16, SS_ERROR_INVALID_ARGUMENT, "flash address 0x1008 is not a multiple of 16");
    assert_refused(&c, 0x1000, 17, SS_ERROR_INVALID_ARGUMENT, "length 17 is not a multiple of 16");
    assert_refused(&c, 0xFFFFFFF0, 32, SS_ERROR_INVALID_ARGUMENT,
                   "32 bytes at 0xfffffff0 pass the end of flash addresses, 0x100000000");
    assert_ok(ss_flash_xts_seal(&c, 0xFFFFFFF0, block, block, 16, &err), err);
    assert_ok(ss_flash_xts_seal(&c, 0x1010, block, block, 0, &err), err);
    ss_flash_xts_wipe(&c);
    assert_refused(&c, 0x1000, 16, SS_ERROR_BAD_STATE, "AES-XTS flash key is not set");
}

static void buffers_may_not_overlap_in_part(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_flash_xts c;
    const uint8_t key[32] = {1};
    uint8_t buffer[64] = {0};
    assert_ok(ss_flash_xts_init(&c, key, sizeof key, &err), err);
    const char *message = "input and output overlap in part: use one buffer or two separate ones";
    assert_int_equal(ss_flash_xts_seal(&c, 0, buffer, buffer + 16, 32, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, message);
    assert_int_equal(ss_flash_xts_unseal(&c, 0, buffer + 31, buffer, 32, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_true(ss_all_bytes(buffer, sizeof buffer, 0));
    assert_ok(ss_flash_xts_seal(&c, 0, buffer, buffer + 32, 32, &err), err);
    ss_flash_xts_wipe(&c);
}

static bool broken_supported(void)
{
    return true;
}

static void broken_seal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    ss_flash_xts_portable.seal(c, address, in, out, units);
    out[7] ^= 1;
}

static void self_check_tells_a_broken_kernel(void **state)
{
    (void)state;
    const struct ss_flash_xts_kernel good = ss_flash_xts_portable;
    const struct ss_flash_xts_kernel bad_seal = {"bad", broken_supported, broken_seal, good.unseal};
    const struct ss_flash_xts_kernel bad_unseal = {"bad", broken_supported, good.seal, broken_seal};
    assert_true(ss_flash_xts_kernel_passes(&good));
    assert_false(ss_flash_xts_kernel_passes(&bad_seal));
    assert_false(ss_flash_xts_kernel_passes(&bad_unseal));
    assert_string_not_equal(ss_flash_xts_kernel(), "none");
}

static void wipe_leaves_nothing(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_flash_xts c, zero;
    const uint8_t key[32] = {1};
    memset(&zero, 0, sizeof zero);
    assert_ok(ss_flash_xts_init(&c, key, sizeof key, &err), err);
    ss_flash_xts_wipe(&c);
    assert_memory_equal(&c, &zero, sizeof c);
    ss_flash_xts_wipe(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_of_espsecure),
        cmocka_unit_test(any_range_is_the_slice_of_the_whole),
        cmocka_unit_test(key_lengths),
        cmocka_unit_test(bad_ranges_are_refused),
        cmocka_unit_test(buffers_may_not_overlap_in_part),
        cmocka_unit_test(self_check_tells_a_broken_kernel),
        cmocka_unit_test(wipe_leaves_nothing),
    };
    return ss_test_main(argc, argv, tests);
}
