// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/kernels/flash_cipher_kernels.h"
#include "slotseal/flash_cipher.h"
#include "support/vectors.h"

#define WHOLE 16384

static void known_answer(const struct vector *v)
{
    struct ss_error err = {0};
    struct ss_flash_cipher c;
    uint8_t key[32], plain[64], sealed[64], got[64];
    size_t key_len = vector_bytes(v, "key", key, sizeof key);
    size_t len = vector_bytes(v, "plain", plain, sizeof plain);
    assert_int_equal(vector_bytes(v, "sealed", sealed, sizeof sealed), len);
    uint32_t address = (uint32_t)vector_number(v, "address");
    assert_ok(ss_flash_cipher_init(&c, key, key_len, (unsigned)vector_number(v, "config"), &err), err);
    assert_ok(ss_flash_cipher_seal(&c, address, plain, got, len, &err), err);
    assert_memory_equal(got, sealed, len);
    assert_ok(ss_flash_cipher_unseal(&c, address, sealed, got, len, &err), err);
    assert_memory_equal(got, plain, len);

    for (unsigned i = 0; ss_flash_cipher_kernels[i]; i++) {
        const struct ss_flash_cipher_kernel *k = ss_flash_cipher_kernels[i];
        if (!k->supported())
            continue;
        print_message("kernel %s\n", k->name);
        ss_flash_cipher_run(k, true, &c, address, plain, got, len);
        assert_memory_equal(got, sealed, len);
        ss_flash_cipher_run(k, false, &c, address, sealed, got, len);
        assert_memory_equal(got, plain, len);
    }
}

static void known_answers(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("flash_cipher.data", known_answer), 24);
}

static void random_cipher(uint64_t *seed, struct ss_flash_cipher *c)
{
    struct ss_error err = {0};
    uint8_t key[32];
    test_random_bytes(seed, key, sizeof key);
    size_t key_len = test_random(seed) % 2 ? 32 : 24;
    assert_ok(ss_flash_cipher_init(c, key, key_len, test_random(seed) % 16, &err), err);
}

// An address with room for `len` bytes behind it; near the end of the flash now and then, where most bits change.
static uint32_t random_address(uint64_t *seed, size_t len)
{
    uint64_t last = (SS_FLASH_CIPHER_SIZE - len) / 16;
    uint64_t low = test_random(seed) % 4 ? 0 : last - test_random(seed) % 64 % (last + 1);
    return (uint32_t)(16 * (low ? low : test_random(seed) % (last + 1)));
}

static void unseal_undoes_seal(void **state)
{
    (void)state;
    uint64_t seed = 1;
    struct ss_error err = {0};
    struct ss_flash_cipher c;
    static uint8_t plain[WHOLE], sealed[WHOLE], back[WHOLE];
    for (unsigned i = 0; i < 200; i++) {
        random_cipher(&seed, &c);
        size_t len = 16 * (test_random(&seed) % (WHOLE / 16 + 1));
        uint32_t address = random_address(&seed, len);
        test_random_bytes(&seed, plain, len);
        assert_ok(ss_flash_cipher_seal(&c, address, plain, sealed, len, &err), err);
        assert_ok(ss_flash_cipher_unseal(&c, address, sealed, back, len, &err), err);
        assert_memory_equal(back, plain, len);
        if (len > 0)
            assert_memory_not_equal(sealed, plain, len);
    }
}

static void any_range_is_that_part_of_the_whole(void **state)
{
    (void)state;
    uint64_t seed = 2;
    struct ss_error err = {0};
    struct ss_flash_cipher c;
    static uint8_t plain[WHOLE], whole[WHOLE], part[WHOLE];
    for (unsigned i = 0; i < 20; i++) {
        random_cipher(&seed, &c);
        uint32_t address = random_address(&seed, WHOLE);
        test_random_bytes(&seed, plain, WHOLE);
        assert_ok(ss_flash_cipher_seal(&c, address, plain, whole, WHOLE, &err), err);
        for (unsigned j = 0; j < 20; j++) {
            size_t from = 16 * (test_random(&seed) % (WHOLE / 16));
            size_t len = 16 * (test_random(&seed) % ((WHOLE - from) / 16 + 1));
            assert_ok(ss_flash_cipher_seal(&c, address + (uint32_t)from, plain + from, part, len, &err), err);
            assert_memory_equal(part, whole + from, len);
            assert_ok(ss_flash_cipher_unseal(&c, address + (uint32_t)from, whole + from, part, len, &err), err);
            assert_memory_equal(part, plain + from, len);
        }
    }
}

