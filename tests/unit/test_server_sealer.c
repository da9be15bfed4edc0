// SPDX-License-Identifier: Apache-2.0
// The sealer with a real vault: what it makes is what devices take, on every node the same, and what it must refuse it
// refuses.
#include "support/sealer_bench.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vault_bench.h"
#include "support/vectors.h"

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/personalize.h"
#include "server/sealer_parts.h"
#include "server/upload.h"
#include "slotseal/canonical.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/sign.h"
#include "slotseal/update_check.h"
#include "vault/audit.h"
#include "vault/delivery.h"
#include "vault/floor.h"
#include "vault/signing.h"

#define IMAGE_SIZE 300000u
#define SIGNED_AT  1700000000u

struct world {
    struct sealer_fleet fleet;
    struct sealer_side sealer;
    struct front_side front;
    struct sealer_release release;
};

static void world_make(struct world *w, unsigned devices, unsigned personal)
{
    sealer_fleet_make(&w->fleet, devices, personal);
    sealer_release_make(BENCH_PRODUCT, "1.0", IMAGE_SIZE, SIGNED_AT, 4, false, &w->release);
    sealer_release_add(w->fleet.vault, BENCH_PRODUCT, "1.0", &w->release);
    sealer_side_start(&w->sealer, &w->fleet, NULL);
    front_side_start(&w->front, NULL);
    front_side_connect(&w->front, &w->sealer, 16);
}

static void world_free(struct world *w)
{
    front_side_stop(&w->front);
    sealer_side_stop(&w->sealer);
    sealer_release_free(&w->release);
    sealer_fleet_free(&w->fleet);
}

/// The ciphertext that a device must get: sealed here, whole.
static uint8_t *sealed_whole(const char *device, const uint8_t *image, size_t len, uint32_t address, size_t *sealed_len)
{
    struct ss_flash_cipher cipher;
    struct ss_error err = {0};
    uint8_t key[32], *out = malloc(len + 16);
    assert_non_null(out);
    sealer_fleet_key(device, key);
    *sealed_len = (len + 15) & ~(size_t)15;
    memset(out, 0xFF, len + 16);
    memcpy(out, image, len);
    assert_ok(ss_flash_cipher_init(&cipher, key, sizeof key, 15, &err), err);
    assert_ok(ss_flash_cipher_seal(&cipher, address, out, out, *sealed_len, &err), err);
    return out;
}

static struct ss_delivery statement_of(const struct ss_sealer_delivery *d, struct ss_statement *statement)
{
    struct ss_delivery fields;
    assert_int_equal(ss_statement_parse(d->statement, d->statement_len, statement, NULL), SS_OK);
    assert_int_equal(ss_delivery_parse(statement, &fields, NULL), SS_OK);
    return fields;
}

/// Takes a delivery as a device does.
static void check_taken(const struct ss_sealer_order *order, const struct ss_sealer_delivery *d)
{
    const struct ss_key_set set = sample_key_set();
    const struct ss_key_ring ring = {&set, NULL};
    const struct ss_device_view view = {.product = ss_span_of(BENCH_PRODUCT),
                                        .device = ss_span_of(order->device),
                                        .sequence = order->told.sequence,
                                        .epoch = order->told.epoch,
                                        .now = (uint64_t)time(NULL),
                                        .slot_address = d->address,
                                        .slot_size = 0x150000,
                                        .scheme = SS_RELEASE_UNSIGNED};
    struct ss_update update;
    struct ss_refusal why = {0};
    ss_status_t status =
        ss_update_check(&ring, d->release, d->release_len, d->statement, d->statement_len, &view, &update, NULL, &why);
    if (status != SS_OK)
        fail_msg("the device refuses it: %s", ss_reason_text(why.reason));
}

static void test_deliver_and_fetch(void **state)
{
    (void)state;
    struct world w;
    uint8_t digest[32];
    size_t len;
    world_make(&w, 2, 0);
    struct ss_sealer_order order = order_for("d1", "1.0", "ota_0");
    struct deliver_result r = deliver(w.front.client, &order);
    if (r.status != SS_OK)
        fail_msg("%s", r.text);
    check_taken(&order, &r.delivery);
    assert_string_equal(r.delivery.slot, "ota_1");
    assert_int_equal(r.delivery.address, BENCH_OTA_1);
    uint8_t *expected = sealed_whole("d1", w.release.image, w.release.len, BENCH_OTA_1, &len);
    uint8_t *got = malloc(len);
    assert_int_equal(r.delivery.length, len);
    assert_int_equal(fetch(w.front.client, "d1", "1.0", BENCH_OTA_1, 0, (uint32_t)len, got), SS_OK);
    assert_memory_equal(got, expected, len);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, got, len, digest), SS_OK);
    assert_memory_equal(digest, r.delivery.sha256, 32);

    // Every window's digest is in the statement.
    struct ss_statement statement;
    struct ss_delivery d = statement_of(&r.delivery, &statement);
    uint8_t digests[SS_WINDOWS_MAX * 32], windows;
    assert_int_equal(ss_window_digests(got, len, d.window, digests, &windows), SS_OK);
    assert_int_equal(windows, d.windows);
    assert_memory_equal(digests, d.digests, windows * 32u);

    // Any range is the slice of the whole.
    uint64_t seed = 42;
    for (int i = 0; i < 300; i++) {
        uint32_t offset = (uint32_t)(test_random(&seed) % len);
        uint32_t n = 1 + (uint32_t)(test_random(&seed) % (i % 3 ? 100 : 70000));
        if (n > len - offset)
            n = (uint32_t)len - offset;
        memset(got, 0, n);
        assert_int_equal(fetch(w.front.client, "d1", "1.0", BENCH_OTA_1, offset, n, got), SS_OK);
        assert_memory_equal(got, expected + offset, n);
    }
    assert_int_equal(fetch(w.front.client, "d1", "1.0", BENCH_OTA_1, (uint32_t)len - 1, 2, got),
                     SS_ERROR_INVALID_ARGUMENT);
    // What was never delivered is not sealed: another slot, device, release.
    assert_int_equal(fetch(w.front.client, "d1", "1.0", BENCH_OTA_0, 0, 16, got), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(fetch(w.front.client, "d2", "1.0", BENCH_OTA_1, 0, 16, got), SS_ERROR_DOES_NOT_EXIST);
    assert_int_equal(fetch(w.front.client, "d1", "1.1", BENCH_OTA_1, 0, 16, got), SS_ERROR_DOES_NOT_EXIST);
    free(got);
    free(expected);
    world_free(&w);
}

