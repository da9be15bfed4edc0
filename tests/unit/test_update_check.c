// SPDX-License-Identifier: Apache-2.0
// Whether a device takes an update: every reason to refuse one, alone.
#include "support/statement_sample.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

/// Everything that a verdict depends on; a test changes one thing.
struct scene {
    struct ss_release release;
    struct ss_delivery delivery;
    unsigned release_key, delivery_key;
    struct ss_device_view device;
    struct ss_key_set set, older;
    bool has_older;
    bool other_release; ///< the release statement is not the one that the delivery refers to
};

static struct ss_update update;
static struct sample_statement release_bytes, delivery_bytes;
static struct ss_refusal why;
static enum ss_statement_kind which;

static struct scene scene(void)
{
    static uint8_t reference[SS_STATEMENT_DIGEST_SIZE];
    return (struct scene){.release = sample_release(),
                          .delivery = sample_delivery(reference),
                          .release_key = 4,
                          .delivery_key = 5,
                          .device = sample_device(),
                          .set = sample_key_set(),
                          .older = sample_key_set()};
}

static ss_status_t check(struct scene *s)
{
    static uint8_t reference[SS_STATEMENT_DIGEST_SIZE];
    struct ss_statement parsed;
    sample_sign_release(&s->release, s->release_key, &release_bytes);
    assert_int_equal(ss_statement_parse(release_bytes.bytes, release_bytes.len, &parsed, NULL), SS_OK);
    assert_int_equal(ss_statement_reference(&parsed, reference), SS_OK);
    if (s->other_release)
        reference[0] ^= 1;
    s->delivery.release = reference;
    sample_sign_delivery(&s->delivery, s->delivery_key, &delivery_bytes);
    struct ss_key_ring ring = {&s->set, s->has_older ? &s->older : NULL};
    return ss_update_check(&ring, release_bytes.bytes, release_bytes.len, delivery_bytes.bytes, delivery_bytes.len,
                           &s->device, &update, &which, &why);
}

static void accepted(struct scene *s)
{
    if (check(s) != SS_OK)
        fail_msg("%s statement %s", ss_statement_kind_name(which), ss_reason_text(why.reason));
    assert_ptr_equal(update.release_statement.start, release_bytes.bytes);
    assert_memory_equal(update.delivery.release, update.release_reference, SS_STATEMENT_DIGEST_SIZE);
}

static void refused_with(struct scene *s, ss_status_t status, enum ss_statement_kind kind, enum ss_reason reason)
{
    static const struct ss_update none;
    ss_status_t got = check(s);
    if (got != status || which != kind || why.reason != reason)
        fail_msg("%s, %s statement: %s", ss_status_name(got), ss_statement_kind_name(which),
                 ss_reason_name(why.reason));
    assert_memory_equal(&update, &none, sizeof none);
}

static void release_refused(struct scene *s, enum ss_reason reason)
{
    refused_with(s, SS_ERROR_NOT_PERMITTED, SS_STATEMENT_RELEASE, reason);
}

static void delivery_refused(struct scene *s, enum ss_reason reason)
{
    refused_with(s, SS_ERROR_NOT_PERMITTED, SS_STATEMENT_DELIVERY, reason);
}

static void a_good_update_is_taken(void **state)
{
    (void)state;
    struct scene s = scene();
    accepted(&s);
    assert_int_equal(update.delivery.sequence, 7);
    assert_int_equal(update.release.secure_version, 3);
}

static void releases_for_others(void **state)
{
    (void)state;
    struct scene s = scene();
    s.device.product = ss_span_of("thermostat2");
    release_refused(&s, SS_REASON_PRODUCT);
    s = scene();
    s.device.chip = 9;
    release_refused(&s, SS_REASON_CHIP);
    s = scene();
    s.device.scheme = SS_RELEASE_UNSIGNED;
    release_refused(&s, SS_REASON_SECURE_BOOT);
    s = scene();
    s.device.secure_version = 4;
    release_refused(&s, SS_REASON_SECURE_VERSION);
    s.device.secure_version = 2;
    accepted(&s);
    s = scene();
    s.device.bootloader = SS_BOOTLOADER_ANTI_ROLLBACK;
    release_refused(&s, SS_REASON_BOOTLOADER);
    s.device.bootloader = SS_BOOTLOADER_ALL;
    accepted(&s);
    s = scene();
    s.device.slot_size = 0x140000;
    release_refused(&s, SS_REASON_SLOT_SIZE);
}

