// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"

static bool unit_shift(const char *unit, unsigned *shift)
{
    if (*unit == '\0')
        *shift = 0;
    else if (!strcasecmp(unit, "K") || !strcasecmp(unit, "KB"))
        *shift = 10;
    else if (!strcasecmp(unit, "M") || !strcasecmp(unit, "MB"))
        *shift = 20;
    else
        return false;
    return true;
}

bool cli_number(const char *text, uint64_t max, uint64_t *out)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end;
    unsigned shift;

    // strtoull takes blanks and signs, and octal when the base is 0.
    if (!isdigit((unsigned char)text[0]) || (hex && !isxdigit((unsigned char)text[2])))
        return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, hex ? 16 : 10);
    if (errno || !unit_shift(end, &shift) || v > max >> shift)
        return false;
    *out = (uint64_t)v << shift;
    return true;
}

static const struct cli_option *option_by_id(const struct cli_option *options, enum cli_option_id id)
{
    while (options->name && options->id != id)
        options++;
    return options;
}

bool cli_option_number(const struct cli_args *args, const struct cli_option *options, enum cli_option_id id,
                       uint64_t max, uint64_t fallback, uint64_t *out)
{
    *out = fallback;
    if (!args->options[id] || cli_number(args->options[id], max, out))
        return true;
    cli_error("--%s %s is not a number from 0 to 0x%llx", option_by_id(options, id)->name, args->options[id],
              (unsigned long long)max);
    return false;
}

int cli_option_choice(const struct cli_args *args, const struct cli_option *options, enum cli_option_id id,
                      int fallback)
{
    const char *value = args->options[id];
    if (!value)
        return fallback;

    int index = 0;
    size_t len = strlen(value);
    for (const char *p = option_by_id(options, id)->choices; *p; index++) {
        size_t n = strcspn(p, " ");
        if (n == len && !memcmp(p, value, len))
            return index;
        p += n + (p[n] == ' ');
    }
    return fallback; // the parser has let nothing else through
}

/// Length of the UTF-8 character at @p p if it is one that a terminal may see, else 0. Overlong forms and surrogates
/// are none, nor are the control characters U+0080 to U+009F, which terminals obey like those of ASCII.
static size_t visible_utf8(const unsigned char *p)
{
    static const unsigned smallest[] = {0, 0, 0xA0, 0x800, 0x10000};
    size_t len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    if (len <= 1)
        return len == 1 && p[0] >= 0x20 && p[0] != 0x7F;

    unsigned code = p[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        code = code << 6 | (p[i] & 0x3F);
    }
    return code >= smallest[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) ? len : 0;
}

char *cli_printable(char *text)
{
    for (char *p = text; *p;) {
        size_t len = visible_utf8((const unsigned char *)p);
        if (!len)
            *p = '?';
        p += len ? len : 1;
    }
    return text;
}

const char *cli_shown(const char *text, char *out, size_t size)
{
    snprintf(out, size, "%s", text);
    return cli_printable(out);
}
