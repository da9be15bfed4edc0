// SPDX-License-Identifier: Apache-2.0
// The key schedule of flash_cipher_lanes.h: AES-256 for VEC_LANES lines at once, one line to a 32-bit lane. Internal:
// part of a kernel's file, in terms of its vec and v_….
//
// The schedule. The even round keys (family 0) and the odd ones (family 1) each come from the one before by
//     w0' = w0 ^ t,  w1' = w1 ^ w0',  w2' = w2 ^ w1',  w3' = w3 ^ w2',
// t being SubWord of the other family's last word (with RotWord and Rcon for family 0). As a matrix on (w0, w1, w2, w3)
// that is a prefix sum; over XOR its fourth power is the identity. So the last words x(k) = w3 of one family obey
//     x(k) = x(k - 4) ^ t(k)
// and hold everything else: w2 = x(k) ^ x(k-1), w1 = x(k) ^ x(k-2), w0 = x(k) ^ x(k-1) ^ x(k-2) ^ x(k-3).
//
// SubWord. AESENCLAST(x, y) is ShiftRows(SubBytes(x)) ^ y: SubWord and the XOR in one instruction, but the bytes of the
// result lie elsewhere. Nothing puts them back: the chain goes on with bytes that are out of place by one ShiftRows
// more at each step, and by one RotWord less at each even one. Both have order 4, so x(k) and x(k - 4) are out of place
// alike and can be XORed: z(k), the x(k) as the chain has it, is
//     ShiftRows^(2k) (RotWord^(-k) (x(k)))  in family 0,  ShiftRows^(2k + 1) (RotWord^(-k) (x(k)))  in family 1
// and one byte shuffle beside the chain gives x(k).
//
// InvMixColumns. The chip seals with the inverse cipher; AESDEC wants its middle round keys through InvMixColumns. That
// map is linear, so only the x(k) need it; AESDEC(ShiftRows(SubBytes(x)), 0) is InvMixColumns(x), and the argument is,
// but for the places of the bytes, what the step that took SubWord of x(k) has added.
//
// Transposition. Round keys have the four words of a line side by side. Interleaved pairs p(k) = (w2, w3) give (w0, w1)
// as p(k) ^ p(k - 2); interleaving these two by 64 bits ends it. In 128-bit part q of round key vector j then lies
// the key of lane 4q + j. Lanes are given to lines so that this is the key of line 4j + q of sixteen (2j + q of eight,
// j of four), which are the lines that data vectors 2j and 2j + 1 hold: sorted into even and odd blocks, both use it.
#ifndef SS_CORE_KERNELS_FLASH_CIPHER_SCHEDULE_H
#define SS_CORE_KERNELS_FLASH_CIPHER_SCHEDULE_H

#include "core/kernels/flash_cipher_kernels.h"

#define BATCH      (VEC_LANES * SS_FLASH_CIPHER_LINE)
#define BATCH_BITS (VEC_LANES == 16 ? 4 : VEC_LANES == 8 ? 3 : 2) // of the line number
#define LAST_ROUND 14

#define INLINE static inline __attribute__((always_inline))

// Offsets into struct ss_flash_cipher_row, words.
enum { WORDS = 0, MIXED = 8, CHAIN = 16, PRIOR = 24, PRIOR_MIXED = 28 };

// What does not change from batch to batch: the starting values of batch 0.
struct constants {
    vec z[2][4];         // each family's z(0), z(-1), z(-2), z(-3); in family 0 with Rcon of x(4), x(3), x(2), x(1)
    vec last[2];         // x(0); through InvMixColumns for sealing
    vec pair[2][2][2];   // [family]: p(0), p(-1), low and high lanes; through InvMixColumns for sealing
    vec first_key[2][4]; // round keys 0 and 1, the latter through InvMixColumns for sealing
    vec natural[2][4];   // [family][k]: byte shuffle that makes x(k) of z(k)
    vec shifted[2][4];   // the same between the two after SubBytes and ShiftRows
};

// The schedule on its way. Entries of step k are at k modulo their number.
struct chain {
    vec newest;        // z of the last step
    vec z[2][4];       // [family][k]
    vec done[2];       // [step] what make_key() goes on with: z for unsealing, SubWord of the last word for sealing
    vec last[2];       // newest x of each family; through InvMixColumns for sealing
    vec pair[2][2][2]; // [family][k]
    vec even_plain;    // for sealing, x(k - 1) of family 0 and its p(5): round key 14 has no InvMixColumns
    vec pair_plain[2];
};

// Round keys of a batch; 0 and 1 stay unused: they are computed when needed.
struct round_keys {
    vec key[LAST_ROUND + 1][4];
};

