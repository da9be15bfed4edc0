// SPDX-License-Identifier: Apache-2.0
// One request, one answer, and what to do when the line fails.
#include <string.h>

#include "link/link_parts.h"

enum {
    SYNC_TIMEOUT_MS = 100,
    SYNC_PAUSE_MS = 50,
    RESYNC_TRIES = 5,
    FOREIGN_MAX = 100, ///< frames that are no answer to this request, before it counts as unanswered
    ROM_BAD_MESSAGE = 0x05,
    ROM_BAD_CHECKSUM = 0x07,
    STUB_STATUS = 2,
};

static const char *operation_name(uint8_t op)
{
    static const char *const names[] = {
        [SS_OP_FLASH_BEGIN] = "FLASH_BEGIN",
        [SS_OP_FLASH_DATA] = "FLASH_DATA",
        [SS_OP_SYNC] = "SYNC",
        [SS_OP_WRITE_REG] = "WRITE_REG",
        [SS_OP_READ_REG] = "READ_REG",
        [SS_OP_SPI_SET_PARAMS] = "SPI_SET_PARAMS",
        [SS_OP_SPI_ATTACH] = "SPI_ATTACH",
        [SS_OP_READ_FLASH_SLOW] = "READ_FLASH_SLOW",
        [SS_OP_CHANGE_BAUDRATE] = "CHANGE_BAUDRATE",
        [SS_OP_DEFLATE_BEGIN] = "FLASH_DEFL_BEGIN",
        [SS_OP_DEFLATE_DATA] = "FLASH_DEFL_DATA",
        [SS_OP_FLASH_MD5] = "SPI_FLASH_MD5",
    };
    return op < sizeof names / sizeof *names && names[op] ? names[op] : "a command";
}

/// What the ROM's error numbers mean: esptool's documentation, "Serial Protocol", table of ROM loader errors.
static const char *rom_error_name(uint8_t error)
{
    static const char *const names[] = {
        [ROM_BAD_MESSAGE] = "invalid message",
        [0x06] = "failed to act on it",
        [ROM_BAD_CHECKSUM] = "wrong checksum",
        [0x08] = "flash does not hold what was written",
        [0x09] = "flash read error",
        [0x0A] = "flash read length error",
        [0x0B] = "deflate error",
    };
    return error < sizeof names / sizeof *names && names[error] ? names[error] : "unknown error";
}

ss_status_t ss_link_need_connection(const struct ss_link *l, struct ss_error *err)
{
    return l->connected ? SS_OK : ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_LINK, "not connected to a chip");
}

void ss_link_forget(struct ss_link *l)
{
    ss_wipe(l->frame, sizeof l->frame);
    ss_wipe(l->line, sizeof l->line);
    // What has not been looked at may still be wanted: a boot log that has begun.
    ss_wipe(l->in, l->in_at);
}

ss_status_t ss_link_discard(struct ss_link *l, struct ss_error *err)
{
    l->in_at = l->in_len = 0;
    ss_slip_reset(&l->slip);
    return l->port->ops->discard_input(l->port, err);
}

static ss_status_t send_request(struct ss_link *l, const struct link_request *rq, struct ss_error *err)
{
    uint8_t packet[LINK_REQUEST_MAX] = {0, rq->op};
    ss_put_le16(packet + 2, (uint16_t)rq->len);
    ss_put_le32(packet + 4, rq->checksum);
    memcpy(packet + SS_ROM_HEADER, rq->body, rq->len);
    size_t n = ss_slip_encode(packet, SS_ROM_HEADER + rq->len, l->line);
    ss_wipe(packet, sizeof packet);
    return l->port->ops->write(l->port, l->line, n, err);
}

/// The next frame before @p deadline; *got is false if there was none.
static ss_status_t next_frame(struct ss_link *l, uint64_t deadline, bool *got, struct ss_error *err)
{
    *got = false;
    for (;;) {
        while (l->in_at < l->in_len && !*got)
            *got = ss_slip_take(&l->slip, l->in[l->in_at++]);
        uint64_t now = link_now(l);
        if (*got || now >= deadline)
            return SS_OK;
        l->in_at = l->in_len = 0;
        ss_status_t status =
            l->port->ops->read(l->port, (unsigned)(deadline - now), l->in, sizeof l->in, &l->in_len, err);
        if (status != SS_OK)
            return status;
    }
}

static ss_status_t rom_failure(const struct link_request *rq, uint8_t error, struct ss_error *err)
{
    ss_status_t status = error == ROM_BAD_MESSAGE    ? SS_ERROR_NOT_SUPPORTED
                         : error == ROM_BAD_CHECKSUM ? SS_ERROR_DATA_CORRUPT
                                                     : SS_ERROR_IO;
    return ss_error_set(err, status, SS_AREA_LINK, "the chip refuses %s: %s (0x%02x)", operation_name(rq->op),
                        rom_error_name(error), error);
}

/// The status stands where the data that was asked for ends; an answer that refuses has no data.
static ss_status_t judge(struct ss_link *l, const struct link_request *rq, struct link_answer *answer,
                         struct ss_error *err)
{
    const uint8_t *body = l->frame + SS_ROM_HEADER;
    size_t len = l->slip.len - SS_ROM_HEADER, said = ss_get_le16(l->frame + 2);
    answer->value = ss_get_le32(l->frame + 4);
    if (rq->op == SS_OP_SYNC && len == said) {
        l->stub = len == STUB_STATUS || answer->value == 0;
        return SS_OK;
    }
    size_t data_len = len == SS_ROM_STATUS ? 0 : rq->answer_len;
    if (len != said || len != data_len + SS_ROM_STATUS)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_LINK,
                            "the answer to %s has %zu bytes and says %zu, expected %zu", operation_name(rq->op), len,
                            said, rq->answer_len + SS_ROM_STATUS);
    if (body[data_len] != 0)
        return rom_failure(rq, body[data_len + 1], err);
    if (data_len != rq->answer_len)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_LINK, "the answer to %s has no data",
                            operation_name(rq->op));
    memcpy(answer->data, body, data_len);
    return SS_OK;
}

