// SPDX-License-Identifier: Apache-2.0
#include "support/statement_sample.h"
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/signing_key_internal.h"

#define NOW 1800000000u

static struct {
    ss_signing_key_t *key;
    uint8_t raw[SS_STATEMENT_KEY_SIZE];
} keys[SAMPLE_KEYS + 1];

static void free_keys(void)
{
    for (unsigned n = 1; n <= SAMPLE_KEYS; n++)
        ss_signing_key_free(keys[n].key);
}

// The private scalar is the SHA-256 of "slotseal test key N".
static void make_key(unsigned n)
{
    char name[32];
    uint8_t secret[32];
    struct ss_error err = {0};
    if (n == 0 || n > SAMPLE_KEYS)
        fail_msg("there is no sample key %u", n);
    if (keys[n].key)
        return;
    for (unsigned i = 1; i <= SAMPLE_KEYS && !keys[i].key; i++)
        if (i == SAMPLE_KEYS)
            assert_int_equal(atexit(free_keys), 0);
    int len = snprintf(name, sizeof name, "slotseal test key %u", n);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, name, (size_t)len, secret), SS_OK);
    assert_ok(ss_signing_key_from_ec(SS_KEY_P256, (struct ss_der){secret, 32}, (struct ss_der){0}, &keys[n].key, &err),
              err);
    assert_ok(ss_signing_key_raw_public(keys[n].key, keys[n].raw, &err), err);
}

ss_signing_key_t *sample_signing_key(unsigned n)
{
    make_key(n);
    return keys[n].key;
}

const uint8_t *sample_public_key(unsigned n)
{
    make_key(n);
    return keys[n].raw;
}

static void add_key(struct ss_key_set *set, enum ss_key_role role, unsigned n)
{
    set->roles[role].keys[set->roles[role].count++] = sample_public_key(n);
}

struct ss_key_set sample_key_set(void)
{
    static uint8_t ca[SS_STATEMENT_DIGEST_SIZE];
    struct ss_key_set set = {
        .product = ss_span_of("thermostat"), .version = 1, .threshold = 2, .ca_count = 1, .server_count = 2};
    memset(ca, 0xCA, sizeof ca);
    for (unsigned n = 1; n <= 3; n++)
        add_key(&set, SS_ROLE_ROOT, n);
    add_key(&set, SS_ROLE_RELEASE, 4);
    add_key(&set, SS_ROLE_DELIVERY, 5);
    set.epochs[0] = 1;
    add_key(&set, SS_ROLE_OPERATOR, 6);
    set.cas[0] = ca;
    set.servers[0] = ss_span_of("https://updates.example.com");
    set.servers[1] = ss_span_of("https://updates.example.net");
    return set;
}

struct ss_release sample_release(void)
{
    static uint8_t digest[SS_STATEMENT_DIGEST_SIZE], table[SS_STATEMENT_DIGEST_SIZE];
    memset(digest, 0xD1, sizeof digest);
    memset(table, 0x7A, sizeof table);
    return (struct ss_release){.product = ss_span_of("thermostat"),
                               .version = ss_span_of("1.4.0"),
                               .digest = digest,
                               .table_digest = table,
                               .timestamp = NOW,
                               .secure_version = 3,
                               .image_len = 0x14A000,
                               .vk_offset = 0x140,
                               .bootloader = SS_BOOTLOADER_ROLLBACK,
                               .scheme = SS_RELEASE_V1};
}

struct ss_delivery sample_delivery(const uint8_t *reference)
{
    static uint8_t digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE];
    for (size_t i = 0; i < sizeof digests; i++)
        digests[i] = (uint8_t)(i / SS_STATEMENT_DIGEST_SIZE);
    struct ss_release release = sample_release();
    struct ss_delivery d = {.device = ss_span_of("240ac4123456"),
                            .release = reference,
                            .digests = digests,
                            .sequence = 7,
                            .expiry = NOW + 90 * 86400,
                            .epoch = 1,
                            .slot_address = 0x160000,
                            .slot_size = 0x150000,
                            .length = ss_release_file_len(&release),
                            .window = ss_window_size(0x150000)};
    d.windows = (uint8_t)((d.length + d.window - 1) / d.window);
    return d;
}

struct ss_rollout sample_rollout(const uint8_t *reference)
{
    return (struct ss_rollout){
        .product = ss_span_of("thermostat"),
        .id = ss_span_of("1.4.0-spring"),
        .release = reference,
        .not_before = NOW,
        .expiry = NOW + 30 * 86400,
        .stages = {{1, 5, 86400}, {25, 2, 86400}, {100, 2, 0}},
        .stage_count = 3,
        .devices = {ss_span_of("240ac4123456"), ss_span_of("240ac4123457")},
        .device_count = 2,
        .targets = SS_TARGETS_DEVICES,
    };
}

struct ss_device_view sample_device(void)
{
    struct ss_release release = sample_release();
    return (struct ss_device_view){.product = release.product,
                                   .device = ss_span_of("240ac4123456"),
                                   .table_digest = release.table_digest,
                                   .sequence = 6,
                                   .now = NOW + 86400,
                                   .epoch = 1,
                                   .slot_address = 0x160000,
                                   .slot_size = 0x150000,
                                   .secure_version = 3,
                                   .bootloader = SS_BOOTLOADER_ROLLBACK,
                                   .scheme = SS_RELEASE_V1};
}

