// SPDX-License-Identifier: Apache-2.0
// Lanes: frames through two rings in shared memory. To wait on a futex takes half of what it takes to wait on a socket.
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "server/channel_parts.h"

/// Longer than the frames that can be on their way: HELLO and one request, or HELLO and one answer.
#define RING_SIZE 4096u

/// Bytes from one side to the other. The counters go on for ever; their difference is what the ring holds. The other
/// side may write anything to any of this at any time: each side believes its own counter only.
struct ring {
    _Alignas(64) _Atomic uint32_t written; ///< by whoever writes; the reader waits on it
    _Atomic uint32_t dozes;                ///< the reader waits on the socket instead
    _Alignas(64) _Atomic uint32_t taken;   ///< by the reader
    _Alignas(64) uint8_t bytes[RING_SIZE];
};

_Static_assert(2 * sizeof(struct ring) <= SS_SEALER_WINDOW_MAX, "a slot has room for both rings");

/// The one that this side reads from, or writes to.
static struct ring *ring(const struct ss_channel *c, bool reads)
{
    struct ring *rings = (struct ring *)(void *)(c->memory + (size_t)c->slots * SS_SEALER_WINDOW_MAX);
    return &rings[reads == c->asks];
}

static long out_of_order(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "the other side of the lane is out of order");
}

/// How many of @p len bytes lie before the ring's end.
static size_t before_end(uint32_t at, size_t len)
{
    size_t left = RING_SIZE - at % RING_SIZE;
    return len < left ? len : left;
}

static long read_ring(struct ss_channel *c, uint8_t *out, size_t size, short *events, struct ss_error *err)
{
    (void)events;
    struct ring *r = ring(c, true);
    uint32_t held = atomic_load(&r->written) - c->taken;
    if (held > RING_SIZE)
        return out_of_order(err);
    size_t len = held < size ? held : size, first = before_end(c->taken, len);
    memcpy(out, r->bytes + c->taken % RING_SIZE, first);
    memcpy(out + first, r->bytes, len - first);
    c->taken += (uint32_t)len;
    atomic_store(&r->taken, c->taken);
    return (long)len;
}

static long write_ring(struct ss_channel *c, const uint8_t *in, size_t len, short *events, struct ss_error *err)
{
    (void)events;
    struct ring *r = ring(c, false);
    uint32_t held = c->written - atomic_load(&r->taken);
    if (held > RING_SIZE || len > RING_SIZE - held)
        return out_of_order(err); // it asks, or answers, without reading
    size_t first = before_end(c->written, len);
    memcpy(r->bytes + c->written % RING_SIZE, in, first);
    memcpy(r->bytes, in + first, len - first);
    c->written += (uint32_t)len;
    atomic_store(&r->written, c->written);
    if (atomic_load(&r->dozes))
        (void)!send(c->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL); // if it is full, it wakes whoever polls it
    else
        syscall(SYS_futex, &r->written, FUTEX_WAKE, 1, NULL, NULL, 0);
    return (long)len;
}

static const struct ss_channel_stream stream = {.read = read_ring, .write = write_ring};

ss_status_t ss_channel_lane(int fd, int memory_fd, bool asks, struct ss_channel **channel, struct ss_error *err)
{
    ss_status_t status = ss_channel_local(fd, memory_fd, channel, err);
    if (status != SS_OK)
        return status;
    struct ss_channel *c = *channel;
    if (c->slots < 2) {
        ss_channel_free(c);
        *channel = NULL;
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "a lane's memory has 2 slots at least");
    }
    c->stream = &stream;
    c->slots--;
    c->asks = asks;
    return SS_OK;
}

bool ss_channel_is_lane(const struct ss_channel *c)
{
    return c->stream == &stream;
}

static bool is_empty(const struct ss_channel *c)
{
    return atomic_load(&ring(c, true)->written) == c->taken;
}

bool ss_channel_wait(struct ss_channel *c, unsigned ms)
{
    const struct timespec most = {ms / 1000, ms % 1000 * 1000000L};
    if (is_empty(c))
        syscall(SYS_futex, &ring(c, true)->written, FUTEX_WAIT, c->taken, &most, NULL, 0);
    return !is_empty(c);
}

bool ss_channel_doze(struct ss_channel *c)
{
    atomic_store(&ring(c, true)->dozes, 1);
    return is_empty(c); // whoever writes later sees that a byte is needed
}

ss_status_t ss_channel_wake(struct ss_channel *c, struct ss_error *err)
{
    uint8_t bytes[64];
    atomic_store(&ring(c, true)->dozes, 0);
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "the other side of the lane is gone");
}
