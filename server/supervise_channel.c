// SPDX-License-Identifier: Apache-2.0
// Passing channels between processes.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "server/supervise.h"

union ancillary {
    struct cmsghdr head; // for its alignment
    char bytes[CMSG_SPACE(2 * sizeof(int))];
};

ss_status_t ss_supervise_send_channel(int control, enum ss_supervised_use use, int socket, int memory,
                                      struct ss_error *err)
{
    char what = (char)use;
    int fds[2] = {socket, memory};
    union ancillary a = {0};
    struct iovec io = {&what, 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = a.bytes, .msg_controllen = sizeof a.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(c), fds, sizeof fds);
    if (sendmsg(control, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "passing a channel: %s", strerror(errno));
}

ss_status_t ss_supervised_channel(int control, bool asks, struct ss_channel **channel, struct ss_error *err)
{
    char what = 0;
    int fds[2];
    union ancillary a = {0};
    struct iovec io = {&what, 1};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = a.bytes, .msg_controllen = sizeof a.bytes};
    *channel = NULL;
    ssize_t n = recvmsg(control, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return SS_ERROR_TIMEOUT;
    if (n <= 0)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "the supervisor is gone");
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if ((what != SS_SUPERVISED_CHANNEL && what != SS_SUPERVISED_LANE) || !c || c->cmsg_type != SCM_RIGHTS ||
        c->cmsg_len != CMSG_LEN(sizeof fds))
        return SS_ERROR_TIMEOUT; // nothing for us
    memcpy(fds, CMSG_DATA(c), sizeof fds);
    if (what == SS_SUPERVISED_LANE)
        return ss_channel_lane(fds[0], fds[1], asks, channel, err);
    return ss_channel_local(fds[0], fds[1], channel, err);
}

void ss_supervised_ask(int control, enum ss_supervised_use use)
{
    char what = (char)use;
    (void)!send(control, &what, 1, MSG_NOSIGNAL | MSG_DONTWAIT); // the next tick asks again
}
