// SPDX-License-Identifier: Apache-2.0
// Inside of the ports: what those over a file descriptor share, and the table by which a name finds its port.
#ifndef SS_LINK_PORT_PARTS_H
#define SS_LINK_PORT_PARTS_H

#include "slotseal/link_port.h"

/// Base of ports over a file descriptor, which is non-blocking.
struct fd_port {
    struct ss_link_port port;
    int fd;
};

ss_status_t ss_link_fd_read(struct ss_link_port *port, unsigned timeout_ms, uint8_t *out, size_t size, size_t *len,
                            struct ss_error *err);
ss_status_t ss_link_fd_write(struct ss_link_port *port, const uint8_t *in, size_t len, struct ss_error *err);
ss_status_t ss_link_fd_discard(struct ss_link_port *port, struct ss_error *err);
uint64_t ss_link_fd_now(struct ss_link_port *port);
void ss_link_fd_sleep(struct ss_link_port *port, unsigned ms);
void ss_link_fd_close(struct ss_link_port *port);

/// A TCP connection to "HOST:PORT". SS_ERROR_INVALID_ARGUMENT, SS_ERROR_DOES_NOT_EXIST, SS_ERROR_IO, SS_ERROR_TIMEOUT.
SS_MUST_USE ss_status_t ss_link_tcp_connect(const char *where, int *fd, struct ss_error *err);

// Each opens what follows its scheme in a port's name.
SS_MUST_USE ss_status_t ss_link_tty_open(const char *path, struct ss_link_port **port, struct ss_error *err);
SS_MUST_USE ss_status_t ss_link_socket_open(const char *where, struct ss_link_port **port, struct ss_error *err);
SS_MUST_USE ss_status_t ss_link_rfc2217_open(const char *where, struct ss_link_port **port, struct ss_error *err);
/// The same on a connection that is there; @p fd belongs to the port, also on error.
SS_MUST_USE ss_status_t ss_link_rfc2217_start(int fd, struct ss_link_port **port, struct ss_error *err);

/// Sets a terminal's rate in numbers, also those that have no B… constant; false with errno, or 0 in errno if it runs
/// at another one.
bool ss_link_tty_set_rate(int fd, uint32_t baud);

#endif
