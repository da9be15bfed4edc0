// SPDX-License-Identifier: Apache-2.0
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/kernels/sha256_kernels.h"
#include "slotseal/seal_many.h"
#include "support/vectors.h"

#define MAX_JOBS 40
#define MAX_LEN  30000u

static struct {
    struct ss_flash_cipher cipher;
    struct ss_flash_xts xts;
    uint8_t in[MAX_LEN], out[MAX_JOBS][MAX_LEN], plain[MAX_JOBS][32], sealed[MAX_JOBS][32];
    struct ss_seal_job jobs[MAX_JOBS];
} t;

static int set_up(void **state)
{
    (void)state;
    struct ss_error err = {0};
    uint64_t seed = 0x5EA1;
    uint8_t key[64];
    test_random_bytes(&seed, key, sizeof key);
    test_random_bytes(&seed, t.in, sizeof t.in);
    assert_ok(ss_flash_cipher_init(&t.cipher, key, 32, 0xF, &err), err);
    assert_ok(ss_flash_xts_init(&t.xts, key, 64, &err), err);
    memset(t.jobs, 0, sizeof t.jobs);
    return 0;
}

/// Each result must be what one cipher call and one hash call give.
static void check_job(const struct ss_seal_job *job, const uint8_t *plaintext)
{
    struct ss_error err = {0};
    static uint8_t expected[MAX_LEN];
    uint8_t digest[32];
    if (job->plain_digest) {
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, plaintext, job->len, digest), SS_OK);
        assert_memory_equal(job->plain_digest, digest, 32);
    }
    if (job->cipher)
        assert_ok(ss_flash_cipher_seal(job->cipher, job->address, plaintext, expected, job->len, &err), err);
    else if (job->xts)
        assert_ok(ss_flash_xts_seal(job->xts, job->address, plaintext, expected, job->len, &err), err);
    else
        return;
    assert_memory_equal(job->out, expected, job->len);
    if (job->sealed_digest) {
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, expected, job->len, digest), SS_OK);
        assert_memory_equal(job->sealed_digest, digest, 32);
    }
}

static struct ss_seal_job random_job(uint64_t *seed, unsigned i)
{
    unsigned scheme = (unsigned)(test_random(seed) % 3), digests = (unsigned)(test_random(seed) % 4);
    struct ss_seal_job job = {.address = (uint32_t)(test_random(seed) % 0x100000) * 16 % 0xFF0000,
                              .in = t.in,
                              .out = t.out[i],
                              .len = test_random(seed) % (test_random(seed) % 2 ? 200 : MAX_LEN),
                              .plain_digest = digests & 1 ? t.plain[i] : NULL};
    if (scheme == 2)
        return job;
    job.cipher = scheme == 0 ? &t.cipher : NULL;
    job.xts = scheme == 1 ? &t.xts : NULL;
    job.len -= job.len % 16;
    job.sealed_digest = digests & 2 ? t.sealed[i] : NULL;
    if (test_random(seed) % 2) { // in place
        memcpy(t.out[i], t.in, job.len);
        job.in = t.out[i];
    }
    return job;
}

static void random_jobs_equal_single_calls(void **state)
{
    (void)state;
    uint64_t seed = 0x10B5;
    struct ss_error err = {0};
    for (unsigned round = 0; round < 30; round++) {
        size_t count = test_random(&seed) % (MAX_JOBS + 1);
        for (unsigned i = 0; i < count; i++)
            t.jobs[i] = random_job(&seed, i);
        assert_ok(ss_seal_many(t.jobs, count, &err), err);
        for (unsigned i = 0; i < count; i++)
            check_job(&t.jobs[i], t.in);
    }
}

static void every_length_around_a_block(void **state)
{
    (void)state;
    struct ss_error err = {0};
    for (size_t len = 0; len <= 3 * SS_SHA256_BLOCK; len++) {
        struct ss_seal_job job = {.in = t.in, .len = len, .plain_digest = t.plain[0]};
        assert_ok(ss_seal_many(&job, 1, &err), err);
        check_job(&job, t.in);
    }
}

static void windows_equal_the_whole(void **state)
{
    (void)state;
    struct ss_error err = {0};
    const size_t len = 28672, window = 4096;
    static uint8_t whole[MAX_LEN];
    for (size_t at = 0; at < len; at += window)
        t.jobs[at / window] = (struct ss_seal_job){.cipher = &t.cipher,
                                                   .address = 0x10000 + (uint32_t)at,
                                                   .in = t.in + at,
                                                   .out = t.out[0] + at,
                                                   .len = window,
                                                   .sealed_digest = t.sealed[at / window]};
    assert_ok(ss_seal_many(t.jobs, len / window, &err), err);
    assert_ok(ss_flash_cipher_seal(&t.cipher, 0x10000, t.in, whole, len, &err), err);
    assert_memory_equal(t.out[0], whole, len);
}

