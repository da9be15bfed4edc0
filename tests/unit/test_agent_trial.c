// SPDX-License-Identifier: Apache-2.0
// What happens around an update: trials that are confirmed, fail, or never end; what is known and told afterwards; and
// the ways of writing and signing that products choose between.
#include "support/agent_bench.h"
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"
#include "slotseal/canonical.h"

static enum ss_agent_state state_of(const struct device *d)
{
    return ss_agent_state(&d->agent);
}

// An update was selected, and the bootloader has started it: what a boot does, up to the app.
static struct device *on_trial(const struct agent_options *options, struct parcel *p)
{
    struct device *d = device_offered(options, &agent_usual, p);
    device_started(d, 0);
    assert_int_equal(device_update(d), SS_OK);
    d->in = NULL;
    bench_boot(d->bench);
    assert_int_equal(d->bench->result.slot, 1);
    device_started(d, 1);
    assert_int_equal(d->found, SS_FOUND_TRIAL);
    assert_int_equal(state_of(d), SS_STATE_TRIAL);
    return d;
}

// No confirmation in time: the device goes back, and tries again, but not for ever.
static void a_trial_that_takes_too_long(void **state)
{
    (void)state;
    enum ss_agent_found found;
    for (unsigned rollback = 0; rollback < 2; rollback++) {
        struct parcel p;
        struct device *d = on_trial(&(struct agent_options){.rollback = rollback}, &p);
        d->trial_seconds = 300;
        device_started(d, 1);
        assert_int_equal(ss_agent_tick(&d->agent, 299, &found), SS_OK);
        assert_int_equal(found, SS_FOUND_NOTHING);
        assert_int_equal(ss_agent_tick(&d->agent, 300, &found), SS_OK);
        assert_int_equal(found, SS_FOUND_TAKE_BACK);
        device_boot(d);
        device_expect(d, 0);
        assert_int_equal(state_of(d), SS_STATE_ROLLED_BACK);
        assert_int_equal(d->stored[0].cause, SS_CAUSE_UNCONFIRMED);
        assert_int_equal(d->stored[0].failures, 1);
        d->in = &p;
        device_boot(d); // this time it confirms itself at once
        device_expect(d, 1);
        assert_int_equal(state_of(d), SS_STATE_CONFIRMED);
        assert_int_equal(d->stored[0].cause, SS_CAUSE_NONE);
        assert_int_equal(ss_agent_tick(&d->agent, 1000, &found), SS_OK);
        assert_int_equal(found, SS_FOUND_NOTHING);
        device_free(d);
    }
}

// Once the other slot is selected, nothing may be written to it, whatever the application does next.
static void nothing_but_a_reset_follows(void **state)
{
    (void)state;
    enum ss_agent_found found;
    for (unsigned how = 0; how < 3; how++) {
        struct parcel p, back;
        struct device *d = on_trial(&(struct agent_options){.rollback = how == 2}, &p);
        uint32_t wanted;
        make_parcel(d, &(struct parcel_options){.version = 3, .slot = 0, .sequence = 8}, &back);
        d->in = &back;
        d->identity.trial_seconds = 10;
        if (how == 0)
            assert_int_equal(ss_agent_tick(&d->agent, 10, &found), SS_OK);
        else
            assert_int_equal(ss_agent_reject(&d->agent), SS_OK);
        assert_int_equal(device_begin(d, &wanted), SS_ERROR_BAD_STATE);
        assert_int_equal(d->agent.cause, SS_CAUSE_TRIAL);
        d->in = NULL;
        device_boot(d);
        device_expect(d, 0);
        assert_int_equal(d->stored[0].cause, how == 0 ? SS_CAUSE_UNCONFIRMED : SS_CAUSE_REJECTED);
        assert_int_equal(state_of(d), SS_STATE_ROLLED_BACK);
        device_free(d);
    }
}

// An app that was built for a bootloader with rollback, on a device whose bootloader is older than that option.
static void a_bootloader_that_has_no_rollback(void **state)
{
    (void)state;
    struct parcel p, next;
    struct parcel_options o = agent_usual;
    struct device *d = device_offered(&agent_with_rollback, &o, &p);
    struct ss_boot_profile believed = d->bench->profile;
    d->sim.profile = &believed;
    d->bench->profile.rollback = false;
    d->crashes = true;
    device_boot(d);
    device_expect(d, 0); // each time after three boots; in the end the delivery is given up
    assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
    assert_int_equal(d->updates, SS_AGENT_FAILURES_MAX);
    assert_int_equal(d->identity.bootloader, SS_BOOTLOADER_ROLLBACK);
    assert_int_equal(ss_agent_bootloader(&d->agent), 0);
    assert_int_equal(d->stored[0].lacks, SS_BOOTLOADER_ALL);
    // A release that needs it is refused now; another one runs.
    d->crashes = false;
    o.sequence = 8;
    make_parcel(d, &o, &next);
    d->in = &next;
    device_boot(d);
    device_expect(d, 1);
    assert_int_equal(state_of(d), SS_STATE_CONFIRMED);
    device_free(d);
}

