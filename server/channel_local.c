// SPDX-License-Identifier: Apache-2.0
// Channels within one host: a socket pair, and memory that both sides see.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/channel_parts.h"

/// What keeps the other side from taking pages away under our feet.
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static ss_status_t io_error(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "%s: %s", what, strerror(errno));
}

static bool for_now(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static long read_socket(struct ss_channel *c, uint8_t *out, size_t size, short *events, struct ss_error *err)
{
    (void)events;
    ssize_t n = recv(c->fd, out, size, MSG_DONTWAIT);
    if (n > 0)
        return n;
    if (n == 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "the other side of the channel is gone");
    return for_now() ? 0 : io_error(err, "channel");
}

static long write_socket(struct ss_channel *c, const uint8_t *in, size_t len, short *events, struct ss_error *err)
{
    (void)events;
    ssize_t n = send(c->fd, in, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    return for_now() ? 0 : io_error(err, "channel");
}

static const struct ss_channel_stream stream = {.read = read_socket, .write = write_socket};

static ss_status_t map(struct ss_channel *c, int memory_fd, struct ss_error *err)
{
    struct stat st;
    int seals = fcntl(memory_fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "the channel's memory could change its size");
    if (fstat(memory_fd, &st) != 0)
        return io_error(err, "channel's memory");
    off_t slots = st.st_size / (off_t)SS_SEALER_WINDOW_MAX;
    if (slots < 1 || slots > SS_CHANNEL_SLOTS_MAX || st.st_size % (off_t)SS_SEALER_WINDOW_MAX)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "the channel's memory has %lld bytes",
                            (long long)st.st_size);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    if (p == MAP_FAILED)
        return io_error(err, "channel's memory");
    c->memory = p;
    c->memory_len = (size_t)st.st_size;
    c->slots = (unsigned)slots;
    return SS_OK;
}

ss_status_t ss_channel_local(int fd, int memory_fd, struct ss_channel **channel, struct ss_error *err)
{
    ss_status_t status = ss_channel_make(fd, &stream, channel, err);
    if (status == SS_OK)
        status = map(*channel, memory_fd, err);
    close(memory_fd); // the mapping stays
    if (status != SS_OK) {
        ss_channel_free(*channel);
        *channel = NULL;
    }
    return status;
}

ss_status_t ss_channel_pair(unsigned slots, int sockets[2], int *memory_fd, struct ss_error *err)
{
    *memory_fd = memfd_create("slotseal-ciphertext", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*memory_fd < 0)
        return io_error(err, "memfd_create");
    if (ftruncate(*memory_fd, (off_t)slots * (off_t)SS_SEALER_WINDOW_MAX) == 0 &&
        fcntl(*memory_fd, F_ADD_SEALS, SEALS) == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0)
        return SS_OK;
    ss_status_t status = io_error(err, "socketpair");
    close(*memory_fd);
    *memory_fd = -1;
    return status;
}
