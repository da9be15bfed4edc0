// SPDX-License-Identifier: Apache-2.0
// The streaming JSON reader: the first byte says how the rest is cut into pieces. However it is cut, the same comes out,
// and the end of it is the same.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { A, B_C, LIST_ITEM, LIST_X, DEEP_Y, EMPTY, ITEM, A_A, WANTED, B = WANTED, LIST, DEEP, DEEP_ITEM, DEEP_ITEM_ITEM };
static const struct ss_json_place places[] = {
    [A] = {"a", SS_JSON_TOP},
    [B_C] = {"c", B},
    [LIST_ITEM] = {"[]", LIST},
    [LIST_X] = {"x", LIST_ITEM},
    [DEEP_Y] = {"y", DEEP_ITEM_ITEM},
    [EMPTY] = {"", SS_JSON_TOP},
    [ITEM] = {"[]", SS_JSON_TOP},
    [A_A] = {"a", A},
    [B] = {"b", SS_JSON_TOP},
    [LIST] = {"list", SS_JSON_TOP},
    [DEEP] = {"deep", SS_JSON_TOP},
    [DEEP_ITEM] = {"[]", DEEP},
    [DEEP_ITEM_ITEM] = {"[]", DEEP_ITEM},
};

struct heard {
    uint32_t hash;
    unsigned open[WANTED]; ///< that have begun and not ended
    unsigned all;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static bool hear(void *context, unsigned place, enum ss_json_event event, const char *bytes, size_t len)
{
    struct heard *h = context;
    must(place < WANTED && (len == 0 || bytes));
    h->open[place] += event == SS_JSON_BEGIN;
    must(event != SS_JSON_END || h->open[place] > 0);
    h->open[place] -= event == SS_JSON_END;
    // Text comes in pieces: only its bytes count.
    uint8_t start[2] = {(uint8_t)place, (uint8_t)event};
    for (size_t i = 0; i < len + (event == SS_JSON_TEXT ? 0 : 2); i++)
        h->hash = (h->hash ^ (i < len ? (uint8_t)bytes[i] : start[i - len])) * 16777619u;
    return ++h->all < 5000;
}

static const struct ss_json_form form = {
    .places = places, .value = hear, .place_count = sizeof places / sizeof *places, .wanted = WANTED};

static ss_status_t read_pieces(const uint8_t *data, size_t len, size_t piece, struct heard *h)
{
    struct ss_json json;
    ss_status_t status = SS_OK;
    *h = (struct heard){0};
    ss_json_start(&json, &form, h);
    for (size_t at = 0; status == SS_OK && at < len; at += piece)
        status = ss_json_read(&json, data + at, len - at < piece ? len - at : piece);
    must(status == SS_OK || status == SS_ERROR_DATA_INVALID);
    ss_status_t end = ss_json_finish(&json);
    must(status == SS_OK || end != SS_OK);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct heard whole, pieces;
    if (len == 0 || len > 4000)
        return 0;
    ss_status_t status = read_pieces(data + 1, len - 1, len, &whole);
    must(read_pieces(data + 1, len - 1, data[0] % 16 + 1u, &pieces) == status);
    if (status != SS_OK)
        return 0;
    must(whole.hash == pieces.hash);
    for (unsigned i = 0; i < WANTED; i++)
        must(whole.open[i] == 0);
    return 0;
}
