// SPDX-License-Identifier: Apache-2.0
#include "chip/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "chip/boot.h"
#include "chip/serve_parts.h"

enum {
    FDS_PER_PORT = 4,
    HANG_UP_TICK_MS = 20, ///< a pty that nobody has open is always "ready", so it is looked at from time to time
    LEFT_BEHIND = 16,     ///< answers that are still made, and dropped, when the host has gone
    SLIP_END = 0xC0,
    TELNET_SE = 0xF0,
};

struct ss_serve {
    struct port *ports;
    size_t count;
    int stop_fd;
};

void prepare_fd(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void buffer_append(struct buffer *b, const uint8_t *bytes, size_t len)
{
    if (b->start + b->len + len > b->capacity) {
        size_t capacity = 2 * (b->len + len);
        uint8_t *grown = malloc(capacity);
        if (!grown)
            return; // lost on the line, as a UART loses bytes that nobody fetches
        if (b->len)
            memcpy(grown, b->bytes + b->start, b->len);
        free(b->bytes);
        *b = (struct buffer){.bytes = grown, .len = b->len, .capacity = capacity};
    }
    memcpy(b->bytes + b->start + b->len, bytes, len);
    b->len += len;
}

void port_drop_output(struct port *p)
{
    p->out.start = p->out.len = 0;
}

void port_send(struct port *p, const uint8_t *bytes, size_t len)
{
    if (p->line_fd < 0 || p->hung_up)
        return;
    if (p->options.kind == SS_SERVE_RFC2217)
        telnet_send(p, bytes, len);
    else
        buffer_append(&p->out, bytes, len);
}

static void write_line(void *context, const uint8_t *bytes, size_t len)
{
    port_send(context, bytes, len);
}

static void say(void *context, const char *line)
{
    port_send(context, (const uint8_t *)line, strlen(line));
    port_send(context, (const uint8_t *)"\r\n", 2);
}

/// From reset to an app, or to the loader. What a boot finds stands in its log; here it does not matter.
static void boot(struct port *p)
{
    struct ss_boot_result *result = malloc(sizeof *result);
    if (result && ss_chip_boot(p->chip, p->options.profile, NULL, say, p, result, NULL) == SS_OK &&
        result->outcome == SS_OUTCOME_POWER_LOST)
        p->powered = false;
    ss_chip_state_keep(p->chip);
    free(result);
}

/// False if the power failed on the way.
static bool feed_loader(struct port *p, const uint8_t *bytes, size_t len)
{
    jmp_buf off;
    p->chip->power.off = &off;
    volatile bool done = false;
    if (setjmp(off) == 0) {
        ss_loader_take(p->loader, bytes, len);
        done = true;
    }
    p->chip->power.off = NULL;
    ss_chip_state_keep(p->chip);
    return done;
}

static bool strap_is_low(const struct port *p)
{
    return p->held_low || (p->options.kind == SS_SERVE_RFC2217 && p->telnet.dtr && !p->telnet.rts);
}

void port_reset(struct port *p)
{
    if (!p->powered)
        return;
    p->chip->strap_download = strap_is_low(p);
    ss_loader_reset(p->loader);
    boot(p);
}

void port_power(struct port *p, bool on)
{
    p->powered = on;
    ss_flash_power_on(&p->chip->flash);
    ss_loader_reset(p->loader);
    port_reset(p);
}

/// Without a reset, so that the strap does not matter.
static void leave_loader(struct port *p)
{
    p->chip->strap_download = false;
    ss_loader_reset(p->loader);
    boot(p);
}

void port_take(struct port *p, const uint8_t *bytes, size_t len)
{
    // While RTS is on (and DTR is not, which would block it) EN is low.
    bool held = p->options.kind == SS_SERVE_RFC2217 && p->telnet.rts && !p->telnet.dtr;
    if (!p->powered || held || !p->chip->in_download)
        return;
    if (p->options.kind == SS_SERVE_PTY)
        ss_loader_set_baud(p->loader, pty_baud(p->line_fd));
    if (!feed_loader(p, bytes, len)) {
        p->powered = false;
        ss_loader_reset(p->loader);
    } else if (ss_loader_mode(p->loader) == SS_LOADER_RESET) {
        port_reset(p);
    } else if (ss_loader_mode(p->loader) == SS_LOADER_FLASH) {
        leave_loader(p);
    }
}

/// Takes what was read up to the end of a frame or of a telnet command: whatever asks for an answer ends with one.
static void take_portion(struct port *p)
{
    const uint8_t *bytes = p->in + p->in_start;
    size_t n = 0;
    while (n < p->in_len && bytes[n] != SLIP_END && bytes[n] != TELNET_SE)
        n++;
    n += n < p->in_len;
    p->in_start += n;
    p->in_len -= n;
    if (p->options.kind == SS_SERVE_RFC2217)
        telnet_take(p, bytes, n);
    else
        port_take(p, bytes, n);
}

static void line_ended(struct port *p)
{
    // What nobody fetches any more must not keep the rest of the input from being taken: a host may set the lines and
    // go. More than a few commands behind an answer that it did not wait for are no sequence that anybody means.
    port_drop_output(p);
    for (unsigned answers = 0; p->in_len > 0 && answers < LEFT_BEHIND;) {
        take_portion(p);
        answers += p->out.len > 0;
        port_drop_output(p);
    }
    p->in_len = 0;
    if (p->options.kind == SS_SERVE_PTY)
        pty_check(p);
    else
        tcp_close(p);
}

static void flush_line(struct port *p)
{
    struct buffer *b = &p->out;
    ssize_t n = p->line_fd < 0 || b->len == 0 ? 0 : write(p->line_fd, b->bytes + b->start, b->len);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        line_ended(p);
    } else if (n > 0) {
        b->start += (size_t)n;
        b->len -= (size_t)n;
        if (b->len == 0)
            b->start = 0;
    }
}

