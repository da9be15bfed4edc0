// SPDX-License-Identifier: Apache-2.0
#include "provision/device_name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"

static bool id_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

static bool valid(const char *id, size_t len)
{
    if (!len || len > SS_DEVICE_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!id_character(id[i]))
            return false;
    return !(id[0] == '.' && (len == 1 || (len == 2 && id[1] == '.')));
}

bool ss_device_name_valid(const char *id)
{
    return valid(id, strlen(id));
}

void ss_device_name_from_mac(const uint8_t mac[6], char out[SS_DEVICE_NAME_SIZE])
{
    snprintf(out, SS_DEVICE_NAME_SIZE, "%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void ss_device_mac_text(const uint8_t mac[6], char out[SS_DEVICE_MAC_SIZE])
{
    snprintf(out, SS_DEVICE_MAC_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Six bytes from pairs of digits with @p separator between them (0: none); false if @p text is something else.
static bool read_mac(const char *text, char separator, uint8_t mac[6])
{
    for (unsigned i = 0; i < 6; i++) {
        int high = hex_digit(*text), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
        text += 2;
        if (separator && i < 5 && *text++ != separator)
            return false;
    }
    return *text == '\0';
}

ss_status_t ss_device_mac_parse(const char *text, uint8_t mac[6], struct ss_error *err)
{
    uint8_t out[6];
    if (!read_mac(text, 0, out) && !read_mac(text, ':', out) && !read_mac(text, '-', out))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE, "%.40s is no MAC address", text);
    if ((out[0] & 1) || ss_all_bytes(out, 6, 0))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_NONE, "%.40s is the MAC address of no chip", text);
    memcpy(mac, out, 6);
    return SS_OK;
}

enum word { WORD_NONE, WORD_BRACE, WORD_ID, WORD_MAC, WORD_MAC_UPPER, WORD_PRODUCT, WORD_BAD };

/// What @p p begins with; *len is the length of the placeholder, 1 for an ordinary character.
static enum word next_word(const char *p, size_t *len)
{
    static const char *const names[] = {[WORD_BRACE] = "{{",
                                        [WORD_ID] = "{id}",
                                        [WORD_MAC] = "{mac}",
                                        [WORD_MAC_UPPER] = "{MAC}",
                                        [WORD_PRODUCT] = "{product}"};
    *len = 1;
    if (*p != '{')
        return WORD_NONE;
    for (enum word w = WORD_BRACE; w < WORD_BAD; w++)
        if (!strncmp(p, names[w], strlen(names[w]))) {
            *len = strlen(names[w]);
            return w;
        }
    return WORD_BAD;
}

/// The text of a placeholder, NULL where the caller has none.
static const char *word_text(enum word word, const struct ss_device_words *words, char mac[SS_DEVICE_NAME_SIZE])
{
    switch (word) {
    case WORD_BRACE:
        return "{";
    case WORD_ID:
        return words->id;
    case WORD_PRODUCT:
        return words->product;
    case WORD_MAC:
    case WORD_MAC_UPPER:
        if (!words->mac)
            return NULL;
        ss_device_name_from_mac(words->mac, mac);
        for (char *p = mac; word == WORD_MAC_UPPER && *p; p++)
            *p = (char)toupper((unsigned char)*p);
        return mac;
    default:
        return NULL;
    }
}

ss_status_t ss_device_pattern_fill(const char *pattern, const struct ss_device_words *words, char *out, size_t size,
                                   struct ss_error *err)
{
    char mac[SS_DEVICE_NAME_SIZE];
    size_t len, used = 0;

    if (size)
        out[0] = '\0';
    for (const char *p = pattern; *p; p += len) {
        enum word word = next_word(p, &len);
        const char *text = word == WORD_NONE ? p : word_text(word, words, mac);
        if (!text)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE,
                                "pattern %.60s: %.*s is not {id}, {mac}, {MAC} or {product}, or is not known here",
                                pattern, (int)strcspn(p, "}") + (strchr(p, '}') != NULL), p);
        size_t n = word == WORD_NONE ? 1 : strlen(text);
        if (n >= size - used) {
            out[0] = '\0';
            return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_NONE,
                                "pattern %.60s gives more than %zu characters", pattern, size - 1);
        }
        memcpy(out + used, text, n);
        used += n;
        out[used] = '\0';
    }
    return SS_OK;
}

/// The one placeholder of a pattern for file names, with what stands before and behind it.
struct split {
    enum word word;
    size_t before, behind;
    const char *tail;
};

static ss_status_t split_pattern(const char *pattern, struct split *split, struct ss_error *err)
{
    size_t len;
    unsigned count = 0;
    for (const char *p = pattern; *p; p += len) {
        enum word word = next_word(p, &len);
        if (word == WORD_NONE && *p != '/')
            continue;
        if (word != WORD_ID && word != WORD_MAC && word != WORD_MAC_UPPER)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE,
                                "pattern %.60s: file names are made of {id}, {mac} or {MAC} and plain characters",
                                pattern);
        *split = (struct split){word, (size_t)(p - pattern), strlen(p + len), p + len};
        count++;
    }
    if (count != 1 || !(split->before + split->behind))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_NONE,
                            "pattern %.60s: exactly one of {id}, {mac} and {MAC}, and something beside it, is needed",
                            pattern);
    return SS_OK;
}

ss_status_t ss_device_pattern_check(const char *pattern, struct ss_error *err)
{
    struct split split;
    return split_pattern(pattern, &split, err);
}

bool ss_device_pattern_match(const char *pattern, const char *name, char id[SS_DEVICE_NAME_SIZE])
{
    struct split split;
    size_t len = strlen(name);
    char found[SS_DEVICE_NAME_SIZE];
    uint8_t mac[6];

    if (split_pattern(pattern, &split, NULL) != SS_OK || len <= split.before + split.behind)
        return false;
    size_t middle = len - split.before - split.behind;
    if (memcmp(name, pattern, split.before) != 0 || strcmp(name + split.before + middle, split.tail) != 0 ||
        !valid(name + split.before, middle))
        return false;
    memcpy(found, name + split.before, middle);
    found[middle] = '\0';
    if (split.word != WORD_ID) {
        if (!read_mac(found, 0, mac))
            return false;
        ss_device_name_from_mac(mac, found);
    }
    memcpy(id, found, sizeof found);
    return true;
}
