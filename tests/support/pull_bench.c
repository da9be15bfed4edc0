// SPDX-License-Identifier: Apache-2.0
#include "support/pull_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/signing_key_internal.h"
#include "slotseal/freshness.h"
#include "slotseal/statement_sign.h"

#define SLOT_0 0x10000u

void pull_must(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, condition);
    abort();
}

// -- The fleet --------------------------------------------------------------------------------------------------------

/// Roles are numbered as enum ss_key_role; one key each.
static const uint8_t *public_key(unsigned role)
{
    static uint8_t raw[SS_ROLE_COUNT][SS_STATEMENT_KEY_SIZE];
    return raw[role];
}

static ss_signing_key_t *signer(unsigned role)
{
    static ss_signing_key_t *keys[SS_ROLE_COUNT];
    uint8_t secret[32] = {(uint8_t)(role + 1), 1};
    if (!keys[role]) {
        must(ss_signing_key_from_ec(SS_KEY_P256, (struct ss_der){secret, 32}, (struct ss_der){0}, &keys[role], NULL) ==
             SS_OK);
        must(ss_signing_key_raw_public(keys[role], (uint8_t *)(uintptr_t)public_key(role), NULL) == SS_OK);
    }
    return keys[role];
}

static void sign_key_set(const struct ss_key_set *set, struct pull_statement *out)
{
    uint8_t bare[SS_KEY_SET_MAX];
    size_t len;
    must(ss_key_set_encode(set, bare, sizeof bare, &len, NULL) == SS_OK);
    must(ss_key_set_sign(bare, len, signer(SS_ROLE_ROOT), out->bytes, sizeof out->bytes, &out->len, NULL) == SS_OK);
}

void pull_sign_key_set(unsigned version, const char *server, const uint8_t *ca, size_t ca_len,
                       struct pull_statement *out)
{
    uint8_t digest[32];
    struct ss_key_set set = {.product = ss_span_of("p"), .version = version, .epochs = {1}, .threshold = 1};
    for (unsigned role = 0; role < SS_ROLE_COUNT; role++) {
        (void)signer(role);
        set.roles[role] = (struct ss_role_keys){.keys = {public_key(role)}, .count = 1};
    }
    if (server)
        set.servers[set.server_count++] = ss_span_of(server);
    if (ca) {
        must(ss_hash_once(SS_HASH_SHA256, ca, ca_len, digest) == SS_OK);
        set.cas[set.ca_count++] = digest;
    }
    sign_key_set(&set, out);
}

void pull_sign_key_set_of_others(struct pull_statement *out)
{
    static uint8_t others[2][SS_STATEMENT_KEY_SIZE] = {{1}, {2}};
    struct ss_key_set set = {.product = ss_span_of("p"), .version = 1, .epochs = {1}, .threshold = 1};
    (void)signer(SS_ROLE_ROOT);
    set.roles[SS_ROLE_ROOT] = (struct ss_role_keys){.keys = {public_key(SS_ROLE_ROOT)}, .count = 1};
    set.roles[SS_ROLE_RELEASE] = (struct ss_role_keys){.keys = {others[0]}, .count = 1};
    set.roles[SS_ROLE_DELIVERY] = (struct ss_role_keys){.keys = {others[1]}, .count = 1};
    sign_key_set(&set, out);
}

void pull_sign_freshness(uint64_t time, uint32_t key_set, struct pull_statement *out)
{
    struct ss_freshness record = {
        .product = ss_span_of("p"), .device = ss_span_of("dev1"), .time = time, .leaves = 1, .key_set = key_set};
    struct ss_freshness_signature signature;
    uint8_t leaf[SS_FRESHNESS_LEAF_MAX], root[32];
    size_t leaf_len;
    must(ss_freshness_leaf(&record, leaf, sizeof leaf, &leaf_len, NULL) == SS_OK);
    must(ss_merkle_leaf(leaf, leaf_len, root) == SS_OK);
    record.root = root;
    must(ss_freshness_sign(&record, signer(SS_ROLE_DELIVERY), &signature, NULL) == SS_OK);
    must(ss_freshness_encode(&record, &signature, out->bytes, sizeof out->bytes, &out->len, NULL) == SS_OK);
}

