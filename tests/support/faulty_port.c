// SPDX-License-Identifier: Apache-2.0
#include "support/faulty_port.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/slip.h"
#include "slotseal/error.h"

enum { PACKET_MAX = 0x5000, ANSWER_MAX = 256 };

static struct faulty_port *self(struct ss_link_port *port)
{
    return (struct faulty_port *)port;
}

void faulty_say(struct faulty_port *f, const void *bytes, size_t len)
{
    f->out = realloc(f->out, f->out_len + len + 1);
    if (!f->out)
        abort();
    memcpy(f->out + f->out_len, bytes, len);
    f->out_len += len;
}

static void say_frame(struct faulty_port *f, const uint8_t *packet, size_t len)
{
    uint8_t line[SS_SLIP_ENCODED_MAX(PACKET_MAX)];
    faulty_say(f, line, ss_slip_encode(packet, len, line));
}

void faulty_answer(struct faulty_port *f, uint8_t op, uint32_t value, const void *data, size_t len, uint8_t error)
{
    uint8_t packet[8 + ANSWER_MAX + 4] = {1, op};
    ss_put_le16(packet + 2, (uint16_t)(len + 4));
    ss_put_le32(packet + 4, value);
    if (len)
        memcpy(packet + 8, data, len);
    packet[8 + len] = error != 0;
    packet[8 + len + 1] = error;
    say_frame(f, packet, 8 + len + 4);
}

static ss_status_t gone(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_LINK, "the port is gone: unplugged");
}

static uint64_t now_ms(struct ss_link_port *port)
{
    struct faulty_port *f = self(port);
    return f->now_ms + (f->inner ? f->inner->ops->now_ms(f->inner) : 0);
}

static void sleep_ms(struct ss_link_port *port, unsigned ms)
{
    self(port)->now_ms += ms;
}

/// What the chip has said goes through on_answer, frame by frame; what is no frame goes through as it is.
static void fetch(struct faulty_port *f, bool keep)
{
    uint8_t bytes[4096], packet[PACKET_MAX + ANSWER_MAX];
    struct ss_slip slip = {.frame = packet, .size = PACKET_MAX};
    size_t n = 1;
    while (f->inner && n > 0) {
        if (f->inner->ops->read(f->inner, 0, bytes, sizeof bytes, &n, NULL) != SS_OK)
            return;
        for (size_t i = 0; i < n && keep; i++) {
            bool outside = !slip.inside && bytes[i] != 0xC0;
            if (outside)
                faulty_say(f, bytes + i, 1);
            if (!ss_slip_take(&slip, bytes[i]))
                continue;
            size_t len = f->on_answer ? f->on_answer(f, packet, slip.len) : slip.len;
            if (len)
                say_frame(f, packet, len);
        }
    }
}

static ss_status_t read_port(struct ss_link_port *port, unsigned timeout_ms, uint8_t *out, size_t size, size_t *len,
                             struct ss_error *err)
{
    struct faulty_port *f = self(port);
    *len = 0;
    if (f->unplugged)
        return gone(err);
    fetch(f, true);
    *len = f->out_len - f->out_at < size ? f->out_len - f->out_at : size;
    if (*len == 0)
        f->now_ms += timeout_ms;
    else
        memcpy(out, f->out + f->out_at, *len);
    f->out_at += *len;
    if (f->out_at == f->out_len)
        f->out_at = f->out_len = 0;
    return SS_OK;
}

static void pass_on(struct faulty_port *f, uint8_t *packet, size_t len)
{
    uint8_t line[SS_SLIP_ENCODED_MAX(PACKET_MAX)];
    if (f->inner && f->inner->ops->write(f->inner, line, ss_slip_encode(packet, len, line), NULL) != SS_OK)
        abort();
}

static ss_status_t write_port(struct ss_link_port *port, const uint8_t *in, size_t len, struct ss_error *err)
{
    struct faulty_port *f = self(port);
    uint8_t packet[PACKET_MAX];
    struct ss_slip slip = {.frame = packet, .size = sizeof packet};
    for (size_t i = 0; i < len && !f->unplugged; i++) {
        if (!ss_slip_take(&slip, in[i]))
            continue;
        f->requests[packet[1]]++;
        enum faulty_fate fate = f->on_request ? f->on_request(f, packet[1], packet + 8, slip.len - 8) : FAULTY_PASS;
        f->unplugged = fate == FAULTY_UNPLUG;
        if (fate == FAULTY_PASS || fate == FAULTY_NO_ANSWER)
            pass_on(f, packet, slip.len);
        if (fate == FAULTY_NO_ANSWER)
            fetch(f, false);
    }
    return f->unplugged ? gone(err) : SS_OK;
}

static ss_status_t set_baud(struct ss_link_port *port, uint32_t baud, struct ss_error *err)
{
    struct faulty_port *f = self(port);
    return f->inner && f->inner->ops->set_baud ? f->inner->ops->set_baud(f->inner, baud, err) : SS_OK;
}

static ss_status_t set_lines(struct ss_link_port *port, bool dtr, bool rts, struct ss_error *err)
{
    struct faulty_port *f = self(port);
    if (f->unplugged)
        return gone(err);
    if (!rts && !dtr && f->on_boot)
        faulty_say(f, f->on_boot, strlen(f->on_boot));
    return f->inner ? f->inner->ops->set_lines(f->inner, dtr, rts, err) : SS_OK;
}

static ss_status_t discard(struct ss_link_port *port, struct ss_error *err)
{
    struct faulty_port *f = self(port);
    if (f->unplugged)
        return gone(err);
    f->out_at = f->out_len = 0;
    return f->inner ? f->inner->ops->discard_input(f->inner, err) : SS_OK;
}

static void close_port(struct ss_link_port *port)
{
    struct faulty_port *f = self(port);
    ss_link_port_close(f->inner);
    free(f->out);
    free(f);
}

static const struct ss_link_port_ops with_lines = {
    .read = read_port,
    .write = write_port,
    .set_baud = set_baud,
    .set_lines = set_lines,
    .discard_input = discard,
    .now_ms = now_ms,
    .sleep_ms = sleep_ms,
    .close = close_port,
};
static const struct ss_link_port_ops without_lines = {
    .read = read_port,
    .write = write_port,
    .discard_input = discard,
    .now_ms = now_ms,
    .sleep_ms = sleep_ms,
    .close = close_port,
};

struct faulty_port *faulty_port_new(struct ss_link_port *inner, bool lines)
{
    struct faulty_port *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->port.ops = lines ? &with_lines : &without_lines;
    f->inner = inner;
    return f;
}