// One byte past the range and buffers that start at odd addresses show writes outside and alignment assumptions.
static void compare_with_portable(const struct ss_flash_cipher_kernel *k, bool seal, uint64_t *seed)
{
    struct ss_flash_cipher c;
    static uint8_t in[WHOLE + 64], want[WHOLE], got[WHOLE + 64];
    random_cipher(seed, &c);
    size_t len = 16 * (test_random(seed) % (test_random(seed) % 2 ? 80 : WHOLE / 16 + 1));
    size_t skew_in = test_random(seed) % 64, skew_out = 1 + test_random(seed) % 63;
    uint32_t address = random_address(seed, len);
    test_random_bytes(seed, in + skew_in, len);
    memset(got, 0xEE, sizeof got);
    ss_flash_cipher_run(&ss_flash_cipher_portable, seal, &c, address, in + skew_in, want, len);
    ss_flash_cipher_run(k, seal, &c, address, in + skew_in, got + skew_out, len);
    assert_memory_equal(got + skew_out, want, len);
    assert_true(ss_all_bytes(got, skew_out, 0xEE));
    assert_true(ss_all_bytes(got + skew_out + len, sizeof got - skew_out - len, 0xEE));
    ss_flash_cipher_run(k, seal, &c, address, in + skew_in, in + skew_in, len);
    assert_memory_equal(in + skew_in, want, len);
}

static void every_kernel_equals_the_portable_one(void **state)
{
    (void)state;
    for (unsigned i = 0; ss_flash_cipher_kernels[i]; i++) {
        const struct ss_flash_cipher_kernel *k = ss_flash_cipher_kernels[i];
        if (!k->supported())
            continue;
        print_message("kernel %s\n", k->name);
        uint64_t seed = 3;
        for (unsigned j = 0; j < 300; j++)
            compare_with_portable(k, j % 2, &seed);
    }
}

static void every_kernel_passes_its_self_check(void **state)
{
    (void)state;
    bool chosen_is_first = false;
    for (unsigned i = 0; ss_flash_cipher_kernels[i]; i++) {
        const struct ss_flash_cipher_kernel *k = ss_flash_cipher_kernels[i];
        if (!k->supported())
            continue;
        assert_true(ss_flash_cipher_kernel_passes(k));
        if (!chosen_is_first)
            assert_string_equal(ss_flash_cipher_kernel(), k->name);
        chosen_is_first = true;
    }
    assert_true(chosen_is_first);
}

static void last_lane_wrong(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out,
                            size_t batches)
{
    ss_flash_cipher_portable.seal(c, address, in, out, batches);
    out[batches * ss_flash_cipher_portable.batch - 1] ^= 1;
}

static void unseal_wrong(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out,
                         size_t batches)
{
    ss_flash_cipher_portable.unseal(c, address, in, out, batches);
    out[0] ^= 0x80;
}

static void self_check_catches_one_wrong_bit(void **state)
{
    (void)state;
    struct ss_flash_cipher_kernel k = ss_flash_cipher_portable;
    k.seal = last_lane_wrong;
    assert_false(ss_flash_cipher_kernel_passes(&k));
    k = ss_flash_cipher_portable;
    k.unseal = unseal_wrong;
    assert_false(ss_flash_cipher_kernel_passes(&k));
}

static void wipe_leaves_nothing(void **state)
{
    (void)state;
    uint64_t seed = 4;
    struct ss_flash_cipher c;
    random_cipher(&seed, &c);
    ss_flash_cipher_wipe(&c);
    assert_true(ss_all_bytes((const uint8_t *)&c, sizeof c, 0));
}

