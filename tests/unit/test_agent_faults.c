// SPDX-License-Identifier: Apache-2.0
// Flash that fails, sector by sector: bits that do not program, sectors that do not erase, bytes that read wrong. It is
// reported, and what does not hold is never started.
#include "support/agent_bench.h"
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"

static struct device *made(const struct agent_options *o, struct parcel *p)
{
    struct device *d = device_offered(o, &agent_usual, p);
    d->chunk = 4096;
    return d;
}

static struct ss_flash_faults *faults_of(struct device *d)
{
    return &d->bench->chip->flash.faults;
}

// Whatever runs is whole.
static void expect_whole(struct device *d, const struct parcel *p)
{
    const uint8_t *flash = d->bench->chip->flash.data;
    if (d->bench->result.outcome != SS_OUTCOME_APP)
        fail_msg("no app was started:\n%s", d->bench->log);
    if (d->bench->result.slot == 1)
        assert_memory_equal(flash + d->slots[1], p->sealed, p->len);
}

// The slot to write: a fault in any of its sectors keeps the old app running, and a good part takes the update.
static void in_the_slot(uint32_t offset, bool worn, const struct agent_options *o)
{
    struct parcel p;
    struct device *d = made(o, &p);
    if (worn) {
        faults_of(d)->worn = (d->slots[1] + offset) / SS_AGENT_SECTOR + 1;
    } else {
        while (offset < p.len && p.sealed[offset] == 0xFF)
            offset++;
        faults_of(d)->stuck_at = d->slots[1] + offset;
        faults_of(d)->stuck = (uint8_t)~p.sealed[offset];
    }
    for (unsigned boots = 0; boots < 7; boots++) { // a fault of the flash does not use up the delivery
        device_boot(d);
        device_expect(d, 0);
        assert_int_equal(d->agent.cause, SS_CAUSE_FLASH);
        assert_int_equal(d->updates, 0);
    }
    *faults_of(d) = (struct ss_flash_faults){0};
    device_boot(d);
    device_expect(d, 1);
    expect_whole(d, &p);
    device_free(d);
}

static void in_each_sector_of_the_slot(void **state)
{
    (void)state;
    const struct agent_options kinds[] = {{.secure_boot = AGENT_V1}, {.storage = AGENT_JOURNAL, .rollback = true}};
    for (unsigned kind = 0; kind < 2; kind++) {
        for (uint32_t sector = 0; sector < BENCH_SLOT; sector += SS_AGENT_SECTOR)
            in_the_slot(sector, true, &kinds[kind]); // first, middle, last of the image, and behind it
        static const uint32_t offsets[] = {0, 40, 2047, 2048, 4095, 4096, 5000, 8192, 0x2400};
        for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++)
            in_the_slot(offsets[i], false, &kinds[kind]);
    }
}

// otadata: the switch does not hold, so the old app runs on; the delivery is given up as one that was not confirmed.
static void in_otadata(void **state)
{
    (void)state;
    for (unsigned rollback = 0; rollback < 2; rollback++)
        for (uint32_t at = 0; at < 32; at += 5)
            for (unsigned copy = 0; copy < 2; copy++) {
                struct parcel p;
                struct device *d = made(&(struct agent_options){.rollback = rollback}, &p);
                faults_of(d)->stuck_at = BENCH_OTA + copy * 0x1000 + at;
                faults_of(d)->stuck = 0xFF;
                for (unsigned boots = 0; boots < 3; boots++) {
                    device_boot(d);
                    expect_whole(d, &p);
                }
                if (d->bench->result.slot == 0) {
                    assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
                    assert_int_equal(d->stored[0].cause, SS_CAUSE_UNCONFIRMED);
                    assert_int_equal(ss_agent_state(&d->agent), SS_STATE_ROLLED_BACK);
                } else {
                    assert_int_equal(copy, 0); // it was not written, or its byte is one that can be 0xFF
                }
                device_free(d);
            }
}

static void in_worn_otadata(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        struct device *d = device_new(&(struct agent_options){.rollback = n & 1});
        faults_of(d)->worn = (BENCH_OTA >> 12) + (n >> 1) + 1;
        unsigned running = 0;
        for (unsigned i = 1; i <= 4; i++) { // each update is installed, or the app before it runs
            struct parcel p;
            make_parcel(d, &(struct parcel_options){.version = i + 1, .slot = running ^ 1u, .sequence = i}, &p);
            d->in = &p;
            device_boot(d);
            if (d->bench->result.outcome != SS_OUTCOME_APP)
                fail_msg("no app was started:\n%s", d->bench->log);
            running = (unsigned)d->bench->result.slot;
            d->in = NULL;
        }
        device_free(d);
    }
}

// The journal: what cannot be stored is not begun; a fault in one half is survived by the other.
static void in_the_journal(void **state)
{
    (void)state;
    unsigned installed = 0, refused = 0;
    for (unsigned n = 0; n < 2 * 4 * 16; n++) {
        struct parcel p;
        uint32_t sector = n / 16 % 4, offset = n % 16 * 31;
        struct device *d = made(&(struct agent_options){.storage = AGENT_JOURNAL + n / 64, .rollback = n & 1}, &p);
        if (n % 16 == 15) {
            faults_of(d)->worn = AGENT_BENCH_JOURNAL / SS_AGENT_SECTOR + sector + 1;
            memset(d->bench->chip->flash.data + AGENT_BENCH_JOURNAL + sector * SS_AGENT_SECTOR, 0, SS_AGENT_SECTOR);
        } else {
            faults_of(d)->stuck_at = AGENT_BENCH_JOURNAL + sector * SS_AGENT_SECTOR + offset;
            faults_of(d)->stuck = 0xFF;
        }
        for (unsigned boots = 0; boots < 3; boots++) {
            device_boot(d);
            expect_whole(d, &p);
        }
        if (d->bench->result.slot == 1) {
            installed++;
        } else {
            assert_int_equal(d->agent.cause, SS_CAUSE_FLASH);
            refused++;
        }
        *faults_of(d) = (struct ss_flash_faults){0};
        device_boot(d);
        device_expect(d, 1);
        device_free(d);
    }
    assert_true(installed > 60 && refused > 0);
}

// A bus that reads wrong now and then: nothing wrong is kept, and in the end the update is there.
static void bytes_that_read_wrong(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 40; n++) {
        struct parcel p;
        struct device *d = made(&(struct agent_options){.rollback = true}, &p);
        d->bench->chip->power.seed = n;
        faults_of(d)->flips = 30000;
        for (unsigned boots = 0; boots < 6; boots++) {
            device_boot(d);
            if (d->bench->result.outcome == SS_OUTCOME_APP)
                expect_whole(d, &p);
        }
        *faults_of(d) = (struct ss_flash_faults){0};
        if (d->bench->result.slot == 0) // it may have been given up
            make_parcel(d, &(struct parcel_options){.version = 2, .slot = 1, .sequence = 8}, &p);
        device_boot(d);
        device_expect(d, 1);
        device_free(d);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_each_sector_of_the_slot),
        cmocka_unit_test(in_otadata),
        cmocka_unit_test(in_worn_otadata),
        cmocka_unit_test(in_the_journal),
        cmocka_unit_test(bytes_that_read_wrong),
    };
    return ss_test_main(argc, argv, tests);
}
