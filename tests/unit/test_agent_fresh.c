// SPDX-License-Identifier: Apache-2.0
// Freshness records as a device gets them: what is refused, and when it raises an alarm.
#include "support/agent_bench.h"
#include "support/unit.h"

#include <string.h>

#define NOW  1800000000u
#define YEAR (365u * 86400u)
#define DAY  86400u

/// A record as the server makes it; all zero: of this device and product, any release, key set 1.
struct fresh {
    uint64_t time;
    const uint8_t *release;
    const char *product, *device;
    uint32_t key_set;
    unsigned key; ///< 0: 5
};

static void make_fresh(const struct fresh *f, struct sample_statement *out)
{
    struct ss_error err = {0};
    uint8_t leaf[SS_FRESHNESS_LEAF_MAX], root[SS_STATEMENT_DIGEST_SIZE];
    struct ss_freshness_signature signature;
    size_t len;
    struct ss_freshness r = {.product = ss_span_of(f->product ? f->product : "thermostat"),
                             .device = ss_span_of(f->device ? f->device : "240ac4123456"),
                             .time = f->time,
                             .release = f->release,
                             .key_set = f->key_set ? f->key_set : 1,
                             .root = root,
                             .leaves = 1};
    assert_ok(ss_freshness_leaf(&r, leaf, sizeof leaf, &len, &err), err);
    assert_int_equal(ss_merkle_leaf(leaf, len, root), SS_OK);
    assert_ok(ss_freshness_sign(&r, sample_signing_key(f->key ? f->key : 5), &signature, &err), err);
    assert_ok(ss_freshness_encode(&r, &signature, out->bytes, sizeof out->bytes, &out->len, &err), err);
}

static ss_status_t give_fresh(struct device *d, const struct fresh *f)
{
    struct sample_statement s;
    make_fresh(f, &s);
    return ss_agent_freshness(&d->agent, s.bytes, s.len);
}

static void expect_stale(struct device *d, const struct fresh *f, enum ss_reason reason)
{
    assert_int_equal(give_fresh(d, f), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.cause, SS_CAUSE_STATEMENT);
    assert_int_equal(d->agent.refused, SS_STATEMENT_FRESHNESS);
    assert_string_equal(ss_reason_name(d->agent.refusal.reason), ss_reason_name(reason));
}

static void freshness_records_that_are_refused(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &p);
    device_set_time(d, NOW + 10 * DAY);
    device_started(d, 0);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW + 9 * DAY}), SS_OK);
    expect_stale(d, &(struct fresh){.time = NOW + 8 * DAY}, SS_REASON_REPLAYED);
    expect_stale(d, &(struct fresh){.time = NOW + 12 * DAY}, SS_REASON_FUTURE);
    expect_stale(d, &(struct fresh){.time = NOW + 10 * DAY, .device = "240ac4123457"}, SS_REASON_DEVICE);
    expect_stale(d, &(struct fresh){.time = NOW + 10 * DAY, .product = "thermometer"}, SS_REASON_PRODUCT);
    expect_stale(d, &(struct fresh){.time = NOW + 10 * DAY, .key = 4}, SS_REASON_SIGNER_ROLE);
    expect_stale(d, &(struct fresh){.time = NOW + 10 * DAY, .key = 6}, SS_REASON_SIGNER_ROLE);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW + 10 * DAY, .key = 9}), SS_ERROR_DOES_NOT_EXIST);
    struct sample_statement s;
    make_fresh(&(struct fresh){.time = NOW + 10 * DAY}, &s);
    for (size_t i = 0; i < s.len; i++) {
        s.bytes[i] ^= 0x10;
        assert_int_not_equal(ss_agent_freshness(&d->agent, s.bytes, s.len), SS_OK);
        s.bytes[i] ^= 0x10;
    }
    assert_int_equal(ss_agent_freshness(&d->agent, p.delivery.bytes, p.delivery.len), SS_ERROR_DATA_INVALID);
    assert_int_equal(d->stored[0].fresh, NOW + 9 * DAY);
    // Not in the middle of an update, whose buffer it would use; and the update does not mind.
    uint32_t wanted;
    assert_int_equal(device_begin(d, &wanted), SS_OK);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW + 10 * DAY}), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_ORDER);
    assert_int_equal(device_push(d, 0), SS_OK);
    assert_int_equal(ss_agent_finish(&d->agent), SS_OK);
    device_free(d);
}

