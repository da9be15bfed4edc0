// SPDX-License-Identifier: Apache-2.0
// One provider of the crypto port for devices, linked beside the cases that all providers run.
#include "support/alloc_fault.h"
#include "support/crypto_cases.h"
#include "support/unit.h"

#include "core/crypto.h"

static void has_no_other_hash(void **state)
{
    (void)state;
    const enum ss_hash_alg others[] = {SS_HASH_MD5, SS_HASH_SHA384, SS_HASH_SHA512};
    uint8_t out[SS_HASH_MAX_SIZE];
    struct ss_hash h;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ss_hash_init(&h, others[i]), SS_ERROR_NOT_SUPPORTED);
        assert_int_equal(ss_hash_update(&h, "a", 1), SS_ERROR_BAD_STATE);
        assert_int_equal(ss_hash_once(others[i], "a", 1, out), SS_ERROR_NOT_SUPPORTED);
    }
}

// No verdict comes of memory that is missing. How much is taken is the library's business: the PSA of mbedTLS 4 copies
// what it hashes.
static void every_allocation_may_fail(void **state)
{
    (void)state;
    uint8_t out[16];
    assert_int_equal(ss_random(out, sizeof out), SS_OK); // what a library prepares once is ready from now on
    alloc_fault_each(hash_twice, NULL);
    assert_true(alloc_fault_some(verify_sample, NULL) > 20);
    alloc_fault_each(draw_random, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CRYPTO_CASES,
        cmocka_unit_test(has_no_other_hash),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return ss_test_main(argc, argv, tests);
}
