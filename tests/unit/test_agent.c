// SPDX-License-Identifier: Apache-2.0
// The agent on a virtual chip with flash encryption and signed apps: updates there and back, everything that goes
// wrong with them, and the power cut at every operation.
#include "support/agent_bench.h"
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"

static const struct agent_options plain = {0};

static struct device *offered(const struct parcel_options *o, bool rollback, struct parcel *p)
{
    return device_offered(rollback ? &agent_with_rollback : &plain, o, p);
}

static void there_and_back(void **state)
{
    (void)state;
    for (unsigned rollback = 0; rollback < 2; rollback++) {
        struct device *d = device_new(rollback ? &agent_with_rollback : &plain);
        struct parcel p;
        for (unsigned n = 1; n <= 4; n++) {
            make_parcel(d, &(struct parcel_options){.version = n + 1, .slot = n % 2, .sequence = n}, &p);
            d->in = &p;
            d->chunk = n == 1 ? 1 : n == 2 ? 4096 : n == 3 ? 100000 : 777;
            device_boot(d);
            device_expect(d, n % 2);
            assert_int_equal(d->updates, n);
            // The new app is offered the same again: it is for the slot that runs now.
            assert_int_equal(d->agent.cause, SS_CAUSE_STATEMENT);
            assert_int_equal(d->agent.refusal.reason, SS_REASON_SLOT_ADDRESS);
            assert_int_equal(d->stored[0].phase, SS_AGENT_IDLE);
            // The slot holds the ciphertext and nothing else.
            assert_memory_equal(d->bench->chip->flash.data + d->slots[n % 2], p.sealed, p.len);
            assert_true(ss_all_bytes(d->bench->chip->flash.data + d->slots[n % 2] + p.len, BENCH_SLOT - p.len, 0xFF));
        }
        device_free(d);
    }
}

static void nothing_is_erased_unless_accepted(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(&agent_usual, true, &p);
    p.delivery.bytes[p.delivery.len - 1] ^= 1;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SIGNATURE);
    assert_int_equal(d->agent.refused, SS_STATEMENT_DELIVERY);
    p.delivery.bytes[p.delivery.len - 1] ^= 1;
    p.release.bytes[p.release.len - 1] ^= 1;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SIGNATURE);
    p.release.bytes[p.release.len - 1] ^= 1;
    d->stored[0].epoch = 1;
    d->stored[0].sequence = 7;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SEQUENCE);
    d->stored[0].sequence = 0;
    d->sim.unwilling = true;
    device_expect_refused(d, SS_CAUSE_UNWILLING, SS_REASON_NONE);
    make_parcel(d, &(struct parcel_options){.version = 2, .slot = 0, .sequence = 7}, &p);
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SLOT_ADDRESS);
    make_parcel(d, &agent_usual, &p);
    d->sim.unwilling = false;
    device_boot(d);
    device_expect(d, 1);
    device_free(d);
}

static void calls_in_the_wrong_order(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(&agent_usual, true, &p);
    uint32_t wanted;
    device_started(d, 0);
    assert_int_equal(ss_agent_write(&d->agent, p.sealed, 1), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_ORDER);
    assert_int_equal(ss_agent_finish(&d->agent), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_agent_confirm(&d->agent), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_agent_reject(&d->agent), SS_ERROR_BAD_STATE);
    assert_int_equal(device_begin(d, &wanted), SS_OK);
    assert_int_equal(wanted, 0);
    assert_int_equal(ss_agent_write(&d->agent, p.sealed, p.len + 1), SS_ERROR_INSUFFICIENT_SPACE);
    assert_int_equal(d->agent.cause, SS_CAUSE_TOO_MUCH);
    assert_int_equal(ss_agent_wanted(&d->agent), 0);
    assert_int_equal(ss_agent_write(&d->agent, p.sealed, p.len - 1), SS_OK);
    assert_int_equal(ss_agent_finish(&d->agent), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_TOO_LITTLE);
    assert_int_equal(ss_agent_write(&d->agent, p.sealed + p.len - 1, 1), SS_OK);
    assert_int_equal(ss_agent_write(&d->agent, p.sealed, 1), SS_ERROR_INSUFFICIENT_SPACE);
    assert_int_equal(ss_agent_finish(&d->agent), SS_OK);
    assert_int_equal(ss_agent_finish(&d->agent), SS_ERROR_BAD_STATE);
    device_free(d);
}

