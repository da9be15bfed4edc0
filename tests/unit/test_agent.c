// SPDX-License-Identifier: Apache-2.0
// The agent on a virtual chip with flash encryption and signed apps: updates there and back, everything that goes
// wrong with them, and the power cut at every operation.
#include "support/boot_bench.h"
#include "support/sample_image.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "device/agent.h"
#include "sim/sim_port.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/image.h"
#include "slotseal/secure_boot_v1.h"

#define IMAGE_MAX 0x4000u

static struct ss_error err;
static const uint32_t slots[2] = {BENCH_SLOT_0, BENCH_SLOT_1};

/// What is carried to the device: made before the test, the same for all cuts.
struct parcel {
    struct sample_statement release, delivery;
    uint8_t sealed[IMAGE_MAX];
    uint32_t len;
};

/// A device. The record is its storage: it outlives resets, as flash does.
struct device {
    struct ss_sim_port sim; ///< first: the port's context is also that of the simulator's port
    struct bench *bench;
    struct ss_agent_record stored;
    struct sample_statement key_sets[2]; ///< in force, and the one before; storage, too
    struct ss_key_set sets[2];           ///< parsed
    struct ss_agent agent;               ///< its RAM
    struct ss_agent_identity identity;
    bool healthy;            ///< the new app finds itself fit
    bool crashes;            ///< it never gets to say so
    const struct parcel *in; ///< what it is offered
    uint32_t chunk;          ///< bytes a write
    bool forgets;            ///< the storage loses every record
    enum ss_agent_found found;
    unsigned updates, resets;
};

// -- The port ---------------------------------------------------------------------------------------------------------

static ss_status_t load(void *context, struct ss_agent_record *record)
{
    const struct device *d = context;
    *record = d->forgets ? (struct ss_agent_record){0} : d->stored;
    return SS_OK;
}

// One operation: a cut inside leaves the old record or the new one.
static ss_status_t store(void *context, const struct ss_agent_record *record)
{
    struct device *d = context;
    struct ss_power *power = &d->bench->chip->power;
    if (ss_power_begin(power, 1000)) {
        if (ss_power_random(power) & 1)
            d->stored = *record;
        ss_power_fail(power);
    }
    d->stored = *record;
    ss_power_end(power);
    return SS_OK;
}

static ss_status_t store_key_set(void *context, const uint8_t *key_set, size_t len)
{
    struct device *d = context;
    d->key_sets[1] = d->key_sets[0];
    memcpy(d->key_sets[0].bytes, key_set, len);
    d->key_sets[0].len = len;
    return SS_OK;
}

// Flash and otadata are those of every simulated device; what the storage does is this test's.
static struct ss_agent_port port;

// -- A device and what it is offered ----------------------------------------------------------------------------------

/// An app of three sectors, one of its versions, signed.
static size_t make_app(unsigned version, uint8_t *out)
{
    static const struct sample_segment segments[] = {{0x3F400020, 0x2300}, {0x40080400, 0x190}};
    size_t len = sample_image(out, IMAGE_MAX, segments, 2, true);
    out[0x400] = (uint8_t)version;
    sample_refresh(out, len);
    assert_ok(ss_secure_boot_v1_sign(sample_signing_key(12), out, len, out + len, &err), err);
    memset(out + len + SS_SBV1_BLOCK_SIZE, 0xFF, 16);
    return len;
}

static void seal_for(struct bench *b, uint32_t address, uint8_t *data, size_t len)
{
    struct ss_flash_cipher cipher;
    uint8_t key[32];
    size_t key_len;
    assert_ok(ss_efuse_key_from_words(&b->chip->silicon->words[ss_efuse_block_start(1)],
                                      ss_efuse_coding(b->chip->silicon), key, &key_len, &err),
              err);
    assert_ok(ss_flash_cipher_init(&cipher, key, key_len, 0xF, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, address, data, data, len, &err), err);
}

struct parcel_options {
    unsigned version, slot;
    uint64_t sequence;
    uint32_t other_address; ///< sealed for this one instead; 0: as it says
    bool unsigned_image;    ///< without a signature that holds
    bool other_digest;      ///< the release is of another image
};

