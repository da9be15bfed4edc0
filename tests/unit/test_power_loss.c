// SPDX-License-Identifier: Apache-2.0
// An update on a virtual chip, with the power cut at its operations: of the flash, the eFuses and the device's storage.
// Before one, inside it (some of its bits have changed), after it; and again while the device recovers. After every cut
// the chip boots an app that is whole, the old one or the new one, and the update ends up installed; or, where the new
// app rejects itself, refused.
//
// CTest runs the short form, `./dev power-loss` the full one (SS_POWER_LOSS=full). What fails says how to run it again:
// SS_POWER_LOSS_CASE="scene n cut n cut".
#include "support/agent_bench.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ss_error err;

/// What happens in a scene.
enum story {
    UPDATE,    ///< an update is installed
    UNFIT,     ///< the new app rejects itself
    AFTERWARDS ///< an update is installed after one that has rejected itself
};

/// A device at rest, to be put back before each run.
struct scene {
    char name[80];
    struct device *device;
    struct ss_vchip *start;
    struct ss_agent_record stored[AGENT_STORED];
    struct parcel parcel;
    enum story story;
    uint64_t operations; ///< of a whole update, until all is quiet
    unsigned cuts, lost;
};

static unsigned all_cuts, all_lost;

static bool full(void)
{
    return getenv("SS_POWER_LOSS") != NULL || getenv("SS_POWER_LOSS_CASE") != NULL;
}

// -- Scenes -----------------------------------------------------------------------------------------------------------

static const char *const boot_names[] = {"v1-app", "v1", "v2"};
static const char *const storage_names[] = {"keeps", "forgets", "capricious", "journal", "journal-encrypted"};

static void name_scene(struct scene *s, const struct agent_options *o)
{
    static const char *const stories[] = {"", ",unfit", ",afterwards"};
    const char *size = o->full ? "64k" : "3-sectors";
    snprintf(s->name, sizeof s->name, "%s,%s,%s%s%s%s%s", o->forum ? "forum" : size, boot_names[o->secure_boot],
             storage_names[o->storage], o->rollback ? ",rollback" : "", o->anti_rollback ? ",anti-rollback" : "",
             o->own_key ? ",own-key" : "", stories[s->story]);
}

static void rewind_scene(struct scene *s)
{
    struct device *d = s->device;
    struct ss_vchip *chip = d->bench->chip;
    *chip->silicon = *s->start->silicon;
    uint32_t from = AGENT_BENCH_JOURNAL, end = d->slots[1] + d->slot_size; // nothing else changes
    memcpy(chip->flash.data + from, s->start->flash.data + from, end - from);
    chip->power = (struct ss_power){.seed = s->start->power.seed};
    device_power_on(d);
    memcpy(d->stored, s->stored, sizeof d->stored);
    d->updates = d->errors = 0;
}

// The journal has been through both its halves, and has to take the other one into use during the update.
static void fill_journal(struct device *d)
{
    device_started(d, 0);
    bool has = d->options.storage >= AGENT_JOURNAL;
    for (uint32_t n = 0; has && (d->journal.generation < 3 || d->journal.half - d->journal.end > 500); n++)
        assert_int_equal(ss_journal_put(&d->journal, SS_JOURNAL_FREE, &n, sizeof n), SS_OK);
}

// The older app in slot 1 is one that was tried there.
static void try_unfit(struct scene *s, const struct parcel_options *options)
{
    struct parcel_options unfit = *options;
    struct device *d = s->device;
    unfit.sequence--;
    unfit.version++;
    make_parcel(d, &unfit, &s->parcel);
    d->in = &s->parcel;
    d->unhealthy = true;
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->agent.cause, SS_CAUSE_GIVEN_UP);
}

// Two boots: the second one finds nothing more to do.
static void scene_begin(struct scene *s, const struct agent_options *o, enum story story)
{
    struct parcel_options parcel = agent_usual;
    *s = (struct scene){.story = story};
    name_scene(s, o);
    parcel.secure_version = o->anti_rollback ? 4 : 3;
    struct device *d = s->device = device_new(o);
    d->chunk = 4096;
    if (o->anti_rollback) // as the bootloader has burned it for the app that runs
        d->bench->chip->silicon->words[ss_efuse_block_start(3) + 4] = 7;
    if (story == AFTERWARDS)
        try_unfit(s, &parcel);
    fill_journal(d);
    make_parcel(d, &parcel, &s->parcel);
    d->in = &s->parcel;
    d->unhealthy = story == UNFIT;
    memcpy(s->stored, d->stored, sizeof d->stored);
    assert_ok(ss_chip_clone(d->bench->chip, &s->start, &err), err);
    rewind_scene(s);
    device_boot(d);
    device_boot(d);
    device_expect(d, story != UNFIT);
    s->operations = d->bench->chip->power.operations;
}

static void scene_end(struct scene *s)
{
    all_cuts += s->cuts;
    all_lost += s->lost;
    ss_chip_free(s->start);
    device_free(s->device);
}

