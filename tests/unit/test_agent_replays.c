// SPDX-License-Identifier: Apache-2.0
// What is genuine, and in the wrong place or at the wrong time: signatures and statements of other devices, releases
// and roles, old updates, other ciphertext. The old app keeps running, and nothing but the first window was touched.
#include "support/agent_bench.h"
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"

static void other_device(struct ss_delivery *d)
{
    d->device = ss_span_of("240ac4123457");
}

static void secure_version(struct ss_release *r)
{
    r->secure_version = 2;
}

// -- Signatures and statements in the wrong place ---------------------------------------------------------------------

static void swap_signatures(struct sample_statement *a, struct sample_statement *b)
{
    uint8_t keep[SS_STATEMENT_SIGNATURE_SIZE]; // it ends the statement
    memcpy(keep, a->bytes + a->len - sizeof keep, sizeof keep);
    memcpy(a->bytes + a->len - sizeof keep, b->bytes + b->len - sizeof keep, sizeof keep);
    memcpy(b->bytes + b->len - sizeof keep, keep, sizeof keep);
}

static void signatures_swapped(void **state)
{
    (void)state;
    struct parcel_options o = agent_usual;
    struct parcel mine, theirs, next;
    struct device *d = device_offered(&agent_with_rollback, &o, &mine);
    o.alter_delivery = other_device;
    make_parcel(d, &o, &theirs);
    o.alter_delivery = NULL;
    o.version = 3;
    make_parcel(d, &o, &next);
    swap_signatures(&mine.delivery, &theirs.delivery); // between devices
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SIGNATURE);
    swap_signatures(&mine.delivery, &theirs.delivery);
    swap_signatures(&mine.release, &next.release); // between releases
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SIGNATURE);
    swap_signatures(&mine.release, &next.release);
    swap_signatures(&mine.release, &mine.delivery); // between kinds
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SIGNATURE);
    swap_signatures(&mine.release, &mine.delivery);
    struct parcel mixed = {.release = next.release, .delivery = mine.delivery}; // whole statements
    d->in = &mixed;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_RELEASE);
    mixed = (struct parcel){.release = mine.delivery, .delivery = mine.release};
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_KIND);
    mixed = (struct parcel){.release = mine.release, .delivery = mine.release};
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_KIND);
    d->in = &theirs;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_DEVICE);
    d->in = &mine;
    device_boot(d);
    device_expect(d, 1);
    device_free(d);
}

static void keys_of_other_roles(void **state)
{
    (void)state;
    static const struct {
        unsigned release, delivery;
        enum ss_reason reason;
    } cases[] = {{5, 0, SS_REASON_SIGNER_ROLE},     {1, 0, SS_REASON_SIGNER_ROLE},    {6, 0, SS_REASON_SIGNER_ROLE},
                 {0, 4, SS_REASON_SIGNER_ROLE},     {0, 2, SS_REASON_SIGNER_ROLE},    {0, 6, SS_REASON_SIGNER_ROLE},
                 {10, 0, SS_REASON_SIGNER_UNKNOWN}, {0, 10, SS_REASON_SIGNER_UNKNOWN}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct parcel_options o = agent_usual;
        struct parcel p;
        o.release_key = cases[i].release;
        o.delivery_key = cases[i].delivery;
        struct device *d = device_offered(&agent_with_rollback, &o, &p);
        device_expect_refused(d, SS_CAUSE_STATEMENT, cases[i].reason);
        assert_int_equal(d->agent.refused, cases[i].release ? SS_STATEMENT_RELEASE : SS_STATEMENT_DELIVERY);
        device_free(d);
    }
}

// -- Old ones ---------------------------------------------------------------------------------------------------------

static void replays_and_downgrades(void **state)
{
    (void)state;
    struct parcel first, second, third, old;
    struct parcel_options o = agent_usual;
    struct device *d = device_offered(&agent_with_rollback, &o, &first);
    device_boot(d);
    device_expect(d, 1);
    make_parcel(d, &(struct parcel_options){.version = 3, .slot = 0, .sequence = 8, .secure_version = 4}, &second);
    d->in = &second;
    device_boot(d);
    device_expect(d, 0);
    // Slot 1 is the next again: the update that was for it may not come back.
    d->in = &first;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SEQUENCE);
    d->in = &second;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SLOT_ADDRESS);
    // Nor an older number with another release, nor a lower secure_version.
    make_parcel(d, &(struct parcel_options){.version = 4, .slot = 1, .sequence = 8}, &third);
    d->in = &third;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SEQUENCE);
    o.sequence = 9;
    o.alter_release = secure_version;
    make_parcel(d, &o, &old);
    d->in = &old;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SECURE_VERSION);
    device_free(d);
}

static void an_old_epoch(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &p);
    d->stored[0].epoch = 2;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_EPOCH);
    d->stored[0] = (struct ss_agent_record){.epoch = 1, .sequence = 6};
    device_boot(d);
    device_expect(d, 1);
    device_free(d);
}

// -- Ciphertext -------------------------------------------------------------------------------------------------------

// Sealed with another device's key. Said to be for this one, it does not decrypt; and what is said to be this device's
// does not have its digests.
static void another_devices_file(void **state)
{
    (void)state;
    struct parcel mine, theirs;
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &mine);
    struct device *other = device_new(&agent_with_rollback);
    bench_set_key(other->bench, 1, 0x70, false);
    make_parcel(other, &agent_usual, &theirs);
    d->in = &theirs;
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_SEALED_WRONG);
    assert_true(ss_all_bytes(d->bench->chip->flash.data + d->slots[1] + 4096, 0x1000, 0x5A));
    struct parcel mixed = mine;
    mixed.sealed = theirs.sealed;
    d->in = &mixed;
    d->stored[0] = (struct ss_agent_record){0};
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_SEALED_WRONG);
    // Right at the beginning, wrong later.
    memcpy(theirs.sealed, mine.sealed, 32);
    d->stored[0] = (struct ss_agent_record){0};
    device_expect_first_window_refused(d);
    assert_int_equal(d->agent.cause, SS_CAUSE_WINDOW);
    device_free(other);
    device_free(d);
}

static void extra_bytes(void **state)
{
    (void)state;
    static const uint8_t extra[SS_AGENT_SECTOR];
    struct parcel p;
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &p);
    uint32_t wanted;
    device_started(d, 0);
    assert_int_equal(device_begin(d, &wanted), SS_OK);
    assert_int_equal(device_push(d, 0), SS_OK);
    uint64_t programs = d->bench->chip->flash.programs;
    for (size_t len = 1; len <= sizeof extra; len *= 2) {
        assert_int_equal(ss_agent_write(&d->agent, extra, len), SS_ERROR_INSUFFICIENT_SPACE);
        assert_int_equal(d->agent.cause, SS_CAUSE_TOO_MUCH);
    }
    assert_int_equal(ss_agent_write(&d->agent, extra, SIZE_MAX), SS_ERROR_INSUFFICIENT_SPACE);
    assert_int_equal(d->bench->chip->flash.programs, programs);
    assert_int_equal(ss_agent_finish(&d->agent), SS_OK);
    device_free(d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_swapped),     cmocka_unit_test(keys_of_other_roles),
        cmocka_unit_test(replays_and_downgrades), cmocka_unit_test(an_old_epoch),
        cmocka_unit_test(another_devices_file),   cmocka_unit_test(extra_bytes),
    };
    return ss_test_main(argc, argv, tests);
}
