// SPDX-License-Identifier: Apache-2.0
// What the compiler and the agent want of a C library, and of a processor that divides.
#include "libc.h"

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    while (len--)
        *out++ = *in++;
    return to;
}

void *memmove(void *to, const void *from, size_t len)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if (out <= in)
        return memcpy(to, from, len);
    while (len--)
        out[len] = in[len];
    return to;
}

void *memset(void *to, int value, size_t len)
{
    uint8_t *out = to;
    while (len--)
        *out++ = (uint8_t)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *p = a, *q = b;
    for (; len > 0; len--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

size_t strlen(const char *text)
{
    size_t len = 0;
    while (text[len])
        len++;
    return len;
}

// The ESP32 divides by an instruction, but the compiler is for a core that has these two in its mask ROM. Division by
// zero gives what it gives.
static uint32_t divide(uint32_t value, uint32_t by, uint32_t *rest)
{
    uint32_t quotient = 0, part = 0;
    for (unsigned bit = 32; bit-- > 0;) {
        uint32_t carry = part >> 31;
        part = part << 1 | (value >> bit & 1);
        if (carry || part >= by) {
            part -= by;
            quotient |= 1u << bit;
        }
    }
    *rest = part;
    return quotient;
}

uint32_t __udivsi3(uint32_t value, uint32_t by)
{
    uint32_t rest;
    return divide(value, by, &rest);
}

uint32_t __umodsi3(uint32_t value, uint32_t by)
{
    uint32_t rest;
    divide(value, by, &rest);
    return rest;
}
