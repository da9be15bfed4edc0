// SPDX-License-Identifier: Apache-2.0
// The firmware's agent on the virtual chip: every byte of flash goes through the registers of SPI1, and the chip's own
// boot decides what runs. Updates there and back, and the power cut at every operation.
#include "support/boot_bench.h"
#include "support/sample_image.h"
#include "support/statement_sample.h"
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "chip/registers.h"
#include "core/bytes.h"
#include "firmware/demo/agent_port.h"
#include "firmware/rt/rt.h"
#include "firmware/rt/spi1_flash.h"
#include "slotseal/secure_boot_v1.h"

#define JOURNAL   0x30000u
#define IMAGE_MAX 0x3000u

static struct ss_error err;

/// What is carried to the device.
struct parcel {
    struct sample_statement release, delivery;
    uint8_t image[IMAGE_MAX];
    uint32_t len, image_len;
};

static struct {
    struct bench *bench;
    struct ss_registers regs;
    struct ss_pins pins;
    struct demo_device place;
    struct demo_agent agent; ///< its RAM
    const struct parcel *in; ///< what it is offered
    ss_status_t started, updated;
} device;

// -- The machine -------------------------------------------------------------------------------------------------------

uint32_t rt_reg_read(uint32_t address)
{
    return address == 0x3FF003F0 ? 1u << 7 : ss_registers_read(&device.regs, address); // the cache rests
}

void rt_reg_write(uint32_t address, uint32_t value)
{
    ss_registers_write(&device.regs, address, value);
}

void rt_wait_us(uint32_t us)
{
    (void)us;
}

void rt_flash_read_mapped(uint32_t address, void *out, size_t len)
{
    assert_ok(ss_chip_cache_read(device.bench->chip, address, out, len, &err), err);
}

bool rt_flash_is_encrypted(void)
{
    return ss_chip_encrypts(device.bench->chip);
}

// -- Images and updates --------------------------------------------------------------------------------------------------

static size_t make_app(unsigned version, uint8_t out[IMAGE_MAX])
{
    static const struct sample_segment segments[] = {{0x3F400020, 0x2300}, {0x40080400, 0x190}};
    memset(out, 0xFF, IMAGE_MAX);
    size_t len = sample_image(out, IMAGE_MAX, segments, 2, true);
    out[0x400] = (uint8_t)version;
    sample_refresh(out, len);
    assert_ok(ss_secure_boot_v1_sign(sample_signing_key(12), out, len, out + len, &err), err);
    return len;
}

static void make_parcel(unsigned version, unsigned slot, struct parcel *p)
{
    uint8_t digest[32], reference[32], digests[SS_WINDOWS_MAX * 32];
    struct ss_statement parsed;
    size_t len = make_app(version, p->image);
    assert_ok(ss_canonical_digest(p->image, len, SS_VK_NONE, digest, &err), err);
    struct ss_release release = sample_release();
    release.digest = digest;
    release.image_len = (uint32_t)len;
    release.vk_offset = 0;
    release.table_digest = NULL;
    p->image_len = (uint32_t)len;
    p->len = ss_release_file_len(&release);
    sample_sign_release(&release, 4, &p->release);
    assert_int_equal(ss_statement_parse(p->release.bytes, p->release.len, &parsed, NULL), SS_OK);
    assert_int_equal(ss_statement_reference(&parsed, reference), SS_OK);
    struct ss_delivery delivery = sample_delivery(reference);
    delivery.slot_address = slot ? BENCH_SLOT_1 : BENCH_SLOT_0;
    delivery.slot_size = BENCH_SLOT;
    delivery.sequence = version;
    delivery.expiry = 0;
    delivery.length = p->len;
    delivery.window = ss_window_size(BENCH_SLOT);
    delivery.digests = digests;
    assert_int_equal(ss_window_digests(p->image, p->len, delivery.window, digests, &delivery.windows), SS_OK);
    sample_sign_delivery(&delivery, 5, &p->delivery);
}