// Refusals: each checked before a key is touched

static void expect_refusal(struct world *w, const struct ss_sealer_order *order, ss_status_t status, const char *part)
{
    struct deliver_result r = deliver(w->front.client, order);
    if (r.status != status || !strstr(r.text, part))
        fail_msg("%s: \"%s\", expected %s: … %s …", ss_status_name(r.status), r.text, ss_status_name(status), part);
}

static void test_device_refusals(void **state)
{
    (void)state;
    struct world w;
    struct ss_error err = {0};
    world_make(&w, 8, 0);
    struct ss_sealer_order order = order_for("d1", "1.0", "");
    expect_refusal(&w, &order, SS_ERROR_BAD_STATE, "which slot it runs");
    order = order_for("d1", "1.0", "ota_7");
    expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, "partition table does not have");
    order = order_for("d1", "1.0", "nvs");
    expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, "partition table does not have");
    order = order_for("d99", "1.0", "ota_0");
    expect_refusal(&w, &order, SS_ERROR_DOES_NOT_EXIST, "no device d99");
    order = order_for("d1", "7.0", "ota_0");
    expect_refusal(&w, &order, SS_ERROR_DOES_NOT_EXIST, "no release 7.0");
    order = order_for("d1", "1.0", "ota_0");
    order.told.has_table = true;
    memset(order.told.table, 0x11, 32);
    expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, "another partition table");
    order = order_for("d1", "1.0", "ota_0");
    order.told.secure_version = 1;
    expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, "secure_version");
    order = order_for("d1", "1.0", "ota_0");
    order.told.epoch = 2;
    expect_refusal(&w, &order, SS_ERROR_BAD_STATE, "deliveries of epoch 2"); // the sealer's mistake: later, again
    order = order_for("d1", "1.0", "ota_0");
    order.told.epoch = 1;
    order.told.sequence = SS_SEQUENCE_JUMP_MAX + 1;
    expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, "more than 1048576 above");

    // Who has left the fleet gets nothing, whoever asks; nor one whose credential is dead.
    static const enum ss_vault_device_state gone[] = {SS_VAULT_DEVICE_REVOKED, SS_VAULT_DEVICE_LOST,
                                                      SS_VAULT_DEVICE_RETURNED};
    static const char *const ids[] = {"d2", "d3", "d4"}, *const words[] = {"revoked", "lost", "returned"};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(ss_vault_device_set_state(w.fleet.vault, ids[i], gone[i], NULL, NULL, &err), err);
        order = order_for(ids[i], "1.0", "ota_0");
        expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, words[i]);
    }
    assert_ok(ss_vault_device_set_fact(w.fleet.vault, "d5", "credential", NULL, &err), err);
    order = order_for("d5", "1.0", "ota_0");
    expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, "no credential that is alive");
    assert_ok(ss_vault_device_set_fact(w.fleet.vault, "d5", "credential", "token sha256:12", &err), err);
    expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, "no credential that is alive");
    assert_int_equal(vault_bench_number(w.fleet.url, "SELECT count(*) FROM audit WHERE action = 'seal'"), 0);
    assert_int_equal(vault_bench_number(w.fleet.url, "SELECT count(*) FROM device_sequences"), 0);
    world_free(&w);
}

static void test_revoked_while_downloading(void **state)
{
    (void)state;
    struct world w;
    uint8_t byte[16];
    ss_status_t status = SS_OK;
    struct ss_error err = {0};
    world_make(&w, 1, 0);
    struct ss_sealer_order order = order_for("d1", "1.0", "ota_1");
    assert_int_equal(deliver(w.front.client, &order).status, SS_OK);
    assert_int_equal(fetch(w.front.client, "d1", "1.0", BENCH_OTA_0, 0, 16, byte), SS_OK);
    assert_ok(ss_vault_device_set_state(w.fleet.vault, "d1", SS_VAULT_DEVICE_REVOKED, NULL, NULL, &err), err);
    for (int i = 0; i < 200 && status == SS_OK; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        status = fetch(w.front.client, "d1", "1.0", BENCH_OTA_0, 0, 16, byte);
    }
    assert_int_equal(status, SS_ERROR_NOT_PERMITTED);
    world_free(&w);
}

