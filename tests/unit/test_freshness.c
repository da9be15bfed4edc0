// SPDX-License-Identifier: Apache-2.0
// Freshness records and rollout authorisations, and the tree below the records.
#include "support/statement_sample.h"
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "slotseal/freshness.h"

#define DIGEST SS_STATEMENT_DIGEST_SIZE

static struct ss_refusal why;

// The definition of RFC 9162 §2.1.1, by recursion: MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])), with k the
// largest power of two below n.
static void tree_hash(const uint8_t (*leaves)[DIGEST], uint32_t n, uint8_t out[DIGEST])
{
    uint8_t in[1 + 2 * DIGEST] = {1};
    uint32_t k = 1;
    if (n == 1) {
        memcpy(out, leaves[0], DIGEST);
        return;
    }
    while (2 * k < n)
        k *= 2;
    tree_hash(leaves, k, in + 1);
    tree_hash(leaves + k, n - k, in + 1 + DIGEST);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, in, sizeof in, out), SS_OK);
}

static void trees_are_those_of_rfc_9162(void **state)
{
    (void)state;
    enum { MOST = 70 };
    static uint8_t nodes[3 * MOST][DIGEST], leaves[MOST][DIGEST];
    for (uint32_t n = 1; n <= MOST; n++) {
        uint8_t root[DIGEST], path[SS_MERKLE_PATH_MAX][DIGEST], climbed[DIGEST];
        for (uint32_t i = 0; i < n; i++) {
            uint8_t leaf[2] = {(uint8_t)i, 7};
            assert_int_equal(ss_merkle_leaf(leaf, sizeof leaf, leaves[i]), SS_OK);
            memcpy(nodes[i], leaves[i], DIGEST);
        }
        tree_hash((const uint8_t(*)[DIGEST])leaves, n, root);
        assert_true(ss_merkle_nodes(n) <= sizeof nodes / DIGEST);
        assert_int_equal(ss_merkle_build(nodes, n), SS_OK);
        assert_memory_equal(nodes[ss_merkle_nodes(n) - 1], root, DIGEST);
        for (uint32_t i = 0; i < n; i++) {
            unsigned len = ss_merkle_path((const uint8_t(*)[DIGEST])nodes, n, i, path);
            assert_int_equal(len, ss_merkle_path_len(i, n));
            memcpy(climbed, leaves[i], DIGEST);
            assert_int_equal(ss_merkle_climb(climbed, i, n, path[0]), SS_OK);
            assert_memory_equal(climbed, root, DIGEST);
        }
    }
    assert_int_equal(ss_merkle_path_len(0, SS_MERKLE_LEAVES_MAX), SS_MERKLE_PATH_MAX);
    assert_int_equal(ss_merkle_path_len(SS_MERKLE_LEAVES_MAX - 1, SS_MERKLE_LEAVES_MAX), SS_MERKLE_PATH_MAX);
}

static void a_leaf_hash(void **state)
{
    (void)state;
    // RFC 9162 §2.1.1: SHA-256 of 0x00 and the leaf. printf '\0abc' | sha256sum
    static const uint8_t expected[] = {0x60, 0x9F, 0x6E, 0x36, 0xD2, 0x40, 0x55, 0x85};
    uint8_t hash[DIGEST];
    assert_int_equal(ss_merkle_leaf((const uint8_t *)"abc", 3, hash), SS_OK);
    assert_memory_equal(hash, expected, sizeof expected);
}

static struct sample_statement bytes;
static struct ss_statement statement;

static struct ss_freshness record_of(unsigned index, unsigned leaves)
{
    struct ss_freshness record;
    sample_sign_freshness(index, leaves, 5, &bytes);
    assert_int_equal(ss_statement_parse(bytes.bytes, bytes.len, &statement, &why), SS_OK);
    assert_int_equal(ss_freshness_parse(&statement, &record, &why), SS_OK);
    return record;
}

static ss_status_t check(const struct ss_freshness *f, const char *device, uint64_t last, uint64_t now)
{
    return ss_freshness_check(f, ss_span_of("thermostat"), ss_span_of(device), last, now, 300, &why);
}

