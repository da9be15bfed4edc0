// SPDX-License-Identifier: Apache-2.0
#include "slotseal/canonical.h"

#include <assert.h>
#include <string.h>

#include "core/crypto.h"
#include "core/image_parts.h"

_Static_assert(sizeof(struct ss_hash) <= sizeof((struct ss_canonical *)0)->image_hash, "room for a running hash");
_Static_assert(_Alignof(struct ss_hash) <= _Alignof(struct ss_canonical), "aligned for a running hash");

#define HASH_FLAG_OFFSET 23
#define FIRST_DATA       (SS_IMAGE_HEADER_SIZE + SS_IMAGE_SEGMENT_HEADER_SIZE)
// Header, one empty segment and the checksum, rounded up to 16.
#define MIN_IMAGE_LEN 48

static struct ss_hash *image_hash(struct ss_canonical *c)
{
    return (struct ss_hash *)(void *)c->image_hash;
}

static struct ss_hash *inner_hash(struct ss_canonical *c)
{
    return (struct ss_hash *)(void *)c->inner_hash;
}

ss_status_t ss_canonical_init(struct ss_canonical *c, uint32_t image_len, uint32_t vk_offset)
{
    memset(c, 0, sizeof *c);
    if (image_len % 16 != 0 || image_len < MIN_IMAGE_LEN || image_len > SS_IMAGE_MAX_SIZE)
        return SS_ERROR_INVALID_ARGUMENT;
    if (vk_offset != SS_VK_NONE &&
        (vk_offset < FIRST_DATA || vk_offset >= image_len || image_len - vk_offset <= SS_VK_SIZE))
        return SS_ERROR_INVALID_ARGUMENT;
    c->image_len = image_len;
    c->vk_offset = vk_offset;
    ss_status_t status = ss_hash_init(image_hash(c), SS_HASH_SHA256);
    if (status == SS_OK && vk_offset != SS_VK_NONE)
        status = ss_hash_init(inner_hash(c), SS_HASH_SHA256);
    if (status == SS_OK)
        c->running = true;
    else
        ss_canonical_abort(c);
    return status;
}

void ss_canonical_abort(struct ss_canonical *c)
{
    ss_hash_abort(image_hash(c));
    ss_hash_abort(inner_hash(c));
    c->running = false;
}

// Everything through the checksum goes to the inner hash too, where one has to be recomputed.
static ss_status_t feed(struct ss_canonical *c, const uint8_t *p, size_t len)
{
    ss_status_t status = ss_hash_update(image_hash(c), p, len);
    if (status == SS_OK && c->vk_offset != SS_VK_NONE)
        status = ss_hash_update(inner_hash(c), p, len);
    return status;
}

static ss_status_t feed_key(struct ss_canonical *c, const uint8_t *p, size_t len)
{
    static const uint8_t zeros[SS_VK_SIZE];
    for (size_t i = 0; i < len; i++)
        c->key_xor ^= p[i];
    return feed(c, zeros, len);
}

// The header's last byte: now it is known where the checksum is.
static ss_status_t feed_hash_flag(struct ss_canonical *c, const uint8_t *flag)
{
    uint32_t tail = *flag ? 1 + SS_IMAGE_HASH_SIZE : 1;
    c->checksum_offset = c->image_len - tail;
    if (c->checksum_offset < FIRST_DATA ||
        (c->vk_offset != SS_VK_NONE && c->vk_offset + SS_VK_SIZE > c->checksum_offset))
        return SS_ERROR_DATA_INVALID;
    return feed(c, flag, 1);
}

// First position behind c->position where the treatment of bytes changes.
static uint32_t span_end(const struct ss_canonical *c)
{
    const uint32_t marks[] = {HASH_FLAG_OFFSET,   HASH_FLAG_OFFSET + 1,
                              c->vk_offset,       c->vk_offset + (c->vk_offset != SS_VK_NONE ? SS_VK_SIZE : 0),
                              c->checksum_offset, c->checksum_offset + 1};
    uint32_t end = c->image_len;
    for (unsigned i = 0; i < sizeof marks / sizeof *marks; i++)
        if (marks[i] > c->position && marks[i] < end)
            end = marks[i];
    return end;
}

static ss_status_t feed_span(struct ss_canonical *c, const uint8_t *p, size_t len)
{
    if (c->position == HASH_FLAG_OFFSET)
        return feed_hash_flag(c, p);
    if (c->vk_offset == SS_VK_NONE || c->position < c->vk_offset)
        return feed(c, p, len);
    if (c->position < c->vk_offset + SS_VK_SIZE)
        return feed_key(c, p, len);
    if (c->position == c->checksum_offset)
        return feed(c, &(uint8_t){*p ^ c->key_xor}, 1);
    if (c->position > c->checksum_offset)
        return SS_OK; // the stored hash: recomputed at the end
    return feed(c, p, len);
}

