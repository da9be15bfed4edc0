// SPDX-License-Identifier: Apache-2.0
// Little helpers for bytes on the wire and sizes from outside. Internal.
#ifndef SS_CORE_BYTES_H
#define SS_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint16_t ss_get_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t ss_get_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t ss_get_le64(const uint8_t *p)
{
    return (uint64_t)ss_get_le32(p) | (uint64_t)ss_get_le32(p + 4) << 32;
}

static inline uint32_t ss_get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline void ss_put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void ss_put_le32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void ss_put_le64(uint8_t *p, uint64_t v)
{
    ss_put_le32(p, (uint32_t)v);
    ss_put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline void ss_put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/// True if the range [offset, offset + len) lies within @p size. Never overflows.
static inline bool ss_range_ok(size_t offset, size_t len, size_t size)
{
    return offset <= size && len <= size - offset;
}

/// @p v rounded up to a multiple of the power of two @p unit; false on overflow.
static inline bool ss_round_up(size_t v, size_t unit, size_t *out)
{
    size_t rest = v & (unit - 1);
    size_t add = rest ? unit - rest : 0;
    if (v > SIZE_MAX - add)
        return false;
    *out = v + add;
    return true;
}

/// True if all @p len bytes equal @p value. Not for secrets.
static inline bool ss_all_bytes(const uint8_t *p, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != value)
            return false;
    return true;
}

/// CRC-32 (reflected polynomial 0xEDB88320), chained as zlib's crc32() is: start with crc = 0.
/// ESP-IDF's crc32_le(0xFFFFFFFF, …) equals ss_crc32(0xFFFFFFFF, …). Defined in crc32.c.
uint32_t ss_crc32(uint32_t crc, const uint8_t *p, size_t len);

#endif
