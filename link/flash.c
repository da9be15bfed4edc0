// SPDX-License-Identifier: Apache-2.0
// What the flash is, and its digests.
#include <string.h>

#include "link/link_parts.h"

enum {
    OP_READ_ID = 0x9F,
    OP_READ_SFDP = 0x5A,
    POLLS = 10,
    SFDP_HEADERS = 16,      ///< SFDP's own header and that of the first parameter table
    FLASH_LIMIT = 16 << 20, ///< the ROM sends addresses of 24 bits
};

/// A transaction that only reads. Lengths in bits; @p bits up to 128.
struct transaction {
    uint8_t opcode;
    unsigned address_bits, dummy_bits, bits;
    uint32_t address;
};

static ss_status_t put_spi(struct ss_link *l, uint32_t offset, uint32_t value, ss_status_t status, struct ss_error *err)
{
    return status == SS_OK ? ss_link_put_reg(l, SS_REG_SPI1 + offset, value, UINT32_MAX, err) : status;
}

static ss_status_t wait_spi(struct ss_link *l, struct ss_error *err)
{
    uint32_t busy = SS_SPI_CMD_USR;
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && busy && i < POLLS; i++) {
        status = ss_link_read_reg(l, SS_REG_SPI1 + SS_SPI_CMD, &busy, err);
        busy &= SS_SPI_CMD_USR;
    }
    if (status == SS_OK && busy)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_LINK, "the chip's flash controller does not finish");
    return status;
}

/// By the controller's "user" registers, which are put back, because the ROM uses the same controller.
static ss_status_t spi_read(struct ss_link *l, const struct transaction *t, uint32_t words[4], struct ss_error *err)
{
    uint32_t user, user2;
    uint32_t flags = SS_SPI_USER_COMMAND | SS_SPI_USER_MISO | (t->address_bits ? SS_SPI_USER_ADDR : 0) |
                     (t->dummy_bits ? SS_SPI_USER_DUMMY : 0);
    uint32_t lengths = (t->address_bits ? (t->address_bits - 1) << 26 : 0) | (t->dummy_bits ? t->dummy_bits - 1 : 0);
    ss_status_t status = ss_link_read_reg(l, SS_REG_SPI1 + SS_SPI_USER, &user, err);
    if (status == SS_OK)
        status = ss_link_read_reg(l, SS_REG_SPI1 + SS_SPI_USER2, &user2, err);
    status = put_spi(l, SS_SPI_MISO_DLEN, t->bits - 1, status, err);
    status = put_spi(l, SS_SPI_USER1, lengths, status, err);
    status = put_spi(l, SS_SPI_USER, flags, status, err);
    status = put_spi(l, SS_SPI_USER2, 7u << 28 | t->opcode, status, err);
    if (t->address_bits)
        status = put_spi(l, SS_SPI_ADDR, t->address << (32 - t->address_bits), status, err);
    status = put_spi(l, SS_SPI_CMD, SS_SPI_CMD_USR, status, err);
    if (status == SS_OK)
        status = wait_spi(l, err);
    for (unsigned i = 0; i < 4; i++) {
        words[i] = 0;
        if (status == SS_OK && i < (t->bits + 31) / 32)
            status = ss_link_read_reg(l, SS_REG_SPI1 + SS_SPI_W0 + 4 * i, &words[i], err);
    }
    status = put_spi(l, SS_SPI_USER, user, status, err);
    return put_spi(l, SS_SPI_USER2, user2, status, err);
}

/// JESD216: "SFDP", then the headers of parameter tables, the first of them that of the basic table, whose second word
/// is the density: bits less one, or, with the highest bit set, the power of two.
static ss_status_t read_sfdp_size(struct ss_link *l, uint32_t *size, struct ss_error *err)
{
    struct transaction t = {.opcode = OP_READ_SFDP, .address_bits = 24, .dummy_bits = 8, .bits = 8 * SFDP_HEADERS};
    uint32_t words[4];
    *size = 0;
    ss_status_t status = spi_read(l, &t, words, err);
    if (status != SS_OK || words[0] != 0x50444653)
        return status;
    t.address = (words[3] & 0xFFFFFF) + 4;
    t.bits = 32;
    status = spi_read(l, &t, words, err);
    uint32_t density = words[0];
    if (density >> 31)
        *size = (density & 0x7FFFFFFF) < 35 ? (uint32_t)(((uint64_t)1 << (density & 0x7FFFFFFF)) / 8) : 0;
    else
        *size = (uint32_t)(((uint64_t)density + 1) / 8);
    return status;
}

