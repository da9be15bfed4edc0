// SPDX-License-Identifier: Apache-2.0
// What lies somewhere in flash, and for whom it was sealed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/doctor_internal.h"
#include "slotseal/content.h"
#include "slotseal/otadata.h"

/// So many bytes show the structure of any kind.
#define PROBE 64u

/// Random bytes pass at most once in some 10^9 tries: magic, counts and codes in range, a plausible first segment.
static bool image_fits(const uint8_t *p)
{
    uint32_t entry = ss_get_le32(p + 4), load = ss_get_le32(p + 24), length = ss_get_le32(p + 28);
    return p[0] == SS_IMAGE_MAGIC && p[1] >= 1 && p[1] <= SS_IMAGE_MAX_SEGMENTS && p[2] <= 5 && p[3] >> 4 <= 7 &&
           ss_get_le16(p + 12) < 0x100 && p[23] <= 1 && entry >> 28 == 4 && length < SS_IMAGE_MAX_SIZE &&
           (load == 0 || load >> 28 == 3 || load >> 28 == 4 || load >> 28 == 5);
}

static bool table_fits(const uint8_t *p)
{
    uint32_t offset = ss_get_le32(p + 4), size = ss_get_le32(p + 8);
    return p[0] == 0xAA && p[1] == 0x50 && offset % 4 == 0 && offset < SS_FLASH_CIPHER_SIZE && size != 0 &&
           size <= SS_FLASH_CIPHER_SIZE;
}

static bool otadata_fits(const uint8_t *p)
{
    struct ss_otadata_record record;
    ss_otadata_record_read(p, &record);
    return ss_all_bytes(p, SS_OTADATA_RECORD_SIZE, 0xFF) || record.crc == ss_otadata_crc(record.seq);
}

bool place_fits(enum place_kind kind, const uint8_t *data)
{
    switch (kind) {
    case PLACE_TABLE:
        return table_fits(data);
    case PLACE_OTADATA:
        return otadata_fits(data);
    default:
        return image_fits(data);
    }
}

static size_t addresses(const struct doctor *d, const struct place *place, uint32_t out[MAX_ADDRESSES])
{
    size_t n = 0;
    out[n++] = place->address; // its own first: the nearest explanation wins
    out[n++] = BOOTLOADER_ADDRESS;
    out[n++] = d->table_at;
    out[n++] = 0;
    if (!d->has_table) {
        out[n++] = 0x8000;
        out[n++] = 0x10000;
    }
    for (size_t i = 0; d->has_table && i < d->table.count && n < MAX_ADDRESSES; i++)
        if (ss_partition_is_encrypted(&d->table.rows[i]))
            out[n++] = d->table.rows[i].offset;
    return n;
}

static bool try_one(const struct doctor *d, struct place *place, unsigned key, unsigned config, uint32_t address)
{
    struct ss_flash_cipher cipher;
    uint8_t plain[PROBE];
    if (!d->has_key[key] || ss_flash_cipher_init(&cipher, d->keys[key], d->key_len[key], config, NULL) != SS_OK)
        return false;
    bool hit = ss_flash_cipher_unseal(&cipher, address, place->raw, plain, sizeof plain, NULL) == SS_OK &&
               place_fits(place->kind, plain);
    ss_flash_cipher_wipe(&cipher);
    ss_wipe(plain, sizeof plain);
    if (hit) {
        place->key = key;
        place->config = config;
        place->sealed_for = address;
    }
    return hit;
}

/// Without a table every address at which an app can begin is one that it may have been sealed for.
static bool search_everywhere(const struct doctor *d, struct place *place)
{
    for (uint32_t at = SS_IMAGE_MMU_PAGE; at < d->in->flash_len; at += SS_IMAGE_MMU_PAGE)
        for (unsigned key = 0; key < KEY_COUNT; key++)
            if (try_one(d, place, key, d->settled_config, at))
                return true;
    return false;
}

static bool search(const struct doctor *d, struct place *place)
{
    uint32_t at[MAX_ADDRESSES];
    size_t n = addresses(d, place, at);
    if (try_one(d, place, d->settled_key, d->settled_config, place->address))
        return true;
    for (size_t i = 0; i < n; i++)
        for (unsigned key = 0; key < KEY_COUNT; key++)
            for (unsigned config = CONFIG_FULL + 1; config-- > 0;)
                if (try_one(d, place, key, config, at[i]))
                    return true;
    return place->kind == PLACE_APP && !d->has_table && search_everywhere(d, place);
}

void place_describe_seal(const struct doctor *d, const struct place *place, char *out, size_t size)
{
    static const char *const keys[KEY_COUNT] = {"the chip's key", "the chip's key in reversed byte order",
                                                "the key file, which is not the chip's key"};
    int n = 0;
    *out = 0;
    if (place->sealed_for != place->address)
        n += snprintf(out, size, "for address 0x%x instead of 0x%x", (unsigned)place->sealed_for,
                      (unsigned)place->address);
    if (place->config != d->settled_config && (size_t)n < size)
        n += snprintf(out + n, size - (size_t)n, "%sfor FLASH_CRYPT_CONFIG 0x%X instead of 0x%X", n ? ", " : "",
                      place->config, d->settled_config);
    if (place->key != d->settled_key && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, "%swith %s", n ? ", " : "", keys[place->key]);
}

