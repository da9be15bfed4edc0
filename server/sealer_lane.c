// SPDX-License-Identifier: Apache-2.0
// Windows for a thread that waits for them. Sealing a window takes as long as waking a few threads up: where the sealer is
// on this host, asking and waiting is what costs least, and the bytes are still in the processor's cache when they are sent.
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "server/sealer_client.h"

/// How long an answer may take. A sealer that is there answers in microseconds, unless the processor is given to
/// others.
#define LANE_MS 100
/// How long one waits before one looks whether the sealer is there at all.
#define LOOK_MS 10

void ss_sealer_lanes_init(struct ss_sealer *s)
{
    if (s->options.lanes > SS_SEALER_LANES_MAX)
        s->options.lanes = SS_SEALER_LANES_MAX;
    if (!s->options.lane_ms)
        s->options.lane_ms = LANE_MS;
    for (unsigned i = 0; i < SS_SEALER_LANES_MAX; i++)
        pthread_mutex_init(&s->lanes[i].lock, NULL);
}

static void end_lane(struct ss_sealer_lane *lane)
{
    ss_channel_free(lane->channel);
    lane->channel = NULL;
}

void ss_sealer_lanes_free(struct ss_sealer *s)
{
    for (unsigned i = 0; i < SS_SEALER_LANES_MAX; i++) {
        end_lane(&s->lanes[i]);
        pthread_mutex_destroy(&s->lanes[i].lock);
    }
}

/// A lane without a channel, locked; NULL if there is none.
static struct ss_sealer_lane *empty_lane(struct ss_sealer *s)
{
    for (unsigned i = 0; i < s->options.lanes; i++) {
        struct ss_sealer_lane *lane = &s->lanes[i];
        if (pthread_mutex_trylock(&lane->lock) != 0)
            continue; // in use, so it has one
        if (!lane->channel)
            return lane;
        pthread_mutex_unlock(&lane->lock);
    }
    return NULL;
}

bool ss_sealer_lane_wanted(struct ss_sealer *s)
{
    struct ss_sealer_lane *lane = empty_lane(s);
    if (lane)
        pthread_mutex_unlock(&lane->lock);
    return lane;
}

void ss_sealer_lane_add(struct ss_sealer *s, struct ss_channel *channel)
{
    struct ss_sealer_lane *lane = empty_lane(s);
    if (lane && ss_message_greet(channel) && ss_channel_flush(channel, NULL) == SS_OK) {
        lane->channel = channel;
        lane->greeted = false;
    } else {
        ss_channel_free(channel);
    }
    if (lane)
        pthread_mutex_unlock(&lane->lock);
}

/// A lane that nobody uses, locked. Each thread begins with another one, and so keeps to its own.
static struct ss_sealer_lane *take_lane(struct ss_sealer *s)
{
    static atomic_uint threads;
    static _Thread_local unsigned own;
    if (!s->options.lanes)
        return NULL;
    if (!own)
        own = 1 + atomic_fetch_add(&threads, 1);
    for (unsigned i = 0; i < s->options.lanes; i++) {
        struct ss_sealer_lane *lane = &s->lanes[(own + i) % s->options.lanes];
        if (pthread_mutex_trylock(&lane->lock) != 0)
            continue;
        if (lane->channel)
            return lane;
        pthread_mutex_unlock(&lane->lock);
    }
    return NULL;
}

static ss_status_t ask(struct ss_sealer_lane *lane, const struct ss_message_window *w)
{
    uint8_t *out = ss_channel_room(lane->channel, 512);
    if (!out)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    ss_channel_queue(lane->channel, SS_FRAME_WINDOW, ++lane->id, ss_message_put_window(out, w));
    ss_status_t status = ss_channel_flush(lane->channel, NULL);
    return status == SS_OK && ss_channel_backlog(lane->channel) ? SS_ERROR_TIMEOUT : status;
}

static ss_status_t next_frame(struct ss_sealer_lane *lane, int64_t until, struct ss_frame *frame)
{
    for (;;) {
        ss_status_t status = ss_channel_receive(lane->channel, frame, NULL);
        if (status != SS_ERROR_TIMEOUT)
            return status;
        if (!ss_channel_wait(lane->channel, LOOK_MS) && ss_channel_wake(lane->channel, NULL) != SS_OK)
            return SS_ERROR_IO;
        if (ss_sealer_now_ms() >= until)
            return SS_ERROR_TIMEOUT;
    }
}

static bool take_hello(struct ss_sealer_lane *lane, const struct ss_frame *frame)
{
    struct ss_message_hello m;
    bool good = !lane->greeted && ss_message_get_hello(frame, &m) && ss_message_hello_fits(&m, lane->channel);
    lane->greeted = true;
    return good;
}

/// What the sealer says to the request. SS_ERROR_BAD_STATE for a refusal, which leaves the lane as it is.
static ss_status_t answer(struct ss_sealer_lane *lane, const struct ss_message_window *w, int64_t until)
{
    struct ss_frame frame;
    struct ss_message_bytes m;
    struct ss_message_refusal refusal;
    ss_status_t status = next_frame(lane, until, &frame);
    if (status == SS_OK && frame.type == SS_FRAME_HELLO)
        status = take_hello(lane, &frame) ? next_frame(lane, until, &frame) : SS_ERROR_DATA_INVALID;
    if (status != SS_OK)
        return status;
    if (frame.id != lane->id || !lane->greeted)
        return SS_ERROR_DATA_INVALID;
    if (frame.type == SS_FRAME_REFUSAL && ss_message_get_refusal(&frame, &refusal))
        return SS_ERROR_BAD_STATE;
    bool good = frame.type == SS_FRAME_BYTES && ss_message_get_bytes(&frame, &m) && !m.bytes && m.len == w->len;
    return good ? SS_OK : SS_ERROR_DATA_INVALID;
}

ss_status_t ss_sealer_window_now(struct ss_sealer *s, const char *device, const char *version, uint32_t address,
                                 uint32_t offset, uint32_t len, uint8_t *out)
{
    struct ss_message_window w = {.address = address, .offset = offset, .len = len};
    if (!ss_message_name_ok(device) || !ss_message_version_ok(version) || !len || len > SS_SEALER_RUN_MAX ||
        offset > UINT32_MAX - len)
        return SS_ERROR_INVALID_ARGUMENT;
    struct ss_sealer_lane *lane = take_lane(s);
    if (!lane)
        return SS_ERROR_BAD_STATE;
    w.processor = (uint32_t)sched_getcpu();
    strcpy(w.device, device);
    strcpy(w.version, version);
    ss_status_t status = ask(lane, &w);
    if (status == SS_OK)
        status = answer(lane, &w, ss_sealer_now_ms() + s->options.lane_ms);
    if (status == SS_ERROR_TIMEOUT)
        atomic_store(&s->lane_late_ms, ss_sealer_now_ms()); // another lane would be as late
    if (status == SS_OK)
        memcpy(out, ss_channel_slot(lane->channel, 0), len);
    else if (status != SS_ERROR_BAD_STATE)
        end_lane(lane); // its memory may still be written to, its answer may still come
    pthread_mutex_unlock(&lane->lock);
    return status;
}
