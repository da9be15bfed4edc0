// SPDX-License-Identifier: Apache-2.0
#include "support/memory_search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 16, DISTINCT = 8, PIECE = 1 << 20, OVERLAP = 64 };

/// Something to find, by its first 8 bytes.
struct needle {
    uint64_t head;
    uint32_t len;
    bool is_key;
    uint8_t bytes[OVERLAP];
    int next; ///< in its bucket, -1: the last
};

struct memory_search {
    struct needle *needles;
    size_t count, room;
    int *buckets;
    size_t mask;
    uint8_t *filter; ///< one bit for 2^24 hashes: nearly all places of memory end here
};

#define FILTER_BITS 24

static uint64_t head_of(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t mix(uint64_t v)
{
    return v * 0x9E3779B97F4A7C15u;
}

struct memory_search *memory_search_new(void)
{
    struct memory_search *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->mask = (1u << 18) - 1;
    s->buckets = malloc((s->mask + 1) * sizeof *s->buckets);
    s->filter = calloc(1, (1u << FILTER_BITS) / 8);
    if (!s->buckets || !s->filter)
        abort();
    memset(s->buckets, 0xFF, (s->mask + 1) * sizeof *s->buckets);
    return s;
}

void memory_search_free(struct memory_search *s)
{
    free(s->needles);
    free(s->buckets);
    free(s->filter);
    free(s);
}

static void add(struct memory_search *s, const uint8_t *bytes, size_t len, bool is_key)
{
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 1024;
        s->needles = realloc(s->needles, s->room * sizeof *s->needles);
        if (!s->needles)
            abort();
    }
    struct needle *n = &s->needles[s->count];
    uint64_t hash = mix(head_of(bytes));
    int *bucket = &s->buckets[hash >> 40 & s->mask];
    *n = (struct needle){.head = head_of(bytes), .len = (uint32_t)len, .is_key = is_key, .next = *bucket};
    memcpy(n->bytes, bytes, len);
    *bucket = (int)s->count++;
    s->filter[hash >> (64 - FILTER_BITS) >> 3] |= (uint8_t)(1 << (hash >> (64 - FILTER_BITS) & 7));
}

void memory_search_add_key(struct memory_search *s, const uint8_t *key, size_t len)
{
    uint8_t reversed[OVERLAP];
    if (len < BLOCK || len > OVERLAP)
        abort();
    for (size_t i = 0; i < len; i++)
        reversed[i] = key[len - 1 - i];
    add(s, key, len, true);
    add(s, reversed, len, true);
}

static unsigned distinct(const uint8_t *p)
{
    unsigned count = 0;
    for (unsigned i = 0; i < BLOCK; i++)
        count += memchr(p, p[i], i) == NULL;
    return count;
}

size_t memory_search_add_plaintext(struct memory_search *s, const uint8_t *plain, size_t len)
{
    size_t before = s->count;
    for (size_t at = 0; at + BLOCK <= len; at += BLOCK)
        if (distinct(plain + at) >= DISTINCT)
            add(s, plain + at, BLOCK, false);
    return s->count - before;
}

static void look_at(const struct memory_search *s, const uint8_t *p, size_t left, uint64_t address, const char *where,
                    struct memory_found *found)
{
    uint64_t hash = mix(head_of(p));
    if (!(s->filter[hash >> (64 - FILTER_BITS) >> 3] & 1 << (hash >> (64 - FILTER_BITS) & 7)))
        return;
    for (int i = s->buckets[hash >> 40 & s->mask]; i >= 0; i = s->needles[i].next) {
        const struct needle *n = &s->needles[i];
        if (n->len > left || memcmp(n->bytes, p, n->len) != 0)
            continue;
        found->keys += n->is_key;
        found->blocks += !n->is_key;
        if (!found->first) {
            found->first = address;
            snprintf(found->where, sizeof found->where, "%.150s", where);
        }
        return;
    }
}

static void search_range(const struct memory_search *s, int memory, uint64_t from, uint64_t to, const char *where,
                         struct memory_found *found)
{
    static uint8_t piece[PIECE + OVERLAP];
    size_t kept = 0; // the end of the piece before, where something may begin
    for (uint64_t at = from; at < to;) {
        size_t want = to - at < PIECE ? (size_t)(to - at) : PIECE;
        ssize_t n = pread(memory, piece + kept, want, (off_t)at);
        if (n <= 0) { // a hole
            kept = 0;
            at += 4096;
            continue;
        }
        size_t len = kept + (size_t)n;
        for (size_t i = 0; i + BLOCK <= len; i++)
            look_at(s, piece + i, len - i, at - kept + i, where, found);
        found->bytes += (uint64_t)n;
        at += (uint64_t)n;
        kept = len < OVERLAP ? len : OVERLAP - 1;
        memmove(piece, piece + len - kept, kept);
    }
}

bool memory_search_run(const struct memory_search *s, pid_t process, struct memory_found *found)
{
    char path[64], line[512];
    *found = (struct memory_found){0};
    snprintf(path, sizeof path, "/proc/%d/mem", (int)process);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    FILE *maps = memory >= 0 ? fopen(path, "r") : NULL;
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long long from, to;
        char rights[8];
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%llx-%llx %7s", &from, &to, rights) == 3 && rights[0] == 'r' && !strstr(line, "[vvar"))
            search_range(s, memory, from, to, line, found);
    }
    int reason = errno;
    if (maps)
        fclose(maps);
    if (memory >= 0)
        close(memory);
    errno = reason;
    return maps != NULL;
}
