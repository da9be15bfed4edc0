// SPDX-License-Identifier: Apache-2.0
// A provisioning that is interrupted anywhere: the chip loses its power before, inside or after any change of flash or
// eFuses; the host dies before or after anything that it stores, or in the middle of anything that it sends. The same
// call then continues, also after the chip has run by itself in between. In the end the chip boots; the vault's key and
// the chip's are the same at every moment, and no secret is ever in the clear in the flash.
//
// Cases are numbered, and a failure names its own. SS_INTERRUPTIONS=full (`./dev interruptions`) goes through all of
// them; without it most places are cut once, in a way that changes from place to place.
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/provision_bench.h"
#include "support/vectors.h"

#ifdef __SANITIZE_ADDRESS__
enum { THIN = 5 }; ///< where everything takes several times as long, a fifth of the short form; prime to its strides
#else
enum { THIN = 1 };
#endif

static struct ss_error err;

enum interruption {
    CHIP_BEFORE,
    CHIP_INSIDE,
    CHIP_AFTER,
    STORE_BEFORE,
    STORE_AFTER,
    PORT_INSIDE,
    INTERRUPTIONS,
};

struct campaign {
    struct pb *b;
    struct ss_vchip *blank;
    struct pb_vault vault; ///< empty
    uint64_t places[INTERRUPTIONS];
    unsigned cases, closed, second, lost;
    bool full;
    const char *name;
};

static void restore(struct ss_vchip *chip, const struct ss_vchip *from)
{
    *chip->silicon = *from->silicon;
    memcpy(chip->flash.data, from->flash.data, from->flash.size);
    chip->power = (struct ss_power){.seed = from->power.seed};
    ss_chip_reset(chip);
}

static void begin(struct campaign *c, const char *name, const struct pb_options *o)
{
    const char *mode = getenv("SS_INTERRUPTIONS");
    *c = (struct campaign){.b = pb_new(o), .name = name, .full = mode && strcmp(mode, "full") == 0};
    assert_ok(ss_chip_clone(c->b->chip, &c->blank, &err), err);
    c->b->chip->power = (struct ss_power){.seed = 1};
    assert_ok(pb_provision(c->b, true), c->b->err);
    pb_expect_secrets_kept(c->b);
    for (unsigned i = 0; i < INTERRUPTIONS; i++)
        c->places[i] = i <= CHIP_AFTER    ? c->b->chip->power.operations
                       : i <= STORE_AFTER ? c->b->store_calls
                                          : c->b->port_writes;
    // What counts is what happens on the way; a store that dies has nothing more to say of calls that only read.
    assert_true(c->places[CHIP_BEFORE] > 20 && c->places[STORE_BEFORE] > 10 && c->places[PORT_INSIDE] > 100);
}

static void end(struct campaign *c)
{
    print_message("%s: %u interruptions (%u second ones), %llu changes of the chip, %llu calls of the store, "
                  "%llu messages\n",
                  c->name, c->cases, c->second, (unsigned long long)c->places[CHIP_BEFORE],
                  (unsigned long long)c->places[STORE_BEFORE], (unsigned long long)c->places[PORT_INSIDE]);
    ss_chip_free(c->blank);
    pb_free(c->b);
}

static void arm(struct campaign *c, enum interruption how, uint64_t n, uint64_t seed)
{
    struct pb *b = c->b;
    b->store_die_at = b->port_die_at = 0;
    b->chip->power.cut_at = 0;
    if (how <= CHIP_AFTER) {
        b->chip->power.seed = seed;
        b->chip->power.cut_at = b->chip->power.operations + n;
        b->chip->power.cut = (enum ss_cut)(SS_CUT_BEFORE + how);
    } else if (how <= STORE_AFTER) {
        b->store_die_at = (unsigned)n;
        b->store_die_after = how == STORE_AFTER;
    } else {
        b->port_die_at = (unsigned)n;
    }
}

static bool closed(const struct ss_vchip *chip)
{
    return chip->silicon->words[0] >> 27 & 1;
}

