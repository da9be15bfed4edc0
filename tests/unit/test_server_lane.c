// SPDX-License-Identifier: Apache-2.0
// Lanes: windows for a thread that waits for them.
#include "support/channel_bench.h"
#include "support/sealer_bench.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <poll.h>
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
    const struct ss_sealer_options options = {.lanes = 1, .lane_ms = 10000};
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
    assert_ok(ss_channel_pair(SS_CHANNEL_LANE_SLOTS, sockets, &memory, &err), err);
    assert_ok(ss_channel_lane(sockets[0], dup(memory), false, &sealer, &err), err);
    const struct ss_message_hello m = {.version = SS_CHANNEL_VERSION, .slots = SS_CHANNEL_LANE_SLOTS - 1};
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
    const struct ss_sealer_options options = {.lanes = 1, .lane_ms = 10000};
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
    assert_ok(ss_channel_pair(SS_CHANNEL_LANE_SLOTS, sockets, &memory, &err), err);
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

// The rings

static void send_ping(struct ss_channel *from, uint64_t id, size_t len)
{
    static uint8_t payload[2048];
    struct ss_error err = {0};
    memset(payload, (int)id, len);
    put_frame(from, SS_FRAME_PING, id, payload, len);
    assert_ok(ss_channel_flush(from, &err), err);
}

static void expect_ping(struct ss_channel *to, uint64_t id, size_t len)
{
    struct ss_frame frame;
    struct ss_error err = {0};
    assert_ok(ss_channel_receive(to, &frame, &err), err);
    assert_int_equal(frame.type, SS_FRAME_PING);
    assert_int_equal(frame.id, id);
    assert_int_equal(frame.len, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(frame.payload[i], (uint8_t)id);
}

/// Frames of all lengths, both ways, wherever in the rings they begin.
static void test_frames_go_round(void **state)
{
    (void)state;
    struct ss_channel *sides[2];
    struct ss_frame frame;
    struct ss_error err = {0};
    lane_pair(sides);
    assert_true(ss_channel_is_lane(sides[0]));
    assert_int_equal(ss_channel_slots(sides[0]) * SS_SEALER_WINDOW_MAX, SS_SEALER_RUN_MAX);
    assert_ptr_not_equal(ss_channel_slot(sides[0], 0), ss_channel_slot(sides[1], 0));
    for (unsigned i = 0; i < 3000; i++) {
        send_ping(sides[i % 2], i, i * 7 % 1500);
        send_ping(sides[i % 2], i + 1, i * 3 % 1500);
        assert_true(ss_channel_wait(sides[1 - i % 2], 0));
        expect_ping(sides[1 - i % 2], i, i * 7 % 1500);
        expect_ping(sides[1 - i % 2], i + 1, i * 3 % 1500);
        assert_int_equal(ss_channel_receive(sides[i % 2], &frame, &err), SS_ERROR_TIMEOUT);
        assert_false(ss_channel_wait(sides[i % 2], 0));
    }
    ss_channel_free(sides[0]);
    ss_channel_free(sides[1]);
}

static void test_full_ring(void **state)
{
    (void)state;
    struct ss_channel *sides[2];
    struct ss_error err = {0};
    uint8_t bytes[1024] = {0};
    lane_pair(sides);
    for (int i = 0; i < 3; i++)
        send_ping(sides[0], 1, 1024);
    put_frame(sides[0], SS_FRAME_PING, 1, bytes, 1024);
    assert_refused(ss_channel_flush(sides[0], &err), SS_ERROR_DATA_INVALID, &err, "out of order");
    ss_channel_free(sides[0]);
    ss_channel_free(sides[1]);
}

/// Counters that cannot be: of what is to be read, of what was taken.
static void test_hostile_counters(void **state)
{
    (void)state;
    static const uint32_t written[] = {4097, 0x80000000, UINT32_MAX}, taken[] = {1, 0x80000000, 4097};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        struct ss_channel *sides[2];
        struct ss_frame frame;
        struct ss_error err = {0};
        lane_pair(sides);
        uint8_t *ring = ss_channel_slot(sides[1], SS_CHANNEL_LANE_SLOTS - 2) + SS_SEALER_WINDOW_MAX; // the front's
        memcpy(ring, &written[i], 4);
        assert_true(ss_channel_wait(sides[1], 1000));
        assert_refused(ss_channel_receive(sides[1], &frame, &err), SS_ERROR_DATA_INVALID, &err, "out of order");
        memcpy(ring + 64, &taken[i], 4);
        put_frame(sides[0], SS_FRAME_PING, 1, NULL, 0);
        assert_refused(ss_channel_flush(sides[0], &err), SS_ERROR_DATA_INVALID, &err, "out of order");
        ss_channel_free(sides[0]);
        ss_channel_free(sides[1]);
    }
}

static bool can_be_read(const struct ss_channel *c)
{
    struct pollfd fd = {ss_channel_wants(c).fd, POLLIN, 0};
    return poll(&fd, 1, 0) == 1;
}

static void test_dozing(void **state)
{
    (void)state;
    struct ss_channel *sides[2];
    struct ss_error err = {0};
    lane_pair(sides);
    send_ping(sides[0], 1, 1);
    assert_false(can_be_read(sides[1])); // it does not doze
    assert_false(ss_channel_doze(sides[1]));
    assert_ok(ss_channel_wake(sides[1], &err), err);
    expect_ping(sides[1], 1, 1);
    assert_true(ss_channel_doze(sides[1]));
    assert_false(can_be_read(sides[1]));
    send_ping(sides[0], 2, 1);
    assert_true(can_be_read(sides[1]));
    assert_ok(ss_channel_wake(sides[1], &err), err);
    assert_false(can_be_read(sides[1]));
    expect_ping(sides[1], 2, 1);
    send_ping(sides[0], 3, 1);
    assert_false(can_be_read(sides[1]));
    ss_channel_free(sides[0]);
    assert_refused(ss_channel_wake(sides[1], &err), SS_ERROR_IO, &err, "gone");
    ss_channel_free(sides[1]);
}

static void test_memory_without_room(void **state)
{
    (void)state;
    int sockets[2], memory;
    struct ss_channel *channel;
    struct ss_error err = {0};
    assert_ok(ss_channel_pair(1, sockets, &memory, &err), err);
    assert_refused(ss_channel_lane(sockets[0], memory, true, &channel, &err), SS_ERROR_DATA_INVALID, &err, "2 slots");
    assert_null(channel);
    close(sockets[1]);
}

// A hostile front

static void expect_end(struct sealer_side *sealer, enum ss_frame_type type, const void *payload, size_t len)
{
    const struct ss_message_hello hello = {SS_CHANNEL_VERSION, SS_CHANNEL_LANE_SLOTS - 1};
    struct ss_channel *sides[2];
    lane_pair(sides);
    sealer_side_expect_end(sealer, sides, &hello, type, payload, len);
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
        cmocka_unit_test(test_same_bytes),    cmocka_unit_test(test_hostile_sealer),
        cmocka_unit_test(test_sealer_gone),   cmocka_unit_test(test_frames_go_round),
        cmocka_unit_test(test_full_ring),     cmocka_unit_test(test_hostile_counters),
        cmocka_unit_test(test_dozing),        cmocka_unit_test(test_memory_without_room),
        cmocka_unit_test(test_hostile_front),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