static void test_release_refusals(void **state)
{
    (void)state;
    struct world w;
    struct sealer_release other, swapped;
    struct ss_error err = {0};
    world_make(&w, 1, 0);
    struct ss_sealer_order order = order_for("d1", "2.0", "ota_0");
    sealer_release_make(BENCH_PRODUCT, "2.0", 40000, SIGNED_AT + 100, 7, false, &other); // 7: no release key
    sealer_release_add(w.fleet.vault, BENCH_PRODUCT, "2.0", &other);
    expect_refusal(&w, &order, SS_ERROR_DOES_NOT_EXIST, "key set");
    sealer_release_free(&other);
    // A statement of another release under this name.
    sealer_release_make(BENCH_PRODUCT, "3.0", 40000, SIGNED_AT + 100, 4, false, &other);
    sealer_release_add(w.fleet.vault, BENCH_PRODUCT, "3.1", &other);
    strcpy(order.version, "3.1");
    expect_refusal(&w, &order, SS_ERROR_DATA_CORRUPT, "statement of another");
    // Another image under its statement.
    sealer_release_make(BENCH_PRODUCT, "5.5", 40000, SIGNED_AT, 4, false, &swapped);
    memcpy(other.image, swapped.image, other.len);
    sealer_release_free(&swapped);
    sealer_release_add(w.fleet.vault, BENCH_PRODUCT, "3.0", &other);
    strcpy(order.version, "3.0");
    expect_refusal(&w, &order, SS_ERROR_DATA_CORRUPT, "not the one that its statement names");
    sealer_release_free(&other);
    // Too old.
    sealer_release_make(BENCH_PRODUCT, "4.0", 40000, SIGNED_AT + 200, 4, false, &other);
    sealer_release_add(w.fleet.vault, BENCH_PRODUCT, "4.0", &other);
    sealer_release_free(&other);
    assert_ok(ss_vault_floor_set(w.fleet.vault, BENCH_PRODUCT, "4.0", &err), err);
    strcpy(order.version, "1.0");
    expect_refusal(&w, &order, SS_ERROR_NOT_PERMITTED, "older than the floor");
    strcpy(order.version, "4.0");
    assert_int_equal(deliver(w.front.client, &order).status, SS_OK);
    world_free(&w);
}

/// New key sets before the new delivery key: an operator's mistake, after which all goes on.
static void test_key_set_without_delivery_key(void **state)
{
    (void)state;
    struct world w;
    char folder[160], other[160];
    struct ss_error err = {0};
    sealer_fleet_make(&w.fleet, 1, 0);
    ss_sealer_keys_free(w.fleet.keys);
    strcpy(folder, vault_bench_path("keysets"));
    strcpy(other, vault_bench_path("upload.pem"));
    const struct ss_sealer_key_options options = {.key_set = folder, .delivery_key = other};
    assert_ok(ss_sealer_keys_load(&options, &w.fleet.keys, &err), err);
    sealer_release_make(BENCH_PRODUCT, "1.0", IMAGE_SIZE, SIGNED_AT, 4, false, &w.release);
    sealer_release_add(w.fleet.vault, BENCH_PRODUCT, "1.0", &w.release);
    sealer_side_start(&w.sealer, &w.fleet, NULL);
    front_side_start(&w.front, NULL);
    front_side_connect(&w.front, &w.sealer, 16);
    struct ss_sealer_order order = order_for("d1", "1.0", "ota_0");
    expect_refusal(&w, &order, SS_ERROR_BAD_STATE, "does not name the sealer's delivery key");
    world_free(&w);
}

/// No device of a vault ever gets what was not sealed for it.
static void test_opaque(void **state)
{
    (void)state;
    struct world w;
    world_make(&w, 1, 0);
    struct deliver_result r = may_be_opaque(w.front.client, "d1");
    assert_int_equal(r.status, SS_ERROR_NOT_PERMITTED);
    assert_non_null(strstr(r.text, "which is sealed"));
    assert_int_equal(may_be_opaque(w.front.client, "camera-7").status, SS_OK);
    world_free(&w);
}

// The same answer for everybody

static void test_one_delivery(void **state)
{
    (void)state;
    struct world w;
    struct sealer_side second;
    struct front_side front;
    world_make(&w, 1, 0);
    sealer_side_start(&second, &w.fleet, NULL);
    front_side_start(&front, NULL);
    front_side_connect(&front, &second, 4);
    struct ss_sealer_order order = order_for("d1", "1.0", "ota_0");
    struct deliver_result a = deliver(w.front.client, &order), b = deliver(front.client, &order);
    assert_int_equal(a.status, SS_OK);
    assert_memory_equal(&a, &b, sizeof a);
    // The other node seals parts of it, too, without another record of sealing.
    uint8_t one[5000], other[5000];
    assert_int_equal(fetch(w.front.client, "d1", "1.0", BENCH_OTA_1, 12345, 5000, one), SS_OK);
    assert_int_equal(fetch(front.client, "d1", "1.0", BENCH_OTA_1, 12345, 5000, other), SS_OK);
    assert_memory_equal(one, other, 5000);
    assert_int_equal(vault_bench_number(w.fleet.url, "SELECT count(*) FROM audit WHERE action = 'seal'"), 1);

    // The device has accepted it: it may come again. When it has gone on, a new statement is made for the same bytes.
    struct ss_statement statement;
    struct ss_delivery d = statement_of(&a.delivery, &statement);
    order.told.epoch = 1;
    order.told.sequence = d.sequence;
    b = deliver(front.client, &order);
    assert_memory_equal(&a, &b, sizeof a);
    order.told.sequence = d.sequence + 5;
    b = deliver(front.client, &order);
    assert_int_equal(b.status, SS_OK);
    check_taken(&order, &b.delivery);
    struct ss_delivery again = statement_of(&b.delivery, &statement);
    assert_int_equal(again.sequence, d.sequence + 6);
    assert_string_equal(b.delivery.etag, a.delivery.etag);
    assert_memory_equal(b.delivery.sha256, a.delivery.sha256, 32);
    assert_int_equal(vault_bench_number(w.fleet.url, "SELECT count(*) FROM deliveries"), 1);
    front_side_stop(&front);
    sealer_side_stop(&second);
    world_free(&w);
}

struct racer {
    struct ss_sealer *client;
    struct deliver_result results[16];
};