static void a_damaged_window_is_wanted_again(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(&agent_usual, true, &p);
    uint32_t wanted;
    device_started(d, 0);
    assert_int_equal(device_begin(d, &wanted), SS_OK);
    p.sealed[5000] ^= 1;
    assert_int_equal(device_push(d, 0), SS_ERROR_DATA_CORRUPT);
    assert_int_equal(d->agent.cause, SS_CAUSE_WINDOW);
    assert_int_equal(ss_agent_wanted(&d->agent), 4096);
    assert_true(ss_all_bytes(d->bench->chip->flash.data + BENCH_SLOT_1 + 4096, 4096, 0xFF));
    p.sealed[5000] ^= 1;
    assert_int_equal(device_push(d, 4096), SS_OK);
    assert_int_equal(ss_agent_finish(&d->agent), SS_OK);
    assert_int_equal(d->stored[0].failures, 1);
    device_free(d);
}

static void five_failures_end_a_delivery(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(&agent_usual, true, &p);
    p.sealed[5000] ^= 1;
    for (unsigned n = 1; n < SS_AGENT_FAILURES_MAX; n++) {
        device_boot(d); // the count outlives resets
        device_expect(d, 0);
        assert_int_equal(d->agent.cause, SS_CAUSE_WINDOW);
        assert_int_equal(d->stored[0].failures, n);
    }
    device_boot(d);
    assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
    p.sealed[5000] ^= 1;
    uint64_t erases = d->bench->chip->flash.erases;
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
    assert_int_equal(d->bench->chip->flash.erases, erases);
    // The next one has its own count.
    make_parcel(d, &(struct parcel_options){.version = 2, .slot = 1, .sequence = 8}, &p);
    device_boot(d);
    device_expect(d, 1);
    device_free(d);
}

static void sealed_for_another_place_is_found_at_once(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(
        &(struct parcel_options){.version = 2, .slot = 1, .sequence = 7, .other_address = BENCH_SLOT_0}, true, &p);
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_SEALED_WRONG);
    assert_true(ss_all_bytes(d->bench->chip->flash.data + BENCH_SLOT_1, 4096, 0xFF));
    assert_int_equal(d->bench->chip->flash.data[BENCH_SLOT_1 + 4096], 0x5A); // no further sector was touched
    assert_int_equal(d->stored[0].failures, 1);
    device_free(d);
}

static void another_image_than_the_release(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d =
        offered(&(struct parcel_options){.version = 2, .slot = 1, .sequence = 7, .other_digest = true}, true, &p);
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_DIGEST);
    assert_int_equal(d->stored[0].phase, SS_AGENT_WRITING);
    device_free(d);
}

static void an_image_that_the_bootloader_would_not_start(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d =
        offered(&(struct parcel_options){.version = 2, .slot = 1, .sequence = 7, .unsigned_image = true}, true, &p);
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_IMAGE);
    device_free(d);
}

static void flash_that_fails(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(&agent_usual, true, &p);
    // Bits that do not program, in the second sector.
    for (uint32_t i = 0; i < 64 && !d->bench->chip->flash.faults.stuck; i++)
        if (p.sealed[4096 + i] != 0xFF) {
            d->bench->chip->flash.faults.stuck_at = BENCH_SLOT_1 + 4096 + i;
            d->bench->chip->flash.faults.stuck = (uint8_t)~p.sealed[4096 + i];
        }
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_FLASH);
    // A sector that no longer erases: behind the image.
    d->bench->chip->flash.faults = (struct ss_flash_faults){.worn = (BENCH_SLOT_1 + 0xF000) / 4096 + 1};
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_FLASH);
    d->bench->chip->flash.faults = (struct ss_flash_faults){0};
    device_boot(d);
    device_expect(d, 1);
    device_free(d);
}

static void an_unfit_app_is_taken_back(void **state)
{
    (void)state;
    for (unsigned rollback = 0; rollback < 2; rollback++) {
        struct parcel p;
        struct device *d = offered(&agent_usual, rollback, &p);
        d->unhealthy = true;
        device_boot(d);
        device_expect(d, 0);
        assert_int_equal(d->updates, 1);
        assert_int_equal(d->stored[0].phase, SS_AGENT_ROLLED_BACK);
        assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
        // A later one may try.
        d->unhealthy = false;
        make_parcel(d, &(struct parcel_options){.version = 3, .slot = 1, .sequence = 8}, &p);
        device_boot(d);
        device_expect(d, 1);
        device_free(d);
    }
}

static void an_app_that_crashes_is_taken_back(void **state)
{
    (void)state;
    for (unsigned rollback = 0; rollback < 2; rollback++) {
        struct parcel p;
        struct device *d = offered(&agent_usual, rollback, &p);
        d->crashes = true;
        device_boot(d);
        device_expect(d, 0);
        assert_int_equal(d->updates, SS_AGENT_FAILURES_MAX);
        assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
        device_free(d);
    }
}