static void every_record_of_a_batch_holds(void **state)
{
    (void)state;
    struct ss_key_set set = sample_key_set();
    struct ss_key_ring ring = {&set, NULL};
    uint8_t first_signature[SS_STATEMENT_SIGNATURE_SIZE];
    for (unsigned i = 0; i < 7; i++) {
        char id[16];
        struct ss_freshness f = record_of(i, 7);
        snprintf(id, sizeof id, "240ac4%06x", 0x123456 + i);
        assert_int_equal(ss_key_ring_verify(&ring, &statement, 0, NULL, &why), SS_OK);
        assert_int_equal(check(&f, id, 0, 0), SS_OK);
        assert_int_equal(f.release != NULL, i % 3 != 2);
        if (i == 0)
            memcpy(first_signature, statement.signature, sizeof first_signature);
        assert_memory_equal(statement.signature, first_signature, sizeof first_signature);
    }
    // Alone.
    struct ss_freshness f = record_of(0, 1);
    assert_int_equal(f.path_len, 0);
    assert_int_equal(check(&f, "240ac4123456", 0, 0), SS_OK);
    assert_int_equal(bytes.len, 244);
}

static void refused(const struct ss_freshness *f, const char *device, uint64_t last, uint64_t now,
                    enum ss_reason reason)
{
    assert_int_equal(check(f, device, last, now), SS_ERROR_NOT_PERMITTED);
    assert_string_equal(ss_reason_name(why.reason), ss_reason_name(reason));
}

static void records_that_are_refused(void **state)
{
    (void)state;
    struct ss_freshness f = record_of(4, 11);
    const char *id = "240ac412345a";
    assert_int_equal(check(&f, id, 0, 0), SS_OK);
    refused(&f, "240ac412345b", 0, 0, SS_REASON_DEVICE);
    assert_int_equal(check(&f, id, f.time, f.time), SS_OK);
    refused(&f, id, f.time + 1, f.time + 1, SS_REASON_REPLAYED);
    assert_int_equal(check(&f, id, 0, f.time - 300), SS_OK);
    refused(&f, id, 0, f.time - 301, SS_REASON_FUTURE);
    assert_int_equal(ss_freshness_check(&f, ss_span_of("kettle"), ss_span_of(id), 0, 0, 0, &why),
                     SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_PRODUCT);
    // Another place in the tree, and another path.
    struct ss_freshness moved = f;
    moved.index = 5;
    refused(&moved, id, 0, 0, SS_REASON_PROOF);
    uint8_t path[SS_MERKLE_PATH_MAX * DIGEST];
    memcpy(path, f.path, (size_t)f.path_len * DIGEST);
    path[40] ^= 1;
    moved = f;
    moved.path = path;
    refused(&moved, id, 0, 0, SS_REASON_PROOF);
    // Also when everything else is wrong, too.
    refused(&moved, "x", f.time + 1, 1, SS_REASON_PROOF);
}

static void a_leaf_of_another_device_under_the_same_root(void **state)
{
    (void)state;
    // The proof of device 5 with the leaf of device 4: what a server in the middle could try.
    struct ss_freshness five = record_of(5, 11);
    uint8_t path[SS_MERKLE_PATH_MAX * DIGEST];
    memcpy(path, five.path, (size_t)five.path_len * DIGEST);
    struct ss_freshness four = record_of(4, 11);
    four.path = path;
    four.index = 5;
    refused(&four, "240ac412345a", 0, 0, SS_REASON_PROOF);
}