/// The third byte of the id is, on nearly all parts, the power of two; some count on from other numbers.
static uint32_t size_by_id(uint32_t id)
{
    unsigned capacity = id & 0xFF;
    if (capacity >= 0x32 && capacity <= 0x3A)
        capacity -= 0x20;
    else if (capacity >= 0x20 && capacity <= 0x22)
        capacity -= 6;
    return capacity >= 0x12 && capacity <= 0x1C ? 1u << capacity : 0;
}

static ss_status_t tell_size(struct ss_link *l, uint32_t size, struct ss_error *err)
{
    // Number, size, then the sizes of block, sector and page, and a mask of the status register.
    static const uint32_t rest[4] = {0x10000, 0x1000, 0x100, 0xFFFF};
    uint8_t body[24] = {0};
    ss_put_le32(body + 4, size);
    for (unsigned i = 0; i < 4; i++)
        ss_put_le32(body + 8 + 4 * i, rest[i]);
    const struct link_request rq = {.op = SS_OP_SPI_SET_PARAMS, .body = body, .len = sizeof body, .repeat = true};
    return ss_link_command(l, &rq, NULL, err);
}

static ss_status_t attach(struct ss_link *l, struct ss_error *err)
{
    uint8_t body[8] = {0};
    ss_put_le32(body, l->flash_pins);
    const struct link_request rq = {.op = SS_OP_SPI_ATTACH, .body = body, .len = sizeof body, .repeat = true};
    return ss_link_command(l, &rq, NULL, err);
}

static ss_status_t identify(struct ss_link *l, struct ss_error *err)
{
    const struct transaction t = {.opcode = OP_READ_ID, .bits = 24};
    struct ss_link_flash *f = &l->flash;
    uint32_t words[4];
    memset(f, 0, sizeof *f);
    ss_status_t status = attach(l, err);
    if (status == SS_OK)
        status = spi_read(l, &t, words, err);
    if (status != SS_OK)
        return status;
    f->id = (words[0] & 0xFF) << 16 | (words[0] & 0xFF00) | (words[0] >> 16 & 0xFF);
    if (f->id == 0 || f->id == 0xFFFFFF)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_LINK, "no flash answers: its id reads as %06x", (unsigned)f->id);
    status = read_sfdp_size(l, &f->sfdp_size, err);
    f->size = size_by_id(f->id) ? size_by_id(f->id) : f->sfdp_size;
    if (status == SS_OK && f->size < SS_LINK_SECTOR)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_LINK, "the size of flash %06x is not known", (unsigned)f->id);
    return status == SS_OK ? tell_size(l, f->size, err) : status;
}

/// A failed command leaves the flash detached, so that the next one begins anew.
static ss_status_t attach_once(struct ss_link *l, struct ss_error *err)
{
    ss_status_t status = ss_link_need_connection(l, err);
    if (status != SS_OK || l->attached)
        return status;
    l->attached = true;
    status = identify(l, err);
    if (status != SS_OK)
        l->attached = false;
    return status;
}

ss_status_t ss_link_flash_identify(struct ss_link *l, struct ss_link_flash *out, struct ss_error *err)
{
    memset(out, 0, sizeof *out);
    ss_status_t status = attach_once(l, err);
    if (status == SS_OK)
        *out = l->flash;
    return status;
}

ss_status_t ss_link_flash_range(struct ss_link *l, uint32_t address, size_t len, struct ss_error *err)
{
    ss_status_t status = attach_once(l, err);
    uint32_t size = l->flash.size < FLASH_LIMIT ? l->flash.size : FLASH_LIMIT;
    if (status == SS_OK && !ss_range_ok(address, len, size))
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_LINK,
                            "%zu bytes at 0x%x are beyond the end of the flash at 0x%x", len, (unsigned)address,
                            (unsigned)size);
    return status;
}

