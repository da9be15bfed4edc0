// SPDX-License-Identifier: Apache-2.0
// Read-only data that no compressor can shrink: one fixed pseudo-random stream. The build writes it into the firmware
// (payload_gen.c), and the running firmware makes it again to see whether its mapped pages read back right.
#ifndef DEMO_PAYLOAD_H
#define DEMO_PAYLOAD_H

#include <stdint.h>

/// State of Marsaglia's xorshift128 ("Xorshift RNGs", Journal of Statistical Software 8, 2003). Not for secrets.
struct payload_stream {
    uint32_t x, y, z, w;
};

static inline struct payload_stream payload_start(void)
{
    return (struct payload_stream){123456789u, 362436069u, 521288629u, 88675123u};
}

/// Next word of the stream; stored in little-endian order.
static inline uint32_t payload_next(struct payload_stream *s)
{
    uint32_t t = s->x ^ s->x << 11;
    s->x = s->y;
    s->y = s->z;
    s->z = s->w;
    return s->w ^= s->w >> 19 ^ t ^ t >> 8;
}

#endif
