// SPDX-License-Identifier: Apache-2.0
// The streaming JSON reader: every text in one piece, byte by byte and cut at each place; what it hands on, and what it
// refuses.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/json.h"
#include "support/unit.h"
#include "support/vectors.h"

// The first ones are asked for. The last of those lies ten deep.
enum { A, B_C, LIST_ITEM, LIST_X, DEEP_Y, EMPTY, ITEM, ITEM_Z, LONG, WANTED };
enum { B = WANTED, LIST, DEEP, DEEP_ITEM, DEEP_ITEM_ITEM, LONG_1 };
static const struct ss_json_place places[] = {
    [A] = {"a", SS_JSON_TOP},
    [B_C] = {"c", B},
    [LIST_ITEM] = {"[]", LIST},
    [LIST_X] = {"x", LIST_ITEM},
    [DEEP_Y] = {"y", DEEP_ITEM_ITEM},
    [EMPTY] = {"", SS_JSON_TOP},
    [ITEM] = {"[]", SS_JSON_TOP},
    [ITEM_Z] = {"z", ITEM},
    [LONG] = {"long", LONG_1 + 8},
    [B] = {"b", SS_JSON_TOP},
    [LIST] = {"list", SS_JSON_TOP},
    [DEEP] = {"deep", SS_JSON_TOP},
    [DEEP_ITEM] = {"[]", DEEP},
    [DEEP_ITEM_ITEM] = {"[]", DEEP_ITEM},
    [LONG_1] = {"long", SS_JSON_TOP},
    {"long", LONG_1},
    {"long", LONG_1 + 1},
    {"long", LONG_1 + 2},
    {"long", LONG_1 + 3},
    {"long", LONG_1 + 4},
    {"long", LONG_1 + 5},
    {"long", LONG_1 + 6},
    {"long", LONG_1 + 7},
};

/// What came: `place:event…`, a line each value.
struct heard {
    char text[4096];
    size_t len;
    int stop_at; ///< place whose values end the reading; -1: none
};

static void add(struct heard *h, const char *text, size_t len)
{
    assert_true(h->len + len < sizeof h->text);
    memcpy(h->text + h->len, text, len);
    h->len += len;
    h->text[h->len] = 0;
}

static bool hear(void *context, unsigned place, enum ss_json_event event, const char *bytes, size_t len)
{
    struct heard *h = context;
    assert_true(place < WANTED);
    assert_true((bytes == NULL) == (event == SS_JSON_BEGIN || event == SS_JSON_END));
    if (event != SS_JSON_TEXT) {
        char start[16];
        snprintf(start, sizeof start, "%u%c", place, "< >="[event]);
        add(h, start, strlen(start));
    }
    if (len)
        add(h, bytes, len);
    if (event == SS_JSON_WORD)
        add(h, " ", 1);
    return (int)place != h->stop_at;
}

static const struct ss_json_form form = {
    .places = places, .value = hear, .place_count = sizeof places / sizeof *places, .wanted = WANTED};

static ss_status_t read_pieces(const char *text, size_t len, size_t piece, struct heard *h, int stop_at)
{
    struct ss_json json;
    ss_status_t status = SS_OK;
    *h = (struct heard){.stop_at = stop_at};
    ss_json_start(&json, &form, h);
    for (size_t at = 0; status == SS_OK && at < len; at += piece) {
        // An exact block, so that the address sanitizer sees a read past the end.
        size_t n = len - at < piece ? len - at : piece;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, text + at, n);
        status = ss_json_read(&json, copy, n);
        free(copy);
    }
    ss_status_t end = ss_json_finish(&json);
    assert_int_equal(ss_json_read(&json, " ", 1), SS_ERROR_DATA_INVALID);
    return status == SS_OK ? end : status;
}

// In pieces of every length the same comes out.
static void expect(const char *title, const char *text, size_t len, const char *heard)
{
    static struct heard h;
    for (size_t piece = 1; piece <= len + 1; piece++) {
        ss_status_t status = read_pieces(text, len, piece, &h, -1);
        if (status != (heard ? SS_OK : SS_ERROR_DATA_INVALID))
            fail_msg("%s (pieces of %zu): %s", title, piece, ss_status_name(status));
        if (heard && strcmp(h.text, heard) != 0)
            fail_msg("%s (pieces of %zu): %s", title, piece, h.text);
    }
}