static void make_parcel(struct device *d, const struct parcel_options *o, struct parcel *p)
{
    static uint8_t digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE];
    uint8_t digest[32], reference[32];
    struct ss_statement parsed;
    uint32_t at = o->other_address ? o->other_address : slots[o->slot];
    size_t image_len = make_app(o->version, p->sealed);
    assert_ok(ss_canonical_digest(p->sealed, image_len, SS_VK_NONE, digest, &err), err);
    digest[0] ^= o->other_digest;
    p->sealed[image_len + 10] ^= o->unsigned_image;
    struct ss_release release = sample_release();
    release.digest = digest;
    release.image_len = (uint32_t)image_len;
    release.vk_offset = 0;
    release.table_digest = NULL;
    release.bootloader = 0;
    p->len = ss_release_file_len(&release);
    seal_for(d->bench, at, p->sealed, ((size_t)p->len + 31) / 32 * 32);
    sample_sign_release(&release, 4, &p->release);
    assert_int_equal(ss_statement_parse(p->release.bytes, p->release.len, &parsed, NULL), SS_OK);
    assert_int_equal(ss_statement_reference(&parsed, reference), SS_OK);
    struct ss_delivery delivery = sample_delivery(reference);
    delivery.slot_address = slots[o->slot];
    delivery.slot_size = BENCH_SLOT;
    delivery.sequence = o->sequence;
    delivery.expiry = 0;
    delivery.length = p->len;
    delivery.window = ss_window_size(BENCH_SLOT);
    assert_int_equal(ss_window_digests(p->sealed, p->len, delivery.window, digests, &delivery.windows), SS_OK);
    delivery.digests = digests;
    sample_sign_delivery(&delivery, 5, &p->delivery);
}

static struct device *device_new(bool rollback)
{
    uint8_t app[IMAGE_MAX];
    struct device *d = calloc(1, sizeof *d);
    assert_non_null(d);
    struct bench *b = d->bench = bench_bootable(300);
    size_t len = make_app(1, app);
    bench_set_key(b, 1, 0x40, true);
    bench_set(b, "FLASH_CRYPT_CONFIG", 15);
    bench_set(b, "FLASH_CRYPT_CNT", 1);
    b->profile.flash_encryption = true;
    b->profile.signed_on_boot = b->profile.has_public_key = true;
    memcpy(b->profile.public_key, sample_public_key(12), SS_PROFILE_KEY_SIZE);
    b->profile.public_key_len = SS_PROFILE_KEY_SIZE;
    b->profile.rollback = rollback;
    bench_lay(b, BENCH_SLOT_0, app, len + SS_SBV1_BLOCK_SIZE);
    bench_lay_otadata(b, 0, 1, rollback ? SS_OTA_VALID : SS_OTA_UNDEFINED);
    memset(b->chip->flash.data + BENCH_SLOT_1, 0x5A, BENCH_SLOT); // an older app
    bench_seal(b, 0x1000, 0x7000);
    bench_seal(b, BENCH_TABLE, 0x1000);
    bench_seal(b, BENCH_OTA, 32);
    bench_seal(b, BENCH_SLOT_0, 0x4000);
    struct ss_key_set set = sample_key_set();
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &d->key_sets[0]);
    d->sim =
        (struct ss_sim_port){.chip = b->chip, .profile = &b->profile, .identity = &d->identity, .otadata = BENCH_OTA};
    port = ss_sim_agent_port;
    port.load = load;
    port.store = store;
    port.store_key_set = store_key_set;
    d->healthy = true;
    d->chunk = 1000;
    return d;
}

static void device_free(struct device *d)
{
    bench_free(d->bench);
    free(d);
}

// -- The app: what runs once the bootloader has started it -------------------------------------------------------------

static void power_on_ram(struct device *d)
{
    // What a host's hash keeps elsewhere; a device has nothing there.
    if (d->agent.receiving)
        ss_hash_abort(&d->agent.hash.window);
    memset(&d->agent, 0xA5, sizeof d->agent);
    d->agent.receiving = false;
}

static ss_status_t push(struct device *d, uint32_t from)
{
    ss_status_t status = SS_OK;
    while (status == SS_OK && from < d->in->len) {
        uint32_t n = d->in->len - from < d->chunk ? d->in->len - from : d->chunk;
        status = ss_agent_write(&d->agent, d->in->sealed + from, n);
        from += n;
    }
    return status;
}

