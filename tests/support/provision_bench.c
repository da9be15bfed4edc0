// SPDX-License-Identifier: Apache-2.0
#include "support/provision_bench.h"
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/secure_boot_v1.h"
#include "slotseal/sign.h"
#include "support/keys.h"
#include "support/sample_image.h"
#include "support/vectors.h"

static struct ss_error err;

// ---- the store

/// True if the host dies before the effect of this call; `dead` from then on.
static bool dies(struct pb *b)
{
    if (!b->dead && ++b->store_calls == b->store_die_at && !b->store_die_after)
        b->dead = true;
    return b->dead;
}

static ss_status_t gone(struct ss_error *e)
{
    return ss_error_set(e, SS_ERROR_IO, SS_AREA_VAULT, "the host is dead");
}

static ss_status_t done(struct pb *b, struct ss_error *e)
{
    if (b->store_calls != b->store_die_at || !b->store_die_after)
        return SS_OK;
    b->dead = true;
    return gone(e);
}

static ss_status_t store_begin(void *context, const struct ss_provision_chip *chip, char device[SS_DEVICE_NAME_SIZE],
                               struct ss_error *e)
{
    struct pb *b = context;
    if (dies(b))
        return gone(e);
    ss_device_name_from_mac(chip->mac, device);
    return done(b, e);
}

static ss_status_t store_flash_key(void *context, uint8_t *key, size_t len, struct ss_error *e)
{
    struct pb *b = context;
    if (dies(b))
        return gone(e);
    if (!b->vault.has_key) {
        assert_int_equal(ss_random(b->vault.key, len), SS_OK);
        b->vault.key_len = len;
        b->vault.has_key = true;
    }
    assert_int_equal(b->vault.key_len, len);
    memcpy(key, b->vault.key, len);
    return done(b, e);
}

static ss_status_t store_signing_key(void *context, const ss_signing_key_t **key, struct ss_error *e)
{
    struct pb *b = context;
    if (dies(b))
        return gone(e);
    *key = b->sign_key;
    return done(b, e);
}

static ss_status_t store_secure_boot_key(void *context, uint8_t *key, size_t len, struct ss_error *e)
{
    struct pb *b = context;
    if (dies(b))
        return gone(e);
    assert_int_equal(ss_secure_boot_v1_reflash_key(b->sign_key, key, len, e), SS_OK);
    return done(b, e);
}

static ss_status_t store_commit(void *context, struct ss_error *e)
{
    struct pb *b = context;
    if (dies(b))
        return gone(e);
    if (b->quota_spent)
        return ss_error_set(e, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "the quota is spent");
    return done(b, e);
}

static ss_status_t store_append(void *context, const struct ss_journal_entry *entry, struct ss_error *e)
{
    struct pb *b = context;
    if (dies(b))
        return gone(e);
    assert_true(b->vault.journal_count < PB_JOURNAL);
    struct pb_entry *to = &b->vault.journal[b->vault.journal_count++];
    snprintf(to->step, sizeof to->step, "%s", entry->step);
    snprintf(to->detail, sizeof to->detail, "%s", entry->detail);
    to->phase = entry->phase;
    return done(b, e);
}

static ss_status_t store_read(void *context, void (*each)(void *, const struct ss_journal_entry *), void *each_context,
                              struct ss_error *e)
{
    struct pb *b = context;
    if (dies(b))
        return gone(e);
    for (unsigned i = 0; i < b->vault.journal_count; i++) {
        const struct pb_entry *from = &b->vault.journal[i];
        each(each_context, &(struct ss_journal_entry){from->step, from->phase, from->detail});
    }
    return done(b, e);
}

static ss_status_t store_finish(void *context, const struct ss_provision_chip *chip, struct ss_error *e)
{
    struct pb *b = context;
    (void)chip;
    if (dies(b))
        return gone(e);
    b->vault.finished = true;
    return done(b, e);
}

// ---- the port, whose host may die while it writes

struct dying_port {
    struct ss_link_port base;
    struct ss_link_port *inner;
    struct pb *b;
};

