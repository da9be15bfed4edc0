// SPDX-License-Identifier: Apache-2.0
// Lanes: windows for a thread that waits for them.
#include "support/channel_bench.h"
#include "support/sealer_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/message.h"
#include "server/sealer_client.h"
#include "server/supervise.h"

#define IMAGE 700000u

static ss_status_t seal_now(struct front_side *front, uint32_t offset, uint32_t len, uint8_t *out)
{
    return ss_sealer_window_now(front->client, "d1", "1.0", BENCH_OTA_1, offset, len, out);
}

static void test_same_bytes(void **state)
{
    (void)state;
    static const struct {
        uint32_t offset, len;
    } ranges[] = {{0, 1},          {0, 16},         {5, 6},      {15, 2},          {0, SS_SEALER_WINDOW_MAX},
                  {3, 65537},      {65536, 163840}, {1, 163840}, {163840, 163840}, {7, SS_SEALER_RUN_MAX},
                  {690000, 16000}, {31, 200001},    {32, 131072}};
    const struct ss_sealer_options options = {.lanes = 1};
    struct sealer_fleet fleet;
    struct sealer_side sealer;
    struct front_side front;
    struct sealer_release release;
    static uint8_t whole[IMAGE + SS_SEALER_RUN_MAX], now[SS_SEALER_RUN_MAX];
    sealer_fleet_make(&fleet, 1, 0);
    sealer_release_make(BENCH_PRODUCT, "1.0", IMAGE, 1700000000, 4, false, &release);
    sealer_release_add(fleet.vault, BENCH_PRODUCT, "1.0", &release);
    sealer_side_start(&sealer, &fleet, NULL);
    front_side_start(&front, &options);
    front_side_connect(&front, &sealer, 4);
    assert_int_equal(seal_now(&front, 0, 16, now), SS_ERROR_BAD_STATE); // there is no lane
    front_side_add_lane(&front, &sealer);
    front_side_wait_lanes(&front);
    assert_int_equal(seal_now(&front, 0, 16, now), SS_ERROR_BAD_STATE); // nothing is ready
    struct ss_sealer_order order = order_for("d1", "1.0", "ota_0");
    struct deliver_result r = deliver(front.client, &order);
    assert_int_equal(r.status, SS_OK);
    assert_int_equal(fetch(front.client, "d1", "1.0", BENCH_OTA_1, 0, r.delivery.length, whole), SS_OK);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        uint32_t len = ranges[i].len;
        if (len > r.delivery.length - ranges[i].offset)
            len = r.delivery.length - ranges[i].offset;
        memset(now, 0, sizeof now);
        assert_int_equal(seal_now(&front, ranges[i].offset, len, now), SS_OK);
        assert_memory_equal(now, whole + ranges[i].offset, len);
    }
    assert_int_equal(seal_now(&front, r.delivery.length, 1, now), SS_ERROR_BAD_STATE); // behind its end
    assert_int_equal(seal_now(&front, 0, SS_SEALER_RUN_MAX + 1, now), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(seal_now(&front, 0, 0, now), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(seal_now(&front, UINT32_MAX, 2, now), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_sealer_window_now(front.client, "d2", "1.0", BENCH_OTA_1, 0, 16, now), SS_ERROR_BAD_STATE);
    assert_int_equal(ss_sealer_window_now(front.client, "d/1", "1.0", BENCH_OTA_1, 0, 16, now),
                     SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(seal_now(&front, 0, 16, now), SS_OK); // all of that leaves the lane as it is
    front_side_stop(&front);
    sealer_side_stop(&sealer);
    sealer_release_free(&release);
    sealer_fleet_free(&fleet);
}

// A hostile sealer

/// What it says before it is asked: the front's first request has the id 1.
struct says {
    bool hello;
    enum ss_frame_type type;
    uint64_t id;
    const void *payload;
    size_t len;
    ss_status_t status; ///< what the caller gets
    bool ends;          ///< the lane
};

static void expect(const struct says *says)
{
    const struct ss_sealer_options options = {.lanes = 1};
    struct front_side front;
    struct ss_channel *sealer;
    struct ss_error err = {0};
    uint8_t out[100] = {0}, hello[16];
    int sockets[2], memory;
    front_side_start(&front, &options);
    assert_ok(ss_channel_pair(4, sockets, &memory, &err), err);
    assert_ok(ss_channel_local(sockets[0], dup(memory), &sealer, &err), err);
    const struct ss_message_hello m = {.version = SS_CHANNEL_VERSION, .slots = 4};
    if (says->hello)
        put_frame(sealer, SS_FRAME_HELLO, 0, hello, ss_message_put_hello(hello, &m));
    if (says->type)
        put_frame(sealer, says->type, says->id, says->payload, says->len);
    assert_ok(ss_channel_flush(sealer, &err), err);
    memset(ss_channel_slot(sealer, 0), 0x5A, sizeof out);
    assert_ok(ss_supervise_send_channel(front.control, SS_SUPERVISED_LANE, sockets[1], memory, &err), err);
    close(sockets[1]);
    close(memory);
    front_side_wait_lanes(&front);
    assert_int_equal(seal_now(&front, 0, sizeof out, out), says->status);
    assert_int_equal(out[0], says->status == SS_OK ? 0x5A : 0);
    assert_int_equal(out[sizeof out - 1], says->status == SS_OK ? 0x5A : 0);
    assert_int_equal(ss_sealer_lane_wanted(front.client), says->ends);
    ss_channel_free(sealer);
    front_side_stop(&front);
}

static void test_hostile_sealer(void **state)
{
    (void)state;
    static uint8_t bytes[4 + 100] = {100};
    const struct says all[] = {
        {true, SS_FRAME_BYTES, 1, "\x64\0\0\0", 4, SS_OK, false},
        {true, SS_FRAME_REFUSAL, 1, "\x0E\x02no", 4, SS_ERROR_BAD_STATE, false},
        {false, SS_FRAME_BYTES, 1, "\x64\0\0\0", 4, SS_ERROR_DATA_INVALID, true},    // without HELLO
        {true, SS_FRAME_HELLO, 0, "", 0, SS_ERROR_DATA_INVALID, true},               // twice
        {true, SS_FRAME_BYTES, 2, "\x64\0\0\0", 4, SS_ERROR_DATA_INVALID, true},     // of another request
        {true, SS_FRAME_BYTES, 1, "\x65\0\0\0", 4, SS_ERROR_DATA_INVALID, true},     // another length
        {true, SS_FRAME_BYTES, 1, bytes, sizeof bytes, SS_ERROR_DATA_INVALID, true}, // in the frame
        {true, SS_FRAME_REFUSAL, 1, "\x7F\0", 2, SS_ERROR_DATA_INVALID, true},       // of a status that there is not
        {true, SS_FRAME_DEVICES, 0, "", 0, SS_ERROR_DATA_INVALID, true},
        {true, SS_FRAME_PING, 1, "", 0, SS_ERROR_DATA_INVALID, true},
        {true, 0, 0, NULL, 0, SS_ERROR_TIMEOUT, true}, // silent
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        expect(&all[i]);
}

/// A sealer that has gone: the lane ends, another one is asked for, and given.
static void test_sealer_gone(void **state)
{
    (void)state;
    const struct ss_sealer_options options = {.lanes = 1};
    struct sealer_fleet fleet;
    struct sealer_side sealer;
    struct front_side front;
    uint8_t out[16];
    char asked = 0;
    struct ss_error err = {0};
    int sockets[2], memory;
    sealer_fleet_make(&fleet, 1, 0);
    sealer_side_start(&sealer, &fleet, NULL);
    front_side_start(&front, &options);
    front_side_connect(&front, &sealer, 4);
    do
        assert_int_equal(recv(front.control, &asked, 1, 0), 1); // for a channel, until it had one
    while (asked == SS_SUPERVISED_CHANNEL);
    assert_int_equal(asked, SS_SUPERVISED_LANE);
    assert_ok(ss_channel_pair(4, sockets, &memory, &err), err);
    assert_ok(ss_supervise_send_channel(front.control, SS_SUPERVISED_LANE, sockets[1], memory, &err), err);
    front_side_wait_lanes(&front);
    close(sockets[0]);
    close(sockets[1]);
    close(memory);
    while (recv(front.control, &asked, 1, MSG_DONTWAIT) == 1)
        continue; // it asked more than once
    assert_int_equal(seal_now(&front, 0, sizeof out, out), SS_ERROR_IO);
    assert_int_equal(seal_now(&front, 0, sizeof out, out), SS_ERROR_BAD_STATE); // there is none any more
    assert_int_equal(recv(front.control, &asked, 1, 0), 1);
    assert_int_equal(asked, SS_SUPERVISED_LANE);
    front_side_add_lane(&front, &sealer);
    front_side_wait_lanes(&front);
    assert_int_equal(seal_now(&front, 0, sizeof out, out), SS_ERROR_BAD_STATE); // refused by the new one
    assert_false(ss_sealer_lane_wanted(front.client));
    front_side_stop(&front);
    sealer_side_stop(&sealer);
    sealer_fleet_free(&fleet);
}

// A hostile front

static void expect_end(struct sealer_side *sealer, enum ss_frame_type type, const void *payload, size_t len)
{
    const struct ss_message_hello hello = {SS_CHANNEL_VERSION, 4, true};
    sealer_side_expect_end(sealer, 4, &hello, type, payload, len);
}

static void test_hostile_front(void **state)
{
    (void)state;
    struct sealer_fleet fleet;
    struct sealer_side sealer;
    uint8_t payload[512];
    struct ss_message_window w = {"d1", "1.0", BENCH_OTA_1, 0, SS_SEALER_RUN_MAX, 1, UINT32_MAX};
    sealer_fleet_make(&fleet, 1, 0);
    sealer_side_start(&sealer, &fleet, NULL);
    expect_end(&sealer, SS_FRAME_WINDOW, payload, ss_message_put_window(payload, &w)); // one slot too far
    expect_end(&sealer, SS_FRAME_OPAQUE,
               "\x02"
               "d1",
               3); // nothing for a lane
    expect_end(&sealer, SS_FRAME_PING, NULL, 0);
    expect_end(&sealer, SS_FRAME_UPLOAD, "\x01\0\0\0", 4);
    sealer_side_stop(&sealer);
    sealer_fleet_free(&fleet);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_hostile_sealer),
        cmocka_unit_test(test_sealer_gone),
        cmocka_unit_test(test_hostile_front),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
