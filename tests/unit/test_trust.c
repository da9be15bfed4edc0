// SPDX-License-Identifier: Apache-2.0
// Which key sets a start takes from pins and storage.
#include "support/statement_sample.h"
#include "support/unit.h"

#include <string.h>

#include "device/trust.h"

// Version 1: roots 1, 2, 3. Version 2: the same. Version 3: roots 7, 8, 9. Version 4: roots 10, 11, 12. Version 5:
// those again, and signed by 1 and 2 as well.
enum { V1, V2, V3, V4, V5, FOREIGN, SETS };
static struct sample_statement made[SETS];
static struct ss_span sets[SETS];

static void make(unsigned which, uint32_t version, unsigned first_root, const unsigned *keys)
{
    struct ss_key_set set = sample_key_set();
    set.version = version;
    set.roles[SS_ROLE_ROOT].count = 0;
    const uint8_t *roots[3];
    for (unsigned i = 0; i < 3; i++)
        roots[i] = sample_public_key(first_root + i);
    for (unsigned i = 0; i < 3; i++) { // ascending
        unsigned at = 0;
        for (unsigned j = 0; j < 3; j++)
            at += memcmp(roots[j], roots[i], SS_STATEMENT_KEY_SIZE) < 0;
        set.roles[SS_ROLE_ROOT].keys[at] = roots[i];
    }
    set.roles[SS_ROLE_ROOT].count = 3;
    sample_sign_key_set(&set, keys, &made[which]);
    sets[which] = (struct ss_span){made[which].bytes, (uint16_t)made[which].len};
}

static int set_up(void **state)
{
    (void)state;
    make(V1, 1, 1, (const unsigned[]){1, 2, 0});
    make(V2, 2, 1, (const unsigned[]){2, 3, 0});
    make(V3, 3, 7, (const unsigned[]){1, 3, 7, 8, 0});
    make(V4, 4, 10, (const unsigned[]){7, 9, 10, 11, 0});
    make(V5, 5, 10, (const unsigned[]){1, 2, 10, 12, 0});
    make(FOREIGN, 9, 10, (const unsigned[]){10, 11, 12, 0});
    return 0;
}

static const struct ss_span none;

// Versions in force: current and previous, 0 for none.
static void choose(struct ss_span pinned, struct ss_span current, struct ss_span previous, uint32_t want_current,
                   uint32_t want_previous)
{
    struct ss_trust trust;
    struct ss_key_ring ring;
    const struct ss_trust_sets from = {.pinned = pinned, .current = current, .previous = previous};
    assert_int_equal(ss_trust_choose(&from, &trust, &ring), SS_OK);
    assert_int_equal(ring.current->version, want_current);
    assert_int_equal(ring.previous ? ring.previous->version : 0, want_previous);
}

static void the_pinned_set_alone(void **state)
{
    (void)state;
    choose(sets[V1], none, none, 1, 0);
    choose(sets[V1], sets[V1], none, 1, 0);
    choose(sets[V1], sets[V1], sets[V1], 1, 0);
}

static void a_stored_set_follows(void **state)
{
    (void)state;
    choose(sets[V1], sets[V2], sets[V1], 2, 1);
    choose(sets[V1], sets[V3], sets[V2], 3, 2);
    choose(sets[V1], sets[V3], sets[V1], 3, 1);
    choose(sets[V2], sets[V4], sets[V3], 4, 3);
}

// Its successor says until when its keys hold; of an older one nobody knows what was withdrawn since.
static void without_the_set_before_only_the_newest_counts(void **state)
{
    (void)state;
    choose(sets[V1], sets[V3], none, 3, 0);
    choose(sets[V1], sets[V3], sets[FOREIGN], 3, 0);
}

static void a_new_app_brings_newer_pins(void **state)
{
    (void)state;
    choose(sets[V3], sets[V2], sets[V1], 3, 0);
    choose(sets[V3], sets[V3], sets[V2], 3, 0);
    choose(sets[V4], sets[V3], sets[V2], 4, 0);
}

