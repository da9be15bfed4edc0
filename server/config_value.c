// SPDX-License-Identifier: Apache-2.0
// Addresses and polling times.
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"

static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF}; // RFC 4291 §2.5.5.2

/// A decimal number of 1 to 5 digits, up to @p max; false without one at @p text.
static bool decimal(const char *text, unsigned long max, unsigned long *out)
{
    size_t len = strspn(text, "0123456789");
    *out = strtoul(text, NULL, 10);
    return len >= 1 && len <= 5 && !text[len] && *out <= max;
}

bool ss_address_parse(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    unsigned long port;
    *out = (struct sockaddr_storage){0};
    if (!colon || !decimal(colon + 1, 65535, &port))
        return false;
    bool six = text[0] == '[' && colon > text && colon[-1] == ']';
    const char *start = text + six;
    size_t size = (size_t)(colon - start) - six;
    if (size >= sizeof host)
        return false;
    memcpy(host, start, size);
    host[size] = '\0';
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (six) {
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        *len = sizeof *v6;
        return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
    }
    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    *len = sizeof *v4;
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/// True if bits from @p bits on are all zero.
static bool rest_is_zero(const uint8_t address[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        if (address[i / 8] & 0x80u >> i % 8)
            return false;
    return true;
}

bool ss_address_block_parse(const char *text, struct ss_address_block *out)
{
    char host[64];
    size_t len = strcspn(text, "/");
    *out = (struct ss_address_block){0};
    if (len >= sizeof host)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    unsigned width = strchr(host, ':') ? 128 : 32;
    unsigned long bits = width;
    if (text[len] && !decimal(text + len + 1, width, &bits))
        return false;
    if (width == 32)
        memcpy(out->address, mapped, sizeof mapped);
    if (inet_pton(width == 32 ? AF_INET : AF_INET6, host, width == 32 ? out->address + 12 : out->address) != 1)
        return false;
    out->bits = (uint8_t)(bits + 128 - width);
    return rest_is_zero(out->address, out->bits);
}

void ss_address_bytes(const struct sockaddr *address, uint8_t out[16])
{
    memset(out, 0, 16);
    if (address && address->sa_family == AF_INET6)
        memcpy(out, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    if (address && address->sa_family == AF_INET) {
        memcpy(out, mapped, sizeof mapped);
        memcpy(out + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    }
}

void ss_address_text(const uint8_t address[16], char *out, size_t size)
{
    bool four = !memcmp(address, mapped, sizeof mapped);
    inet_ntop(four ? AF_INET : AF_INET6, four ? address + 12 : address, out, (socklen_t)size);
}

void ss_address_network(const uint8_t address[16], uint8_t out[16])
{
    memcpy(out, address, 16);
    if (memcmp(address, mapped, sizeof mapped) != 0)
        memset(out + 8, 0, 8);
}

static bool in_block(const struct ss_address_block *block, const uint8_t address[16])
{
    unsigned whole = block->bits / 8, rest = block->bits % 8;
    if (memcmp(block->address, address, whole))
        return false;
    return !rest || !((block->address[whole] ^ address[whole]) >> (8 - rest));
}

bool ss_address_in(const struct ss_address_blocks *blocks, const uint8_t address[16])
{
    for (unsigned i = 0; i < blocks->count; i++)
        if (in_block(&blocks->items[i], address))
            return true;
    return false;
}

bool ss_polling_parse(const char *text, struct ss_polling *out)
{
    static const char form[] = "00:00:00";
    *out = (struct ss_polling){0};
    for (unsigned i = 0; i < 8; i++)
        if (form[i] == ':' ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    unsigned long hours = strtoul(text, NULL, 10), minutes = strtoul(text + 3, NULL, 10),
                  seconds = strtoul(text + 6, NULL, 10), percent = 0;
    if (hours > 23 || minutes > 59 || seconds > 59)
        return false;
    const char *jitter = text + 8;
    size_t digits = *jitter == '~' ? strspn(jitter + 1, "0123456789") : 0;
    if (*jitter && (!digits || digits > 2 || strcmp(jitter + 1 + digits, "%")))
        return false;
    if (digits)
        percent = strtoul(jitter + 1, NULL, 10);
    out->seconds = (uint32_t)(hours * 3600 + minutes * 60 + seconds);
    out->jitter = (uint8_t)percent;
    return out->seconds && percent <= 90;
}
