// SPDX-License-Identifier: Apache-2.0
// The keyed digest of the bootloader (ESP-IDF docs, "Secure Boot" V1, "Secure Bootloader Algorithm"), with the byte
// orders of the hardware.
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "slotseal/secure_boot_v1.h"

#define UNIT          128 // what the ROM reads at once
#define BLOCK         16
#define HEADER_SIZE   24
#define HASH_APPENDED 23 // offset in the header
#define IMAGE_MAGIC   0xE9
#define CHUNK         1024

static ss_status_t extend_key(const struct ss_sbv1_digest_params *params, uint8_t key[32], struct ss_error *err)
{
    if (params->key_len == 16)
        return ss_hash_once(SS_HASH_SHA256, params->key, 16, key);
    if (params->key_len != 24 && params->key_len != 32)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SECURE_BOOT,
                            "secure boot key has %zu bytes, must have 16, 24 or 32", params->key_len);
    memcpy(key, params->key, params->key_len);
    if (params->key_len == 24)
        memcpy(key + 24, params->key + 8, 8);
    return SS_OK;
}

// The AES engine takes blocks byte-reversed; the SHA engine takes its output with the order of words reversed.
static ss_status_t absorb_chunk(struct ss_hash *h, const uint8_t key[32], uint8_t chunk[CHUNK], size_t len)
{
    uint8_t block[BLOCK];
    for (size_t at = 0; at < len; at += BLOCK) {
        memcpy(block, chunk + at, BLOCK);
        for (size_t i = 0; i < BLOCK; i++)
            chunk[at + i] = block[BLOCK - 1 - i];
    }
    ss_status_t status = ss_aes256_ecb_encrypt(key, chunk, chunk, len / BLOCK);
    for (size_t at = 0; at < len; at += BLOCK) {
        memcpy(block, chunk + at, BLOCK);
        for (size_t word = 0; word < BLOCK; word += 4)
            memcpy(chunk + at + word, block + BLOCK - 4 - word, 4);
    }
    return status == SS_OK ? ss_hash_update(h, chunk, len) : status;
}

// @p padded_len ≥ len bytes, of which those after @p data are 0xFF; a multiple of 16.
static ss_status_t absorb(struct ss_hash *h, const uint8_t key[32], const uint8_t *data, size_t len, size_t padded_len)
{
    uint8_t chunk[CHUNK];
    ss_status_t status = SS_OK;
    for (size_t at = 0; status == SS_OK && at < padded_len; at += CHUNK) {
        size_t n = padded_len - at < CHUNK ? padded_len - at : CHUNK;
        size_t given = at >= len ? 0 : len - at < n ? len - at : n;
        memset(chunk, 0xFF, n);
        if (given)
            memcpy(chunk, data + at, given);
        status = absorb_chunk(h, key, chunk, n);
    }
    ss_wipe(chunk, sizeof chunk);
    return status;
}

// What counts: *len bytes of the image, filled up to *padded_len.
static ss_status_t measure(const uint8_t *image, size_t *len, size_t *padded_len, struct ss_error *err)
{
    if (*len < HEADER_SIZE || image[0] != IMAGE_MAGIC)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "bootloader is not an image: %zu bytes, first byte 0x%02x", *len, *len ? image[0] : 0);
    if (image[HASH_APPENDED] > 1)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT,
                            "bootloader's hash field is 0x%02x, must be 0 or 1", image[HASH_APPENDED]);
    if (image[HASH_APPENDED] == 1 && *len % UNIT <= 32)
        *len -= *len % UNIT;
    if (!ss_round_up(*len, UNIT, padded_len))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SECURE_BOOT, "bootloader is too long");
    return SS_OK;
}

static ss_status_t digest_measured(const struct ss_sbv1_digest_params *params, const uint8_t *image, size_t len,
                                   size_t padded_len, uint8_t digest[SS_SBV1_DIGEST_SIZE], struct ss_error *err)
{
    uint8_t key[32], sum[SS_SBV1_DIGEST_SIZE];
    struct ss_hash h = {0};
    if (params->iv_len > SS_SBV1_IV_SIZE || params->iv_len % BLOCK)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SECURE_BOOT,
                            "IV has %zu bytes, must have %d (or a smaller multiple of %d)", params->iv_len,
                            SS_SBV1_IV_SIZE, BLOCK);
    ss_status_t status = extend_key(params, key, err);
    if (status == SS_ERROR_INVALID_ARGUMENT)
        return status;
    if (status == SS_OK)
        status = ss_hash_init(&h, SS_HASH_SHA512);
    if (status == SS_OK)
        status = absorb(&h, key, params->iv, params->iv_len, params->iv_len);
    if (status == SS_OK)
        status = absorb(&h, key, image, len, padded_len);
    if (status == SS_OK)
        status = ss_hash_finish(&h, sum);
    ss_hash_abort(&h);
    ss_wipe(key, sizeof key);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_SECURE_BOOT, "cannot compute the bootloader digest");
    for (size_t word = 0; word < sizeof sum; word += 4)
        ss_put_be32(digest + word, ss_get_le32(sum + word));
    return SS_OK;
}

ss_status_t ss_secure_boot_v1_bootloader_digest(const struct ss_sbv1_digest_params *params, const uint8_t *image,
                                                size_t len, uint8_t digest[SS_SBV1_DIGEST_SIZE], struct ss_error *err)
{
    size_t padded_len;
    ss_status_t status = measure(image, &len, &padded_len, err);
    return status == SS_OK ? digest_measured(params, image, len, padded_len, digest, err) : status;
}

ss_status_t ss_secure_boot_v1_bootloader_file(const struct ss_sbv1_digest_params *params, const uint8_t *image,
                                              size_t len, uint8_t *out, size_t size, size_t *out_len,
                                              struct ss_error *err)
{
    size_t padded_len;
    uint8_t digest[SS_SBV1_DIGEST_SIZE];
    *out_len = 0;
    ss_status_t status = measure(image, &len, &padded_len, err);
    if (status != SS_OK)
        return status;
    if (!ss_range_ok(SS_SBV1_BOOTLOADER_OFFSET, padded_len, size)) {
        *out_len = SS_SBV1_BOOTLOADER_OFFSET + padded_len;
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_SECURE_BOOT,
                            "file for address 0 is %zu bytes, there is room for %zu", *out_len, size);
    }
    status = digest_measured(params, image, len, padded_len, digest, err);
    if (status != SS_OK)
        return status;
    memset(out, 0xFF, SS_SBV1_BOOTLOADER_OFFSET + padded_len);
    if (params->iv_len)
        memcpy(out, params->iv, params->iv_len);
    memcpy(out + params->iv_len, digest, sizeof digest);
    memcpy(out + SS_SBV1_BOOTLOADER_OFFSET, image, len);
    *out_len = SS_SBV1_BOOTLOADER_OFFSET + padded_len;
    return SS_OK;
}