static void *race(void *context)
{
    struct racer *r = context;
    for (unsigned i = 0; i < 16; i++) {
        char id[8];
        snprintf(id, sizeof id, "d%u", i + 1);
        struct ss_sealer_order order = order_for(id, "1.0", "ota_0");
        r->results[i] = deliver(r->client, &order);
    }
    return NULL;
}

/// Two sealers on one vault make the same deliveries at the same time: one of each wins.
static void test_race(void **state)
{
    (void)state;
    struct world w;
    struct sealer_side second;
    struct front_side front;
    struct racer racers[2];
    pthread_t threads[2];
    world_make(&w, 16, 0);
    sealer_side_start(&second, &w.fleet, NULL);
    front_side_start(&front, NULL);
    front_side_connect(&front, &second, 4);
    racers[0].client = w.front.client;
    racers[1].client = front.client;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(racers[0].results[i].status, SS_OK);
        assert_memory_equal(&racers[0].results[i], &racers[1].results[i], sizeof racers[0].results[i]);
    }
    assert_int_equal(vault_bench_number(w.fleet.url, "SELECT count(*) FROM deliveries"), 16);
    front_side_stop(&front);
    sealer_side_stop(&second);
    world_free(&w);
}

/// Many at once are sealed together; the caches are smaller than what is asked for.
static void test_many_at_once(void **state)
{
    (void)state;
    struct world w = {0};
    const struct ss_sealer_service_options small = {.ciphers = 3, .plaintext = 1000};
    size_t len;
    sealer_fleet_make(&w.fleet, 20, 0);
    sealer_release_make(BENCH_PRODUCT, "1.0", IMAGE_SIZE, SIGNED_AT, 4, false, &w.release);
    sealer_release_add(w.fleet.vault, BENCH_PRODUCT, "1.0", &w.release);
    sealer_side_start(&w.sealer, &w.fleet, &small);
    front_side_start(&w.front, NULL);
    front_side_connect(&w.front, &w.sealer, 2);
    deliver_all(w.front.client, "1.0", "ota_0", 20);
    for (unsigned i = 1; i <= 20; i++) {
        char id[8];
        uint8_t got[3000];
        snprintf(id, sizeof id, "d%u", i);
        uint8_t *expected = sealed_whole(id, w.release.image, w.release.len, BENCH_OTA_1, &len);
        assert_int_equal(fetch(w.front.client, id, "1.0", BENCH_OTA_1, 7777 * i, sizeof got, got), SS_OK);
        assert_memory_equal(got, expected + 7777 * i, sizeof got);
        free(expected);
    }
    world_free(&w);
}

/// The database ends all connections, as when it is started again: the sealer makes a new one, and nothing is lost.
static void test_database_restarts(void **state)
{
    (void)state;
    struct world w;
    ss_status_t status = SS_ERROR_IO;
    if (vault_bench_is_sqlite())
        skip();
    world_make(&w, 3, 0);
    for (unsigned i = 1; i <= 3; i++) {
        char id[8];
        snprintf(id, sizeof id, "d%u", i);
        const struct ss_sealer_order order = order_for(id, "1.0", "ota_0");
        vault_bench_tamper(w.fleet.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                        "WHERE pid <> pg_backend_pid() AND datname = current_database()");
        status = SS_ERROR_IO;
        for (int n = 0; n < 100 && status == SS_ERROR_IO; n++) {
            status = deliver(w.front.client, &order).status;
            if (status == SS_ERROR_IO)
                nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        }
        assert_int_equal(status, SS_OK);
    }
    assert_int_equal(vault_bench_number(w.fleet.url, "SELECT count(*) FROM deliveries"), 3);
    world_free(&w);
}

// Devices with signing keys of their own

