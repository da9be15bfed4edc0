// SPDX-License-Identifier: Apache-2.0
// Key sets as a device gets them: rotation of every key, a device that was off for years, and what is refused.
#include "support/agent_bench.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#define NOW  1800000000u
#define YEAR (365u * 86400u)
#define DAY  86400u

static void expect_key_set_refused(struct device *d, const struct ss_key_set *set, const unsigned *signers,
                                   enum ss_reason reason)
{
    struct sample_statement s;
    sample_sign_key_set(set, signers, &s);
    assert_int_equal(device_give_key_set(d, &s), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.cause, SS_CAUSE_STATEMENT);
    assert_int_equal(d->agent.refused, SS_STATEMENT_KEY_SET);
    assert_string_equal(ss_reason_name(d->agent.refusal.reason), ss_reason_name(reason));
    assert_int_equal(d->identity.ring.current->version, 1);
    assert_int_equal(d->key_sets[0].len, 0);
}

/// The fleet's key sets over two years. Each replaces release and delivery key, CA and server, and is in force for half
/// a year; of the root keys one at a time is replaced.
#define SETS 5u
static struct sample_statement chain[SETS + 1]; // from 1

// @p far_back: enough of the first root keys sign all of them, so that devices that still run the first app believe
// them.
static void make_chain(bool far_back)
{
    static uint8_t cas[SETS + 1][SS_STATEMENT_DIGEST_SIZE];
    static char servers[SETS + 1][32];
    static const unsigned roots[SETS + 1][3] = {{0}, {1, 2, 3}, {2, 3, 9}, {3, 9, 10}, {3, 9, 10}, {3, 9, 10}};
    static const unsigned signers[SETS + 1][4] = {{0}, {1, 2, 0}, {2, 3, 0}, {3, 9, 0}, {9, 10, 0}, {9, 10, 0}};
    static const unsigned more[] = {2, 3, 9, 10, 0};
    static const unsigned releases[SETS + 1] = {0, 4, 7, 4, 7, 8}, deliveries[SETS + 1] = {0, 5, 11, 5, 11, 1};
    for (unsigned n = 1; n <= SETS; n++) {
        struct ss_key_set set = sample_key_set();
        set.version = n;
        set.not_before = n == 1 ? 0 : NOW + (n - 2) * (YEAR / 2);
        set.not_after = NOW + (n - 1) * (YEAR / 2) + 30 * DAY;
        set.previous_until = set.not_before + 30 * DAY;
        for (unsigned i = 0; i < 3; i++)
            set.roles[SS_ROLE_ROOT].keys[i] = sample_public_key(roots[n][i]);
        set.roles[SS_ROLE_RELEASE].keys[0] = sample_public_key(releases[n]);
        set.roles[SS_ROLE_DELIVERY].keys[0] = sample_public_key(deliveries[n]);
        set.epochs[0] = n;
        memset(cas[n], (int)n, sizeof cas[n]);
        snprintf(servers[n], sizeof servers[n], "https://u%u.example.com", n);
        set.cas[0] = cas[n];
        set.servers[0] = ss_span_of(servers[n]);
        set.server_count = 1;
        sample_sign_key_set(&set, far_back && n > 2 ? more : signers[n], &chain[n]);
    }
}

static uint32_t new_epoch;
static void of_epoch(struct ss_delivery *d)
{
    d->epoch = new_epoch;
}