/// ESP-IDF's release-mode bootloader burns FLASH_CRYPT_CNT and its write protection in one operation. Power that fails
/// inside it can leave the second without the first, and nothing on earth turns encryption on any more. Only
/// device-encrypts has that moment.
static bool lost(const struct campaign *c)
{
    uint32_t word = c->b->chip->silicon->words[0];
    return c->b->job.options.kind == SS_PROCEDURE_DEVICE_ENCRYPTS && (word & 4) && !(word >> 20 & 0x7F);
}

/// Continues until done; a chip whose download mode was closed on the way has to boot all the same.
static void expect_recovery(struct campaign *c, enum interruption how, uint64_t n, bool runs)
{
    struct pb *b = c->b;
    pb_expect_secrets_kept(b);
    arm(c, CHIP_BEFORE, 0, 1);
    b->chip->power.cut_at = 0;
    if (lost(c)) {
        assert_int_equal(pb_provision(b, !runs), SS_ERROR_NOT_PERMITTED);
        assert_string_equal(b->err.message, "FLASH_CRYPT_CNT is used up: 0x00, encryption off, and write-protected");
        c->lost++;
        return;
    }
    if (closed(b->chip)) {
        c->closed++;
    } else if (pb_provision(b, !runs) != SS_OK) {
        fail_msg("%s: interruption %d at %llu, %s: %s\n%s", c->name, how, (unsigned long long)n,
                 runs ? "the chip runs before" : "held in download mode", b->err.message, b->log);
    }
    pb_expect_provisioned(b);
    c->cases++;
}

static void start_over(struct campaign *c)
{
    restore(c->b->chip, c->blank);
    c->b->vault = c->vault;
}

static void interrupt_at(struct campaign *c, enum interruption how, uint64_t n, bool runs)
{
    start_over(c);
    arm(c, how, n, n);
    ss_status_t status = pb_provision(c->b, true);
    // After the last thing that happens there is nothing left to fail.
    if (status == SS_OK && n < c->places[how])
        fail_msg("%s: interruption %d at %llu did not happen", c->name, how, (unsigned long long)n);
    expect_recovery(c, how, n, runs);
}

/// A second interruption while the first is recovered from.
static void interrupt_twice(struct campaign *c, uint64_t *seed)
{
    enum interruption first = (enum interruption)(test_random(seed) % INTERRUPTIONS);
    enum interruption then = (enum interruption)(test_random(seed) % INTERRUPTIONS);
    uint64_t n = 1 + test_random(seed) % c->places[first], m = 1 + test_random(seed) % c->places[then];
    start_over(c);
    arm(c, first, n, n);
    (void)!pb_provision(c->b, true);
    arm(c, then, m, m);
    if (!closed(c->b->chip))
        (void)!pb_provision(c->b, test_random(seed) & 1);
    expect_recovery(c, then, m, test_random(seed) & 1);
    c->second++;
}

static void every_place(struct campaign *c)
{
    for (unsigned how = 0; how < INTERRUPTIONS; how++)
        for (uint64_t n = 1; n <= c->places[how]; n++) {
            if (!c->full && n % THIN)
                continue;
            // Between two messages of a transfer nothing differs: a sample is enough where time is short.
            if (!c->full && how == PORT_INSIDE && n % 97)
                continue;
            if (!c->full && (how == STORE_BEFORE || how == STORE_AFTER) && n % 2 != how % 2)
                continue;
            if (!c->full && how <= CHIP_AFTER && n % (c->places[how] > 200 ? 9 : 3) != how)
                continue;
            interrupt_at(c, (enum interruption)how, n, c->full ? false : n & 1);
            if (c->full)
                interrupt_at(c, (enum interruption)how, n, true);
        }
    uint64_t seed = 2026;
    for (unsigned i = 0; i < (c->full ? 2000 : 20 / THIN); i++)
        interrupt_twice(c, &seed);
}

static void campaign(const char *name, const struct pb_options *o)
{
    struct campaign c;
    begin(&c, name, o);
    every_place(&c);
    end(&c);
}