// Word `field` of the row of each line in batch 0, one line to a lane.
INLINE vec starting_word(const struct ss_flash_cipher *c, unsigned field)
{
#define LINE(lane)      (VEC_LANES / 4 * ((lane) % 4) + (lane) / 4)
#define MASK(lane, bit) (uint32_t) - (LINE(lane) >> (bit)&1)
#define MASK4(n, bit)   MASK(n, bit), MASK(n + 1, bit), MASK(n + 2, bit), MASK(n + 3, bit)
#define MASKS(bit)                                                                                                     \
    {                                                                                                                  \
        MASK4(0, bit), MASK4(4, bit), MASK4(8, bit), MASK4(12, bit)                                                    \
    }
    static const _Alignas(64) uint32_t line_has_bit[4][16] = {MASKS(0), MASKS(1), MASKS(2), MASKS(3)};
    vec v = v_set32(c->key.word[field]);
    for (unsigned bit = 0; bit < BATCH_BITS; bit++) {
        uint32_t tweak = c->carry[bit].word[field] ^ (bit ? c->carry[bit - 1].word[field] : 0);
        v = v_xor(v, v_and(v_set32(tweak), v_load(line_has_bit[bit])));
    }
    return v;
}

// Words of four vectors of lanes, side by side: see "Transposition" above.
INLINE void transpose(vec key[4], vec w0, vec w1, vec w2, vec w3)
{
    vec low01 = v_unpack_low32(w0, w1), high01 = v_unpack_high32(w0, w1);
    vec low23 = v_unpack_low32(w2, w3), high23 = v_unpack_high32(w2, w3);
    key[0] = v_unpack_low64(low01, low23);
    key[1] = v_unpack_high64(low01, low23);
    key[2] = v_unpack_low64(high01, high23);
    key[3] = v_unpack_high64(high01, high23);
}

// Byte shuffles: ShiftRows moves row r of column c to column c - r; RotWord.
static const uint8_t shift_rows[16] = {0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11};
static const uint8_t rot_word[16] = {1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12};

// shift[i] is ShiftRows i times. The natural order of z(k) is RotWord^k after ShiftRows^-(2k + f); of what SubBytes and
// ShiftRows make of z(k) it is the same between an inverse ShiftRows and another one.
static void prepare_shuffles(struct constants *k, vec shift[4])
{
    const vec rotate = v_set128(rot_word);
    shift[1] = v_set128(shift_rows);
    shift[2] = v_shuffle(shift[1], shift[1]);
    shift[3] = v_shuffle(shift[2], shift[1]);
    shift[0] = v_shuffle(shift[3], shift[1]);
    for (unsigned f = 0; f < 2; f++)
        for (unsigned i = 0; i < 4; i++) {
            vec natural = shift[(8 - 2 * i - f) % 4];
            for (unsigned j = 0; j < i; j++)
                natural = v_shuffle(natural, rotate);
            k->natural[f][i] = natural;
            k->shifted[f][i] = v_shuffle(v_shuffle(shift[3], natural), shift[1]);
        }
}

// Rcon of x(k) of family 0, in its place in z(k).
INLINE uint32_t rcon(unsigned k)
{
    return 1u << (k - 1) << 8 * (k % 4);
}

static void prepare(struct constants *k, const struct ss_flash_cipher *c, bool seal)
{
    const unsigned form = seal ? MIXED : WORDS, prior = seal ? PRIOR_MIXED : PRIOR;
    vec shift[4];
    prepare_shuffles(k, shift);
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned i = 0; i < 4; i++)
            k->z[f][i] = v_shuffle(starting_word(c, CHAIN + 4 * f + i), shift[(2 * i + f) % 4]);
        vec w[4], p[2];
        for (unsigned i = 0; i < 4; i++)
            w[i] = starting_word(c, form + 4 * f + i);
        for (unsigned i = 0; i < 2; i++)
            p[i] = starting_word(c, prior + 2 * f + i);
        k->last[f] = w[3];
        k->pair[f][0][0] = v_unpack_low32(w[2], w[3]);
        k->pair[f][0][1] = v_unpack_high32(w[2], w[3]);
        k->pair[f][1][0] = v_unpack_low32(p[0], p[1]);
        k->pair[f][1][1] = v_unpack_high32(p[0], p[1]);
        if (f == 0 && seal)
            for (unsigned i = 0; i < 4; i++)
                w[i] = starting_word(c, WORDS + i);
        transpose(k->first_key[f], w[0], w[1], w[2], w[3]);
    }
    for (unsigned i = 0; i < 4; i++)
        k->z[0][i] = v_xor(k->z[0][i], v_set32(rcon(4 - i)));
}

// A round key from w2 and w3 of its lines and the pair two steps before; see "Transposition" above.
INLINE void emit(vec key[4], struct chain *s, unsigned f, unsigned k, vec w2, vec w3, const vec *before)
{
    vec low = v_unpack_low32(w2, w3), high = v_unpack_high32(w2, w3);
    vec low01 = v_xor(low, before[0]), high01 = v_xor(high, before[1]);
    s->pair[f][k % 2][0] = low;
    s->pair[f][k % 2][1] = high;
    key[0] = v_unpack_low64(low01, low);
    key[1] = v_unpack_high64(low01, low);
    key[2] = v_unpack_low64(high01, high);
    key[3] = v_unpack_high64(high01, high);
}

