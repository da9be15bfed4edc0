// SPDX-License-Identifier: Apache-2.0
// A TCP connection as the chip's UART: bare bytes, or telnet with RFC 2217 on top.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chip/serve_parts.h"

ss_status_t tcp_open(struct port *p, uint16_t number, char *address, struct ss_error *err)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(number)};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->listen_fd >= 0)
        setsockopt(p->listen_fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (p->listen_fd < 0 || bind(p->listen_fd, (struct sockaddr *)&name, len) || listen(p->listen_fd, SOMAXCONN) ||
        getsockname(p->listen_fd, (struct sockaddr *)&name, &len))
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "TCP port %u: %s", number, strerror(errno));
    snprintf(address, SS_SERVE_ADDRESS_SIZE, "%s://127.0.0.1:%u",
             p->options.kind == SS_SERVE_TCP ? "socket" : "rfc2217", ntohs(name.sin_port));
    return SS_OK;
}

void tcp_accept(struct port *p)
{
    int fd = accept(p->listen_fd, NULL, NULL);
    if (fd < 0)
        return;
    prepare_fd(fd);
    // Frames are small and each is waited for.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    p->line_fd = fd;
    ss_loader_set_baud(p->loader, SS_LOADER_BAUD);
    if (p->options.kind == SS_SERVE_RFC2217)
        telnet_start(p);
    else
        port_power(p, true);
}

void tcp_close(struct port *p)
{
    close(p->line_fd);
    p->line_fd = -1;
    port_drop_output(p);
}
