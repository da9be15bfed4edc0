// SPDX-License-Identifier: Apache-2.0
// What ss_flash_xts_init() does when the crypto provider runs out of memory.
#include "support/unit.h"

#include "core/bytes.h"
#include "slotseal/flash_xts.h"
#include "support/alloc_fault.h"

static const uint8_t key[16] = {0x51, 0x07, 0x5E, 0xA1, 0xB0, 0x0C, 0xC1, 0xF0, 1, 2, 3, 4, 5, 6, 7, 8};

static ss_status_t init(void *unused)
{
    (void)unused;
    struct ss_error err = {0};
    struct ss_flash_xts c;
    ss_status_t status = ss_flash_xts_init(&c, key, sizeof key, &err);
    if (status != SS_OK) {
        assert_int_equal(err.status, status);
        assert_int_equal(err.area, SS_AREA_CRYPTO);
        assert_string_equal(err.message, "cannot extend the 16-byte flash key by SHA-256");
        assert_true(ss_all_bytes((const uint8_t *)&c, sizeof c, 0));
    }
    ss_flash_xts_wipe(&c);
    return status;
}

static void short_key_without_memory(void **state)
{
    (void)state;
    assert_true(alloc_fault_each(init, NULL) > 0);
}

static void short_key_is_not_left_in_freed_memory(void **state)
{
    (void)state;
    alloc_watch_secret(key, sizeof key);
    assert_int_equal(init(NULL), SS_OK);
    alloc_watch_secret(NULL, 0);
    assert_int_equal(alloc_secrets_freed(), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_key_without_memory),
        cmocka_unit_test(short_key_is_not_left_in_freed_memory),
    };
    return ss_test_main(argc, argv, tests);
}
