// SPDX-License-Identifier: Apache-2.0
// What an attacker, or a confused server, may offer. All of it is refused before the first erase, or with the first
// window that is written; the old app keeps running.
#include "support/agent_bench.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/bytes.h"

#define NOW 1800000000u

static struct device *device_with_clock(uint64_t time)
{
    struct device *d = device_new(&agent_with_rollback);
    device_set_time(d, time);
    return d;
}

// Offers it without a boot: quicker, for thousands of them.
static void expect_begin_refused(struct device *d, const char *what)
{
    const struct ss_flash *flash = &d->bench->chip->flash;
    uint64_t erases = flash->erases, programs = flash->programs;
    uint32_t wanted;
    ss_status_t status = device_begin(d, &wanted);
    if (status == SS_OK || d->agent.cause != SS_CAUSE_STATEMENT || ss_agent_receiving(&d->agent))
        fail_msg("%s: %s, cause %s", what, ss_status_name(status), ss_agent_cause_name(d->agent.cause));
    if (flash->erases != erases || flash->programs != programs || d->stored[0].epoch != 0)
        fail_msg("%s: something was written", what);
}

// -- Fields altered, and signed by the right key ----------------------------------------------------------------------

/// A field that is other than it should be; `expect` is what refuses it.
struct alteration {
    const char *name;
    void (*release)(struct ss_release *r);
    void (*delivery)(struct ss_delivery *d);
    enum ss_agent_cause cause;
    enum ss_reason reason; ///< with SS_CAUSE_STATEMENT
};

static uint8_t other_digest[SS_STATEMENT_DIGEST_SIZE] = {1};
static uint8_t other_digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE];

static void product(struct ss_release *r)
{
    r->product = ss_span_of("thermostat2");
}
static void table(struct ss_release *r)
{
    r->table_digest = other_digest;
}
static void secure_version(struct ss_release *r)
{
    r->secure_version = 2;
}
static void image_longer(struct ss_release *r)
{
    r->image_len += 4096;
}
static void image_too_long(struct ss_release *r)
{
    r->image_len = BENCH_SLOT;
}
static void bootloader(struct ss_release *r)
{
    r->bootloader = SS_BOOTLOADER_ANTI_ROLLBACK;
}
static void chip(struct ss_release *r)
{
    r->chip = 5;
}
static void scheme(struct ss_release *r)
{
    r->scheme = SS_RELEASE_V2;
}
static void no_scheme(struct ss_release *r)
{
    r->scheme = SS_RELEASE_UNSIGNED;
}
static void other_device(struct ss_delivery *d)
{
    d->device = ss_span_of("240ac4123457");
}
static void longer_device(struct ss_delivery *d)
{
    d->device = ss_span_of("240ac41234560");
}
static void other_release(struct ss_delivery *d)
{
    d->release = other_digest;
}
static void first_window(struct ss_delivery *d)
{
    memcpy(other_digests, d->digests, (size_t)d->windows * SS_STATEMENT_DIGEST_SIZE);
    other_digests[0] ^= 1;
    d->digests = other_digests;
}
static void wider_windows(struct ss_delivery *d)
{
    d->window *= 2;
    d->windows = (uint8_t)((d->windows + 1) / 2);
}
static void epoch(struct ss_delivery *d)
{
    d->epoch = 2;
}
static void too_far(struct ss_delivery *d)
{
    d->sequence = SS_SEQUENCE_JUMP_MAX + 1;
}
static void far_away(struct ss_delivery *d)
{
    d->sequence = SS_STATEMENT_INT_MAX;
}
static void running_slot(struct ss_delivery *d)
{
    d->slot_address = BENCH_SLOT_0;
}
static void over_the_bootloader(struct ss_delivery *d)
{
    d->slot_address = 0x1000;
}
static void over_the_table(struct ss_delivery *d)
{
    d->slot_address = BENCH_TABLE;
}
static void over_otadata(struct ss_delivery *d)
{
    d->slot_address = BENCH_OTA;
}
static void a_sector_on(struct ss_delivery *d)
{
    d->slot_address += 4096;
}
static void smaller_slot(struct ss_delivery *d)
{
    d->slot_size -= 4096;
}
static void larger_slot(struct ss_delivery *d)
{
    d->slot_size += 4096;
}
static void shorter(struct ss_delivery *d)
{
    d->length -= 16;
}
static void much_longer(struct ss_delivery *d)
{
    d->length += 4096;
    d->windows++;
}
static void expired(struct ss_delivery *d)
{
    d->expiry = NOW - 1;
}