static ss_status_t begin(struct device *d, uint32_t *wanted)
{
    return ss_agent_begin(&d->agent, d->in->release.bytes, d->in->release.len, d->in->delivery.bytes,
                          d->in->delivery.len, wanted);
}

static ss_status_t update(struct device *d)
{
    uint32_t wanted;
    ss_status_t status = begin(d, &wanted);
    if (status == SS_OK)
        status = push(d, wanted);
    return status == SS_OK ? ss_agent_finish(&d->agent) : status;
}

static void start(struct device *d, unsigned slot)
{
    power_on_ram(d);
    for (unsigned i = 0; i < 2 && d->key_sets[i].len; i++) {
        struct ss_statement s;
        assert_int_equal(ss_statement_parse(d->key_sets[i].bytes, d->key_sets[i].len, &s, NULL), SS_OK);
        assert_int_equal(ss_key_set_parse(&s, &d->sets[i], NULL), SS_OK);
    }
    d->identity = (struct ss_agent_identity){.product = ss_span_of("thermostat"),
                                             .device = ss_span_of("240ac4123456"),
                                             .ring = {&d->sets[0], d->key_sets[1].len ? &d->sets[1] : NULL},
                                             .slots = {{BENCH_SLOT_0, BENCH_SLOT}, {BENCH_SLOT_1, BENCH_SLOT}},
                                             .secure_version = 3,
                                             .bootloader = d->bench->profile.rollback ? SS_BOOTLOADER_ROLLBACK : 0,
                                             .scheme = SS_RELEASE_V1,
                                             .running = (uint8_t)slot};
    assert_int_equal(ss_agent_start(&d->agent, &port, d, &d->identity, &d->found), SS_OK);
}

static enum ss_app_end run_app(void *context, struct ss_vchip *chip, const struct ss_boot_result *started)
{
    struct device *d = context;
    (void)chip;
    start(d, (unsigned)started->slot);
    if (d->found == SS_FOUND_TAKE_BACK)
        return SS_APP_RESET;
    if (d->found == SS_FOUND_TRIAL) {
        if (d->crashes)
            return SS_APP_RESET;
        assert_int_equal(d->healthy ? ss_agent_confirm(&d->agent) : ss_agent_reject(&d->agent), SS_OK);
        if (!d->healthy)
            return SS_APP_RESET;
    }
    if (!d->in || update(d) != SS_OK)
        return SS_APP_STAYS;
    d->updates++;
    return SS_APP_RESET;
}

static void boot(struct device *d)
{
    const struct ss_chip_app app = {run_app, d};
    d->bench->options.app = &app;
    d->bench->options.max_resets = 30;
    d->bench->log_len = 0;
    bench_boot(d->bench);
    d->bench->options.app = NULL;
}

static void expect_running(struct device *d, unsigned slot)
{
    if (d->bench->result.outcome != SS_OUTCOME_APP || d->bench->result.slot != (int)slot)
        fail_msg("outcome %s, slot %d, cause %s:\n%s", ss_boot_outcome_name(d->bench->result.outcome),
                 d->bench->result.slot, ss_agent_cause_name(d->agent.cause), d->bench->log);
}

// -- Tests ------------------------------------------------------------------------------------------------------------

static void there_and_back(void **state)
{
    (void)state;
    for (unsigned rollback = 0; rollback < 2; rollback++) {
        struct device *d = device_new(rollback);
        struct parcel p;
        for (unsigned n = 1; n <= 4; n++) {
            make_parcel(d, &(struct parcel_options){.version = n + 1, .slot = n % 2, .sequence = n}, &p);
            d->in = &p;
            d->chunk = n == 1 ? 1 : n == 2 ? 4096 : n == 3 ? 100000 : 777;
            boot(d);
            expect_running(d, n % 2);
            assert_int_equal(d->updates, n);
            // The new app is offered the same again: it is for the slot that runs now.
            assert_int_equal(d->agent.cause, SS_CAUSE_STATEMENT);
            assert_int_equal(d->agent.refusal.reason, SS_REASON_SLOT_ADDRESS);
            assert_int_equal(d->stored.phase, SS_AGENT_IDLE);
            // The slot holds the ciphertext and nothing else.
            assert_memory_equal(d->bench->chip->flash.data + slots[n % 2], p.sealed, p.len);
            assert_true(ss_all_bytes(d->bench->chip->flash.data + slots[n % 2] + p.len, BENCH_SLOT - p.len, 0xFF));
        }
        device_free(d);
    }
}

