// SPDX-License-Identifier: Apache-2.0
// A client of RFC 2217, in segments: u8 length and so many bytes. What comes back has to be telnet again.
#include <stdlib.h>
#include <string.h>

#include "chip/serve_parts.h"
#include "core/rfc2217.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

/// Commands are whole, and 0xFF is data only when it is doubled.
static void check_answer(const uint8_t *bytes, size_t len)
{
    bool inside = false;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != IAC)
            continue;
        must(++i < len);
        if (bytes[i] >= WILL && bytes[i] <= DONT)
            must(!inside && ++i < len);
        else if (bytes[i] == SB || bytes[i] == SE)
            must((inside = !inside) == (bytes[i] == SB));
        else
            must(bytes[i] == IAC);
    }
    must(!inside);
}

static void write_line(void *context, const uint8_t *bytes, size_t len)
{
    port_send(context, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    // Nothing is written to line 0 here: answers are collected.
    struct port p = {.options.kind = SS_SERVE_RFC2217, .line_fd = 0, .powered = true};
    struct ss_error err;
    options.flash_size = 1u << 20;
    must(ss_chip_new(&options, &p.chip, &err) == SS_OK);
    must(ss_loader_new(p.chip, write_line, &p, &p.loader, &err) == SS_OK);
    struct ss_efuse before = *p.chip->silicon;
    telnet_start(&p);
    while (len > 0) {
        size_t n = data[0] < len - 1 ? data[0] : len - 1;
        telnet_take(&p, data + 1, n);
        if (p.out.len)
            check_answer(p.out.bytes + p.out.start, p.out.len);
        port_drop_output(&p);
        data += 1 + n;
        len -= 1 + n;
    }
    for (size_t i = 0; i < SS_EFUSE_WORDS; i++)
        must((before.words[i] & ~p.chip->silicon->words[i]) == 0);
    must(ss_loader_baud(p.loader) != 0);
    ss_loader_free(p.loader);
    ss_chip_free(p.chip);
    free(p.out.bytes);
    return 0;
}