ss_status_t ss_canonical_update(struct ss_canonical *c, const void *data, size_t len)
{
    if (!c->running)
        return SS_ERROR_BAD_STATE;
    const uint8_t *p = data;
    while (len > 0 && c->position < c->image_len) {
        size_t n = span_end(c) - c->position;
        if (n > len)
            n = len;
        ss_status_t status = feed_span(c, p, n);
        if (status != SS_OK) {
            ss_canonical_abort(c);
            return status;
        }
        c->position += (uint32_t)n;
        p += n;
        len -= n;
    }
    return SS_OK;
}

ss_status_t ss_canonical_finish(struct ss_canonical *c, uint8_t digest[SS_CANONICAL_DIGEST_SIZE])
{
    ss_status_t status = c->running && c->position == c->image_len ? SS_OK : SS_ERROR_BAD_STATE;
    if (status == SS_OK && c->vk_offset != SS_VK_NONE && c->checksum_offset + 1 < c->image_len) {
        uint8_t inner[SS_IMAGE_HASH_SIZE];
        status = ss_hash_finish(inner_hash(c), inner);
        if (status == SS_OK)
            status = ss_hash_update(image_hash(c), inner, sizeof inner);
    }
    if (status == SS_OK)
        status = ss_hash_finish(image_hash(c), digest);
    ss_canonical_abort(c);
    return status;
}

static bool within_segment(const struct ss_image *image, uint32_t vk_offset)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct ss_image_segment *s = &image->segments[i];
        if (vk_offset >= s->offset && vk_offset - s->offset <= s->length &&
            s->length - (vk_offset - s->offset) >= SS_VK_SIZE)
            return true;
    }
    return false;
}

static ss_status_t check_vk_offset(const struct ss_image *image, uint32_t vk_offset, struct ss_error *err)
{
    if (vk_offset == SS_VK_NONE || within_segment(image, vk_offset))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_IMAGE,
                        "the 64 bytes at 0x%x are not within one segment's data", (unsigned)vk_offset);
}

ss_status_t ss_canonical_digest(const uint8_t *data, size_t len, uint32_t vk_offset,
                                uint8_t digest[SS_CANONICAL_DIGEST_SIZE], struct ss_error *err)
{
    struct ss_image image;
    struct ss_canonical c;
    ss_status_t status = ss_image_parse(data, len, NULL, &image, err);
    if (status == SS_OK)
        status = check_vk_offset(&image, vk_offset, err);
    if (status != SS_OK)
        return status;
    status = ss_canonical_init(&c, image.image_len, vk_offset);
    if (status == SS_OK)
        status = ss_canonical_update(&c, data, image.image_len);
    if (status == SS_OK)
        status = ss_canonical_finish(&c, digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_IMAGE, "canonical digest failed: %s", ss_status_name(status));
    return SS_OK;
}

// How often the key is there; *offset is that of the first.
static unsigned count_key(const uint8_t *data, const struct ss_image *image, const uint8_t *key, uint32_t *offset)
{
    unsigned count = 0;
    size_t at = FIRST_DATA;
    const uint8_t *hit;
    while (at < image->checksum_offset &&
           (hit = memmem(data + at, image->checksum_offset - at, key, SS_VK_SIZE)) != NULL) {
        if (count++ == 0)
            *offset = (uint32_t)(hit - data);
        at = (size_t)(hit - data) + 1;
    }
    return count;
}

static ss_status_t find_key(const uint8_t *data, const struct ss_image *image, const uint8_t *key, uint32_t *vk_offset,
                            struct ss_error *err)
{
    uint32_t offset = 0;
    unsigned count = count_key(data, image, key, &offset);
    if (count == 0)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_IMAGE, "the verification key is not in the image");
    if (count > 1)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_IMAGE,
                            "the verification key is in the image %u times, should be once", count);
    if (!within_segment(image, offset))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_IMAGE,
                            "the verification key at 0x%x is not within one segment's data", (unsigned)offset);
    *vk_offset = offset;
    return SS_OK;
}

