// SPDX-License-Identifier: Apache-2.0
// What the front does of itself between store and sealer. The sealer is the test.
#include "support/channel_bench.h"
#include "support/sealer_bench.h"
#include "support/statement_sample.h"
#include "support/store_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "server/front_parts.h"
#include "server/message.h"
#include "server/supervise.h"

/// More than anybody would have thought of.
#define PRODUCTS 70u
#define DAY      86400

static void add_device(struct ss_store *store, const char *product, const char *id)
{
    struct ss_store_registration r = store_bench_device(id);
    struct ss_error err = {0};
    snprintf(r.product, sizeof r.product, "%s", product);
    assert_ok(ss_store_devices_put(store, &r, 1, &err), err);
}

static void send_fresh(struct ss_channel *c, uint64_t id, const char device[SS_SEALER_NAME_SIZE])
{
    struct sample_statement record;
    struct ss_message_fresh m = {.record = (const uint8_t *)"nonsense", .len = 8};
    uint8_t payload[SS_FRESHNESS_MAX + 256];
    time_t apart = strncmp(device, "far", 3) != 0 ? 0 : device[3] == '1' ? 2 * DAY : -2 * DAY;
    sample_sign_freshness_at((uint64_t)(time(NULL) + apart), 0, 1, 5, &record);
    memcpy(m.device, device, sizeof m.device);
    if (strncmp(device, "bad", 3) != 0) {
        m.record = record.bytes;
        m.len = record.len;
    }
    put_frame(c, SS_FRAME_FRESH, id, payload, ss_message_put_fresh(payload, &m));
}

/// Answers what it is asked for records, until the front is gone.
static void *play_sealer(void *context)
{
    static struct ss_sealer_fresh_device devices[SS_SEALER_FRESHNESS_MAX];
    struct ss_channel *c = context;
    struct ss_frame frame;
    struct ss_error err = {0};
    uint8_t payload[512];
    while (next_frame(NULL, c, &frame, &err) == SS_OK) {
        struct ss_message_freshness m = {.devices = devices};
        if (frame.type != SS_FRAME_FRESHNESS || !ss_message_get_freshness(&frame, &m))
            continue;
        for (size_t i = 0; i < m.count; i++)
            send_fresh(c, frame.id, devices[i].id);
        put_frame(c, SS_FRAME_REFUSAL, frame.id, payload, ss_message_put_refusal(payload, SS_OK, ""));
        if (ss_channel_flush(c, &err) != SS_OK)
            break;
    }
    return NULL;
}

static struct ss_channel *connect_sealer(struct front_side *side)
{
    struct ss_channel *sealer;
    struct ss_error err = {0};
    int sockets[2], memory;
    assert_ok(ss_channel_pair(2, sockets, &memory, &err), err);
    assert_ok(ss_channel_local(sockets[0], dup(memory), &sealer, &err), err);
    assert_ok(ss_supervise_send_channel(side->control, SS_SUPERVISED_CHANNEL, sockets[1], memory, &err), err);
    close(sockets[1]);
    close(memory);
    assert_true(ss_message_greet(sealer));
    assert_ok(ss_channel_flush(sealer, &err), err);
    return sealer;
}

static bool has_record(struct ss_store *store, const char *device)
{
    uint8_t record[SS_FRESHNESS_MAX];
    size_t len;
    return ss_store_freshness_fetch(store, device, record, sizeof record, &len, NULL) == SS_OK;
}

/// Half a minute is given to them.
static bool all_have_records(struct ss_store *store)
{
    unsigned have = 0;
    for (int i = 0; i < 600 && have < PRODUCTS; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        have = 0;
        for (unsigned n = 0; n < PRODUCTS; n++) {
            char device[16];
            snprintf(device, sizeof device, "d%u", n);
            have += has_record(store, device);
        }
    }
    return have == PRODUCTS;
}

static void store_record(struct ss_store *store, const char *device, int64_t time)
{
    struct ss_store_freshness r = {device, time, (const uint8_t *)"old", 3};
    struct ss_error err = {0};
    assert_ok(ss_store_freshness_put(store, &r, 1, &err), err);
}

/// Of each product, however many; and a record that is none keeps no other from its device. One that was dated while a
/// clock was ahead is made again, and none is stored that is dated so.
static void test_freshness(void **state)
{
    (void)state;
    struct ss_front front = {.store = store_bench_create(NULL)};
    struct front_side side;
    pthread_t thread;
    char product[16], device[16], log[4096] = "";
    int stderr_was = dup(2), lines = memfd_create("log", MFD_CLOEXEC);
    for (unsigned n = 0; n < PRODUCTS; n++) {
        snprintf(product, sizeof product, "p%u", n);
        snprintf(device, sizeof device, "d%u", n);
        add_device(front.store, product, device);
    }
    add_device(front.store, "p0", "bad1");
    add_device(front.store, "p0", "bad2");
    add_device(front.store, "p1", "far1");
    add_device(front.store, "p2", "far2");
    store_record(front.store, "d3", time(NULL) + 400 * DAY);
    store_record(front.store, "d4", time(NULL) + DAY / 2); // stays
    pthread_rwlock_init(&front.sealer_lock, NULL);
    front_side_start(&side, NULL);
    front.sealer = side.client;
    struct ss_channel *sealer = connect_sealer(&side);
    assert_int_equal(pthread_create(&thread, NULL, play_sealer, sealer), 0);
    dup2(lines, 2);
    struct ss_registry *registry = ss_registry_start(&front);
    bool good = all_have_records(front.store);
    ss_registry_stop(registry);
    dup2(stderr_was, 2);
    assert_true(good);
    assert_false(has_record(front.store, "bad1"));
    assert_false(has_record(front.store, "bad2"));
    assert_false(has_record(front.store, "far1"));
    assert_false(has_record(front.store, "far2"));
    assert_true(llabs(store_bench_get(front.store, "d3").freshness - time(NULL)) < 60);
    assert_true(store_bench_get(front.store, "d4").freshness > time(NULL) + 60);
    assert_true(pread(lines, log, sizeof log - 1, 0) > 0);
    assert_non_null(strstr(log, "message=\"the sealer sends freshness records that are none\" count=2 first=bad1"));
    assert_non_null(strstr(log, "message=\"a clock was ahead: freshness records are made again\" count=1 first=d3"));
    assert_non_null(strstr(log, "message=\"the clocks of server and sealer are more than a day apart: no freshness "
                                "records\" count=2 first=far1"));
    front_side_stop(&side);
    pthread_join(thread, NULL);
    ss_channel_free(sealer);
    pthread_rwlock_destroy(&front.sealer_lock);
    ss_store_close(front.store);
    close(lines);
    close(stderr_was);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freshness),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