static struct device *watched(uint64_t time)
{
    struct device *d = device_new(&agent_with_rollback);
    d->alarm_seconds = 7 * DAY;
    device_set_time(d, time);
    device_started(d, 0);
    return d;
}

// A server that has gone quiet, by the clock. An alarm keeps nothing from happening.
static void an_alarm_when_nothing_comes(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = watched(NOW);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW}), SS_OK);
    d->time = NOW + 7 * DAY;
    assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
    d->time++;
    assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_STALE);
    device_started(d, 0);
    assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_STALE);
    make_parcel(d, &agent_usual, &p);
    d->in = &p;
    device_boot(d);
    device_expect(d, 1);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = d->time}), SS_OK);
    assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
    d->identity.alarm_seconds = 0;
    d->time += YEAR;
    assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
    device_free(d);
}

// Without a clock the hours that it runs are counted, over resets; with one, too, until the first record has come.
static void hours_are_counted_without_a_clock(void **state)
{
    (void)state;
    enum ss_agent_found found;
    for (unsigned has_clock = 0; has_clock < 2; has_clock++) {
        struct device *d = watched(has_clock ? NOW : 0);
        for (unsigned day = 0; day < 8; day++) {
            assert_int_equal(ss_agent_alarm(&d->agent), day * 24 > 7 * 24 ? SS_ALARM_STALE : SS_ALARM_NONE);
            for (uint32_t seconds = 0; seconds <= DAY + 1800; seconds += 600)
                assert_int_equal(ss_agent_tick(&d->agent, seconds, &found), SS_OK);
            assert_int_equal(d->stored[0].stale_hours, (day + 1) * 24);
            device_started(d, 0); // the half hour is lost
        }
        assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_STALE);
        assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW}), SS_OK);
        assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
        assert_int_equal(d->stored[0].stale_hours, 0);
        device_free(d);
    }
}

// Records come, and name what nobody brings.
static void an_alarm_when_updates_are_withheld(void **state)
{
    (void)state;
    static const uint8_t release[SS_STATEMENT_DIGEST_SIZE] = {7};
    struct parcel p;
    struct sample_statement s;
    for (unsigned what = 0; what < 2; what++) {
        struct device *d = watched(NOW);
        struct fresh f = {.release = what ? NULL : release, .key_set = what ? 2 : 1};
        for (unsigned day = 0; day <= 8; day++) {
            f.time = d->time = NOW + day * DAY;
            assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
            assert_int_equal(give_fresh(d, &f), SS_OK);
        }
        assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_WITHHELD);
        device_started(d, 0);
        assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_WITHHELD);
        if (what) {
            struct ss_key_set next = sample_key_set();
            next.version = 2;
            sample_sign_key_set(&next, (const unsigned[]){1, 2, 0}, &s);
            assert_int_equal(device_give_key_set(d, &s), SS_OK);
        } else {
            uint32_t wanted; // another release than was named is an offer, too
            make_parcel(d, &agent_usual, &p);
            d->in = &p;
            assert_int_equal(device_begin(d, &wanted), SS_OK);
            assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
            f.release = d->agent.record.release;
            device_started(d, 0);
        }
        f.time++;
        assert_int_equal(give_fresh(d, &f), SS_OK);
        assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
        device_free(d);
    }
}

// An update that failed leaves the device with the release before it: that is no longer offered, and need not be.
static void the_release_that_runs_is_not_withheld(void **state)
{
    (void)state;
    struct parcel p, next;
    struct device *d = watched(NOW);
    make_parcel(d, &agent_usual, &p);
    d->in = &p;
    device_boot(d);
    device_expect(d, 1);
    uint8_t runs[SS_STATEMENT_DIGEST_SIZE];
    memcpy(runs, d->agent.record.running, sizeof runs);
    assert_memory_equal(runs, d->agent.record.release, sizeof runs);
    make_parcel(d, &(struct parcel_options){.version = 3, .slot = 0, .sequence = 8}, &next);
    d->in = &next;
    d->unhealthy = true;
    device_boot(d);
    device_expect(d, 1);
    assert_memory_not_equal(runs, d->agent.record.release, sizeof runs);
    for (unsigned day = 0; day < 20; day++) {
        d->time += DAY;
        assert_int_equal(give_fresh(d, &(struct fresh){.time = d->time, .release = runs}), SS_OK);
        assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
    }
    device_free(d);
}