#define INNER(port) ((struct dying_port *)(port))->inner
#define BENCH(port) ((struct dying_port *)(port))->b

static ss_status_t dying_read(struct ss_link_port *p, unsigned ms, uint8_t *out, size_t size, size_t *len,
                              struct ss_error *e)
{
    return BENCH(p)->dead ? gone(e) : INNER(p)->ops->read(INNER(p), ms, out, size, len, e);
}

static ss_status_t dying_write(struct ss_link_port *p, const uint8_t *in, size_t len, struct ss_error *e)
{
    struct pb *b = BENCH(p);
    if (!b->dead && ++b->port_writes == b->port_die_at) {
        // Half of it is out.
        b->dead = true;
        (void)!INNER(p)->ops->write(INNER(p), in, len / 2, e);
    }
    return b->dead ? gone(e) : INNER(p)->ops->write(INNER(p), in, len, e);
}

static ss_status_t dying_baud(struct ss_link_port *p, uint32_t baud, struct ss_error *e)
{
    return BENCH(p)->dead ? gone(e) : INNER(p)->ops->set_baud(INNER(p), baud, e);
}

static ss_status_t dying_lines(struct ss_link_port *p, bool dtr, bool rts, struct ss_error *e)
{
    return BENCH(p)->dead ? gone(e) : INNER(p)->ops->set_lines(INNER(p), dtr, rts, e);
}

static ss_status_t dying_discard(struct ss_link_port *p, struct ss_error *e)
{
    return BENCH(p)->dead ? gone(e) : INNER(p)->ops->discard_input(INNER(p), e);
}

static uint64_t dying_now(struct ss_link_port *p)
{
    return INNER(p)->ops->now_ms(INNER(p));
}

static void dying_sleep(struct ss_link_port *p, unsigned ms)
{
    INNER(p)->ops->sleep_ms(INNER(p), ms);
}

static void dying_close(struct ss_link_port *p)
{
    ss_link_port_close(INNER(p));
    free(p);
}

static const struct ss_link_port_ops dying_ops = {dying_read,    dying_write, dying_baud,  dying_lines,
                                                  dying_discard, dying_now,   dying_sleep, dying_close};

static struct ss_link_port *open_port(struct pb *b, bool download)
{
    struct dying_port *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *p = (struct dying_port){.base.ops = &dying_ops, .b = b};
    assert_ok(ss_virtual_port_new(b->chip, &b->profile, download, &p->inner, &err), err);
    return &p->base;
}

// ---- the bench

static void add_row(struct ss_partition_table *t, const char *label, uint8_t type, uint8_t subtype, uint32_t offset,
                    uint32_t size, uint32_t flags)
{
    struct ss_partition *row = &t->rows[t->count++];
    *row = (struct ss_partition){.type = type, .subtype = subtype, .offset = offset, .size = size, .flags = flags};
    snprintf(row->label, sizeof row->label, "%s", label);
}

static void make_table(struct pb *b, bool forum)
{
    struct ss_partition_table *t = &b->table;
    uint32_t slot = forum ? 0x150000 : 0x10000;
    t->md5 = true;
    add_row(t, "nvs", SS_PARTITION_DATA, SS_PARTITION_DATA_NVS, 0x9000, 0x4000, 0);
    add_row(t, "otadata", SS_PARTITION_DATA, SS_PARTITION_DATA_OTA, 0xD000, 0x2000, 0);
    add_row(t, "phy_init", SS_PARTITION_DATA, SS_PARTITION_DATA_PHY, 0xF000, 0x1000, 0);
    add_row(t, "ota_0", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0, 0x10000, slot, SS_PARTITION_ENCRYPTED);
    add_row(t, "ota_1", SS_PARTITION_APP, SS_PARTITION_APP_OTA_0 + 1, 0x10000 + slot, slot, SS_PARTITION_ENCRYPTED);
}