static void needs_rollback(struct ss_release *r)
{
    r->bootloader = SS_BOOTLOADER_ROLLBACK;
}

static void a_release_that_needs_rollback(void **state)
{
    (void)state;
    struct parcel p;
    struct parcel_options o = agent_usual;
    o.alter_release = needs_rollback;
    struct device *d = device_offered(&agent_with_rollback, &o, &p);
    d->stored[0].lacks = SS_BOOTLOADER_ROLLBACK;
    device_expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_BOOTLOADER);
    d->stored[0].lacks = 0;
    device_boot(d);
    device_expect(d, 1);
    device_free(d);
}

// An update that follows one which had rejected itself: otadata still says so of its slot.
static void a_rejection_is_not_counted_twice(void **state)
{
    (void)state;
    struct parcel p, next;
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &p);
    d->unhealthy = true;
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
    make_parcel(d, &(struct parcel_options){.version = 3, .slot = 1, .sequence = 8}, &next);
    d->in = &next;
    d->unhealthy = false;
    device_started(d, 0);
    assert_int_equal(device_update(d), SS_OK);
    // The power goes before the switch.
    struct device *again = device_offered(&agent_with_rollback, &agent_usual, &p);
    memcpy(d->bench->chip->flash.data + BENCH_OTA, again->bench->chip->flash.data + BENCH_OTA, 0x2000);
    device_free(again);
    device_boot(d);
    device_expect(d, 1);
    device_free(d);
}

static void what_has_to_be_reported_outlives_resets(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d =
        device_offered(&(struct agent_options){.storage = AGENT_JOURNAL, .rollback = true}, &agent_usual, &p);
    device_started(d, 0);
    assert_int_equal(ss_agent_note_action(&d->agent, 1ull << 40 | 77, 3), SS_OK);
    device_boot(d);
    device_expect(d, 1);
    assert_true(d->agent.record.action == (1ull << 40 | 77));
    assert_int_equal(d->agent.record.unreported, 3);
    assert_int_equal(d->agent.record.sequence, 7);
    device_free(d);
}

// The digest that the running app is known by is that of its release, also where each device has a key of its own in
// it.
static void the_running_app_has_its_releases_digest(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        const struct agent_options o = {.secure_boot = n & 1 ? AGENT_V2 : AGENT_V1, .own_key = n & 2, .rollback = true};
        struct parcel p;
        struct ss_statement statement;
        struct ss_release release;
        uint8_t before[32], after[32];
        struct device *d = device_offered(&o, &agent_usual, &p);
        uint32_t wanted;
        device_started(d, 0);
        assert_int_equal(ss_agent_running_digest(&d->agent, before), SS_OK);
        assert_int_equal(device_begin(d, &wanted), SS_OK);
        assert_int_equal(ss_agent_running_digest(&d->agent, after), SS_ERROR_BAD_STATE);
        device_boot(d);
        device_expect(d, 1);
        assert_int_equal(ss_agent_running_digest(&d->agent, after), SS_OK);
        assert_int_equal(ss_statement_parse(p.release.bytes, p.release.len, &statement, NULL), SS_OK);
        assert_int_equal(ss_release_parse(&statement, &release, NULL), SS_OK);
        assert_memory_equal(after, release.digest, sizeof after);
        assert_memory_not_equal(before, after, sizeof after);
        device_free(d);
    }
}

// Headers that no image has: the walk ends, and says so.
static void a_running_app_that_is_no_image(void **state)
{
    (void)state;
    struct device *d = device_new(&(struct agent_options){0});
    uint8_t digest[32];
    uint8_t *flash = d->bench->chip->flash.data;
    d->bench->chip->silicon->words[0] &= ~(0x7Fu << 20); // without encryption: what is laid is what is read
    device_started(d, 0);
    static const struct {
        uint32_t at;
        uint8_t bytes[4];
    } damages[] = {{0, {0xE8}},
                   {1, {0}},
                   {1, {17}},
                   {28, {0xFF, 0xFF, 0xFF, 0xFF}},
                   {28, {0xF0, 0xFF, 0, 0}},
                   {28, {0xE0, 0xFF, 0, 0}}};
    for (unsigned i = 0; i < sizeof damages / sizeof *damages; i++) {
        uint8_t header[32] = {0xE9, 1, [23] = 1, [28] = 0x10};
        memset(flash + d->slots[0], 0, BENCH_SLOT);
        memcpy(header + damages[i].at, damages[i].bytes, damages[i].at == 28 ? 4 : 1);
        memcpy(flash + d->slots[0], header, sizeof header);
        assert_int_equal(ss_agent_running_digest(&d->agent, digest), SS_ERROR_DATA_INVALID);
        assert_int_equal(d->agent.cause, SS_CAUSE_IMAGE);
    }
    device_free(d);
}

