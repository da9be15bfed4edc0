// SPDX-License-Identifier: Apache-2.0
// socket://HOST:PORT, bare bytes over TCP, as pyserial and terminal servers in raw mode have it.
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/port_parts.h"

enum { CONNECT_MS = 5000, HOST_MAX = 256 };

/// "HOST:PORT" or "[ADDRESS]:PORT".
static bool split(const char *where, char host[HOST_MAX], const char **number)
{
    const char *colon = strrchr(where, ':');
    size_t n = colon ? (size_t)(colon - where) : 0;
    if (n == 0 || n >= HOST_MAX || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    if (where[0] == '[' && where[n - 1] == ']') {
        where++;
        n -= 2;
    } else if (memchr(where, ':', n)) {
        return false;
    }
    memcpy(host, where, n);
    host[n] = '\0';
    *number = colon + 1;
    return n > 0;
}

/// Errno of the connection, 0 if it stands.
static int try_connect(int fd, const struct addrinfo *a)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int result = 0;
    socklen_t len = sizeof result;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    int n;
    do
        n = poll(&p, 1, CONNECT_MS);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &len) ? errno : result;
}

ss_status_t ss_link_tcp_connect(const char *where, int *fd, struct ss_error *err)
{
    char host[HOST_MAX];
    const char *number;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    int why = ECONNREFUSED;
    *fd = -1;
    if (!split(where, host, &number))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_LINK, "HOST:PORT is expected, not '%s'", where);
    int result = getaddrinfo(host, number, &hints, &list);
    if (result)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_LINK, "host %s: %s", host, gai_strerror(result));
    for (const struct addrinfo *a = list; a && *fd < 0; a = a->ai_next) {
        int s = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        why = s < 0 ? errno : try_connect(s, a);
        if (s >= 0 && why == 0)
            *fd = s;
        else if (s >= 0)
            close(s);
    }
    freeaddrinfo(list);
    if (*fd < 0)
        return ss_error_set(err, why == ETIMEDOUT ? SS_ERROR_TIMEOUT : SS_ERROR_IO, SS_AREA_LINK, "%s: %s", where,
                            strerror(why));
    // Frames are small and each is waited for.
    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return SS_OK;
}

static const struct ss_link_port_ops ops = {
    .read = ss_link_fd_read,
    .write = ss_link_fd_write,
    .discard_input = ss_link_fd_discard,
    .now_ms = ss_link_fd_now,
    .sleep_ms = ss_link_fd_sleep,
    .close = ss_link_fd_close,
};

ss_status_t ss_link_socket_open(const char *where, struct ss_link_port **port, struct ss_error *err)
{
    int fd;
    ss_status_t status = ss_link_tcp_connect(where, &fd, err);
    if (status != SS_OK)
        return status;
    struct fd_port *p = calloc(1, sizeof *p);
    if (!p) {
        close(fd);
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_LINK, "out of memory");
    }
    *p = (struct fd_port){{.ops = &ops}, fd};
    *port = &p->port;
    return SS_OK;
}
