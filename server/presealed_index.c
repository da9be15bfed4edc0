// SPDX-License-Identifier: Apache-2.0
// The index of a pre-sealed folder: a strict, bounded parser.
#include <stdio.h>
#include <string.h>

#include "server/presealed.h"
#include "vault/vault.h"

enum { WORDS_MAX = 5, LINE_MAX_LEN = 320 };

struct line {
    unsigned number;
    const char *words[WORDS_MAX];
    size_t lens[WORDS_MAX];
    unsigned count;
};

static ss_status_t bad(const struct line *line, struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "line %u %s", line->number, what);
}

static bool is(const struct line *line, unsigned word, const char *text)
{
    return word < line->count && line->lens[word] == strlen(text) && !memcmp(line->words[word], text, line->lens[word]);
}

/// Words are separated by one blank each.
static ss_status_t split(const char *text, size_t len, struct line *line, struct ss_error *err)
{
    line->count = 0;
    if (!len || len > LINE_MAX_LEN)
        return bad(line, err, "is empty or too long");
    for (size_t at = 0; at <= len;) {
        const char *blank = memchr(text + at, ' ', len - at);
        size_t n = blank ? (size_t)(blank - text) - at : len - at;
        if (!n || line->count == WORDS_MAX)
            return bad(line, err, "has too many words, or blanks in a row");
        line->words[line->count] = text + at;
        line->lens[line->count++] = n;
        at += n + 1;
    }
    return SS_OK;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hash(const char *text, size_t len, uint8_t out[32])
{
    if (len != 64)
        return false;
    for (unsigned i = 0; i < 32; i++) {
        int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool name(const struct line *line, unsigned word, char *out, size_t size)
{
    if (line->lens[word] >= size)
        return false;
    memcpy(out, line->words[word], line->lens[word]);
    out[line->lens[word]] = '\0';
    return ss_vault_name_ok(out);
}

static bool credential(const struct line *line, unsigned word, struct ss_presealed_entry *e)
{
    static const struct {
        const char *prefix;
        enum ss_store_credential kind;
    } kinds[] = {{"token:", SS_STORE_TOKEN}, {"certificate:", SS_STORE_CERTIFICATE}};
    e->credential = SS_STORE_NO_CREDENTIAL;
    if (is(line, word, "none"))
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].prefix);
        if (line->lens[word] <= n || memcmp(line->words[word], kinds[i].prefix, n) != 0)
            continue;
        e->credential = kinds[i].kind;
        return hash(line->words[word] + n, line->lens[word] - n, e->hash);
    }
    return false;
}

static ss_status_t parse_entry(const struct line *line, struct ss_presealed_entry *e, struct ss_error *err)
{
    bool ok = false;
    memset(e, 0, sizeof *e);
    if (is(line, 0, "product") && line->count == 2) {
        e->kind = SS_PRESEALED_PRODUCT;
        ok = name(line, 1, e->name, SS_PRODUCT_NAME_MAX + 1);
    } else if (is(line, 0, "key-set") && line->count == 2) {
        e->kind = SS_PRESEALED_KEY_SET;
        ok = hash(line->words[1], line->lens[1], e->hash);
    } else if (is(line, 0, "release") && line->count == 2) {
        e->kind = SS_PRESEALED_RELEASE;
        ok = hash(line->words[1], line->lens[1], e->hash);
    } else if (is(line, 0, "device") && line->count == 4) {
        e->kind = SS_PRESEALED_DEVICE;
        e->active = is(line, 2, "active");
        ok = name(line, 1, e->name, sizeof e->name) && (e->active || is(line, 2, "gone")) && credential(line, 3, e);
    } else if (is(line, 0, "sealed") && line->count == 5) {
        e->kind = SS_PRESEALED_SEALED;
        ok = name(line, 1, e->name, sizeof e->name) && name(line, 2, e->slot, sizeof e->slot) &&
             hash(line->words[3], line->lens[3], e->hash) && hash(line->words[4], line->lens[4], e->ciphertext);
    }
    return ok ? SS_OK : bad(line, err, "is none of an index");
}

/// The product comes first and once; what follows is in the order of the format.
static ss_status_t check_order(const struct line *line, const struct ss_presealed_entry *e, int *last,
                               struct ss_error *err)
{
    if ((*last < 0) != (e->kind == SS_PRESEALED_PRODUCT) || (int)e->kind < *last)
        return bad(line, err, "is out of order");
    *last = (int)e->kind;
    return SS_OK;
}

static ss_status_t check_head(const struct line *line, struct ss_error *err)
{
    if (!is(line, 0, "slotseal-presealed") || line->count != 2)
        return bad(line, err, "does not begin an index");
    return is(line, 1, "1")
               ? SS_OK
               : ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_SERVER, "the index has a format of a newer program");
}

static bool is_end(const struct line *line)
{
    char text[24];
    snprintf(text, sizeof text, "%u", line->number - 1);
    return line->count == 2 && is(line, 0, "end") && is(line, 1, text);
}

static ss_status_t walk(const char *text, size_t len,
                        ss_status_t (*each)(void *context, const struct ss_presealed_entry *entry,
                                            struct ss_error *err),
                        void *context, struct ss_error *err)
{
    struct line line = {.number = 0};
    struct ss_presealed_entry entry;
    ss_status_t status = SS_OK;
    int last = -1;
    for (size_t at = 0; at < len && status == SS_OK;) {
        const char *end = memchr(text + at, '\n', len - at);
        line.number++;
        if (!end)
            return bad(&line, err, "has no end");
        status = split(text + at, (size_t)(end - text) - at, &line, err);
        at = (size_t)(end - text) + 1;
        if (status == SS_OK && is_end(&line))
            return at == len && last >= 0 ? SS_OK : bad(&line, err, "ends the index too early");
        if (status == SS_OK && line.number == 1) {
            status = check_head(&line, err);
            continue;
        }
        if (status == SS_OK)
            status = parse_entry(&line, &entry, err);
        if (status == SS_OK)
            status = check_order(&line, &entry, &last, err);
        if (status == SS_OK && each)
            status = each(context, &entry, err);
    }
    line.number++;
    return status == SS_OK ? bad(&line, err, "should end the index, which is cut") : status;
}

ss_status_t ss_presealed_parse(const char *text, size_t len,
                               ss_status_t (*each)(void *context, const struct ss_presealed_entry *entry,
                                                   struct ss_error *err),
                               void *context, struct ss_error *err)
{
    if (len > SS_PRESEALED_INDEX_MAX)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "the index has %zu bytes, at most %u", len,
                            SS_PRESEALED_INDEX_MAX);
    ss_status_t status = walk(text, len, NULL, NULL, err);
    return status == SS_OK ? walk(text, len, each, context, err) : status;
}
