// SPDX-License-Identifier: Apache-2.0
// Profiles from text: `key = value` lines, and sdkconfig.
#include "chip/profile.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chip/profile_text.h"

const char *ss_profile_source_name(enum ss_profile_source source)
{
    static const char *const names[] = {"given", "build", "guessed"};
    return (unsigned)source < 3 ? names[source] : "unknown";
}

const char *ss_profile_secure_boot_name(enum ss_profile_secure_boot secure_boot)
{
    static const char *const names[] = {"none", "v1", "v2"};
    return (unsigned)secure_boot < 3 ? names[secure_boot] : "unknown";
}

bool ss_profile_idf_number(const char *version, unsigned *idf)
{
    unsigned major, minor, patch = 0;
    if (*version == 'v')
        version++;
    if (!isdigit((unsigned char)*version) || sscanf(version, "%2u.%2u.%2u", &major, &minor, &patch) < 2)
        return false;
    *idf = major * 10000 + minor * 100 + patch;
    return true;
}

void ss_profile_settle(struct ss_boot_profile *p)
{
    if (p->secure_boot != SS_PROFILE_SECURE_BOOT_NONE)
        p->signed_on_boot = true;
    if (p->anti_rollback)
        p->rollback = true;
}

bool ss_profile_next_line(struct ss_text *text, char line[SS_PROFILE_LINE])
{
    if (text->len == 0)
        return false;
    const char *end = memchr(text->at, '\n', text->len);
    size_t len = end ? (size_t)(end - text->at) : text->len;
    // Longer lines are cut: nothing that counts is that long, and what is cut does not parse.
    size_t kept = len < SS_PROFILE_LINE ? len : SS_PROFILE_LINE - 1;
    memcpy(line, text->at, kept);
    line[kept] = 0;
    text->at += end ? len + 1 : len;
    text->len -= end ? len + 1 : len;
    text->number++;
    return true;
}

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    size_t len = strlen(s);
    while (len > 0 && isspace((unsigned char)s[len - 1]))
        s[--len] = 0;
    return s;
}

typedef bool (*set_fn)(void *field, const char *value);

static bool set_switch(void *field, const char *value)
{
    bool yes = !strcasecmp(value, "yes") || !strcasecmp(value, "true") || !strcmp(value, "1");
    if (!yes && strcasecmp(value, "no") && strcasecmp(value, "false") && strcmp(value, "0"))
        return false;
    *(bool *)field = yes;
    return true;
}

static bool set_text(void *field, const char *value)
{
    if (*value == 0 || strlen(value) > 32)
        return false;
    strcpy(field, value);
    return true;
}

static bool choose(const char *value, const char *const *names, unsigned count, unsigned *index)
{
    for (*index = 0; *index < count; (*index)++)
        if (!strcasecmp(value, names[*index]))
            return true;
    return false;
}

static bool set_secure_boot(void *field, const char *value)
{
    static const char *const names[] = {"none", "v1", "v2"};
    unsigned index;
    if (!choose(value, names, 3, &index))
        return false;
    *(enum ss_profile_secure_boot *)field = (enum ss_profile_secure_boot)index;
    return true;
}

static bool set_log(void *field, const char *value)
{
    static const char *const names[] = {"none", "error", "warn", "info"};
    unsigned index;
    if (!choose(value, names, 4, &index))
        return false;
    *(enum ss_profile_log *)field = (enum ss_profile_log)index;
    return true;
}

static bool set_mode(void *field, const char *value)
{
    static const char *const names[] = {"development", "release"};
    unsigned index;
    if (!choose(value, names, 2, &index))
        return false;
    *(bool *)field = index == 1;
    return true;
}

static bool number(const char *value, unsigned long long max, unsigned *out)
{
    char *end;
    if (!isdigit((unsigned char)*value))
        return false;
    unsigned long long n = strtoull(value, &end, 0);
    if (*end || n > max)
        return false;
    *out = (unsigned)n;
    return true;
}

static bool set_version_bits(void *field, const char *value)
{
    unsigned n;
    if (!number(value, 32, &n) || n == 0)
        return false;
    *(unsigned *)field = n;
    return true;
}

