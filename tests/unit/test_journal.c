// SPDX-License-Identifier: Apache-2.0
// The journal in the flash of a virtual chip, read as it is and through flash encryption: against a model, with power that
// goes at every operation, and on flash that fails.
#include "support/boot_bench.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/journal.h"

#define AREA  0x80000u
#define TWO   (2 * SS_JOURNAL_SECTOR)
#define EIGHT (8 * SS_JOURNAL_SECTOR)

static struct bench *bench;
static struct ss_journal journal;

static ss_status_t read_raw(void *context, uint32_t address, void *out, size_t len)
{
    assert_true(address % 32 == 0 && len % 32 == 0);
    ss_flash_read(&((struct bench *)context)->chip->flash, address, out, len);
    return SS_OK;
}

static ss_status_t write_raw(void *context, uint32_t address, const void *in, size_t len)
{
    assert_true(address % 32 == 0 && len % 32 == 0);
    ss_flash_program(&((struct bench *)context)->chip->flash, address, in, len);
    return SS_OK;
}

static ss_status_t read_encrypted(void *context, uint32_t address, void *out, size_t len)
{
    return ss_chip_cache_read(((struct bench *)context)->chip, address, out, len, NULL);
}

static ss_status_t write_encrypted(void *context, uint32_t address, const void *in, size_t len)
{
    return ss_chip_encrypted_write(((struct bench *)context)->chip, address, in, len, NULL);
}

static ss_status_t erase(void *context, uint32_t address)
{
    ss_flash_erase(&((struct bench *)context)->chip->flash, address, SS_JOURNAL_SECTOR);
    return SS_OK;
}

static const struct ss_journal_flash flashes[2] = {{read_raw, read_raw, write_raw, erase},
                                                   {read_encrypted, read_raw, write_encrypted, erase}};
static unsigned kind; // of the two

static void begin(unsigned which)
{
    kind = which;
    bench = bench_new(300);
    bench_set_key(bench, 1, 0x40, true);
    bench_set(bench, "FLASH_CRYPT_CONFIG", 15);
    bench_set(bench, "FLASH_CRYPT_CNT", 1);
}

static void end(void)
{
    bench_free(bench);
}

static void mount(uint32_t size)
{
    assert_int_equal(ss_journal_mount(&journal, &flashes[kind], bench, AREA, size), SS_OK);
}

/// What should be in it.
struct model {
    uint8_t data[SS_JOURNAL_IDS][600];
    size_t len[SS_JOURNAL_IDS];
};

static bool is_as(unsigned id, const struct model *m)
{
    uint8_t out[sizeof m->data[0]];
    size_t len;
    ss_status_t status = ss_journal_get(&journal, id, out, sizeof out, &len);
    if (m->len[id] == 0)
        return status == SS_ERROR_DOES_NOT_EXIST && len == 0;
    return status == SS_OK && len == m->len[id] && memcmp(out, m->data[id], len) == 0;
}

static void expect(const struct model *m)
{
    for (unsigned id = 0; id < SS_JOURNAL_IDS; id++)
        if (!is_as(id, m))
            fail_msg("record %u is not what it should be", id);
}

// The next change of a reproducible sequence.
static unsigned change(struct model *m, uint64_t *seed)
{
    static const uint16_t lengths[] = {128, 1, 0, 32, 33, 500};
    unsigned id = (unsigned)(test_random(seed) % 4);
    m->len[id] = lengths[test_random(seed) % 6];
    for (size_t i = 0; i < m->len[id]; i++)
        m->data[id][i] = (uint8_t)test_random(seed);
    return id;
}

static ss_status_t put(const struct model *m, unsigned id)
{
    return ss_journal_put(&journal, id, m->data[id], m->len[id]);
}

static void keeps_the_newest(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 2; which++) {
        begin(which);
        struct model m = {0};
        uint64_t seed = 3;
        mount(TWO);
        expect(&m);
        for (unsigned n = 0; n < 1000; n++) {
            unsigned id = change(&m, &seed);
            assert_int_equal(put(&m, id), SS_OK);
            expect(&m);
            if (n % 7 == 0) {
                mount(TWO);
                expect(&m);
            }
        }
        // Both halves wear alike, and only when one is full.
        uint32_t first = bench->chip->flash.wear[AREA / 4096], second = bench->chip->flash.wear[AREA / 4096 + 1];
        assert_in_range(first + second, 35, 60);
        assert_in_range(first - second + 1, 0, 2);
        end();
    }
}

static void writes_nothing_twice(void **state)
{
    (void)state;
    begin(0);
    mount(TWO);
    assert_int_equal(ss_journal_put(&journal, 3, "abc", 3), SS_OK);
    uint64_t programs = bench->chip->flash.programs;
    assert_int_equal(ss_journal_put(&journal, 3, "abc", 3), SS_OK);
    assert_int_equal(ss_journal_put(&journal, 4, NULL, 0), SS_OK);
    assert_int_equal(bench->chip->flash.programs, programs);
    assert_int_equal(ss_journal_put(&journal, 3, "abd", 3), SS_OK);
    assert_true(bench->chip->flash.programs > programs);
    end();
}

