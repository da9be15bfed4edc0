// SPDX-License-Identifier: Apache-2.0
// From a port to a loader that answers.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/link_parts.h"

enum {
    ATTEMPTS = 7,
    ATTEMPTS_UNRESET = 2, ///< nothing changes between them
    SYNC_TRIES = 5,
    EN_LOW_MS = 100,
    BOOT_TEXT = 512,    ///< bytes of the boot log that are looked at
    BOOT_QUIET_MS = 20, ///< the log has ended when nothing came for so long
    BAUD_SETTLE_MS = 50,
};

/// How DTR and RTS make GPIO0 low at the moment when EN rises; esptool's documentation, "Advanced Options", custom reset
/// sequence: classic and Unix tight.
struct sequence {
    bool tight;       ///< both lines at once, for which neither is ever released alone
    unsigned hold_ms; ///< GPIO0 stays low so long; boards with a big capacitor at EN need more
};

static const struct sequence sequences[] = {{true, 50}, {true, 550}, {false, 50}, {false, 550}};
#define SEQUENCES     (sizeof sequences / sizeof *sequences)
#define FIRST_CLASSIC 2

/// What a try to connect has seen, for a message that helps.
struct seen {
    bool other_boot; ///< the ROM's log of another boot mode
    bool download;   ///< the ROM says that it waits for download
    bool bytes;      ///< something came
    char mode[16];   ///< "0x13"
};

ss_status_t ss_link_new(struct ss_link_port *port, const struct ss_link_options *options, struct ss_link **link,
                        struct ss_error *err)
{
    *link = NULL;
    if (options && options->baud && (options->baud < 300 || options->baud > SS_LINK_BAUD_MAX))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_LINK, "rate %u is not within 300 to %u",
                            (unsigned)options->baud, SS_LINK_BAUD_MAX);
    struct ss_link *l = calloc(1, sizeof *l);
    if (!l)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_LINK, "out of memory for a serial link");
    l->port = port;
    if (options)
        l->options = *options;
    l->baud = SS_LINK_BAUD;
    l->slip.frame = l->frame;
    l->slip.size = sizeof l->frame;
    *link = l;
    return SS_OK;
}

const struct ss_link_chip *ss_link_chip(const struct ss_link *l)
{
    return l->connected ? &l->chip : NULL;
}

ss_status_t ss_link_set_baud(struct ss_link *l, uint32_t baud, struct ss_error *err)
{
    ss_status_t status = l->port->ops->set_baud ? l->port->ops->set_baud(l->port, baud, err) : SS_OK;
    if (status == SS_OK)
        l->baud = baud;
    return status;
}

static ss_status_t set_lines(struct ss_link *l, bool dtr, bool rts, struct ss_error *err)
{
    return l->port->ops->set_lines(l->port, dtr, rts, err);
}

static ss_status_t reset_by_lines(struct ss_link *l, const struct sequence *s, struct ss_error *err)
{
    ss_status_t status = set_lines(l, false, false, err);
    if (status == SS_OK && s->tight)
        status = set_lines(l, true, true, err);
    if (status == SS_OK)
        status = set_lines(l, false, true, err);
    link_sleep(l, EN_LOW_MS);
    // One after the other both are on in between, which releases EN, and a capacitor holds it low.
    if (status == SS_OK && !s->tight)
        status = set_lines(l, true, true, err);
    if (status == SS_OK)
        status = set_lines(l, true, false, err);
    link_sleep(l, s->hold_ms);
    return status == SS_OK ? set_lines(l, false, false, err) : status;
}

static bool can_reset(const struct ss_link *l)
{
    return !l->options.no_reset && (l->options.reset || l->port->ops->set_lines);
}

static ss_status_t reset(struct ss_link *l, unsigned attempt, struct ss_error *err)
{
    ss_status_t status = ss_link_discard(l, err);
    if (status != SS_OK || l->options.no_reset)
        return status;
    if (l->options.reset)
        return l->options.reset(l->options.reset_context, SS_LINK_BOOT_DOWNLOAD, err);
    if (!l->port->ops->set_lines)
        return SS_OK;
    size_t first = l->port->lines_apart ? FIRST_CLASSIC : 0;
    return reset_by_lines(l, &sequences[first + attempt % (SEQUENCES - first)], err);
}

static void look_at_log(struct seen *seen, const char *text)
{
    const char *boot = strstr(text, "boot:0x");
    seen->bytes = seen->bytes || *text;
    if (!boot)
        return;
    seen->download = strstr(boot, "waiting for download") != NULL;
    seen->other_boot = !seen->download;
    snprintf(seen->mode, sizeof seen->mode, "%.*s", (int)strspn(boot + 5, "0123456789abcdefxABCDEFX"), boot + 5);
}

/// What the chip says after a reset tells why it does not answer, if it does not.
static ss_status_t read_log(struct ss_link *l, struct seen *seen, struct ss_error *err)
{
    char text[BOOT_TEXT + 1];
    size_t len = 0, n = 1;
    ss_status_t status = SS_OK;
    while (status == SS_OK && n > 0 && len < BOOT_TEXT) {
        status = l->port->ops->read(l->port, BOOT_QUIET_MS, (uint8_t *)text + len, BOOT_TEXT - len, &n, err);
        len += status == SS_OK ? n : 0;
    }
    for (size_t i = 0; i < len; i++)
        if (!text[i])
            text[i] = ' '; // noise
    text[len] = '\0';
    look_at_log(seen, text);
    return status;
}