bool ss_link_may_retry(const struct ss_link *l, ss_status_t status)
{
    return l->connected && (status == SS_ERROR_TIMEOUT || status == SS_ERROR_DATA_INVALID ||
                            status == SS_ERROR_DATA_CORRUPT || status == SS_ERROR_IO);
}

size_t ss_link_region_len(uint32_t address, size_t len)
{
    size_t rest = LINK_REGION - address % LINK_REGION;
    return len < rest ? len : rest;
}

ss_status_t ss_link_md5(const uint8_t *data, size_t len, uint8_t md5[16], struct ss_error *err)
{
    ss_status_t status = ss_hash_once(SS_HASH_MD5, data, len, md5);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "MD5: %s", ss_status_name(status));
}

ss_status_t ss_link_erased_md5(size_t len, uint8_t md5[16], struct ss_error *err)
{
    uint8_t blank[SS_LINK_SECTOR];
    struct ss_hash hash = {0};
    memset(blank, 0xFF, sizeof blank);
    ss_status_t status = ss_hash_init(&hash, SS_HASH_MD5);
    for (size_t done = 0, n; status == SS_OK && done < len; done += n) {
        n = len - done < sizeof blank ? len - done : sizeof blank;
        status = ss_hash_update(&hash, blank, n);
    }
    if (status == SS_OK)
        status = ss_hash_finish(&hash, md5);
    ss_hash_abort(&hash);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_CRYPTO, "MD5: %s", ss_status_name(status));
}

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static ss_status_t md5(struct ss_link *l, uint32_t address, size_t len, unsigned timeout_ms, uint8_t out[16],
                       struct ss_error *err)
{
    uint8_t body[16] = {0};
    struct link_answer answer;
    ss_put_le32(body, address);
    ss_put_le32(body + 4, (uint32_t)len);
    const struct link_request rq = {.op = SS_OP_FLASH_MD5,
                                    .body = body,
                                    .len = sizeof body,
                                    .answer_len = 32,
                                    .timeout_ms = timeout_ms,
                                    .repeat = true};
    ss_status_t status = ss_link_command(l, &rq, &answer, err);
    for (unsigned i = 0; status == SS_OK && i < 16; i++) {
        int high = digit(answer.data[2 * i]), low = digit(answer.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_LINK, "the chip's MD5 is no hexadecimal number");
        out[i] = (uint8_t)(high << 4 | low);
    }
    return status;
}

ss_status_t ss_link_region_md5(struct ss_link *l, uint32_t address, size_t len, uint8_t out[16], struct ss_error *err)
{
    return md5(l, address, len, LINK_REGION_TIMEOUT_MS, out, err);
}

ss_status_t ss_link_flash_md5(struct ss_link *l, uint32_t address, size_t len, uint8_t out[16], struct ss_error *err)
{
    memset(out, 0, 16);
    ss_status_t status = ss_link_flash_range(l, address, len, err);
    // esptool allows 8 s a MiB.
    unsigned timeout_ms = LINK_REGION_TIMEOUT_MS + (unsigned)(len >> 20) * 8000;
    return status == SS_OK ? md5(l, address, len, timeout_ms, out, err) : status;
}

ss_status_t ss_link_flash_compare(struct ss_link *l, uint32_t address, const uint8_t *data, size_t len, size_t *differs,
                                  struct ss_error *err)
{
    ss_status_t status = ss_link_flash_range(l, address, len, err);
    uint8_t ours[16], theirs[16];
    *differs = len;
    for (size_t done = 0, n; status == SS_OK && done < len; done += n) {
        n = ss_link_region_len(address + (uint32_t)done, len - done);
        link_progress(l, SS_LINK_COMPARING, done, len);
        status = ss_link_md5(data + done, n, ours, err);
        if (status == SS_OK)
            status = ss_link_region_md5(l, address + (uint32_t)done, n, theirs, err);
        if (status == SS_OK && memcmp(ours, theirs, sizeof ours) != 0) {
            *differs = done;
            break;
        }
    }
    if (status == SS_OK)
        link_progress(l, SS_LINK_COMPARING, len, len);
    return status;
}
