// SPDX-License-Identifier: Apache-2.0
// What every provider of the crypto port has to do, the devices' included: SHA-256, P-256 verification, random bytes,
// wiping. One set of cases, linked with one provider at a time.
#ifndef SS_TESTS_CRYPTO_CASES_H
#define SS_TESTS_CRYPTO_CASES_H

#include "slotseal/status.h"

/// Digests of tests/vectors/hash.data that are SHA-256, at once and byte by byte, and the HMACs made of them.
void sha256_vectors(void **state);
void sha256_of_every_length(void **state);
void two_hashes_run_at_once(void **state);
void a_running_hash_may_move(void **state);
void hash_only_works_while_it_runs(void **state);
void p256_accepts_the_signature_of_rfc_6979(void **state);
void p256_refuses_every_changed_bit(void **state);
void p256_refuses_numbers_out_of_range(void **state);
void p256_refuses_a_point_off_the_curve(void **state);
void random_differs(void **state);
void wipe_overwrites(void **state);

#define CRYPTO_CASES                                                                                                   \
    cmocka_unit_test(sha256_vectors), cmocka_unit_test(sha256_of_every_length),                                        \
        cmocka_unit_test(two_hashes_run_at_once), cmocka_unit_test(a_running_hash_may_move),                           \
        cmocka_unit_test(hash_only_works_while_it_runs), cmocka_unit_test(p256_accepts_the_signature_of_rfc_6979),     \
        cmocka_unit_test(p256_refuses_every_changed_bit), cmocka_unit_test(p256_refuses_numbers_out_of_range),         \
        cmocka_unit_test(p256_refuses_a_point_off_the_curve), cmocka_unit_test(random_differs),                        \
        cmocka_unit_test(wipe_overwrites)

/// For alloc_fault_each(): the hash of a few bytes in two ways, and the signature of RFC 6979 verified.
ss_status_t hash_twice(void *context);
ss_status_t verify_sample(void *context);
/// For the same: 32 random bytes.
ss_status_t draw_random(void *context);

#endif
