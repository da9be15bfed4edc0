// SPDX-License-Identifier: Apache-2.0
// The sealer with a real vault: what it makes is what devices take, on every node the same, and what it must refuse it
// refuses.
#include "support/sealer_bench.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vault_bench.h"
#include "support/vectors.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/crypto.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/update_check.h"
#include "vault/audit.h"
#include "vault/delivery.h"
#include "vault/floor.h"

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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deliver_and_fetch),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
