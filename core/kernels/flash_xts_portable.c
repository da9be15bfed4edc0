// SPDX-License-Identifier: Apache-2.0
// XTS on any CPU, in constant time: the eight blocks of a unit are one pass of the bitsliced cipher.
#include <string.h>

#include "core/bytes.h"
#include "core/kernels/aes_bitslice.h"
#include "core/kernels/flash_xts_kernels.h"
#include "core/kernels/wipe.h"

/// Round keys as planes.
struct sliced_keys {
    ss_plane planes[15][8];
    unsigned rounds;
};

/// Keys and the space for one batch: everything that has to be wiped.
struct work {
    struct sliced_keys data, tweak;
    uint8_t tweaks[SS_SLICE_BLOCKS][16];
    uint8_t chain[SS_FLASH_XTS_UNIT];
    uint8_t unit[SS_FLASH_XTS_UNIT];
    ss_plane state[8];
};

typedef void cipher_fn(ss_plane state[8], const struct sliced_keys *k);

static void slice_keys(struct sliced_keys *k, const uint8_t round_keys[15][16], unsigned rounds)
{
    k->rounds = rounds;
    for (unsigned r = 0; r <= rounds; r++) {
        uint8_t copies[SS_SLICE_BLOCKS * 16];
        for (unsigned i = 0; i < sizeof copies; i++)
            copies[i] = round_keys[r][i % 16];
        ss_slice_load(k->planes[r], copies);
        ss_kernel_wipe(copies, sizeof copies);
    }
}

static inline void add_round_key(ss_plane state[8], const ss_plane key[8])
{
    for (int i = 0; i < 8; i++)
        state[i] ^= key[i];
}

static void encrypt(ss_plane state[8], const struct sliced_keys *k)
{
    ss_plane bytes[8];
    add_round_key(state, k->planes[0]);
    for (unsigned r = 1; r < k->rounds; r++) {
        ss_sbox(state, bytes);
        ss_slice_shift_rows(state, bytes);
        ss_slice_mix_columns(state);
        add_round_key(state, k->planes[r]);
    }
    ss_sbox(state, bytes);
    ss_slice_shift_rows(state, bytes);
    add_round_key(state, k->planes[k->rounds]);
}

static void decrypt(ss_plane state[8], const struct sliced_keys *k)
{
    ss_plane bytes[8];
    add_round_key(state, k->planes[k->rounds]);
    for (unsigned r = k->rounds - 1; r > 0; r--) {
        ss_slice_inv_shift_rows(bytes, state);
        ss_inv_sbox(bytes, state);
        add_round_key(state, k->planes[r]);
        ss_slice_inv_mix_columns(state);
    }
    ss_slice_inv_shift_rows(bytes, state);
    ss_inv_sbox(bytes, state);
    add_round_key(state, k->planes[0]);
}

/// Encrypts the tweaks of up to eight units from @p address on.
static void start_tweaks(struct work *w, uint32_t address)
{
    memset(w->tweaks, 0, sizeof w->tweaks);
    for (uint32_t i = 0; i < SS_SLICE_BLOCKS; i++)
        ss_put_le32(w->tweaks[i], address + i * SS_FLASH_XTS_UNIT);
    ss_slice_load(w->state, (uint8_t *)w->tweaks);
    encrypt(w->state, &w->tweak);
    ss_slice_store(w->state, (uint8_t *)w->tweaks);
}

/// The eight tweaks of a unit in flash order and reversed like the data: block 7 gets @p tweak, each block before it
/// the tweak of the next times α.
static void chain_tweaks(uint8_t chain[SS_FLASH_XTS_UNIT], const uint8_t tweak[16])
{
    uint64_t low = ss_get_le64(tweak), high = ss_get_le64(tweak + 8);
    for (int block = 7; block >= 0; block--) {
        ss_put_le64(chain + 16 * block, low);
        ss_put_le64(chain + 16 * block + 8, high);
        uint64_t carry = high >> 63;
        high = high << 1 | low >> 63;
        low = low << 1 ^ carry * 0x87;
    }
}

static void one_unit(struct work *w, cipher_fn *cipher, const uint8_t tweak[16], const uint8_t *in, uint8_t *out)
{
    chain_tweaks(w->chain, tweak);
    // i ^ 15 is the byte opposite to i within its block.
    for (unsigned i = 0; i < SS_FLASH_XTS_UNIT; i++)
        w->unit[i] = in[i ^ 15] ^ w->chain[i];
    ss_slice_load(w->state, w->unit);
    cipher(w->state, &w->data);
    ss_slice_store(w->state, w->unit);
    for (unsigned i = 0; i < SS_FLASH_XTS_UNIT; i++)
        out[i ^ 15] = w->unit[i] ^ w->chain[i];
}

static void run(const struct ss_flash_xts *c, cipher_fn *cipher, uint32_t address, const uint8_t *in, uint8_t *out,
                size_t units)
{
    struct work w;
    slice_keys(&w.data, c->encrypt_keys, c->rounds);
    slice_keys(&w.tweak, c->tweak_keys, c->rounds);
    for (size_t unit = 0; unit < units; unit++) {
        if (unit % SS_SLICE_BLOCKS == 0)
            start_tweaks(&w, address + (uint32_t)(unit * SS_FLASH_XTS_UNIT));
        one_unit(&w, cipher, w.tweaks[unit % SS_SLICE_BLOCKS], in + unit * SS_FLASH_XTS_UNIT,
                 out + unit * SS_FLASH_XTS_UNIT);
    }
    ss_kernel_wipe(&w, sizeof w);
}

static void seal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    run(c, encrypt, address, in, out, units);
}

static void unseal(const struct ss_flash_xts *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t units)
{
    run(c, decrypt, address, in, out, units);
}

static bool always(void)
{
    return true;
}

const struct ss_flash_xts_kernel ss_flash_xts_portable = {"portable", always, seal, unseal};
