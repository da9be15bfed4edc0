// SPDX-License-Identifier: Apache-2.0
#include "server/sealer_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/locked.h"

ss_status_t ss_sealer_cipher_seal(const struct ss_sealer_cipher *cipher, uint32_t address, const uint8_t *in,
                                  uint8_t *out, size_t len, struct ss_error *err)
{
    if (cipher->is_xts)
        return ss_flash_xts_seal(&cipher->as.xts, address, in, out, len, err);
    return ss_flash_cipher_seal(&cipher->as.esp32, address, in, out, len, err);
}

/// Devices of a product have few slots.
enum { CHECKED_MAX = 4 };

/// A release's plaintext. Those nobody can find any more live on until they are released.
struct image {
    struct image *next;
    char product[SS_SEALER_NAME_SIZE];
    char version[SS_SEALER_VERSION_SIZE];
    uint64_t serial, used; ///< used: when, by the cache's clock
    unsigned holders;
    bool done;
    uint32_t len;
    uint8_t *bytes;                ///< locked
    uint32_t checked[CHECKED_MAX]; ///< slots that it was checked for, 0: none
};

struct entry {
    struct ss_sealer_key key; ///< device "": free
    uint64_t used, image;     ///< image: its serial
    unsigned holders;
    bool dead; ///< nobody finds it any more
    int next;  ///< in its bucket, -1: the last
    struct ss_sealer_patch patches[SS_SEALER_PATCHES_MAX];
    unsigned patch_count;
    uint8_t *patch_bytes;
};

struct ss_sealer_cache {
    pthread_mutex_t lock;
    uint64_t clock, serial;
    uint64_t plaintext_max, plaintext;
    struct image *images;
    unsigned count, buckets_mask;
    int *buckets;
    struct entry *entries;
    struct ss_sealer_cipher *ciphers; ///< locked; one for each entry
    unsigned hand;                    ///< where the search for a victim goes on
};

