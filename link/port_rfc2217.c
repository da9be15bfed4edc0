// SPDX-License-Identifier: Apache-2.0
// rfc2217://HOST:PORT: the telnet COM port option (RFC 2217) over telnet (RFC 854), this end being the client: rate,
// DTR, RTS and purging by commands that the server acknowledges.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/rfc2217.h"
#include "link/port_parts.h"

enum {
    ANSWER_MS = 3000,
    CONTROL_ANSWER_MS = 500,
    SUB_MAX = 32,      ///< bytes of a subnegotiation that are kept
    RECEIVED = 1 << 16 ///< bytes that came while an acknowledgement was waited for; more are lost, as by a UART
};

struct rfc2217 {
    struct fd_port base;
    enum { DATA, COMMAND, OPTION, SUB, SUB_IAC } state;
    uint8_t verb;
    uint8_t sub[SUB_MAX];
    size_t sub_len;
    struct option {
        bool on, asked;
    } we[256], they[256]; ///< at this end and at the other
    uint8_t awaited;      ///< command number of the acknowledgement waited for; 0: none
    bool acknowledged;
    bool refused;        ///< the server declines the COM port option
    bool dtr, rts;       ///< as commanded last
    bool silent_control; ///< the server does not acknowledge DTR and RTS
    size_t start, count; ///< received[start … start + count), no wrapping
    uint8_t received[RECEIVED];
};

static ss_status_t send_bytes(struct rfc2217 *p, const uint8_t *in, size_t len, struct ss_error *err)
{
    return ss_link_fd_write(&p->base.port, in, len, err);
}

static bool known(uint8_t option)
{
    return option == OPTION_BINARY || option == OPTION_SUPPRESS_GO_AHEAD || option == OPTION_COM_PORT;
}

/// Answers changes only (RFC 854), and no answers, so that the two ends cannot go on for ever.
static ss_status_t negotiate(struct rfc2217 *p, uint8_t verb, uint8_t option, struct ss_error *err)
{
    bool ours = verb == DO || verb == DONT, on = (verb == DO || verb == WILL) && known(option);
    struct option *o = ours ? &p->we[option] : &p->they[option];
    bool answer = o->asked, change = on != o->on || ((verb == DO || verb == WILL) && !on);
    if (verb == DONT && option == OPTION_COM_PORT)
        p->refused = true;
    o->asked = false;
    o->on = on;
    if (answer || !change)
        return SS_OK;
    const uint8_t reply[] = {IAC, ours ? (on ? WILL : WONT) : (on ? DO : DONT), option};
    return send_bytes(p, reply, sizeof reply, err);
}

static void take_sub(struct rfc2217 *p)
{
    if (p->sub_len >= 2 && p->sub[0] == OPTION_COM_PORT && p->sub[1] == p->awaited + FROM_SERVER)
        p->acknowledged = true;
}

static void keep(struct rfc2217 *p, uint8_t byte)
{
    if (p->start + p->count == RECEIVED && p->start > 0) {
        memmove(p->received, p->received + p->start, p->count);
        p->start = 0;
    }
    if (p->start + p->count < RECEIVED)
        p->received[p->start + p->count++] = byte;
}

static ss_status_t take_byte(struct rfc2217 *p, uint8_t byte, struct ss_error *err)
{
    switch (p->state) {
    case DATA:
        if (byte == IAC)
            p->state = COMMAND;
        else
            keep(p, byte);
        return SS_OK;
    case COMMAND:
        p->verb = byte;
        p->sub_len = 0;
        p->state = byte == SB ? SUB : byte >= WILL && byte <= DONT ? OPTION : DATA;
        if (byte == IAC)
            keep(p, byte);
        return SS_OK;
    case OPTION:
        p->state = DATA;
        return negotiate(p, p->verb, byte, err);
    case SUB:
        if (byte == IAC)
            p->state = SUB_IAC;
        else if (p->sub_len < SUB_MAX)
            p->sub[p->sub_len++] = byte;
        return SS_OK;
    case SUB_IAC:
        p->state = byte == IAC ? SUB : DATA;
        if (byte == IAC && p->sub_len < SUB_MAX)
            p->sub[p->sub_len++] = byte;
        if (byte == SE)
            take_sub(p);
        return SS_OK;
    }
    return SS_OK;
}

