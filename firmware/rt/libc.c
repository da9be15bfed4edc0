// SPDX-License-Identifier: Apache-2.0
// What the compiler and the agent want of a C library, and of a processor that multiplies and divides.
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

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t len)
{
    for (; len > 0; len--, a++, b++)
        if (*a != *b || !*a)
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

void *memchr(const void *in, int byte, size_t len)
{
    for (const uint8_t *p = in; len > 0; len--, p++)
        if (*p == (uint8_t)byte)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strcspn(const char *text, const char *stop)
{
    size_t len = 0;
    while (text[len] && !memchr(stop, text[len], strlen(stop)))
        len++;
    return len;
}

// The ESP32 divides by an instruction, but the compiler is for a core that has a function for it in its mask ROM, and its
// library has nothing for 64 bits. Division by zero gives what it gives.
static uint64_t divide(uint64_t value, uint64_t by, uint64_t *rest)
{
    uint64_t quotient = 0, part = 0;
    for (unsigned bit = 64; bit-- > 0;) {
        uint64_t carry = part >> 63;
        part = part << 1 | (value >> bit & 1);
        if (carry || part >= by) {
            part -= by;
            quotient |= 1ull << bit;
        }
    }
    *rest = part;
    return quotient;
}

uint32_t __udivsi3(uint32_t value, uint32_t by)
{
    uint64_t rest;
    return (uint32_t)divide(value, by, &rest);
}

uint32_t __umodsi3(uint32_t value, uint32_t by)
{
    uint64_t rest;
    divide(value, by, &rest);
    return (uint32_t)rest;
}

uint64_t __udivdi3(uint64_t value, uint64_t by)
{
    uint64_t rest;
    return divide(value, by, &rest);
}

uint64_t __umoddi3(uint64_t value, uint64_t by)
{
    uint64_t rest;
    divide(value, by, &rest);
    return rest;
}

uint64_t __muldi3(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (; a; a >>= 1, b <<= 1)
        if (a & 1)
            product += b;
    return product;
}