static const struct alteration alterations[] = {
    {"product", product, NULL, SS_CAUSE_STATEMENT, SS_REASON_PRODUCT},
    {"table", table, NULL, SS_CAUSE_STATEMENT, SS_REASON_TABLE},
    {"secure version", secure_version, NULL, SS_CAUSE_STATEMENT, SS_REASON_SECURE_VERSION},
    {"image longer", image_longer, NULL, SS_CAUSE_STATEMENT, SS_REASON_LENGTH},
    {"image too long", image_too_long, NULL, SS_CAUSE_STATEMENT, SS_REASON_SLOT_SIZE},
    {"bootloader", bootloader, NULL, SS_CAUSE_STATEMENT, SS_REASON_BOOTLOADER},
    {"chip", chip, NULL, SS_CAUSE_STATEMENT, SS_REASON_CHIP},
    {"scheme", scheme, NULL, SS_CAUSE_STATEMENT, SS_REASON_SECURE_BOOT},
    {"no scheme", no_scheme, NULL, SS_CAUSE_STATEMENT, SS_REASON_SECURE_BOOT},
    {"device", NULL, other_device, SS_CAUSE_STATEMENT, SS_REASON_DEVICE},
    {"longer device", NULL, longer_device, SS_CAUSE_STATEMENT, SS_REASON_DEVICE},
    {"release", NULL, other_release, SS_CAUSE_STATEMENT, SS_REASON_RELEASE},
    {"first window", NULL, first_window, SS_CAUSE_WINDOW, SS_REASON_NONE},
    {"wider windows", NULL, wider_windows, SS_CAUSE_WINDOW, SS_REASON_NONE},
    {"epoch", NULL, epoch, SS_CAUSE_STATEMENT, SS_REASON_EPOCH_KEY},
    {"sequence", NULL, too_far, SS_CAUSE_STATEMENT, SS_REASON_SEQUENCE_JUMP},
    {"last sequence", NULL, far_away, SS_CAUSE_STATEMENT, SS_REASON_SEQUENCE_JUMP},
    {"running slot", NULL, running_slot, SS_CAUSE_STATEMENT, SS_REASON_SLOT_ADDRESS},
    {"bootloader's place", NULL, over_the_bootloader, SS_CAUSE_STATEMENT, SS_REASON_SLOT_ADDRESS},
    {"table's place", NULL, over_the_table, SS_CAUSE_STATEMENT, SS_REASON_SLOT_ADDRESS},
    {"otadata's place", NULL, over_otadata, SS_CAUSE_STATEMENT, SS_REASON_SLOT_ADDRESS},
    {"a sector on", NULL, a_sector_on, SS_CAUSE_STATEMENT, SS_REASON_SLOT_ADDRESS},
    {"smaller slot", NULL, smaller_slot, SS_CAUSE_STATEMENT, SS_REASON_SLOT_SIZE},
    {"larger slot", NULL, larger_slot, SS_CAUSE_STATEMENT, SS_REASON_SLOT_SIZE},
    {"shorter", NULL, shorter, SS_CAUSE_STATEMENT, SS_REASON_LENGTH},
    {"longer", NULL, much_longer, SS_CAUSE_STATEMENT, SS_REASON_LENGTH},
    {"expiry", NULL, expired, SS_CAUSE_STATEMENT, SS_REASON_EXPIRED},
};

static void fields_altered_by_who_may_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof alterations / sizeof *alterations; i++) {
        const struct alteration *a = &alterations[i];
        struct device *d = device_with_clock(NOW);
        struct parcel_options o = agent_usual;
        struct parcel p;
        o.alter_release = a->release;
        o.alter_delivery = a->delivery;
        make_parcel(d, &o, &p);
        d->in = &p;
        if (a->cause == SS_CAUSE_STATEMENT)
            device_expect_refused(d, a->cause, a->reason);
        else
            device_expect_first_window_refused(d);
        if (d->agent.cause != a->cause)
            fail_msg("%s: %s", a->name, ss_agent_cause_name(d->agent.cause));
        // The right one is taken.
        o = agent_usual;
        o.sequence = 8;
        make_parcel(d, &o, &p);
        device_boot(d);
        device_expect(d, 1);
        device_free(d);
    }
}

static uint32_t bad_length;
static void other_image_len(struct ss_release *r)
{
    r->image_len = r->image_len - bad_length;
}
static void other_vk(struct ss_release *r)
{
    r->vk_offset = 0x200;
}

// What only the holder of the release key can get wrong is found when the image has been read: before the switch.
static void releases_of_another_image(void **state)
{
    (void)state;
    struct parcel_options o = agent_usual;
    struct parcel p;
    bad_length = 16;
    for (unsigned n = 0; n < 3; n++) {
        o.alter_release = n == 1 ? other_image_len : n == 2 ? other_vk : NULL;
        o.other_digest = n == 0;
        struct device *d = device_offered(&agent_with_rollback, &o, &p);
        device_boot(d);
        device_expect(d, 0);
        assert_int_equal(d->agent.cause, SS_CAUSE_DIGEST);
        assert_int_equal(d->updates, 0);
        device_free(d);
    }
}

// -- Bytes altered by who may not sign --------------------------------------------------------------------------------