/// Input waits while output is not fetched, so that a host can make the chip collect one answer and no more.
static void take_input(struct port *p)
{
    flush_line(p);
    while (p->in_len > 0 && p->out.len == 0) {
        take_portion(p);
        flush_line(p);
    }
}

static void read_line(struct port *p)
{
    ssize_t n = read(p->line_fd, p->in, sizeof p->in);
    p->in_start = 0;
    p->in_len = n > 0 ? (size_t)n : 0;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        line_ended(p);
}

static void prepare(const struct port *p, struct pollfd *fds)
{
    bool line = p->line_fd >= 0 && !p->hung_up;
    fds[0] = (struct pollfd){.fd = line ? p->line_fd : -1, .events = p->out.len ? POLLOUT : POLLIN};
    fds[1] = (struct pollfd){.fd = p->line_fd < 0 ? p->listen_fd : -1, .events = POLLIN};
    fds[2] = (struct pollfd){.fd = p->control_fd < 0 ? p->control_listen_fd : -1, .events = POLLIN};
    fds[3] = (struct pollfd){.fd = p->control_fd, .events = POLLIN};
}

static void handle(struct port *p, const struct pollfd *fds)
{
    if (fds[0].revents & POLLIN)
        read_line(p);
    else if (fds[0].revents & (POLLHUP | POLLERR))
        line_ended(p);
    if (p->hung_up)
        pty_check(p);
    if (fds[1].revents)
        tcp_accept(p);
    if (fds[2].revents)
        control_accept(p);
    if (fds[3].revents)
        control_read(p);
    control_check(p);
    take_input(p);
}

ss_status_t ss_serve_run(struct ss_serve *serve, struct ss_error *err)
{
    struct pollfd *fds = calloc(1 + serve->count * FDS_PER_PORT, sizeof *fds);
    ss_status_t status =
        fds ? SS_OK : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for chips to serve");
    while (status == SS_OK) {
        int timeout = -1;
        size_t n = 0;
        fds[n++] = (struct pollfd){.fd = serve->stop_fd, .events = POLLIN};
        for (struct port *p = serve->ports; p; p = p->next, n += FDS_PER_PORT) {
            prepare(p, fds + n);
            if (p->hung_up)
                timeout = HANG_UP_TICK_MS;
            else if (p->control_fd >= 0 && timeout < 0)
                timeout = CONTROL_PATIENCE_MS;
        }
        if (poll(fds, n, timeout) < 0 && errno != EINTR)
            status = ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "waiting for input: %s", strerror(errno));
        if (status != SS_OK || fds[0].revents)
            break;
        n = 1;
        for (struct port *p = serve->ports; p; p = p->next, n += FDS_PER_PORT)
            handle(p, fds + n);
    }
    free(fds);
    return status;
}

void ss_serve_stop(struct ss_serve *serve)
{
    int saved = errno;
    (void)!write(serve->stop_fd, &(uint64_t){1}, sizeof(uint64_t));
    errno = saved;
}

ss_status_t ss_serve_new(struct ss_serve **serve, struct ss_error *err)
{
    struct ss_serve *s = *serve = calloc(1, sizeof *s);
    if (!s)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for chips to serve");
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->stop_fd >= 0)
        return SS_OK;
    free(s);
    *serve = NULL;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "eventfd: %s", strerror(errno));
}

static void port_free(struct port *p)
{
    control_close(p);
    if (p->link) {
        unlink(p->link);
        free(p->link);
    }
    if (p->line_fd >= 0)
        close(p->line_fd);
    if (p->listen_fd >= 0)
        close(p->listen_fd);
    ss_loader_free(p->loader);
    free(p->out.bytes);
    free(p);
}

void ss_serve_free(struct ss_serve *serve)
{
    if (!serve)
        return;
    while (serve->ports) {
        struct port *p = serve->ports;
        serve->ports = p->next;
        port_free(p);
    }
    close(serve->stop_fd);
    free(serve);
}

ss_status_t ss_serve_add(struct ss_serve *serve, struct ss_vchip *chip, const struct ss_serve_options *options,
                         char address[SS_SERVE_ADDRESS_SIZE], struct ss_error *err)
{
    struct port *p = calloc(1, sizeof *p);
    address[0] = '\0';
    if (!p)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a served chip");
    p->chip = chip;
    p->options = *options;
    p->listen_fd = p->line_fd = p->folder_fd = p->control_listen_fd = p->control_fd = -1;
    p->held_low = options->download || options->kind == SS_SERVE_TCP;
    ss_status_t status = ss_loader_new(chip, write_line, p, &p->loader, err);
    if (status == SS_OK && options->folder)
        status = control_open(p, options->folder, err);
    if (status == SS_OK)
        status = options->kind == SS_SERVE_PTY ? pty_open(p, options->link, address, err)
                                               : tcp_open(p, options->port, address, err);
    if (status != SS_OK) {
        port_free(p);
        return status;
    }
    p->next = serve->ports;
    serve->ports = p;
    serve->count++;
    port_power(p, true);
    return SS_OK;
}
