// SPDX-License-Identifier: Apache-2.0
#include "provision/record.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/hex.h"
#include "provision/append_file.h"

#define VALUE_SIZE   320
#define COLUMNS_MAX  24
#define LINE_SIZE    (COLUMNS_MAX * (2 * VALUE_SIZE + 3))
#define HEX_RUN_MAX  31 ///< digits in a row that cannot be a key
#define WORD_RUN_MAX 42 ///< characters of base64 in a row that cannot be a key

/// A line before it is written: name and text of each column.
struct row {
    unsigned count;
    const char *names[COLUMNS_MAX];
    char values[COLUMNS_MAX][VALUE_SIZE];
};

static void add(struct row *row, const char *name, const char *value)
{
    row->names[row->count] = name;
    snprintf(row->values[row->count++], VALUE_SIZE, "%s", value);
}

static size_t longest_run(const char *text, bool (*belongs)(int c))
{
    size_t run = 0, longest = 0;
    for (; *text; text++) {
        run = belongs((unsigned char)*text) ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static bool is_hex(int c)
{
    return isxdigit(c) != 0;
}

static bool is_base64(int c)
{
    return isalnum(c) || c == '-' || c == '_' || c == '+' || c == '/';
}

static ss_status_t check_text(const char *name, const char *text, struct ss_error *err)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7F)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE, "record: %s holds a control character",
                                name);
    if (*text && strchr("=+-@", *text))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE,
                            "record: %s begins with %c, which spreadsheets take for a formula", name, *text);
    return SS_OK;
}

/// For what people type: it could be anything, a key too.
static ss_status_t check_word(const char *name, const char *text, struct ss_error *err)
{
    if (longest_run(text, is_hex) > HEX_RUN_MAX || longest_run(text, is_base64) > WORD_RUN_MAX)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_NONE, "record: %s looks like a key", name);
    return SS_OK;
}

static void csv_field(const char *value, char **out)
{
    bool quote = strpbrk(value, ",\"") != NULL;
    if (quote)
        *(*out)++ = '"';
    for (; *value; value++) {
        if (*value == '"')
            *(*out)++ = '"';
        *(*out)++ = *value;
    }
    if (quote)
        *(*out)++ = '"';
}

static void csv_line(const struct row *row, bool names, char line[LINE_SIZE])
{
    char *out = line;
    for (unsigned i = 0; i < row->count; i++) {
        if (i)
            *out++ = ',';
        csv_field(names ? row->names[i] : row->values[i], &out);
    }
    *out = '\0';
}

static ss_status_t append_json(const char *path, const struct row *row, struct ss_error *err)
{
    json_t *object = json_object();
    bool ok = object != NULL;
    for (unsigned i = 0; ok && i < row->count; i++)
        ok = json_object_set_new(object, row->names[i], *row->values[i] ? json_string(row->values[i]) : json_null()) ==
             0;
    char *text = ok ? json_dumps(object, JSON_COMPACT) : NULL;
    ss_status_t status =
        text ? ss_append_line(path, NULL, text, err)
             : ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE, "record: not UTF-8, or no memory");
    free(text);
    json_decref(object);
    return status;
}

static bool is_csv(const char *path)
{
    size_t len = strlen(path);
    return len >= 4 && !strcasecmp(path + len - 4, ".csv");
}

static ss_status_t append_row(const char *path, const struct row *row, struct ss_error *err)
{
    char header[LINE_SIZE], line[LINE_SIZE];
    for (unsigned i = 0; i < row->count; i++) {
        ss_status_t status = check_text(row->names[i], row->values[i], err);
        if (status != SS_OK)
            return status;
    }
    if (!is_csv(path))
        return append_json(path, row, err);
    csv_line(row, true, header);
    csv_line(row, false, line);
    return ss_append_line(path, header, line, err);
}

static void add_digest(struct row *row, const char *name, const struct ss_record_digest *digest)
{
    char hex[65] = "";
    if (digest->known)
        ss_put_hex(digest->sha256, 32, hex);
    add(row, name, hex);
}

static void add_time(struct row *row, int64_t seconds)
{
    char text[32] = "";
    time_t t = (time_t)seconds;
    struct tm utc;
    if (gmtime_r(&t, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    add(row, "time", text);
}

const char *ss_record_result_name(enum ss_record_result result)
{
    static const char *const names[] = {"done", "failed", "refused"};
    return (size_t)result < sizeof names / sizeof *names ? names[result] : "unknown";
}

static void fill(struct row *row, const struct ss_manufacturing_record *r)
{
    char mac[SS_DEVICE_MAC_SIZE] = "", revision[16];
    if (r->mac_known)
        ss_device_mac_text(r->mac, mac);
    snprintf(revision, sizeof revision, "%u.%u", r->revision / 100, r->revision % 100);
    add_time(row, r->time);
    add(row, "device", r->device);
    add(row, "mac", mac);
    add(row, "chip", r->chip);
    add(row, "revision", revision);
    add(row, "product", r->product);
    add(row, "result", ss_record_result_name(r->result));
    add(row, "step", r->step);
    add(row, "plan", r->plan);
    add(row, "level", r->level);
    add(row, "key_id", r->key_id);
    add_digest(row, "bootloader_sha256", &r->bootloader);
    add_digest(row, "table_sha256", &r->table);
    add_digest(row, "app_sha256", &r->app);
    add(row, "app_version", r->app_version);
    add(row, "run", r->run);
    add(row, "station", r->station);
    add(row, "operator", r->person);
    add(row, "tool", r->tool);
}

ss_status_t ss_record_append(const char *path, const struct ss_manufacturing_record *record, struct ss_error *err)
{
    struct row row = {0};
    ss_status_t status = check_word("product", record->product, err);
    if (status == SS_OK)
        status = check_word("station", record->station, err);
    if (status == SS_OK)
        status = check_word("operator", record->person, err);
    if (status != SS_OK)
        return status;
    fill(&row, record);
    return append_row(path, &row, err);
}

ss_status_t ss_label_append(const char *path, const struct ss_label *label, struct ss_error *err)
{
    struct row row = {0};
    struct ss_device_words words = {.id = label->id, .mac = label->mac, .product = label->product};
    char mac[SS_DEVICE_MAC_SIZE] = "", qr[VALUE_SIZE];

    ss_status_t status = ss_device_pattern_fill(label->qr ? label->qr : "{id}", &words, qr, sizeof qr, err);
    if (status != SS_OK)
        return status;
    if (label->mac)
        ss_device_mac_text(label->mac, mac);
    add(&row, "id", label->id);
    add(&row, "mac", mac);
    add(&row, "product", label->product ? label->product : "");
    add(&row, "qr", qr);
    return append_row(path, &row, err);
}