void sample_sign_release(const struct ss_release *release, unsigned key, struct sample_statement *out)
{
    struct ss_error err = {0};
    assert_ok(ss_release_sign(release, sample_signing_key(key), out->bytes, sizeof out->bytes, &out->len, &err), err);
}

void sample_sign_delivery(const struct ss_delivery *delivery, unsigned key, struct sample_statement *out)
{
    struct ss_error err = {0};
    assert_ok(ss_delivery_sign(delivery, sample_signing_key(key), out->bytes, sizeof out->bytes, &out->len, &err), err);
}

void sample_sign_rollout(const struct ss_rollout *rollout, unsigned key, struct sample_statement *out)
{
    struct ss_error err = {0};
    assert_ok(ss_rollout_sign(rollout, sample_signing_key(key), out->bytes, sizeof out->bytes, &out->len, &err), err);
}

void sample_sign_key_set(const struct ss_key_set *set, const unsigned *by, struct sample_statement *out)
{
    struct ss_error err = {0};
    assert_ok(ss_key_set_encode(set, out->bytes, sizeof out->bytes, &out->len, &err), err);
    for (; *by; by++) {
        assert_ok(ss_key_set_sign(out->bytes, out->len, sample_signing_key(*by), out->bytes, sizeof out->bytes,
                                  &out->len, &err),
                  err);
    }
}

static struct ss_freshness leaf_of(unsigned index, uint64_t time, char id[16])
{
    static uint8_t release[SS_STATEMENT_DIGEST_SIZE];
    memset(release, 0x5E, sizeof release);
    snprintf(id, 16, "240ac4%06x", 0x123456 + index);
    return (struct ss_freshness){.product = ss_span_of("thermostat"),
                                 .time = time,
                                 .device = ss_span_of(id),
                                 .release = index % 3 == 2 ? NULL : release,
                                 .key_set = 1};
}

void sample_sign_freshness_at(uint64_t time, unsigned index, unsigned leaves, unsigned key,
                              struct sample_statement *out)
{
    char id[16];
    uint8_t leaf[SS_FRESHNESS_LEAF_MAX], path[SS_MERKLE_PATH_MAX][SS_STATEMENT_DIGEST_SIZE];
    size_t leaf_len;
    struct ss_error err = {0};
    struct ss_freshness_signature signature;
    uint8_t(*nodes)[SS_STATEMENT_DIGEST_SIZE] = malloc(ss_merkle_nodes(leaves) * sizeof *nodes);
    assert_non_null(nodes);
    for (unsigned i = 0; i < leaves; i++) {
        struct ss_freshness record = leaf_of(i, time, id);
        assert_ok(ss_freshness_leaf(&record, leaf, sizeof leaf, &leaf_len, &err), err);
        assert_int_equal(ss_merkle_leaf(leaf, leaf_len, nodes[i]), SS_OK);
    }
    assert_int_equal(ss_merkle_build(nodes, leaves), SS_OK);
    struct ss_freshness record = leaf_of(index, time, id);
    record.root = nodes[ss_merkle_nodes(leaves) - 1];
    record.leaves = leaves;
    record.index = index;
    record.path_len = (uint8_t)ss_merkle_path((const uint8_t(*)[SS_STATEMENT_DIGEST_SIZE])nodes, leaves, index, path);
    record.path = path[0];
    assert_ok(ss_freshness_sign(&record, sample_signing_key(key), &signature, &err), err);
    assert_ok(ss_freshness_encode(&record, &signature, out->bytes, sizeof out->bytes, &out->len, &err), err);
    free(nodes);
}

void sample_sign_freshness(unsigned index, unsigned leaves, unsigned key, struct sample_statement *out)
{
    sample_sign_freshness_at(NOW, index, leaves, key, out);
}

static void reference_of(const struct sample_statement *release, uint8_t reference[SS_STATEMENT_DIGEST_SIZE])
{
    struct ss_statement s;
    assert_int_equal(ss_statement_parse(release->bytes, release->len, &s, NULL), SS_OK);
    assert_int_equal(ss_statement_reference(&s, reference), SS_OK);
}

void sample_statement(enum ss_statement_kind kind, struct sample_statement *out)
{
    uint8_t reference[SS_STATEMENT_DIGEST_SIZE];
    struct sample_statement signed_release;
    struct ss_release release = sample_release();
    sample_sign_release(&release, 4, &signed_release);
    reference_of(&signed_release, reference);
    if (kind == SS_STATEMENT_RELEASE) {
        *out = signed_release;
    } else if (kind == SS_STATEMENT_DELIVERY) {
        struct ss_delivery delivery = sample_delivery(reference);
        sample_sign_delivery(&delivery, 5, out);
    } else if (kind == SS_STATEMENT_KEY_SET) {
        struct ss_key_set set = sample_key_set();
        sample_sign_key_set(&set, (const unsigned[]){1, 3, 0}, out);
    } else if (kind == SS_STATEMENT_ROLLOUT) {
        struct ss_rollout rollout = sample_rollout(reference);
        sample_sign_rollout(&rollout, 6, out);
    } else {
        sample_sign_freshness(4, 11, 5, out);
    }
}