// Its keys, its CA, its servers: all are others by now. It walks through the sets one by one, takes the update, and can
// be reached where the fleet is.
static void two_years_offline(void **state)
{
    (void)state;
    make_chain(true);
    for (unsigned storage = 0; storage < 2; storage++)
        for (unsigned resets = 0; resets < 2; resets++) {
            struct parcel p;
            struct device *d = device_new(
                &(struct agent_options){.rollback = true, .storage = storage ? AGENT_JOURNAL_ENCRYPTED : AGENT_KEEPS});
            struct parcel_options o = agent_usual;
            d->pinned = chain[1];
            device_set_time(d, NOW + 2 * YEAR);
            new_epoch = SETS;
            o.release_key = 8;
            o.delivery_key = 1;
            o.alter_delivery = of_epoch;
            make_parcel(d, &o, &p);
            d->in = &p;
            device_boot(d);
            device_expect(d, 0);
            assert_int_equal(d->agent.refusal.reason, SS_REASON_SIGNER_UNKNOWN);
            device_started(d, 0);
            for (unsigned n = 2; n <= SETS; n++) {
                assert_int_equal(device_give_key_set(d, &chain[n]), SS_OK);
                if (resets)
                    device_started(d, 0);
                assert_int_equal(d->identity.ring.current->version, n);
            }
            const struct ss_key_set *set = d->identity.ring.current;
            assert_true(ss_span_equal(set->servers[0], ss_span_of("https://u5.example.com")));
            assert_int_equal(set->cas[0][0], 5);
            device_boot(d);
            device_expect(d, 1);
            device_free(d);
        }
}

// Whatever order they come in, only the next ones are taken.
static void chains_out_of_order(void **state)
{
    (void)state;
    make_chain(false);
    struct device *d = device_new(&agent_with_rollback);
    d->pinned = chain[1];
    device_started(d, 0);
    assert_int_equal(device_give_key_set(d, &chain[3]),
                     SS_ERROR_NOT_PERMITTED); // only one of its signers is a root of 1
    assert_int_equal(d->agent.refusal.reason, SS_REASON_OLD_ROOTS);
    assert_int_equal(device_give_key_set(d, &chain[1]), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_KEY_SET_VERSION);
    assert_int_equal(device_give_key_set(d, &chain[2]), SS_OK);
    assert_int_equal(device_give_key_set(d, &chain[2]), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_KEY_SET_VERSION);
    assert_int_equal(device_give_key_set(d, &chain[3]), SS_OK);
    assert_int_equal(device_give_key_set(d, &chain[2]), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_KEY_SET_VERSION);
    assert_int_equal(d->identity.ring.current->version, 3);
    // What all the first root keys signed may be taken at once.
    make_chain(true);
    assert_int_equal(device_give_key_set(d, &chain[5]), SS_OK);
    assert_int_equal(device_give_key_set(d, &chain[4]), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_KEY_SET_VERSION);
    device_free(d);
}

static void key_sets_that_are_not_the_roots(void **state)
{
    (void)state;
    struct device *d = device_new(&agent_with_rollback);
    struct ss_key_set next = sample_key_set();
    device_started(d, 0);
    next.version = 2;
    expect_key_set_refused(d, &next, (const unsigned[]){1, 0}, SS_REASON_OLD_ROOTS);
    expect_key_set_refused(d, &next, (const unsigned[]){1, 4, 5, 0}, SS_REASON_OLD_ROOTS);
    next.roles[SS_ROLE_ROOT].keys[0] = sample_public_key(9);
    next.roles[SS_ROLE_ROOT].keys[1] = sample_public_key(10);
    expect_key_set_refused(d, &next, (const unsigned[]){1, 2, 0}, SS_REASON_NEW_ROOTS);
    expect_key_set_refused(d, &next, (const unsigned[]){9, 10, 0}, SS_REASON_OLD_ROOTS);
    expect_key_set_refused(d, &next, (const unsigned[]){1, 9, 10, 0}, SS_REASON_OLD_ROOTS);
    next = sample_key_set();
    expect_key_set_refused(d, &next, (const unsigned[]){1, 2, 3, 0}, SS_REASON_KEY_SET_VERSION);
    next.version = 2;
    next.product = ss_span_of("thermometer");
    expect_key_set_refused(d, &next, (const unsigned[]){1, 2, 3, 0}, SS_REASON_PRODUCT);
    // One bit anywhere.
    struct sample_statement s;
    next = sample_key_set();
    next.version = 2;
    sample_sign_key_set(&next, (const unsigned[]){1, 2, 0}, &s);
    for (size_t i = 0; i < s.len; i++) {
        s.bytes[i] ^= 0x04;
        assert_int_not_equal(device_give_key_set(d, &s), SS_OK);
        s.bytes[i] ^= 0x04;
    }
    assert_int_equal(d->identity.ring.current->version, 1);
    assert_int_equal(device_give_key_set(d, &s), SS_OK);
    device_free(d);
}

