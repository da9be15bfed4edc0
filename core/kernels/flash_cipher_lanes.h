// SPDX-License-Identifier: Apache-2.0
// The ESP32 flash cipher on AES instructions, for vectors of any width. A kernel's file defines the type vec, VEC_LANES
// (its 32-bit lanes: 4, 8 or 16) and the operations v_…, then includes this file, which makes seal() and unseal().
//
// Every 32-byte line has its own AES-256 key, so the key schedule is most of the work: flash_cipher_schedule.h.
//
// The tweak is linear in the address, and so is all that the chains start from: they are a constant vector for the
// lines of a batch, XORed with what the batch's address adds to all lanes alike. The latter is advanced from batch to
// batch by one row of the table that ss_flash_cipher_init() made (slotseal/flash_cipher.h).
//
// The schedule of the next batch is woven into the rounds of this one: it is a chain of 13 steps, and alone would leave
// the CPU waiting.
#ifndef SS_CORE_KERNELS_FLASH_CIPHER_LANES_H
#define SS_CORE_KERNELS_FLASH_CIPHER_LANES_H

#include "core/kernels/flash_cipher_schedule.h"

// Blocks of a batch, even ones of each line in a, odd ones in b.
struct blocks {
    vec a[4], b[4];
};

INLINE void first_key(vec key[4], const struct constants *c, const struct ss_flash_cipher_row *offset, unsigned f,
                      bool seal)
{
    vec add = v_set128(offset->word + (f == 0 ? WORDS : (seal ? MIXED : WORDS) + 4));
    for (unsigned i = 0; i < 4; i++)
        key[i] = v_xor(c->first_key[f][i], add);
}

INLINE void load_blocks(struct blocks *s, const uint8_t *in, const vec key[4])
{
    for (unsigned i = 0; i < 4; i++) {
        v_split(in + i * (BATCH / 4), &s->a[i], &s->b[i]);
        s->a[i] = v_xor(s->a[i], key[i]);
        s->b[i] = v_xor(s->b[i], key[i]);
    }
}

INLINE void middle_round(struct blocks *s, const vec key[4], bool seal)
{
    for (unsigned i = 0; i < 4; i++) {
        vec k = key[i];
        V_IN_REGISTER(k); // compilers would load it twice, and loads are as scarce as AES
        s->a[i] = seal ? v_aesdec(s->a[i], k) : v_aesenc(s->a[i], k);
        s->b[i] = seal ? v_aesdec(s->b[i], k) : v_aesenc(s->b[i], k);
    }
}

INLINE void store_blocks(struct blocks *s, uint8_t *out, const vec key[4], bool seal)
{
    for (unsigned i = 0; i < 4; i++) {
        s->a[i] = seal ? v_aesdeclast(s->a[i], key[i]) : v_aesenclast(s->a[i], key[i]);
        s->b[i] = seal ? v_aesdeclast(s->b[i], key[i]) : v_aesenclast(s->b[i], key[i]);
        v_join(out + i * (BATCH / 4), s->a[i], s->b[i]);
    }
}

// One batch: its round keys, and what its address adds to the starting values.
struct batch {
    struct round_keys keys;
    struct ss_flash_cipher_row offset;
};

#define NOW  1u
#define NEXT 2u

// Runs the rounds of batch `now`, makes the round keys of batch `next`, or both in step.
INLINE void weave(unsigned what, const struct constants *c, const struct batch *now, struct batch *next,
                  const uint8_t *in, uint8_t *out, bool seal)
{
    struct chain s;
    struct blocks blocks;
    vec key[4];
    if (what & NOW) {
        if (!seal)
            first_key(key, c, &now->offset, 0, seal);
        load_blocks(&blocks, in, seal ? now->keys.key[LAST_ROUND] : key);
    }
    if (what & NEXT)
        start(&s, c, &next->offset, seal);
#define STEP(n)                                                                                                        \
    do {                                                                                                               \
        const unsigned round = seal ? LAST_ROUND - (n) : (n);                                                          \
        if (what & NEXT)                                                                                               \
            step(&s, c, &next->offset, n, seal);                                                                       \
        if ((what & NOW) && round == 1)                                                                                \
            first_key(key, c, &now->offset, 1, seal);                                                                  \
        if (what & NOW)                                                                                                \
            middle_round(&blocks, round == 1 ? key : now->keys.key[round], seal);                                      \
        if ((what & NEXT) && (n) > 1)                                                                                  \
            make_key(&next->keys, &s, c, &next->offset, (n)-1, seal);                                                  \
    } while (0)
    STEP(1);
    STEP(2);
    STEP(3);
    STEP(4);
    STEP(5);
    STEP(6);
    STEP(7);
    STEP(8);
    STEP(9);
    STEP(10);
    STEP(11);
    STEP(12);
    STEP(13);
#undef STEP
    if (what & NEXT)
        make_key(&next->keys, &s, c, &next->offset, 13, seal);
    if (what & NOW) {
        if (seal)
            first_key(key, c, &now->offset, 0, seal);
        store_blocks(&blocks, out, seal ? key : now->keys.key[LAST_ROUND], seal);
    }
}

