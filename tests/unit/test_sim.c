// SPDX-License-Identifier: Apache-2.0
// A device that lives on a virtual chip: who it is, what it keeps, updates that are pushed to it, and power that fails.
// What it does with a server is in tests/interop/test_pull.py.
#include "support/boot_bench.h"
#include "support/sample_image.h"
#include "support/statement_sample.h"
#include "support/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "device/pins.h"
#include "sim/device.h"
#include "sim/device_parts.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/secure_boot_v1.h"

#define IMAGE_MAX 0x5000u
#define PINS_AT   0x200u
#define NVS       0x9000u
#define NVS_KEYS  0x40000u
#define JOURNAL   0x41000u
#define ID        "lamp-1"

static struct ss_error err;
static const uint32_t slots[2] = {BENCH_SLOT_0, BENCH_SLOT_1};

// -- A chip as provisioning leaves it ---------------------------------------------------------------------------------

struct made {
    unsigned version;
    const struct sample_statement *pins; ///< NULL: the block is empty
    unsigned blocks;                     ///< of pins
};

static size_t make_app(const struct made *m, uint8_t *out)
{
    static const struct sample_segment segments[] = {{0x3F400020, 0x3000}, {0x40080400, 0x190}};
    static const uint8_t magic[] = SS_PINS_MAGIC;
    size_t len = sample_image(out, IMAGE_MAX, segments, 2, true);
    memset(out + SS_DESC_OFFSET, 0, SS_APP_DESC_SIZE);
    ss_put_le32(out + SS_DESC_OFFSET, SS_APP_DESC_MAGIC);
    ss_put_le32(out + SS_DESC_OFFSET + 4, 3);
    snprintf((char *)out + SS_DESC_OFFSET + 0x10, 32, "%u.0.0", m->version);
    for (unsigned i = 0; i < m->blocks; i++) {
        uint8_t *block = out + PINS_AT + i * 0x1000;
        memcpy(block, magic, sizeof magic);
        ss_put_le32(block + 16, 0xB00);
        ss_put_le32(block + 20, m->pins ? (uint32_t)m->pins->len : 0);
        if (m->pins)
            memcpy(block + 24, m->pins->bytes, m->pins->len);
    }
    sample_refresh(out, len);
    assert_ok(ss_secure_boot_v1_sign(sample_signing_key(12), out, len, out + len, &err), err);
    memset(out + len + SS_SBV1_BLOCK_SIZE, 0xFF, 16);
    return len;
}

static struct sample_statement key_set(unsigned version)
{
    struct sample_statement out;
    struct ss_key_set set = sample_key_set();
    set.version = version;
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &out);
    return out;
}

struct settings {
    bool rollback, encrypted_nvs, journal;
    const struct sample_statement *factory_set; ///< in NVS
    const char *id;                             ///< NULL: ID
};

static void lay_nvs(struct bench *b, const struct settings *s)
{
    static uint8_t image[0x4000];
    uint8_t keys[SS_NVS_KEYS_SIZE], keys_image[SS_NVS_KEYS_IMAGE_SIZE];
    struct ss_device_config config = {.id = s->id ? s->id : ID, .servers = {"https://a.example"}, .server_count = 1};
    for (unsigned i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)(3 * i + 1);
    config.token = "0123456789012345678901234567890123456789012";
    config.nvs_keys = s->encrypted_nvs ? keys : NULL;
    if (s->factory_set)
        config.key_set = (struct ss_device_file){s->factory_set->bytes, s->factory_set->len};
    assert_ok(ss_device_config_build(&config, image, sizeof image, &err), err);
    bench_lay(b, NVS, image, sizeof image);
    ss_nvs_keys_build(keys, keys_image);
    bench_lay(b, NVS_KEYS, keys_image, sizeof keys_image);
}

