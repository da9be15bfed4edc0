// SPDX-License-Identifier: Apache-2.0
// What terminals and connections have in common.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "link/port_parts.h"

enum { WRITE_TIMEOUT_MS = 10000, DISCARD_MAX = 1 << 20 };

static int fd_of(const struct ss_link_port *port)
{
    return ((const struct fd_port *)port)->fd;
}

uint64_t ss_link_fd_now(struct ss_link_port *port)
{
    struct timespec t;
    (void)port;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void ss_link_fd_sleep(struct ss_link_port *port, unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)port;
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

static ss_status_t gone(struct ss_error *err, const char *why)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_LINK, "the port is gone: %s", why);
}

/// Waits until @p deadline for @p events. *ready is false if the time was over first.
static ss_status_t wait_for(struct ss_link_port *port, short events, uint64_t deadline, bool *ready,
                            struct ss_error *err)
{
    for (;;) {
        uint64_t now = ss_link_fd_now(port);
        struct pollfd p = {.fd = fd_of(port), .events = events};
        int n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);
        *ready = n > 0 && (p.revents & events);
        if (n > 0 && !*ready)
            return gone(err, p.revents & POLLHUP ? "the other end has hung up" : "it reports a failure");
        if (n >= 0)
            return SS_OK;
        if (errno != EINTR)
            return gone(err, strerror(errno));
    }
}

ss_status_t ss_link_fd_read(struct ss_link_port *port, unsigned timeout_ms, uint8_t *out, size_t size, size_t *len,
                            struct ss_error *err)
{
    uint64_t deadline = ss_link_fd_now(port) + timeout_ms;
    *len = 0;
    for (;;) {
        bool ready;
        ss_status_t status = wait_for(port, POLLIN, deadline, &ready, err);
        if (status != SS_OK || !ready)
            return status;
        ssize_t n = read(fd_of(port), out, size);
        if (n > 0) {
            *len = (size_t)n;
            return SS_OK;
        }
        if (n == 0)
            return gone(err, "the other end has closed it");
        if (errno != EINTR && errno != EAGAIN)
            return gone(err, strerror(errno));
    }
}

/// A connection that was closed must not end the program by SIGPIPE.
static ssize_t put(int fd, const uint8_t *in, size_t len)
{
    ssize_t n = send(fd, in, len, MSG_NOSIGNAL);
    return n < 0 && errno == ENOTSOCK ? write(fd, in, len) : n;
}

ss_status_t ss_link_fd_write(struct ss_link_port *port, const uint8_t *in, size_t len, struct ss_error *err)
{
    uint64_t deadline = ss_link_fd_now(port) + WRITE_TIMEOUT_MS;
    while (len > 0) {
        bool ready;
        ss_status_t status = wait_for(port, POLLOUT, deadline, &ready, err);
        if (status != SS_OK)
            return status;
        if (!ready)
            return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK, "the port takes no bytes");
        ssize_t n = put(fd_of(port), in, len);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return gone(err, strerror(errno));
        in += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return SS_OK;
}

/// By reading, which also finds out if the port is gone. One that never stops sending must not keep this from ending.
ss_status_t ss_link_fd_discard(struct ss_link_port *port, struct ss_error *err)
{
    uint8_t bytes[4096];
    size_t n = 1;
    ss_status_t status = SS_OK;
    for (size_t done = 0; status == SS_OK && n > 0 && done < DISCARD_MAX; done += n)
        status = ss_link_fd_read(port, 0, bytes, sizeof bytes, &n, err);
    return status;
}

void ss_link_fd_close(struct ss_link_port *port)
{
    close(fd_of(port));
    free(port);
}
