// SPDX-License-Identifier: Apache-2.0
// Key sets: thresholds, succession, roles.
#include "support/statement_sample.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/cose.h"

static struct sample_statement bytes;
static struct ss_statement statement;
static struct ss_key_set set;
static struct ss_refusal why;

static void make(const struct ss_key_set *from, const unsigned *keys)
{
    sample_sign_key_set(from, keys, &bytes);
    assert_int_equal(ss_statement_parse(bytes.bytes, bytes.len, &statement, &why), SS_OK);
    assert_int_equal(ss_key_set_parse(&statement, &set, &why), SS_OK);
}
#define SIGNED_BY(...)                                                                                                 \
    (const unsigned[])                                                                                                 \
    {                                                                                                                  \
        __VA_ARGS__, 0                                                                                                 \
    }

static void thresholds(void **state)
{
    (void)state;
    struct ss_key_set v1 = sample_key_set();
    bool who[SS_ROOT_KEYS_MAX];
    unsigned count;
    make(&v1, SIGNED_BY(0));
    assert_int_equal(ss_key_set_check_roots(&statement, &set, &why), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_NEW_ROOTS);
    make(&v1, SIGNED_BY(2));
    assert_int_equal(ss_key_set_check_roots(&statement, &set, &why), SS_ERROR_NOT_PERMITTED);
    make(&v1, SIGNED_BY(2, 2)); // the same twice is one
    assert_int_equal(statement.signatures, 1);
    assert_int_equal(ss_key_set_check_roots(&statement, &set, &why), SS_ERROR_NOT_PERMITTED);
    make(&v1, SIGNED_BY(3, 1));
    assert_int_equal(ss_key_set_check_roots(&statement, &set, &why), SS_OK);
    assert_int_equal(ss_key_set_count_roots(&statement, &set, &count, who, &why), SS_OK);
    assert_int_equal(count, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(who[i], memcmp(set.roles[SS_ROLE_ROOT].keys[i], sample_public_key(2), 64) != 0);
    make(&v1, SIGNED_BY(1, 2, 3));
    assert_int_equal(ss_key_set_count_roots(&statement, &set, &count, NULL, NULL), SS_OK);
    assert_int_equal(count, 3);
    // Others may sign, too, but do not count; also keys that the set names for something else.
    make(&v1, SIGNED_BY(1, 4, 5, 7));
    assert_int_equal(statement.signatures, 4);
    assert_int_equal(ss_key_set_count_roots(&statement, &set, &count, NULL, NULL), SS_OK);
    assert_int_equal(count, 1);
}

static void damage_signature_of(unsigned key)
{
    struct ss_cbor_reader r;
    struct ss_cose_signature one;
    uint8_t id[SS_KEY_ID_SIZE];
    assert_int_equal(ss_key_id(sample_public_key(key), id), SS_OK);
    ss_cbor_reader_init(&r, statement.rest.p, statement.rest.len);
    do {
        assert_ptr_not_equal(r.p, r.end);
        ss_cose_read_signature(&r, &one);
    } while (memcmp(one.key_id, id, sizeof id) != 0);
    bytes.bytes[one.signature - bytes.bytes] ^= 1;
}

static void one_wrong_root_signature_spoils_it(void **state)
{
    (void)state;
    struct ss_key_set v1 = sample_key_set();
    bool who[SS_ROOT_KEYS_MAX] = {true};
    unsigned count = 9;
    make(&v1, SIGNED_BY(1, 2, 3));
    bytes.bytes[bytes.len - 1] ^= 1;
    assert_int_equal(ss_key_set_count_roots(&statement, &set, &count, who, &why), SS_ERROR_INVALID_SIGNATURE);
    assert_int_equal(why.reason, SS_REASON_SIGNATURE);
    assert_int_equal(count, 0);
    for (unsigned i = 0; i < SS_ROOT_KEYS_MAX; i++)
        assert_false(who[i]);
    // Not so that of a key that does not count.
    struct ss_key_set lonely = sample_key_set();
    lonely.threshold = 1;
    lonely.roles[SS_ROLE_ROOT].count = 1;
    make(&lonely, SIGNED_BY(1, 2));
    damage_signature_of(2);
    assert_int_equal(ss_key_set_count_roots(&statement, &set, &count, NULL, NULL), SS_OK);
    assert_int_equal(count, 1);
    damage_signature_of(1);
    assert_int_equal(ss_key_set_count_roots(&statement, &set, &count, NULL, NULL), SS_ERROR_INVALID_SIGNATURE);
    // A signature of one set is none of another.
    struct sample_statement v1_bytes;
    sample_sign_key_set(&v1, SIGNED_BY(1, 2), &v1_bytes);
    struct ss_statement v1_statement;
    assert_int_equal(ss_statement_parse(v1_bytes.bytes, v1_bytes.len, &v1_statement, NULL), SS_OK);
    struct ss_statement mixed = v1_statement;
    v1.version = 2;
    make(&v1, SIGNED_BY(1, 2));
    mixed.payload = statement.payload;
    assert_int_equal(ss_key_set_count_roots(&mixed, &set, &count, NULL, &why), SS_ERROR_INVALID_SIGNATURE);
}

static void check_next(const struct ss_key_set *next, const unsigned *keys, const struct ss_key_set *old,
                       enum ss_reason reason)
{
    make(next, keys);
    ss_status_t status = ss_key_set_check_next(&statement, &set, old, &why);
    if (status != (reason == SS_REASON_NONE ? SS_OK : SS_ERROR_NOT_PERMITTED) || (status && why.reason != reason))
        fail_msg("%s: %s", ss_status_name(status), ss_reason_name(why.reason));
}

static void succession(void **state)
{
    (void)state;
    struct ss_key_set v1 = sample_key_set(), next = sample_key_set();
    check_next(&next, SIGNED_BY(1, 2), &v1, SS_REASON_KEY_SET_VERSION);
    next.version = 5; // need not be the next number
    check_next(&next, SIGNED_BY(1, 2), &v1, SS_REASON_NONE);
    check_next(&next, SIGNED_BY(1), &v1, SS_REASON_OLD_ROOTS);
    next.product = ss_span_of("kettle");
    check_next(&next, SIGNED_BY(1, 2), &v1, SS_REASON_PRODUCT);
    next.product = v1.product;
    v1.epochs[0] = 2;
    check_next(&next, SIGNED_BY(1, 2), &v1, SS_REASON_KEY_SET_EPOCH);
    next.epochs[0] = 2;
    check_next(&next, SIGNED_BY(1, 2), &v1, SS_REASON_NONE);
}

static void root_keys_rotate(void **state)
{
    (void)state;
    struct ss_key_set v1 = sample_key_set(), next = sample_key_set();
    next.version = 2;
    for (unsigned i = 0; i < 3; i++)
        next.roles[SS_ROLE_ROOT].keys[i] = sample_public_key(7 + i);
    check_next(&next, SIGNED_BY(7, 8, 9), &v1, SS_REASON_OLD_ROOTS);
    check_next(&next, SIGNED_BY(1, 7, 8), &v1, SS_REASON_OLD_ROOTS);
    check_next(&next, SIGNED_BY(1, 2), &v1, SS_REASON_NEW_ROOTS);
    check_next(&next, SIGNED_BY(1, 2, 7), &v1, SS_REASON_NEW_ROOTS);
    check_next(&next, SIGNED_BY(1, 2, 7, 9), &v1, SS_REASON_NONE);
    // One root stays and counts for both; the new threshold is higher.
    next = sample_key_set();
    next.version = 2;
    next.roles[SS_ROLE_ROOT].keys[0] = sample_public_key(7);
    next.threshold = 3;
    check_next(&next, SIGNED_BY(2, 3), &v1, SS_REASON_NEW_ROOTS);
    check_next(&next, SIGNED_BY(2, 3, 7), &v1, SS_REASON_NONE);
    // A lower threshold does not help to get in.
    next.threshold = 1;
    check_next(&next, SIGNED_BY(7), &v1, SS_REASON_OLD_ROOTS);
    // What is expired can be followed, also by what is not in force yet.
    v1.not_after = 1;
    next.not_before = SS_STATEMENT_INT_MAX;
    check_next(&next, SIGNED_BY(2, 3), &v1, SS_REASON_NONE);
}

static void refuse_fields(const struct ss_key_set *from, const char *message)
{
    struct ss_error err = {0};
    size_t len = 1;
    assert_int_equal(ss_key_set_encode(from, bytes.bytes, sizeof bytes.bytes, &len, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(len, 0);
    // Without where.
    char *comma = strstr(err.message, ", at byte");
    assert_non_null(comma);
    *comma = 0;
    assert_string_equal(err.message, message);
}

static void sets_that_make_no_sense(void **state)
{
    (void)state;
    struct ss_key_set s = sample_key_set();
    s.threshold = 4;
    refuse_fields(&s, "key set statement has fields that contradict each other");
    s.threshold = 0;
    refuse_fields(&s, "key set statement has a value outside its range");
    s = sample_key_set();
    s.roles[SS_ROLE_ROOT].keys[1] = sample_public_key(1);
    refuse_fields(&s, "key set statement has a list that is not in ascending order");
    s = sample_key_set();
    s.cas[1] = s.cas[0];
    s.ca_count = 2;
    refuse_fields(&s, "key set statement has a list that is not in ascending order");
    s = sample_key_set();
    s.roles[SS_ROLE_OPERATOR].keys[0] = sample_public_key(2);
    refuse_fields(&s, "key set statement gives one key two roles");
    s = sample_key_set();
    s.roles[SS_ROLE_DELIVERY].keys[0] = sample_public_key(4);
    refuse_fields(&s, "key set statement gives one key two roles");
    s = sample_key_set();
    s.not_before = 10;
    s.not_after = 9;
    refuse_fields(&s, "key set statement has fields that contradict each other");
    s = sample_key_set();
    s.epochs[0] = 0;
    refuse_fields(&s, "key set statement has a value outside its range");
    s = sample_key_set();
    s.roles[SS_ROLE_RELEASE].count = 0;
    refuse_fields(&s, "key set statement has a value outside its range");
    s = sample_key_set();
    s.version = 0;
    refuse_fields(&s, "key set statement has a value outside its range");
    s = sample_key_set();
    s.servers[0] = ss_span_of("");
    refuse_fields(&s, "key set statement has a value outside its range");
    s = sample_key_set();
    s.servers[0] = ss_span_of("https://\xFC.example");
    refuse_fields(&s, "key set statement has a character that may not be there");
}

static void what_is_not_there_need_not_be(void **state)
{
    (void)state;
    struct ss_key_set s = sample_key_set();
    s.ca_count = s.server_count = s.roles[SS_ROLE_OPERATOR].count = 0;
    make(&s, SIGNED_BY(1, 2));
    assert_int_equal(set.ca_count, 0);
    assert_int_equal(set.server_count, 0);
    assert_int_equal(set.roles[SS_ROLE_OPERATOR].count, 0);
    s.not_before = 1;
    s.not_after = 2;
    s.previous_until = 3;
    make(&s, SIGNED_BY(1, 2));
    assert_int_equal(set.not_before, 1);
    assert_int_equal(set.not_after, 2);
    assert_int_equal(set.previous_until, 3);
}

static void keys_are_found_by_id(void **state)
{
    (void)state;
    static const enum ss_key_role roles[] = {
        0, SS_ROLE_ROOT, SS_ROLE_ROOT, SS_ROLE_ROOT, SS_ROLE_RELEASE, SS_ROLE_DELIVERY, SS_ROLE_OPERATOR};
    struct ss_key_set s = sample_key_set();
    struct ss_signer signer;
    uint8_t id[SS_KEY_ID_SIZE];
    for (unsigned n = 1; n <= 6; n++) {
        assert_int_equal(ss_key_id(sample_public_key(n), id), SS_OK);
        assert_int_equal(ss_key_set_find(&s, id, &signer), SS_OK);
        assert_int_equal(signer.role, roles[n]);
        assert_int_equal(signer.epoch, n == 5);
        assert_ptr_equal(signer.set, &s);
        assert_memory_equal(signer.key, sample_public_key(n), 64);
    }
    assert_int_equal(ss_key_id(sample_public_key(7), id), SS_OK);
    assert_int_equal(ss_key_set_find(&s, id, &signer), SS_ERROR_DOES_NOT_EXIST);
    assert_null(signer.key);
}

static void who_signed(void **state)
{
    (void)state;
    static const uint8_t keys[SS_STATEMENT_KIND_COUNT] = {4, 5, 0, 6, 5};
    struct ss_key_set s = sample_key_set();
    struct ss_key_ring ring = {&s, NULL};
    struct ss_signer signer;
    struct sample_statement one;
    for (unsigned kind = 0; kind < SS_STATEMENT_KIND_COUNT; kind++) {
        sample_statement(kind, &one);
        assert_int_equal(ss_statement_parse(one.bytes, one.len, &statement, NULL), SS_OK);
        if (kind == SS_STATEMENT_KEY_SET) {
            assert_int_equal(ss_key_ring_verify(&ring, &statement, 0, &signer, &why), SS_ERROR_INVALID_ARGUMENT);
            assert_null(signer.set);
            continue;
        }
        assert_int_equal(ss_key_ring_verify(&ring, &statement, 0, &signer, &why), SS_OK);
        assert_int_equal(signer.role, ss_statement_role(kind));
        assert_memory_equal(signer.key, sample_public_key(keys[kind]), 64);
        one.bytes[one.len - 1] ^= 1;
        assert_int_equal(ss_key_ring_verify(&ring, &statement, 0, &signer, &why), SS_ERROR_INVALID_SIGNATURE);
        assert_int_equal(why.reason, SS_REASON_SIGNATURE);
        assert_null(signer.set);
    }
    assert_int_equal(ss_statement_role(SS_STATEMENT_KEY_SET), SS_ROLE_ROOT);
}

static void a_key_that_changes_its_role(void **state)
{
    (void)state;
    // Key 4 signed releases in the old set and is an operator's in the new one.
    struct ss_key_set old = sample_key_set(), s = sample_key_set();
    struct ss_key_ring ring = {&s, &old};
    struct sample_statement release;
    s.version = 2;
    s.roles[SS_ROLE_RELEASE].keys[0] = sample_public_key(7);
    s.roles[SS_ROLE_OPERATOR].keys[0] = sample_public_key(4);
    sample_statement(SS_STATEMENT_RELEASE, &release);
    assert_int_equal(ss_statement_parse(release.bytes, release.len, &statement, NULL), SS_OK);
    assert_int_equal(ss_key_ring_verify(&ring, &statement, 0, NULL, &why), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_KEY_SET_EXPIRED);
    s.previous_until = 100;
    assert_int_equal(ss_key_ring_verify(&ring, &statement, 0, NULL, &why), SS_OK);
    ring.previous = NULL;
    assert_int_equal(ss_key_ring_verify(&ring, &statement, 0, NULL, &why), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(why.reason, SS_REASON_SIGNER_ROLE);
}

static void only_key_sets_are_signed_as_such(void **state)
{
    (void)state;
    struct sample_statement release;
    struct ss_error err = {0};
    const ss_signing_key_t *key = sample_signing_key(1);
    size_t len;
    sample_statement(SS_STATEMENT_RELEASE, &release);
    assert_int_equal(ss_key_set_sign(release.bytes, release.len, key, bytes.bytes, sizeof bytes.bytes, &len, &err),
                     SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "this is a release statement, not a key set");
    assert_int_equal(ss_statement_parse(release.bytes, release.len, &statement, NULL), SS_OK);
    unsigned count;
    struct ss_key_set s = sample_key_set();
    assert_int_equal(ss_key_set_count_roots(&statement, &s, &count, NULL, &why), SS_ERROR_INVALID_ARGUMENT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds),
        cmocka_unit_test(one_wrong_root_signature_spoils_it),
        cmocka_unit_test(succession),
        cmocka_unit_test(root_keys_rotate),
        cmocka_unit_test(sets_that_make_no_sense),
        cmocka_unit_test(what_is_not_there_need_not_be),
        cmocka_unit_test(keys_are_found_by_id),
        cmocka_unit_test(who_signed),
        cmocka_unit_test(a_key_that_changes_its_role),
        cmocka_unit_test(only_key_sets_are_signed_as_such),
    };
    return ss_test_main(argc, argv, tests);
}