// -- The device ----------------------------------------------------------------------------------------------------------

static int setup(void **state)
{
    (void)state;
    static const uint8_t magic[] = SS_PINS_MAGIC;
    uint8_t app[IMAGE_MAX];
    struct sample_statement keys;
    struct ss_key_set set = sample_key_set();
    memset(&device, 0, sizeof device);
    struct bench *b = device.bench = bench_bootable(300);
    b->profile.rollback = b->profile.signed_on_boot = b->profile.has_public_key = true;
    memcpy(b->profile.public_key, sample_public_key(12), SS_PROFILE_KEY_SIZE);
    b->profile.public_key_len = SS_PROFILE_KEY_SIZE;
    make_app(1, app);
    bench_lay(b, BENCH_SLOT_0, app, sizeof app);
    bench_lay_otadata(b, 0, 1, SS_OTA_VALID);
    memset(b->chip->flash.data + BENCH_SLOT_1, 0x5A, BENCH_SLOT); // an older app
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &keys);
    memcpy(device.pins.magic, magic, sizeof magic);
    device.pins.capacity = SS_PINS_CAPACITY;
    device.pins.length = (uint32_t)keys.len;
    memcpy(device.pins.statement, keys.bytes, keys.len);
    device.regs = (struct ss_registers){.chip = b->chip, .baud = 115200, .flash_attached = true};
    device.place = (struct demo_device){.id = ss_span_of("240ac4123456"),
                                        .pins = &device.pins,
                                        .verification_key = sample_public_key(12),
                                        .otadata = BENCH_OTA,
                                        .journal = JOURNAL,
                                        .journal_size = 0x4000,
                                        .slots = {BENCH_SLOT_0, BENCH_SLOT_1},
                                        .slot_size = BENCH_SLOT,
                                        .bootloader = SS_BOOTLOADER_ROLLBACK};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ss_registers_reset(&device.regs);
    bench_free(device.bench);
    return 0;
}

static ss_status_t update(void)
{
    const struct parcel *p = device.in;
    struct ss_agent *a = &device.agent.agent;
    uint32_t wanted;
    ss_status_t status =
        ss_agent_begin(a, p->release.bytes, p->release.len, p->delivery.bytes, p->delivery.len, &wanted);
    if (status == SS_OK)
        status = ss_agent_write(a, p->image + wanted, p->len - wanted);
    return status == SS_OK ? ss_agent_finish(a) : status;
}

// What the app does. RAM and the controller's settings are lost with each reset.
static enum ss_app_end run_app(void *context, struct ss_vchip *chip, const struct ss_boot_result *started)
{
    enum ss_agent_found found;
    (void)context, (void)chip;
    if (ss_agent_receiving(&device.agent.agent))
        ss_hash_abort(&device.agent.agent.hash.window);
    memset(&device.agent, 0, sizeof device.agent);
    ss_registers_reset(&device.regs);
    device.regs.flash_attached = true;
    device.place.running = (uint8_t)started->slot;
    device.started = demo_agent_start(&device.agent, &device.place, &found);
    if (device.started != SS_OK)
        return SS_APP_STAYS;
    if (found == SS_FOUND_TRIAL)
        device.started = ss_agent_confirm(&device.agent.agent);
    device.updated = device.in ? update() : SS_OK;
    return device.in && device.updated == SS_OK ? SS_APP_RESET : SS_APP_STAYS;
}

static void boot(void)
{
    static const struct ss_chip_app app = {run_app, NULL};
    device.bench->options.app = &app;
    bench_boot(device.bench);
}

static void expect_running(const struct parcel *p, int slot)
{
    uint32_t address = slot ? BENCH_SLOT_1 : BENCH_SLOT_0;
    assert_int_equal(device.bench->result.outcome, SS_OUTCOME_APP);
    assert_int_equal(device.bench->result.slot, slot);
    assert_memory_equal(device.bench->chip->flash.data + address, p->image, p->len);
}

