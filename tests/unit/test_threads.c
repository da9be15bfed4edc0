// SPDX-License-Identifier: Apache-2.0
// Threads that seal, hash and verify at once, from the first call on: kernels and algorithms are chosen by whoever comes
// first. What there is to see is for the thread sanitizer (preset tsan).
#include "support/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/crypto.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/flash_xts.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/signing_key.h"
#include "support/vectors.h"

enum { THREADS = 8, ROUNDS = 20, LEN = 8192 };

struct result {
    uint8_t sealed[LEN], xts[LEN], digest[64];
    ss_status_t status;
    bool verified;
};

static struct result results[THREADS];
static atomic_uint waiting;
static uint8_t plain[LEN], public_key[SS_RAW_PUBLIC_KEY_SIZE], block[SS_SBV1_BLOCK_SIZE];

static ss_status_t work_once(struct result *r)
{
    static const uint8_t key[32] = {7, 1, 9};
    struct ss_flash_cipher cipher;
    struct ss_flash_xts xts;
    ss_status_t status = ss_flash_cipher_init(&cipher, key, sizeof key, 0xF, NULL);
    if (status == SS_OK)
        status = ss_flash_cipher_seal(&cipher, 0x10000, plain, r->sealed, LEN, NULL);
    if (status == SS_OK)
        status = ss_flash_xts_init(&xts, key, sizeof key, NULL);
    if (status == SS_OK)
        status = ss_flash_xts_seal(&xts, 0x10000, plain, r->xts, LEN, NULL);
    if (status == SS_OK)
        status = ss_hash_once(SS_HASH_SHA512, plain, LEN, r->digest);
    ss_flash_cipher_wipe(&cipher);
    ss_flash_xts_wipe(&xts);
    return status;
}

static void *work(void *context)
{
    struct result *r = context;
    // All at once: the first calls are what is of interest.
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < THREADS)
        ;
    for (unsigned i = 0; i < ROUNDS && r->status == SS_OK; i++)
        r->status = work_once(r);
    r->verified = ss_secure_boot_v1_verify(public_key, plain, LEN, block, NULL) == SS_OK;
    return NULL;
}

static void threads_agree(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct ss_error err = {0};
    uint64_t seed = 3;
    test_random_bytes(&seed, plain, sizeof plain);
    ss_signing_key_t *key;
    assert_ok(ss_signing_key_generate(SS_KEY_P256, &key, &err), err);
    assert_ok(ss_signing_key_raw_public(key, public_key, &err), err);
    assert_ok(ss_secure_boot_v1_sign(key, plain, LEN, block, &err), err);
    ss_signing_key_free(key);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &results[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(results[i].status, SS_OK);
        assert_true(results[i].verified);
        assert_memory_equal(results[i].sealed, results[0].sealed, LEN);
        assert_memory_equal(results[i].xts, results[0].xts, LEN);
        assert_memory_equal(results[i].digest, results[0].digest, sizeof results[0].digest);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_agree),
    };
    return ss_test_main(argc, argv, tests);
}