static struct device *offered(const struct parcel_options *o, bool rollback, struct parcel *p)
{
    struct device *d = device_new(rollback);
    make_parcel(d, o, p);
    d->in = p;
    return d;
}
#define USUAL (&(struct parcel_options){.version = 2, .slot = 1, .sequence = 7})

// What was refused has changed nothing, and the old app runs on.
static void expect_refused(struct device *d, enum ss_agent_cause cause, enum ss_reason reason)
{
    uint64_t erases = d->bench->chip->flash.erases, programs = d->bench->chip->flash.programs;
    boot(d);
    expect_running(d, 0);
    assert_string_equal(ss_agent_cause_name(d->agent.cause), ss_agent_cause_name(cause));
    if (cause == SS_CAUSE_STATEMENT)
        assert_string_equal(ss_reason_name(d->agent.refusal.reason), ss_reason_name(reason));
    assert_int_equal(d->bench->chip->flash.erases, erases);
    assert_int_equal(d->bench->chip->flash.programs, programs);
    assert_int_equal(d->updates, 0);
}

static void nothing_is_erased_unless_accepted(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(USUAL, true, &p);
    p.delivery.bytes[p.delivery.len - 1] ^= 1;
    expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SIGNATURE);
    assert_int_equal(d->agent.refused, SS_STATEMENT_DELIVERY);
    p.delivery.bytes[p.delivery.len - 1] ^= 1;
    p.release.bytes[p.release.len - 1] ^= 1;
    expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SIGNATURE);
    p.release.bytes[p.release.len - 1] ^= 1;
    d->stored.epoch = 1;
    d->stored.sequence = 7;
    expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SEQUENCE);
    d->stored.sequence = 0;
    d->sim.unwilling = true;
    expect_refused(d, SS_CAUSE_UNWILLING, SS_REASON_NONE);
    make_parcel(d, &(struct parcel_options){.version = 2, .slot = 0, .sequence = 7}, &p);
    expect_refused(d, SS_CAUSE_STATEMENT, SS_REASON_SLOT_ADDRESS);
    make_parcel(d, USUAL, &p);
    d->sim.unwilling = false;
    boot(d);
    expect_running(d, 1);
    device_free(d);
}

static void calls_in_the_wrong_order(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(USUAL, true, &p);
    uint32_t wanted;
    start(d, 0);
    assert_int_equal(ss_agent_write(&d->agent, p.sealed, 1), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_ORDER);
    assert_int_equal(ss_agent_finish(&d->agent), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_agent_confirm(&d->agent), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_agent_reject(&d->agent), SS_ERROR_BAD_STATE);
    assert_int_equal(begin(d, &wanted), SS_OK);
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
    struct device *d = offered(USUAL, true, &p);
    uint32_t wanted;
    start(d, 0);
    assert_int_equal(begin(d, &wanted), SS_OK);
    p.sealed[5000] ^= 1;
    assert_int_equal(push(d, 0), SS_ERROR_DATA_CORRUPT);
    assert_int_equal(d->agent.cause, SS_CAUSE_WINDOW);
    assert_int_equal(ss_agent_wanted(&d->agent), 4096);
    assert_true(ss_all_bytes(d->bench->chip->flash.data + BENCH_SLOT_1 + 4096, 4096, 0xFF));
    p.sealed[5000] ^= 1;
    assert_int_equal(push(d, 4096), SS_OK);
    assert_int_equal(ss_agent_finish(&d->agent), SS_OK);
    assert_int_equal(d->stored.failures, 1);
    device_free(d);
}