static void expect_init(size_t key_len, unsigned config, const char *message)
{
    struct ss_error err = {0};
    struct ss_flash_cipher c;
    uint8_t key[64] = {1};
    memset(&c, 0xEE, sizeof c);
    assert_int_equal(ss_flash_cipher_init(&c, key, key_len, config, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(err.area, SS_AREA_FLASH_CIPHER);
    assert_string_equal(err.message, message);
    assert_true(ss_all_bytes((const uint8_t *)&c, sizeof c, 0));
    assert_int_equal(ss_flash_cipher_init(&c, key, key_len, config, NULL), SS_ERROR_INVALID_ARGUMENT);
}

static void init_refuses(void **state)
{
    (void)state;
    expect_init(0, 15, "flash key is 0 bytes, the ESP32 takes 32, or 24 with 3/4 coding");
    expect_init(16, 15, "flash key is 16 bytes, the ESP32 takes 32, or 24 with 3/4 coding");
    expect_init(64, 15, "flash key is 64 bytes, the ESP32 takes 32, or 24 with 3/4 coding");
    expect_init(32, 16, "FLASH_CRYPT_CONFIG is 16, the largest value is 15");
}

static void expect_refused(uint32_t address, size_t in_at, size_t out_at, size_t len, const char *message)
{
    uint64_t seed = 5;
    struct ss_flash_cipher c;
    struct ss_error err = {0};
    uint8_t buffer[256];
    random_cipher(&seed, &c);
    memset(buffer, 0xEE, sizeof buffer);
    for (int seal = 0; seal < 2; seal++) {
        ss_status_t (*f)(const struct ss_flash_cipher *, uint32_t, const uint8_t *, uint8_t *, size_t,
                         struct ss_error *) = seal ? ss_flash_cipher_seal : ss_flash_cipher_unseal;
        assert_int_equal(f(&c, address, buffer + in_at, buffer + out_at, len, &err), SS_ERROR_INVALID_ARGUMENT);
        assert_int_equal(err.area, SS_AREA_FLASH_CIPHER);
        assert_string_equal(err.message, message);
        assert_true(ss_all_bytes(buffer, sizeof buffer, 0xEE));
    }
}

static void ranges_are_checked(void **state)
{
    (void)state;
    expect_refused(0x10008, 0, 128, 32, "flash address 0x10008 is not a multiple of 16");
    expect_refused(0x10000, 0, 128, 40, "length 40 is not a multiple of 16");
    expect_refused(0xFFFFF0, 0, 128, 32, "32 bytes at 0xfffff0 pass the end of flash addresses, 0x1000000");
    expect_refused(0xFFFFFFF0, 0, 128, 16, "16 bytes at 0xfffffff0 pass the end of flash addresses, 0x1000000");
    expect_refused(0x10000, 0, 16, 32, "input and output overlap in part: use one buffer or two separate ones");
    expect_refused(0x10000, 31, 0, 32, "input and output overlap in part: use one buffer or two separate ones");
}

static void edges_are_accepted(void **state)
{
    (void)state;
    uint64_t seed = 6;
    struct ss_flash_cipher c;
    struct ss_error err = {0};
    uint8_t buffer[64] = {0};
    random_cipher(&seed, &c);
    assert_ok(ss_flash_cipher_seal(&c, 0xFFFFF0, buffer, buffer, 16, &err), err);
    assert_ok(ss_flash_cipher_seal(&c, 0x1000000, buffer, buffer, 0, &err), err);
    assert_ok(ss_flash_cipher_seal(&c, 0, buffer, buffer + 32, 32, &err), err);
    assert_ok(ss_flash_cipher_unseal(&c, 0, buffer + 32, buffer, 32, NULL), err);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(unseal_undoes_seal),
        cmocka_unit_test(any_range_is_that_part_of_the_whole),
        cmocka_unit_test(every_kernel_equals_the_portable_one),
        cmocka_unit_test(every_kernel_passes_its_self_check),
        cmocka_unit_test(self_check_catches_one_wrong_bit),
        cmocka_unit_test(wipe_leaves_nothing),
        cmocka_unit_test(init_refuses),
        cmocka_unit_test(ranges_are_checked),
        cmocka_unit_test(edges_are_accepted),
    };
    return ss_test_main(argc, argv, tests);
}
