// SPDX-License-Identifier: Apache-2.0
// Keys in eFuse blocks: byte order and 3/4 coding.
#include "slotseal/efuse.h"

#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"

#define CHUNKS     4u
#define CHUNK_DATA 6u // bytes of data in a chunk of 8

static void check_bytes(const uint8_t data[CHUNK_DATA], uint8_t out[2])
{
    out[0] = out[1] = 0;
    for (unsigned i = 0; i < CHUNK_DATA; i++) {
        unsigned bits = 0;
        for (unsigned bit = 0; bit < 8; bit++)
            bits += data[i] >> bit & 1u;
        out[0] ^= data[i];
        out[1] = (uint8_t)(out[1] + (i + 1) * bits);
    }
}

void ss_efuse_encode_34(const uint8_t data[24], uint32_t words[8])
{
    uint8_t chunk[8];
    for (size_t i = 0; i < CHUNKS; i++) {
        memcpy(chunk, data + i * CHUNK_DATA, CHUNK_DATA);
        check_bytes(chunk, chunk + CHUNK_DATA);
        words[2 * i] = ss_get_le32(chunk);
        words[2 * i + 1] = ss_get_le32(chunk + 4);
    }
    ss_wipe(chunk, sizeof chunk);
}

unsigned ss_efuse_decode_34(const uint32_t words[8], uint8_t data[24])
{
    uint8_t chunk[8], check[2];
    unsigned bad = 0;
    for (size_t i = 0; i < CHUNKS; i++) {
        ss_put_le32(chunk, words[2 * i]);
        ss_put_le32(chunk + 4, words[2 * i + 1]);
        memcpy(data + i * CHUNK_DATA, chunk, CHUNK_DATA);
        check_bytes(chunk, check);
        bad |= (unsigned)(memcmp(check, chunk + CHUNK_DATA, sizeof check) != 0) << i;
    }
    ss_wipe(chunk, sizeof chunk);
    return bad;
}

static void reverse(const uint8_t *in, size_t len, uint8_t *out)
{
    for (size_t i = 0; i < len; i++)
        out[i] = in[len - 1 - i];
}

static ss_status_t repeat_not_supported(struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_EFUSE, "repeat coding of eFuse blocks is not supported");
}

ss_status_t ss_efuse_key_to_words(const uint8_t *key, size_t len, enum ss_efuse_coding coding, uint32_t words[8],
                                  struct ss_error *err)
{
    memset(words, 0, 8 * sizeof *words);
    if (coding == SS_EFUSE_CODING_REPEAT)
        return repeat_not_supported(err);
    size_t needed = coding == SS_EFUSE_CODING_34 ? 24 : 32;
    if (len != needed)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_EFUSE,
                            "key is %zu bytes, a chip with %s coding takes %zu", len,
                            coding == SS_EFUSE_CODING_34 ? "3/4" : "no", needed);
    uint8_t reversed[32];
    reverse(key, len, reversed);
    if (coding == SS_EFUSE_CODING_34)
        ss_efuse_encode_34(reversed, words);
    else
        for (size_t i = 0; i < 8; i++)
            words[i] = ss_get_le32(reversed + 4 * i);
    ss_wipe(reversed, sizeof reversed);
    return SS_OK;
}

ss_status_t ss_efuse_key_from_words(const uint32_t words[8], enum ss_efuse_coding coding, uint8_t key[32], size_t *len,
                                    struct ss_error *err)
{
    uint8_t stored[32];
    unsigned bad = 0;
    *len = 0;
    memset(key, 0, 32);
    if (coding == SS_EFUSE_CODING_REPEAT)
        return repeat_not_supported(err);
    if (coding == SS_EFUSE_CODING_34)
        bad = ss_efuse_decode_34(words, stored);
    else
        for (size_t i = 0; i < 8; i++)
            ss_put_le32(stored + 4 * i, words[i]);
    if (!bad) {
        *len = coding == SS_EFUSE_CODING_34 ? 24 : 32;
        reverse(stored, *len, key);
    }
    ss_wipe(stored, sizeof stored);
    if (!bad)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_EFUSE, "3/4 check bytes disagree, chunks 0x%x", bad);
}