static ss_status_t keep_for_later(void *context, const uint8_t *key_set, size_t len)
{
    (void)context, (void)key_set, (void)len;
    return SS_OK;
}

// A key set that was taken is not withheld, also where it counts from the next start on.
static void a_key_set_that_counts_later(void **state)
{
    (void)state;
    struct sample_statement s;
    struct ss_key_set next = sample_key_set();
    struct device *d = watched(NOW);
    d->port.store_key_set = keep_for_later;
    next.version = 2;
    sample_sign_key_set(&next, (const unsigned[]){1, 2, 0}, &s);
    assert_int_equal(device_give_key_set(d, &s), SS_OK);
    assert_int_equal(d->identity.ring.current->version, 1);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW, .key_set = 2}), SS_OK);
    assert_int_equal(d->stored[0].withheld, 0);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW + 1, .key_set = 3}), SS_OK);
    assert_int_equal(d->stored[0].withheld, NOW + 1);
    device_free(d);
}

// Who has stolen the delivery key can date records far ahead, where nobody knows the time. A new key ends that.
static void a_record_from_the_future(void **state)
{
    (void)state;
    struct sample_statement s;
    struct ss_key_set next = sample_key_set();
    struct device *d = watched(0);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW + 50 * (uint64_t)YEAR}), SS_OK);
    expect_stale(d, &(struct fresh){.time = NOW}, SS_REASON_REPLAYED);
    next.version = 2;
    next.epochs[0] = 2;
    next.roles[SS_ROLE_DELIVERY].keys[0] = sample_public_key(8);
    sample_sign_key_set(&next, (const unsigned[]){1, 2, 0}, &s);
    assert_int_equal(device_give_key_set(d, &s), SS_OK);
    assert_int_equal(give_fresh(d, &(struct fresh){.time = NOW, .key = 8, .key_set = 2}), SS_OK);
    device_free(d);
}

// The same where the time becomes known later: what is from the future then counts for nothing.
static void a_clock_that_comes_later(void **state)
{
    (void)state;
    static const uint8_t release[SS_STATEMENT_DIGEST_SIZE] = {7};
    enum ss_agent_found found;
    struct device *d = watched(0);
    struct fresh f = {.time = NOW + 50 * (uint64_t)YEAR, .release = release};
    assert_int_equal(give_fresh(d, &f), SS_OK);
    device_set_time(d, NOW);
    for (unsigned hours = 0; hours <= 7 * 24; hours++) {
        assert_int_equal(ss_agent_tick(&d->agent, hours * 3600, &found), SS_OK);
        assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
    }
    assert_int_equal(ss_agent_tick(&d->agent, (7 * 24 + 1) * 3600, &found), SS_OK);
    assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_STALE);
    f.time = NOW;
    assert_int_equal(give_fresh(d, &f), SS_OK);
    assert_int_equal(d->stored[0].fresh, NOW);
    assert_int_equal(d->stored[0].withheld, NOW); // not since a day that is still to come
    assert_int_equal(ss_agent_alarm(&d->agent), SS_ALARM_NONE);
    expect_stale(d, &(struct fresh){.time = NOW - 1}, SS_REASON_REPLAYED);
    device_free(d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freshness_records_that_are_refused),
        cmocka_unit_test(an_alarm_when_nothing_comes),
        cmocka_unit_test(hours_are_counted_without_a_clock),
        cmocka_unit_test(an_alarm_when_updates_are_withheld),
        cmocka_unit_test(the_release_that_runs_is_not_withheld),
        cmocka_unit_test(a_key_set_that_counts_later),
        cmocka_unit_test(a_record_from_the_future),
        cmocka_unit_test(a_clock_that_comes_later),
    };
    return ss_test_main(argc, argv, tests);
}
