// SPDX-License-Identifier: Apache-2.0
// Terminals: USB bridges, serial ports, pseudo-terminals.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "link/port_parts.h"

enum { DRAIN_MS = 1000 };

static ss_status_t failed(struct ss_error *err, const char *what, const char *path)
{
    ss_status_t status = errno == EACCES || errno == EPERM                      ? SS_ERROR_NOT_PERMITTED
                         : errno == ENOENT || errno == ENODEV || errno == ENXIO ? SS_ERROR_DOES_NOT_EXIST
                         : errno == EBUSY || errno == EWOULDBLOCK               ? SS_ERROR_ALREADY_EXISTS
                                                                                : SS_ERROR_IO;
    return ss_error_set(err, status, SS_AREA_LINK, "%s%s: %s", what, path,
                        status == SS_ERROR_ALREADY_EXISTS ? "another program has it open" : strerror(errno));
}

/// What was written must have left before the rate changes. A bounded wait: tcdrain() has none.
static void drain(struct ss_link_port *port, int fd)
{
    int left = 0;
    for (unsigned i = 0; i < DRAIN_MS && ioctl(fd, TIOCOUTQ, &left) == 0 && left > 0; i++)
        ss_link_fd_sleep(port, 1);
}

static ss_status_t set_baud(struct ss_link_port *port, uint32_t baud, struct ss_error *err)
{
    int fd = ((struct fd_port *)port)->fd;
    drain(port, fd);
    if (ss_link_tty_set_rate(fd, baud))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_LINK, "the port does not run at the rate %u%s%s",
                        (unsigned)baud, errno ? ": " : "", errno ? strerror(errno) : "");
}

/// Both in one call, so that USB bridges send one request.
static ss_status_t set_lines(struct ss_link_port *port, bool dtr, bool rts, struct ss_error *err)
{
    int fd = ((struct fd_port *)port)->fd, lines;
    if (ioctl(fd, TIOCMGET, &lines))
        return failed(err, "the port is gone", "");
    lines = (lines & ~(TIOCM_DTR | TIOCM_RTS)) | (dtr ? TIOCM_DTR : 0) | (rts ? TIOCM_RTS : 0);
    return ioctl(fd, TIOCMSET, &lines) ? failed(err, "the port is gone", "") : SS_OK;
}

static ss_status_t discard(struct ss_link_port *port, struct ss_error *err)
{
    // What the driver holds, then what arrives in the meantime.
    tcflush(((struct fd_port *)port)->fd, TCIFLUSH);
    return ss_link_fd_discard(port, err);
}

static void close_tty(struct ss_link_port *port)
{
    // Else closing waits for bytes that nobody takes.
    tcflush(((struct fd_port *)port)->fd, TCIOFLUSH);
    ss_link_fd_close(port);
}

static const struct ss_link_port_ops with_lines = {
    .read = ss_link_fd_read,
    .write = ss_link_fd_write,
    .set_baud = set_baud,
    .set_lines = set_lines,
    .discard_input = discard,
    .now_ms = ss_link_fd_now,
    .sleep_ms = ss_link_fd_sleep,
    .close = close_tty,
};
/// Pseudo-terminals have no wires.
static const struct ss_link_port_ops without_lines = {
    .read = ss_link_fd_read,
    .write = ss_link_fd_write,
    .set_baud = set_baud,
    .discard_input = discard,
    .now_ms = ss_link_fd_now,
    .sleep_ms = ss_link_fd_sleep,
    .close = close_tty,
};

/// 8 data bits, no parity, one stop bit, bytes as they are, without flow control. The chip is not to be reset when the
/// port is closed, which HUPCL would do.
static bool make_raw(int fd)
{
    struct termios t;
    if (tcgetattr(fd, &t))
        return false;
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    t.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB | HUPCL);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &t) == 0;
}

static ss_status_t prepare(int fd, const char *path, bool *lines, struct ss_error *err)
{
    int modem;
    if (!isatty(fd))
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_LINK, "%s is no serial port", path);
    if (flock(fd, LOCK_EX | LOCK_NB) || !make_raw(fd))
        return failed(err, "", path);
    *lines = ioctl(fd, TIOCMGET, &modem) == 0;
    tcflush(fd, TCIOFLUSH);
    return SS_OK;
}

ss_status_t ss_link_tty_open(const char *path, struct ss_link_port **port, struct ss_error *err)
{
    bool lines = false;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "", path);
    ss_status_t status = prepare(fd, path, &lines, err);
    struct fd_port *p = status == SS_OK ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        close(fd);
        return status != SS_OK ? status
                               : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_LINK, "out of memory");
    }
    p->fd = fd;
    p->port.ops = lines ? &with_lines : &without_lines;
    status = set_baud(&p->port, SS_LINK_BAUD, err);
    // Opening has switched both on.
    if (status == SS_OK && lines)
        status = set_lines(&p->port, false, false, err);
    if (status != SS_OK) {
        close_tty(&p->port);
        return status;
    }
    *port = &p->port;
    return SS_OK;
}
