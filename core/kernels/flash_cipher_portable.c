// SPDX-License-Identifier: Apache-2.0
// The ESP32 flash cipher in plain C, constant-time on every CPU: bitsliced over 128 lines of flash.
//
// A plane is a 128-bit vector with one bit per line. A block is 128 planes (bit 8·i+j = bit j of byte i), so that
// moving bytes about (ShiftRows, RotWord, the chip's reversal of bytes) costs nothing: it is a choice of planes. The
// two blocks of a line share its key; a key is 256 planes. Its tweak is one XOR per plane: each key bit meets at most
// one address bit, and bits 5..11 of the addresses of 128 neighbouring lines are constants.
//
// The chip seals with the inverse cipher (FIPS 197, 5.3), whose first round key is the last of the schedule. Instead of
// keeping 15 round keys (30 KiB) the schedule is run to its end and then stepped back beside the rounds; what its steps
// have added is kept, so that going back takes no SubWord.
#include "core/kernels/bitslice_sbox.h"
#include "core/kernels/flash_cipher_kernels.h"

#define LINES       128
#define BATCH       (LINES * SS_FLASH_CIPHER_LINE)
#define BLOCK_BITS  128
#define LAST_ROUND  14
#define STEPS       13
#define FIRST_INDEX 12 // address bits 5..11 differ within a batch, those from here on do not

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "blocks are loaded as little-endian 64-bit words");

typedef ss_plane byte_planes[8];

struct key {
    byte_planes byte[2][16];        // round key r is [r % 2]
    byte_planes sub_word[STEPS][4]; // what each step of the schedule has added
};

union block {
    byte_planes byte[16];
    ss_plane plane[BLOCK_BITS]; // before and after transpose(): the block of one line each
};

static ss_plane everywhere(uint64_t bit)
{
    uint64_t all = -(bit & 1);
    return (ss_plane){all, all};
}

// Bit `bit` of the address of each line of the batch that starts at `address`.
static ss_plane address_plane(uint32_t address, unsigned bit)
{
    static const uint64_t within[6] = {0xAAAAAAAAAAAAAAAA, 0xCCCCCCCCCCCCCCCC, 0xF0F0F0F0F0F0F0F0,
                                       0xFF00FF00FF00FF00, 0xFFFF0000FFFF0000, 0xFFFFFFFF00000000};
    if (bit >= FIRST_INDEX)
        return everywhere(address >> bit);
    if (bit == FIRST_INDEX - 1)
        return (ss_plane){0, UINT64_MAX};
    return (ss_plane){within[bit - 5], within[bit - 5]};
}

static void load_key(struct key *k, const struct ss_flash_cipher *c, uint32_t address)
{
    ss_plane tweak[24] = {0}; // [0]: no address bit
    for (unsigned bit = 5; bit < 24; bit++)
        tweak[bit] = address_plane(address, bit);
    for (unsigned i = 0; i < 32; i++)
        for (unsigned j = 0; j < 8; j++)
            k->byte[i / 16][i % 16][j] =
                everywhere(c->key.word[i / 4] >> (8 * (i % 4) + j)) ^ tweak[c->key_bit_tweak[8 * i + 7 - j]];
}

static void xor_byte(byte_planes a, const byte_planes b)
{
    for (unsigned j = 0; j < 8; j++)
        a[j] ^= b[j];
}

// Step s (0 … 12) makes round key s + 2 from round keys s and s + 1, in place of the former: the first word takes
// SubWord of the last word of round key s + 1 (for even steps with RotWord and Rcon), each other one the word before it.
static void schedule_forward(struct key *k, unsigned step)
{
    byte_planes *w = k->byte[step % 2], *sub = k->sub_word[step];
    for (unsigned i = 0; i < 4; i++) {
        unsigned rotated = step % 2 == 0 ? (i + 1) % 4 : i;
        ss_sbox(k->byte[(step + 1) % 2][12 + rotated], sub[i]);
    }
    if (step % 2 == 0)
        sub[0][step / 2] ^= everywhere(1); // Rcon: AES-256 never comes to those above 0x40
    for (unsigned i = 0; i < 4; i++)
        xor_byte(w[i], sub[i]);
    for (unsigned i = 4; i < 16; i++)
        xor_byte(w[i], w[i - 4]);
}