// Round key `round` (2 …) from w2 and w3 of its lines.
INLINE void make_round_key(struct round_keys *out, struct chain *s, const struct constants *c,
                           const struct ss_flash_cipher_row *offset, unsigned round, vec w2, vec w3, bool seal)
{
    const unsigned f = round % 2, k = round / 2;
    if (k > 2) {
        emit(out->key[round], s, f, k, w2, w3, s->pair[f][k % 2]);
    } else {
        unsigned field = k == 2 ? (seal ? MIXED : WORDS) + 4 * f + 2 : (seal ? PRIOR_MIXED : PRIOR) + 2 * f;
        vec add = v_set64(offset->word + field);
        vec before[2] = {v_xor(c->pair[f][k % 2][0], add), v_xor(c->pair[f][k % 2][1], add)};
        emit(out->key[round], s, f, k, w2, w3, before);
    }
}

// For sealing: round key 14 from x(7) of family 0.
INLINE void make_last_key(struct round_keys *out, struct chain *s, vec x)
{
    vec key[4];
    emit(key, s, 0, 7, v_xor(x, s->even_plain), x, s->pair_plain);
    for (unsigned i = 0; i < 4; i++)
        out->key[LAST_ROUND][i] = key[i];
}

// For sealing: what round key 14 will need of x(k) of family 0, k = 4, 5, 6.
INLINE void keep_plain(struct chain *s, unsigned k, vec x)
{
    if (k == 5) {
        vec w2 = v_xor(x, s->even_plain);
        s->pair_plain[0] = v_unpack_low32(w2, x);
        s->pair_plain[1] = v_unpack_high32(w2, x);
    } else {
        s->even_plain = x;
    }
}

INLINE void start(struct chain *s, const struct constants *c, const struct ss_flash_cipher_row *offset, bool seal)
{
    s->newest = v_xor(c->z[1][0], v_set32(offset->word[CHAIN + 4]));
    for (unsigned f = 0; f < 2; f++)
        s->last[f] = v_xor(c->last[f], v_set32(offset->word[(seal ? MIXED : WORDS) + 4 * f + 3]));
}

// Step n = 1 … 13 makes the last word of round key n + 1 from that of round key n.
INLINE void step(struct chain *s, const struct constants *c, const struct ss_flash_cipher_row *offset, unsigned n,
                 bool seal)
{
    const unsigned f = (n + 1) % 2, k = (n + 1) / 2;
    vec before = k > 4 ? s->z[f][k % 4] : v_xor(c->z[f][4 - k], v_set32(offset->word[CHAIN + 4 * f + 4 - k]));
    vec z = v_aesenclast(s->newest, before);
    s->newest = z;
    s->z[f][k % 4] = f == 0 && k < 4 ? v_xor(z, v_set32(rcon(k + 4))) : z;
    s->done[n % 2] = seal ? v_xor(z, before) : z;
    if (seal && f == 0 && k > 3 && k < 7)
        keep_plain(s, k, v_shuffle(z, c->natural[f][k % 4]));
}

// After step n, for unsealing: round key n + 1.
INLINE void make_key_unseal(struct round_keys *out, struct chain *s, const struct constants *c,
                            const struct ss_flash_cipher_row *offset, unsigned n)
{
    const unsigned f = (n + 1) % 2, k = (n + 1) / 2;
    vec x = v_shuffle(s->done[n % 2], c->natural[f][k % 4]);
    vec w2 = v_xor(x, s->last[f]);
    s->last[f] = x;
    make_round_key(out, s, c, offset, n + 1, w2, x, false);
}

// After step n, for sealing: round key n, whose InvMixColumns comes out of that step's SubWord.
INLINE void make_key_seal(struct round_keys *out, struct chain *s, const struct constants *c,
                          const struct ss_flash_cipher_row *offset, unsigned n)
{
    const unsigned f = n % 2, k = n / 2;
    if (n == 1)
        return; // see first_key()
    vec w2 = v_aesdec(v_shuffle(s->done[n % 2], c->shifted[f][k % 4]), s->last[f]);
    s->last[f] = v_xor(s->last[f], w2);
    make_round_key(out, s, c, offset, n, w2, s->last[f], true);
    if (n == 13)
        make_last_key(out, s, v_shuffle(s->newest, c->natural[0][7 % 4]));
}

INLINE void make_key(struct round_keys *out, struct chain *s, const struct constants *c,
                     const struct ss_flash_cipher_row *offset, unsigned n, bool seal)
{
    if (seal)
        make_key_seal(out, s, c, offset, n);
    else
        make_key_unseal(out, s, c, offset, n);
}

#endif