static void says_what_does_not_fit(void **state)
{
    (void)state;
    static uint8_t big[SS_JOURNAL_SECTOR];
    uint8_t out[8];
    size_t len;
    begin(0);
    static const uint32_t wrong[][2] = {
        {AREA, 0}, {AREA, SS_JOURNAL_SECTOR}, {AREA, 3 * SS_JOURNAL_SECTOR}, {AREA + 32, TWO}, {0xFFFFF000, TWO}};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(ss_journal_mount(&journal, &flashes[0], bench, wrong[i][0], wrong[i][1]),
                         SS_ERROR_INVALID_ARGUMENT);
    mount(TWO);
    assert_int_equal(ss_journal_put(&journal, 1, big, 4096 - 64), SS_OK);
    assert_int_equal(ss_journal_put(&journal, 1, big, 4096 - 63), SS_ERROR_INSUFFICIENT_SPACE);
    assert_int_equal(ss_journal_put(&journal, 2, big, 1), SS_ERROR_INSUFFICIENT_SPACE);
    assert_int_equal(ss_journal_put(&journal, 2, big, 70000), SS_ERROR_INSUFFICIENT_SPACE);
    assert_int_equal(ss_journal_get(&journal, 1, out, sizeof out, &len), SS_ERROR_BUFFER_TOO_SMALL);
    assert_int_equal(len, 4096 - 64);
    assert_int_equal(ss_journal_put(&journal, 1, big, 4), SS_OK);
    assert_int_equal(ss_journal_put(&journal, 2, big, 1), SS_OK);
    end();
}

static void keeps_record_and_key_sets(void **state)
{
    (void)state;
    static uint8_t sets[4][SS_KEY_SET_MAX], out[SS_KEY_SET_MAX];
    struct ss_agent_record record = {.sequence = 1ull << 40, .epoch = 3, .accepted = {1}, .release = {2}, .slot = 1},
                           back;
    size_t len;
    begin(1);
    mount(EIGHT);
    assert_int_equal(ss_journal_load(&journal, &back), SS_OK);
    assert_int_equal(back.epoch, 0);
    assert_int_equal(ss_journal_get_key_set(&journal, false, out, sizeof out, &len), SS_ERROR_DOES_NOT_EXIST);
    for (unsigned n = 0; n < 4; n++) {
        memset(sets[n], (int)n + 1, sizeof sets[n]);
        for (unsigned i = 0; i < 40; i++) { // so that it takes over now and then
            record.sequence++;
            assert_int_equal(ss_journal_store(&journal, &record), SS_OK);
        }
        assert_int_equal(ss_journal_put_key_set(&journal, sets[n], sizeof sets[n]), SS_OK);
        mount(EIGHT);
        assert_int_equal(ss_journal_get_key_set(&journal, false, out, sizeof out, &len), SS_OK);
        assert_memory_equal(out, sets[n], sizeof out);
        if (n) {
            assert_int_equal(ss_journal_get_key_set(&journal, true, out, sizeof out, &len), SS_OK);
            assert_memory_equal(out, sets[n - 1], sizeof out);
        }
    }
    assert_int_equal(ss_journal_load(&journal, &back), SS_OK);
    assert_memory_equal(&back, &record, sizeof back);
    assert_int_equal(ss_journal_put(&journal, SS_JOURNAL_RECORD, sets[0], 300), SS_OK); // of another format: lost
    assert_int_equal(ss_journal_load(&journal, &back), SS_OK);
    assert_int_equal(back.epoch, 0);
    end();
}

static void a_record_survives_its_form(void **state)
{
    (void)state;
    uint8_t raw[SS_AGENT_RECORD_SIZE], again[SS_AGENT_RECORD_SIZE];
    struct ss_agent_record r, zero = {0};
    for (unsigned i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)(i + 1);
    raw[14] = raw[15] = 0;
    raw[1] = SS_AGENT_SWITCHING;
    raw[2] = 1;
    ss_agent_record_read(raw, sizeof raw, &r);
    ss_agent_record_write(&r, again);
    assert_memory_equal(raw, again, sizeof raw);
    static const uint8_t wrong[][2] = {{0, 2}, {1, SS_AGENT_ROLLED_BACK + 1}, {2, 2}};
    for (unsigned i = 0; i < 3; i++) {
        memcpy(again, raw, sizeof raw);
        again[wrong[i][0]] = wrong[i][1];
        ss_agent_record_read(again, sizeof again, &r);
        assert_memory_equal(&r, &zero, sizeof r);
    }
    ss_agent_record_read(raw, sizeof raw - 1, &r);
    assert_memory_equal(&r, &zero, sizeof r);
}

#define CHANGES 60u

