// SPDX-License-Identifier: Apache-2.0
// Frames, whatever carries them.
#include "server/channel_parts.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/crypto.h"

ss_status_t ss_channel_make(int fd, const struct ss_channel_stream *stream, struct ss_channel **channel,
                            struct ss_error *err)
{
    struct ss_channel *c = *channel = calloc(1, sizeof *c);
    if (c)
        *c = (struct ss_channel){.stream = stream, .fd = fd, .read_wants = POLLIN, .in = malloc(SS_CHANNEL_IN_SIZE)};
    if (c && c->in)
        return SS_OK;
    free(c);
    close(fd);
    *channel = NULL;
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory for a channel");
}

void ss_channel_free(struct ss_channel *c)
{
    if (!c)
        return;
    if (c->stream->close)
        c->stream->close(c);
    close(c->fd);
    if (c->memory)
        munmap(c->memory, c->memory_len);
    free(c->in);
    free(c->out);
    free(c);
}

struct ss_channel_wants ss_channel_wants(const struct ss_channel *c)
{
    short events = c->read_wants;
    if (c->out_end > c->out_start)
        events |= c->write_wants ? c->write_wants : POLLOUT;
    return (struct ss_channel_wants){c->fd, events};
}

unsigned ss_channel_slots(const struct ss_channel *c)
{
    return c->slots;
}

uint8_t *ss_channel_slot(const struct ss_channel *c, uint32_t slot)
{
    assert(slot < c->slots);
    return c->memory + (size_t)slot * SS_SEALER_WINDOW_MAX;
}

size_t ss_channel_backlog(const struct ss_channel *c)
{
    return c->out_end - c->out_start;
}

// Receiving

/// A head that can be one: its payload has a bounded length, its type is known, its zeros are zeros.
static bool head_ok(const uint8_t *head)
{
    return ss_get_le32(head) <= SS_CHANNEL_PAYLOAD_MAX && head[4] >= SS_FRAME_HELLO && head[4] < SS_FRAME_TYPES &&
           !head[5] && !head[6] && !head[7];
}

static size_t arrived(const struct ss_channel *c)
{
    return c->in_end - c->in_start;
}

/// Takes a frame out of what has arrived. SS_ERROR_TIMEOUT: it is not whole yet.
static ss_status_t cut(struct ss_channel *c, struct ss_frame *frame, struct ss_error *err)
{
    const uint8_t *head = c->in + c->in_start;
    if (arrived(c) < SS_CHANNEL_HEADER)
        return SS_ERROR_TIMEOUT;
    if (!head_ok(head))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "the peer sends what is no frame");
    size_t len = ss_get_le32(head);
    if (arrived(c) - SS_CHANNEL_HEADER < len)
        return SS_ERROR_TIMEOUT;
    *frame = (struct ss_frame){.type = (enum ss_frame_type)head[4],
                               .id = ss_get_le64(head + 8),
                               .payload = head + SS_CHANNEL_HEADER,
                               .len = len};
    c->in_start += SS_CHANNEL_HEADER + len;
    return SS_OK;
}

ss_status_t ss_channel_receive(struct ss_channel *c, struct ss_frame *frame, struct ss_error *err)
{
    ss_status_t status = cut(c, frame, err);
    if (status != SS_ERROR_TIMEOUT)
        return status;
    if (c->in_start) {
        memmove(c->in, c->in + c->in_start, arrived(c));
        c->in_end -= c->in_start;
        c->in_start = 0;
    }
    // A frame is at most a third of the buffer, so there is room.
    short events = POLLIN;
    long n = c->stream->read(c, c->in + c->in_end, SS_CHANNEL_IN_SIZE - c->in_end, &events, err);
    if (n < 0)
        return (ss_status_t)n;
    c->read_wants = events;
    c->in_end += (size_t)n;
    return n ? cut(c, frame, err) : SS_ERROR_TIMEOUT;
}

// Sending

uint8_t *ss_channel_room(struct ss_channel *c, size_t size)
{
    size_t need = c->out_end + SS_CHANNEL_HEADER + size;
    if (need > c->out_size && c->out_start) {
        memmove(c->out, c->out + c->out_start, ss_channel_backlog(c));
        c->out_end -= c->out_start;
        c->out_start = 0;
        need = c->out_end + SS_CHANNEL_HEADER + size;
    }
    if (need > c->out_size) {
        size_t bigger = need + need / 2;
        uint8_t *out = realloc(c->out, bigger);
        if (!out)
            return NULL;
        c->out = out;
        c->out_size = bigger;
    }
    return c->out + c->out_end + SS_CHANNEL_HEADER;
}

void ss_channel_queue(struct ss_channel *c, enum ss_frame_type type, uint64_t id, size_t len)
{
    uint8_t *head = c->out + c->out_end;
    assert(len <= SS_CHANNEL_PAYLOAD_MAX && c->out_size - c->out_end >= SS_CHANNEL_HEADER + len);
    ss_put_le32(head, (uint32_t)len);
    head[4] = (uint8_t)type;
    memset(head + 5, 0, 3);
    ss_put_le64(head + 8, id);
    c->out_end += SS_CHANNEL_HEADER + len;
}

ss_status_t ss_channel_flush(struct ss_channel *c, struct ss_error *err)
{
    while (c->out_end > c->out_start) {
        short events = POLLOUT;
        long n = c->stream->write(c, c->out + c->out_start, ss_channel_backlog(c), &events, err);
        if (n < 0)
            return (ss_status_t)n;
        c->write_wants = events;
        if (!n)
            return SS_OK;
        c->out_start += (size_t)n;
    }
    c->out_start = c->out_end = 0;
    return SS_OK;
}