static struct bench *provisioned(const struct settings *s, const struct made *m)
{
    uint8_t app[IMAGE_MAX];
    struct bench *b = bench_bootable(300);
    size_t len = make_app(m, app);
    bench_set_key(b, 1, 0x40, true);
    bench_set(b, "FLASH_CRYPT_CONFIG", 15);
    bench_set(b, "FLASH_CRYPT_CNT", 1);
    b->profile.flash_encryption = b->profile.signed_on_boot = b->profile.has_public_key = true;
    memcpy(b->profile.public_key, sample_public_key(12), SS_PROFILE_KEY_SIZE);
    b->profile.public_key_len = SS_PROFILE_KEY_SIZE;
    b->profile.rollback = s->rollback;
    bench_add_row(b, "nvs", SS_PARTITION_DATA, SS_PARTITION_DATA_NVS, NVS, 0x4000);
    if (s->encrypted_nvs)
        bench_add_row(b, "keys", SS_PARTITION_DATA, SS_PARTITION_DATA_NVS_KEYS, NVS_KEYS, 0x1000);
    if (s->journal)
        bench_add_row(b, SS_SIM_JOURNAL_LABEL, SS_PARTITION_DATA, 0x40, JOURNAL, 0x8000);
    bench_lay_table(b);
    lay_nvs(b, s);
    bench_lay(b, BENCH_SLOT_0, app, len + SS_SBV1_BLOCK_SIZE);
    bench_lay_otadata(b, 0, 1, s->rollback ? SS_OTA_VALID : SS_OTA_UNDEFINED);
    bench_seal(b, 0x1000, 0x7000);
    bench_seal(b, BENCH_TABLE, 0x1000);
    bench_seal(b, BENCH_OTA, 32);
    bench_seal(b, BENCH_SLOT_0, IMAGE_MAX);
    if (s->encrypted_nvs)
        bench_seal(b, NVS_KEYS, 0x1000);
    return b;
}

/// A device around a copy of the bench's chip.
static struct ss_sim_device *device_of(const struct bench *b, struct ss_sim_options options)
{
    struct ss_sim_device *d;
    struct ss_vchip *chip;
    options.profile = &b->profile;
    options.pushed = true;
    assert_ok(ss_chip_clone(b->chip, &chip, &err), err);
    assert_ok(ss_sim_new(chip, &options, &d, &err), err);
    return d;
}

struct parcel {
    struct sample_statement release, delivery;
    uint8_t sealed[IMAGE_MAX];
    struct ss_sim_parcel as;
};

static void make_parcel(const struct bench *b, unsigned version, unsigned slot, uint64_t sequence,
                        const struct sample_statement *pins, struct parcel *p)
{
    static uint8_t digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE];
    uint8_t digest[32], reference[32], key[32];
    size_t key_len;
    struct ss_statement parsed;
    struct ss_flash_cipher cipher;
    size_t image_len = make_app(&(struct made){version, pins, 1}, p->sealed);
    assert_ok(ss_canonical_digest(p->sealed, image_len, SS_VK_NONE, digest, &err), err);
    struct ss_release release = sample_release();
    release.digest = digest;
    release.image_len = (uint32_t)image_len;
    release.vk_offset = release.bootloader = 0;
    release.table_digest = NULL;
    uint32_t len = ss_release_file_len(&release);
    assert_ok(ss_efuse_key_from_words(&b->chip->silicon->words[ss_efuse_block_start(1)],
                                      ss_efuse_coding(b->chip->silicon), key, &key_len, &err),
              err);
    assert_ok(ss_flash_cipher_init(&cipher, key, key_len, 0xF, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, slots[slot], p->sealed, p->sealed, (len + 31) / 32 * 32, &err), err);
    sample_sign_release(&release, 4, &p->release);
    assert_int_equal(ss_statement_parse(p->release.bytes, p->release.len, &parsed, NULL), SS_OK);
    assert_int_equal(ss_statement_reference(&parsed, reference), SS_OK);
    struct ss_delivery delivery = sample_delivery(reference);
    delivery.device = ss_span_of(ID);
    delivery.slot_address = slots[slot];
    delivery.slot_size = BENCH_SLOT;
    delivery.sequence = sequence;
    delivery.expiry = 0;
    delivery.length = len;
    delivery.window = ss_window_size(BENCH_SLOT);
    assert_int_equal(ss_window_digests(p->sealed, len, delivery.window, digests, &delivery.windows), SS_OK);
    delivery.digests = digests;
    sample_sign_delivery(&delivery, 5, &p->delivery);
    p->as = (struct ss_sim_parcel){.release = p->release.bytes,
                                   .release_len = p->release.len,
                                   .delivery = p->delivery.bytes,
                                   .delivery_len = p->delivery.len,
                                   .sealed = p->sealed,
                                   .sealed_len = len};
}