bool ss_profile_set_table_offset(uint32_t *offset, const char *value)
{
    unsigned n;
    if (!number(value, 0xFFF000, &n) || n % 0x1000 || n < 0x2000)
        return false;
    *offset = n;
    return true;
}

static bool set_table_offset(void *field, const char *value)
{
    return ss_profile_set_table_offset(field, value);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/// Given as the profile, as the key has a length beside its bytes.
static bool set_public_key(void *field, const char *value)
{
    struct ss_boot_profile *p = field;
    size_t len = strlen(value) / 2;
    if (strlen(value) % 2 || len == 0 || len > sizeof p->public_key)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(value[2 * i]), low = hex_digit(value[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        p->public_key[i] = (uint8_t)(high << 4 | low);
    }
    p->public_key_len = len;
    p->has_public_key = true;
    return true;
}

#define FIELD(name) offsetof(struct ss_boot_profile, name)
static const struct key {
    const char *name;
    set_fn set;
    size_t field;
} keys[] = {
    {"idf_version", set_text, FIELD(idf_version)},
    {"compile_time", set_text, FIELD(compile_time)},
    {"secure_boot", set_secure_boot, FIELD(secure_boot)},
    {"signed_on_boot", set_switch, FIELD(signed_on_boot)},
    {"flash_encryption", set_switch, FIELD(flash_encryption)},
    {"mode", set_mode, FIELD(release)},
    {"require_encrypted", set_switch, FIELD(require_encrypted)},
    {"rollback", set_switch, FIELD(rollback)},
    {"anti_rollback", set_switch, FIELD(anti_rollback)},
    {"secure_version_bits", set_version_bits, FIELD(secure_version_bits)},
    {"allow_jtag", set_switch, FIELD(allow_jtag)},
    {"allow_rom_basic", set_switch, FIELD(allow_basic)},
    {"allow_dl_encrypt", set_switch, FIELD(allow_dl_encrypt)},
    {"allow_dl_decrypt", set_switch, FIELD(allow_dl_decrypt)},
    {"allow_dl_cache", set_switch, FIELD(allow_dl_cache)},
    {"public_key", set_public_key, 0},
    {"table_offset", set_table_offset, FIELD(table_offset)},
    {"log", set_log, FIELD(log)},
    {"unicore", set_switch, FIELD(unicore)},
};
#define KEYS (sizeof keys / sizeof *keys)

static ss_status_t take(struct ss_boot_profile *p, unsigned line, const char *name, const char *value, bool seen[KEYS],
                        struct ss_error *err)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].name, name))
            continue;
        if (seen[i])
            return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "profile line %u: %s is given twice", line,
                                name);
        seen[i] = true;
        if (keys[i].set((uint8_t *)p + keys[i].field, value))
            return SS_OK;
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "profile line %u: '%s' is no value of %s", line,
                            value, name);
    }
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "profile line %u: there is no key '%s'", line, name);
}

static bool was_given(const bool seen[KEYS], const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (!strcmp(keys[i].name, name))
            return seen[i];
    return false;
}

ss_status_t ss_profile_parse(const char *in, size_t len, struct ss_boot_profile *profile, struct ss_error *err)
{
    static const struct ss_boot_profile start = SS_BOOT_PROFILE_DEFAULT;
    struct ss_boot_profile p = start;
    struct ss_text text = {.at = in, .len = len};
    char line[SS_PROFILE_LINE];
    bool seen[KEYS] = {false};
    ss_status_t status = SS_OK;
    *profile = start;
    while (status == SS_OK && ss_profile_next_line(&text, line)) {
        line[strcspn(line, "#")] = 0;
        char *equals = strchr(line, '=');
        if (equals) {
            *equals = 0;
            status = take(&p, text.number, trim(line), trim(equals + 1), seen, err);
        } else if (*trim(line)) {
            status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "profile line %u: not 'key = value'",
                                  text.number);
        }
    }
    if (status == SS_OK && !ss_profile_idf_number(p.idf_version, &p.idf))
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP,
                              "profile: idf_version '%s' does not begin with a version such as v4.0.1", p.idf_version);
    if (status != SS_OK)
        return status;
    if (p.release && !was_given(seen, "allow_dl_encrypt"))
        p.allow_dl_encrypt = false;
    ss_profile_settle(&p);
    *profile = p;
    return SS_OK;
}