static void test_personal(void **state)
{
    (void)state;
    struct sealer_fleet fleet;
    struct sealer_side sealer;
    struct front_side front;
    struct sealer_release release;
    struct ss_personalizer *personalizer;
    bool made;
    struct ss_error err = {0};
    sealer_fleet_make(&fleet, 0, 3);
    sealer_release_make(BENCH_PERSONAL, "1.0", 100000, SIGNED_AT, 4, true, &release);
    sealer_release_add(fleet.vault, BENCH_PERSONAL, "1.0", &release);
    sealer_side_start(&sealer, &fleet, NULL);
    front_side_start(&front, NULL);
    front_side_connect(&front, &sealer, 4);
    struct ss_sealer_order order = order_for("p1", "1.0", "ota_0");
    struct deliver_result r = deliver(front.client, &order);
    assert_int_equal(r.status, SS_ERROR_BAD_STATE);
    assert_non_null(strstr(r.text, "slotseal release personalize heater 1.0"));

    assert_ok(ss_personalizer_open(fleet.vault, BENCH_PERSONAL, "1.0", NULL, &personalizer, &err), err);
    for (int i = 0; i < 2; i++)
        for (const char *const *id = (const char *const[]){"p1", "p2", NULL}; *id; id++) {
            assert_ok(ss_personalize(personalizer, *id, &made, &err), err);
            assert_int_equal(made, i == 0);
        }
    ss_personalizer_close(personalizer);

    for (const char *const *id = (const char *const[]){"p1", "p2", NULL}; *id; id++) {
        struct ss_vault_signing_key known;
        struct ss_flash_cipher cipher;
        ss_signing_key_t *key;
        uint8_t flash_key[32], raw[64], digest[32];
        order = order_for(*id, "1.0", "ota_1");
        r = deliver(front.client, &order);
        if (r.status != SS_OK)
            fail_msg("%s", r.text);
        uint8_t *sealed = malloc(r.delivery.length), *plain = malloc(r.delivery.length);
        assert_int_equal(fetch(front.client, *id, "1.0", BENCH_OTA_0, 0, r.delivery.length, sealed), SS_OK);
        // In the device's flash: its key inside, its signature behind, and the release's canonical digest.
        sealer_fleet_key(*id, flash_key);
        assert_ok(ss_flash_cipher_init(&cipher, flash_key, 32, 15, &err), err);
        assert_ok(ss_flash_cipher_unseal(&cipher, BENCH_OTA_0, sealed, plain, r.delivery.length, &err), err);
        char name[16];
        snprintf(name, sizeof name, "%s.sign", *id);
        assert_ok(ss_vault_signing_key_get(fleet.vault, name, &known, &err), err);
        assert_ok(ss_signing_key_load((const uint8_t *)known.public_key, strlen(known.public_key), &key, &err), err);
        assert_ok(ss_signing_key_raw_public(key, raw, &err), err);
        assert_ok(ss_sign_verify(SS_SIGN_V1, key, plain, r.delivery.length, NULL, &err), err);
        struct ss_statement statement;
        struct ss_release fields;
        assert_int_equal(ss_statement_parse(release.statement, release.statement_len, &statement, NULL), SS_OK);
        assert_int_equal(ss_release_parse(&statement, &fields, NULL), SS_OK);
        assert_memory_equal(plain + fields.vk_offset, raw, 64);
        assert_ok(ss_canonical_digest(plain, r.delivery.length, fields.vk_offset, digest, &err), err);
        assert_memory_equal(digest, fields.digest, 32);
        // Ranges across key, checksum, hash and signature.
        uint64_t seed = 7;
        for (int i = 0; i < 200; i++) {
            uint32_t around = i % 2 ? fields.vk_offset : fields.image_len - 40;
            uint32_t offset = around - 50 + (uint32_t)(test_random(&seed) % 100);
            uint32_t n = 1 + (uint32_t)(test_random(&seed) % 120);
            uint8_t part[120];
            if (offset >= r.delivery.length)
                continue;
            if (n > r.delivery.length - offset)
                n = r.delivery.length - offset;
            assert_int_equal(fetch(front.client, *id, "1.0", BENCH_OTA_0, offset, n, part), SS_OK);
            assert_memory_equal(part, sealed + offset, n);
        }
        ss_signing_key_free(key);
        free(plain);
        free(sealed);
    }
    // The signing ring stayed closed: the sealer's own handle cannot open it. A device that was added later says what is
    // missing.
    order = order_for("p3", "1.0", "ota_0");
    r = deliver(front.client, &order);
    assert_int_equal(r.status, SS_ERROR_BAD_STATE);
    front_side_stop(&front);
    sealer_side_stop(&sealer);
    sealer_release_free(&release);
    sealer_fleet_free(&fleet);
}

// Uploads

/// What `openssl req -x509` makes of the bench's upload key.
static uint8_t *encrypt(const struct sealer_release *release, size_t *len)
{
    uint8_t *out = NULL;
    size_t size;
    struct ss_error err = {0};
    uint8_t *certificate = sealer_upload_certificate(&size);
    assert_ok(ss_upload_encrypt(certificate, size, release->statement, release->statement_len, release->image,
                                release->len, &out, len, &err),
              err);
    free(certificate);
    return out;
}

static void expect_upload(struct world *w, const struct sealer_release *release, ss_status_t status, const char *part)
{
    size_t len;
    uint8_t *blob = encrypt(release, &len);
    struct upload_result r = open_upload(w->front.client, blob, len);
    if (r.status != status || !strstr(r.text, part))
        fail_msg("%s: \"%s\", expected %s: … %s …", ss_status_name(r.status), r.text, ss_status_name(status), part);
    free(blob);
}

static void test_upload(void **state)
{
    (void)state;
    struct world w;
    struct sealer_release release;
    size_t len;
    world_make(&w, 1, 0);
    sealer_release_make(BENCH_PRODUCT, "2.0", 200000, SIGNED_AT + 1, 4, false, &release);
    uint8_t *blob = encrypt(&release, &len);
    assert_null(memmem(blob, len, release.image + 5000, 16));
    struct upload_result r = open_upload(w.front.client, blob, len);
    if (r.status != SS_OK)
        fail_msg("%s", r.text);
    assert_string_equal(r.upload.product, BENCH_PRODUCT);
    assert_string_equal(r.upload.version, "2.0");
    assert_int_equal(r.upload.image_len, release.len);
    assert_memory_equal(r.upload.statement, release.statement, release.statement_len);
    assert_false(r.upload.already);
    assert_false(r.upload.personal);
    // Again, as it is after a restart, and encrypted anew: nothing changes.
    assert_true(open_upload(w.front.client, blob, len).upload.already);
    expect_upload(&w, &release, SS_OK, "");
    struct ss_sealer_order order = order_for("d1", "2.0", "ota_0");
    assert_int_equal(deliver(w.front.client, &order).status, SS_OK);

    // Changed on its way, cut, or none at all.
    blob[len / 2] ^= 1;
    r = open_upload(w.front.client, blob, len);
    assert_int_equal(r.status, SS_ERROR_NOT_PERMITTED);
    assert_non_null(strstr(r.text, "changed on its way"));
    assert_int_equal(open_upload(w.front.client, blob, len - 100).status, SS_ERROR_DATA_INVALID);
    assert_int_equal(open_upload(w.front.client, (const uint8_t *)"hello", 5).status, SS_ERROR_DATA_INVALID);
    free(blob);
    sealer_release_free(&release);

    // Another image under the same version; signed by nobody who may; a product that the sealer does not know; a statement
    // of another image.
    sealer_release_make(BENCH_PRODUCT, "2.0", 210000, SIGNED_AT + 2, 4, false, &release);
    expect_upload(&w, &release, SS_ERROR_ALREADY_EXISTS, "another release 2.0");
    sealer_release_free(&release);
    sealer_release_make(BENCH_PRODUCT, "3.0", 50000, SIGNED_AT + 2, 5, false, &release); // 5: the delivery key
    expect_upload(&w, &release, SS_ERROR_NOT_PERMITTED, "role");
    sealer_release_free(&release);
    sealer_release_make("sofa", "3.0", 50000, SIGNED_AT + 2, 4, false, &release);
    expect_upload(&w, &release, SS_ERROR_DOES_NOT_EXIST, "no key set of product sofa");
    sealer_release_free(&release);
    sealer_release_make(BENCH_PRODUCT, "3.0", 50000, SIGNED_AT + 2, 4, true, &release);
    expect_upload(&w, &release, SS_ERROR_NOT_PERMITTED, "secure boot v1, product thermostat has none");
    memcpy(release.image, w.release.image, 40000);
    expect_upload(&w, &release, SS_ERROR_DATA_INVALID, "");
    sealer_release_free(&release);
    assert_int_equal(vault_bench_number(w.fleet.url, "SELECT count(*) FROM releases"), 2);
    world_free(&w);
}

