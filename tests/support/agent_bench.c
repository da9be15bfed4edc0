// SPDX-License-Identifier: Apache-2.0
#include "support/agent_parts.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "slotseal/app_desc.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/image.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/secure_boot_v2.h"
#include "support/sample_image.h"
#include "support/unit.h"

static struct ss_error err;

// -- Storage ----------------------------------------------------------------------------------------------------------

static struct ss_vchip *chip_of(void *context)
{
    return ((struct device *)context)->bench->chip;
}

static bool has_journal(const struct device *d)
{
    return d->options.storage >= AGENT_JOURNAL;
}

static ss_status_t load(void *context, struct ss_agent_record *record)
{
    struct device *d = context;
    if (has_journal(d))
        return ss_journal_load(&d->journal, record);
    if (d->options.storage == AGENT_CAPRICIOUS)
        *record = d->stored[ss_power_random(&d->bench->chip->power) % AGENT_STORED];
    else
        *record = d->options.storage == AGENT_KEEPS ? d->stored[0] : (struct ss_agent_record){0};
    return SS_OK;
}

static void keep_record(struct device *d, const struct ss_agent_record *record)
{
    memmove(d->stored + 1, d->stored, sizeof d->stored - sizeof *d->stored);
    d->stored[0] = *record;
}

// One operation: a cut inside leaves the old record or the new one.
static ss_status_t store(void *context, const struct ss_agent_record *record)
{
    struct device *d = context;
    struct ss_power *power = &d->bench->chip->power;
    if (has_journal(d))
        return ss_journal_store(&d->journal, record);
    if (ss_power_begin(power, 1000)) {
        if (ss_power_random(power) & 1)
            keep_record(d, record);
        ss_power_fail(power);
    }
    keep_record(d, record);
    ss_power_end(power);
    return SS_OK;
}

static ss_status_t journal_read_raw(void *context, uint32_t address, void *out, size_t len)
{
    ss_flash_read(&chip_of(context)->flash, address, out, len);
    return SS_OK;
}

static ss_status_t journal_write_raw(void *context, uint32_t address, const void *in, size_t len)
{
    ss_flash_program(&chip_of(context)->flash, address, in, len);
    return SS_OK;
}

static ss_status_t journal_read(void *context, uint32_t address, void *out, size_t len)
{
    return ss_chip_cache_read(chip_of(context), address, out, len, NULL);
}

static ss_status_t journal_write(void *context, uint32_t address, const void *in, size_t len)
{
    return ss_chip_encrypted_write(chip_of(context), address, in, len, NULL);
}

static ss_status_t journal_erase(void *context, uint32_t address)
{
    ss_flash_erase(&chip_of(context)->flash, address, SS_JOURNAL_SECTOR);
    return SS_OK;
}

static const struct ss_journal_flash journal_flash[2] = {
    {journal_read_raw, journal_read_raw, journal_write_raw, journal_erase},
    {journal_read, journal_read_raw, journal_write, journal_erase}};

static struct ss_span span_of(const struct sample_statement *s)
{
    return s->len ? (struct ss_span){s->bytes, (uint16_t)s->len} : (struct ss_span){0};
}

// The key sets in force, by what is stored and what is pinned.
static void read_keys(struct device *d)
{
    for (unsigned i = 0; i < 2; i++) {
        struct sample_statement *s = &d->read[i];
        *s = d->key_sets[i];
        if (has_journal(d) && ss_journal_get_key_set(&d->journal, i, s->bytes, sizeof s->bytes, &s->len) != SS_OK)
            s->len = 0;
    }
    const struct ss_trust_sets sets = {span_of(&d->pinned), span_of(&d->read[0]), span_of(&d->read[1])};
    assert_int_equal(ss_trust_choose(&sets, &d->trust, &d->identity.ring), SS_OK);
}

static ss_status_t keep_key_set(struct device *d, const uint8_t *key_set, size_t len)
{
    if (has_journal(d))
        return ss_journal_put_key_set(&d->journal, key_set, len);
    d->key_sets[1] = d->key_sets[0];
    memcpy(d->key_sets[0].bytes, key_set, len);
    d->key_sets[0].len = len;
    return SS_OK;
}