// Runs the sequence of changes until it ends or the power goes. Their number is how far it came.
static unsigned run(struct model *before, struct model *after, unsigned *id, uint64_t cut_at, enum ss_cut cut)
{
    static jmp_buf off;
    static volatile unsigned done;
    uint64_t seed = 11;
    *after = (struct model){0};
    mount(TWO);
    bench->chip->power.off = &off;
    ss_power_plan(&bench->chip->power, cut_at, cut);
    done = 0;
    if (setjmp(off) == 0)
        for (; done < CHANGES; done++) {
            *before = *after;
            *id = change(after, &seed);
            assert_int_equal(put(after, *id), SS_OK);
        }
    ss_power_plan(&bench->chip->power, 0, SS_CUT_NONE);
    return done;
}

static void power_may_go_at_any_time(void **state)
{
    (void)state;
    static struct model before, after;
    unsigned cuts = 0, id;
    for (unsigned which = 0; which < 2; which++)
        for (enum ss_cut cut = SS_CUT_BEFORE; cut <= SS_CUT_AFTER; cut++)
            for (uint64_t n = 1;; n++, cuts++) {
                begin(which);
                bench->chip->power.seed = n;
                unsigned done = run(&before, &after, &id, n, cut);
                if (done == CHANGES) {
                    end();
                    break;
                }
                mount(TWO);
                // What was being written is there as it was or as it was to become, all else as it was.
                if (is_as(id, &after))
                    before = after;
                expect(&before);
                for (unsigned i = 0; i < 20; i++) { // and it goes on
                    uint64_t seed = n + i;
                    id = change(&before, &seed);
                    assert_int_equal(put(&before, id), SS_OK);
                }
                mount(TWO);
                expect(&before);
                end();
            }
    printf("%u cuts, 0 lost\n", cuts);
    assert_true(cuts > 700);
}

// What was acknowledged is there; what failed says so, and leaves what was before or what was to become.
static void fail_and_compare(struct model *m, unsigned changes)
{
    uint64_t seed = 17;
    for (unsigned n = 0; n < changes; n++) {
        struct model next = *m;
        unsigned id = change(&next, &seed);
        ss_status_t status = put(&next, id);
        if (status == SS_OK) {
            *m = next;
            expect(m);
        } else {
            assert_int_equal(status, SS_ERROR_IO);
            expect(m);
            mount(TWO);
            if (is_as(id, &next))
                *m = next;
        }
        mount(TWO);
        expect(m);
    }
}

static void flash_that_fails(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 2; which++)
        for (unsigned sector = 0; sector < 2; sector++)
            for (uint32_t offset = 0; offset < 4096; offset += 173) {
                struct model m = {0};
                begin(which);
                mount(TWO);
                bench->chip->flash.faults.stuck = 0x5B;
                bench->chip->flash.faults.stuck_at = AREA + sector * 4096 + offset;
                fail_and_compare(&m, 50);
                end();
            }
}

static void sectors_that_are_worn(void **state)
{
    (void)state;
    for (unsigned sector = 0; sector < 2; sector++) {
        struct model m = {0};
        begin(0);
        mount(TWO);
        bench->chip->flash.faults.worn = AREA / 4096 + sector + 1;
        fail_and_compare(&m, 100);
        // The part is replaced by one that works: it goes on.
        bench->chip->flash.faults = (struct ss_flash_faults){0};
        fail_and_compare(&m, 100);
        end();
    }
}

// A chip whose flash holds anything: it is an empty journal or a whole one, found in a bounded number of reads.
static void anything_can_be_mounted(void **state)
{
    (void)state;
    uint64_t seed = 23;
    begin(0);
    for (unsigned n = 0; n < 300; n++) {
        struct model m = {0};
        uint64_t changes = 5;
        for (uint32_t i = 0; i < TWO; i++)
            bench->chip->flash.data[AREA + i] = 0xFF;
        mount(TWO);
        for (unsigned i = 0; i < n % 40; i++) {
            unsigned id = change(&m, &changes);
            assert_int_equal(put(&m, id), SS_OK);
        }
        for (unsigned i = 0; i <= n % 5 * 8; i++)
            bench->chip->flash.data[AREA + test_random(&seed) % TWO] = (uint8_t)test_random(&seed);
        uint64_t reads = bench->chip->flash.reads;
        mount(TWO);
        assert_true(bench->chip->flash.reads - reads < 3 * TWO / 32);
        assert_int_equal(ss_journal_put(&journal, 9, "works", 5), SS_OK);
        mount(TWO);
        uint8_t out[5];
        size_t len;
        assert_int_equal(ss_journal_get(&journal, 9, out, sizeof out, &len), SS_OK);
    }
    end();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_newest),           cmocka_unit_test(writes_nothing_twice),
        cmocka_unit_test(says_what_does_not_fit),     cmocka_unit_test(keeps_record_and_key_sets),
        cmocka_unit_test(a_record_survives_its_form), cmocka_unit_test(power_may_go_at_any_time),
        cmocka_unit_test(flash_that_fails),           cmocka_unit_test(sectors_that_are_worn),
        cmocka_unit_test(anything_can_be_mounted),
    };
    return ss_test_main(argc, argv, tests);
}
