// SPDX-License-Identifier: Apache-2.0
#include "provision/virtual_port.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "chip/loader.h"
#include "core/crypto.h"

struct virtual_port {
    struct ss_link_port base;
    struct ss_vchip *chip;
    const struct ss_boot_profile *profile;
    struct ss_loader *loader;
    bool powered;
    bool dtr, rts;
    uint64_t slept_ms;
    struct ss_boot_result boot;    ///< the last from flash
    struct ss_boot_result current; ///< any
    uint8_t *out;                  ///< what the chip has sent and nobody has read
    size_t out_start, out_len, out_room;
};

static struct virtual_port *self(struct ss_link_port *port)
{
    return (struct virtual_port *)port;
}

static void send(void *context, const uint8_t *bytes, size_t len)
{
    struct virtual_port *v = context;
    if (v->out_start + v->out_len + len > v->out_room) {
        size_t room = 2 * (v->out_len + len) + 4096;
        uint8_t *grown = malloc(room);
        if (!grown)
            return; // lost, as a UART loses bytes that nobody fetches
        if (v->out_len)
            memcpy(grown, v->out + v->out_start, v->out_len);
        ss_wipe(v->out, v->out_room);
        free(v->out);
        v->out = grown;
        v->out_start = 0;
        v->out_room = room;
    }
    memcpy(v->out + v->out_start + v->out_len, bytes, len);
    v->out_len += len;
}

static void say(void *context, const char *line)
{
    send(context, (const uint8_t *)line, strlen(line));
    send(context, (const uint8_t *)"\r\n", 2);
}

static void lose_power(struct virtual_port *v)
{
    v->powered = false;
    ss_loader_reset(v->loader);
}

static void reset(struct virtual_port *v, bool strap_low)
{
    v->chip->strap_download = strap_low;
    ss_loader_reset(v->loader);
    if (ss_chip_boot(v->chip, v->profile, NULL, say, v, &v->current, NULL) != SS_OK ||
        v->current.outcome == SS_OUTCOME_POWER_LOST)
        lose_power(v);
    if (v->current.outcome != SS_OUTCOME_DOWNLOAD)
        v->boot = v->current;
}

/// False if the power failed on the way. The only place, beside ss_chip_boot(), where a cut comes out.
static bool feed(struct virtual_port *v, const uint8_t *bytes, size_t len)
{
    jmp_buf off;
    v->chip->power.off = &off;
    volatile bool done = false;
    if (setjmp(off) == 0) {
        ss_loader_take(v->loader, bytes, len);
        done = true;
    }
    v->chip->power.off = NULL;
    return done;
}

static ss_status_t port_read(struct ss_link_port *port, unsigned timeout_ms, uint8_t *out, size_t size, size_t *len,
                             struct ss_error *err)
{
    (void)err;
    struct virtual_port *v = self(port);
    *len = v->out_len < size ? v->out_len : size;
    if (*len == 0) {
        v->slept_ms += timeout_ms;
        return SS_OK;
    }
    memcpy(out, v->out + v->out_start, *len);
    v->out_start += *len;
    v->out_len -= *len;
    if (v->out_len == 0)
        v->out_start = 0;
    return SS_OK;
}

static bool held_in_reset(const struct virtual_port *v)
{
    return v->rts && !v->dtr;
}

static ss_status_t port_write(struct ss_link_port *port, const uint8_t *in, size_t len, struct ss_error *err)
{
    (void)err;
    struct virtual_port *v = self(port);
    if (!v->powered || held_in_reset(v) || !v->chip->in_download)
        return SS_OK;
    if (!feed(v, in, len))
        lose_power(v);
    else if (ss_loader_mode(v->loader) == SS_LOADER_RESET || ss_loader_mode(v->loader) == SS_LOADER_FLASH)
        reset(v, false);
    return SS_OK;
}

static ss_status_t port_set_baud(struct ss_link_port *port, uint32_t baud, struct ss_error *err)
{
    (void)err;
    ss_loader_set_baud(self(port)->loader, baud);
    return SS_OK;
}

static ss_status_t port_set_lines(struct ss_link_port *port, bool dtr, bool rts, struct ss_error *err)
{
    (void)err;
    struct virtual_port *v = self(port);
    bool was_held = held_in_reset(v);
    v->dtr = dtr;
    v->rts = rts;
    if (v->powered && was_held && !held_in_reset(v))
        reset(v, dtr && !rts);
    return SS_OK;
}

static ss_status_t port_discard_input(struct ss_link_port *port, struct ss_error *err)
{
    (void)err;
    self(port)->out_start = self(port)->out_len = 0;
    return SS_OK;
}

static uint64_t port_now_ms(struct ss_link_port *port)
{
    return self(port)->slept_ms + self(port)->chip->power.time_us / 1000;
}

static void port_sleep_ms(struct ss_link_port *port, unsigned ms)
{
    self(port)->slept_ms += ms;
}

static void port_close(struct ss_link_port *port)
{
    struct virtual_port *v = self(port);
    ss_loader_free(v->loader);
    // Answers may hold a key that was read back.
    ss_wipe(v->out, v->out_room);
    free(v->out);
    free(v);
}

static const struct ss_link_port_ops ops = {
    .read = port_read,
    .write = port_write,
    .set_baud = port_set_baud,
    .set_lines = port_set_lines,
    .discard_input = port_discard_input,
    .now_ms = port_now_ms,
    .sleep_ms = port_sleep_ms,
    .close = port_close,
};

ss_status_t ss_virtual_port_new(struct ss_vchip *chip, const struct ss_boot_profile *profile, bool download,
                                struct ss_link_port **port, struct ss_error *err)
{
    struct virtual_port *v = calloc(1, sizeof *v);
    *port = NULL;
    if (!v)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory for a virtual port");
    *v = (struct virtual_port){.base.ops = &ops, .chip = chip, .profile = profile, .powered = true};
    ss_status_t status = ss_loader_new(chip, send, v, &v->loader, err);
    if (status != SS_OK) {
        free(v);
        return status;
    }
    reset(v, download);
    *port = &v->base;
    return SS_OK;
}

const struct ss_boot_result *ss_virtual_port_boot(const struct ss_link_port *port)
{
    return &((const struct virtual_port *)port)->boot;
}
