// SPDX-License-Identifier: Apache-2.0
// The buttons of a served chip's board: a socket in the chip's folder that takes one line and answers with "ok", or
// with what is wrong.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "chip/serve_parts.h"

#define SOCKET_NAME "control.sock"
#define TIMEOUT_S   5

static ss_status_t io_error(struct ss_error *err, const char *folder)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "%s/" SOCKET_NAME ": %s", folder, strerror(errno));
}

/// The socket's name through the open folder: names of sockets are short, those of folders are not.
static void socket_name(int folder_fd, struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(name->sun_path, sizeof name->sun_path, "/proc/self/fd/%d/" SOCKET_NAME, folder_fd);
}

ss_status_t control_open(struct port *p, const char *folder, struct ss_error *err)
{
    struct sockaddr_un name;
    p->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (p->folder_fd < 0)
        return io_error(err, folder);
    p->control_listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socket_name(p->folder_fd, &name);
    // One that a killed process left: the chip's files are locked, so nobody else serves it.
    unlinkat(p->folder_fd, SOCKET_NAME, 0);
    mode_t mask = umask(0077);
    bool done = p->control_listen_fd >= 0 && bind(p->control_listen_fd, (struct sockaddr *)&name, sizeof name) == 0 &&
                listen(p->control_listen_fd, 4) == 0;
    umask(mask);
    return done ? SS_OK : io_error(err, folder);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void control_close(struct port *p)
{
    if (p->control_listen_fd >= 0)
        unlinkat(p->folder_fd, SOCKET_NAME, 0);
    close_fd(&p->control_fd);
    close_fd(&p->control_listen_fd);
    close_fd(&p->folder_fd);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void control_check(struct port *p)
{
    if (p->control_fd >= 0 && now_ms() >= p->control_until)
        close_fd(&p->control_fd);
}

void control_accept(struct port *p)
{
    p->control_fd = accept(p->control_listen_fd, NULL, NULL);
    p->control_len = 0;
    p->control_until = now_ms() + CONTROL_PATIENCE_MS;
    if (p->control_fd >= 0)
        prepare_fd(p->control_fd);
}

/// "cut N [before|inside|after]" and "cut none".
static const char *plan_cut(struct port *p, const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    enum ss_cut cut = *end ? SS_CUT_NONE : SS_CUT_INSIDE;
    for (enum ss_cut c = SS_CUT_BEFORE; c <= SS_CUT_AFTER && n; c++)
        if (*end == ' ' && !strcmp(end + 1, ss_cut_name(c)))
            cut = c;
    bool none = !strcmp(text, ss_cut_name(SS_CUT_NONE));
    if (!none && (n == 0 || n > UINT32_MAX || cut == SS_CUT_NONE))
        return "cut takes none, or a number from 1 and one of: before inside after";
    ss_power_plan(&p->chip->power, none ? 0 : n, cut);
    ss_chip_state_keep(p->chip);
    return NULL;
}

/// What is wrong with the request, NULL if it was done.
static const char *carry_out(struct port *p, const char *request)
{
    if (!strncmp(request, "cut ", 4))
        return plan_cut(p, request + 4);
    if (!strcmp(request, "power on") || !strcmp(request, "power off")) {
        port_power(p, request[7] == 'n');
    } else if (!strcmp(request, "strap download") || !strcmp(request, "strap flash")) {
        p->held_low = request[6] == 'd';
    } else if (strcmp(request, "reset") != 0) {
        return "no such request";
    } else if (!p->powered) {
        return "the chip has no power";
    } else {
        port_reset(p);
    }
    return NULL;
}

void control_read(struct port *p)
{
    ssize_t n = read(p->control_fd, p->control + p->control_len, CONTROL_MAX - p->control_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        p->control_len += (size_t)n;
    char *end = memchr(p->control, '\n', p->control_len);
    if (end) {
        *end = '\0';
        const char *wrong = carry_out(p, p->control);
        dprintf(p->control_fd, "%s\n", wrong ? wrong : "ok");
    }
    if (n <= 0 || end || p->control_len == CONTROL_MAX)
        close_fd(&p->control_fd);
}

static ss_status_t ask(int fd, const char *folder, const char *request, struct ss_error *err)
{
    char line[CONTROL_MAX + 1], answer[128];
    size_t len = 0;
    int n = snprintf(line, sizeof line, "%s\n", request);
    if (n > CONTROL_MAX || send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        return n > CONTROL_MAX
                   ? ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_CHIP, "request of %d bytes is too long", n)
                   : io_error(err, folder);
    while (len < sizeof answer - 1) {
        ssize_t got = read(fd, answer + len, sizeof answer - 1 - len);
        if (got < 0 && errno != EINTR)
            return io_error(err, folder);
        if (got == 0)
            break;
        len += got > 0 ? (size_t)got : 0;
    }
    answer[len] = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    if (strcmp(answer, "ok") == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_CHIP, "%s: %s", request, answer);
}

ss_status_t ss_serve_control(const char *folder, const char *request, struct ss_error *err)
{
    struct sockaddr_un name;
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "%s: %s", folder, strerror(errno));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socket_name(folder_fd, &name);
    ss_status_t status = SS_OK;
    if (fd < 0)
        status = io_error(err, folder);
    else if (connect(fd, (struct sockaddr *)&name, sizeof name))
        status = errno == ENOENT || errno == ECONNREFUSED
                     ? ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_CHIP, "%s is not being served", folder)
                     : io_error(err, folder);
    if (status == SS_OK) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        status = ask(fd, folder, request, err);
    }
    close_fd(&fd);
    close_fd(&folder_fd);
    return status;
}