static void a_release_that_needs_a_table(void **state)
{
    (void)state;
    static const uint8_t other[SS_STATEMENT_DIGEST_SIZE];
    struct scene s = scene();
    s.device.table_digest = other;
    release_refused(&s, SS_REASON_TABLE);
    s.device.table_digest = NULL; // what is not known cannot be what is needed
    release_refused(&s, SS_REASON_TABLE);
    s.release.table_digest = NULL;
    accepted(&s);
    s.release.bootloader = SS_NEEDS_NVS_KEYS; // NVS that is encrypted from now on, and no place for its keys
    release_refused(&s, SS_REASON_TABLE);
    s.device.bootloader |= SS_NEEDS_NVS_KEYS;
    accepted(&s);
}

static void deliveries_for_others(void **state)
{
    (void)state;
    struct scene s = scene();
    s.device.device = ss_span_of("240ac4123457");
    delivery_refused(&s, SS_REASON_DEVICE);
    s = scene();
    s.other_release = true;
    delivery_refused(&s, SS_REASON_RELEASE);
    s = scene();
    s.device.slot_address = 0x10000;
    delivery_refused(&s, SS_REASON_SLOT_ADDRESS);
    s = scene();
    s.device.slot_size = 0x160000;
    delivery_refused(&s, SS_REASON_SLOT_SIZE);
    s = scene();
    s.delivery.length -= 16;
    delivery_refused(&s, SS_REASON_LENGTH);
    s.delivery.length += 4096; // 4080 bytes of padding
    accepted(&s);
    s.delivery.length += 16;
    delivery_refused(&s, SS_REASON_LENGTH);
}

static void expiry_needs_a_clock(void **state)
{
    (void)state;
    struct scene s = scene();
    s.device.now = s.delivery.expiry;
    accepted(&s);
    s.device.now++;
    delivery_refused(&s, SS_REASON_EXPIRED);
    s.device.now = 0;
    accepted(&s);
    s = scene();
    s.delivery.expiry = 0;
    s.device.now = SS_STATEMENT_INT_MAX;
    accepted(&s);
}

static void sequences_go_up(void **state)
{
    (void)state;
    struct scene s = scene();
    s.device.sequence = 7;
    delivery_refused(&s, SS_REASON_SEQUENCE);
    s.device.sequence = 8;
    delivery_refused(&s, SS_REASON_SEQUENCE);
    s.delivery.sequence = 8 + SS_SEQUENCE_JUMP_MAX;
    accepted(&s);
    s.delivery.sequence++;
    delivery_refused(&s, SS_REASON_SEQUENCE_JUMP);
    s.delivery.sequence = SS_STATEMENT_INT_MAX;
    delivery_refused(&s, SS_REASON_SEQUENCE_JUMP);
    s.device.sequence = SS_STATEMENT_INT_MAX;
    delivery_refused(&s, SS_REASON_SEQUENCE);
}

static void the_accepted_delivery_may_come_again(void **state)
{
    (void)state;
    uint8_t accepted_reference[SS_STATEMENT_DIGEST_SIZE];
    struct scene s = scene();
    accepted(&s);
    memcpy(accepted_reference, update.delivery_reference, sizeof accepted_reference);
    s.device.sequence = 7;
    s.device.accepted = accepted_reference;
    accepted(&s);
    // Another one with the same number is not the same.
    s.delivery.expiry++;
    delivery_refused(&s, SS_REASON_SEQUENCE);
    // Nor may it come again once a later one was accepted.
    s.delivery.expiry--;
    s.device.sequence = 8;
    delivery_refused(&s, SS_REASON_SEQUENCE);
    // Or in a later epoch.
    s.device.sequence = 7;
    s.device.epoch = 2;
    delivery_refused(&s, SS_REASON_EPOCH);
}