// -- Who it is --------------------------------------------------------------------------------------------------------

static void all_of_it_comes_from_the_chip(void **state)
{
    (void)state;
    struct sample_statement pins = key_set(1);
    for (unsigned kind = 0; kind < 4; kind++) {
        const struct settings s = {.rollback = kind & 1, .encrypted_nvs = kind & 2};
        struct bench *b = provisioned(&s, &(struct made){1, &pins, 1});
        struct ss_sim_device *d = device_of(b, (struct ss_sim_options){0});
        assert_ok(ss_sim_boot(d, &err), err);
        const struct ss_sim_identity *who = ss_sim_who(d);
        assert_true(ss_span_equal(who->agent.product, ss_span_of("thermostat")));
        assert_true(ss_span_equal(who->agent.device, ss_span_of(ID)));
        assert_string_equal(who->token, "0123456789012345678901234567890123456789012");
        assert_int_equal(who->server_count, 1);
        assert_string_equal(who->servers[0], "https://a.example");
        assert_false(who->plain_http);
        assert_string_equal(who->app.version, "1.0.0");
        assert_int_equal(who->agent.secure_version, 3);
        assert_int_equal(who->agent.scheme, SS_RELEASE_V1);
        assert_int_equal(who->agent.bootloader,
                         (kind & 1 ? SS_BOOTLOADER_ROLLBACK : 0) | (kind & 2 ? SS_NEEDS_NVS_KEYS : 0));
        assert_int_equal(who->agent.running, 0);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(who->agent.slots[i].address, slots[i]);
            assert_int_equal(who->agent.slots[i].size, BENCH_SLOT);
        }
        uint8_t table[SS_TABLE_BINARY_SIZE], digest[32];
        assert_ok(ss_table_to_binary(b->table, table, &err), err);
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, table, sizeof table, digest), SS_OK);
        assert_memory_equal(who->agent.table_digest, digest, 32);
        struct ss_sim_state now = ss_sim_state(d);
        assert_int_equal(now.key_set, 1);
        assert_true(now.runs);
        ss_sim_close(d);
        bench_free(b);
    }
}

static void expect_no_device(const struct settings *s, const struct made *m, void (*spoil)(struct bench *b),
                             ss_status_t status, const char *message)
{
    struct bench *b = provisioned(s, m);
    if (spoil)
        spoil(b);
    struct ss_sim_device *d = device_of(b, (struct ss_sim_options){0});
    memset(&err, 0, sizeof err);
    assert_int_equal(ss_sim_boot(d, &err), status);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" does not say \"%s\"", err.message, message);
    assert_false(ss_sim_state(d).runs);
    ss_sim_close(d);
    bench_free(b);
}

static void without_app(struct bench *b)
{
    memset(b->chip->flash.data + BENCH_SLOT_0, 0xFF, 0x1000);
}

static void without_nvs(struct bench *b)
{
    memset(b->chip->flash.data + NVS, 0xFF, 0x4000);
}

