// SPDX-License-Identifier: Apache-2.0
// Lets the interop tests reach the NVS functions:
//
//     nvs_tool build IN.csv SIZE VERSION OUT.bin [KEYS.bin]    the generator's CSV to an image, encrypted with KEYS
//     nvs_tool dump IN.bin [KEYS.bin]                          an image as JSON: entries with values, findings
//
// Of the CSV: types namespace, data and file; encodings u8 … i64, string, hex2bin, binary; fields quoted with ".
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "slotseal/nvs.h"

#define MAX_FINDINGS 4096

static void die(const char *what, const char *why)
{
    fprintf(stderr, "nvs_tool: %s: %s\n", what, why);
    exit(1);
}

static void check(ss_status_t status, const char *what, const struct ss_error *err)
{
    if (status)
        die(what, err->message);
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        die(path, strerror(errno));
    long size = ftell(f);
    rewind(f);
    uint8_t *data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, f) != (size_t)size)
        die(path, "cannot be read");
    fclose(f);
    data[size] = 0;
    *len = (size_t)size;
    return data;
}

static void write_file(const char *path, const uint8_t *data, size_t len)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
        die(path, "cannot be written");
}

static void read_keys(const char *path, uint8_t keys[SS_NVS_KEYS_SIZE])
{
    struct ss_error err = {0};
    size_t len;
    uint8_t *image = read_file(path, &len);
    check(ss_nvs_keys_parse(image, len, keys, &err), path, &err);
    free(image);
}

/// Cuts the next field off @p *text, in place, and stores the character that ended it.
static char *next_field(char **text, char *end)
{
    char *in = *text, *out = in, *field = in;
    bool quoted = *in == '"';
    for (in += quoted; *in && (quoted || (*in != ',' && *in != '\n')); in++) {
        if (quoted && *in == '"' && in[1] != '"') {
            quoted = false;
            continue;
        }
        if (quoted && *in == '"')
            in++;
        *out++ = *in;
    }
    *end = *in;
    *text = *in ? in + 1 : in;
    *out = 0;
    return field;
}

static void set_number(struct ss_nvs_value *value, const char *encoding, const char *text)
{
    static const enum ss_nvs_type integers[] = {SS_NVS_U8,  SS_NVS_I8,  SS_NVS_U16, SS_NVS_I16,
                                                SS_NVS_U32, SS_NVS_I32, SS_NVS_U64, SS_NVS_I64};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        if (strcmp(encoding, ss_nvs_type_name(integers[i])) == 0) {
            value->type = integers[i];
            value->number = *text == '-' ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
            return;
        }
    die("unknown encoding", encoding);
}

static size_t unhex(char *text)
{
    size_t len = strlen(text) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            die("not hexadecimal", text);
        text[i] = (char)byte;
    }
    return len;
}

static void set_row(struct ss_nvs_writer *w, const char *ns, char *const row[4])
{
    struct ss_error err = {0};
    char *text = row[3];
    size_t len = strlen(text);
    void *file = NULL;
    if (strcmp(row[1], "file") == 0)
        text = file = read_file(text, &len);
    struct ss_nvs_value value = {.type = SS_NVS_BLOB, .data = text, .len = len};
    if (strcmp(row[2], "string") == 0)
        value.type = SS_NVS_STRING;
    else if (strcmp(row[2], "hex2bin") == 0)
        value.len = unhex(text);
    else if (strcmp(row[2], "binary") != 0)
        set_number(&value, row[2], text);
    check(ss_nvs_set(w, ns, row[0], &value, &err), row[0], &err);
    free(file);
}

static void fill(struct ss_nvs_writer *w, char *csv)
{
    const char *ns = "";
    while (*csv) {
        char *row[4], end = ',';
        struct ss_error err = {0};
        for (unsigned i = 0; i < 4; i++) {
            static char empty[] = "";
            row[i] = end == ',' ? next_field(&csv, &end) : empty;
        }
        if (end == ',')
            die("more than four fields", row[0]);
        if (row[0][0] == '#' || strcmp(row[0], "key") == 0)
            continue;
        if (strcmp(row[1], "namespace") != 0) {
            set_row(w, ns, row);
            continue;
        }
        ns = row[0];
        check(ss_nvs_add_namespace(w, ns, &err), ns, &err);
    }
}