static void records_out_of_range_are_not_made(void **state)
{
    (void)state;
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    char long_id[120];
    struct ss_error err = {0};
    struct ss_freshness_signature signature;
    const ss_signing_key_t *key = sample_signing_key(5);
    struct ss_freshness f = record_of(4, 11);
    f.leaves = 0;
    assert_int_equal(ss_freshness_sign(&f, key, &signature, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "0 leaves, must be 1 to 16777216");
    f.leaves = 11;
    f.product = ss_span_of("a b");
    assert_int_equal(ss_freshness_sign(&f, key, &signature, &err), SS_ERROR_DATA_INVALID);
    f.product = ss_span_of("thermostat");
    assert_int_equal(ss_freshness_sign(&f, key, &signature, &err), SS_OK);
    assert_int_equal(ss_freshness_encode(&f, &signature, out, 10, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(len, bytes.len);
    f.path_len--;
    assert_int_equal(ss_freshness_encode(&f, &signature, out, sizeof out, &len, &err), SS_ERROR_DATA_INVALID);
    f.path_len++;
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = 0;
    f.device = ss_span_of(long_id);
    assert_int_equal(ss_freshness_encode(&f, &signature, out, sizeof out, &len, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "product, device id or path is too long");
    f.device = ss_span_of("d");
    f.path_len = SS_MERKLE_PATH_MAX + 1;
    assert_int_equal(ss_freshness_encode(&f, &signature, out, sizeof out, &len, &err), SS_ERROR_DATA_INVALID);
    f.product = ss_span_of(long_id);
    assert_int_equal(ss_freshness_sign(&f, key, &signature, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "product, device id or path is too long");
    assert_int_equal(ss_freshness_leaf(&f, out, 3, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
}

static void the_largest_record_fits(void **state)
{
    (void)state;
    static uint8_t path[SS_MERKLE_PATH_MAX * DIGEST], release[DIGEST];
    uint8_t out[SS_STATEMENT_MAX];
    char product[SS_PRODUCT_NAME_MAX + 1], id[SS_DEVICE_ID_MAX + 1];
    size_t len;
    struct ss_error err = {0};
    struct ss_freshness_signature signature;
    const ss_signing_key_t *key = sample_signing_key(5);
    memset(product, 'p', sizeof product);
    memset(id, 'd', sizeof id);
    product[SS_PRODUCT_NAME_MAX] = id[SS_DEVICE_ID_MAX] = 0;
    struct ss_freshness f = {.product = ss_span_of(product),
                             .time = SS_STATEMENT_INT_MAX,
                             .root = release,
                             .leaves = SS_MERKLE_LEAVES_MAX,
                             .device = ss_span_of(id),
                             .release = release,
                             .key_set = UINT32_MAX,
                             .index = SS_MERKLE_LEAVES_MAX - 1,
                             .path = path,
                             .path_len = SS_MERKLE_PATH_MAX};
    assert_ok(ss_freshness_sign(&f, key, &signature, &err), err);
    assert_ok(ss_freshness_encode(&f, &signature, out, sizeof out, &len, &err), err);
    assert_true(len <= SS_FRESHNESS_MAX && len > 1100);
}

// -- Rollouts ---------------------------------------------------------------------------------------------------------

static ss_status_t sign_rollout(const struct ss_rollout *rollout)
{
    const ss_signing_key_t *key = sample_signing_key(6);
    return ss_rollout_sign(rollout, key, bytes.bytes, sizeof bytes.bytes, &bytes.len, NULL);
}

static void rollouts_name_their_targets(void **state)
{
    (void)state;
    static uint8_t reference[DIGEST], list[DIGEST] = {1};
    struct ss_rollout rollout = sample_rollout(reference), f;
    for (unsigned targets = 0; targets <= SS_TARGETS_DEVICES; targets++) {
        rollout.targets = (uint8_t)targets;
        rollout.list = list;
        rollout.list_count = 100000;
        assert_int_equal(sign_rollout(&rollout), SS_OK);
        assert_int_equal(ss_statement_parse(bytes.bytes, bytes.len, &statement, NULL), SS_OK);
        assert_int_equal(ss_rollout_parse(&statement, &f, &why), SS_OK);
        assert_int_equal(f.targets, targets);
        assert_int_equal(f.device_count, targets == SS_TARGETS_DEVICES ? 2 : 0);
        assert_int_equal(f.list_count, targets == SS_TARGETS_LIST ? 100000 : 0);
        assert_int_equal(f.stages[1].percent, 25);
        assert_int_equal(f.stages[0].soak, 86400);
        assert_int_equal(f.stages[2].max_failed, 2);
    }
}

static void rollouts_that_make_no_sense(void **state)
{
    (void)state;
    static uint8_t reference[DIGEST];
    struct ss_rollout r = sample_rollout(reference);
    r.devices[1] = r.devices[0];
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
    r = sample_rollout(reference);
    r.devices[1] = ss_span_of("240ac412345"); // a shorter one comes first
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
    r = sample_rollout(reference);
    r.stages[2].percent = 99;
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
    r = sample_rollout(reference);
    r.stages[1].percent = 1;
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
    r = sample_rollout(reference);
    r.stages[1].percent = 100;
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
    r = sample_rollout(reference);
    r.stages[1].max_failed = 101;
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
    r = sample_rollout(reference);
    r.expiry = r.not_before;
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
    r = sample_rollout(reference);
    r.device_count = 0;
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
    r = sample_rollout(reference);
    r.stage_count = 0;
    assert_int_equal(sign_rollout(&r), SS_ERROR_DATA_INVALID);
}

static void rollouts_have_their_time(void **state)
{
    (void)state;
    static uint8_t reference[DIGEST], other[DIGEST] = {1};
    struct ss_rollout r = sample_rollout(reference);
    struct ss_span product = ss_span_of("thermostat");
    assert_int_equal(ss_rollout_check(&r, product, reference, r.not_before, &why), SS_OK);
    assert_int_equal(ss_rollout_check(&r, product, reference, r.expiry, NULL), SS_OK);
    assert_int_equal(ss_rollout_check(&r, product, reference, r.not_before - 1, &why), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_EARLY);
    assert_int_equal(ss_rollout_check(&r, product, reference, r.expiry + 1, &why), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_EXPIRED);
    assert_int_equal(ss_rollout_check(&r, product, other, r.expiry, &why), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_RELEASE);
    assert_int_equal(ss_rollout_check(&r, ss_span_of("kettle"), reference, r.expiry, &why), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_PRODUCT);
}

static void the_largest_rollout_fits(void **state)
{
    (void)state;
    static uint8_t reference[DIGEST];
    static char ids[SS_ROLLOUT_DEVICES_MAX][SS_DEVICE_ID_MAX + 1];
    struct ss_rollout r = sample_rollout(reference);
    r.stage_count = SS_ROLLOUT_STAGES_MAX;
    for (unsigned i = 0; i < SS_ROLLOUT_STAGES_MAX; i++)
        r.stages[i] = (struct ss_rollout_stage){i == 7 ? 100 : (uint8_t)(90 + i), 100, UINT32_MAX};
    r.device_count = SS_ROLLOUT_DEVICES_MAX;
    for (unsigned i = 0; i < SS_ROLLOUT_DEVICES_MAX; i++) {
        memset(ids[i], 'd', SS_DEVICE_ID_MAX);
        ids[i][0] = (char)('A' + i / 16);
        ids[i][1] = (char)('A' + i % 16);
        r.devices[i] = ss_span_of(ids[i]);
    }
    assert_int_equal(sign_rollout(&r), SS_OK);
    assert_true(bytes.len <= SS_ROLLOUT_MAX && bytes.len > 2300);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_are_those_of_rfc_9162),
        cmocka_unit_test(a_leaf_hash),
        cmocka_unit_test(every_record_of_a_batch_holds),
        cmocka_unit_test(records_that_are_refused),
        cmocka_unit_test(a_leaf_of_another_device_under_the_same_root),
        cmocka_unit_test(records_out_of_range_are_not_made),
        cmocka_unit_test(the_largest_record_fits),
        cmocka_unit_test(rollouts_name_their_targets),
        cmocka_unit_test(rollouts_that_make_no_sense),
        cmocka_unit_test(rollouts_have_their_time),
        cmocka_unit_test(the_largest_rollout_fits),
    };
    return ss_test_main(argc, argv, tests);
}