// As a port has to: the one in force is stored, too, and the new one is in force at once.
static ss_status_t store_key_set(void *context, const uint8_t *key_set, size_t len)
{
    struct device *d = context;
    struct ss_span now = d->trust.chosen.current;
    ss_status_t status = ss_trust_would_keep(&d->trust, (struct ss_span){key_set, (uint16_t)len});
    if (status == SS_OK && now.p == d->pinned.bytes)
        status = keep_key_set(d, now.p, now.len);
    if (status == SS_OK)
        status = keep_key_set(d, key_set, len);
    if (status == SS_OK)
        read_keys(d);
    return status;
}

static ss_status_t mount(struct device *d)
{
    if (!has_journal(d))
        return SS_OK;
    return ss_journal_mount(&d->journal, &journal_flash[d->options.storage == AGENT_JOURNAL_ENCRYPTED], d,
                            AGENT_BENCH_JOURNAL, AGENT_BENCH_JOURNAL_SIZE);
}

struct ss_agent_record device_record(const struct device *d)
{
    struct ss_agent_record record = d->stored[0];
    if (has_journal(d))
        assert_int_equal(ss_journal_load(&d->journal, &record), SS_OK);
    return record;
}

// -- The device -------------------------------------------------------------------------------------------------------

static void lay_table(struct device *d)
{
    struct bench *b = d->bench;
    d->slots[0] = BENCH_SLOT_0;
    d->slot_size = d->options.forum ? 0x150000 : BENCH_SLOT;
    d->slots[1] = BENCH_SLOT_0 + d->slot_size;
    b->table->count = 0;
    bench_add_row(b, "nvs", SS_PARTITION_DATA, SS_PARTITION_DATA_NVS, AGENT_BENCH_JOURNAL, AGENT_BENCH_JOURNAL_SIZE);
    bench_add_row(b, "otadata", SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, BENCH_OTA, 0x2000);
    bench_add_row(b, "ota_0", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0, d->slots[0], d->slot_size);
    bench_add_row(b, "ota_1", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0 + 1, d->slots[1], d->slot_size);
    bench_lay_table(b);
}

static void arm_v1(struct bench *b)
{
    uint8_t key[32], image[1024], file[0x1000 + 1024], iv[SS_SBV1_IV_SIZE] = {1, 2, 3};
    size_t len = sample_bootloader(image, sizeof image), file_len;
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(0x80 + i);
    const struct ss_sbv1_digest_params params = {.key = key, .key_len = sizeof key, .iv = iv, .iv_len = sizeof iv};
    assert_ok(ss_secure_boot_v1_bootloader_file(&params, image, len, file, sizeof file, &file_len, &err), err);
    bench_lay(b, 0, file, file_len);
    bench_set_key(b, 2, 0x80, true);
    bench_set(b, "ABS_DONE_0", 1);
    b->profile.secure_boot = SS_PROFILE_SECURE_BOOT_V1;
}

static void arm_v2(struct device *d)
{
    struct bench *b = d->bench;
    uint8_t digest[32], image[1024], out[2 * 4096];
    size_t len = sample_bootloader(image, sizeof image), out_len;
    assert_ok(ss_secure_boot_v2_key_digest(agent_rsa_key(), digest, &err), err);
    for (unsigned i = 0; i < 8; i++)
        b->chip->silicon->words[ss_efuse_block_start(2) + i] = ss_get_le32(digest + 4 * i);
    const struct ss_sbv2_signer signer = {.key = agent_rsa_key()};
    assert_ok(ss_secure_boot_v2_sign_file(&signer, 1, NULL, image, len, out, sizeof out, &out_len, &err), err);
    bench_lay(b, 0x1000, out, out_len);
    bench_set(b, "ABS_DONE_1", 1);
    b->profile.secure_boot = SS_PROFILE_SECURE_BOOT_V2;
}

