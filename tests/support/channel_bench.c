// SPDX-License-Identifier: Apache-2.0
#include "support/channel_bench.h"
#include "support/unit.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

void local_pair(unsigned slots, struct ss_channel *sides[2])
{
    int sockets[2], memory;
    struct ss_error err = {0};
    assert_ok(ss_channel_pair(slots, sockets, &memory, &err), err);
    for (int i = 0; i < 2; i++)
        assert_ok(ss_channel_local(sockets[i], dup(memory), &sides[i], &err), err);
    close(memory);
}

void lane_pair(struct ss_channel *sides[2])
{
    int sockets[2], memory;
    struct ss_error err = {0};
    assert_ok(ss_channel_pair(SS_CHANNEL_LANE_SLOTS, sockets, &memory, &err), err);
    for (int i = 0; i < 2; i++)
        assert_ok(ss_channel_lane(sockets[i], dup(memory), i == 0, &sides[i], &err), err);
    close(memory);
}

void put_frame(struct ss_channel *c, enum ss_frame_type type, uint64_t id, const void *payload, size_t len)
{
    uint8_t *out = ss_channel_room(c, len);
    assert_non_null(out);
    if (len)
        memcpy(out, payload, len);
    ss_channel_queue(c, type, id, len);
}

static ss_status_t wait_for(struct ss_channel *c, struct ss_error *err)
{
    if (ss_channel_is_lane(c))
        return ss_channel_wait(c, 50) ? SS_OK : ss_channel_wake(c, err);
    struct ss_channel_wants wants = ss_channel_wants(c);
    struct pollfd fd = {wants.fd, wants.events, 0};
    poll(&fd, 1, 50);
    return SS_OK;
}

/// The next frame, whoever has to move for it.
ss_status_t next_frame(struct ss_channel *from, struct ss_channel *to, struct ss_frame *frame, struct ss_error *err)
{
    for (int i = 0; i < 5000; i++) {
        ss_status_t status = from ? ss_channel_flush(from, err) : SS_OK;
        if (status == SS_OK)
            status = ss_channel_flush(to, err);
        if (status == SS_OK)
            status = ss_channel_receive(to, frame, err);
        if (status != SS_ERROR_TIMEOUT)
            return status;
        status = wait_for(to, err);
        if (status != SS_OK)
            return status;
    }
    return SS_ERROR_TIMEOUT;
}