static uint32_t hash_of(const struct ss_sealer_key *key)
{
    uint32_t h = 2166136261u ^ key->address; // FNV-1a; ids come from a vault, not from whoever asks
    for (const char *p = key->device; *p; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    for (const char *p = key->version; *p; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    return h ^ h >> 15;
}

static bool same(const struct ss_sealer_key *a, const struct ss_sealer_key *b)
{
    return a->address == b->address && !strcmp(a->device, b->device) && !strcmp(a->version, b->version);
}

struct ss_sealer_cache *ss_sealer_cache_new(unsigned ciphers, uint64_t plaintext)
{
    struct ss_sealer_cache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    unsigned buckets = 16;
    while (buckets < ciphers)
        buckets *= 2;
    c->count = ciphers;
    c->buckets_mask = buckets - 1;
    c->plaintext_max = plaintext;
    c->buckets = malloc(buckets * sizeof *c->buckets);
    c->entries = calloc(ciphers, sizeof *c->entries);
    c->ciphers = ss_locked_new(ciphers * sizeof *c->ciphers);
    pthread_mutex_init(&c->lock, NULL);
    if (!c->buckets || !c->entries || !c->ciphers) {
        ss_sealer_cache_free(c);
        return NULL;
    }
    for (unsigned i = 0; i < buckets; i++)
        c->buckets[i] = -1;
    return c;
}

// Images

static void drop_image(struct ss_sealer_cache *c, struct image *image)
{
    struct image **at = &c->images;
    while (*at != image)
        at = &(*at)->next;
    *at = image->next;
    c->plaintext -= image->len;
    ss_locked_free(image->bytes, image->len);
    free(image);
}

/// Makes room for @p len more bytes, as far as images are not held.
static void evict_images(struct ss_sealer_cache *c, uint32_t len)
{
    while (c->plaintext + len > c->plaintext_max) {
        struct image *oldest = NULL;
        for (struct image *i = c->images; i; i = i->next)
            if (!i->holders && (!oldest || i->used < oldest->used))
                oldest = i;
        if (!oldest)
            return;
        drop_image(c, oldest);
    }
}

void *ss_sealer_image_get(struct ss_sealer_cache *c, const char *product, const char *version)
{
    pthread_mutex_lock(&c->lock);
    struct image *i = c->images;
    while (i && !(i->done && !strcmp(i->product, product) && !strcmp(i->version, version)))
        i = i->next;
    if (i) {
        i->holders++;
        i->used = ++c->clock;
    }
    pthread_mutex_unlock(&c->lock);
    return i;
}

void *ss_sealer_image_new(struct ss_sealer_cache *c, const char *product, const char *version, uint32_t len)
{
    struct image *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    pthread_mutex_lock(&c->lock);
    evict_images(c, len);
    pthread_mutex_unlock(&c->lock);
    *i = (struct image){.holders = 1, .len = len, .bytes = ss_locked_new(len)};
    if (!i->bytes) {
        free(i);
        return NULL;
    }
    memset(i->bytes, 0xFF, len);
    strncpy(i->product, product, sizeof i->product - 1);
    strncpy(i->version, version, sizeof i->version - 1);
    pthread_mutex_lock(&c->lock);
    i->serial = ++c->serial;
    i->used = ++c->clock;
    i->next = c->images;
    c->images = i;
    c->plaintext += len;
    pthread_mutex_unlock(&c->lock);
    return i;
}

uint8_t *ss_sealer_image_bytes(void *image)
{
    return ((struct image *)image)->bytes;
}

uint32_t ss_sealer_image_len(const void *image)
{
    return ((const struct image *)image)->len;
}

bool ss_sealer_image_is_checked(const void *image, uint32_t address)
{
    const struct image *i = image;
    for (unsigned n = 0; n < CHECKED_MAX; n++)
        if (i->checked[n] == address)
            return true;
    return false;
}

void ss_sealer_image_set_checked(void *image, uint32_t address)
{
    struct image *i = image;
    for (unsigned n = 0; n < CHECKED_MAX; n++)
        if (!i->checked[n]) {
            i->checked[n] = address;
            return;
        }
}

void ss_sealer_image_done(struct ss_sealer_cache *c, void *image)
{
    pthread_mutex_lock(&c->lock);
    ((struct image *)image)->done = true;
    pthread_mutex_unlock(&c->lock);
}

static void release_image(struct ss_sealer_cache *c, struct image *i)
{
    // One that was never completed is of no use to anybody.
    if (--i->holders == 0 && !i->done)
        drop_image(c, i);
}

void ss_sealer_image_release(struct ss_sealer_cache *c, void *image)
{
    if (!image)
        return;
    pthread_mutex_lock(&c->lock);
    release_image(c, image);
    pthread_mutex_unlock(&c->lock);
}

// Deliveries

static int *bucket_of(struct ss_sealer_cache *c, const struct ss_sealer_key *key)
{
    return &c->buckets[hash_of(key) & c->buckets_mask];
}

static struct entry *find(struct ss_sealer_cache *c, const struct ss_sealer_key *key)
{
    for (int i = *bucket_of(c, key); i >= 0; i = c->entries[i].next)
        if (same(&c->entries[i].key, key))
            return &c->entries[i];
    return NULL;
}

static void unlink_entry(struct ss_sealer_cache *c, struct entry *e)
{
    int *at = bucket_of(c, &e->key), self = (int)(e - c->entries);
    while (*at != self)
        at = &c->entries[*at].next;
    *at = e->next;
}

static void clear(struct ss_sealer_cache *c, struct entry *e)
{
    ss_wipe(&c->ciphers[e - c->entries], sizeof *c->ciphers);
    free(e->patch_bytes);
    *e = (struct entry){0};
}

/// Nobody finds it from here on; it is cleared when nobody holds it.
static void drop_entry(struct ss_sealer_cache *c, struct entry *e)
{
    unlink_entry(c, e);
    e->dead = true;
    if (!e->holders)
        clear(c, e);
}

bool ss_sealer_cache_get(struct ss_sealer_cache *c, const struct ss_sealer_key *key, struct ss_sealer_ready *ready)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, key);
    struct image *i = e ? c->images : NULL;
    while (i && i->serial != e->image)
        i = i->next;
    if (i) {
        e->holders++;
        i->holders++;
        e->used = i->used = ++c->clock;
        *ready = (struct ss_sealer_ready){.cipher = &c->ciphers[e - c->entries],
                                          .plain = i->bytes,
                                          .length = i->len,
                                          .patches = e->patches,
                                          .patch_count = e->patch_count,
                                          .entry = e,
                                          .image = i};
    } else if (e) {
        drop_entry(c, e); // its image has gone
    }
    pthread_mutex_unlock(&c->lock);
    return i != NULL;
}

