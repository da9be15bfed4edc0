// SPDX-License-Identifier: Apache-2.0
#include "core/nvs_format.h"
#include "support/alloc_fault.h"
#include "support/nvs_sample.h"
#include "support/unit.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"

#define MAX_SIZE 0x10000

static uint8_t image[MAX_SIZE];
static struct ss_nvs_reader reader;

static void start(struct ss_nvs_writer *w, size_t size, enum ss_nvs_version version)
{
    struct ss_error err = {0};
    assert_ok(ss_nvs_writer_init(w, image, size, version, &err), err);
}

static void refuse(struct ss_nvs_writer *w, const char *ns, const char *key, struct ss_nvs_value value,
                   ss_status_t status, const char *message)
{
    static uint8_t before[MAX_SIZE];
    struct ss_nvs_writer state = *w;
    struct ss_error err = {0};
    memcpy(before, w->image, w->size);
    assert_int_equal(ss_nvs_set(w, ns, key, &value, &err), status);
    assert_string_equal(err.message, message);
    assert_int_equal(err.area, SS_AREA_NVS);
    assert_memory_equal(w->image, before, w->size);
    assert_true(w->page == state.page && w->entry == state.entry && w->namespaces == state.namespaces);
    assert_int_equal(ss_nvs_set(w, ns, key, &value, NULL), status);
}

static struct ss_nvs_entry lookup(const char *ns, const char *key, enum ss_nvs_type type)
{
    struct ss_nvs_entry entry;
    struct ss_error err = {0};
    assert_ok(ss_nvs_find(&reader, ns, key, type, &entry, &err), err);
    assert_string_equal(entry.ns, ns);
    assert_string_equal(entry.key, key);
    return entry;
}

static void open_image(size_t size)
{
    struct ss_error err = {0};
    assert_ok(ss_nvs_reader_open(&reader, image, size, &err), err);
}

static void assert_data(const char *ns, const char *key, enum ss_nvs_type type, const void *data, size_t len)
{
    static uint8_t out[SS_NVS_MAX_BLOB];
    struct ss_error err = {0};
    struct ss_nvs_entry entry = lookup(ns, key, type);
    size_t got;
    assert_int_equal(entry.len, len);
    assert_ok(ss_nvs_read(&reader, &entry, out, len, &got, &err), err);
    assert_int_equal(got, len);
    if (len > 0)
        assert_memory_equal(out, data, len);
}

// -- Known answers ----------------------------------------------------------------------------------------------------

struct set_line {
    char ns[20], key[20], type[10], value[24];
};

static bool set_line(const struct vector *v, unsigned n, struct set_line *line)
{
    char name[12];
    snprintf(name, sizeof name, "set%u", n);
    if (!vector_has(v, name))
        return false;
    assert_int_equal(sscanf(vector_text(v, name), "%19s %19s %9s %23s", line->ns, line->key, line->type, line->value),
                     4);
    return true;
}

static struct ss_nvs_value value_of(const struct set_line *line)
{
    static const enum ss_nvs_type integers[] = {SS_NVS_U8,  SS_NVS_I8,  SS_NVS_U16, SS_NVS_I16,
                                                SS_NVS_U32, SS_NVS_I32, SS_NVS_U64, SS_NVS_I64};
    uint64_t n = *line->value == '-' ? (uint64_t)strtoll(line->value, NULL, 10) : strtoull(line->value, NULL, 10);
    if (strcmp(line->type, "text") == 0)
        return (struct ss_nvs_value){.type = SS_NVS_STRING, .data = memset(nvs_pattern(0), 's', n), .len = n};
    for (size_t i = 0; i < 8; i++)
        if (strcmp(line->type, ss_nvs_type_name(integers[i])) == 0)
            return nvs_number(integers[i], n);
    assert_string_equal(line->type, "blob");
    return nvs_blob(nvs_pattern(n), n);
}