static void withdrawn_keys(void **state)
{
    (void)state;
    struct parcel p;
    struct sample_statement s;
    struct ss_key_set next = sample_key_set();
    next.version = 2;
    next.not_before = NOW;
    next.previous_until = NOW + 10 * DAY;
    next.roles[SS_ROLE_DELIVERY].keys[0] = sample_public_key(8); // the old one was stolen
    next.epochs[0] = 2;
    sample_sign_key_set(&next, (const unsigned[]){1, 2, 0}, &s);
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &p);
    device_set_time(d, NOW + 11 * DAY);
    device_started(d, 0);
    assert_int_equal(device_give_key_set(d, &s), SS_OK);
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_KEY_SET_EXPIRED);
    // A delivery of the new epoch makes the old one void at any time, even where both sets are in force.
    struct parcel_options o = agent_usual;
    struct parcel next_parcel;
    o.delivery_key = 8;
    o.alter_delivery = of_epoch;
    new_epoch = 2;
    o.sequence = 1;
    make_parcel(d, &o, &next_parcel);
    d->time = NOW + 9 * DAY;
    next_parcel.sealed[5000] ^= 1; // it is accepted, and fails
    d->in = &next_parcel;
    device_boot(d);
    assert_int_equal(d->agent.cause, SS_CAUSE_WINDOW);
    d->in = &p;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_EPOCH);
    // Early: the set is not in force before its time.
    d->time = NOW - DAY;
    d->in = &next_parcel;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_KEY_SET_EARLY);
    // Without a clock the old set's overlap cannot be judged; what the highest epoch forbids still is.
    d->time = 0;
    d->in = &p;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_EPOCH);
    device_free(d);
}

// The next start has the pins and two stored sets to go by: root keys that were all replaced three times are too far.
static void roots_too_far_from_the_pins(void **state)
{
    (void)state;
    static const unsigned roots[5][4] = {{0}, {1, 2, 3, 0}, {7, 8, 9, 0}, {10, 11, 12, 0}, {1, 7, 8, 0}};
    struct device *d = device_new(&agent_with_rollback);
    struct sample_statement s;
    device_started(d, 0);
    for (unsigned n = 2; n <= 4; n++) {
        struct ss_key_set next = sample_key_set();
        unsigned signers[8] = {0}, count = 0;
        next.version = n;
        for (unsigned i = 0; i < 3; i++) {
            next.roles[SS_ROLE_ROOT].keys[i] = sample_public_key(roots[n][i]);
            signers[count++] = roots[n - 1][i];
            signers[count++] = roots[n][i];
        }
        sample_sign_key_set(&next, signers, &s);
        bool near = n < 4;
        assert_int_equal(device_give_key_set(d, &s), near ? SS_OK : SS_ERROR_NOT_PERMITTED);
        if (!near)
            assert_int_equal(d->agent.cause, SS_CAUSE_STATEMENT);
    }
    assert_int_equal(d->identity.ring.current->version, 3);
    device_started(d, 0);
    assert_int_equal(d->identity.ring.current->version, 3);
    device_free(d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_years_offline),
        cmocka_unit_test(chains_out_of_order),
        cmocka_unit_test(key_sets_that_are_not_the_roots),
        cmocka_unit_test(withdrawn_keys),
        cmocka_unit_test(roots_too_far_from_the_pins),
    };
    return ss_test_main(argc, argv, tests);
}