/// Places drawn at random, on the table and the flash of the forum's device.
static void forum_campaign(const char *name, const struct pb_options *o)
{
    struct campaign c;
    uint64_t seed = 4;
    begin(&c, name, o);
    for (unsigned i = 0; i < (c.full ? 1500 : 20 / THIN); i++) {
        enum interruption how = (enum interruption)(test_random(&seed) % INTERRUPTIONS);
        interrupt_at(&c, how, 1 + test_random(&seed) % c.places[how], test_random(&seed) & 1);
    }
    end(&c);
}

static void the_forums_table(void **state)
{
    (void)state;
    forum_campaign("forum, host-sealed", &(struct pb_options){.level = SS_LEVEL_RELEASE,
                                                              .secure_boot = SS_SECURE_BOOT_V1_ONE_TIME,
                                                              .release_profile = true,
                                                              .forum = true});
    forum_campaign("forum, device-encrypts", &(struct pb_options){.kind = SS_PROCEDURE_DEVICE_ENCRYPTS,
                                                                  .secure_boot = SS_SECURE_BOOT_V1_ONE_TIME,
                                                                  .forum = true});
}

static void device_encrypts_release(void **state)
{
    (void)state;
    struct campaign c;
    begin(
        &c, "device-encrypts, release",
        &(struct pb_options){.kind = SS_PROCEDURE_DEVICE_ENCRYPTS, .level = SS_LEVEL_RELEASE, .release_profile = true});
    every_place(&c);
    // There is one such operation, and some seeds of it.
    assert_true(c.lost > 0 || !c.full);
    assert_true(c.lost < 20);
    end(&c);
}

static void host_sealed_release_v1_reflashable(void **state)
{
    (void)state;
    campaign("host-sealed, release, V1 reflashable, download mode closed",
             &(struct pb_options){.level = SS_LEVEL_RELEASE,
                                  .secure_boot = SS_SECURE_BOOT_V1_REFLASHABLE,
                                  .release_profile = true,
                                  .count_max = true,
                                  .uart_disable = true});
}

static void host_sealed_release_v1_one_time(void **state)
{
    (void)state;
    campaign("host-sealed, release, V1 one-time", &(struct pb_options){.level = SS_LEVEL_RELEASE,
                                                                       .secure_boot = SS_SECURE_BOOT_V1_ONE_TIME,
                                                                       .release_profile = true});
}

/// Download mode is closed after a boot that was seen to be good.
static void host_sealed_release_v1_one_time_closed(void **state)
{
    (void)state;
    campaign("host-sealed, release, V1 one-time, download mode closed last",
             &(struct pb_options){
                 .level = SS_LEVEL_RELEASE, .secure_boot = SS_SECURE_BOOT_V1_ONE_TIME, .uart_disable = true});
}

static void host_sealed_v2(void **state)
{
    (void)state;
    campaign("host-sealed, V2", &(struct pb_options){.secure_boot = SS_SECURE_BOOT_V2});
}

static void host_sealed_34(void **state)
{
    (void)state;
    campaign("host-sealed, 3/4 coding",
             &(struct pb_options){.coding = SS_EFUSE_CODING_34, .secure_boot = SS_SECURE_BOOT_V1_REFLASHABLE});
}

static void device_encrypts_v1_one_time(void **state)
{
    (void)state;
    campaign("device-encrypts, V1 one-time",
             &(struct pb_options){.kind = SS_PROCEDURE_DEVICE_ENCRYPTS, .secure_boot = SS_SECURE_BOOT_V1_ONE_TIME});
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_sealed_release_v1_reflashable),
        cmocka_unit_test(host_sealed_release_v1_one_time),
        cmocka_unit_test(host_sealed_release_v1_one_time_closed),
        cmocka_unit_test(host_sealed_v2),
        cmocka_unit_test(host_sealed_34),
        cmocka_unit_test(device_encrypts_v1_one_time),
        cmocka_unit_test(device_encrypts_release),
        cmocka_unit_test(the_forums_table),
    };
    return ss_test_main(argc, argv, tests);
}