static int build(int argc, char **argv)
{
    size_t len, size = strtoul(argv[1], NULL, 0);
    struct ss_error err = {0};
    struct ss_nvs_writer w;
    char *csv = (char *)read_file(argv[0], &len);
    uint8_t *image = malloc(size ? size : 1);
    check(ss_nvs_writer_init(&w, image, size, (enum ss_nvs_version)atoi(argv[2]), &err), "size or version", &err);
    fill(&w, csv);
    if (argc > 4) {
        uint8_t keys[SS_NVS_KEYS_SIZE];
        read_keys(argv[4], keys);
        check(ss_nvs_encrypt(image, size, keys, &err), "encrypt", &err);
    }
    write_file(argv[3], image, size);
    free(image);
    free(csv);
    return 0;
}

/// Integers as decimal text, so that 64 bits survive; data as hex, null if it is damaged.
static json_t *value_of(const struct ss_nvs_reader *r, const struct ss_nvs_entry *entry)
{
    char number[24];
    if (entry->type != SS_NVS_STRING && entry->type != SS_NVS_BLOB) {
        if (entry->type & 0x10)
            snprintf(number, sizeof number, "%lld", (long long)entry->number);
        else
            snprintf(number, sizeof number, "%llu", (unsigned long long)entry->number);
        return json_string(number);
    }
    size_t len;
    uint8_t *data = malloc(entry->len + 1);
    char *hex = malloc(2 * entry->len + 1);
    ss_status_t status = ss_nvs_read(r, entry, data, entry->len, &len, NULL);
    hex[0] = 0;
    for (size_t i = 0; i < len; i++)
        sprintf(hex + 2 * i, "%02x", data[i]);
    json_t *value = status ? json_null() : json_string(hex);
    free(data);
    free(hex);
    return value;
}

static json_t *findings_of(const uint8_t *image, size_t size)
{
    static struct ss_nvs_finding findings[MAX_FINDINGS];
    struct ss_error err = {0};
    size_t count;
    json_t *list = json_array();
    check(ss_nvs_check(image, size, findings, MAX_FINDINGS, &count, &err), "check", &err);
    for (size_t i = 0; i < count && i < MAX_FINDINGS; i++) {
        int entry = findings[i].entry == SS_NVS_NO_ENTRY ? -1 : findings[i].entry;
        json_array_append_new(list, json_pack("{s:s, s:i, s:i}", "fault", ss_nvs_fault_text(findings[i].fault), "page",
                                              findings[i].page, "entry", entry));
    }
    return list;
}

static int dump(int argc, char **argv)
{
    static struct ss_nvs_reader r;
    size_t size;
    struct ss_error err = {0};
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry entry;
    uint8_t *image = read_file(argv[0], &size);
    if (argc > 1) {
        uint8_t keys[SS_NVS_KEYS_SIZE];
        read_keys(argv[1], keys);
        check(ss_nvs_decrypt(image, size, keys, &err), argv[0], &err);
    }
    check(ss_nvs_reader_open(&r, image, size, &err), argv[0], &err);
    json_t *entries = json_array();
    while (ss_nvs_next(&r, &cursor, &entry) == SS_OK)
        json_array_append_new(entries, json_pack("{s:s, s:s, s:s, s:o}", "namespace", entry.ns, "key", entry.key,
                                                 "type", ss_nvs_type_name(entry.type), "value", value_of(&r, &entry)));
    json_t *all = json_pack("{s:o, s:o}", "entries", entries, "findings", findings_of(image, size));
    json_dumpf(all, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(all);
    free(image);
    return 0;
}

int main(int argc, char **argv)
{
    if ((argc == 6 || argc == 7) && strcmp(argv[1], "build") == 0)
        return build(argc - 2, argv + 2);
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "dump") == 0)
        return dump(argc - 2, argv + 2);
    fprintf(stderr, "usage: nvs_tool build IN.csv SIZE VERSION OUT.bin [KEYS.bin] | dump IN.bin [KEYS.bin]\n");
    return 2;
}
