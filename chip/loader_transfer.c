// SPDX-License-Identifier: Apache-2.0
// Data on its way into flash or RAM: BEGIN, any number of DATA, END.
#include <string.h>

#include "chip/loader_parts.h"
#include "core/bytes.h"

static bool is_stub(const struct ss_loader *l)
{
    return l->mode == SS_LOADER_STUB;
}

void loader_abort(struct ss_loader *l)
{
    if (l->transfer.inflating)
        inflateEnd(&l->transfer.z);
    ss_wipe(&l->transfer, sizeof l->transfer);
}

static void erase(struct ss_loader *l, uint32_t from, uint32_t to)
{
    if (from < to)
        ss_flash_erase(&l->chip->flash, from, to - from);
}

/// The ROM erases now what the first word says; the stub, sector by sector, just before it writes.
static enum failure begin_flash(struct ss_loader *l, const struct request *rq)
{
    struct transfer *t = &l->transfer;
    uint32_t size = loader_word(rq, 0), address = loader_word(rq, 3);
    if (!l->registers.flash_attached || !loader_in_flash(l, address, size))
        return FAILED_OPERATION;
    t->erased_to = address & ~(SS_FLASH_SECTOR - 1);
    if (is_stub(l)) {
        t->remaining = size;
        t->encrypted = rq->len >= 20 && loader_word(rq, 4) != 0;
        return GOOD;
    }
    erase(l, address, address + size);
    uint64_t blocks = (uint64_t)loader_word(rq, 1) * t->block_size;
    t->remaining = rq->op == SS_OP_DEFLATE_BEGIN ? size : blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX;
    return GOOD;
}

static enum failure begin_memory(struct ss_loader *l, const struct request *rq)
{
    uint32_t size = loader_word(rq, 0), address = loader_word(rq, 3);
    if (size > UINT32_MAX - address)
        return FAILED_OPERATION;
    l->transfer.remaining = size;
    return GOOD;
}

enum failure loader_begin(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    struct transfer *t = &l->transfer;
    (void)reply;
    loader_abort(l);
    t->block_size = loader_word(rq, 2);
    t->address = loader_word(rq, 3);
    if (t->block_size > BLOCK_MAX)
        return BAD_BLOCK_SIZE;
    enum failure failure = rq->op == SS_OP_MEM_BEGIN ? begin_memory(l, rq) : begin_flash(l, rq);
    if (!failure && rq->op == SS_OP_DEFLATE_BEGIN) {
        t->inflating = inflateInit(&t->z) == Z_OK;
        failure = t->inflating ? GOOD : BAD_DEFLATE;
    }
    if (!failure)
        t->kind = rq->op == SS_OP_MEM_BEGIN       ? TRANSFER_MEMORY
                  : rq->op == SS_OP_DEFLATE_BEGIN ? TRANSFER_DEFLATE
                                                  : TRANSFER_FLASH;
    return failure;
}

/// Whole lines through the engine; it takes no others.
static enum failure write_lines(struct ss_loader *l, const uint8_t *in, size_t len)
{
    if (ss_efuse_get_name(l->chip->silicon, "DISABLE_DL_ENCRYPT") ||
        ss_chip_encrypted_write(l->chip, l->transfer.address, in, len, NULL) != SS_OK)
        return FAILED_OPERATION;
    l->transfer.address += (uint32_t)len;
    return GOOD;
}

static enum failure write_encrypted(struct ss_loader *l, const uint8_t *in, size_t len)
{
    struct transfer *t = &l->transfer;
    enum failure failure = GOOD;
    while (len > 0 && !failure) {
        size_t n = sizeof t->line - t->line_len;
        n = len < n ? len : n;
        memcpy(t->line + t->line_len, in, n);
        t->line_len += n;
        in += n;
        len -= n;
        if (t->line_len == sizeof t->line) {
            failure = write_lines(l, t->line, sizeof t->line);
            t->line_len = 0;
        }
        size_t whole = t->line_len == 0 ? len / sizeof t->line * sizeof t->line : 0;
        if (whole && !failure)
            failure = write_lines(l, in, whole);
        in += whole;
        len -= whole;
    }
    return failure;
}

static bool is_written(struct ss_loader *l, uint32_t address, const uint8_t *in, size_t len)
{
    uint8_t page[SS_FLASH_PAGE];
    for (size_t done = 0; done < len; done += sizeof page) {
        size_t n = len - done < sizeof page ? len - done : sizeof page;
        ss_flash_read(&l->chip->flash, address + (uint32_t)done, page, n);
        if (memcmp(page, in + done, n) != 0)
            return false;
    }
    return true;
}

static enum failure write_flash(struct ss_loader *l, const uint8_t *in, size_t len)
{
    struct transfer *t = &l->transfer;
    uint32_t start = t->address;
    if (!loader_in_flash(l, start, (uint32_t)len))
        return FAILED_OPERATION;
    if (is_stub(l)) {
        uint32_t end = (uint32_t)(start + t->line_len + len + SS_FLASH_SECTOR - 1) & ~(SS_FLASH_SECTOR - 1);
        erase(l, t->erased_to, end);
        t->erased_to = end > t->erased_to ? end : t->erased_to;
    }
    if (t->encrypted)
        return write_encrypted(l, in, len);
    ss_flash_program(&l->chip->flash, start, in, len);
    t->address += (uint32_t)len;
    return is_stub(l) || is_written(l, start, in, len) ? GOOD : NOT_WRITTEN;
}