static void arm(struct device *d)
{
    struct ss_boot_profile *profile = &d->bench->profile;
    bench_set_key(d->bench, 1, 0x40, true);
    bench_set(d->bench, "FLASH_CRYPT_CONFIG", 15);
    bench_set(d->bench, "FLASH_CRYPT_CNT", 1);
    profile->flash_encryption = profile->signed_on_boot = true;
    profile->anti_rollback = d->options.anti_rollback;
    profile->rollback = d->options.rollback || d->options.anti_rollback;
    if (d->options.secure_boot == AGENT_V2) {
        arm_v2(d);
        return;
    }
    profile->has_public_key = true;
    memcpy(profile->public_key, sample_public_key(12), SS_PROFILE_KEY_SIZE);
    profile->public_key_len = SS_PROFILE_KEY_SIZE;
    if (d->options.secure_boot == AGENT_V1)
        arm_v1(d->bench);
}

// Slot 0 runs; in slot 1 lies what an older update has left.
static void lay_app(struct device *d)
{
    struct bench *b = d->bench;
    uint8_t *flash = b->chip->flash.data;
    size_t len = agent_make_app(d, 1, 3);
    agent_sign_app(d, len);
    len = (len + 2 * 4096) / 4096 * 4096;
    bench_lay_otadata(b, 0, 1, b->profile.rollback ? SS_OTA_VALID : SS_OTA_UNDEFINED);
    bench_seal(b, 0, 0x8000);
    bench_seal(b, BENCH_TABLE, 0x1000);
    bench_seal(b, BENCH_OTA, 32);
    agent_seal(d, d->slots[0], d->plain, flash + d->slots[0], len);
    memset(flash + d->slots[1], 0x5A, d->slot_size);
}

struct device *device_new(const struct agent_options *options)
{
    struct device *d = calloc(1, sizeof *d);
    assert_non_null(d);
    d->options = *options;
    d->plain = malloc(AGENT_IMAGE_MAX);
    assert_non_null(d->plain);
    memset(d->plain, 0xFF, AGENT_IMAGE_MAX);
    d->bench = options->forum ? bench_bootable_large(300) : bench_bootable(300);
    lay_table(d);
    arm(d);
    lay_app(d);
    struct ss_key_set set = sample_key_set();
    sample_sign_key_set(&set, (const unsigned[]){1, 2, 0}, &d->pinned);
    d->sim = (struct ss_sim_port){
        .chip = d->bench->chip, .profile = &d->bench->profile, .identity = &d->identity, .otadata = BENCH_OTA};
    d->port = ss_sim_agent_port;
    d->port.load = load;
    d->port.store = store;
    d->port.store_key_set = store_key_set;
    d->chunk = 1000;
    return d;
}

void device_free(struct device *d)
{
    device_power_on(d);
    for (unsigned i = 0; i < d->image_count; i++)
        free(d->images[i]);
    bench_free(d->bench);
    free(d->plain);
    free(d);
}

static uint64_t clock_of(void *context)
{
    const struct device *d = context;
    return d->time;
}

void device_set_time(struct device *d, uint64_t time)
{
    d->time = time;
    d->port.now = clock_of;
}

struct device *device_offered(const struct agent_options *options, const struct parcel_options *o, struct parcel *p)
{
    struct device *d = device_new(options);
    make_parcel(d, o, p);
    d->in = p;
    return d;
}

// -- The app: what runs once the bootloader has started it
// -------------------------------------------------------------

void device_power_on(struct device *d)
{
    // What a host's hash keeps elsewhere; a device has nothing there.
    if (d->agent.receiving)
        ss_hash_abort(&d->agent.hash.window);
    memset(&d->agent, 0xA5, sizeof d->agent);
    memset(&d->journal, 0xA5, sizeof d->journal);
    d->agent.receiving = false;
}

ss_status_t device_push(struct device *d, uint32_t from)
{
    ss_status_t status = SS_OK;
    while (status == SS_OK && from < d->in->len) {
        uint32_t n = d->in->len - from < d->chunk ? d->in->len - from : d->chunk;
        status = ss_agent_write(&d->agent, d->in->sealed + from, n);
        from += n;
    }
    return status;
}

ss_status_t device_begin(struct device *d, uint32_t *wanted)
{
    return ss_agent_begin(&d->agent, d->in->release.bytes, d->in->release.len, d->in->delivery.bytes,
                          d->in->delivery.len, wanted);
}

ss_status_t device_update(struct device *d)
{
    uint32_t wanted;
    ss_status_t status = device_begin(d, &wanted);
    if (status == SS_OK)
        status = device_push(d, wanted);
    return status == SS_OK ? ss_agent_finish(&d->agent) : status;
}

