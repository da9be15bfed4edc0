// SPDX-License-Identifier: Apache-2.0
// What a device tells of itself, out of its attributes. A value that does not follow docs/device-protocol.md is as good
// as none: it stays an attribute for people to look at, and decides nothing.
#include <stddef.h>
#include <string.h>

#include "server/store_internal.h"

static bool number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (!*text || (*text == '0' && text[1]))
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool digest(const char *text, uint8_t out[32])
{
    if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
        return false;
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    return true;
}

static bool word(const char *text, char *out, size_t size)
{
    size_t len = strlen(text);
    if (!len || len >= size)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7E)
            return false;
    memcpy(out, text, len + 1);
    return true;
}

/// "ota_0" … "ota_15", "factory".
static bool slot(const char *text, char out[SS_STORE_SLOT_SIZE])
{
    uint64_t n;
    if (strcmp(text, "factory") != 0 && (strncmp(text, "ota_", 4) != 0 || !number(text + 4, 15, &n)))
        return false;
    return word(text, out, SS_STORE_SLOT_SIZE);
}

static void number32(const char *text, uint32_t *out)
{
    uint64_t value;
    if (number(text, UINT32_MAX, &value))
        *out = (uint32_t)value;
}

void ss_store_told_set(struct ss_store_told *told, const char *key, const char *value)
{
    static const char prefix[] = "slotseal.";
    const struct {
        const char *name;
        uint32_t *out;
    } numbers[] = {
        {"epoch", &told->epoch},
        {"key_set", &told->key_set},
        {"secure_version", &told->secure_version},
        {"bootloader", &told->bootloader},
    };
    if (strncmp(key, prefix, sizeof prefix - 1) != 0)
        return;
    key += sizeof prefix - 1;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!strcmp(key, numbers[i].name))
            number32(value, numbers[i].out);
    uint64_t sequence;
    if (!strcmp(key, "sequence") && number(value, SS_STATEMENT_INT_MAX, &sequence))
        told->sequence = sequence;
    else if (!strcmp(key, "slot"))
        (void)!slot(value, told->slot);
    else if (!strcmp(key, "version"))
        (void)!word(value, told->version, sizeof told->version);
    else if (!strcmp(key, "state"))
        (void)!word(value, told->state, sizeof told->state);
    else if (!strcmp(key, "cause"))
        (void)!word(value, told->cause, sizeof told->cause);
    else if (!strcmp(key, "digest"))
        told->has_digest = digest(value, told->digest);
    else if (!strcmp(key, "table"))
        told->has_table = digest(value, told->table);
}