static ss_status_t no_answer(const struct ss_link *l, const struct seen *seen, struct ss_error *err)
{
    if (seen->download)
        return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK,
                            "the chip says that it waits for download, but does not hear what is sent to it");
    if (seen->other_boot)
        return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK,
                            "the chip was reset, but started in boot mode %s and not its serial loader", seen->mode);
    if (seen->bytes)
        return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK, "something talks on the line, but no serial loader");
    return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK, "no chip answers%s",
                        can_reset(l) ? "" : " (it was not reset: the port has no way to)");
}

static ss_status_t knock(struct ss_link *l, struct ss_error *err)
{
    struct seen seen = {0};
    unsigned attempts = l->options.attempts ? l->options.attempts : can_reset(l) ? ATTEMPTS : ATTEMPTS_UNRESET;
    for (unsigned i = 0; i < attempts; i++) {
        ss_status_t status = reset(l, i, err);
        if (status == SS_OK && !l->options.no_reset)
            status = read_log(l, &seen, err);
        if (status == SS_OK)
            status = ss_link_synchronise(l, SYNC_TRIES, err);
        if (status != SS_ERROR_TIMEOUT && status != SS_ERROR_DATA_INVALID)
            return status;
    }
    return no_answer(l, &seen, err);
}

/// The ROM takes the crystal's frequency from a measurement with its 8 MHz oscillator, which drifts, and so runs at
/// another rate than asked for; this is the rate to ask for. esptool does the same.
static ss_status_t rate_for_rom(struct ss_link *l, uint32_t baud, uint32_t *ask, struct ss_error *err)
{
    uint32_t cali, word4;
    ss_status_t status = ss_link_read_reg(l, SS_REG_RTC_CALI, &cali, err);
    if (status == SS_OK)
        status = ss_link_read_efuse_word(l, 0, 4, &word4, err);
    if (status != SS_OK)
        return status;
    uint64_t measured = (uint64_t)(cali >> SS_RTC_CALI_SHIFT) * SS_RTC_CALI_CONSTANT * (word4 & 0xFF) / 40;
    uint64_t crystal = measured > 33000000 ? 40000000 : 26000000;
    uint64_t corrected = baud * measured / crystal;
    // Beyond what an oscillator drifts it is no measurement.
    bool plausible = corrected > baud / 4 * 3 && corrected < baud / 4 * 5;
    *ask = plausible ? (uint32_t)corrected : baud;
    return SS_OK;
}

static ss_status_t ask_for_baud(struct ss_link *l, uint32_t baud, struct ss_error *err)
{
    uint8_t body[8] = {0};
    uint32_t ask;
    ss_status_t status = rate_for_rom(l, baud, &ask, err);
    if (status != SS_OK)
        return status;
    ss_put_le32(body, ask);
    const struct link_request rq = {.op = SS_OP_CHANGE_BAUDRATE, .body = body, .len = sizeof body};
    return ss_link_command(l, &rq, NULL, err);
}

static ss_status_t change_baud(struct ss_link *l, uint32_t baud, struct ss_error *err)
{
    ss_status_t status = ask_for_baud(l, baud, err);
    if (status == SS_OK)
        status = ss_link_set_baud(l, baud, err);
    if (status != SS_OK)
        return status;
    link_sleep(l, BAUD_SETTLE_MS);
    status = ss_link_synchronise(l, SYNC_TRIES, err);
    if (status == SS_ERROR_TIMEOUT || status == SS_ERROR_DATA_INVALID)
        status =
            ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK, "the chip does not answer at %u baud", (unsigned)baud);
    return status;
}

ss_status_t ss_link_connect(struct ss_link *l, struct ss_error *err)
{
    l->connected = l->attached = l->stub = l->identified = false;
    memset(&l->chip, 0, sizeof l->chip);
    ss_status_t status = ss_link_set_baud(l, SS_LINK_BAUD, err);
    if (status == SS_OK)
        status = knock(l, err);
    if (status == SS_OK && l->stub)
        status = ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_LINK,
                              "a flasher stub runs in the chip, not the loader of its ROM");
    l->connected = status == SS_OK;
    if (status == SS_OK)
        status = ss_link_detect(l, err);
    if (status == SS_OK && l->options.baud && l->options.baud != l->baud && l->port->ops->set_baud)
        status = change_baud(l, l->options.baud, err);
    l->connected = status == SS_OK;
    return status;
}

void ss_link_free(struct ss_link *l)
{
    if (!l)
        return;
    // Who comes next begins at that rate, and cannot reset the chip to it either.
    if (l->connected && l->baud != SS_LINK_BAUD && !can_reset(l) && ask_for_baud(l, SS_LINK_BAUD, NULL) != SS_OK)
        l->connected = false;
    ss_link_port_close(l->port);
    ss_wipe(l, sizeof *l);
    free(l);
}