// Undoes the step.
static void schedule_back(struct key *k, unsigned step)
{
    byte_planes *w = k->byte[step % 2];
    for (unsigned i = 15; i >= 4; i--)
        xor_byte(w[i], w[i - 4]);
    for (unsigned i = 0; i < 4; i++)
        xor_byte(w[i], k->sub_word[step][i]);
}

static void add_round_key(union block *out, const union block *in, const struct key *k, unsigned round)
{
    for (unsigned i = 0; i < 16; i++)
        for (unsigned j = 0; j < 8; j++)
            out->byte[i][j] = in->byte[i][j] ^ k->byte[round % 2][i][j];
}

// SubBytes and ShiftRows: byte 4·column + row comes from `row` columns further on.
static void sub_and_shift(union block *out, const union block *in)
{
    for (unsigned i = 0; i < 16; i++)
        ss_sbox(in->byte[(i + 4 * (i % 4)) % 16], out->byte[i]);
}

// Their inverses and, in the same pass, AddRoundKey.
static void inv_sub_shift_add(union block *out, const union block *in, const struct key *k, unsigned round)
{
    for (unsigned i = 0; i < 16; i++) {
        byte_planes s;
        ss_inv_sbox(in->byte[(i + 16 - 4 * (i % 4)) % 16], s);
        for (unsigned j = 0; j < 8; j++)
            out->byte[i][j] = s[j] ^ k->byte[round % 2][i][j];
    }
}

static void double_byte(byte_planes out, const byte_planes a)
{
    ss_plane top = a[7];
    out[7] = a[6], out[6] = a[5], out[5] = a[4], out[4] = a[3] ^ top;
    out[3] = a[2] ^ top, out[2] = a[1], out[1] = a[0] ^ top, out[0] = top;
}

// out[i] = 2·(a[i] ^ a[i+1]) ^ a[i+1] ^ a[i+2] ^ a[i+3].
static inline void mix_column(byte_planes out[4], const byte_planes a[4])
{
    byte_planes pair[4], twice;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 8; j++)
            pair[i][j] = a[i][j] ^ a[(i + 1) % 4][j];
    for (unsigned i = 0; i < 4; i++) {
        double_byte(twice, pair[i]);
        for (unsigned j = 0; j < 8; j++)
            out[i][j] = twice[j] ^ a[(i + 1) % 4][j] ^ pair[(i + 2) % 4][j];
    }
}

// InvMixColumns = MixColumns after adding 4·(a[i] ^ a[i+2]) to both of them:
// (14, 11, 13, 9) = (2, 3, 1, 1)·(5, 0, 4, 0).
static inline void inv_mix_column(byte_planes out[4], const byte_planes a[4])
{
    byte_planes sum, twice, four, b[4];
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < 8; j++)
            sum[j] = a[i][j] ^ a[i + 2][j];
        double_byte(twice, sum);
        double_byte(four, twice);
        for (unsigned j = 0; j < 8; j++) {
            b[i][j] = a[i][j] ^ four[j];
            b[i + 2][j] = a[i + 2][j] ^ four[j];
        }
    }
    mix_column(out, b);
}

// A batch: the two blocks of each line, and room for the state within a round.
struct state {
    union block half[2], temp;
};

static void encrypt_round(union block *b, union block *t, const struct key *k, unsigned round)
{
    sub_and_shift(t, b);
    if (round < LAST_ROUND)
        for (unsigned i = 0; i < 16; i += 4)
            mix_column(b->byte + i, (const byte_planes *)t->byte + i);
    add_round_key(b, round < LAST_ROUND ? b : t, k, round);
}

static void decrypt_round(union block *b, union block *t, const struct key *k, unsigned round)
{
    inv_sub_shift_add(t, b, k, round);
    if (round == 0)
        *b = *t;
    else
        for (unsigned i = 0; i < 16; i += 4)
            inv_mix_column(b->byte + i, (const byte_planes *)t->byte + i);
}

static __attribute__((noinline)) void encrypt(struct state *s, struct key *k)
{
    for (unsigned i = 0; i < 2; i++)
        add_round_key(&s->half[i], &s->half[i], k, 0);
    for (unsigned round = 1; round <= LAST_ROUND; round++) {
        if (round > 1)
            schedule_forward(k, round - 2);
        for (unsigned i = 0; i < 2; i++)
            encrypt_round(&s->half[i], &s->temp, k, round);
    }
}