static void run_known_answer(const struct vector *v)
{
    struct ss_nvs_writer w;
    struct set_line line;
    struct ss_error err = {0};
    uint8_t keys[SS_NVS_KEYS_SIZE], expected[32], digest[32];
    size_t size = vector_number(v, "size");
    start(&w, size, (enum ss_nvs_version)vector_number(v, "version"));
    for (unsigned n = 1; set_line(v, n, &line); n++)
        nvs_put(&w, line.ns, line.key, value_of(&line));
    nvs_assert_sound(image, size);
    if (vector_has(v, "keys")) {
        assert_int_equal(vector_bytes(v, "keys", keys, sizeof keys), sizeof keys);
        assert_ok(ss_nvs_encrypt(image, size, keys, &err), err);
    }
    vector_bytes(v, "sha256", expected, sizeof expected);
    assert_int_equal(ss_hash_once(SS_HASH_SHA256, image, size, digest), SS_OK);
    assert_memory_equal(digest, expected, sizeof digest);
    if (vector_has(v, "keys"))
        assert_ok(ss_nvs_decrypt(image, size, keys, &err), err);
    open_image(size);
    for (unsigned n = 1; set_line(v, n, &line); n++) {
        struct ss_nvs_value value = value_of(&line);
        if (value.type == SS_NVS_STRING || value.type == SS_NVS_BLOB)
            assert_data(line.ns, line.key, value.type, value.data, value.len);
        else
            assert_int_equal(lookup(line.ns, line.key, value.type).number, value.number);
    }
}

static void known_answers(void **state)
{
    (void)state;
    assert_int_equal(vectors_run("nvs.data", run_known_answer), 11);
}

// -- Writer -----------------------------------------------------------------------------------------------------------