// json.txt: title, text, then what is heard, or `refused`.
static void vectors(void **state)
{
    (void)state;
    char *all = NULL;
    size_t size, n = 0;
    FILE *f = fopen(SS_VECTOR_DIR "/json.txt", "r");
    assert_non_null(f);
    char title[200] = "", text[2000] = "";
    for (ssize_t len; (len = getline(&all, &size, f)) > 0;) {
        all[len - 1] = 0;
        if (all[0] == '#' || all[0] == 0)
            continue;
        if (strncmp(all, "  text ", 7) == 0) {
            snprintf(text, sizeof text, "%s", all + 7);
        } else if (strcmp(all, "  refused") == 0) {
            expect(title, text, strlen(text), NULL);
            n++;
        } else if (strncmp(all, "  heard", 7) == 0) {
            expect(title, text, strlen(text), all[7] ? all + 8 : "");
            n++;
        } else {
            snprintf(title, sizeof title, "%s", all);
        }
    }
    free(all);
    fclose(f);
    assert_int_equal(n, 94);
}

static void every_control_character(void **state)
{
    (void)state;
    expect("escaped", "{\"a\":\"\\b\\f\\n\\r\\t\"}", 18, "0<\b\f\n\r\t0>");
    for (unsigned c = 0; c < 256; c++) {
        char text[] = "{\"a\":\"?\"}", heard[] = "0<?0>";
        text[6] = (char)c;
        heard[2] = (char)c;
        expect("in a string", text, 9, c < 0x20 || c == '"' || c == '\\' ? NULL : heard);
        char before[] = "?{}";
        before[0] = (char)c;
        expect("before", before, 3, c == ' ' || c == '\t' || c == '\n' || c == '\r' ? "" : NULL);
        char after[] = "[]?";
        after[2] = (char)c;
        expect("after", after, 3, c == ' ' || c == '\t' || c == '\n' || c == '\r' ? "" : NULL);
    }
}

static void nests_so_deep(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned depth = 1; depth <= SS_JSON_DEPTH_MAX + 1; depth++) {
            char text[400] = "";
            for (unsigned i = 0; i < depth; i++)
                strcat(text, kind ? "{\"k\":" : "[");
            strcat(text, kind ? "1" : "");
            for (unsigned i = 0; i < depth; i++)
                strcat(text, kind ? "}" : "]");
            struct heard h;
            assert_int_equal(read_pieces(text, strlen(text), 7, &h, -1),
                             depth <= SS_JSON_DEPTH_MAX ? SS_OK : SS_ERROR_DATA_INVALID);
        }
    }
}

static void a_megabyte_of_nothing(void **state)
{
    (void)state;
    struct ss_json json;
    struct heard h = {.stop_at = -1};
    ss_json_start(&json, &form, &h);
    assert_int_equal(ss_json_read(&json, "{\"q\":\"", 6), SS_OK);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(ss_json_read(&json, "0123456789", 10), SS_OK);
    assert_int_equal(ss_json_read(&json, "\",\"a\":1}", 8), SS_OK);
    assert_int_equal(ss_json_finish(&json), SS_OK);
    assert_string_equal(h.text, "0=1 ");
}

static void stops(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1,\"b\":{\"c\":\"xy\"},\"list\":[true]}";
    static const struct {
        int path;
        const char *heard;
    } cases[] = {{0, "0=1 "}, {1, "0=1 1<"}, {2, "0=1 1<xy1>2=true "}};
    struct heard container;
    assert_int_equal(read_pieces("{\"a\":{}}", 8, 8, &container, 0), SS_ERROR_DATA_INVALID);
    assert_string_equal(container.text, "0<");
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard h;
        assert_int_equal(read_pieces(text, sizeof text - 1, 100, &h, cases[i].path), SS_ERROR_DATA_INVALID);
        assert_string_equal(h.text, cases[i].heard);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),       cmocka_unit_test(every_control_character),
        cmocka_unit_test(nests_so_deep), cmocka_unit_test(a_megabyte_of_nothing),
        cmocka_unit_test(stops),
    };
    return ss_test_main(argc, argv, tests);
}