void ss_sealer_cache_release(struct ss_sealer_cache *c, struct ss_sealer_ready *ready)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = ready->entry;
    release_image(c, ready->image);
    if (--e->holders == 0 && e->dead)
        clear(c, e);
    pthread_mutex_unlock(&c->lock);
}

/// A free entry, or the one of the next few that was not used for longest: an approximation that looks at no more.
static struct entry *take_entry(struct ss_sealer_cache *c)
{
    enum { LOOK_AT = 8 };
    struct entry *best = NULL;
    for (unsigned looked = 0, seen = 0; seen < c->count && (looked < LOOK_AT || !best); seen++) {
        struct entry *e = &c->entries[c->hand];
        c->hand = (c->hand + 1) % c->count;
        if (!*e->key.device)
            return e;
        if (e->holders || e->dead)
            continue;
        looked++;
        if (!best || e->used < best->used)
            best = e;
    }
    if (best)
        drop_entry(c, best);
    return best;
}

/// Copies the patches with their bytes. False without memory.
static bool copy_patches(struct entry *e, const struct ss_sealer_patch *patches, unsigned count)
{
    size_t total = 0, at = 0;
    for (unsigned i = 0; i < count; i++)
        total += patches[i].len;
    e->patch_count = count;
    e->patch_bytes = total ? malloc(total) : NULL;
    if (total && !e->patch_bytes)
        return false;
    for (unsigned i = 0; i < count; at += patches[i].len, i++) {
        memcpy(e->patch_bytes + at, patches[i].bytes, patches[i].len);
        e->patches[i] = (struct ss_sealer_patch){patches[i].offset, patches[i].len, e->patch_bytes + at};
    }
    return true;
}

bool ss_sealer_cache_put(struct ss_sealer_cache *c, const struct ss_sealer_key *key,
                         const struct ss_sealer_cipher *cipher, void *image, const struct ss_sealer_patch *patches,
                         unsigned patch_count)
{
    pthread_mutex_lock(&c->lock);
    struct entry *e = find(c, key);
    if (e)
        drop_entry(c, e);
    e = take_entry(c);
    if (e && !copy_patches(e, patches, patch_count)) {
        clear(c, e);
        e = NULL;
    }
    if (e) {
        int *bucket = bucket_of(c, key);
        c->ciphers[e - c->entries] = *cipher;
        e->key = *key;
        e->image = ((struct image *)image)->serial;
        e->used = ++c->clock;
        e->next = *bucket;
        *bucket = (int)(e - c->entries);
    }
    pthread_mutex_unlock(&c->lock);
    return e != NULL;
}

void ss_sealer_cache_forget(struct ss_sealer_cache *c, const char *device)
{
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < c->count; i++)
        if (!c->entries[i].dead && !strcmp(c->entries[i].key.device, device))
            drop_entry(c, &c->entries[i]);
    pthread_mutex_unlock(&c->lock);
}

void ss_sealer_cache_free(struct ss_sealer_cache *c)
{
    if (!c)
        return;
    while (c->images)
        drop_image(c, c->images);
    for (unsigned i = 0; c->entries && i < c->count; i++)
        free(c->entries[i].patch_bytes);
    if (c->ciphers)
        ss_locked_free(c->ciphers, c->count * sizeof *c->ciphers);
    free(c->entries);
    free(c->buckets);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
