// SPDX-License-Identifier: Apache-2.0
#include "core/kernels/aes_key.h"

#include <string.h>

#include "core/bytes.h"
#include "core/kernels/aes_bitslice.h"

/// SubBytes on each byte of @p word.
static uint32_t sub_word(uint32_t word)
{
    ss_plane in[8] = {0}, out[8];
    for (int bit = 0; bit < 8; bit++)
        in[bit][0] = (word >> bit) & 0x01010101;
    ss_sbox(in, out);
    uint32_t result = 0;
    for (int bit = 0; bit < 8; bit++)
        result |= (uint32_t)(out[bit][0] & 0x01010101) << bit;
    return result;
}

unsigned ss_aes_expand_key(uint8_t round_keys[15][16], const uint8_t *key, unsigned key_len)
{
    uint8_t *w = (uint8_t *)round_keys;
    unsigned key_words = key_len / 4, rounds = key_words + 6;
    uint32_t rcon = 1;
    memcpy(w, key, key_len);
    for (unsigned i = key_words; i < 4 * (rounds + 1); i++) {
        uint32_t t = ss_get_le32(w + 4 * (i - 1));
        if (i % key_words == 0) {
            t = sub_word(t >> 8 | t << 24) ^ rcon;
            rcon = rcon << 1 ^ (rcon >> 7) * 0x11B;
        } else if (key_words == 8 && i % 8 == 4) {
            t = sub_word(t);
        }
        ss_put_le32(w + 4 * i, t ^ ss_get_le32(w + 4 * (i - key_words)));
    }
    return rounds;
}

/// Each byte times two in GF(2^8).
static uint32_t double_bytes(uint32_t v)
{
    return (v & 0x7F7F7F7F) << 1 ^ ((v >> 7) & 0x01010101) * 0x1B;
}

static uint32_t rotate_right(uint32_t v, int bits)
{
    return v >> bits | v << (32 - bits);
}

uint32_t ss_aes_inv_mix_column(uint32_t v)
{
    v ^= double_bytes(double_bytes(v ^ rotate_right(v, 16)));
    uint32_t pair = v ^ rotate_right(v, 8);
    return double_bytes(pair) ^ rotate_right(v, 8) ^ rotate_right(pair, 16);
}

void ss_aes_invert_keys(uint8_t inverse[15][16], const uint8_t round_keys[15][16], unsigned rounds)
{
    memcpy(inverse[0], round_keys[rounds], 16);
    for (unsigned r = 1; r < rounds; r++)
        for (int column = 0; column < 4; column++)
            ss_put_le32(inverse[r] + 4 * column,
                        ss_aes_inv_mix_column(ss_get_le32(round_keys[rounds - r] + 4 * column)));
    memcpy(inverse[rounds], round_keys[0], 16);
}
