// SPDX-License-Identifier: Apache-2.0
// The generic cell rate algorithm (ITU-T I.371): of each key only the time is kept at which it would be conforming again
// if it had kept to its rate; it may run ahead of the clock by the whole period.
#include "server/limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"

#define WAYS  4
#define LOCKS 64

struct entry {
    uint64_t tag, due; ///< due: microseconds; 0: free
};

struct ss_limit {
    uint64_t key[2];
    size_t sets; ///< a power of two
    pthread_mutex_t locks[LOCKS];
    struct entry entries[][WAYS];
};

#define ROTATE(v, n) ((v) << (n) | (v) >> (64 - (n)))

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = ROTATE(v[1], 13) ^ v[0], v[0] = ROTATE(v[0], 32);
    v[2] += v[3], v[3] = ROTATE(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = ROTATE(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = ROTATE(v[1], 17) ^ v[2], v[2] = ROTATE(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t ss_siphash(const uint64_t key[2], const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t v[4] = {key[0] ^ 0x736F6D6570736575, key[1] ^ 0x646F72616E646F6D, key[0] ^ 0x6C7967656E657261,
                     key[1] ^ 0x7465646279746573};
    uint64_t last = (uint64_t)len << 56;
    for (; len >= 8; len -= 8, p += 8)
        sip_word(v, ss_get_le64(p));
    for (size_t i = 0; i < len; i++)
        last |= (uint64_t)p[i] << 8 * i;
    sip_word(v, last);
    v[2] ^= 0xFF;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct ss_limit *ss_limit_new(size_t entries)
{
    size_t sets = 1;
    while (sets * WAYS < entries)
        sets *= 2;
    struct ss_limit *limit = calloc(1, sizeof *limit + sets * sizeof *limit->entries);
    if (!limit)
        return NULL;
    limit->sets = sets;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&limit->locks[i], NULL);
    if (ss_random((uint8_t *)limit->key, sizeof limit->key) != SS_OK) {
        ss_limit_free(limit);
        return NULL;
    }
    return limit;
}

void ss_limit_free(struct ss_limit *limit)
{
    for (int i = 0; limit && i < LOCKS; i++)
        pthread_mutex_destroy(&limit->locks[i]);
    free(limit);
}

/// The entry of @p tag, or the one that gives way to it.
static struct entry *find(struct entry *set, uint64_t tag)
{
    struct entry *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].tag == tag)
            return &set[i];
        if (set[i].due < oldest->due)
            oldest = &set[i];
    }
    return oldest;
}

static bool pass(struct ss_limit *limit, const void *key, size_t len, struct ss_rate rate, uint64_t now, bool take)
{
    if (!rate.count)
        return true;
    uint64_t tag = ss_siphash(limit->key, key, len), period = rate.seconds * UINT64_C(1000000);
    size_t number = tag & (limit->sets - 1);
    pthread_mutex_t *lock = &limit->locks[number % LOCKS];
    pthread_mutex_lock(lock);
    struct entry *entry = find(limit->entries[number], tag);
    uint64_t due = entry->tag == tag && entry->due > now ? entry->due : now;
    uint64_t next = due + period / rate.count;
    bool ok = next <= now + period;
    if (ok && take)
        *entry = (struct entry){.tag = tag, .due = next};
    pthread_mutex_unlock(lock);
    return ok;
}

bool ss_limit_take(struct ss_limit *limit, const void *key, size_t len, struct ss_rate rate, uint64_t now)
{
    return pass(limit, key, len, rate, now, true);
}

bool ss_limit_left(struct ss_limit *limit, const void *key, size_t len, struct ss_rate rate, uint64_t now)
{
    return pass(limit, key, len, rate, now, false);
}