// -- Tests ---------------------------------------------------------------------------------------------------------------

static void there_and_back(void **state)
{
    (void)state;
    struct parcel there, back;
    make_parcel(2, 1, &there);
    make_parcel(3, 0, &back);
    device.in = &there;
    boot(); // the update, and then the new app, which is offered the same again
    assert_int_equal(device.started, SS_OK);
    assert_int_equal(device.updated, SS_ERROR_NOT_PERMITTED);
    assert_int_equal(device.agent.agent.refusal.reason, SS_REASON_SLOT_ADDRESS);
    expect_running(&there, 1);
    device.in = &back;
    boot();
    expect_running(&back, 0);
    device.in = NULL;
    boot();
    expect_running(&back, 0);
    assert_int_equal(ss_agent_state(&device.agent.agent), SS_STATE_CONFIRMED);
}

static void nothing_starts_without_pins_or_with_encryption(void **state)
{
    (void)state;
    uint32_t len = device.pins.length;
    device.pins.length = 0;
    boot();
    assert_int_equal(device.started, SS_ERROR_DOES_NOT_EXIST);
    device.pins.length = len;
    device.pins.statement[10] ^= 1;
    boot();
    assert_int_equal(device.started, SS_ERROR_DATA_INVALID);
    device.pins.statement[10] ^= 1;
    boot();
    assert_int_equal(device.started, SS_OK);
    enum ss_agent_found found;
    bench_set(device.bench, "FLASH_CRYPT_CNT", 1);
    assert_int_equal(demo_agent_start(&device.agent, &device.place, &found), SS_ERROR_NOT_SUPPORTED);
}

static void a_signature_that_does_not_hold(void **state)
{
    (void)state;
    struct parcel p;
    enum ss_agent_found found;
    make_parcel(2, 1, &p);
    boot();
    // Behind the agent's back: the image is the release's, its signature is not right.
    for (unsigned i = 0; i < 3; i++) {
        uint8_t changed[IMAGE_MAX];
        memcpy(changed, p.image, sizeof changed);
        changed[(uint32_t[]){p.image_len + 10, p.image_len, 30}[i]] ^= 0x40; // signature, version, a segment's length
        bench_lay(device.bench, BENCH_SLOT_1, changed, sizeof changed);
        assert_int_equal(demo_agent_start(&device.agent, &device.place, &found), SS_OK);
        ss_status_t status = device.agent.agent.port->verify(&device.agent, 1);
        assert_int_equal(status, i == 0 ? SS_ERROR_INVALID_SIGNATURE : SS_ERROR_DATA_INVALID);
    }
}

// After any cut the chip boots an app that is whole, and the update ends up installed.
static void cuts_at_every_operation(void **state)
{
    struct parcel p;
    unsigned cuts = 0;
    make_parcel(2, 1, &p);
    for (uint64_t n = 1;; n++) {
        for (enum ss_cut cut = SS_CUT_BEFORE; cut <= SS_CUT_AFTER; cut++) {
            teardown(state);
            setup(state);
            device.in = &p;
            ss_power_plan(&device.bench->chip->power, n, cut);
            boot();
            if (device.bench->result.outcome != SS_OUTCOME_POWER_LOST) {
                printf("%u cuts, 0 lost\n", cuts);
                assert_true(cuts > 300);
                return;
            }
            cuts++;
            ss_power_plan(&device.bench->chip->power, 0, SS_CUT_NONE);
            for (unsigned boots = 0; boots < 3 && device.bench->result.slot != 1; boots++)
                boot();
            expect_running(&p, 1);
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(there_and_back),
        CASE(nothing_starts_without_pins_or_with_encryption),
        CASE(a_signature_that_does_not_hold),
        CASE(cuts_at_every_operation),
    };
    return ss_test_main(argc, argv, tests);
}
