// SPDX-License-Identifier: Apache-2.0
// Bytes: sector by sector into the slot, hashed by windows, read back.
#include <string.h>

#include "core/bytes.h"
#include "device/agent_parts.h"
#include "device/blank.h"
#include "slotseal/image.h"

/// Bytes read back at a time: of the stack.
#define READ 256u

_Static_assert(SS_BLANK_SECTOR == SS_AGENT_SECTOR, "sectors are sectors");

void ss_agent_abandon(struct ss_agent *a)
{
    if (a->receiving)
        ss_hash_abort(&a->hash.window);
    a->receiving = false;
}

static uint32_t at_most(uint32_t v, uint32_t limit)
{
    return v < limit ? v : limit;
}

// Ends a receiving that cannot go on.
static ss_status_t give_up(struct ss_agent *a, ss_status_t status, enum ss_agent_cause cause)
{
    ss_agent_abandon(a);
    return ss_agent_ended(a, status, cause);
}

static ss_status_t hash_failed(struct ss_agent *a, ss_status_t status)
{
    return status == SS_OK ? SS_OK : give_up(a, status, SS_CAUSE_FLASH);
}

static const uint8_t *window_digest(const struct ss_agent *a, uint32_t position)
{
    return a->room.in.digests + (size_t)(position / a->window) * SS_STATEMENT_DIGEST_SIZE;
}

// SHA-256 of the window at @p from as it lies in flash. Uses the piece.
static ss_status_t hash_stored(struct ss_agent *a, uint32_t from, uint8_t digest[SS_STATEMENT_DIGEST_SIZE])
{
    uint32_t end = at_most(a->length - from, a->window) + from;
    ss_status_t status = ss_hash_init(&a->hash.window, SS_HASH_SHA256);
    for (uint32_t at = from; status == SS_OK && at < end; at += SS_AGENT_PIECE) {
        uint32_t len = at_most(end - at, SS_AGENT_PIECE);
        status = a->port->read_raw(a->context, a->address + at, a->room.in.piece, len);
        if (status == SS_OK)
            status = ss_hash_update(&a->hash.window, a->room.in.piece, len);
    }
    if (status == SS_OK)
        return ss_hash_finish(&a->hash.window, digest);
    ss_hash_abort(&a->hash.window);
    return status;
}

ss_status_t ss_agent_resume(struct ss_agent *a)
{
    uint8_t digest[SS_STATEMENT_DIGEST_SIZE];
    for (a->position = 0; a->position < a->length;) {
        ss_status_t status = hash_stored(a, a->position, digest);
        if (status != SS_OK)
            return ss_agent_ended(a, status, SS_CAUSE_FLASH);
        if (memcmp(digest, window_digest(a, a->position), sizeof digest) != 0)
            break;
        a->position += at_most(a->length - a->position, a->window);
    }
    if (a->position == a->length)
        return SS_OK;
    return ss_agent_from_port(a, ss_hash_init(&a->hash.window, SS_HASH_SHA256));
}

static ss_status_t clear(struct ss_agent *a, uint32_t address)
{
    return ss_blank_make(a->port->read_raw, a->port->erase, a->context, address);
}

static ss_status_t read_back(struct ss_agent *a, uint32_t address, uint32_t len)
{
    uint8_t piece[READ];
    for (uint32_t at = 0; at < len; at += READ) {
        uint32_t n = at_most(len - at, READ);
        ss_status_t status = a->port->read_raw(a->context, address + at, piece, n);
        if (status != SS_OK)
            return status;
        if (memcmp(piece, a->room.in.piece + at, n) != 0)
            return SS_ERROR_IO;
    }
    return SS_OK;
}

// The first bytes decide early whether key, slot and crypt config are right: they decrypt to an image of this chip.
static ss_status_t look_at_header(struct ss_agent *a)
{
    uint8_t header[32];
    ss_status_t status = a->port->read_plain(a->context, a->address, header, sizeof header);
    if (status != SS_OK)
        return give_up(a, status, SS_CAUSE_FLASH);
    if (header[0] == SS_IMAGE_MAGIC && ss_get_le16(header + 12) == a->identity->chip)
        return SS_OK;
    status = clear(a, a->address);
    a->position = 0;
    ss_agent_abandon(a);
    if (status != SS_OK)
        return ss_agent_ended(a, status, SS_CAUSE_FLASH);
    return ss_agent_failed(a, SS_ERROR_DATA_INVALID, SS_CAUSE_SEALED_WRONG);
}