/// What anybody can make who has the upload key's certificate: @p content, in CMS.
static uint8_t *wrap(const EVP_CIPHER *cipher, const uint8_t *content, size_t content_len, size_t *len)
{
    size_t size;
    uint8_t *pem = sealer_upload_certificate(&size), *out = NULL;
    BIO *text = BIO_new_mem_buf(pem, (int)size);
    X509 *certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
    STACK_OF(X509) *to = sk_X509_new_null();
    BIO *in = BIO_new_mem_buf(content, (int)content_len);
    assert_true(certificate && in && sk_X509_push(to, certificate) == 1);
    CMS_ContentInfo *cms = CMS_encrypt(to, in, cipher, CMS_BINARY);
    assert_non_null(cms);
    int n = i2d_CMS_ContentInfo(cms, &out);
    assert_true(n > 0);
    *len = (size_t)n;
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    sk_X509_pop_free(to, X509_free);
    BIO_free(text);
    free(pem);
    return out;
}

static void expect_wrapped(struct world *w, const EVP_CIPHER *cipher, const uint8_t *content, size_t content_len,
                           ss_status_t status, const char *part)
{
    size_t len;
    uint8_t *blob = wrap(cipher, content, content_len, &len);
    struct upload_result r = open_upload(w->front.client, blob, len);
    if (r.status != status || !strstr(r.text, part))
        fail_msg("%s: \"%s\", expected %s: … %s …", ss_status_name(r.status), r.text, ss_status_name(status), part);
    OPENSSL_free(blob);
}

/// The upload key's certificate is no secret: what comes encrypted to it need not come from a release host.
static void test_uploads_of_strangers(void **state)
{
    (void)state;
    enum { IMAGE = 1000 };
    const EVP_CIPHER *gcm = EVP_aes_256_gcm();
    struct world w;
    uint8_t content[SS_UPLOAD_HEADER_SIZE + 16 + IMAGE] = SS_UPLOAD_MAGIC;
    static const uint32_t lengths[][2] = {{0, 16 + IMAGE},          {16 + IMAGE, 0}, {16, IMAGE - 1},
                                          {16, IMAGE + 1},          {15, IMAGE},     {UINT32_MAX, 17 + IMAGE},
                                          {17 + IMAGE, UINT32_MAX}, {0, 0},          {SS_RELEASE_MAX + 1, IMAGE}};
    world_make(&w, 1, 0);
    expect_wrapped(&w, gcm, content, SS_UPLOAD_HEADER_SIZE - 1, SS_ERROR_DATA_INVALID, "holds no release");
    expect_wrapped(&w, gcm, (const uint8_t *)"slotsea1 and a release of a kind", 32, SS_ERROR_DATA_INVALID,
                   "holds no release");
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        ss_put_le32(content + 8, lengths[i][0]);
        ss_put_le32(content + 12, lengths[i][1]);
        expect_wrapped(&w, gcm, content, sizeof content, SS_ERROR_DATA_INVALID, "contradict each other");
    }
    ss_put_le32(content + 8, 16);
    ss_put_le32(content + 12, IMAGE);
    expect_wrapped(&w, gcm, content, sizeof content, SS_ERROR_DATA_INVALID, "statement");
    // Enveloped, but not authenticated.
    expect_wrapped(&w, EVP_aes_256_cbc(), content, sizeof content, SS_ERROR_DATA_INVALID, "no CMS AuthEnvelopedData");
    assert_int_equal(vault_bench_number(w.fleet.url, "SELECT count(*) FROM releases"), 1);
    world_free(&w);
}

// The registry

struct seen {
    pthread_mutex_t lock;
    unsigned count;
    bool complete, refuse_once, refuse_set;
    struct ss_sealer_device last;
    unsigned sets;
    char products[4][SS_SEALER_NAME_SIZE];
};

/// The key sets come before the first device; what the front could not store comes again.
static bool see_key_set(void *context, const uint8_t *bytes, size_t len)
{
    struct seen *s = context;
    struct ss_statement statement;
    struct ss_key_set set;
    assert_int_equal(ss_statement_parse(bytes, len, &statement, NULL), SS_OK);
    assert_int_equal(ss_key_set_parse(&statement, &set, NULL), SS_OK);
    pthread_mutex_lock(&s->lock);
    bool refuse = s->refuse_set;
    s->refuse_set = false;
    assert_true(s->count == 0 && s->sets < 4);
    if (!refuse)
        snprintf(s->products[s->sets++], SS_SEALER_NAME_SIZE, "%.*s", (int)set.product.len,
                 (const char *)set.product.p);
    pthread_mutex_unlock(&s->lock);
    return !refuse;
}