// -- The verdict ------------------------------------------------------------------------------------------------------

// What boots is whole: the old app as it was, or the new one as it was sealed.
static const char *boots_badly(const struct scene *s)
{
    const struct device *d = s->device;
    const uint8_t *flash = d->bench->chip->flash.data;
    if (d->bench->result.outcome != SS_OUTCOME_APP)
        return "no app was started";
    if (d->bench->result.slot == 0)
        return memcmp(flash + d->slots[0], s->start->flash.data + d->slots[0], d->slot_size) == 0
                   ? NULL
                   : "the old app was changed";
    return memcmp(flash + d->slots[1], s->parcel.sealed, s->parcel.len) == 0 ? NULL : "the new app is not whole";
}

static bool is_done(const struct scene *s)
{
    const struct device *d = s->device;
    if (s->story != UNFIT)
        return d->bench->result.slot == 1;
    return d->bench->result.slot == 0 && d->agent.cause == SS_CAUSE_GIVEN_UP;
}

// Switches the device on until it is done. Storage that tells lies may take it some more attempts.
static const char *recover(struct scene *s)
{
    struct device *d = s->device;
    for (unsigned boots = 0; boots < 12; boots++) {
        device_boot(d);
        if (d->bench->result.outcome == SS_OUTCOME_POWER_LOST) {
            s->cuts++;
            continue;
        }
        const char *wrong = boots_badly(s);
        if (wrong)
            return wrong;
        if (d->errors)
            return "the agent could not be started";
        if (is_done(s))
            return NULL;
    }
    return "the update was not installed";
}

/// Where the power goes: at operation `n` of an update, and at operation `then` of what follows (0: not again).
struct cuts {
    uint64_t n, then;
    enum ss_cut cut, then_cut;
};

// False if the device had recovered before the second cut came.
static bool cut_at(struct scene *s, const struct cuts *c)
{
    struct ss_power *power = &s->device->bench->chip->power;
    rewind_scene(s);
    power->seed ^= c->n * 5 + c->then * 3 + c->cut;
    ss_power_plan(power, c->n, c->cut);
    device_boot(s->device);
    if (s->device->bench->result.outcome != SS_OUTCOME_POWER_LOST) // the last ones belong to the second boot
        device_boot(s->device);
    const char *wrong = s->device->bench->result.outcome == SS_OUTCOME_POWER_LOST ? NULL : "the power did not go";
    s->cuts++;
    ss_power_plan(power, c->then, c->then_cut);
    if (!wrong)
        wrong = recover(s);
    bool twice = c->then && power->cut_at == 0;
    ss_power_plan(power, 0, SS_CUT_NONE);
    if (wrong && s->lost++ < 3)
        fprintf(stderr, "lost: %s (slot %d, cause %s): SS_POWER_LOSS_CASE=\"%s %u %u %u %u\"\n", wrong,
                s->device->bench->result.slot, ss_agent_cause_name(s->device->agent.cause), s->name, (unsigned)c->n,
                c->cut, (unsigned)c->then, c->then_cut);
    return twice;
}

static void report(const struct scene *s)
{
    if (full())
        fprintf(stderr, "%-48s %4u operations, %u cuts, %u lost\n", s->name, (unsigned)s->operations, s->cuts, s->lost);
}

// -- Which cuts -------------------------------------------------------------------------------------------------------

static void every_one(struct scene *s)
{
    for (uint64_t n = 1; n <= s->operations; n++)
        for (enum ss_cut cut = SS_CUT_BEFORE; cut <= SS_CUT_AFTER; cut++)
            cut_at(s, &(struct cuts){.n = n, .cut = cut});
    report(s);
}

static void every_pair(struct scene *s)
{
    for (uint64_t n = 1; n <= s->operations; n++)
        for (enum ss_cut cut = SS_CUT_BEFORE; cut <= SS_CUT_AFTER; cut++) {
            bool twice = true;
            for (uint64_t then = 1; twice; then++)
                for (enum ss_cut then_cut = SS_CUT_BEFORE; then_cut <= SS_CUT_AFTER; then_cut++)
                    twice = cut_at(s, &(struct cuts){n, then, cut, then_cut});
        }
    report(s);
}

static void some_pairs(struct scene *s, unsigned count)
{
    uint64_t seed = 5;
    for (unsigned i = 0; i < count; i++) {
        uint64_t n = 1 + test_random(&seed) % s->operations, then = 1 + test_random(&seed) % s->operations;
        enum ss_cut cut = SS_CUT_BEFORE + test_random(&seed) % 3, then_cut = SS_CUT_BEFORE + test_random(&seed) % 3;
        cut_at(s, &(struct cuts){n, then, cut, then_cut});
    }
    report(s);
}

// -- Tests ------------------------------------------------------------------------------------------------------------