static void epochs_restart_the_count(void **state)
{
    (void)state;
    struct scene s = scene();
    s.device.sequence = 1000;
    s.set.epochs[0] = 2;
    delivery_refused(&s, SS_REASON_EPOCH_KEY);
    s.delivery.epoch = 2;
    accepted(&s);
    s.delivery.sequence = SS_SEQUENCE_JUMP_MAX;
    accepted(&s);
    s.delivery.sequence++;
    delivery_refused(&s, SS_REASON_SEQUENCE_JUMP);
    s.delivery.sequence = 1;
    s.device.epoch = 3;
    delivery_refused(&s, SS_REASON_EPOCH);
    // A device that has accepted none yet.
    s = scene();
    s.device.epoch = 0;
    s.device.sequence = 0;
    accepted(&s);
}

static void keys_keep_to_their_role(void **state)
{
    (void)state;
    // 1: root, 4: release, 5: delivery, 6: operator.
    static const unsigned not_release[] = {1, 5, 6}, not_delivery[] = {1, 4, 6};
    for (unsigned i = 0; i < 3; i++) {
        struct scene s = scene();
        s.release_key = not_release[i];
        release_refused(&s, SS_REASON_SIGNER_ROLE);
        s = scene();
        s.delivery_key = not_delivery[i];
        delivery_refused(&s, SS_REASON_SIGNER_ROLE);
    }
    struct scene s = scene();
    s.release_key = 7;
    refused_with(&s, SS_ERROR_DOES_NOT_EXIST, SS_STATEMENT_RELEASE, SS_REASON_SIGNER_UNKNOWN);
    s = scene();
    s.delivery_key = 7;
    refused_with(&s, SS_ERROR_DOES_NOT_EXIST, SS_STATEMENT_DELIVERY, SS_REASON_SIGNER_UNKNOWN);
}

static void statements_swapped(void **state)
{
    (void)state;
    struct scene s = scene();
    accepted(&s);
    struct ss_key_ring ring = {&s.set, NULL};
    assert_int_equal(ss_update_check(&ring, delivery_bytes.bytes, delivery_bytes.len, release_bytes.bytes,
                                     release_bytes.len, &s.device, &update, &which, &why),
                     SS_ERROR_DATA_INVALID);
    assert_int_equal(why.reason, SS_REASON_KIND);
    assert_int_equal(which, SS_STATEMENT_RELEASE);
    // Optional outputs.
    assert_int_equal(
        ss_update_check(&ring, release_bytes.bytes, release_bytes.len, NULL, 0, &s.device, &update, NULL, NULL),
        SS_ERROR_DATA_INVALID);
}

// A new set names release key 7 and delivery key 8 instead of 4 and 5.
static void rotate(struct scene *s)
{
    s->older = s->set;
    s->has_older = true;
    s->set.version = 2;
    s->set.roles[SS_ROLE_RELEASE].keys[0] = sample_public_key(7);
    s->set.roles[SS_ROLE_DELIVERY].keys[0] = sample_public_key(8);
    s->set.epochs[0] = 2;
}

static void two_key_sets_overlap(void **state)
{
    (void)state;
    struct scene s = scene();
    rotate(&s);
    // Without an overlap the old keys are void at once, with a clock or without.
    release_refused(&s, SS_REASON_KEY_SET_EXPIRED);
    s.device.now = 0;
    release_refused(&s, SS_REASON_KEY_SET_EXPIRED);
    s = scene();
    rotate(&s);
    s.set.previous_until = s.device.now;
    accepted(&s);
    s.device.now++;
    release_refused(&s, SS_REASON_KEY_SET_EXPIRED);
    s.device.now = 0;
    accepted(&s);
    // The new keys.
    s.release_key = 7;
    s.delivery_key = 8;
    delivery_refused(&s, SS_REASON_EPOCH_KEY);
    s.delivery.epoch = 2;
    accepted(&s);
    s.has_older = false;
    accepted(&s);
    // The old delivery key with a release that the new key signed; it may not speak for the new epoch.
    s.has_older = true;
    s.delivery_key = 5;
    delivery_refused(&s, SS_REASON_EPOCH_KEY);
}