static bool see(void *context, const struct ss_sealer_device *devices, size_t count, bool complete)
{
    struct seen *s = context;
    pthread_mutex_lock(&s->lock);
    bool refuse = s->refuse_once;
    s->refuse_once = false;
    if (!refuse) {
        s->count += (unsigned)count;
        s->complete |= complete;
        if (count)
            s->last = devices[count - 1];
    }
    pthread_mutex_unlock(&s->lock);
    return !refuse;
}

static void wait_seen(struct seen *s, unsigned count)
{
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&s->lock);
        bool there = s->count >= count && s->complete;
        pthread_mutex_unlock(&s->lock);
        if (there)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("%u devices of %u were told", s->count, count);
}

static void test_registry(void **state)
{
    (void)state;
    struct world w = {0};
    struct seen seen = {.refuse_once = true, .refuse_set = true};
    const struct ss_sealer_options options = {.devices = see, .key_set = see_key_set, .context = &seen};
    uint8_t key[32];
    struct ss_error err = {0};
    pthread_mutex_init(&seen.lock, NULL);
    sealer_fleet_make(&w.fleet, 300, 0); // more than one part
    sealer_side_start(&w.sealer, &w.fleet, NULL);
    front_side_start(&w.front, &options);
    front_side_connect(&w.front, &w.sealer, 2);
    wait_seen(&seen, 300);
    assert_int_equal(seen.count, 300);
    assert_int_equal(seen.sets, 2);
    assert_string_equal(seen.products[0], BENCH_PERSONAL);
    assert_string_equal(seen.products[1], BENCH_PRODUCT);
    assert_ok(ss_vault_device_set_state(w.fleet.vault, "d7", SS_VAULT_DEVICE_LOST, NULL, NULL, &err), err);
    wait_seen(&seen, 301);
    assert_string_equal(seen.last.id, "d7");
    assert_string_equal(seen.last.product, BENCH_PRODUCT);
    assert_false(seen.last.active);
    assert_int_equal(seen.last.credential, SS_SEALER_NO_CREDENTIAL);
    assert_ok(ss_vault_device_set_state(w.fleet.vault, "d7", SS_VAULT_DEVICE_PROVISIONED, NULL, NULL, &err), err);
    wait_seen(&seen, 302);
    assert_true(seen.last.active);
    assert_int_equal(seen.last.credential, SS_SEALER_TOKEN);
    sealer_fleet_key("d7", key);
    for (int i = 0; i < 32; i++)
        assert_int_equal(seen.last.digest[i], key[i] ^ 0x55);
    front_side_stop(&w.front);
    sealer_side_stop(&w.sealer);
    sealer_fleet_free(&w.fleet);
}

// Freshness

static void test_freshness(void **state)
{
    (void)state;
    struct world w;
    struct ss_sealer_fresh_device devices[5] = {{"d1", "1.0"}, {"d2", ""}, {"d3", "1.0"}, {"d4", "1.0"}, {"x", ""}};
    struct fresh_result fresh[5];
    struct ss_error err = {0};
    const struct ss_key_set set = sample_key_set();
    const struct ss_key_ring ring = {&set, NULL};
    world_make(&w, 4, 0);
    assert_ok(ss_vault_device_set_state(w.fleet.vault, "d3", SS_VAULT_DEVICE_LOST, NULL, NULL, &err), err);
    size_t count = 0;
    assert_int_equal(get_fresh(w.front.client, BENCH_PRODUCT, devices, 5, fresh, &count), SS_OK);
    assert_int_equal(count, 3); // not the lost one, nor one that nobody knows
    for (size_t i = 0; i < count; i++) {
        struct ss_statement statement;
        struct ss_freshness record;
        uint64_t now = (uint64_t)time(NULL);
        assert_int_equal(ss_statement_parse(fresh[i].record, fresh[i].len, &statement, NULL), SS_OK);
        assert_int_equal(ss_freshness_parse(&statement, &record, NULL), SS_OK);
        assert_int_equal(ss_key_ring_verify(&ring, &statement, now, NULL, NULL), SS_OK);
        assert_int_equal(
            ss_freshness_check(&record, ss_span_of(BENCH_PRODUCT), ss_span_of(fresh[i].device), 0, now, 60, NULL),
            SS_OK);
        assert_int_equal(record.leaves, 3);
        assert_int_equal(record.release != NULL, strcmp(fresh[i].device, "d2") != 0);
    }
    strcpy(devices[0].version, "9"); // a release that is not there costs nobody a record: it is not named
    count = 0;
    assert_int_equal(get_fresh(w.front.client, BENCH_PRODUCT, devices, 4, fresh, &count), SS_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        struct ss_statement statement;
        struct ss_freshness record;
        assert_int_equal(ss_statement_parse(fresh[i].record, fresh[i].len, &statement, NULL), SS_OK);
        assert_int_equal(ss_freshness_parse(&statement, &record, NULL), SS_OK);
        assert_int_equal(record.release != NULL, !strcmp(fresh[i].device, "d4"));
    }
    assert_int_equal(get_fresh(w.front.client, "sofa", devices, 1, fresh, &count), SS_ERROR_DOES_NOT_EXIST);
    world_free(&w);
}

// A front that asks and does not read

