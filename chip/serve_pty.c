// SPDX-License-Identifier: Apache-2.0
// A pseudo-terminal as the chip's UART.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "chip/serve_parts.h"

static ss_status_t io_error(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "%s: %s", what, strerror(errno));
}

/// Raw from the beginning: with echo, what the chip says before anybody listens would come back to it.
static bool make_raw(const char *name)
{
    struct termios t;
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool done = fd >= 0 && tcgetattr(fd, &t) == 0;
    if (done) {
        cfmakeraw(&t);
        cfsetspeed(&t, B115200);
        done = tcsetattr(fd, TCSANOW, &t) == 0;
    }
    if (fd >= 0)
        close(fd);
    return done;
}

static ss_status_t make_link(struct port *p, const char *target, const char *link, struct ss_error *err)
{
    struct stat st;
    if (lstat(link, &st) == 0 && !S_ISLNK(st.st_mode))
        return ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_CHIP, "%s exists and is no symbolic link", link);
    p->link = strdup(link);
    if (!p->link)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a link");
    unlink(link);
    if (symlink(target, link) == 0)
        return SS_OK;
    free(p->link);
    p->link = NULL;
    return io_error(err, link);
}

ss_status_t pty_open(struct port *p, const char *link, char *address, struct ss_error *err)
{
    char name[SS_SERVE_ADDRESS_SIZE];
    p->line_fd = posix_openpt(O_RDWR | O_NOCTTY);
    if (p->line_fd < 0 || grantpt(p->line_fd) || unlockpt(p->line_fd) ||
        ptsname_r(p->line_fd, name, sizeof name) != 0 || !make_raw(name))
        return io_error(err, "pseudo-terminal");
    prepare_fd(p->line_fd);
    p->hung_up = true;
    if (link && make_link(p, name, link, err) != SS_OK)
        return err ? err->status : SS_ERROR_IO;
    snprintf(address, SS_SERVE_ADDRESS_SIZE, "%s", name);
    return SS_OK;
}

/// Forgets what is on its way in both directions; what the terminal's user did not read waits on that side.
static void flush(int fd)
{
    int user = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (user >= 0) {
        tcflush(user, TCIOFLUSH);
        close(user);
    }
    tcflush(fd, TCIOFLUSH);
}

void pty_check(struct port *p)
{
    struct pollfd fd = {.fd = p->line_fd, .events = POLLIN};
    bool hung_up = poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP) && !(fd.revents & POLLIN);
    if (hung_up == p->hung_up)
        return;
    p->hung_up = hung_up;
    if (!hung_up)
        return;
    port_drop_output(p);
    flush(p->line_fd);
    port_reset(p);
}