static void what_is_no_device(void **state)
{
    (void)state;
    struct sample_statement pins = key_set(1), few = pins;
    struct settings usual = {0};
    few.bytes[5] ^= 0xFF;
    expect_no_device(&usual, &(struct made){1, &pins, 0}, NULL, SS_ERROR_DOES_NOT_EXIST, "no key set is pinned");
    expect_no_device(&usual, &(struct made){1, NULL, 1}, NULL, SS_ERROR_DOES_NOT_EXIST, "no key set is pinned");
    expect_no_device(&usual, &(struct made){1, &pins, 2}, NULL, SS_ERROR_DATA_INVALID, "or there are two");
    expect_no_device(&usual, &(struct made){1, &few, 1}, NULL, SS_ERROR_DATA_INVALID, "is none");
    expect_no_device(&usual, &(struct made){1, &pins, 1}, without_app, SS_ERROR_BAD_STATE, "no app runs (bootloader)");
    expect_no_device(&usual, &(struct made){1, &pins, 1}, without_nvs, SS_ERROR_DOES_NOT_EXIST, "no device id");
}

// -- Key sets and certificates ----------------------------------------------------------------------------------------

static void expect_key_set(struct ss_sim_device *d, unsigned version, unsigned previous)
{
    const struct ss_key_ring *ring = &ss_sim_who(d)->agent.ring;
    assert_int_equal(ring->current->version, version);
    assert_int_equal(ring->previous ? ring->previous->version : 0, previous);
}

static void key_sets_outlive_resets(void **state)
{
    (void)state;
    for (unsigned journal = 0; journal < 2; journal++) {
        struct sample_statement sets[4];
        for (unsigned i = 0; i < 4; i++)
            sets[i] = key_set(i + 1);
        const struct settings s = {.journal = journal};
        struct bench *b = provisioned(&s, &(struct made){1, &sets[0], 1});
        struct ss_sim_device *d = device_of(b, (struct ss_sim_options){0});
        assert_ok(ss_sim_boot(d, &err), err);
        expect_key_set(d, 1, 0);
        for (unsigned i = 1; i < 4; i++) {
            // In force at once, and after a reset.
            assert_int_equal(ss_agent_key_set(&d->ram.agent, sets[i].bytes, sets[i].len), SS_OK);
            expect_key_set(d, i + 1, i);
            assert_ok(ss_sim_boot(d, &err), err);
            expect_key_set(d, i + 1, i);
        }
        assert_int_equal(ss_agent_key_set(&d->ram.agent, sets[2].bytes, sets[2].len), SS_ERROR_NOT_PERMITTED);
        expect_key_set(d, 4, 3);
        ss_sim_close(d);
        bench_free(b);
    }
}

static void provisioning_may_bring_a_newer_key_set(void **state)
{
    (void)state;
    struct sample_statement first = key_set(1), second = key_set(2), third = key_set(3);
    const struct settings s = {.factory_set = &second};
    struct bench *b = provisioned(&s, &(struct made){1, &first, 1});
    struct ss_sim_device *d = device_of(b, (struct ss_sim_options){0});
    assert_ok(ss_sim_boot(d, &err), err);
    expect_key_set(d, 2, 1);
    assert_int_equal(ss_agent_key_set(&d->ram.agent, third.bytes, third.len), SS_OK);
    assert_ok(ss_sim_boot(d, &err), err);
    expect_key_set(d, 3, 2);
    ss_sim_close(d);
    bench_free(b);
}

// Whoever writes to the flash can write this, too: it has to follow what is pinned.
static void a_stored_key_set_is_not_believed(void **state)
{
    (void)state;
    struct sample_statement first = key_set(1), strange;
    struct ss_key_set set = sample_key_set();
    set.version = 7;
    set.threshold = 1;
    set.roles[SS_ROLE_ROOT].keys[0] = sample_public_key(9);
    set.roles[SS_ROLE_ROOT].count = 1;
    sample_sign_key_set(&set, (const unsigned[]){9, 0}, &strange);
    const struct settings s = {.factory_set = &strange};
    struct bench *b = provisioned(&s, &(struct made){1, &first, 1});
    struct ss_sim_device *d = device_of(b, (struct ss_sim_options){0});
    assert_ok(ss_sim_boot(d, &err), err);
    expect_key_set(d, 1, 0);
    ss_sim_close(d);
    bench_free(b);
}

