// SPDX-License-Identifier: Apache-2.0
#include <stdatomic.h>
#include <string.h>

#include "core/kernels/sha256_kernels.h"

#define MAX_KERNELS 8
#define ASKED       (1u << MAX_KERNELS)

bool ss_sha256_kernel_passes(const struct ss_sha256_kernel *k)
{
    enum { BLOCKS = 3 };
    uint8_t messages[SS_SHA256_MAX_LANES][BLOCKS * SS_SHA256_BLOCK];
    uint32_t states[SS_SHA256_MAX_LANES][8], expected[8];
    uint32_t(*lanes[SS_SHA256_MAX_LANES])[8], (*const portable[])[8] = {&expected};
    const uint8_t *in[SS_SHA256_MAX_LANES];
    for (unsigned l = 0; l < k->lanes; l++) {
        memset(messages[l], (int)(0x5A + 7 * l), sizeof messages[l]);
        memcpy(states[l], ss_sha256_initial, sizeof states[l]);
        lanes[l] = &states[l];
        in[l] = messages[l];
    }
    k->compress(lanes, in, BLOCKS);
    for (unsigned l = 0; l < k->lanes; l++) {
        memcpy(expected, ss_sha256_initial, sizeof expected);
        ss_sha256_portable.compress(portable, &in[l], BLOCKS);
        if (memcmp(states[l], expected, sizeof expected) != 0)
            return false;
    }
    return true;
}

/// Bit i: kernel i of the table may be used. The portable one always may.
static unsigned usable_kernels(void)
{
    static _Atomic unsigned known;
    unsigned usable = atomic_load_explicit(&known, memory_order_relaxed);
    if (usable)
        return usable;
    usable = ASKED;
    for (unsigned i = 0; ss_sha256_kernels[i]; i++)
        if (ss_sha256_kernels[i]->supported() && ss_sha256_kernel_passes(ss_sha256_kernels[i]))
            usable |= 1u << i;
    atomic_store_explicit(&known, usable, memory_order_relaxed);
    return usable;
}

static const struct ss_sha256_kernel *kernel_for(unsigned count)
{
    unsigned usable = usable_kernels();
    for (unsigned i = 0; ss_sha256_kernels[i]; i++)
        if ((usable >> i & 1) && count >= ss_sha256_kernels[i]->worth)
            return ss_sha256_kernels[i];
    return &ss_sha256_portable;
}

void ss_sha256_compress_many(uint32_t (*const states[])[8], const uint8_t *const in[], unsigned count, size_t blocks)
{
    while (count > 0) {
        const struct ss_sha256_kernel *k = kernel_for(count);
        uint32_t spare[8] = {0};
        uint32_t(*lane_states[SS_SHA256_MAX_LANES])[8];
        const uint8_t *lane_in[SS_SHA256_MAX_LANES];
        unsigned used = count < k->lanes ? count : k->lanes;
        for (unsigned l = 0; l < k->lanes; l++) {
            // Lanes without a message repeat the first one, into a state that nobody reads.
            lane_states[l] = l < used ? states[l] : &spare;
            lane_in[l] = l < used ? in[l] : in[0];
        }
        k->compress(lane_states, lane_in, blocks);
        states += used;
        in += used;
        count -= used;
    }
}

const char *ss_sha256_kernel_for(unsigned count)
{
    return kernel_for(count)->name;
}