static ss_signing_key_t *signing_key(bool v2)
{
    static ss_signing_key_t *keys[2];
    if (!keys[v2]) {
        size_t len;
        uint8_t *file = test_data_read(v2 ? "keys/rsa3072.pem" : "keys/p256.pem", &len);
        assert_ok(ss_signing_key_load(file, len, &keys[v2], &err), err);
        free(file);
    }
    return keys[v2];
}

static size_t sign_v2(struct pb *b, uint8_t *image, size_t len)
{
    static uint8_t out[PB_IMAGE_MAX];
    size_t signed_len;
    assert_ok(ss_sign_image(SS_SIGN_V2, b->sign_key, false, image, len, out, sizeof out, &signed_len, NULL, &err), err);
    memcpy(image, out, signed_len);
    return signed_len;
}

static void make_images(struct pb *b, enum ss_secure_boot_scheme scheme)
{
    // Room for the verification key, as the build links it.
    b->bootloader_len =
        sample_image(b->bootloader, sizeof b->bootloader, &(struct sample_segment){0x40080400, 0x600}, 1, true);
    b->app_len = sample_app(b->app, sizeof b->app);
    if (scheme == SS_SECURE_BOOT_V2) {
        b->bootloader_len = sign_v2(b, b->bootloader, b->bootloader_len);
        b->app_len = sign_v2(b, b->app, b->app_len);
    } else if (scheme != SS_SECURE_BOOT_NONE) {
        assert_ok(ss_signing_key_raw_public(b->sign_key, b->bootloader + 0x200, &err), err);
        sample_refresh(b->bootloader, b->bootloader_len);
    }
}

static void make_profile(struct pb *b, const struct pb_options *o)
{
    static const struct ss_boot_profile profile = SS_BOOT_PROFILE_DEFAULT;
    b->profile = profile;
    b->profile.flash_encryption = true;
    b->profile.rollback = true;
    b->profile.release = o->release_profile;
    b->profile.allow_dl_encrypt = !o->release_profile;
    b->profile.secure_boot = o->secure_boot == SS_SECURE_BOOT_NONE ? SS_PROFILE_SECURE_BOOT_NONE
                             : o->secure_boot == SS_SECURE_BOOT_V2 ? SS_PROFILE_SECURE_BOOT_V2
                                                                   : SS_PROFILE_SECURE_BOOT_V1;
    b->profile.signed_on_boot = o->secure_boot != SS_SECURE_BOOT_NONE;
    if (o->secure_boot == SS_SECURE_BOOT_V2) {
        b->profile.idf = 50200;
        snprintf(b->profile.idf_version, sizeof b->profile.idf_version, "v5.2");
    } else if (o->secure_boot != SS_SECURE_BOOT_NONE) {
        b->profile.has_public_key = true;
        b->profile.public_key_len = SS_PROFILE_KEY_SIZE;
        assert_ok(ss_signing_key_raw_public(b->sign_key, b->profile.public_key, &err), err);
    }
}

struct pb *pb_new(const struct pb_options *o)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct pb *b = calloc(1, sizeof *b);
    assert_non_null(b);
    options.flash_size = o->forum ? 4u << 20 : 1u << 20;
    options.revision = o->revision ? o->revision : 300;
    options.coding = o->coding;
    assert_ok(ss_chip_new(&options, &b->chip, &err), err);
    b->sign_key = signing_key(o->secure_boot == SS_SECURE_BOOT_V2);
    make_table(b, o->forum);
    make_images(b, o->secure_boot);
    make_profile(b, o);
    b->store = (struct ss_provision_store){
        b,          store_begin, store_flash_key, store_signing_key, store_secure_boot_key, store_commit, store_append,
        store_read, store_finish};
    b->job = (struct ss_provision_job){.options = {.kind = o->kind,
                                                   .level = o->level,
                                                   .secure_boot = o->secure_boot,
                                                   .count_max = o->count_max,
                                                   .uart_disable = o->uart_disable,
                                                   .profile = &b->profile},
                                       .table = &b->table,
                                       .bootloader = b->bootloader,
                                       .bootloader_len = b->bootloader_len,
                                       .app = b->app,
                                       .app_len = b->app_len,
                                       .store = &b->store};
    return b;
}