/// Takes what the connection has. *any is false if nothing came in time.
static ss_status_t pump(struct rfc2217 *p, unsigned timeout_ms, bool *any, struct ss_error *err)
{
    uint8_t bytes[4096];
    size_t n;
    ss_status_t status = ss_link_fd_read(&p->base.port, timeout_ms, bytes, sizeof bytes, &n, err);
    *any = status == SS_OK && n > 0;
    for (size_t i = 0; status == SS_OK && i < n; i++)
        status = take_byte(p, bytes[i], err);
    return status;
}

static ss_status_t read_port(struct ss_link_port *port, unsigned timeout_ms, uint8_t *out, size_t size, size_t *len,
                             struct ss_error *err)
{
    struct rfc2217 *p = (struct rfc2217 *)port;
    uint64_t now = ss_link_fd_now(port), deadline = now + timeout_ms;
    bool any = true;
    *len = 0;
    // Commands among the data do not end the waiting.
    while (p->count == 0 && (any || now < deadline)) {
        ss_status_t status = pump(p, now < deadline ? (unsigned)(deadline - now) : 0, &any, err);
        if (status != SS_OK)
            return status;
        now = ss_link_fd_now(port);
        if (now >= deadline)
            break;
    }
    *len = p->count < size ? p->count : size;
    memcpy(out, p->received + p->start, *len);
    p->count -= *len;
    p->start = p->count ? p->start + *len : 0;
    return SS_OK;
}

static ss_status_t write_port(struct ss_link_port *port, const uint8_t *in, size_t len, struct ss_error *err)
{
    uint8_t out[512];
    size_t n = 0;
    ss_status_t status = SS_OK;
    for (size_t i = 0; status == SS_OK && i < len; i++) {
        out[n++] = in[i];
        if (in[i] == IAC)
            out[n++] = IAC;
        if (n > sizeof out - 2 || i + 1 == len) {
            status = send_bytes((struct rfc2217 *)port, out, n, err);
            n = 0;
        }
    }
    return status;
}

/// A COM port command and its acknowledgement, if that comes before so many milliseconds. Data that comes in the
/// meantime is kept.
static ss_status_t send_command(struct rfc2217 *p, uint8_t number, const uint8_t *value, size_t len,
                                unsigned timeout_ms, struct ss_error *err)
{
    uint8_t line[16] = {IAC, SB, OPTION_COM_PORT, number};
    size_t n = 4;
    for (size_t i = 0; i < len; i++) {
        line[n++] = value[i];
        if (value[i] == IAC)
            line[n++] = IAC;
    }
    line[n++] = IAC;
    line[n++] = SE;
    uint64_t now = ss_link_fd_now(&p->base.port), deadline = now + timeout_ms;
    p->awaited = number;
    p->acknowledged = false;
    ss_status_t status = send_bytes(p, line, n, err);
    for (bool any; status == SS_OK && !p->acknowledged && now < deadline; now = ss_link_fd_now(&p->base.port))
        status = pump(p, (unsigned)(deadline - now), &any, err);
    p->awaited = 0;
    return status;
}

/// A command that the server must acknowledge.
static ss_status_t command(struct rfc2217 *p, uint8_t number, const uint8_t *value, size_t len, struct ss_error *err)
{
    ss_status_t status = send_command(p, number, value, len, ANSWER_MS, err);
    if (status == SS_OK && !p->acknowledged)
        return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK, "the RFC 2217 server does not acknowledge command %u",
                            number);
    return status;
}

static ss_status_t command_byte(struct rfc2217 *p, uint8_t number, uint8_t value, struct ss_error *err)
{
    return command(p, number, &value, 1, err);
}

static ss_status_t set_baud(struct ss_link_port *port, uint32_t baud, struct ss_error *err)
{
    uint8_t value[4];
    ss_put_be32(value, baud);
    return command((struct rfc2217 *)port, SET_BAUDRATE, value, sizeof value, err);
}

/// esptool's own server carries out resets by itself when it sees one begin, and acknowledges none of these commands.
static ss_status_t switch_line(struct rfc2217 *p, uint8_t value, struct ss_error *err)
{
    ss_status_t status = send_command(p, SET_CONTROL, &value, 1, p->silent_control ? 0 : CONTROL_ANSWER_MS, err);
    if (status == SS_OK && !p->acknowledged)
        p->silent_control = true;
    return status;
}