static void expect_trusted(struct ss_sim_device *d, unsigned count, const uint8_t *der)
{
    struct ss_sim_blob list[SS_SIM_TRUSTED_MAX];
    unsigned found;
    assert_int_equal(ss_sim_trusted(ss_sim_who(d), list, &found), SS_OK);
    assert_int_equal(found, count);
    if (count)
        assert_memory_equal(list[0].data, der, list[0].len);
    for (unsigned i = 0; i < found; i++)
        free(list[i].data);
}

static void certificates_count_if_the_key_set_names_them(void **state)
{
    (void)state;
    static const uint8_t a[] = {0x30, 1, 2, 3}, c[] = {0x30, 7, 7, 7};
    uint8_t digest[32];
    struct sample_statement first, second;
    struct ss_key_set set = sample_key_set();
    set.ca_count = 0;
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &first);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, c, sizeof c, digest), SS_OK);
    set.version = 2;
    set.ca_count = 1;
    set.cas[0] = digest;
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &second);
    struct bench *b = provisioned(&(struct settings){0}, &(struct made){1, &first, 1});
    struct ss_sim_device *d = device_of(b, (struct ss_sim_options){0});
    assert_ok(ss_sim_boot(d, &err), err);
    expect_trusted(d, 0, NULL);
    struct ss_sim_identity *who = &d->identity;
    who->ca.data = malloc(sizeof a);
    memcpy(who->ca.data, a, sizeof a);
    who->ca.len = sizeof a;
    expect_trusted(d, 1, a);
    assert_false(ss_sim_has_ca(who, digest));
    assert_int_equal(ss_sim_store_ca(who, c, sizeof c), SS_OK);
    assert_true(ss_sim_has_ca(who, digest));
    expect_trusted(d, 1, a); // nobody has named the other one yet
    assert_int_equal(ss_agent_key_set(&d->ram.agent, second.bytes, second.len), SS_OK);
    expect_trusted(d, 1, c);
    // Others take the places of those that are not named.
    for (uint8_t i = 0; i < 2 * SS_CAS_MAX; i++)
        assert_int_equal(ss_sim_store_ca(who, (const uint8_t[]){0x30, i, i, i}, 4), SS_OK);
    assert_true(ss_sim_has_ca(who, digest));
    ss_sim_close(d);
    bench_free(b);
}

// -- Updates ----------------------------------------------------------------------------------------------------------

static void expect_runs(const struct ss_sim_device *d, unsigned slot, const char *version, enum ss_agent_state state)
{
    struct ss_sim_state s = ss_sim_state(d);
    assert_true(s.runs);
    assert_int_equal(s.slot, slot);
    assert_string_equal(s.version, version);
    assert_string_equal(ss_agent_state_name(s.state), ss_agent_state_name(state));
}

static void pushed_there_and_back(void **state)
{
    (void)state;
    struct sample_statement pins = key_set(1);
    static struct parcel p;
    for (unsigned kind = 0; kind < 4; kind++) {
        const struct settings s = {.rollback = kind & 1, .journal = kind & 2};
        struct bench *b = provisioned(&s, &(struct made){1, &pins, 1});
        struct ss_sim_device *d = device_of(b, (struct ss_sim_options){0});
        enum ss_agent_cause cause;
        for (unsigned n = 1; n <= 3; n++) {
            char version[16];
            make_parcel(b, n + 1, n % 2, n, &pins, &p);
            assert_ok(ss_sim_push(d, &p.as, n == 1 ? 1 : 1000, &cause, &err), err);
            snprintf(version, sizeof version, "%u.0.0", n + 1);
            expect_runs(d, n % 2, version, SS_STATE_CONFIRMED);
            assert_int_equal(ss_sim_state(d).updates, n);
            assert_int_equal(ss_sim_push(d, &p.as, 1000, &cause, &err), SS_ERROR_NOT_PERMITTED);
            assert_int_equal(cause, SS_CAUSE_STATEMENT);
        }
        ss_sim_close(d);
        bench_free(b);
    }
}