// The image is no more than agent and canonical digest look at: magic, chip, a segment, hash flag.
static void make_image(unsigned version, uint8_t *image)
{
    for (unsigned i = 0; i < PULL_IMAGE; i++)
        image[i] = (uint8_t)(i * 31 + i / 256 + version * 7);
    memset(image, 0, 24);
    image[0] = 0xE9;
    image[1] = 1;
    image[23] = 1;
    image[40] = (uint8_t)version;
    // One segment up to checksum and appended hash.
    ss_put_le32(image + 24, 0x3F400020);
    ss_put_le32(image + 28, PULL_IMAGE - 32 - 16 - 32);
    uint8_t sum = 0xEF;
    for (unsigned i = 32; i < PULL_IMAGE - 48; i++)
        sum ^= image[i];
    memset(image + PULL_IMAGE - 48, 0, 16);
    image[PULL_IMAGE - 33] = sum;
    must(ss_hash_once(SS_HASH_SHA256, image, PULL_IMAGE - 32, image + PULL_IMAGE - 32) == SS_OK);
}

static void make_parcel(unsigned version, unsigned slot, struct pull_parcel *p)
{
    uint8_t digest[32], reference[32], digests[32 * SS_WINDOWS_MAX];
    struct ss_statement s;
    make_image(version, p->image);
    must(ss_canonical_digest(p->image, PULL_IMAGE, SS_VK_NONE, digest, NULL) == SS_OK);
    struct ss_release r = {.product = ss_span_of("p"),
                           .version = ss_span_of("1"),
                           .digest = digest,
                           .timestamp = 1,
                           .image_len = PULL_IMAGE};
    must(ss_release_sign(&r, signer(SS_ROLE_RELEASE), p->release.bytes, sizeof p->release.bytes, &p->release.len,
                         NULL) == SS_OK);
    must(ss_statement_parse(p->release.bytes, p->release.len, &s, NULL) == SS_OK);
    must(ss_statement_reference(&s, reference) == SS_OK);
    struct ss_delivery d = {.device = ss_span_of("dev1"),
                            .release = reference,
                            .digests = digests,
                            .epoch = 1,
                            .sequence = version,
                            .slot_address = SLOT_0 + slot * PULL_SLOT,
                            .slot_size = PULL_SLOT,
                            .length = PULL_IMAGE,
                            .window = SS_WINDOW_UNIT};
    must(ss_window_digests(p->image, PULL_IMAGE, d.window, digests, &d.windows) == SS_OK);
    must(ss_delivery_sign(&d, signer(SS_ROLE_DELIVERY), p->delivery.bytes, sizeof p->delivery.bytes, &p->delivery.len,
                          NULL) == SS_OK);
}

const struct pull_parcel *pull_parcel(unsigned version, unsigned slot)
{
    static struct pull_parcel made[5][2];
    struct pull_parcel *p = &made[version][slot];
    if (p->release.len == 0)
        make_parcel(version, slot, p);
    return p;
}

// -- The agent's port -------------------------------------------------------------------------------------------------

static uint8_t *at(struct pull_bench *b, uint32_t address, size_t len)
{
    must(address >= SLOT_0 && address < SLOT_0 + 2 * PULL_SLOT);
    uint32_t offset = address - SLOT_0;
    must(ss_range_ok(offset % PULL_SLOT, len, PULL_SLOT));
    return b->flash[offset / PULL_SLOT] + offset % PULL_SLOT;
}

// Counts down the faults that are left.
static bool fails(int *faults)
{
    if (*faults == 0)
        return false;
    --*faults;
    return true;
}

static ss_status_t read_flash(void *context, uint32_t address, void *out, size_t len)
{
    memcpy(out, at(context, address, len), len);
    return fails(&((struct pull_bench *)context)->broken_reads) ? SS_ERROR_IO : SS_OK;
}

static ss_status_t write_flash(void *context, uint32_t address, const void *in, size_t len)
{
    struct pull_bench *b = context;
    uint8_t *p = at(b, address, len);
    must(p < b->flash[b->running] || p >= b->flash[b->running] + PULL_SLOT);
    must(ss_all_bytes(p, len, 0xFF));
    if (fails(&b->broken_writes))
        return SS_ERROR_IO;
    memcpy(p, in, len);
    return SS_OK;
}

static ss_status_t erase(void *context, uint32_t address)
{
    struct pull_bench *b = context;
    uint8_t *p = at(b, address, SS_AGENT_SECTOR);
    must(p < b->flash[b->running] || p >= b->flash[b->running] + PULL_SLOT);
    memset(p, 0xFF, SS_AGENT_SECTOR);
    return SS_OK;
}