static void what_does_not_follow_is_left_out(void **state)
{
    (void)state;
    choose(sets[V1], sets[FOREIGN], none, 1, 0);
    choose(sets[V1], sets[FOREIGN], sets[V2], 2, 0);
    choose(sets[V1], sets[FOREIGN], sets[FOREIGN], 1, 0);
    choose(sets[V1], sets[V4], sets[V2], 2, 0);
    choose(sets[V1], sets[V4], none, 1, 0);
}

static void every_damaged_byte_is_noticed(void **state)
{
    (void)state;
    struct sample_statement damaged;
    for (size_t i = 0; i < made[V2].len; i += 5) {
        damaged = made[V2];
        damaged.bytes[i] ^= 0x40;
        struct ss_span span = {damaged.bytes, (uint16_t)damaged.len};
        struct ss_trust trust;
        struct ss_key_ring ring;
        const struct ss_trust_sets from = {.pinned = sets[V1], .current = span};
        assert_int_equal(ss_trust_choose(&from, &trust, &ring), SS_OK);
        assert_int_equal(ring.current->version, 1);
    }
}

static void pins_that_are_no_key_set(void **state)
{
    (void)state;
    struct ss_trust trust;
    struct ss_key_ring ring;
    struct ss_trust_sets from = {.current = sets[V2]};
    assert_int_equal(ss_trust_choose(&from, &trust, &ring), SS_ERROR_DATA_INVALID);
    assert_null(ring.current);
    from.pinned = (struct ss_span){made[V1].bytes, (uint16_t)(made[V1].len - 1)};
    assert_int_equal(ss_trust_choose(&from, &trust, &ring), SS_ERROR_DATA_INVALID);
    assert_null(ring.current);
}

static void a_set_that_would_be_lost_is_not_kept(void **state)
{
    (void)state;
    struct ss_trust trust;
    struct ss_key_ring ring;
    struct ss_trust_sets from = {.pinned = sets[V1]};
    assert_int_equal(ss_trust_choose(&from, &trust, &ring), SS_OK);
    assert_int_equal(ss_trust_would_keep(&trust, sets[V2]), SS_OK);
    assert_int_equal(ss_trust_would_keep(&trust, sets[V3]), SS_OK);
    from = (struct ss_trust_sets){.pinned = sets[V1], .current = sets[V3], .previous = sets[V2]};
    assert_int_equal(ss_trust_choose(&from, &trust, &ring), SS_OK);
    assert_int_equal(ss_trust_would_keep(&trust, sets[V4]), SS_OK);
    // The roots of 4 are two steps from the pinned ones: what only they and others have signed would be one too far.
    from = (struct ss_trust_sets){.pinned = sets[V1], .current = sets[V4], .previous = sets[V3]};
    assert_int_equal(ss_trust_choose(&from, &trust, &ring), SS_OK);
    assert_int_equal(ring.current->version, 4);
    make(FOREIGN, 6, 7, (const unsigned[]){10, 11, 7, 8, 0});
    assert_int_equal(ss_trust_would_keep(&trust, sets[FOREIGN]), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(ss_trust_would_keep(&trust, sets[V5]), SS_OK); // the pinned roots have signed it, too
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_pinned_set_alone, set_up),
        cmocka_unit_test_setup(a_stored_set_follows, set_up),
        cmocka_unit_test_setup(without_the_set_before_only_the_newest_counts, set_up),
        cmocka_unit_test_setup(a_new_app_brings_newer_pins, set_up),
        cmocka_unit_test_setup(what_does_not_follow_is_left_out, set_up),
        cmocka_unit_test_setup(every_damaged_byte_is_noticed, set_up),
        cmocka_unit_test_setup(pins_that_are_no_key_set, set_up),
        cmocka_unit_test_setup(a_set_that_would_be_lost_is_not_kept, set_up),
    };
    return ss_test_main(argc, argv, tests);
}
