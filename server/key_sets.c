// SPDX-License-Identifier: Apache-2.0
#include "server/key_sets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct key_set {
    uint8_t bytes[SS_KEY_SET_MAX + 1]; ///< one more, to see what is too long
    size_t len;
    struct ss_statement statement; ///< points into `bytes`, as do the fields
    struct ss_key_set fields;
};

struct ss_key_sets {
    struct key_set **items; ///< by product and version
    size_t count;
};

static ss_status_t fail(struct ss_error *err, ss_status_t status, const char *path, const char *text)
{
    return ss_error_set(err, status, SS_AREA_SERVER, "%s: %s", path, text);
}

static ss_status_t parse(const char *path, struct key_set *k, struct ss_error *err)
{
    struct ss_refusal why = {0};
    ss_status_t status = ss_statement_parse(k->bytes, k->len, &k->statement, &why);
    if (status == SS_OK)
        status = ss_key_set_parse(&k->statement, &k->fields, &why);
    if (status == SS_OK)
        status = ss_key_set_check_roots(&k->statement, &k->fields, &why);
    if (status == SS_OK)
        return SS_OK;
    return ss_error_set(err, status, SS_AREA_SERVER, "%s: key set %s", path, ss_reason_text(why.reason));
}

static ss_status_t read_set(const char *path, struct key_set *k, struct ss_error *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return fail(err, SS_ERROR_IO, path, strerror(errno));
    k->len = fread(k->bytes, 1, sizeof k->bytes, f);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed)
        return fail(err, SS_ERROR_IO, path, "it cannot be read");
    return k->len <= SS_KEY_SET_MAX ? parse(path, k, err)
                                    : fail(err, SS_ERROR_DATA_INVALID, path, "the file is too long");
}

/// By product, then by version.
static int compare(const struct key_set *a, const struct key_set *b)
{
    size_t len = a->fields.product.len < b->fields.product.len ? a->fields.product.len : b->fields.product.len;
    int order = memcmp(a->fields.product.p, b->fields.product.p, len);
    if (!order)
        order = (a->fields.product.len > len) - (b->fields.product.len > len);
    return order ? order : (a->fields.version > b->fields.version) - (a->fields.version < b->fields.version);
}

static bool same(const struct key_set *a, const struct key_set *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/// Takes @p k over, also on error. The same file twice is no mistake.
static ss_status_t insert(struct ss_key_sets *sets, struct key_set *k)
{
    size_t at = sets->count;
    while (at && compare(sets->items[at - 1], k) > 0)
        at--;
    bool twice = at && same(sets->items[at - 1], k);
    struct key_set **items = twice ? NULL : realloc(sets->items, (sets->count + 1) * sizeof(struct key_set *));
    if (!items) {
        free(k);
        return twice ? SS_OK : SS_ERROR_INSUFFICIENT_MEMORY;
    }
    sets->items = items;
    memmove(items + at + 1, items + at, (sets->count - at) * sizeof(struct key_set *));
    items[at] = k;
    sets->count++;
    return SS_OK;
}

static ss_status_t add(struct ss_key_sets *sets, const char *path, struct ss_error *err)
{
    struct key_set *k = calloc(1, sizeof *k);
    ss_status_t status = k ? read_set(path, k, err) : SS_ERROR_INSUFFICIENT_MEMORY;
    if (status == SS_OK)
        status = insert(sets, k);
    else
        free(k);
    return status == SS_ERROR_INSUFFICIENT_MEMORY ? fail(err, status, path, "out of memory") : status;
}

static ss_status_t add_folder(struct ss_key_sets *sets, const char *folder, DIR *d, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (const struct dirent *e; status == SS_OK && (e = readdir(d)) != NULL;) {
        char path[1024];
        if (*e->d_name == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        status = add(sets, path, err);
    }
    return status;
}

static ss_status_t check_chain(const struct ss_key_sets *sets, const char *path, struct ss_error *err)
{
    for (size_t i = 1; i < sets->count; i++) {
        const struct key_set *k = sets->items[i], *before = sets->items[i - 1];
        struct ss_refusal why = {0};
        if (!ss_span_equal(k->fields.product, before->fields.product))
            continue;
        ss_status_t status = ss_key_set_check_next(&k->statement, &k->fields, &before->fields, &why);
        if (status != SS_OK)
            return ss_error_set(err, status, SS_AREA_SERVER, "%s: key set %u does not follow set %u: %s", path,
                                (unsigned)k->fields.version, (unsigned)before->fields.version,
                                ss_reason_text(why.reason));
    }
    return sets->count ? SS_OK : fail(err, SS_ERROR_DATA_INVALID, path, "there is no key set");
}

ss_status_t ss_key_sets_load(const char *path, struct ss_key_sets **out, struct ss_error *err)
{
    struct ss_key_sets *sets = *out = calloc(1, sizeof *sets);
    if (!sets)
        return fail(err, SS_ERROR_INSUFFICIENT_MEMORY, path, "out of memory");
    DIR *d = opendir(path);
    ss_status_t status = d ? add_folder(sets, path, d, err) : add(sets, path, err);
    if (d)
        closedir(d);
    if (status == SS_OK)
        status = check_chain(sets, path, err);
    if (status != SS_OK) {
        ss_key_sets_free(sets);
        *out = NULL;
    }
    return status;
}

void ss_key_sets_free(struct ss_key_sets *sets)
{
    for (size_t i = 0; sets && i < sets->count; i++)
        free(sets->items[i]);
    if (sets)
        free(sets->items);
    free(sets);
}

ss_status_t ss_key_sets_ring(const struct ss_key_sets *sets, const char *product, struct ss_key_ring *ring,
                             struct ss_error *err)
{
    *ring = (struct ss_key_ring){0};
    for (size_t i = 0; i < sets->count; i++)
        if (ss_span_equal(sets->items[i]->fields.product, ss_span_of(product))) {
            ring->previous = ring->current;
            ring->current = &sets->items[i]->fields;
        }
    return ring->current ? SS_OK
                         : ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER,
                                        "the sealer has no key set of product %.64s", product);
}

size_t ss_key_sets_count(const struct ss_key_sets *sets)
{
    return sets->count;
}

const uint8_t *ss_key_sets_get(const struct ss_key_sets *sets, size_t index, size_t *len)
{
    *len = sets->items[index]->len;
    return sets->items[index]->bytes;
}
