// SPDX-License-Identifier: Apache-2.0
// The client of the ROM loader, in front of a virtual chip whose line lies. First byte: bit 7: an RFC 2217 server
// instead, whose messages are u8 length and bytes; bits 0 to 2: what is done once connected; bit 3: 3/4 coding; bit 4:
// the line is good once the input is used up, else it is dead; bit 5: the input begins when the chip is connected.
// Then, for each request, a byte: below 160 it passes, below 180 it is lost, below 200 its answer is lost; below 230
// byte (and seven bits) of its answer is changed as the next two bytes say; else so many bytes less 229 of the input
// are the answer.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chip/chip.h"
#include "link/port_parts.h"
#include "provision/virtual_port.h"
#include "slotseal/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { WORK = 7, CODED = 8, GOOD_END = 16, LATE = 32, SERVER = 128, OUT_MAX = 1 << 16 };

struct liar {
    struct ss_link_port port;
    struct ss_link_port *inner;
    const uint8_t *data;
    size_t len;
    bool good_end, on, lied;
    uint64_t now_ms;
    uint8_t out[OUT_MAX];
    size_t out_len, out_at;
};

static struct ss_vchip *chips[2];

static void must(int condition)
{
    if (!condition)
        abort();
}

static uint8_t next(struct liar *p)
{
    if (p->len == 0)
        return 0;
    p->len--;
    return *p->data++;
}

static void collect(struct liar *p, bool keep, bool change)
{
    size_t n = 1, start = p->out_len;
    uint8_t waste[512];
    while (n > 0)
        if (keep && p->out_len < OUT_MAX) {
            must(p->inner->ops->read(p->inner, 0, p->out + p->out_len, OUT_MAX - p->out_len, &n, NULL) == SS_OK);
            p->out_len += n;
        } else {
            must(p->inner->ops->read(p->inner, 0, waste, sizeof waste, &n, NULL) == SS_OK);
        }
    if (change && p->out_len > start) {
        size_t at = start + next(p) % (p->out_len - start);
        p->out[at] ^= next(p);
        p->lied = true;
    }
}

static void answer_from_input(struct liar *p, size_t n)
{
    n = n < p->len ? n : p->len;
    n = n < OUT_MAX - p->out_len ? n : OUT_MAX - p->out_len;
    memcpy(p->out + p->out_len, p->data, n);
    p->out_len += n;
    p->data += n;
    p->len -= n;
    p->lied = true;
}

static ss_status_t write_port(struct ss_link_port *port, const uint8_t *in, size_t len, struct ss_error *err)
{
    struct liar *p = (struct liar *)port;
    bool used_up = p->on && p->len == 0;
    uint8_t what = p->on && !used_up ? next(p) : used_up && !p->good_end ? 170 : 0;
    if (what >= 230) {
        answer_from_input(p, what - 229u);
        return SS_OK;
    }
    if (what >= 160 && what < 180)
        return SS_OK;
    ss_status_t status = p->inner->ops->write(p->inner, in, len, err);
    collect(p, what < 160 || what >= 200, what >= 200);
    return status;
}

static ss_status_t read_port(struct ss_link_port *port, unsigned timeout_ms, uint8_t *out, size_t size, size_t *len,
                             struct ss_error *err)
{
    struct liar *p = (struct liar *)port;
    (void)err;
    *len = p->out_len - p->out_at < size ? p->out_len - p->out_at : size;
    if (*len)
        memcpy(out, p->out + p->out_at, *len);
    else
        p->now_ms += timeout_ms;
    p->out_at += *len;
    if (p->out_at == p->out_len)
        p->out_at = p->out_len = 0;
    return SS_OK;
}

static ss_status_t set_baud(struct ss_link_port *port, uint32_t baud, struct ss_error *err)
{
    return ((struct liar *)port)->inner->ops->set_baud(((struct liar *)port)->inner, baud, err);
}

static ss_status_t set_lines(struct ss_link_port *port, bool dtr, bool rts, struct ss_error *err)
{
    struct liar *p = (struct liar *)port;
    ss_status_t status = p->inner->ops->set_lines(p->inner, dtr, rts, err);
    collect(p, true, false);
    return status;
}

static ss_status_t discard(struct ss_link_port *port, struct ss_error *err)
{
    struct liar *p = (struct liar *)port;
    p->out_at = p->out_len = 0;
    return p->inner->ops->discard_input(p->inner, err);
}

static uint64_t now_ms(struct ss_link_port *port)
{
    return ((struct liar *)port)->now_ms;
}

static void sleep_ms(struct ss_link_port *port, unsigned ms)
{
    ((struct liar *)port)->now_ms += ms;
}

static void close_port(struct ss_link_port *port)
{
    ss_link_port_close(((struct liar *)port)->inner);
    free(port);
}

static const struct ss_link_port_ops ops = {
    .read = read_port,
    .write = write_port,
    .set_baud = set_baud,
    .set_lines = set_lines,
    .discard_input = discard,
    .now_ms = now_ms,
    .sleep_ms = sleep_ms,
    .close = close_port,
};

