// SPDX-License-Identifier: Apache-2.0
// Accepting connections. libmicrohttpd's threads would each accept what they see first, which leaves one with most of a
// burst; here they get their share. The thread also waits in the place of connections whose handshake cannot go on.
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/front_parts.h"
#include "server/log.h"

enum {
    EVENTS_MAX = 64,
    SERIES_MAX = 64, ///< connections at once: others wait for their handshake to go on
    PAUSE_MS = 20,   ///< connections stay in the kernel's queue while there are too many, or no descriptors
    SAY_SECONDS = 60,
};

/// As far as the daemon's threads know: what they have not looked at yet is not counted, so there can be some more.
static bool is_full(struct ss_front *front, unsigned index)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(front->daemons[index], MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info && info->num_connections >= front->connections_max / front->daemon_count;
}

/// Accepts what waits at one listener. False if that has to wait.
static bool accept_all(struct ss_front *front, unsigned index)
{
    struct sockaddr_storage address;
    for (unsigned n = 0; n < SERIES_MAX; n++) {
        if (is_full(front, index))
            return false;
        socklen_t len = sizeof address;
        int fd = accept4(front->listeners->fds[index], (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
        (void)MHD_add_connection(front->daemons[index], fd, (struct sockaddr *)&address, len); // closes it on failure
    }
    return true; // epoll comes again
}

static void resume(struct ss_front *front, struct ss_http_connection *connection)
{
    atomic_store(&connection->waits, false);
    ss_http_resume(front, connection->request.connection);
}

void ss_front_accept_watch(struct ss_front *front, struct ss_http_connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = connection};
    int how = connection->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    connection->watched = true;
    if (epoll_ctl(front->acceptor_epoll, how, connection->fd, &event) == 0)
        return;
    shutdown(connection->fd, SHUT_RDWR);
    resume(front, connection);
}

static bool is_listener(const struct ss_front *front, const void *what)
{
    const int *fd = what;
    return fd >= front->listeners->fds && fd < front->listeners->fds + SS_FRONT_LISTENERS_MAX;
}

/// Handles one event. False if a listener has to be left alone for a while.
static bool handle(struct ss_front *front, void *what)
{
    eventfd_t ignored;
    if (is_listener(front, what)) // all were asked about, some may be closed since
        return !front->listeners->count || accept_all(front, (unsigned)((int *)what - front->listeners->fds));
    if (what) {
        resume(front, what);
        return true;
    }
    (void)eventfd_read(front->acceptor_wake, &ignored);
    if (atomic_load(&front->acceptor_state) != SS_FRONT_ACCEPTS)
        ss_front_unlisten(front->listeners);
    return true;
}

/// Once a minute while it lasts.
static void say_full(const struct ss_front *front, uint64_t *next)
{
    char most[16];
    uint64_t now = ss_front_now();
    if (now < *next)
        return;
    *next = now + SAY_SECONDS * UINT64_C(1000000000);
    snprintf(most, sizeof most, "%u", front->connections_max);
    ss_log(SS_LOG_WARNING, "new connections wait", "reason", "there are as many as there can be", "most", most, NULL);
}

static void *acceptor(void *context)
{
    struct ss_front *front = context;
    struct epoll_event events[EVENTS_MAX];
    uint64_t say = 0;
    while (atomic_load(&front->acceptor_state) != SS_FRONT_ENDS) {
        bool pause = false;
        int count = epoll_wait(front->acceptor_epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++)
            pause |= !handle(front, events[i].data.ptr);
        if (!pause)
            continue;
        say_full(front, &say);
        usleep(PAUSE_MS * 1000);
    }
    return NULL;
}

static bool watch_all(struct ss_front *front)
{
    struct epoll_event event = {.events = EPOLLIN};
    front->acceptor_epoll = epoll_create1(EPOLL_CLOEXEC);
    front->acceptor_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool ok = front->acceptor_epoll >= 0 && front->acceptor_wake >= 0 &&
              epoll_ctl(front->acceptor_epoll, EPOLL_CTL_ADD, front->acceptor_wake, &event) == 0;
    for (unsigned i = 0; ok && i < front->listeners->count; i++) {
        event.data.ptr = &front->listeners->fds[i];
        ok = epoll_ctl(front->acceptor_epoll, EPOLL_CTL_ADD, front->listeners->fds[i], &event) == 0;
    }
    return ok;
}

ss_status_t ss_front_accept_start(struct ss_front *front, struct ss_error *err)
{
    atomic_store(&front->acceptor_state, SS_FRONT_ACCEPTS);
    int failed = watch_all(front) ? pthread_create(&front->acceptor, NULL, acceptor, front) : errno;
    front->acceptor_runs = !failed;
    if (!failed)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "connections cannot be accepted: %s", strerror(failed));
}

static void tell(struct ss_front *front, enum ss_front_acceptor_state state)
{
    atomic_store(&front->acceptor_state, state);
    if (front->acceptor_runs)
        eventfd_write(front->acceptor_wake, 1);
    else
        ss_front_unlisten(front->listeners);
}

void ss_front_accept_stop(struct ss_front *front)
{
    tell(front, SS_FRONT_WATCHES);
}

void ss_front_accept_free(struct ss_front *front)
{
    tell(front, SS_FRONT_ENDS);
    if (front->acceptor_runs)
        pthread_join(front->acceptor, NULL);
    if (front->acceptor_epoll >= 0)
        close(front->acceptor_epoll);
    if (front->acceptor_wake >= 0)
        close(front->acceptor_wake);
}