// Each place where an update is signed for, there and back.
static void every_kind_of_secure_boot(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * AGENT_SECURE_BOOTS; n++) {
        const struct agent_options o = {.secure_boot = n / 2, .own_key = n % 2, .rollback = n % 2};
        struct device *d = device_new(&o);
        for (unsigned i = 1; i <= 3; i++) {
            struct parcel p;
            make_parcel(d, &(struct parcel_options){.version = i + 1, .slot = i % 2, .sequence = i}, &p);
            d->in = &p;
            device_boot(d);
            device_expect(d, i % 2);
            d->in = NULL;
        }
        struct parcel bad;
        make_parcel(d, &(struct parcel_options){.version = 9, .slot = 0, .sequence = 9, .unsigned_image = true}, &bad);
        d->in = &bad;
        device_boot(d);
        device_expect(d, 1);
        assert_int_equal(d->agent.cause, SS_CAUSE_IMAGE);
        device_free(d);
    }
}

// Everything is erased at once, and nothing again while it is written; what a window leaves is still cleared.
static void erased_at_once(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &p);
    const struct ss_flash *flash = &d->bench->chip->flash;
    uint32_t wanted;
    device_started(d, 0);
    assert_int_equal(ss_agent_erase_ahead(&d->agent), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_ORDER);
    assert_int_equal(device_begin(d, &wanted), SS_OK);
    uint64_t erases = flash->erases;
    assert_int_equal(ss_agent_erase_ahead(&d->agent), SS_OK);
    assert_int_equal(flash->erases - erases, BENCH_SLOT / SS_AGENT_SECTOR);
    assert_true(ss_all_bytes(flash->data + d->slots[1], BENCH_SLOT, 0xFF));
    erases = flash->erases;
    p.sealed[5000] ^= 1;
    assert_int_equal(device_push(d, 0), SS_ERROR_DATA_CORRUPT);
    assert_int_equal(flash->erases - erases, 1);
    p.sealed[5000] ^= 1;
    for (uint32_t from = 4096; from < 4096 + 3000; from += 1000) { // in the middle of a sector and of a piece
        assert_int_equal(ss_agent_write(&d->agent, p.sealed + from, 1000), SS_OK);
        assert_int_equal(ss_agent_erase_ahead(&d->agent), SS_OK);
    }
    assert_int_equal(device_push(d, 4096 + 3000), SS_OK);
    assert_int_equal(flash->erases - erases, 1);
    assert_int_equal(ss_agent_finish(&d->agent), SS_OK);
    device_free(d);
}

static void everything_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(ss_agent_state_name(SS_STATE_CONFIRMED), "confirmed");
    assert_string_equal(ss_agent_state_name(SS_STATE_TRIAL), "trial");
    assert_string_equal(ss_agent_state_name(SS_STATE_ROLLED_BACK), "rolled-back");
    assert_string_equal(ss_agent_state_name(3), "unknown");
    assert_string_equal(ss_agent_alarm_name(SS_ALARM_NONE), "none");
    assert_string_equal(ss_agent_alarm_name(SS_ALARM_STALE), "stale");
    assert_string_equal(ss_agent_alarm_name(SS_ALARM_WITHHELD), "withheld");
    assert_string_equal(ss_agent_alarm_name(3), "unknown");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_that_takes_too_long),
        cmocka_unit_test(nothing_but_a_reset_follows),
        cmocka_unit_test(a_bootloader_that_has_no_rollback),
        cmocka_unit_test(a_release_that_needs_rollback),
        cmocka_unit_test(a_rejection_is_not_counted_twice),
        cmocka_unit_test(what_has_to_be_reported_outlives_resets),
        cmocka_unit_test(the_running_app_has_its_releases_digest),
        cmocka_unit_test(a_running_app_that_is_no_image),
        cmocka_unit_test(every_kind_of_secure_boot),
        cmocka_unit_test(erased_at_once),
        cmocka_unit_test(everything_has_a_name),
    };
    return ss_test_main(argc, argv, tests);
}
