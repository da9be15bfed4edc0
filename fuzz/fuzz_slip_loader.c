// SPDX-License-Identifier: Apache-2.0
// The serial loader. The first byte says what to start with (bit 0: the stub runs, bit 1: flash is attached, bit 2: a
// flash key is burned, bit 3: the rest is requests, not bytes of the line). Requests are u8 operation, u8 length of the
// body and the body; framing and checksum are made here, so that mutations reach the commands.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "chip/loader.h"
#include "core/bytes.h"
#include "core/slip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { STUB = 1, ATTACHED = 2, KEY = 4, REQUESTS = 8, BODY_MAX = 255 };

static void must(int condition)
{
    if (!condition)
        abort();
}

/// Whatever comes back has to be frames.
static void check_answer(void *context, const uint8_t *bytes, size_t len)
{
    (void)context;
    must(len >= 2 && bytes[0] == 0xC0 && bytes[len - 1] == 0xC0);
    must(!memchr(bytes + 1, 0xC0, len - 2));
}

static void send_request(struct ss_loader *loader, uint8_t op, const uint8_t *body, size_t len)
{
    uint8_t request[8 + BODY_MAX] = {0, op, (uint8_t)len}, line[SS_SLIP_ENCODED_MAX(8 + BODY_MAX)];
    uint8_t sum = 0xEF;
    for (size_t i = 16; i < len; i++)
        sum ^= body[i];
    request[4] = sum;
    memcpy(request + 8, body, len);
    // The length of a block's data is what follows its header.
    bool block = op == 0x03 || op == 0x07 || op == 0x11 || op == 0xD4;
    if (block && len >= 16)
        ss_put_le32(request + 8, (uint32_t)len - 16);
    ss_loader_take(loader, line, ss_slip_encode(request, 8 + len, line));
}

static void prepare(struct ss_loader *loader, struct ss_vchip *chip, uint8_t flags)
{
    static const uint8_t begin[16] = {4, 0, 0, 0, 1, 0, 0, 0, 4}, stub[20] = {[16] = 'O', 'H', 'A', 'I'}, none[8] = {0};
    if (flags & KEY)
        memset(chip->silicon->words + 7, 0xA5, 32);
    if (flags & ATTACHED)
        send_request(loader, 0x0D, none, sizeof none);
    if (flags & STUB) {
        send_request(loader, 0x05, begin, sizeof begin);
        send_request(loader, 0x07, stub, sizeof stub);
        send_request(loader, 0x06, none, sizeof none);
        must(ss_loader_mode(loader) == SS_LOADER_STUB);
    }
}

static void run(struct ss_loader *loader, const uint8_t *data, size_t len, uint8_t flags)
{
    if (!(flags & REQUESTS)) {
        ss_loader_take(loader, data, len);
        return;
    }
    while (len >= 2) {
        size_t n = data[1] < len - 2 ? data[1] : len - 2;
        send_request(loader, data[0], data + 2, n);
        if (ss_loader_mode(loader) > SS_LOADER_STUB)
            ss_loader_reset(loader);
        data += 2 + n;
        len -= 2 + n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chip;
    struct ss_loader *loader;
    struct ss_error err;
    options.flash_size = 1u << 20;
    if (len < 1)
        return 0;
    must(ss_chip_new(&options, &chip, &err) == SS_OK);
    chip->strap_download = true;
    ss_chip_reset(chip);
    must(ss_loader_new(chip, check_answer, NULL, &loader, &err) == SS_OK);
    struct ss_efuse before = *chip->silicon;
    prepare(loader, chip, data[0]);
    run(loader, data + 1, len - 1, data[0]);
    for (size_t i = 0; i < SS_EFUSE_WORDS; i++)
        must((before.words[i] & ~chip->silicon->words[i]) == 0);
    must(ss_loader_baud(loader) != 0);
    ss_loader_free(loader);
    ss_chip_free(chip);
    return 0;
}
