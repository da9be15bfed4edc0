// SPDX-License-Identifier: Apache-2.0
#include "device/journal.h"

#include <string.h>

#include "core/bytes.h"
#include "device/blank.h"

#define LINE       SS_JOURNAL_LINE
#define PIECE      128u ///< bytes read or written at a time: of the stack
#define TAG        0x5Au
#define CHECKED    8u ///< bytes of a record's line that its checksum covers
#define GENERATION 8u ///< in a head's line

_Static_assert(SS_BLANK_SECTOR == SS_JOURNAL_SECTOR, "sectors are sectors");

static const uint8_t magic[8] = "ssjrnl1";

static uint32_t lines(uint32_t len)
{
    return (len + LINE - 1) / LINE * LINE;
}

static uint32_t address_of(const struct ss_journal *j, unsigned half, uint32_t offset)
{
    return j->address + half * j->half + offset;
}

static ss_status_t read_at(const struct ss_journal *j, unsigned half, uint32_t offset, void *out, size_t len)
{
    return j->flash->read(j->context, address_of(j, half, offset), out, len);
}

// -- Reading ----------------------------------------------------------------------------------------------------------

/// A record's line, read.
struct line {
    uint32_t generation, crc, partial; ///< partial: CRC-32 of the line's own part
    uint16_t len;
    uint8_t id;
};

static ss_status_t read_line(const struct ss_journal *j, unsigned half, uint32_t offset, struct line *line)
{
    uint8_t raw[LINE];
    ss_status_t status = read_at(j, half, offset, raw, sizeof raw);
    if (status != SS_OK)
        return status;
    *line = (struct line){.generation = ss_get_le32(raw + 4),
                          .crc = ss_get_le32(raw + 8),
                          .partial = ss_crc32(0, raw, CHECKED),
                          .len = ss_get_le16(raw + 2),
                          .id = raw[1]};
    bool sound = raw[0] == TAG && raw[1] < SS_JOURNAL_IDS && ss_all_bytes(raw + 12, LINE - 12, 0xFF);
    return sound && ss_range_ok(offset + LINE, lines(line->len), j->half) ? SS_OK : SS_ERROR_DATA_CORRUPT;
}

// Reads the data behind a line, to @p out if that is not NULL, and compares the checksum.
static ss_status_t read_data(const struct ss_journal *j, unsigned half, uint32_t offset, const struct line *line,
                             uint8_t *out)
{
    uint8_t piece[PIECE];
    uint32_t crc = line->partial, n;
    for (uint32_t at = 0; at < line->len; at += n) {
        n = line->len - at < PIECE ? line->len - at : PIECE;
        ss_status_t status = read_at(j, half, offset + LINE + at, piece, lines(n));
        if (status != SS_OK)
            return status;
        crc = ss_crc32(crc, piece, n);
        if (out)
            memcpy(out + at, piece, n);
    }
    return crc == line->crc ? SS_OK : SS_ERROR_DATA_CORRUPT;
}

// Whether the record at @p offset is one of this generation, whole.
static ss_status_t check(const struct ss_journal *j, unsigned half, uint32_t offset, uint32_t generation,
                         struct line *line)
{
    ss_status_t status = read_line(j, half, offset, line);
    if (status == SS_OK && line->generation != generation)
        status = SS_ERROR_DATA_CORRUPT;
    return status == SS_OK ? read_data(j, half, offset, line, NULL) : status;
}

// The generation of a half; 0 if it has none.
static ss_status_t read_head(const struct ss_journal *j, unsigned half, uint32_t *generation)
{
    uint8_t raw[LINE];
    ss_status_t status = read_at(j, half, 0, raw, sizeof raw);
    // The last number cannot be followed by another one, and no flash lives to see it.
    bool sound = memcmp(raw, magic, sizeof magic) == 0 &&
                 ss_get_le32(raw + GENERATION + 4) == ss_crc32(0, raw, GENERATION + 4) &&
                 ss_all_bytes(raw + GENERATION + 8, LINE - GENERATION - 8, 0xFF);
    *generation = status == SS_OK && sound ? ss_get_le32(raw + GENERATION) : 0;
    if (*generation == UINT32_MAX)
        *generation = 0;
    return status;
}

// Goes through the records of the half in use. Behind the last sound one, all has to be blank: where half a write has
// left its bits, nothing more is written.
static ss_status_t scan(struct ss_journal *j)
{
    for (uint32_t at = LINE; at < j->half;) {
        struct line line;
        ss_status_t status = check(j, j->active, at, j->generation, &line);
        if (status == SS_ERROR_DATA_CORRUPT) {
            bool blank;
            status = ss_blank_check(j->flash->read_raw, j->context, address_of(j, j->active, at), j->half - at, &blank);
            j->end = blank ? at : j->half;
            return status;
        }
        if (status != SS_OK)
            return status;
        j->at[line.id] = line.len ? at : 0;
        at += LINE + lines(line.len);
    }
    return SS_OK;
}