static void new_apps_that_do_not_stay(void **state)
{
    (void)state;
    struct sample_statement pins = key_set(1);
    static struct parcel p;
    const struct {
        struct ss_sim_options options;
        bool rollback;
        enum ss_agent_cause cause;
    } cases[] = {
        {{.unfit = true}, true, SS_CAUSE_REJECTED},
        {{.unfit = true}, false, SS_CAUSE_REJECTED},
        {{.crash = SS_SIM_CRASH_BEFORE}, true, SS_CAUSE_UNCONFIRMED},
        {{.crash = SS_SIM_CRASH_AFTER}, true, SS_CAUSE_UNCONFIRMED},
        {{.crash = SS_SIM_CRASH_AFTER}, false, SS_CAUSE_UNCONFIRMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench *b = provisioned(&(struct settings){.rollback = cases[i].rollback}, &(struct made){1, &pins, 1});
        struct ss_sim_device *d = device_of(b, cases[i].options);
        enum ss_agent_cause cause;
        make_parcel(b, 2, 1, 1, &pins, &p);
        assert_ok(ss_sim_push(d, &p.as, 4096, &cause, &err), err);
        expect_runs(d, 0, "1.0.0", SS_STATE_ROLLED_BACK);
        assert_int_equal(ss_sim_state(d).record.cause, cases[i].cause);
        ss_sim_close(d);
        bench_free(b);
    }
    // Nobody can help here.
    struct bench *b = provisioned(&(struct settings){0}, &(struct made){1, &pins, 1});
    struct ss_sim_device *d = device_of(b, (struct ss_sim_options){.crash = SS_SIM_CRASH_BEFORE});
    enum ss_agent_cause cause;
    assert_int_equal(ss_sim_push(d, &p.as, 4096, &cause, &err), SS_ERROR_BAD_STATE);
    assert_non_null(strstr(err.message, "restarts for ever"));
    ss_sim_close(d);
    bench_free(b);
}

/// An update that has no pins would be a device that trusts nobody: it never gets to confirm itself.
static void an_update_without_pins_is_taken_back(void **state)
{
    (void)state;
    struct sample_statement pins = key_set(1);
    static struct parcel p;
    struct bench *b = provisioned(&(struct settings){.rollback = true}, &(struct made){1, &pins, 1});
    struct ss_sim_device *d = device_of(b, (struct ss_sim_options){0});
    enum ss_agent_cause cause;
    make_parcel(b, 2, 1, 1, NULL, &p);
    assert_int_equal(ss_sim_push(d, &p.as, 4096, &cause, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_ok(ss_sim_boot(d, &err), err);
    expect_runs(d, 0, "1.0.0", SS_STATE_ROLLED_BACK);
    ss_sim_close(d);
    bench_free(b);
}

static void count_power(void *context, const struct ss_sim_event *e)
{
    *(unsigned *)context += e->kind == SS_SIM_POWER_LOST;
}

static void cuts_at_every_operation(void **state)
{
    (void)state;
    struct sample_statement pins = key_set(1);
    static struct parcel p;
    unsigned lost = 0, cuts = 0;
    for (unsigned kind = 0; kind < 2; kind++) {
        const struct settings s = {.rollback = true, .journal = kind};
        struct bench *b = provisioned(&s, &(struct made){1, &pins, 1});
        make_parcel(b, 2, 1, 1, &pins, &p);
        for (uint64_t n = 1;; n++) {
            struct ss_sim_device *d = device_of(b, (struct ss_sim_options){.event = count_power, .context = &lost});
            enum ss_agent_cause cause;
            unsigned before = lost;
            ss_power_plan(&ss_sim_chip(d)->power, n, SS_CUT_BEFORE + n % 3);
            // A trial that the power ended counts as one that failed; the update comes again.
            for (unsigned tries = 0; tries < 6 && ss_sim_state(d).slot == 0; tries++) {
                if (ss_sim_state(d).runs)
                    assert_ok(ss_sim_push(d, &p.as, 1000, &cause, &err), err);
                if (!ss_sim_state(d).runs)
                    assert_ok(ss_sim_boot(d, &err), err);
            }
            bool cut = lost > before;
            cuts += cut;
            expect_runs(d, 1, "2.0.0", SS_STATE_CONFIRMED);
            assert_memory_equal(ss_sim_chip(d)->flash.data + BENCH_SLOT_1, p.sealed, p.as.sealed_len);
            ss_sim_close(d);
            if (!cut)
                break;
        }
        bench_free(b);
    }
    assert_true(cuts > 100);
    printf("%u cuts, 0 lost\n", cuts);
}

// -- Several at once --------------------------------------------------------------------------------------------------

struct worker {
    const struct bench *bench;
    const struct parcel *parcel;
    pthread_t thread;
    unsigned updated; ///< devices that run the new app
};

// Fails by what it does not count: assertions belong to the main thread.
static void *work(void *context)
{
    struct worker *w = context;
    for (unsigned i = 0; i < 3; i++) {
        struct ss_sim_options options = {.pushed = true, .profile = &w->bench->profile};
        struct ss_sim_device *d = NULL;
        struct ss_vchip *chip = NULL;
        enum ss_agent_cause cause;
        bool made =
            ss_chip_clone(w->bench->chip, &chip, NULL) == SS_OK && ss_sim_new(chip, &options, &d, NULL) == SS_OK;
        if (made && ss_sim_push(d, &w->parcel->as, 700, &cause, NULL) == SS_OK)
            w->updated += ss_sim_state(d).slot == 1;
        ss_sim_close(d);
    }
    return NULL;
}

static void nothing_is_shared(void **state)
{
    (void)state;
    struct sample_statement pins = key_set(1);
    static struct parcel p;
    struct worker workers[4];
    struct bench *b = provisioned(&(struct settings){.rollback = true}, &(struct made){1, &pins, 1});
    make_parcel(b, 2, 1, 1, &pins, &p);
    for (unsigned i = 0; i < 4; i++) {
        workers[i] = (struct worker){.bench = b, .parcel = &p};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].updated, 3);
    }
    bench_free(b);
}

static void time_is_its_own(void **state)
{
    (void)state;
    struct sample_statement pins = key_set(1);
    struct bench *b = provisioned(&(struct settings){0}, &(struct made){1, &pins, 1});
    struct ss_sim_device *d = device_of(b, (struct ss_sim_options){.clock = 1000000});
    assert_ok(ss_sim_boot(d, &err), err);
    uint32_t before = ss_sim_pull_port.uptime(d);
    ss_sim_slept(d, 86400);
    assert_true(ss_sim_pull_port.uptime(d) >= before + 86400);
    assert_true(d->port.clock(d->port.clock_context) >= 1086400);
    assert_ok(ss_sim_boot(d, &err), err);
    assert_true(ss_sim_pull_port.uptime(d) < 10); // since the reset
    ss_sim_close(d);
    bench_free(b);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(ss_sim_found_name(SS_FOUND_TAKE_BACK), "take-back");
    assert_string_equal(ss_sim_found_name(SS_FOUND_NOTHING), "nothing");
    assert_string_equal(ss_sim_found_name(99), "unknown");
    ss_sim_close(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_comes_from_the_chip),
        cmocka_unit_test(what_is_no_device),
        cmocka_unit_test(key_sets_outlive_resets),
        cmocka_unit_test(provisioning_may_bring_a_newer_key_set),
        cmocka_unit_test(a_stored_key_set_is_not_believed),
        cmocka_unit_test(certificates_count_if_the_key_set_names_them),
        cmocka_unit_test(pushed_there_and_back),
        cmocka_unit_test(new_apps_that_do_not_stay),
        cmocka_unit_test(an_update_without_pins_is_taken_back),
        cmocka_unit_test(cuts_at_every_operation),
        cmocka_unit_test(nothing_is_shared),
        cmocka_unit_test(time_is_its_own),
        cmocka_unit_test(names),
    };
    return ss_test_main(argc, argv, tests);
}
