// SPDX-License-Identifier: Apache-2.0
// SHA-256 of as many messages as a vector has 32-bit lanes. A kernel's file defines LANES, the type vec and the
// operations v_…, then includes this file, which makes compress().
#ifndef SS_CORE_KERNELS_SHA256_LANES_H
#define SS_CORE_KERNELS_SHA256_LANES_H

#include "core/kernels/sha256_kernels.h"

/// Keeps the compiler from regrouping sums: how many additions follow Σ1 decides the length of a round.
#define KEEP(x) __asm__("" : "+v"(x))

ALWAYS_INLINE vec next_word(const vec w[16], int i)
{
    vec a = w[(i + 1) & 15], b = w[(i + 14) & 15];
    vec s0 = v_xor3(v_rotate(a, 7), v_rotate(a, 18), v_shift(a, 3));
    vec s1 = v_xor3(v_rotate(b, 17), v_rotate(b, 19), v_shift(b, 10));
    return v_add(v_add(w[i], w[(i + 9) & 15]), v_add(s0, s1));
}

/// Round @p i of a group of 16; @p v rotates by index, so that v[-i] is the variable a. Only Σ1 and Ch depend on the
/// round before, so all else is added up first, once with d and once without.
ALWAYS_INLINE void one_round(vec v[8], vec word_and_constant, int i)
{
    vec a = v[-i & 7], b = v[(1 - i) & 7], c = v[(2 - i) & 7], d = v[(3 - i) & 7];
    vec e = v[(4 - i) & 7], f = v[(5 - i) & 7], g = v[(6 - i) & 7], h = v[(7 - i) & 7];
    vec sum = v_add(h, word_and_constant);
    KEEP(sum);
    vec sum_d = v_add(d, sum);
    KEEP(sum_d);
    vec choice = v_choice(e, f, g);
    sum = v_add(sum, choice);
    sum_d = v_add(sum_d, choice);
    KEEP(sum);
    KEEP(sum_d);
    vec sigma1 = v_xor3(v_rotate(e, 6), v_rotate(e, 11), v_rotate(e, 25));
    vec sigma0 = v_xor3(v_rotate(a, 2), v_rotate(a, 13), v_rotate(a, 22));
    v[(3 - i) & 7] = v_add(sum_d, sigma1);
    v[(7 - i) & 7] = v_add(v_add(sum, sigma1), v_add(sigma0, v_majority(a, b, c)));
}

ALWAYS_INLINE void one_block(vec state[8], vec w[16])
{
    vec v[8];
#pragma GCC unroll 16
    for (int i = 0; i < 8; i++)
        v[i] = state[i];
#pragma GCC unroll 4
    for (int group = 0; group < 64; group += 16) {
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            one_round(v, v_add(w[i], v_set32(ss_sha256_constants[group + i])), i);
            if (group < 48)
                w[i] = next_word(w, i);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < 8; i++)
        state[i] = v_add(state[i], v[i]);
}

TARGET static void compress(uint32_t (*const states[])[8], const uint8_t *const in[], size_t blocks)
{
    vec state[LANES];
    v_load_states(state, states);
    for (size_t block = 0; block < blocks; block++) {
        vec w[16];
        v_load_words(w, in, block * SS_SHA256_BLOCK);
        one_block(state, w);
    }
    v_store_states(states, state);
}

#endif