ss_status_t ss_journal_mount(struct ss_journal *journal, const struct ss_journal_flash *flash, void *context,
                             uint32_t address, uint32_t size)
{
    uint32_t generations[2] = {0};
    *journal = (struct ss_journal){.flash = flash, .context = context, .address = address, .half = size / 2};
    journal->end = journal->half;
    if (size == 0 || size % (2 * SS_JOURNAL_SECTOR) != 0 || address % SS_JOURNAL_SECTOR != 0 ||
        !ss_range_ok(address, size, UINT32_MAX))
        return SS_ERROR_INVALID_ARGUMENT;
    ss_status_t status = SS_OK;
    for (unsigned half = 0; status == SS_OK && half < 2; half++)
        status = read_head(journal, half, &generations[half]);
    journal->active = generations[1] >= generations[0]; // without any, the first write goes to the first half
    journal->generation = generations[journal->active];
    return status == SS_OK && journal->generation ? scan(journal) : status;
}

ss_status_t ss_journal_get(const struct ss_journal *journal, unsigned id, void *out, size_t size, size_t *len)
{
    struct line line;
    *len = 0;
    if (journal->at[id] == 0)
        return SS_ERROR_DOES_NOT_EXIST;
    ss_status_t status = read_line(journal, journal->active, journal->at[id], &line);
    if (status != SS_OK)
        return status;
    if (line.id != id)
        return SS_ERROR_DATA_CORRUPT;
    *len = line.len;
    return line.len > size ? SS_ERROR_BUFFER_TOO_SMALL
                           : read_data(journal, journal->active, journal->at[id], &line, out);
}

// -- Writing ----------------------------------------------------------------------------------------------------------

static ss_status_t write_line(const struct ss_journal *j, unsigned half, uint32_t offset, const uint8_t *in, size_t len)
{
    return j->flash->write(j->context, address_of(j, half, offset), in, len);
}

/// A record that is to be written: from memory, or from the half in use.
struct source {
    const uint8_t *in; ///< NULL: the record at `from`
    uint32_t from;
    uint16_t len;
    uint8_t id;
};

static ss_status_t fetch(const struct ss_journal *j, const struct source *s, uint32_t at, uint8_t *piece, uint32_t n)
{
    memset(piece, 0xFF, PIECE);
    if (!s->in)
        return read_at(j, j->active, s->from + LINE + at, piece, lines(n));
    memcpy(piece, s->in + at, n);
    return SS_OK;
}

// Writes a record to where the flash is blank, its line last, and reads it back.
static ss_status_t write_record(const struct ss_journal *j, unsigned half, uint32_t offset, uint32_t generation,
                                const struct source *s)
{
    uint8_t piece[PIECE], raw[LINE];
    memset(raw, 0xFF, sizeof raw);
    raw[0] = TAG;
    raw[1] = s->id;
    ss_put_le16(raw + 2, s->len);
    ss_put_le32(raw + 4, generation);
    uint32_t crc = ss_crc32(0, raw, CHECKED), n;
    for (uint32_t at = 0; at < s->len; at += n) {
        n = s->len - at < PIECE ? s->len - at : PIECE;
        ss_status_t status = fetch(j, s, at, piece, n);
        if (status == SS_OK)
            status = write_line(j, half, offset + LINE + at, piece, lines(n));
        if (status != SS_OK)
            return status;
        crc = ss_crc32(crc, piece, n);
    }
    ss_put_le32(raw + 8, crc);
    ss_status_t status = write_line(j, half, offset, raw, sizeof raw);
    struct line line;
    if (status == SS_OK)
        status = check(j, half, offset, generation, &line);
    return status == SS_ERROR_DATA_CORRUPT || (status == SS_OK && line.crc != crc) ? SS_ERROR_IO : status;
}

static ss_status_t write_head(const struct ss_journal *j, unsigned half, uint32_t generation)
{
    uint8_t raw[LINE];
    uint32_t now;
    memset(raw, 0xFF, sizeof raw);
    memcpy(raw, magic, sizeof magic);
    ss_put_le32(raw + GENERATION, generation);
    ss_put_le32(raw + GENERATION + 4, ss_crc32(0, raw, GENERATION + 4));
    ss_status_t status = write_line(j, half, 0, raw, sizeof raw);
    if (status == SS_OK)
        status = read_head(j, half, &now);
    return status == SS_OK && now != generation ? SS_ERROR_IO : status;
}