/// Asks for records of all devices, with @p id.
static void ask_fresh(struct ss_channel *front, uint64_t id, struct ss_sealer_fresh_device *devices)
{
    struct ss_message_freshness m = {.count = SS_SEALER_FRESHNESS_MAX, .devices = devices};
    strcpy(m.product, BENCH_PRODUCT);
    uint8_t *out = ss_channel_room(front, SS_CHANNEL_PAYLOAD_MAX);
    assert_non_null(out);
    ss_channel_queue(front, SS_FRAME_FRESHNESS, id, ss_message_put_freshness(out, &m));
    while (ss_channel_backlog(front) > 0) {
        struct ss_error err = {0};
        assert_ok(ss_channel_flush(front, &err), err);
    }
}

/// What waits in the sealer for its only session: bytes of answers, and jobs.
static void look(struct ss_sealer_service *service, size_t *bytes, unsigned *jobs)
{
    *jobs = 0;
    *bytes = 0;
    pthread_mutex_lock(&service->lock);
    for (const struct ss_sealer_job *job = service->jobs; job; job = job->next)
        ++*jobs;
    if (service->sessions) {
        pthread_mutex_lock(&service->sessions->lock);
        *bytes = service->sessions->answer_bytes;
        pthread_mutex_unlock(&service->sessions->lock);
    }
    pthread_mutex_unlock(&service->lock);
}

/// Until nothing has been done for a while.
static void wait_until_still(struct ss_sealer_service *service, size_t *bytes, unsigned *jobs)
{
    unsigned before = UINT32_MAX;
    for (int same = 0, i = 0; same < 20 && i < 1000; i++) {
        look(service, bytes, jobs);
        same = *jobs == before ? same + 1 : 0;
        before = *jobs;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

/// Everything that the sealer has to say until @p jobs are answered.
static void read_answers(struct ss_channel *front, unsigned jobs)
{
    unsigned records = 0;
    for (unsigned ended = 0; ended < jobs;) {
        struct ss_frame frame;
        struct ss_error err = {0};
        ss_status_t status = ss_channel_receive(front, &frame, &err);
        if (status == SS_ERROR_TIMEOUT) {
            struct pollfd fd = {ss_channel_wants(front).fd, POLLIN, 0};
            assert_true(poll(&fd, 1, 60000) == 1);
            continue;
        }
        assert_ok(status, err);
        records += frame.type == SS_FRAME_FRESH;
        ended += frame.type == SS_FRAME_REFUSAL;
    }
    assert_int_equal(records, jobs * SS_SEALER_FRESHNESS_MAX);
}

static void test_a_front_that_does_not_read(void **state)
{
    (void)state;
    enum { JOBS = 80 };
    struct world w = {0};
    struct ss_channel *ends[2];
    int sockets[2], memory;
    struct ss_error err = {0};
    struct ss_sealer_fresh_device *devices = calloc(SS_SEALER_FRESHNESS_MAX, sizeof *devices);
    size_t bytes = 0;
    unsigned jobs = 0;
    sealer_fleet_make(&w.fleet, SS_SEALER_FRESHNESS_MAX, 0);
    sealer_side_start(&w.sealer, &w.fleet, NULL);
    for (unsigned i = 0; i < SS_SEALER_FRESHNESS_MAX; i++)
        snprintf(devices[i].id, sizeof devices[i].id, "d%u", i + 1);
    assert_ok(ss_channel_pair(2, sockets, &memory, &err), err);
    for (int i = 0; i < 2; i++)
        assert_ok(ss_channel_local(sockets[i], dup(memory), &ends[i], &err), err);
    close(memory);
    sealer_side_serve(&w.sealer, ends[0]);
    const struct ss_message_hello hello = {.version = SS_CHANNEL_VERSION, .slots = 2};
    uint8_t *out = ss_channel_room(ends[1], 16);
    ss_channel_queue(ends[1], SS_FRAME_HELLO, 0, ss_message_put_hello(out, &hello));
    for (unsigned i = 0; i < JOBS; i++)
        ask_fresh(ends[1], i + 1, devices);
    wait_until_still(w.sealer.service, &bytes, &jobs);
    // Not all is done; and what waits is the limit and, at most, one more job.
    assert_in_range(jobs, 1, JOBS - 1);
    assert_in_range(bytes, SS_SEALER_ANSWERS_MAX, SS_SEALER_ANSWERS_MAX + SS_SEALER_FRESHNESS_MAX * 1400);
    // Others are served meanwhile.
    front_side_start(&w.front, &(struct ss_sealer_options){0});
    front_side_connect(&w.front, &w.sealer, 2);
    assert_int_equal(may_be_opaque(w.front.client, "x").status, SS_OK);
    front_side_stop(&w.front);
    read_answers(ends[1], JOBS);
    look(w.sealer.service, &bytes, &jobs);
    assert_int_equal(jobs, 0);
    assert_int_equal(bytes, 0);
    // And one that goes away without having read anything takes its jobs along.
    for (unsigned i = 0; i < JOBS; i++)
        ask_fresh(ends[1], i + 1, devices);
    wait_until_still(w.sealer.service, &bytes, &jobs);
    assert_true(jobs > 0);
    ss_channel_free(ends[1]);
    for (int i = 0; i < 500 && jobs; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        look(w.sealer.service, &bytes, &jobs);
    }
    assert_int_equal(jobs, 0);
    sealer_side_stop(&w.sealer);
    sealer_fleet_free(&w.fleet);
    free(devices);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deliver_and_fetch),
        cmocka_unit_test(test_device_refusals),
        cmocka_unit_test(test_revoked_while_downloading),
        cmocka_unit_test(test_release_refusals),
        cmocka_unit_test(test_key_set_without_delivery_key),
        cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_one_delivery),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_database_restarts),
        cmocka_unit_test(test_personal),
        cmocka_unit_test(test_upload),
        cmocka_unit_test(test_uploads_of_strangers),
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_freshness),
        cmocka_unit_test(test_a_front_that_does_not_read),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