ss_status_t ss_vk_find(const uint8_t *data, size_t len, const uint8_t key[SS_VK_SIZE], uint32_t *vk_offset,
                       struct ss_error *err)
{
    struct ss_image image;
    *vk_offset = SS_VK_NONE;
    ss_status_t status = ss_image_parse(data, len, NULL, &image, err);
    return status == SS_OK ? find_key(data, &image, key, vk_offset, err) : status;
}

// Hash of the image as it will be, before a byte of it is written.
static ss_status_t hash_replaced(const uint8_t *data, const struct ss_image *image, uint32_t vk_offset,
                                 const uint8_t *new_key, uint8_t checksum, uint8_t out[SS_IMAGE_HASH_SIZE])
{
    struct ss_hash h;
    uint32_t rest = vk_offset + SS_VK_SIZE;
    ss_status_t status = ss_hash_init(&h, SS_HASH_SHA256);
    if (status != SS_OK)
        return status;
    status = ss_hash_update(&h, data, vk_offset);
    if (status == SS_OK)
        status = ss_hash_update(&h, new_key, SS_VK_SIZE);
    if (status == SS_OK)
        status = ss_hash_update(&h, data + rest, image->checksum_offset - rest);
    if (status == SS_OK)
        status = ss_hash_update(&h, &checksum, 1);
    if (status == SS_OK)
        return ss_hash_finish(&h, out);
    ss_hash_abort(&h);
    return status;
}

ss_status_t ss_vk_replace(const uint8_t *data, size_t len, const uint8_t old_key[SS_VK_SIZE],
                          const uint8_t new_key[SS_VK_SIZE], uint8_t *out, size_t size, size_t *out_len,
                          uint32_t *vk_offset, bool *signature_dropped, struct ss_error *err)
{
    struct ss_image image;
    uint8_t hash[SS_IMAGE_HASH_SIZE];
    *out_len = 0;
    *vk_offset = SS_VK_NONE;
    if (memcmp(old_key, new_key, SS_VK_SIZE) == 0)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_IMAGE, "old and new verification key are the same");
    ss_status_t status = ss_image_parse(data, len, NULL, &image, err);
    if (status == SS_OK)
        status = find_key(data, &image, old_key, vk_offset, err);
    if (status != SS_OK)
        return status;
    *out_len = image.image_len;
    if (size < image.image_len)
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_IMAGE, "buffer is %zu bytes, image is %u", size,
                            (unsigned)image.image_len);
    uint8_t checksum = image.checksum_stored;
    for (unsigned i = 0; i < SS_VK_SIZE; i++)
        checksum ^= old_key[i] ^ new_key[i];
    if (image.has_hash)
        status = hash_replaced(data, &image, *vk_offset, new_key, checksum, hash);
    if (status != SS_OK) {
        *out_len = 0;
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 of the image failed: %s", ss_status_name(status));
    }
    memmove(out, data, image.image_len);
    memcpy(out + *vk_offset, new_key, SS_VK_SIZE);
    out[image.checksum_offset] = checksum;
    if (image.has_hash)
        memcpy(out + image.checksum_offset + 1, hash, sizeof hash);
    if (signature_dropped)
        *signature_dropped = image.signature != SS_IMAGE_UNSIGNED;
    return SS_OK;
}

ss_status_t ss_vk_compare(const uint8_t *data, size_t len, const uint8_t signer[SS_VK_SIZE],
                          const uint8_t *template_key, uint32_t vk_offset, enum ss_vk_state *state,
                          struct ss_error *err)
{
    struct ss_image image;
    uint32_t offset;
    *state = SS_VK_MISSING;
    ss_status_t status = ss_image_parse(data, len, NULL, &image, err);
    if (status == SS_OK)
        status = check_vk_offset(&image, vk_offset, err);
    if (status != SS_OK)
        return status;
    if (vk_offset != SS_VK_NONE) {
        *state = memcmp(data + vk_offset, signer, SS_VK_SIZE) == 0 ? SS_VK_SAME : SS_VK_DIFFERENT;
        return SS_OK;
    }
    unsigned count = count_key(data, &image, signer, &offset);
    if (count == 1)
        *state = SS_VK_SAME;
    else if (count > 1)
        *state = SS_VK_AMBIGUOUS;
    else if (template_key && count_key(data, &image, template_key, &offset) > 0)
        *state = SS_VK_DIFFERENT;
    return SS_OK;
}

const char *ss_vk_state_name(enum ss_vk_state state)
{
    switch (state) {
    case SS_VK_SAME:
        return "same";
    case SS_VK_DIFFERENT:
        return "different";
    case SS_VK_AMBIGUOUS:
        return "ambiguous";
    default:
        return "missing";
    }
}