/// Follows what is loaded for the word by which a stub announces itself.
static void watch_for_greeting(struct ss_loader *l, const uint8_t *in, size_t len)
{
    static const char word[] = "OHAI";
    for (size_t i = 0; i < len && l->greeting < 4; i++)
        l->greeting = in[i] == (uint8_t)word[l->greeting] ? l->greeting + 1 : in[i] == (uint8_t)word[0];
}

static enum failure put_plain(struct ss_loader *l, const uint8_t *in, size_t len)
{
    struct transfer *t = &l->transfer;
    if (len > t->remaining) {
        // The last block is padded to its full size; the stub cuts that off, the ROM was told to expect it.
        if (!is_stub(l) || t->kind != TRANSFER_FLASH || t->remaining == 0)
            return TOO_MUCH_DATA;
        len = t->remaining;
    }
    enum failure failure = GOOD;
    if (t->kind == TRANSFER_MEMORY) {
        ss_ram_write(&l->registers.ram, t->address, in, len);
        watch_for_greeting(l, in, len);
        t->address += (uint32_t)len;
    } else {
        failure = write_flash(l, in, len);
    }
    t->remaining -= (uint32_t)len;
    return failure;
}

static enum failure put_deflated(struct ss_loader *l, const uint8_t *in, size_t len)
{
    struct transfer *t = &l->transfer;
    uint8_t out[SS_FLASH_SECTOR];
    t->z.next_in = (Bytef *)(uintptr_t)in; // zlib only reads it
    t->z.avail_in = (uInt)len;
    enum failure failure = GOOD;
    do {
        t->z.next_out = out;
        t->z.avail_out = sizeof out;
        int result = t->inflated ? Z_STREAM_END : inflate(&t->z, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            t->inflated = true;
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return BAD_DEFLATE;
        if (t->z.avail_out < sizeof out)
            failure = put_plain(l, out, sizeof out - t->z.avail_out);
        if (t->inflated && t->z.avail_in && !failure)
            failure = TOO_MUCH_DATA;
    } while (!failure && !t->inflated && (t->z.avail_in || t->z.avail_out == 0));
    return failure;
}

static bool belongs(const struct transfer *t, enum ss_rom_operation op)
{
    switch (t->kind) {
    case TRANSFER_FLASH:
        return op == SS_OP_FLASH_DATA || op == SS_OP_FLASH_ENCRYPT_DATA;
    case TRANSFER_DEFLATE:
        return op == SS_OP_DEFLATE_DATA;
    case TRANSFER_MEMORY:
        return op == SS_OP_MEM_DATA;
    default:
        return false;
    }
}

enum failure loader_data(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    struct transfer *t = &l->transfer;
    const uint8_t *data = rq->body + SS_ROM_DATA_HEADER;
    size_t len = rq->len - SS_ROM_DATA_HEADER;
    (void)reply;
    if (loader_word(rq, 0) != len)
        return BAD_LENGTH;
    if (ss_rom_checksum(data, len) != rq->checksum)
        return BAD_CHECKSUM;
    if (!belongs(t, rq->op))
        return NOT_BEGUN;
    if (len > t->block_size)
        return BAD_BLOCK_SIZE;
    if (rq->op == SS_OP_FLASH_ENCRYPT_DATA)
        t->encrypted = true;
    enum failure failure = t->kind == TRANSFER_DEFLATE ? put_deflated(l, data, len) : put_plain(l, data, len);
    // Encrypting writes end on a whole line, like everything that is to be decrypted.
    if (!failure && t->remaining == 0 && t->line_len) {
        memset(t->line + t->line_len, 0xFF, sizeof t->line - t->line_len);
        t->line_len = 0;
        failure = write_lines(l, t->line, sizeof t->line);
    }
    return failure;
}

/// A program in RAM is started: the stub, or one that the chip does not run.
static enum failure end_memory(struct ss_loader *l, const struct request *rq)
{
    bool stay = loader_word(rq, 0) != 0;
    if (stay)
        return GOOD;
    l->starting = l->greeting == 4;
    l->next = l->starting ? SS_LOADER_STUB : SS_LOADER_PROGRAM;
    l->greeting = 0;
    return GOOD;
}

/// The word is 1 to stay: the ROM then starts what is in flash, the stub goes on. 0 is a reset, from the stub back to
/// the ROM's loader.
static enum failure end_flash(struct ss_loader *l, const struct request *rq)
{
    bool stay = loader_word(rq, 0) != 0;
    if (is_stub(l) && l->transfer.kind == TRANSFER_NONE)
        return NOT_BEGUN;
    if (is_stub(l) && l->transfer.remaining > 0)
        return NOT_ENOUGH_DATA;
    if (is_stub(l))
        l->next = stay ? SS_LOADER_STUB : SS_LOADER_ROM;
    else
        l->next = stay ? SS_LOADER_FLASH : SS_LOADER_RESET;
    return GOOD;
}

enum failure loader_end(struct ss_loader *l, const struct request *rq, struct reply *reply)
{
    (void)reply;
    enum failure failure = rq->op == SS_OP_MEM_END ? end_memory(l, rq) : end_flash(l, rq);
    if (!failure)
        loader_abort(l);
    return failure;
}