static __attribute__((noinline)) void decrypt(struct state *s, struct key *k)
{
    for (unsigned step = 0; step < STEPS; step++)
        schedule_forward(k, step);
    for (unsigned i = 0; i < 2; i++)
        add_round_key(&s->half[i], &s->half[i], k, LAST_ROUND);
    for (unsigned round = LAST_ROUND; round-- > 0;) {
        for (unsigned i = 0; i < 2; i++)
            decrypt_round(&s->half[i], &s->temp, k, round);
        if (round > 0)
            schedule_back(k, round - 1);
    }
}

// In eight rows that are `stride` apart, exchanges the squares across the diagonal of 1, 2 and 4 strides.
static inline __attribute__((always_inline)) void transpose_eight(ss_plane *rows, unsigned stride,
                                                                  const uint64_t low[3])
{
    ss_plane v[8];
    for (unsigned i = 0; i < 8; i++)
        v[i] = rows[i * stride];
    for (unsigned level = 0; level < 3; level++) {
        const unsigned d = 1u << level;
        const ss_plane mask = {low[level], low[level]};
        for (unsigned i = 0; i < 8; i++) {
            if (i & d)
                continue;
            ss_plane swap = ((v[i] >> d * stride) ^ v[i + d]) & mask;
            v[i + d] ^= swap;
            v[i] ^= swap << d * stride;
        }
    }
    for (unsigned i = 0; i < 8; i++)
        rows[i * stride] = v[i];
}

// Exchanges bit n of row i with bit i of row n.
static void transpose(ss_plane rows[BLOCK_BITS])
{
    static const uint64_t bits[3] = {0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F};
    static const uint64_t bytes[3] = {0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF};
    for (unsigned i = 0; i < BLOCK_BITS; i += 8)
        transpose_eight(rows + i, 1, bits);
    for (unsigned i = 0; i < BLOCK_BITS; i += i % 64 == 7 ? 57 : 1)
        transpose_eight(rows + i, 8, bytes);
    for (unsigned i = 0; i < 64; i++) {
        ss_plane a = rows[i], b = rows[i + 64];
        rows[i] = (ss_plane){a[0], b[0]};
        rows[i + 64] = (ss_plane){a[1], b[1]};
    }
}

static void reverse_bytes(union block *b)
{
    for (unsigned i = 0; i < 8; i++)
        for (unsigned j = 0; j < 8; j++) {
            ss_plane swap = b->byte[i][j];
            b->byte[i][j] = b->byte[15 - i][j];
            b->byte[15 - i][j] = swap;
        }
}

static void load_half(union block *b, const uint8_t *in)
{
    for (unsigned i = 0; i < LINES; i++)
        memcpy(&b->plane[i], in + (size_t)SS_FLASH_CIPHER_LINE * i, sizeof b->plane[i]);
    transpose(b->plane);
    reverse_bytes(b);
}

static void store_half(union block *b, uint8_t *out)
{
    reverse_bytes(b);
    transpose(b->plane);
    for (unsigned i = 0; i < LINES; i++)
        memcpy(out + (size_t)SS_FLASH_CIPHER_LINE * i, &b->plane[i], sizeof b->plane[i]);
}

static void run(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t batches,
                void (*cipher)(struct state *s, struct key *k))
{
    struct key k;
    struct state s;
    for (; batches > 0; batches--, address += BATCH, in += BATCH, out += BATCH) {
        load_key(&k, c, address);
        load_half(&s.half[0], in);
        load_half(&s.half[1], in + SS_FLASH_CIPHER_BLOCK);
        cipher(&s, &k);
        store_half(&s.half[0], out);
        store_half(&s.half[1], out + SS_FLASH_CIPHER_BLOCK);
    }
    ss_kernel_wipe_stack();
    ss_kernel_wipe(&k, sizeof k);
    ss_kernel_wipe(&s, sizeof s);
}

static void seal(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t batches)
{
    run(c, address, in, out, batches, decrypt);
}

static void unseal(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t batches)
{
    run(c, address, in, out, batches, encrypt);
}

static bool supported(void)
{
    return true;
}

const struct ss_flash_cipher_kernel ss_flash_cipher_portable = {"portable", BATCH, supported, seal, unseal};
