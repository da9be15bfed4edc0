// SPDX-License-Identifier: Apache-2.0
// The sockets that a front listens on.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/front.h"

/// First of the descriptors that systemd passes (sd_listen_fds(3)).
#define SYSTEMD_FIRST 3
#define BACKLOG       1024
/// Bytes of a download that wait in the kernel for a slow device, beyond those that are on their way. Without it, they
/// are megabytes.
#define UNSENT_MAX 131072

/// For all connections that come in by @p fd.
static void limit_unsent(int fd)
{
    int bytes = UNSENT_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes); // a kernel without it needs more memory
}

static int listen_on(const char *text)
{
    struct sockaddr_storage address;
    socklen_t len;
    int on = 1;
    if (!ss_address_parse(text, &address, &len))
        return errno = EINVAL, -1;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    limit_unsent(fd);
    if (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    return errno = saved, -1;
}

/// How many sockets systemd passed to this process; 0 without.
static unsigned passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != getpid())
        return 0;
    long n = strtol(count, NULL, 10);
    return n < 0 ? 0 : n > SS_FRONT_LISTENERS_MAX ? SS_FRONT_LISTENERS_MAX : (unsigned)n;
}

ss_status_t ss_front_listen(const struct ss_server_config *config, struct ss_front_listeners *listeners,
                            struct ss_error *err)
{
    *listeners = (struct ss_front_listeners){.count = passed()};
    for (unsigned i = 0; i < listeners->count; i++) {
        listeners->fds[i] = SYSTEMD_FIRST + (int)i;
        fcntl(listeners->fds[i], F_SETFD, FD_CLOEXEC);
        fcntl(listeners->fds[i], F_SETFL, fcntl(listeners->fds[i], F_GETFL) | O_NONBLOCK);
        limit_unsent(listeners->fds[i]);
    }
    if (listeners->count)
        return SS_OK;
    if (!config->server.listen.count)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "[server] needs listen = ADDRESS:PORT");
    for (unsigned i = 0; i < config->server.listen.count; i++) {
        int fd = i < SS_FRONT_LISTENERS_MAX ? listen_on(config->server.listen.items[i]) : (errno = EMFILE, -1);
        if (fd < 0) {
            ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "cannot listen on %s: %s", config->server.listen.items[i],
                         strerror(errno));
            ss_front_unlisten(listeners);
            return SS_ERROR_IO;
        }
        listeners->fds[listeners->count++] = fd;
    }
    return SS_OK;
}

void ss_front_unlisten(struct ss_front_listeners *listeners)
{
    for (unsigned i = 0; i < listeners->count; i++)
        close(listeners->fds[i]);
    listeners->count = 0;
}