void pb_free(struct pb *b)
{
    ss_chip_free(b->chip);
    free(b);
}

static bool confirm(void *context, const char *device, const struct ss_step *step)
{
    struct pb *b = context;
    (void)device;
    assert_true(step->irreversible);
    b->confirmations++;
    return !b->refuse_confirmation;
}

ss_status_t pb_provision(struct pb *b, bool download)
{
    struct ss_provision_observer observer = {.context = b, .confirm = confirm};
    struct ss_provision *run = NULL;
    struct ss_link *link;
    b->dead = false;
    b->store_calls = b->port_writes = 0;
    b->err = (struct ss_error){0};
    b->job.bootloader_len = b->bootloader_len;
    b->job.app_len = b->app_len;
    assert_ok(ss_link_new(open_port(b, download), &(struct ss_link_options){0}, &link, &err), err);
    ss_status_t status = ss_provision_begin(&b->job, link, &run, &b->err);
    if (status == SS_OK)
        status = ss_provision_rehearse(run, &b->rehearsal, &b->err);
    if (status == SS_OK)
        status = ss_provision_execute(run, &observer, &b->err);
    if (run)
        snprintf(b->log, sizeof b->log, "%s", ss_provision_log(run));
    ss_provision_end(run);
    ss_link_free(link);
    return status;
}

/// Bytes of flash up to the last one that is not erased.
static size_t used(const struct ss_vchip *chip)
{
    size_t len = chip->flash.size;
    while (len >= 4096 && ss_all_bytes(chip->flash.data + len - 4096, 4096, 0xFF))
        len -= 4096;
    return len;
}

void pb_expect_secrets_kept(struct pb *b)
{
    const struct ss_vchip *c = b->chip;
    size_t len = used(c);
    uint32_t words[8];
    if (!b->vault.has_key) {
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(c->silicon->words[ss_efuse_block_start(1) + i], 0);
        return;
    }
    assert_ok(ss_efuse_key_to_words(b->vault.key, b->vault.key_len, ss_efuse_coding(c->silicon), words, &err), err);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(c->silicon->words[ss_efuse_block_start(1) + i] & ~words[i], 0);
    assert_null(memmem(c->flash.data, len, b->vault.key, 16));
    assert_null(memmem(c->flash.data, len, words, 16));
    if (b->job.options.kind == SS_PROCEDURE_HOST_SEALED) {
        assert_null(memmem(c->flash.data, len, b->app + 0x120, 32));
        assert_null(memmem(c->flash.data, len, b->bootloader + 0x40, 32));
    }
}

void pb_expect_provisioned(struct pb *b)
{
    struct ss_boot_result *result = malloc(sizeof *result);
    struct ss_vchip *c = b->chip;
    const struct ss_procedure_options *o = &b->job.options;
    assert_non_null(result);
    pb_expect_secrets_kept(b);
    c->strap_download = false;
    assert_ok(ss_chip_boot(c, &b->profile, NULL, NULL, NULL, result, &err), err);
    if (result->outcome != SS_OUTCOME_APP)
        fail_msg("outcome %s", ss_boot_outcome_name(result->outcome));
    assert_true(ss_chip_encrypts(c));
    assert_int_equal(ss_efuse_get_name(c->silicon, "FLASH_CRYPT_CONFIG"), 0xF);
    assert_int_equal(c->silicon->words[0] & 0x10080, 0x10080);
    uint32_t word6 = c->silicon->words[6];
    assert_int_equal(word6 & 0x344, 0x344);
    if (o->level == SS_LEVEL_RELEASE)
        assert_int_equal(word6 & 0x80, 0x80);
    assert_int_equal(!!(word6 & 0x10),
                     o->secure_boot == SS_SECURE_BOOT_V1_ONE_TIME || o->secure_boot == SS_SECURE_BOOT_V1_REFLASHABLE);
    assert_int_equal(!!(word6 & 0x20), o->secure_boot == SS_SECURE_BOOT_V2);
    free(result);
}
