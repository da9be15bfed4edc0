// SPDX-License-Identifier: Apache-2.0
#include "device/text.h"

#include <string.h>

struct ss_text ss_text_in(char *p, size_t size)
{
    p[0] = 0;
    return (struct ss_text){.p = p, .size = size};
}

void ss_text_bytes(struct ss_text *t, const void *bytes, size_t len)
{
    if (t->full || len >= t->size - t->len) {
        t->full = true;
        return;
    }
    memcpy(t->p + t->len, bytes, len);
    t->len += len;
    t->p[t->len] = 0;
}

void ss_text_add(struct ss_text *t, const char *text)
{
    ss_text_bytes(t, text, strlen(text));
}

// Divides by 10 in steps of 32 bits, which the processors have instructions for.
static unsigned divide_by_10(uint64_t *value)
{
    uint32_t rest = 0;
    uint64_t result = 0;
    for (int shift = 48; shift >= 0; shift -= 16) {
        uint32_t part = rest << 16 | (uint32_t)(*value >> shift & 0xFFFF);
        result = result << 16 | part / 10;
        rest = part % 10;
    }
    *value = result;
    return rest;
}

void ss_text_number(struct ss_text *t, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + divide_by_10(&value));
    while (value);
    ss_text_bytes(t, digits + at, sizeof digits - at);
}

void ss_text_hex(struct ss_text *t, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        ss_text_bytes(t, pair, sizeof pair);
    }
}

void ss_text_json(struct ss_text *t, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < len; i++) {
        bool plain = p[i] >= 0x20 && p[i] < 0x7F && p[i] != '"' && p[i] != '\\';
        ss_text_bytes(t, plain ? (const char *)p + i : "?", 1);
    }
}