static ss_status_t load(void *context, struct ss_agent_record *record)
{
    *record = ((struct pull_bench *)context)->stored;
    return SS_OK;
}

static ss_status_t store(void *context, const struct ss_agent_record *record)
{
    struct pull_bench *b = context;
    if (b->failing_store && --b->failing_store == 0)
        return SS_ERROR_IO;
    b->stored = *record;
    return SS_OK;
}

static void use_key_sets(struct pull_bench *b)
{
    for (unsigned i = 0; i < 2 && b->key_sets[i].len; i++) {
        struct ss_statement s;
        must(ss_statement_parse(b->key_sets[i].bytes, b->key_sets[i].len, &s, NULL) == SS_OK);
        must(ss_key_set_parse(&s, &b->sets[i], NULL) == SS_OK);
    }
    b->identity.ring = (struct ss_key_ring){&b->sets[0], b->key_sets[1].len ? &b->sets[1] : NULL};
}

static ss_status_t store_key_set(void *context, const uint8_t *key_set, size_t len)
{
    struct pull_bench *b = context;
    // Parsed sets point into the old bytes, unless they are to count at once.
    struct pull_statement before = b->key_sets[0];
    if (!b->at_once) {
        static struct pull_statement in_use;
        struct ss_statement s;
        in_use = before;
        must(ss_statement_parse(in_use.bytes, in_use.len, &s, NULL) == SS_OK);
        must(ss_key_set_parse(&s, &b->sets[0], NULL) == SS_OK);
    }
    b->key_sets[1] = before;
    memcpy(b->key_sets[0].bytes, key_set, len);
    b->key_sets[0].len = len;
    if (b->at_once)
        use_key_sets(b);
    return SS_OK;
}

static ss_status_t verify(void *context, unsigned slot)
{
    const struct pull_bench *b = context;
    unsigned version = b->flash[slot][40];
    return memcmp(b->flash[slot], pull_parcel(version, 0)->image, PULL_IMAGE) == 0 ? SS_OK : SS_ERROR_DATA_CORRUPT;
}

static ss_status_t verify_new(void *context, unsigned slot)
{
    return fails(&((struct pull_bench *)context)->unbootable) ? SS_ERROR_INVALID_SIGNATURE : verify(context, slot);
}

static ss_status_t choose(void *context, unsigned slot)
{
    struct pull_bench *b = context;
    if (fails(&b->unselectable))
        return SS_ERROR_IO;
    must(slot == (b->running ^ 1u) && verify(b, slot) == SS_OK);
    b->selected = (int)slot;
    b->ota_state[slot] = SS_OTA_NEW;
    return SS_OK;
}

static ss_status_t confirm(void *context)
{
    struct pull_bench *b = context;
    b->ota_state[b->running] = SS_OTA_VALID;
    return SS_OK;
}

static ss_status_t reject(void *context)
{
    struct pull_bench *b = context;
    b->ota_state[b->running] = SS_OTA_INVALID;
    b->selected = (int)(b->running ^ 1u);
    return SS_OK;
}

static ss_status_t ota_state(void *context, unsigned slot, uint32_t *out)
{
    *out = ((struct pull_bench *)context)->ota_state[slot];
    return SS_OK;
}

static bool willing(void *context)
{
    return !((struct pull_bench *)context)->unwilling;
}

static const struct ss_agent_port agent_port = {.read_raw = read_flash,
                                                .read_plain = read_flash,
                                                .write_raw = write_flash,
                                                .erase = erase,
                                                .load = load,
                                                .store = store,
                                                .store_key_set = store_key_set,
                                                .verify = verify_new,
                                                .select = choose,
                                                .confirm = confirm,
                                                .reject = reject,
                                                .state = ota_state,
                                                .willing = willing};

// -- Pull mode's port -------------------------------------------------------------------------------------------------

static uint32_t uptime(void *context)
{
    const struct pull_bench *b = context;
    return b->now - b->booted;
}

static uint32_t chance(void *context)
{
    return ((struct pull_bench *)context)->chance;
}

static enum ss_self_test self_test(void *context)
{
    return ((struct pull_bench *)context)->self_test;
}

static bool has_ca(void *context, const uint8_t sha256[32])
{
    const struct pull_bench *b = context;
    for (unsigned i = 0; i < b->ca_count; i++)
        if (memcmp(b->cas[i], sha256, 32) == 0)
            return true;
    return false;
}