/// DTR first: between RTS alone (EN low) and DTR alone (GPIO0 low) both are on, as in the classic sequence. Only what
/// changes: to some servers a line that goes off is the end of a reset.
static ss_status_t set_lines(struct ss_link_port *port, bool dtr, bool rts, struct ss_error *err)
{
    struct rfc2217 *p = (struct rfc2217 *)port;
    ss_status_t status = SS_OK;
    if (dtr != p->dtr)
        status = switch_line(p, dtr ? CONTROL_DTR_ON : CONTROL_DTR_OFF, err);
    if (status == SS_OK && rts != p->rts)
        status = switch_line(p, rts ? CONTROL_RTS_ON : CONTROL_RTS_OFF, err);
    p->dtr = dtr;
    p->rts = rts;
    return status;
}

static ss_status_t discard(struct ss_link_port *port, struct ss_error *err)
{
    struct rfc2217 *p = (struct rfc2217 *)port;
    ss_status_t status = command_byte(p, PURGE_DATA, PURGE_RECEIVED, err);
    p->start = p->count = 0;
    return status;
}

static const struct ss_link_port_ops ops = {
    .read = read_port,
    .write = write_port,
    .set_baud = set_baud,
    .set_lines = set_lines,
    .discard_input = discard,
    .now_ms = ss_link_fd_now,
    .sleep_ms = ss_link_fd_sleep,
    .close = ss_link_fd_close,
};

/// Asks for the options and waits until the server has agreed to the one that matters.
static ss_status_t agree(struct rfc2217 *p, struct ss_error *err)
{
    static const uint8_t wishes[] = {IAC, WILL, OPTION_COM_PORT,         IAC, WILL, OPTION_BINARY,
                                     IAC, DO,   OPTION_BINARY,           IAC, WILL, OPTION_SUPPRESS_GO_AHEAD,
                                     IAC, DO,   OPTION_SUPPRESS_GO_AHEAD};
    for (size_t i = 0; i < sizeof wishes; i += 3)
        (wishes[i + 1] == WILL ? p->we : p->they)[wishes[i + 2]].asked = true;
    ss_status_t status = send_bytes(p, wishes, sizeof wishes, err);
    uint64_t now = ss_link_fd_now(&p->base.port), deadline = now + ANSWER_MS;
    for (bool any; status == SS_OK && !p->we[OPTION_COM_PORT].on && !p->refused && now < deadline;
         now = ss_link_fd_now(&p->base.port))
        status = pump(p, (unsigned)(deadline - now), &any, err);
    if (status == SS_OK && p->refused)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_LINK,
                            "the server declines RFC 2217 (COM port option)");
    if (status == SS_OK && !p->we[OPTION_COM_PORT].on)
        return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK, "the server does not speak RFC 2217");
    return status;
}

/// 115200 8N1 without flow control, both lines off.
static ss_status_t set_up(struct rfc2217 *p, struct ss_error *err)
{
    static const uint8_t settings[][2] = {
        {SET_DATASIZE, 8}, {SET_PARITY, PARITY_NONE}, {SET_STOPSIZE, 1}, {SET_CONTROL, CONTROL_NO_FLOW}};
    ss_status_t status = agree(p, err);
    if (status == SS_OK)
        status = set_baud(&p->base.port, SS_LINK_BAUD, err);
    for (size_t i = 0; status == SS_OK && i < sizeof settings / sizeof *settings; i++)
        status = command_byte(p, settings[i][0], settings[i][1], err);
    // Nobody knows how they are.
    p->dtr = p->rts = true;
    return status == SS_OK ? set_lines(&p->base.port, false, false, err) : status;
}

ss_status_t ss_link_rfc2217_start(int fd, struct ss_link_port **port, struct ss_error *err)
{
    struct rfc2217 *p = calloc(1, sizeof *p);
    if (!p) {
        close(fd);
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_LINK, "out of memory");
    }
    p->base = (struct fd_port){{.ops = &ops, .lines_apart = true}, fd};
    ss_status_t status = set_up(p, err);
    if (status == SS_OK)
        *port = &p->base.port;
    else
        ss_link_fd_close(&p->base.port);
    return status;
}

ss_status_t ss_link_rfc2217_open(const char *where, struct ss_link_port **port, struct ss_error *err)
{
    int fd;
    ss_status_t status = ss_link_tcp_connect(where, &fd, err);
    return status == SS_OK ? ss_link_rfc2217_start(fd, port, err) : status;
}