// What the address of batch `number` adds to the starting values of batch 0.
static void start_offset(struct ss_flash_cipher_row *offset, const struct ss_flash_cipher *c, uint32_t number)
{
    memset(offset, 0, sizeof *offset);
    for (unsigned bit = 0; number >> bit; bit++)
        if (number >> bit & 1)
            for (unsigned i = 0; i < 32; i++)
                offset->word[i] ^= c->carry[BATCH_BITS + bit].word[i] ^ c->carry[BATCH_BITS + bit - 1].word[i];
}

// From batch `number` - 1 to batch `number`.
INLINE void advance(struct ss_flash_cipher_row *next, const struct ss_flash_cipher_row *now,
                    const struct ss_flash_cipher *c, uint32_t number)
{
    const uint32_t *carry = c->carry[BATCH_BITS + (unsigned)__builtin_ctz(number)].word;
    const uint32_t *below = c->carry[BATCH_BITS - 1].word;
    for (unsigned i = 0; i < 32; i += VEC_LANES)
        v_store(next->word + i, v_xor(v_load(now->word + i), v_xor(v_load(carry + i), v_load(below + i))));
    // Words are broadcast from memory next, which is free; compilers would take them out of the vector again.
    __asm__ volatile("" : : "r"(next) : "memory");
}

struct work {
    struct constants constants;
    struct batch batch[2];
};

INLINE void run(struct work *w, const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out,
                size_t batches, bool seal)
{
    uint32_t number = address / BATCH;
    struct batch *now = &w->batch[0], *next = &w->batch[1];
    prepare(&w->constants, c, seal);
    start_offset(&now->offset, c, number);
    weave(NEXT, &w->constants, NULL, now, NULL, NULL, seal);
    while (--batches > 0) {
        advance(&next->offset, &now->offset, c, ++number);
        weave(NOW | NEXT, &w->constants, now, next, in, out, seal);
        struct batch *done = now;
        now = next;
        next = done;
        in += BATCH;
        out += BATCH;
    }
    weave(NOW, &w->constants, now, NULL, in, out, seal);
}

// Functions of their own, so that what the compiler spills lies below the frame of the one that wipes it.
static __attribute__((noinline)) void run_seal(struct work *w, const struct ss_flash_cipher *c, uint32_t address,
                                               const uint8_t *in, uint8_t *out, size_t batches)
{
    run(w, c, address, in, out, batches, true);
}

static __attribute__((noinline)) void run_unseal(struct work *w, const struct ss_flash_cipher *c, uint32_t address,
                                                 const uint8_t *in, uint8_t *out, size_t batches)
{
    run(w, c, address, in, out, batches, false);
}

static void wipe(struct work *w, size_t batches)
{
    ss_kernel_wipe(w, batches > 1 ? sizeof *w : offsetof(struct work, batch[1]));
    ss_kernel_wipe_stack();
    v_wipe_registers();
}

static void seal(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t batches)
{
    struct work w;
    run_seal(&w, c, address, in, out, batches);
    wipe(&w, batches);
}

static void unseal(const struct ss_flash_cipher *c, uint32_t address, const uint8_t *in, uint8_t *out, size_t batches)
{
    struct work w;
    run_unseal(&w, c, address, in, out, batches);
    wipe(&w, batches);
}

#endif