static ss_status_t store_ca(void *context, const uint8_t sha256[32], const uint8_t *der, size_t len)
{
    struct pull_bench *b = context;
    uint8_t digest[32];
    must(ss_hash_once(SS_HASH_SHA256, der, len, digest) == SS_OK && memcmp(digest, sha256, 32) == 0);
    must(b->ca_count < 4);
    memcpy(b->cas[b->ca_count++], sha256, 32);
    b->no_tls = false;
    return SS_OK;
}

static const struct ss_pull_port pull_port = {{pull_exchange}, uptime, chance, self_test, has_ca, store_ca};

// -- The device -------------------------------------------------------------------------------------------------------

static void forget_ram(struct pull_bench *b)
{
    if (b->agent.receiving)
        ss_hash_abort(&b->agent.hash.window);
    memset(&b->agent, 0, sizeof b->agent);
    memset(&b->pull, 0x5A, sizeof b->pull);
}

// The bootloader can roll back.
static void start(struct pull_bench *b)
{
    enum ss_agent_found found;
    forget_ram(b);
    b->booted = b->now;
    if (b->ota_state[b->running] == SS_OTA_PENDING_VERIFY) {
        b->ota_state[b->running] = SS_OTA_ABORTED;
        b->selected = (int)(b->running ^ 1u);
    }
    if (b->selected >= 0)
        b->running = (unsigned)b->selected;
    b->selected = -1;
    if (b->ota_state[b->running] == SS_OTA_NEW)
        b->ota_state[b->running] = SS_OTA_PENDING_VERIFY;
    must(verify(b, b->running) == SS_OK);
    b->identity = (struct ss_agent_identity){.product = ss_span_of("p"),
                                             .device = ss_span_of("dev1"),
                                             .slots = {{SLOT_0, PULL_SLOT}, {SLOT_0 + PULL_SLOT, PULL_SLOT}},
                                             .vk_offset = SS_VK_NONE,
                                             .bootloader = SS_BOOTLOADER_ROLLBACK,
                                             .trial_seconds = 600,
                                             .running = (uint8_t)b->running};
    use_key_sets(b);
    must(ss_agent_start(&b->agent, &agent_port, b, &b->identity, &found) == SS_OK);
    ss_pull_start(&b->pull, &b->agent, &pull_port, b, &b->config);
}

void pull_reset(struct pull_bench *b)
{
    pull_note(b, "reset");
    b->resets++;
    start(b);
}

unsigned pull_version(const struct pull_bench *b)
{
    return b->flash[b->running][40];
}

struct pull_bench *pull_bench_new(void)
{
    struct pull_bench *b = calloc(1, sizeof *b);
    must(b != NULL);
    memcpy(b->flash[0], pull_parcel(1, 0)->image, PULL_IMAGE);
    memset(b->flash[0] + PULL_IMAGE, 0xFF, PULL_SLOT - PULL_IMAGE);
    memset(b->flash[1], 0x22, PULL_SLOT);
    b->selected = -1;
    b->ota_state[0] = SS_OTA_VALID;
    b->ota_state[1] = SS_OTA_UNDEFINED;
    b->config = (struct ss_pull_config){.servers = {"https://a.example"}, .server_count = 1, .version = "1.0"};
    b->self_test = SS_SELF_TEST_PASSED;
    b->sleep = "01:00:00";
    b->etag = "\"one\"";
    b->chunk = 1460;
    b->now = 1000;
    pull_sign_key_set(1, NULL, NULL, 0, &b->key_sets[0]);
    start(b);
    return b;
}

void pull_bench_free(struct pull_bench *b)
{
    if (b->agent.receiving)
        ss_hash_abort(&b->agent.hash.window);
    free(b);
}

void pull_offer(struct pull_bench *b, unsigned version, uint64_t action)
{
    b->offer = pull_parcel(version, b->running ^ 1u);
    b->action = action;
    b->ended = false;
}

void pull_run_for(struct pull_bench *b, uint32_t seconds)
{
    volatile uint32_t end = b->now + seconds;
    if (setjmp(b->out)) {
        b->cut_at = b->then_at ? b->exchanges + b->then_at : 0;
        b->cut_place = b->then_place;
        b->then_at = 0;
        pull_reset(b);
    }
    while (b->now < end) {
        uint32_t wait;
        must(++b->wakes < 200000);
        if (ss_pull_step(&b->pull, &wait) == SS_PULL_RESET)
            pull_reset(b);
        else
            b->now += wait < end - b->now ? wait : end - b->now;
        must(wait <= 60);
    }
}