// Writes the @p len bytes of the piece to where they belong.
static ss_status_t write_piece(struct ss_agent *a, uint32_t offset, uint32_t len)
{
    uint32_t address = a->address + offset;
    ss_status_t status = offset % SS_AGENT_SECTOR == 0 ? clear(a, address) : SS_OK;
    if (status == SS_OK)
        status = a->port->write_raw(a->context, address, a->room.in.piece, len);
    if (status == SS_OK)
        status = read_back(a, address, len);
    if (status != SS_OK)
        return give_up(a, status, SS_CAUSE_FLASH);
    return offset == 0 ? look_at_header(a) : SS_OK;
}

// A window that is not what was promised: its sectors are erased, and it is wanted again.
static ss_status_t spoiled(struct ss_agent *a, uint32_t from)
{
    for (uint32_t at = from; at < a->position; at += SS_AGENT_SECTOR) {
        ss_status_t status = clear(a, a->address + at);
        if (status != SS_OK)
            return give_up(a, status, SS_CAUSE_FLASH);
    }
    a->position = from;
    ss_status_t status = hash_failed(a, ss_hash_init(&a->hash.window, SS_HASH_SHA256));
    if (status != SS_OK)
        return status;
    status = ss_agent_failed(a, SS_ERROR_DATA_CORRUPT, SS_CAUSE_WINDOW);
    if (!a->receiving)
        ss_hash_abort(&a->hash.window);
    return status;
}

static ss_status_t end_window(struct ss_agent *a)
{
    uint8_t digest[SS_STATEMENT_DIGEST_SIZE];
    uint32_t from = (a->position - 1) / a->window * a->window;
    ss_status_t status = hash_failed(a, ss_hash_finish(&a->hash.window, digest));
    if (status != SS_OK)
        return status;
    if (memcmp(digest, window_digest(a, from), sizeof digest) != 0)
        return spoiled(a, from);
    return a->position < a->length ? hash_failed(a, ss_hash_init(&a->hash.window, SS_HASH_SHA256)) : SS_OK;
}

// Takes bytes up to the end of the piece or of the ciphertext.
static ss_status_t take(struct ss_agent *a, const uint8_t *in, uint32_t len)
{
    uint32_t fill = a->position % SS_AGENT_PIECE;
    ss_status_t status = hash_failed(a, ss_hash_update(&a->hash.window, in, len));
    if (status != SS_OK)
        return status;
    memcpy(a->room.in.piece + fill, in, len);
    a->position += len;
    if (a->position % SS_AGENT_PIECE == 0 || a->position == a->length)
        status = write_piece(a, a->position - fill - len, fill + len);
    if (status == SS_OK && (a->position % a->window == 0 || a->position == a->length))
        status = end_window(a);
    return status;
}

ss_status_t ss_agent_write(struct ss_agent *agent, const void *in, size_t len)
{
    const uint8_t *p = in;
    agent->cause = SS_CAUSE_NONE;
    if (!agent->receiving)
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_ORDER);
    if (len > agent->length - agent->position)
        return ss_agent_ended(agent, SS_ERROR_INSUFFICIENT_SPACE, SS_CAUSE_TOO_MUCH);
    while (len > 0) {
        uint32_t room = SS_AGENT_PIECE - agent->position % SS_AGENT_PIECE;
        uint32_t n = len < room ? (uint32_t)len : room;
        ss_status_t status = take(agent, p, n);
        if (status != SS_OK)
            return status;
        p += n;
        len -= n;
    }
    return SS_OK;
}

static ss_status_t clear_from(struct ss_agent *a, uint32_t from)
{
    from = (from + SS_AGENT_SECTOR - 1) / SS_AGENT_SECTOR * SS_AGENT_SECTOR;
    for (uint32_t at = from; at < a->slot_size; at += SS_AGENT_SECTOR) {
        ss_status_t status = ss_agent_from_port(a, clear(a, a->address + at));
        if (status != SS_OK)
            return status;
    }
    return SS_OK;
}

ss_status_t ss_agent_erase_rest(struct ss_agent *a)
{
    return clear_from(a, a->length);
}

ss_status_t ss_agent_erase_ahead(struct ss_agent *agent)
{
    agent->cause = SS_CAUSE_NONE;
    if (!agent->receiving)
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_ORDER);
    // A sector of which nothing is written yet is one of them.
    ss_status_t status = clear_from(agent, agent->position - agent->position % SS_AGENT_PIECE);
    if (status != SS_OK)
        ss_agent_abandon(agent);
    return status;
}