static void assert_refused(struct ss_seal_job job, ss_status_t status, const char *message)
{
    struct ss_error err = {0};
    memset(t.out, 0, sizeof t.out);
    struct ss_seal_job jobs[2] = {{.cipher = &t.cipher, .in = t.in, .out = t.out[1], .len = 64}, job};
    assert_int_equal(ss_seal_many(jobs, 2, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(ss_seal_many(jobs, 2, NULL), status);
    assert_true(ss_all_bytes(t.out[0], sizeof t.out, 0));
}

static void bad_jobs_are_refused_before_any_output(void **state)
{
    (void)state;
    struct ss_seal_job job = {.cipher = &t.cipher, .in = t.in, .out = t.out[0], .len = 64};
    struct ss_seal_job bad = job;
    bad.xts = &t.xts;
    assert_refused(bad, SS_ERROR_INVALID_ARGUMENT, "job 1: two ciphers given, at most one can be used");
    bad = (struct ss_seal_job){.in = t.in, .len = 64, .sealed_digest = t.sealed[0]};
    assert_refused(bad, SS_ERROR_INVALID_ARGUMENT, "job 1: a digest of the ciphertext needs a cipher");
    bad = job, bad.len = 65;
    assert_refused(bad, SS_ERROR_INVALID_ARGUMENT, "job 1: length 65 is not a multiple of 16");
    bad = job, bad.address = 0xFFFFE0;
    assert_refused(bad, SS_ERROR_INVALID_ARGUMENT,
                   "job 1: 64 bytes at 0xffffe0 pass the end of flash addresses, 0x1000000");
    bad = job, bad.cipher = NULL, bad.xts = &t.xts, bad.address = 0xFFFFFFE0;
    assert_refused(bad, SS_ERROR_INVALID_ARGUMENT,
                   "job 1: 64 bytes at 0xffffffe0 pass the end of flash addresses, 0x100000000");
    bad = job, bad.in = t.out[0] + 16;
    assert_refused(bad, SS_ERROR_INVALID_ARGUMENT,
                   "job 1: input and output overlap in part: use one buffer or two separate ones");
    bad = job, bad.cipher = NULL, bad.xts = &t.xts, bad.address = 8;
    assert_refused(bad, SS_ERROR_INVALID_ARGUMENT, "job 1: flash address 0x8 is not a multiple of 16");
    const struct ss_flash_xts no_key = {0};
    bad = job, bad.cipher = NULL, bad.xts = &no_key;
    assert_refused(bad, SS_ERROR_BAD_STATE, "job 1: AES-XTS flash key is not set");
}

static void kernels_pass_their_self_check(void **state)
{
    (void)state;
    for (unsigned i = 0; ss_sha256_kernels[i]; i++) {
        assert_true(ss_sha256_kernels[i]->lanes <= SS_SHA256_MAX_LANES);
        if (ss_sha256_kernels[i]->supported())
            assert_true(ss_sha256_kernel_passes(ss_sha256_kernels[i]));
    }
}

static void one_lane_is_wrong(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks)
{
    ss_sha256_portable.compress(states, in, blocks);
    ss_sha256_portable.compress(states + 1, in + 1, blocks);
    (*states[1])[3] ^= 1;
}

static void self_check_tells_a_broken_kernel(void **state)
{
    (void)state;
    const struct ss_sha256_kernel bad = {"bad", 2, 2, ss_sha256_portable.supported, one_lane_is_wrong};
    assert_false(ss_sha256_kernel_passes(&bad));
}

/// FIPS 180-4 examples through every kernel, every lane.
static void known_answers(void **state)
{
    (void)state;
    static const uint32_t abc[8] = {0xBA7816BF, 0x8F01CFEA, 0x414140DE, 0x5DAE2223,
                                    0xB00361A3, 0x96177A9C, 0xB410FF61, 0xF20015AD};
    uint8_t block[SS_SHA256_BLOCK] = "abc\x80";
    block[63] = 24;
    for (unsigned i = 0; ss_sha256_kernels[i]; i++) {
        uint32_t states[SS_SHA256_MAX_LANES][8];
        uint32_t(*lanes[SS_SHA256_MAX_LANES])[8];
        const uint8_t *in[SS_SHA256_MAX_LANES];
        if (!ss_sha256_kernels[i]->supported())
            continue;
        for (unsigned l = 0; l < SS_SHA256_MAX_LANES; l++) {
            memcpy(states[l], ss_sha256_initial, sizeof states[l]);
            lanes[l] = &states[l];
            in[l] = block;
        }
        ss_sha256_kernels[i]->compress(lanes, in, 1);
        for (unsigned l = 0; l < ss_sha256_kernels[i]->lanes; l++)
            assert_memory_equal(states[l], abc, sizeof abc);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_jobs_equal_single_calls, set_up),
        cmocka_unit_test_setup(every_length_around_a_block, set_up),
        cmocka_unit_test_setup(windows_equal_the_whole, set_up),
        cmocka_unit_test_setup(bad_jobs_are_refused_before_any_output, set_up),
        cmocka_unit_test(kernels_pass_their_self_check),
        cmocka_unit_test(self_check_tells_a_broken_kernel),
        cmocka_unit_test(known_answers),
    };
    return ss_test_main(argc, argv, tests);
}