static void init_limits(void **state)
{
    (void)state;
    static const size_t bad_sizes[] = {0, 0x2000, 0x3001, 0x3800, (SS_NVS_MAX_PAGES + 1) * SS_NVS_PAGE_SIZE};
    struct ss_nvs_writer w;
    struct ss_error err = {0};
    for (size_t i = 0; i < sizeof bad_sizes / sizeof *bad_sizes; i++)
        assert_int_equal(ss_nvs_writer_init(&w, image, bad_sizes[i], SS_NVS_V2, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_nvs_writer_init(&w, image, 0x2000, SS_NVS_V2, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "partition is 8192 bytes, it must be a multiple of 4096 from 12288 to 2097152");
    assert_int_equal(ss_nvs_writer_init(&w, image, 0x3000, (enum ss_nvs_version)3, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "NVS version is 3, it must be 1 or 2");
}

static void names(void **state)
{
    (void)state;
    struct ss_nvs_writer w;
    struct ss_nvs_value v = nvs_number(SS_NVS_U8, 1);
    start(&w, 0x3000, SS_NVS_V2);
    nvs_put(&w, "fifteen-letters", "fifteen letters", v);
    refuse(&w, "sixteen-letters!", "k", v, SS_ERROR_INVALID_ARGUMENT,
           "namespace 'sixteen-letters!' must have 1 to 15 characters");
    refuse(&w, "", "k", v, SS_ERROR_INVALID_ARGUMENT, "namespace '' must have 1 to 15 characters");
    refuse(&w, "n", "sixteen-letters!", v, SS_ERROR_INVALID_ARGUMENT,
           "key 'sixteen-letters!' must have 1 to 15 characters");
    refuse(&w, "n", "", v, SS_ERROR_INVALID_ARGUMENT, "key '' must have 1 to 15 characters");
    refuse(&w, "n", "k\xC3\xA4", v, SS_ERROR_INVALID_ARGUMENT,
           "key has byte 0xc3 at position 1, only printable ASCII is portable");
    refuse(&w, "\x7F", "k", v, SS_ERROR_INVALID_ARGUMENT,
           "namespace has byte 0x7f at position 0, only printable ASCII is portable");
    assert_int_equal(ss_nvs_add_namespace(&w, "\n", NULL), SS_ERROR_INVALID_ARGUMENT);
    open_image(w.size);
    assert_int_equal(lookup("fifteen-letters", "fifteen letters", SS_NVS_U8).number, 1);
}

static void number_ranges(void **state)
{
    (void)state;
    struct ss_nvs_writer w;
    start(&w, 0x3000, SS_NVS_V2);
    refuse(&w, "n", "k", nvs_number(SS_NVS_U8, 256), SS_ERROR_INVALID_ARGUMENT, "'k' = 256 is out of range for u8");
    refuse(&w, "n", "k", nvs_number(SS_NVS_I8, 128), SS_ERROR_INVALID_ARGUMENT, "'k' = 128 is out of range for i8");
    refuse(&w, "n", "k", nvs_number(SS_NVS_I8, (uint64_t)-129), SS_ERROR_INVALID_ARGUMENT,
           "'k' = -129 is out of range for i8");
    refuse(&w, "n", "k", nvs_number(SS_NVS_U16, 65536), SS_ERROR_INVALID_ARGUMENT,
           "'k' = 65536 is out of range for u16");
    refuse(&w, "n", "k", nvs_number(SS_NVS_I16, 32768), SS_ERROR_INVALID_ARGUMENT,
           "'k' = 32768 is out of range for i16");
    refuse(&w, "n", "k", nvs_number(SS_NVS_U32, 4294967296), SS_ERROR_INVALID_ARGUMENT,
           "'k' = 4294967296 is out of range for u32");
    refuse(&w, "n", "k", nvs_number(SS_NVS_U32, (uint64_t)-1), SS_ERROR_INVALID_ARGUMENT,
           "'k' = 18446744073709551615 is out of range for u32");
    refuse(&w, "n", "k", nvs_number(SS_NVS_I32, 2147483648), SS_ERROR_INVALID_ARGUMENT,
           "'k' = 2147483648 is out of range for i32");
    refuse(&w, "n", "k", nvs_number(SS_NVS_ANY, 1), SS_ERROR_INVALID_ARGUMENT,
           "'k' has type 0xff, which cannot be stored");
    refuse(&w, "n", "k", nvs_number((enum ss_nvs_type)NVS_TYPE_BLOB_INDEX, 1), SS_ERROR_INVALID_ARGUMENT,
           "'k' has type 0x48, which cannot be stored");
}

static void data_limits(void **state)
{
    (void)state;
    struct ss_nvs_writer w;
    static char s[SS_NVS_MAX_STRING + 2];
    memset(s, 's', sizeof s - 1);
    start(&w, 0x4000, SS_NVS_V2);
    refuse(&w, "n", "k", nvs_text(s), SS_ERROR_INVALID_ARGUMENT,
           "'k' is 4000 bytes, a string in NVS version 2 holds at most 3999");
    refuse(&w, "n", "k", nvs_blob(nvs_pattern(508001), 508001), SS_ERROR_INVALID_ARGUMENT,
           "'k' is 508001 bytes, a blob in NVS version 2 holds at most 508000");
    refuse(&w, "n", "k", (struct ss_nvs_value){.type = SS_NVS_STRING, .data = "a\0b", .len = 3},
           SS_ERROR_INVALID_ARGUMENT, "'k' has a NUL within the string");
    s[SS_NVS_MAX_STRING] = 0;
    nvs_put(&w, "n", "longest", nvs_text(s));
    nvs_put(&w, "n", "next", nvs_text("x"));
    nvs_assert_sound(image, w.size);
    open_image(w.size);
    assert_data("n", "longest", SS_NVS_STRING, s, SS_NVS_MAX_STRING);
    assert_data("n", "next", SS_NVS_STRING, "x", 1);
    start(&w, 0x4000, SS_NVS_V1);
    refuse(&w, "n", "k", nvs_blob(nvs_pattern(1985), 1985), SS_ERROR_INVALID_ARGUMENT,
           "'k' is 1985 bytes, a blob in NVS version 1 holds at most 1984");
    s[1984] = 0;
    refuse(&w, "n", "k", nvs_text(s), SS_ERROR_INVALID_ARGUMENT,
           "'k' is 1984 bytes, a string in NVS version 1 holds at most 1983");
}

static void duplicate_keys(void **state)
{
    (void)state;
    struct ss_nvs_writer w;
    start(&w, 0x4000, SS_NVS_V2);
    nvs_put(&w, "n", "k", nvs_number(SS_NVS_U8, 1));
    nvs_put(&w, "n", "b", nvs_blob(nvs_pattern(4500), 4500));
    nvs_put(&w, "m", "k", nvs_number(SS_NVS_U8, 2));
    refuse(&w, "n", "k", nvs_number(SS_NVS_U8, 1), SS_ERROR_ALREADY_EXISTS, "'k' is already in namespace 'n'");
    refuse(&w, "n", "k", nvs_text("other type"), SS_ERROR_ALREADY_EXISTS, "'k' is already in namespace 'n'");
    refuse(&w, "n", "b", nvs_number(SS_NVS_U8, 1), SS_ERROR_ALREADY_EXISTS, "'b' is already in namespace 'n'");
    // A namespace may be called as a key is.
    nvs_put(&w, "k", "n", nvs_number(SS_NVS_U8, 3));
    assert_int_equal(w.namespaces, 3);
}

static void partition_full(void **state)
{
    (void)state;
    struct ss_nvs_writer w;
    struct ss_error err = {0};
    char key[16];
    start(&w, 0x3000, SS_NVS_V2);
    // Refused as a whole, the namespace it would have listed included.
    refuse(&w, "n", "big", nvs_blob(nvs_pattern(8000), 8000), SS_ERROR_INSUFFICIENT_SPACE,
           "'big' does not fit: partition is 12288 bytes, its 2 usable pages of 126 entries are full");
    nvs_put(&w, "n", "most", nvs_blob(nvs_pattern(7936), 7936));
    assert_int_equal(w.entry, 126);
    refuse(&w, "n", "k", nvs_number(SS_NVS_U8, 1), SS_ERROR_INSUFFICIENT_SPACE,
           "'k' does not fit: partition is 12288 bytes, its 2 usable pages of 126 entries are full");
    refuse(&w, "n", "k", nvs_text(""), SS_ERROR_INSUFFICIENT_SPACE,
           "'k' does not fit: partition is 12288 bytes, its 2 usable pages of 126 entries are full");
    refuse(&w, "n", "k", nvs_blob(NULL, 0), SS_ERROR_INSUFFICIENT_SPACE,
           "'k' does not fit: partition is 12288 bytes, its 2 usable pages of 126 entries are full");
    assert_int_equal(ss_nvs_add_namespace(&w, "m", &err), SS_ERROR_INSUFFICIENT_SPACE);
    assert_string_equal(err.message,
                        "'m' does not fit: partition is 12288 bytes, its 2 usable pages of 126 entries are full");
    nvs_assert_sound(image, w.size);
    start(&w, 0x10000, SS_NVS_V2);
    for (unsigned i = 1; i <= SS_NVS_MAX_NAMESPACES; i++) {
        snprintf(key, sizeof key, "ns%u", i);
        nvs_put(&w, key, "k", nvs_number(SS_NVS_U8, i));
    }
    refuse(&w, "ns255", "k", nvs_number(SS_NVS_U8, 1), SS_ERROR_INSUFFICIENT_SPACE,
           "namespace 'ns255' would be number 255, NVS has at most 254");
    nvs_assert_sound(image, w.size);
    open_image(w.size);
    assert_int_equal(lookup("ns254", "k", SS_NVS_U8).number, 254);
}

static void blob_of_more_than_127_chunks(void **state)
{
    (void)state;
    size_t size = 130 * SS_NVS_PAGE_SIZE;
    uint8_t *large = malloc(size);
    struct ss_nvs_writer w;
    struct ss_error err = {0};
    struct ss_nvs_value v = nvs_blob(nvs_pattern(SS_NVS_MAX_BLOB), SS_NVS_MAX_BLOB), v8 = nvs_number(SS_NVS_U8, 1);
    assert_non_null(large);
    assert_ok(ss_nvs_writer_init(&w, large, size, SS_NVS_V2, &err), err);
    assert_int_equal(ss_nvs_set(&w, "n", "k", &v, &err), SS_ERROR_INSUFFICIENT_SPACE);
    assert_string_equal(err.message, "'k' of 508000 bytes needs more than 127 chunks after what is on its first page");
    v.len -= 4000;
    assert_ok(ss_nvs_set(&w, "n", "k", &v, &err), err);
    assert_ok(ss_nvs_set(&w, "n", "x", &v8, &err), err);
    nvs_assert_sound(large, size);
    assert_ok(ss_nvs_reader_open(&reader, large, size, &err), err);
    assert_data("n", "k", SS_NVS_BLOB, v.data, v.len);
    free(large);
}

// -- Reader -----------------------------------------------------------------------------------------------------------

static void open_statuses(void **state)
{
    (void)state;
    struct ss_error err = {0};
    size_t count = 9;
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry entry;
    memset(image, 0xFF, sizeof image);
    assert_int_equal(ss_nvs_reader_open(&reader, image, 0, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_nvs_reader_open(&reader, image, 4095, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "NVS image is 4095 bytes, it must be a multiple of 4096");
    assert_int_equal(ss_nvs_reader_open(&reader, image, 513 * 4096, &err), SS_ERROR_NOT_SUPPORTED);
    assert_string_equal(err.message, "NVS image has 513 pages, at most 512 can be read");
    assert_int_equal(ss_nvs_check(image, 100, NULL, 0, &count, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(count, 0);
    assert_int_equal(ss_nvs_check(image, 513 * 4096, NULL, 0, &count, &err), SS_ERROR_NOT_SUPPORTED);
    assert_ok(ss_nvs_reader_open(&reader, image, 0x3000, &err), err);
    assert_int_equal(ss_nvs_next(&reader, &cursor, &entry), SS_ERROR_DOES_NOT_EXIST);
    nvs_assert_sound(image, 0x3000);
}

static void find_statuses(void **state)
{
    (void)state;
    struct ss_error err = {0};
    struct ss_nvs_entry entry;
    nvs_sample(image);
    open_image(NVS_SAMPLE_SIZE);
    assert_int_equal(ss_nvs_find(&reader, "other", "a", SS_NVS_ANY, &entry, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "there is no namespace 'other'");
    assert_int_equal(ss_nvs_find(&reader, "cfg", "b", SS_NVS_ANY, &entry, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "there is no 'b' in namespace 'cfg'");
    assert_int_equal(ss_nvs_find(&reader, "cfg", "a", SS_NVS_STRING, &entry, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "'a' in namespace 'cfg' is of type u8, not string");
    entry = lookup("cfg", "z", SS_NVS_ANY);
    assert_int_equal(entry.type, SS_NVS_U16);
    assert_int_equal(entry.number, 9);
    assert_int_equal(entry.page, 1);
    assert_int_equal(entry.index, 38);
    assert_int_equal(entry.len, 0);
    entry = lookup("cfg", "big", SS_NVS_BLOB);
    assert_int_equal(entry.len, 5000);
    assert_int_equal(entry.number, 0);
}

static void read_statuses(void **state)
{
    (void)state;
    static uint8_t out[5000];
    struct ss_error err = {0};
    size_t len;
    nvs_sample(image);
    open_image(NVS_SAMPLE_SIZE);
    struct ss_nvs_entry entry = lookup("cfg", "big", SS_NVS_BLOB);
    memset(out, 0xA5, sizeof out);
    assert_int_equal(ss_nvs_read(&reader, &entry, out, 4999, &len, &err), SS_ERROR_BUFFER_TOO_SMALL);
    assert_string_equal(err.message, "'big' is 5000 bytes, the buffer holds 4999");
    assert_int_equal(len, 5000);
    assert_true(ss_all_bytes(out, sizeof out, 0xA5));
    entry.index = 126;
    assert_int_equal(ss_nvs_read(&reader, &entry, out, 5000, &len, &err), SS_ERROR_INVALID_ARGUMENT);
    entry.index = 37;
    entry.page = 4;
    assert_int_equal(ss_nvs_read(&reader, &entry, out, 5000, &len, &err), SS_ERROR_INVALID_ARGUMENT);
    entry.page = 0; // within the data of chunk 0
    assert_int_equal(ss_nvs_read(&reader, &entry, out, 5000, &len, &err), SS_ERROR_INVALID_ARGUMENT);
    entry = lookup("cfg", "a", SS_NVS_U8);
    assert_int_equal(ss_nvs_read(&reader, &entry, out, 5000, &len, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "not a string or blob of this image");
    assert_int_equal(len, 0);
}

/// A value as random_store() chose it.
struct chosen {
    char ns[16], key[16];
    enum ss_nvs_type type;
    uint64_t number;
    size_t len;
    uint8_t *data;
};

static struct chosen choose(uint64_t *rng, unsigned i)
{
    static const enum ss_nvs_type all[] = {SS_NVS_U8,  SS_NVS_I8,  SS_NVS_U16, SS_NVS_I16,    SS_NVS_U32,
                                           SS_NVS_I32, SS_NVS_U64, SS_NVS_I64, SS_NVS_STRING, SS_NVS_BLOB};
    struct chosen c = {.type = all[test_random(rng) % 10]};
    unsigned bits = (c.type & 0x0Fu) * 8;
    snprintf(c.ns, sizeof c.ns, "ns%u", (unsigned)(test_random(rng) % 3));
    snprintf(c.key, sizeof c.key, "key%u", i);
    if (c.type == SS_NVS_STRING || c.type == SS_NVS_BLOB) {
        c.len = test_random(rng) % (test_random(rng) % 4 ? 100 : 1900);
        c.data = malloc(c.len + 1);
        assert_non_null(c.data);
        test_random_bytes(rng, c.data, c.len);
        for (size_t j = 0; c.type == SS_NVS_STRING && j < c.len; j++)
            c.data[j] |= 1;
        return c;
    }
    c.number = test_random(rng);
    if (c.type & 0x10)
        c.number = (uint64_t)((int64_t)(c.number << (64 - bits)) >> (64 - bits));
    else
        c.number >>= 64 - bits;
    return c;
}

static void assert_chosen(const struct chosen *c, struct ss_nvs_cursor *cursor)
{
    struct ss_nvs_entry entry;
    assert_int_equal(ss_nvs_next(&reader, cursor, &entry), SS_OK);
    assert_string_equal(entry.ns, c->ns);
    assert_string_equal(entry.key, c->key);
    assert_int_equal(entry.type, c->type);
    assert_true(entry.number == c->number);
    if (c->data)
        assert_data(c->ns, c->key, c->type, c->data, c->len);
}

#define STORE_VALUES 120

static void random_store(uint64_t seed, enum ss_nvs_version version)
{
    static struct chosen values[STORE_VALUES];
    struct ss_error err = {0};
    struct ss_nvs_writer w;
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry entry;
    uint8_t keys[SS_NVS_KEYS_SIZE];
    unsigned count = 0;
    start(&w, sizeof image, version);
    for (; count < STORE_VALUES; count++) {
        values[count] = choose(&seed, count);
        const struct chosen *c = &values[count];
        struct ss_nvs_value v = {c->type, c->number, c->data, c->len};
        nvs_put(&w, c->ns, c->key, v);
    }
    test_random_bytes(&seed, keys, sizeof keys);
    assert_ok(ss_nvs_encrypt(image, sizeof image, keys, &err), err);
    assert_ok(ss_nvs_decrypt(image, sizeof image, keys, &err), err);
    nvs_assert_sound(image, sizeof image);
    open_image(sizeof image);
    for (unsigned i = 0; i < count; i++)
        assert_chosen(&values[i], &cursor);
    assert_int_equal(ss_nvs_next(&reader, &cursor, &entry), SS_ERROR_DOES_NOT_EXIST);
    for (unsigned i = 0; i < count; i++)
        free(values[i].data);
}

static void random_stores(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        random_store(seed, seed % 2 ? SS_NVS_V1 : SS_NVS_V2);
}

// -- Encryption -------------------------------------------------------------------------------------------------------

static void encryption_leaves_the_rest_alone(void **state)
{
    (void)state;
    static uint8_t plain[0x4000];
    uint8_t keys[SS_NVS_KEYS_SIZE];
    uint64_t rng = 5;
    struct ss_error err = {0};
    size_t size = NVS_SAMPLE_SIZE;
    nvs_sample(image);
    memcpy(plain, image, size);
    test_random_bytes(&rng, keys, sizeof keys);
    assert_ok(ss_nvs_encrypt(image, size, keys, &err), err);
    for (size_t page = 0; page < 2; page++)
        assert_memory_equal(image + page * 4096, plain + page * 4096, NVS_ENTRIES_OFFSET);
    for (unsigned i = 0; i < 39; i++)
        assert_memory_not_equal(nvs_entry_in(image + 4096, i), nvs_entry_in(plain + 4096, i), NVS_ENTRY_SIZE);
    assert_true(ss_all_bytes(image + 4096 + 64 + 39 * 32, size - 4096 - 64 - 39 * 32, 0xFF));
    open_image(size);
    struct ss_nvs_cursor cursor = {0};
    struct ss_nvs_entry entry;
    assert_int_equal(ss_nvs_next(&reader, &cursor, &entry), SS_ERROR_DOES_NOT_EXIST);
    keys[63] ^= 1;
    assert_ok(ss_nvs_decrypt(image, size, keys, &err), err);
    open_image(size);
    assert_int_equal(ss_nvs_next(&reader, &cursor, &entry), SS_ERROR_DOES_NOT_EXIST);
}

static void encryption_statuses(void **state)
{
    (void)state;
    static uint8_t before[0x4000];
    uint8_t keys[SS_NVS_KEYS_SIZE] = {0};
    struct ss_error err = {0};
    size_t size = NVS_SAMPLE_SIZE;
    nvs_sample(image);
    memcpy(before, image, size);
    assert_int_equal(ss_nvs_encrypt(image, size, keys, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "NVS encryption key and tweak key are equal, XTS needs two different ones");
    assert_int_equal(ss_nvs_decrypt(image, size, keys, NULL), SS_ERROR_INVALID_ARGUMENT);
    keys[0] = 1;
    assert_int_equal(ss_nvs_encrypt(image, 0, keys, &err), SS_ERROR_DATA_INVALID);
    assert_int_equal(ss_nvs_decrypt(image, 5000, keys, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "NVS image is 5000 bytes, it must be a multiple of 4096");
    assert_memory_equal(image, before, size);
}

static ss_status_t encrypt_sample(void *context)
{
    struct ss_error err = {0};
    nvs_sample(image);
    ss_status_t status = ss_nvs_encrypt(image, NVS_SAMPLE_SIZE, context, &err);
    if (status)
        assert_int_equal(strncmp(err.message, "AES-XTS failed in NVS page ", 27), 0);
    return status;
}

static void provider_failures_are_reported(void **state)
{
    (void)state;
    uint8_t keys[SS_NVS_KEYS_SIZE];
    uint64_t rng = 6;
    test_random_bytes(&rng, keys, sizeof keys);
    alloc_watch_secret(keys, sizeof keys / 2);
    assert_true(alloc_fault_each(encrypt_sample, keys) > 0);
    assert_int_equal(alloc_secrets_freed(), 0);
    alloc_watch_secret(NULL, 0);
}

static void key_partition(void **state)
{
    (void)state;
    static const uint8_t crc[] = {0x45, 0x52, 0x7C, 0x9A};
    uint8_t keys[SS_NVS_KEYS_SIZE], got[SS_NVS_KEYS_SIZE], zero[SS_NVS_KEYS_SIZE] = {0};
    static uint8_t out[SS_NVS_KEYS_IMAGE_SIZE];
    struct ss_error err = {0};
    for (unsigned i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)i;
    ss_nvs_keys_build(keys, out);
    assert_memory_equal(out, keys, sizeof keys);
    assert_memory_equal(out + 64, crc, sizeof crc);
    assert_true(ss_all_bytes(out + 68, sizeof out - 68, 0xFF));
    assert_ok(ss_nvs_keys_parse(out, SS_NVS_KEYS_USED_SIZE, got, &err), err);
    assert_memory_equal(got, keys, sizeof keys);
    assert_int_equal(ss_nvs_keys_parse(out, 67, got, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "NVS key partition is 67 bytes, it has at least 68");
    assert_memory_equal(got, zero, sizeof zero);
    out[3] ^= 1;
    assert_int_equal(ss_nvs_keys_parse(out, sizeof out, got, &err), SS_ERROR_DATA_CORRUPT);
    assert_string_equal(err.message, "NVS key partition has a wrong CRC (is it flash-encrypted?)");
    assert_memory_equal(got, zero, sizeof zero);
    memset(out, 0xFF, sizeof out);
    assert_int_equal(ss_nvs_keys_parse(out, sizeof out, got, &err), SS_ERROR_DOES_NOT_EXIST);
    assert_string_equal(err.message, "NVS key partition is erased");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(init_limits),
        cmocka_unit_test(names),
        cmocka_unit_test(number_ranges),
        cmocka_unit_test(data_limits),
        cmocka_unit_test(duplicate_keys),
        cmocka_unit_test(partition_full),
        cmocka_unit_test(blob_of_more_than_127_chunks),
        cmocka_unit_test(open_statuses),
        cmocka_unit_test(find_statuses),
        cmocka_unit_test(read_statuses),
        cmocka_unit_test(random_stores),
        cmocka_unit_test(encryption_leaves_the_rest_alone),
        cmocka_unit_test(encryption_statuses),
        cmocka_unit_test(provider_failures_are_reported),
        cmocka_unit_test(key_partition),
    };
    return ss_test_main(argc, argv, tests);
}