static void burn(struct ss_link *link, struct ss_vchip *chip)
{
    struct ss_link_efuses now;
    struct ss_link_burned burned;
    uint32_t words[8];
    uint8_t key[32];
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 71 + 3);
    if (ss_link_efuse_read(link, &now, NULL) != SS_OK)
        return;
    struct ss_efuse wanted = now.silicon;
    enum ss_efuse_coding coding = ss_efuse_coding(&wanted);
    if (ss_efuse_key_to_words(key, coding == SS_EFUSE_CODING_34 ? 24 : 32, coding, words, NULL) != SS_OK ||
        ss_efuse_burn_block(&wanted, 1, words, NULL) != SS_OK ||
        ss_efuse_burn(&wanted, ss_efuse_field_find("JTAG_DISABLE"), 1, NULL) != SS_OK ||
        ss_efuse_burn(&wanted, ss_efuse_field_find("RD_DIS"), 1, NULL) != SS_OK)
        return;
    uint64_t before = chip->efuse.burns;
    ss_status_t status = ss_link_efuse_burn(link, &wanted, &burned, NULL);
    must(burned.started || chip->efuse.burns == before);
    must(status != SS_OK || burned.rounds > 0);
}

static void work(struct ss_link *link, struct ss_vchip *chip, unsigned what, const struct liar *p)
{
    static uint8_t bytes[6000], back[6000];
    struct ss_link_flash flash;
    size_t len;
    enum ss_link_log_end end;
    ss_status_t status = SS_ERROR_GENERIC;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 64 < 40 ? i / 64 : i * i);
    switch (what) {
    case 0:
        status = ss_link_flash_identify(link, &flash, NULL);
        must(status != SS_OK || flash.size > 0);
        return;
    case 1:
    case 2:
        status = ss_link_flash_write(link, 0x1000, bytes, sizeof bytes, what - 1, NULL, NULL);
        must(status != SS_OK || p->lied || !memcmp(chip->flash.data + 0x1000, bytes, sizeof bytes));
        return;
    case 3:
        status = ss_link_flash_read(link, 0x1000, back, 1000, NULL);
        must(status != SS_OK || p->lied || !memcmp(chip->flash.data + 0x1000, back, 1000));
        return;
    case 4:
        status = ss_link_flash_erase(link, 0x1000, 0x2000, NULL);
        must(status != SS_OK || p->lied || chip->flash.data[0x1000] == 0xFF);
        return;
    case 5:
        if (ss_link_run(link, NULL) == SS_OK)
            status = ss_link_boot_log(link, NULL, (char *)back, sizeof back, &len, &end, NULL);
        must(status != SS_OK || len == strlen((char *)back));
        return;
    default:
        burn(link, chip);
    }
}

static void lie(const uint8_t *data, size_t len, uint8_t flags)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip = NULL;
    struct ss_link *link;
    struct liar *p = calloc(1, sizeof *p);
    bool coded = flags & CODED;
    options.flash_size = 1 << 20;
    options.coding = coded ? SS_EFUSE_CODING_34 : SS_EFUSE_CODING_NONE;
    if (!chips[coded])
        must(ss_chip_new(&options, &chips[coded], NULL) == SS_OK);
    must(p && ss_chip_clone(chips[coded], &chip, NULL) == SS_OK);
    must(ss_virtual_port_new(chip, NULL, true, &p->inner, NULL) == SS_OK);
    p->port.ops = &ops;
    p->data = data;
    p->len = len;
    p->good_end = flags & GOOD_END;
    p->on = !(flags & LATE);
    must(ss_link_new(&p->port, &(struct ss_link_options){.attempts = 2, .baud = 921600}, &link, NULL) == SS_OK);
    if (ss_link_connect(link, NULL) == SS_OK) {
        p->on = true;
        work(link, chip, flags & WORK, p);
    }
    ss_link_free(link);
    ss_chip_free(chip);
}

/// One message a read, so that acknowledgements can follow the commands.
static void serve(const uint8_t *data, size_t len)
{
    int fds[2];
    struct ss_link_port *port = NULL;
    uint8_t back[64];
    size_t got = 1;
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == 0);
    while (len > 1) {
        size_t n = data[0] < len - 1 ? data[0] : len - 1;
        if (n && send(fds[1], data + 1, n, MSG_NOSIGNAL) < 0)
            break;
        data += 1 + n;
        len -= 1 + n;
    }
    shutdown(fds[1], SHUT_WR);
    if (ss_link_rfc2217_start(fds[0], &port, NULL) == SS_OK)
        while (port->ops->read(port, 0, back, sizeof back, &got, NULL) == SS_OK && got > 0)
            ;
    ss_link_port_close(port);
    close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1)
        return 0;
    if (data[0] & SERVER)
        serve(data + 1, len - 1);
    else
        lie(data + 1, len - 1, data[0]);
    return 0;
}