static ss_status_t exchange(struct ss_link *l, const struct link_request *rq, struct link_answer *answer,
                            struct ss_error *err)
{
    ss_status_t status = send_request(l, rq, err);
    uint64_t deadline = link_now(l) + (rq->timeout_ms ? rq->timeout_ms : LINK_TIMEOUT_MS);
    bool got = true;
    for (unsigned foreign = 0; status == SS_OK && got && foreign < FOREIGN_MAX; foreign++) {
        status = next_frame(l, deadline, &got, err);
        if (status == SS_OK && got && l->slip.len >= SS_ROM_HEADER && l->frame[0] == 1 && l->frame[1] == rq->op)
            return judge(l, rq, answer, err);
    }
    if (status != SS_OK)
        return status;
    return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_LINK, "no answer to %s", operation_name(rq->op));
}

/// It is answered eight times; what is left of that must not be taken for an answer to the next SYNC.
static ss_status_t drain_answers(struct ss_link *l, struct ss_error *err)
{
    bool got = true;
    ss_status_t status = SS_OK;
    for (unsigned i = 1; i < SS_ROM_SYNC_ANSWERS && got && status == SS_OK; i++)
        status = next_frame(l, link_now(l) + SYNC_TIMEOUT_MS, &got, err);
    return status;
}

ss_status_t ss_link_synchronise(struct ss_link *l, unsigned tries, struct ss_error *err)
{
    uint8_t body[SS_ROM_SYNC] = {0x07, 0x07, 0x12, 0x20};
    memset(body + 4, 0x55, sizeof body - 4);
    const struct link_request rq = {.op = SS_OP_SYNC, .body = body, .len = sizeof body, .timeout_ms = SYNC_TIMEOUT_MS};
    struct link_answer answer;
    ss_status_t status = SS_ERROR_TIMEOUT;
    for (unsigned i = 0; i < tries; i++) {
        if (i)
            link_sleep(l, SYNC_PAUSE_MS);
        status = ss_link_discard(l, err);
        if (status == SS_OK)
            status = exchange(l, &rq, &answer, err);
        if (status == SS_OK)
            return drain_answers(l, err);
        if (status != SS_ERROR_TIMEOUT && status != SS_ERROR_DATA_INVALID)
            break;
    }
    return status;
}

ss_status_t ss_link_same_chip(struct ss_link *l, const uint32_t words[2], struct ss_error *err)
{
    if (!l->identified || memcmp(words, l->identity, sizeof l->identity) == 0)
        return SS_OK;
    l->connected = false;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_LINK,
                        "another chip answers now than the one that was connected");
}

/// Without ss_link_command(), which calls for it.
static ss_status_t check_identity(struct ss_link *l, struct ss_error *err)
{
    uint8_t body[4];
    uint32_t words[2];
    const struct link_request rq = {.op = SS_OP_READ_REG, .body = body, .len = sizeof body};
    struct link_answer answer;
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < 2; i++) {
        ss_put_le32(body, SS_EFUSE_BASE + 4 * (1 + i));
        status = exchange(l, &rq, &answer, err);
        words[i] = answer.value;
    }
    return status == SS_OK ? ss_link_same_chip(l, words, err) : status;
}

static bool is_lost(ss_status_t status)
{
    return status == SS_ERROR_TIMEOUT || status == SS_ERROR_DATA_INVALID;
}

/// After silence or nonsense nobody knows which answers are still to come. The flash may have been detached by a reset,
/// and the board may have been changed for another one, which is what is returned instead of @p lost then.
static ss_status_t recover(struct ss_link *l, ss_status_t lost, struct ss_error *err)
{
    struct ss_error why = {0};
    ss_status_t status = SS_ERROR_TIMEOUT;
    l->attached = false;
    for (unsigned i = 0; is_lost(status) && i < LINK_TRIES; i++) {
        status = ss_link_synchronise(l, RESYNC_TRIES, &why);
        if (status != SS_OK || l->stub)
            break;
        status = l->identified ? check_identity(l, &why) : SS_OK;
    }
    l->connected = status == SS_OK && !l->stub;
    if (status != SS_ERROR_NOT_PERMITTED)
        return lost;
    if (err)
        *err = why;
    return status;
}

ss_status_t ss_link_command(struct ss_link *l, const struct link_request *rq, struct link_answer *answer,
                            struct ss_error *err)
{
    struct link_answer none;
    ss_status_t status = SS_OK;
    memset(&none, 0, sizeof none);
    for (unsigned i = 0; i < LINK_TRIES; i++) {
        status = exchange(l, rq, answer ? answer : &none, err);
        if (status == SS_ERROR_DATA_CORRUPT)
            continue; // damaged on its way to the chip, which therefore did nothing
        if (!is_lost(status))
            break;
        status = recover(l, status, err);
        if (!l->connected || !rq->repeat)
            break;
    }
    ss_wipe(&none, sizeof none);
    return status;
}