static void five_failures_end_a_delivery(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(USUAL, true, &p);
    p.sealed[5000] ^= 1;
    for (unsigned n = 1; n < SS_AGENT_FAILURES_MAX; n++) {
        boot(d); // the count outlives resets
        expect_running(d, 0);
        assert_int_equal(d->agent.cause, SS_CAUSE_WINDOW);
        assert_int_equal(d->stored.failures, n);
    }
    boot(d);
    assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
    p.sealed[5000] ^= 1;
    uint64_t erases = d->bench->chip->flash.erases;
    boot(d);
    expect_running(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
    assert_int_equal(d->bench->chip->flash.erases, erases);
    // The next one has its own count.
    make_parcel(d, &(struct parcel_options){.version = 2, .slot = 1, .sequence = 8}, &p);
    boot(d);
    expect_running(d, 1);
    device_free(d);
}

static void sealed_for_another_place_is_found_at_once(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(
        &(struct parcel_options){.version = 2, .slot = 1, .sequence = 7, .other_address = BENCH_SLOT_0}, true, &p);
    boot(d);
    expect_running(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_SEALED_WRONG);
    assert_true(ss_all_bytes(d->bench->chip->flash.data + BENCH_SLOT_1, 4096, 0xFF));
    assert_int_equal(d->bench->chip->flash.data[BENCH_SLOT_1 + 4096], 0x5A); // no further sector was touched
    assert_int_equal(d->stored.failures, 1);
    device_free(d);
}

static void another_image_than_the_release(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d =
        offered(&(struct parcel_options){.version = 2, .slot = 1, .sequence = 7, .other_digest = true}, true, &p);
    boot(d);
    expect_running(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_DIGEST);
    assert_int_equal(d->stored.phase, SS_AGENT_WRITING);
    device_free(d);
}

static void an_image_that_the_bootloader_would_not_start(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d =
        offered(&(struct parcel_options){.version = 2, .slot = 1, .sequence = 7, .unsigned_image = true}, true, &p);
    boot(d);
    expect_running(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_IMAGE);
    device_free(d);
}

static void flash_that_fails(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(USUAL, true, &p);
    // Bits that do not program, in the second sector.
    for (uint32_t i = 0; i < 64 && !d->bench->chip->flash.faults.stuck; i++)
        if (p.sealed[4096 + i] != 0xFF) {
            d->bench->chip->flash.faults.stuck_at = BENCH_SLOT_1 + 4096 + i;
            d->bench->chip->flash.faults.stuck = (uint8_t)~p.sealed[4096 + i];
        }
    boot(d);
    expect_running(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_FLASH);
    // A sector that no longer erases: behind the image.
    d->bench->chip->flash.faults = (struct ss_flash_faults){.worn = (BENCH_SLOT_1 + 0xF000) / 4096 + 1};
    boot(d);
    expect_running(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_FLASH);
    d->bench->chip->flash.faults = (struct ss_flash_faults){0};
    boot(d);
    expect_running(d, 1);
    device_free(d);
}

static void an_unfit_app_is_taken_back(void **state)
{
    (void)state;
    for (unsigned rollback = 0; rollback < 2; rollback++) {
        struct parcel p;
        struct device *d = offered(USUAL, rollback, &p);
        d->healthy = false;
        boot(d);
        expect_running(d, 0);
        assert_int_equal(d->updates, 1);
        assert_int_equal(d->stored.phase, SS_AGENT_ROLLED_BACK);
        assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
        // A later one may try.
        d->healthy = true;
        make_parcel(d, &(struct parcel_options){.version = 3, .slot = 1, .sequence = 8}, &p);
        boot(d);
        expect_running(d, 1);
        device_free(d);
    }
}

static void an_app_that_crashes_is_taken_back(void **state)
{
    (void)state;
    for (unsigned rollback = 0; rollback < 2; rollback++) {
        struct parcel p;
        struct device *d = offered(USUAL, rollback, &p);
        d->crashes = true;
        boot(d);
        expect_running(d, 0);
        assert_int_equal(d->updates, SS_AGENT_FAILURES_MAX);
        assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
        device_free(d);
    }
}

static void no_update_during_a_trial(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(USUAL, true, &p);
    uint32_t wanted;
    start(d, 0);
    assert_int_equal(update(d), SS_OK);
    // Selected, and not yet started: what is selected stays as it is.
    assert_int_equal(begin(d, &wanted), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_TRIAL);
    start(d, 1);
    assert_int_equal(d->found, SS_FOUND_TRIAL);
    assert_int_equal(begin(d, &wanted), SS_ERROR_BAD_STATE);
    assert_int_equal(d->agent.cause, SS_CAUSE_TRIAL);
    // Nor if the storage has an old record, and only the bootloader knows of the trial.
    assert_int_equal(ss_sim_set_state(&d->sim, SS_OTA_PENDING_VERIFY), SS_OK);
    for (unsigned slot = 0; slot < 2; slot++) {
        d->stored = (struct ss_agent_record){.phase = SS_AGENT_SWITCHING, .slot = (uint8_t)slot};
        start(d, 1);
        assert_int_equal(d->found, SS_FOUND_TRIAL);
        assert_int_equal(begin(d, &wanted), SS_ERROR_BAD_STATE);
    }
    d->stored = (struct ss_agent_record){0};
    start(d, 1);
    assert_int_equal(d->found, SS_FOUND_TRIAL);
    assert_int_equal(ss_agent_confirm(&d->agent), SS_OK);
    start(d, 1);
    assert_int_equal(d->found, SS_FOUND_NOTHING);
    device_free(d);
}

static void storage_that_forgets_costs_only_time(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(USUAL, true, &p);
    uint32_t wanted;
    d->forgets = true;
    start(d, 0);
    assert_int_equal(begin(d, &wanted), SS_OK);
    assert_int_equal(ss_agent_write(&d->agent, p.sealed, 4096 + 100), SS_OK);
    start(d, 0);
    assert_int_equal(begin(d, &wanted), SS_OK);
    assert_int_equal(wanted, 4096); // the window that was whole
    boot(d);
    expect_running(d, 1);
    device_free(d);
}

static void keys_rotate(void **state)
{
    (void)state;
    struct parcel p;
    struct device *d = offered(USUAL, true, &p);
    struct ss_key_set next = sample_key_set();
    struct sample_statement bytes;
    uint32_t wanted;
    // Another release key, another delivery key, and one root key replaced.
    next.version = 2;
    next.roles[SS_ROLE_RELEASE].keys[0] = sample_public_key(7);
    next.roles[SS_ROLE_DELIVERY].keys[0] = sample_public_key(8);
    next.roles[SS_ROLE_ROOT].keys[0] = sample_public_key(9);
    next.epochs[0] = 2;
    start(d, 0);
    sample_sign_key_set(&next, (const unsigned[]){9, 2, 0}, &bytes);
    assert_int_equal(ss_agent_key_set(&d->agent, bytes.bytes, bytes.len), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_OLD_ROOTS);
    assert_int_equal(d->agent.refused, SS_STATEMENT_KEY_SET);
    assert_int_equal(ss_agent_key_set(&d->agent, p.release.bytes, p.release.len), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_agent_key_set(&d->agent, bytes.bytes, 10), SS_ERROR_DATA_INVALID);
    assert_int_equal(d->key_sets[1].len, 0);
    sample_sign_key_set(&next, (const unsigned[]){2, 3, 0}, &bytes);
    assert_int_equal(ss_agent_key_set(&d->agent, bytes.bytes, bytes.len), SS_OK);
    start(d, 0);
    assert_int_equal(begin(d, &wanted), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_KEY_SET_EXPIRED);
    assert_int_equal(ss_agent_key_set(&d->agent, bytes.bytes, bytes.len), SS_ERROR_NOT_PERMITTED);
    assert_int_equal(d->agent.refusal.reason, SS_REASON_KEY_SET_VERSION);
    device_free(d);
}

// -- Power ------------------------------------------------------------------------------------------------------------

/// A device at rest, to be put back before each run.
struct scene {
    struct device *device;
    struct ss_vchip *start;
    struct parcel parcel;
    uint64_t operations; ///< of a whole update and its confirmation
    unsigned cuts;
};

static void rewind_scene(struct scene *s)
{
    struct ss_vchip *chip = s->device->bench->chip;
    *chip->silicon = *s->start->silicon;
    memcpy(chip->flash.data, s->start->flash.data, s->start->flash.size);
    chip->power = (struct ss_power){.seed = chip->power.seed + 1};
    power_on_ram(s->device);
    s->device->stored = (struct ss_agent_record){0};
    s->device->updates = 0;
}

static void scene_begin(struct scene *s, bool rollback, bool forgets)
{
    s->device = offered(USUAL, rollback, &s->parcel);
    s->device->forgets = forgets;
    s->device->chunk = 4096;
    assert_ok(ss_chip_clone(s->device->bench->chip, &s->start, &err), err);
    boot(s->device);
    expect_running(s->device, 1);
    s->operations = s->device->bench->chip->power.operations - s->start->power.operations;
    s->cuts = 0;
}

static void scene_end(struct scene *s)
{
    ss_chip_free(s->start);
    device_free(s->device);
}

// After any cut the chip boots an app that is whole, and the update ends up installed.
static void recover(struct scene *s, const char *when)
{
    struct device *d = s->device;
    for (unsigned boots = 0; boots < 4; boots++) {
        boot(d);
        if (d->bench->result.outcome == SS_OUTCOME_POWER_LOST) {
            s->cuts++;
            continue;
        }
        if (d->bench->result.outcome != SS_OUTCOME_APP)
            fail_msg("%s: outcome %s\n%s", when, ss_boot_outcome_name(d->bench->result.outcome), d->bench->log);
        if (d->bench->result.slot == 1)
            break;
    }
    if (d->bench->result.outcome != SS_OUTCOME_APP || d->bench->result.slot != 1)
        fail_msg("%s: slot %d runs, cause %s\n%s", when, d->bench->result.slot, ss_agent_cause_name(d->agent.cause),
                 d->bench->log);
    assert_memory_equal(d->bench->chip->flash.data + BENCH_SLOT_1, s->parcel.sealed, s->parcel.len);
    assert_true(d->forgets || d->stored.phase == SS_AGENT_IDLE);
}

static void cut_at(struct scene *s, uint64_t n, enum ss_cut cut, uint64_t then, enum ss_cut then_cut)
{
    char when[100];
    snprintf(when, sizeof when, "cut %s operation %llu of %llu, then %s operation %llu", ss_cut_name(cut),
             (unsigned long long)n, (unsigned long long)s->operations, ss_cut_name(then_cut), (unsigned long long)then);
    rewind_scene(s);
    ss_power_plan(&s->device->bench->chip->power, n, cut);
    boot(s->device);
    if (s->device->bench->result.outcome != SS_OUTCOME_POWER_LOST)
        fail_msg("%s: the power did not go", when);
    s->cuts++;
    ss_power_plan(&s->device->bench->chip->power, then, then_cut);
    recover(s, when);
    ss_power_plan(&s->device->bench->chip->power, 0, SS_CUT_NONE);
}

static void cuts_at_every_operation(void **state)
{
    (void)state;
    struct scene s;
    unsigned cuts = 0;
    for (unsigned kind = 0; kind < 4; kind++) {
        scene_begin(&s, kind & 1, kind & 2);
        for (uint64_t n = 1; n <= s.operations; n++)
            for (enum ss_cut cut = SS_CUT_BEFORE; cut <= SS_CUT_AFTER; cut++)
                cut_at(&s, n, cut, 0, SS_CUT_NONE);
        cuts += s.cuts;
        scene_end(&s);
    }
    printf("%u cuts, 0 lost\n", cuts);
    assert_true(cuts > 700);
}

static void all_pairs(struct scene *s)
{
    for (uint64_t n = 1; n <= s->operations; n++)
        for (uint64_t then = 1; then <= s->operations; then++)
            for (unsigned cuts = 0; cuts < 9; cuts++)
                cut_at(s, n, SS_CUT_BEFORE + cuts / 3, then, SS_CUT_BEFORE + cuts % 3);
}

// A few hundred pairs, or with SS_POWER_LOSS set every one.
static void cuts_again_while_it_recovers(void **state)
{
    (void)state;
    struct scene s;
    uint64_t seed = 5;
    unsigned cuts = 0;
    for (unsigned kind = 0; kind < 2; kind++) {
        scene_begin(&s, kind & 1, false);
        if (getenv("SS_POWER_LOSS"))
            all_pairs(&s);
        for (unsigned i = 0; i < 300; i++) {
            uint64_t n = 1 + test_random(&seed) % s.operations, then = 1 + test_random(&seed) % s.operations;
            cut_at(&s, n, SS_CUT_BEFORE + test_random(&seed) % 3, then, SS_CUT_BEFORE + test_random(&seed) % 3);
        }
        assert_true(s.cuts > 350);
        cuts += s.cuts;
        scene_end(&s);
    }
    printf("%u cuts, 0 lost\n", cuts);
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
        cmocka_unit_test(cuts_at_every_operation),
        cmocka_unit_test(cuts_again_while_it_recovers),
        cmocka_unit_test(causes_have_names),
    };
    return ss_test_main(argc, argv, tests);
}