static void no_update_during_a_trial(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(&agent_usual, true, &p);
    uint32_t wanted;
    device_started(d, 0);
    assert_int_equal(device_update(d), SS_OK);
    // Selected, and not yet started: what is selected stays as it is.
    assert_int_equal(device_begin(d, &wanted), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_TRIAL);
    device_started(d, 1);
    assert_int_equal(d->found, SS_FOUND_TRIAL);
    assert_int_equal(device_begin(d, &wanted), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_TRIAL);
    // Nor if the storage has an old record, and only the bootloader knows of the trial.
    assert_int_equal(ss_sim_set_state(&d->sim, SS_OTA_PENDING_VERIFY), SS_OK);
    for (unsigned slot = 0; slot < 2; slot++) {
        d->stored[0] = (struct ss_agent_record){.phase = SS_AGENT_SWITCHING, .slot = (uint8_t)slot};
        device_started(d, 1);
        assert_int_equal(d->found, SS_FOUND_TRIAL);
        assert_int_equal(device_begin(d, &wanted), SS_ERROR_BAD_STATE);
    }
    d->stored[0] = (struct ss_agent_record){0};
    device_started(d, 1);
    assert_int_equal(d->found, SS_FOUND_TRIAL);
    assert_int_equal(ss_agent_confirm(&d->agent), SS_OK);
    device_started(d, 1);
    assert_int_equal(d->found, SS_FOUND_NOTHING);
    device_free(d);
}

static void storage_that_forgets_costs_only_time(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = device_offered(&(struct agent_options){.storage = AGENT_FORGETS}, &agent_usual, &p);
    uint32_t wanted;
    device_started(d, 0);
    assert_int_equal(device_begin(d, &wanted), SS_OK);
    assert_int_equal(ss_agent_write(&d->agent, p.sealed, 4096 + 100), SS_OK);
    device_started(d, 0);
    assert_int_equal(device_begin(d, &wanted), SS_OK);
    assert_int_equal(wanted, 4096); // the window that was whole
    device_boot(d);
    device_expect(d, 1);
    device_free(d);
}

static void keys_rotate(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(&agent_usual, true, &p);
    struct ss_key_set next = sample_key_set();
    struct sample_statement bytes;
    uint32_t wanted;
    // Another release key, another delivery key, and one root key replaced.
    next.version = 2;
    next.roles[SS_ROLE_RELEASE].keys[0] = sample_public_key(7);
    next.roles[SS_ROLE_DELIVERY].keys[0] = sample_public_key(8);
    next.roles[SS_ROLE_ROOT].keys[0] = sample_public_key(9);
    next.epochs[0] = 2;
    device_started(d, 0);
    sample_sign_key_set(&next, (const unsigned[]){9, 2, 0}, &bytes);
    assert_int_equal(ss_agent_key_set(&d->agent, bytes.bytes, bytes.len), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_OLD_ROOTS);
    assert_int_equal(d->agent.refused, SS_STATEMENT_KEY_SET);
    assert_int_equal(ss_agent_key_set(&d->agent, p.release.bytes, p.release.len), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_agent_key_set(&d->agent, bytes.bytes, 10), SS_ERROR_DATA_INVALID);
    assert_int_equal(d->key_sets[1].len, 0);
    sample_sign_key_set(&next, (const unsigned[]){2, 3, 0}, &bytes);
    assert_int_equal(ss_agent_key_set(&d->agent, bytes.bytes, bytes.len), SS_OK);
    device_started(d, 0);
    assert_int_equal(device_begin(d, &wanted), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_KEY_SET_EXPIRED);
    assert_int_equal(ss_agent_key_set(&d->agent, bytes.bytes, bytes.len), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_KEY_SET_VERSION);
    device_free(d);
}

static void causes_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SS_CAUSE_COUNT; i++)
        assert_string_not_equal(ss_agent_cause_name(i), "unknown");
    assert_string_equal(ss_agent_cause_name(SS_CAUSE_COUNT), "unknown");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(nothing_is_erased_unless_accepted),
        cmocka_unit_test(calls_in_the_wrong_order),
        cmocka_unit_test(a_damaged_window_is_wanted_again),
        cmocka_unit_test(five_failures_end_a_delivery),
        cmocka_unit_test(sealed_for_another_place_is_found_at_once),
        cmocka_unit_test(another_image_than_the_release),
        cmocka_unit_test(an_image_that_the_bootloader_would_not_start),
        cmocka_unit_test(flash_that_fails),
        cmocka_unit_test(an_unfit_app_is_taken_back),
        cmocka_unit_test(an_app_that_crashes_is_taken_back),
        cmocka_unit_test(no_update_during_a_trial),
        cmocka_unit_test(storage_that_forgets_costs_only_time),
        cmocka_unit_test(keys_rotate),
        cmocka_unit_test(causes_have_names),
    };
    return ss_test_main(argc, argv, tests);
}