// Erases a half, its head first.
static ss_status_t erase_half(const struct ss_journal *j, unsigned half)
{
    for (uint32_t at = 0; at < j->half; at += SS_JOURNAL_SECTOR) {
        ss_status_t status = ss_blank_make(j->flash->read_raw, j->flash->erase, j->context, address_of(j, half, at));
        if (status != SS_OK)
            return status;
    }
    return SS_OK;
}

// The oldest record behind @p after, 0 if there is none: copies keep their order.
static uint32_t next_record(const struct ss_journal *j, uint32_t after, unsigned *id)
{
    uint32_t next = 0;
    for (unsigned i = 0; i < SS_JOURNAL_IDS; i++)
        if (j->at[i] > after && (next == 0 || j->at[i] < next)) {
            next = j->at[i];
            *id = i;
        }
    return next;
}

// Copies to the other half what counts, with @p s in place of what it replaces, and takes that half into use.
static ss_status_t take_over(struct ss_journal *j, const struct source *s)
{
    struct ss_journal next = *j;
    struct line line;
    unsigned id = 0;
    next.active = j->active ^ 1u;
    next.generation = j->generation + 1;
    next.end = LINE;
    ss_status_t status = erase_half(j, next.active);
    for (uint32_t at = next_record(j, 0, &id); status == SS_OK && at; at = next_record(j, at, &id)) {
        if (id == s->id)
            continue;
        status = check(j, j->active, at, j->generation, &line);
        if (status == SS_ERROR_DATA_CORRUPT) { // it has rotted away since it was mounted: it must not hold up the rest
            next.at[id] = 0;
            status = SS_OK;
            continue;
        }
        if (status != SS_OK)
            break;
        const struct source copy = {.from = at, .len = line.len, .id = (uint8_t)id};
        status = write_record(j, next.active, next.end, next.generation, &copy);
        next.at[id] = next.end;
        next.end += LINE + lines(line.len);
    }
    next.at[s->id] = s->len ? next.end : 0;
    if (status == SS_OK && s->len) {
        status = write_record(j, next.active, next.end, next.generation, s);
        next.end += LINE + lines(s->len);
    }
    if (status == SS_OK)
        status = write_head(j, next.active, next.generation);
    if (status == SS_OK)
        *j = next;
    return status;
}

// What all records take but @p id, with their lines.
static ss_status_t others(const struct ss_journal *j, unsigned id, uint32_t *used)
{
    *used = LINE;
    for (unsigned i = 0; i < SS_JOURNAL_IDS; i++) {
        struct line line;
        if (i == id || j->at[i] == 0)
            continue;
        ss_status_t status = read_line(j, j->active, j->at[i], &line);
        if (status == SS_OK)
            *used += LINE + lines(line.len);
        else if (status != SS_ERROR_DATA_CORRUPT)
            return status;
    }
    return SS_OK;
}

static ss_status_t is_stored(const struct ss_journal *j, const struct source *s, bool *same)
{
    uint8_t piece[PIECE];
    struct line line;
    *same = j->at[s->id] == 0 && s->len == 0;
    if (j->at[s->id] == 0)
        return SS_OK;
    ss_status_t status = read_line(j, j->active, j->at[s->id], &line);
    *same = status == SS_OK && line.len == s->len;
    for (uint32_t at = 0, n; *same && at < s->len; at += n) {
        n = s->len - at < PIECE ? s->len - at : PIECE;
        status = read_at(j, j->active, j->at[s->id] + LINE + at, piece, lines(n));
        *same = status == SS_OK && memcmp(piece, s->in + at, n) == 0;
    }
    return status == SS_ERROR_DATA_CORRUPT ? SS_OK : status;
}

ss_status_t ss_journal_put(struct ss_journal *journal, unsigned id, const void *in, size_t len)
{
    struct source s = {.in = in, .len = (uint16_t)len, .id = (uint8_t)id};
    uint32_t used;
    bool same;
    if (len > UINT16_MAX || len > journal->half)
        return SS_ERROR_INSUFFICIENT_SPACE;
    ss_status_t status = is_stored(journal, &s, &same);
    if (status != SS_OK || same)
        return status;
    status = others(journal, id, &used);
    if (status != SS_OK)
        return status;
    uint32_t need = LINE + lines(s.len);
    if (!ss_range_ok(used, need, journal->half))
        return SS_ERROR_INSUFFICIENT_SPACE;
    if (ss_range_ok(journal->end, need, journal->half)) {
        uint32_t at = journal->end;
        journal->end = journal->half; // if it fails, there are bits where no record is
        if (write_record(journal, journal->active, at, journal->generation, &s) == SS_OK) {
            journal->at[id] = len ? at : 0;
            journal->end = at + need;
            return SS_OK;
        }
    }
    return take_over(journal, &s);
}