static void key_sets_have_their_time(void **state)
{
    (void)state;
    struct scene s = scene();
    s.set.not_before = s.device.now;
    s.set.not_after = s.device.now;
    accepted(&s);
    s.set.not_before++;
    release_refused(&s, SS_REASON_KEY_SET_EARLY);
    s.set.not_before = 0;
    s.set.not_after--;
    release_refused(&s, SS_REASON_KEY_SET_EXPIRED);
    s.device.now = 0;
    accepted(&s);
    // A set that is not in force yet leaves the old one in force until it says.
    s = scene();
    rotate(&s);
    s.set.not_before = s.device.now + 10;
    s.set.previous_until = s.device.now + 20;
    accepted(&s);
    s.older.not_after = s.device.now - 1;
    release_refused(&s, SS_REASON_KEY_SET_EXPIRED);
}

static void file_lengths(void **state)
{
    (void)state;
    struct ss_release r = {.image_len = 0x1010};
    assert_int_equal(ss_release_file_len(&r), 0x1010);
    r.scheme = SS_RELEASE_V1; // 68 bytes, then filled up to 16
    assert_int_equal(ss_release_file_len(&r), 0x1060);
    r.scheme = SS_RELEASE_V2; // filled up to 4 KiB, then a sector
    assert_int_equal(ss_release_file_len(&r), 0x3000);
    r.image_len = 0x1000;
    assert_int_equal(ss_release_file_len(&r), 0x2000);
}

static void window_sizes(void **state)
{
    (void)state;
    assert_int_equal(ss_window_size(0x150000), 44 * 1024);
    assert_int_equal(ss_window_size(0x10000), 4096);
    assert_int_equal(ss_window_size(0x20000), 4096);
    assert_int_equal(ss_window_size(0x21000), 8192);
    assert_int_equal(ss_window_size(0x1000), 4096);
    assert_int_equal(ss_window_size(0), 4096);
    assert_int_equal(ss_window_size(0x1000000), 0x80000);
    assert_int_equal(ss_window_size(0xFFFFF000), 0x8000000);
    for (uint32_t size = 0x1000; size < 0x1000000; size += 0x1000) {
        uint32_t window = ss_window_size(size);
        assert_true((size + window - 1) / window <= SS_WINDOWS_MAX);
        assert_true(window == 4096 || (size + window - 4097) / (window - 4096) > SS_WINDOWS_MAX);
    }
}

static void window_digests(void **state)
{
    (void)state;
    static uint8_t data[3 * 4096 + 16];
    uint8_t digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE], windows;
    static const uint8_t zeros_4096[] = {0xAD, 0x7F, 0xAC, 0xB2, 0x58, 0x6F, 0xC6, 0xE9}; // sha256sum of 4096 zeros
    assert_int_equal(ss_window_digests(data, sizeof data, 4096, digests, &windows), SS_OK);
    assert_int_equal(windows, 4);
    assert_memory_equal(digests, zeros_4096, sizeof zeros_4096);
    assert_memory_equal(digests, digests + 64, 32);
    assert_memory_not_equal(digests, digests + 96, 32);
    assert_int_equal(ss_window_digests(data, 4096, 4096, digests, &windows), SS_OK);
    assert_int_equal(windows, 1);
    assert_int_equal(ss_window_digests(data, 0, 4096, digests, &windows), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_window_digests(data, 16, 0, digests, &windows), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_window_digests(data, 16, 4097, digests, &windows), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_window_digests(data, 32 * 4096 + 1, 4096, digests, &windows), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(windows, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_update_is_taken),
        cmocka_unit_test(releases_for_others),
        cmocka_unit_test(a_release_that_needs_a_table),
        cmocka_unit_test(deliveries_for_others),
        cmocka_unit_test(expiry_needs_a_clock),
        cmocka_unit_test(sequences_go_up),
        cmocka_unit_test(the_accepted_delivery_may_come_again),
        cmocka_unit_test(epochs_restart_the_count),
        cmocka_unit_test(keys_keep_to_their_role),
        cmocka_unit_test(statements_swapped),
        cmocka_unit_test(two_key_sets_overlap),
        cmocka_unit_test(key_sets_have_their_time),
        cmocka_unit_test(file_lengths),
        cmocka_unit_test(window_sizes),
        cmocka_unit_test(window_digests),
    };
    return ss_test_main(argc, argv, tests);
}