ss_status_t device_give_key_set(struct device *d, const struct sample_statement *s)
{
    return ss_agent_key_set(&d->agent, s->bytes, s->len);
}

ss_status_t device_start(struct device *d, unsigned slot)
{
    device_power_on(d);
    ss_status_t status = mount(d);
    if (status != SS_OK)
        return status;
    uint32_t bits = d->sim.profile->rollback ? SS_BOOTLOADER_ROLLBACK : 0;
    d->identity =
        (struct ss_agent_identity){.product = ss_span_of("thermostat"),
                                   .device = ss_span_of("240ac4123456"),
                                   .slots = {{d->slots[0], d->slot_size}, {d->slots[1], d->slot_size}},
                                   .vk_offset = d->options.own_key ? AGENT_OWN_KEY : SS_VK_NONE,
                                   .secure_version = 3,
                                   .bootloader = bits,
                                   .trial_seconds = d->trial_seconds,
                                   .alarm_seconds = d->alarm_seconds,
                                   .scheme = d->options.secure_boot == AGENT_V2 ? SS_RELEASE_V2 : SS_RELEASE_V1,
                                   .running = (uint8_t)slot};
    read_keys(d);
    return ss_agent_start(&d->agent, &d->port, d, &d->identity, &d->found);
}

void device_started(struct device *d, unsigned slot)
{
    assert_int_equal(device_start(d, slot), SS_OK);
}

static enum ss_app_end run_app(void *context, struct ss_vchip *chip, const struct ss_boot_result *started)
{
    struct device *d = context;
    (void)chip;
    if (device_start(d, (unsigned)started->slot) != SS_OK) {
        d->errors++;
        return SS_APP_STAYS;
    }
    if (d->found == SS_FOUND_TAKE_BACK)
        return SS_APP_RESET;
    if (d->found == SS_FOUND_TRIAL) {
        if (d->crashes)
            return SS_APP_RESET;
        ss_status_t status = d->unhealthy ? ss_agent_reject(&d->agent) : ss_agent_confirm(&d->agent);
        if (status != SS_OK || d->unhealthy)
            return SS_APP_RESET;
    }
    if (!d->in || device_update(d) != SS_OK)
        return SS_APP_STAYS;
    d->updates++;
    return SS_APP_RESET;
}

void device_boot(struct device *d)
{
    const struct ss_chip_app app = {run_app, d};
    d->bench->options.app = &app;
    d->bench->options.max_resets = 30;
    bench_boot(d->bench);
    d->bench->options.app = NULL;
}

void device_expect(struct device *d, unsigned slot)
{
    if (d->bench->result.outcome != SS_OUTCOME_APP || d->bench->result.slot != (int)slot)
        fail_msg("outcome %s, slot %d, cause %s:\n%s", ss_boot_outcome_name(d->bench->result.outcome),
                 d->bench->result.slot, ss_agent_cause_name(d->agent.cause), d->bench->log);
}

void device_expect_refused(struct device *d, enum ss_agent_cause cause, enum ss_reason reason)
{
    const struct ss_flash *flash = &d->bench->chip->flash;
    uint64_t erases = flash->erases, programs = flash->programs;
    unsigned updates = d->updates;
    device_boot(d);
    device_expect(d, 0);
    assert_string_equal(ss_agent_cause_name(d->agent.cause), ss_agent_cause_name(cause));
    if (cause == SS_CAUSE_STATEMENT)
        assert_string_equal(ss_reason_name(d->agent.refusal.reason), ss_reason_name(reason));
    assert_int_equal(flash->erases, erases);
    assert_int_equal(flash->programs, programs);
    assert_int_equal(d->updates, updates);
    assert_false(ss_agent_receiving(&d->agent));
}

void device_expect_first_window_refused(struct device *d)
{
    const uint8_t *slot = d->bench->chip->flash.data + d->slots[1];
    device_boot(d);
    device_expect(d, 0);
    assert_int_equal(d->updates, 0);
    assert_int_equal(d->stored[0].failures, 1);
    assert_true(ss_all_bytes(slot, 4096, 0xFF));
    assert_true(ss_all_bytes(slot + 8192, BENCH_SLOT - 8192, 0x5A));
}