static struct agent_options options_of(unsigned n)
{
    return (struct agent_options){.secure_boot = n / 2 / AGENT_STORAGES % AGENT_SECURE_BOOTS,
                                  .storage = n / 2 % AGENT_STORAGES,
                                  .rollback = n & 1};
}
#define KINDS (2u * AGENT_STORAGES * AGENT_SECURE_BOOTS)

// The one case that was asked for, if it is of this scene.
static void run_case(struct scene *s, const char *text)
{
    unsigned n, cut, then, then_cut;
    size_t len = strlen(s->name);
    if (strncmp(text, s->name, len) == 0 && sscanf(text + len, " %u %u %u %u", &n, &cut, &then, &then_cut) == 4)
        cut_at(s, &(struct cuts){n, then, cut, then_cut});
}

static void run(const struct agent_options *o, enum story story, void (*cuts)(struct scene *s))
{
    struct scene s;
    const char *text = getenv("SS_POWER_LOSS_CASE");
    scene_begin(&s, o, story);
    if (text)
        run_case(&s, text);
    else
        cuts(&s);
    scene_end(&s);
}

static void expect_none_lost(unsigned cuts, unsigned lost)
{
    printf("%u cuts, %u lost\n", all_cuts - cuts, all_lost - lost);
    assert_int_equal(all_lost, lost);
}

// Each storage with one kind of secure boot.
static bool taken(unsigned n)
{
    return n / 2 / AGENT_STORAGES == n / 2 % AGENT_SECURE_BOOTS;
}

// Apps that fill slots of 64 KiB.
static void once_at_every_operation(void **state)
{
    (void)state;
    unsigned cuts = all_cuts, lost = all_lost;
    for (unsigned n = 0; n < KINDS; n++) {
        struct agent_options o = options_of(n);
        o.full = true;
        o.own_key = n % 4 == 1;
        if (full() || taken(n))
            run(&o, UPDATE, every_one);
    }
    expect_none_lost(cuts, lost);
}

// In the short form some pairs.
static void pairs(struct scene *s)
{
    if (full())
        every_pair(s);
    else
        some_pairs(s, 60);
}

// Apps of three sectors.
static void again_while_it_recovers(void **state)
{
    (void)state;
    unsigned cuts = all_cuts, lost = all_lost;
    for (unsigned n = 0; n < KINDS; n++) {
        const struct agent_options o = options_of(n);
        run(&o, UPDATE, pairs);
    }
    expect_none_lost(cuts, lost);
}

// The same with apps that fill their slot.
static void again_on_full_slots(void **state)
{
    (void)state;
    unsigned cuts = all_cuts, lost = all_lost;
    for (unsigned n = 0; n < 2; n++) {
        const struct agent_options o = {.full = true,
                                        .secure_boot = AGENT_V1,
                                        .storage = n ? AGENT_JOURNAL : AGENT_KEEPS,
                                        .rollback = n,
                                        .own_key = true};
        run(&o, UPDATE, pairs);
    }
    expect_none_lost(cuts, lost);
}

static void an_app_that_takes_itself_back(void **state)
{
    (void)state;
    unsigned cuts = all_cuts, lost = all_lost;
    for (unsigned n = 0; n < KINDS; n++) {
        const struct agent_options o = options_of(n);
        if (!taken(n) || o.storage == AGENT_FORGETS || o.storage == AGENT_CAPRICIOUS) // those try it for ever
            continue;
        run(&o, UNFIT, every_one);
        run(&o, UNFIT, pairs);
        run(&o, AFTERWARDS, every_one);
        run(&o, AFTERWARDS, pairs);
    }
    expect_none_lost(cuts, lost);
}

// The bootloader burns eFuses.
static void with_anti_rollback(void **state)
{
    (void)state;
    unsigned cuts = all_cuts, lost = all_lost;
    for (unsigned n = 0; n < AGENT_STORAGES; n++) {
        const struct agent_options o = {.storage = n, .anti_rollback = true};
        run(&o, UPDATE, every_one);
        run(&o, UPDATE, pairs);
    }
    expect_none_lost(cuts, lost);
}

static void forum_pairs(struct scene *s)
{
    some_pairs(s, full() ? 250 : 10);
}

static void on_the_forums_table(void **state)
{
    (void)state;
    unsigned cuts = all_cuts, lost = all_lost;
    for (unsigned n = 0; n < 2; n++) {
        const struct agent_options o = {.forum = true,
                                        .secure_boot = AGENT_V1,
                                        .storage = n ? AGENT_JOURNAL : AGENT_KEEPS,
                                        .rollback = n,
                                        .own_key = true};
        run(&o, UPDATE, forum_pairs);
    }
    expect_none_lost(cuts, lost);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_at_every_operation), cmocka_unit_test(again_while_it_recovers),
        cmocka_unit_test(again_on_full_slots),     cmocka_unit_test(an_app_that_takes_itself_back),
        cmocka_unit_test(with_anti_rollback),      cmocka_unit_test(on_the_forums_table),
    };
    return ss_test_main(argc, argv, tests);
}