static void alter_bytes(struct device *d, struct sample_statement *s, const char *what)
{
    static const uint8_t flips[] = {0x01, 0x80, 0xFF};
    char name[64];
    for (size_t i = 0; i < s->len; i++)
        for (unsigned k = 0; k < sizeof flips; k++) {
            s->bytes[i] ^= flips[k];
            snprintf(name, sizeof name, "%s, byte %zu ^ %02x", what, i, flips[k]);
            expect_begin_refused(d, name);
            s->bytes[i] ^= flips[k];
        }
    size_t len = s->len;
    for (s->len = 0; s->len < len; s->len++)
        expect_begin_refused(d, what);
    s->bytes[len] = 0;
    s->len = len + 1;
    expect_begin_refused(d, what);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_TRAILING);
    s->len = len;
}

static void every_byte_of_both_statements(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &p);
    device_started(d, 0);
    alter_bytes(d, &p.release, "release");
    alter_bytes(d, &p.delivery, "delivery");
    uint32_t wanted;
    assert_int_equal(device_begin(d, &wanted), SS_OK);
    device_free(d);
}

// A statement of the same kind and @p len bytes: its payload is filled up.
static void stretch(struct sample_statement *s, size_t len)
{
    struct ss_statement parsed;
    uint8_t tail[2 + SS_STATEMENT_SIGNATURE_SIZE];
    assert_int_equal(ss_statement_parse(s->bytes, s->len, &parsed, NULL), SS_OK);
    size_t head = (size_t)(parsed.payload.p - s->bytes) - (parsed.payload.len < 256 ? 2 : 3);
    size_t payload = len - head - 3 - sizeof tail;
    memcpy(tail, s->bytes + s->len - sizeof tail, sizeof tail);
    const uint8_t bytes[3] = {0x59, (uint8_t)(payload >> 8), (uint8_t)payload}; // a byte string
    memcpy(s->bytes + head, bytes, sizeof bytes);
    memset(s->bytes + head + 3, 0xA0, payload);
    memcpy(s->bytes + head + 3 + payload, tail, sizeof tail);
    s->len = len;
}

static void statements_that_are_too_long(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = device_offered(&agent_with_rollback, &agent_usual, &p);
    device_started(d, 0);
    stretch(&p.delivery, SS_DELIVERY_MAX);
    expect_begin_refused(d, "delivery of maximum size");
    assert_int_equal(d->agent.refusal.reason, SS_REASON_FIELD_MISSING);
    stretch(&p.delivery, SS_DELIVERY_MAX + 1);
    expect_begin_refused(d, "delivery of maximum size and one byte");
    assert_int_equal(d->agent.refusal.reason, SS_REASON_TOO_LONG);
    stretch(&p.release, SS_RELEASE_MAX);
    expect_begin_refused(d, "release of maximum size");
    assert_int_equal(d->agent.refusal.reason, SS_REASON_FIELD_MISSING);
    stretch(&p.release, SS_RELEASE_MAX + 1);
    expect_begin_refused(d, "release of maximum size and one byte");
    assert_int_equal(d->agent.refusal.reason, SS_REASON_TOO_LONG);
    device_free(d);
}

static void longest_names(struct ss_release *r)
{
    r->version = ss_span_of("0123456789abcdef0123456789ABCDEF");
    r->secure_version = 3;
    r->timestamp = SS_STATEMENT_INT_MAX;
}
#define LONGEST_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
static void longest_id(struct ss_delivery *d)
{
    d->device = ss_span_of(LONGEST_ID);
    d->expiry = SS_STATEMENT_INT_MAX;
}

// The largest that the formats allow for this device are taken, also where they came in: the agent's own buffer.
static void the_largest_statements(void **state)
{
    (void)state;
    struct parcel_options o = agent_usual;
    struct parcel p;
    uint32_t wanted;
    o.alter_release = longest_names;
    o.alter_delivery = longest_id;
    struct device *d = device_offered(&(struct agent_options){.forum = true}, &o, &p);
    device_started(d, 0);
    d->identity.device = ss_span_of(LONGEST_ID);
    assert_true(p.release.len <= SS_RELEASE_MAX && p.delivery.len > 1200 && p.delivery.len <= SS_DELIVERY_MAX);
    uint8_t *scratch = d->agent.room.scratch;
    memcpy(scratch, p.release.bytes, p.release.len);
    memcpy(scratch + SS_RELEASE_MAX, p.delivery.bytes, p.delivery.len);
    assert_int_equal(
        ss_agent_begin(&d->agent, scratch, p.release.len, scratch + SS_RELEASE_MAX, p.delivery.len, &wanted), SS_OK);
    assert_int_equal(device_push(d, 0), SS_OK);
    assert_int_equal(ss_agent_finish(&d->agent), SS_OK);
    device_free(d);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_altered_by_who_may_sign), cmocka_unit_test(releases_of_another_image),
        cmocka_unit_test(every_byte_of_both_statements),  cmocka_unit_test(statements_that_are_too_long),
        cmocka_unit_test(the_largest_statements),
    };
    return ss_test_main(argc, argv, tests);
}