static size_t length_of(const struct doctor *d, const struct place *place)
{
    size_t len = d->in->flash_len - place->address;
    return (len < place->size ? len : place->size) / SS_FLASH_CIPHER_BLOCK * SS_FLASH_CIPHER_BLOCK;
}

/// The whole place in plaintext, as sealed for `sealed_for`.
static ss_status_t recover(const struct doctor *d, struct place *place, struct ss_error *err)
{
    struct ss_flash_cipher cipher;
    size_t len = place->size;
    place->own = malloc(len);
    if (!place->own)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for %zu bytes", len);
    if (len > SS_FLASH_CIPHER_SIZE - place->sealed_for)
        len = SS_FLASH_CIPHER_SIZE - place->sealed_for;
    ss_status_t status = ss_flash_cipher_init(&cipher, d->keys[place->key], d->key_len[place->key], place->config, err);
    if (status == SS_OK)
        status = ss_flash_cipher_unseal(&cipher, place->sealed_for, place->raw, place->own, len, err);
    ss_flash_cipher_wipe(&cipher);
    place->data = status == SS_OK ? place->own : NULL;
    return status;
}

static size_t content_length(const struct place *place, size_t limit)
{
    size_t len = place->size < limit ? place->size : limit;
    while (len > 0 && place->raw[len - 1] == 0xFF)
        len--;
    return len;
}

bool place_signed_noise(const struct place *place, size_t *at)
{
    size_t len = content_length(place, place->size);
    // Ciphertext is a multiple of 16 and the block has 68 bytes, the last of which may be 0xFF.
    while (len % 16 != SS_IMAGE_V1_SIGNATURE_SIZE % 16 && len < place->size)
        len++;
    if (len < SS_IMAGE_V1_SIGNATURE_SIZE || ss_content_classify(place->raw, len) != SS_CONTENT_NOISE_SIGNED_V1)
        return false;
    *at = len - SS_IMAGE_V1_SIGNATURE_SIZE;
    return true;
}

static bool looks_sealed(const struct doctor *d, const struct place *place)
{
    size_t len = content_length(place, 0x4000), at;
    if (len < 512) // fewer bytes do not tell noise from anything else
        return d->encrypts;
    enum ss_content content = ss_content_classify(place->raw, len);
    return content == SS_CONTENT_NOISE || content == SS_CONTENT_NOISE_SIGNED_V1 ||
           content == SS_CONTENT_NOISE_SIGNED_V2 || (place->kind == PLACE_APP && place_signed_noise(place, &at));
}

/// otadata: either of two records can be the one that shows what it is; an erased one shows nothing.
static bool plain_structure(const struct place *place)
{
    const uint8_t *second = place->raw + SS_OTADATA_SECTOR_SIZE;
    if (place->kind != PLACE_OTADATA)
        return place_fits(place->kind, place->raw);
    if (!ss_all_bytes(place->raw, SS_OTADATA_RECORD_SIZE, 0xFF))
        return otadata_fits(place->raw);
    return place->size >= SS_OTADATA_SIZE && !ss_all_bytes(second, SS_OTADATA_RECORD_SIZE, 0xFF) &&
           otadata_fits(second);
}

static bool erased(const struct place *place)
{
    size_t len = place->size < 0x1000 ? place->size : 0x1000;
    if (place->kind == PLACE_OTADATA)
        return ss_all_bytes(place->raw, PROBE, 0xFF) &&
               (place->size < SS_OTADATA_SIZE ||
                ss_all_bytes(place->raw + SS_OTADATA_SECTOR_SIZE, SS_OTADATA_RECORD_SIZE, 0xFF));
    return ss_all_bytes(place->raw, len, 0xFF);
}

/// otadata under encryption whose first copy is not readable: the second may be.
static bool search_second_copy(const struct doctor *d, struct place *place)
{
    if (place->kind != PLACE_OTADATA || place->size < SS_OTADATA_SIZE)
        return false;
    struct place second = *place;
    second.address += SS_OTADATA_SECTOR_SIZE;
    second.raw += SS_OTADATA_SECTOR_SIZE;
    if (!try_one(d, &second, d->settled_key, d->settled_config, second.address))
        return false;
    place->key = second.key;
    place->config = second.config;
    place->sealed_for = place->address;
    return true;
}

ss_status_t place_look(const struct doctor *d, struct place *place, struct ss_error *err)
{
    place->state = PLACE_OUTSIDE;
    if (!d->in->flash || place->address >= d->in->flash_len)
        return SS_OK;
    place->size = (uint32_t)length_of(d, place);
    place->raw = d->in->flash + place->address;
    if (place->size < PROBE)
        return SS_OK;
    if (erased(place)) {
        place->state = PLACE_ERASED;
    } else if (plain_structure(place)) {
        place->state = PLACE_PLAIN;
        place->data = place->raw;
    } else if (search(d, place) || search_second_copy(d, place)) {
        bool right =
            place->sealed_for == place->address && place->config == d->settled_config && place->key == d->settled_key;
        place->state = right ? PLACE_SEALED : PLACE_SEALED_WRONG;
        return recover(d, place, err);
    } else {
        place->state = looks_sealed(d, place) ? PLACE_NOISE : PLACE_OTHER;
    }
    return SS_OK;
}

void place_free(struct place *place)
{
    if (place->own)
        ss_wipe(place->own, place->size);
    free(place->own);
    place->own = NULL;
    place->data = NULL;
}
