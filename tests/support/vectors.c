// SPDX-License-Identifier: Apache-2.0
#include "support/vectors.h"
#include "support/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    uint8_t *data = malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, f), size);
    fclose(f);
    data[size] = 0;
    *len = (size_t)size;
    return data;
}

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = 0;
    return s;
}

static void add_field(struct vector *v, char *line, const char *file)
{
    char *equals = strchr(line, '=');
    if (!equals || !v->title || v->count == VECTOR_MAX_FIELDS)
        fail_msg("%s: line '%s' is not a field of a case", file, line);
    *equals = 0;
    v->names[v->count] = trim(line);
    v->values[v->count++] = trim(equals + 1);
}

static void run_case(const struct vector *v, void (*run)(const struct vector *v))
{
    // Printed only if the case fails: cmocka shows the captured output then.
    printf("case: %s\n", v->title);
    run(v);
}

unsigned vectors_run(const char *file, void (*run)(const struct vector *v))
{
    char path[512];
    size_t len = 0;
    snprintf(path, sizeof path, "%s/%s", SS_VECTOR_DIR, file);
    char *text = (char *)read_file(path, &len);
    if (!text)
        fail_msg("%s: cannot be read", path);
    struct vector v = {0};
    unsigned cases = 0;
    for (char *next = text, *line; (line = strsep(&next, "\n"));) {
        line = trim(line);
        if (*line == 0 || *line == '#')
            continue;
        if (*line != '[') {
            add_field(&v, line, file);
            continue;
        }
        if (v.title)
            run_case(&v, run);
        v = (struct vector){.title = line};
        cases++;
    }
    if (cases == 0)
        fail_msg("%s: no case in it", path);
    run_case(&v, run);
    free(text);
    return cases;
}

static const char *find(const struct vector *v, const char *name)
{
    for (unsigned i = 0; i < v->count; i++)
        if (strcmp(v->names[i], name) == 0)
            return v->values[i];
    return NULL;
}

bool vector_has(const struct vector *v, const char *name)
{
    return find(v, name) != NULL;
}

const char *vector_text(const struct vector *v, const char *name)
{
    const char *value = find(v, name);
    if (!value)
        fail_msg("%s: field '%s' is missing", v->title, name);
    return value;
}

uint64_t vector_number(const struct vector *v, const char *name)
{
    const char *text = vector_text(v, name);
    char *end;
    uint64_t n = strtoull(text, &end, 0);
    if (end == text || *end)
        fail_msg("%s: %s = '%s' is not a number", v->title, name, text);
    return n;
}

static int nibble(char c)
{
    const char *digits = "0123456789abcdef";
    const char *p = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return p ? (int)(p - digits) : -1;
}

size_t vector_bytes(const struct vector *v, const char *name, uint8_t *out, size_t size)
{
    size_t digits = 0;
    for (const char *p = vector_text(v, name); *p; p++) {
        if (isspace((unsigned char)*p))
            continue;
        int n = nibble(*p);
        if (n < 0 || digits / 2 >= size)
            fail_msg("%s: %s is not hex, or longer than %zu bytes", v->title, name, size);
        out[digits / 2] = (uint8_t)(digits % 2 ? out[digits / 2] | n : n << 4);
        digits++;
    }
    if (digits % 2)
        fail_msg("%s: %s has half a byte", v->title, name);
    return digits / 2;
}

uint8_t *material_read(const char *relative_path, size_t *len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", SS_TEST_MATERIAL, relative_path);
    return read_file(path, len);
}

uint8_t *test_data_read(const char *relative_path, size_t *len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/data/%s", SS_SOURCE_DIR, relative_path);
    uint8_t *data = read_file(path, len);
    if (!data)
        fail_msg("%s: cannot be read", path);
    return data;
}

uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state ? *state : 0x9E3779B97F4A7C15u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

void test_random_bytes(uint64_t *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(test_random(state) >> 32);
}
