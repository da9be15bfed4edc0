// SPDX-License-Identifier: Apache-2.0
// libinih would do, but Debian builds it for lines of 200 bytes: a PKCS#11 URI with its module's path is longer.
#include "server/ini.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/// Without the blanks around it.
static char *trim(char *text)
{
    while (is_blank(*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && is_blank(end[-1]))
        end--;
    *end = '\0';
    return text;
}

/// Takes the comment away that follows a value.
static void cut_comment(char *text)
{
    for (char *p = text; *p; p++)
        if ((*p == ';' || *p == '#') && (p == text || is_blank(p[-1]))) {
            *p = '\0';
            return;
        }
}

/// [section]: its name, NULL when the bracket stays open.
static const char *section_of(char *start)
{
    char *end = strchr(start, ']');
    if (!end)
        return NULL;
    *end = '\0';
    return trim(start + 1);
}

struct ss_ini_result ss_ini_read(char *text, ss_ini_take_fn take, void *user)
{
    const char *section = "", *key = NULL;
    struct ss_ini_result result = {0};
    if (!strncmp(text, "\xEF\xBB\xBF", 3))
        text += 3;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        result.line++;
        bool indented = is_blank(*line);
        char *start = trim(line);
        if (!*start || *start == '#' || *start == ';')
            continue;
        cut_comment(start);
        if (indented && key) {
            if (!take(user, section, key, trim(start)))
                return (struct ss_ini_result){result.line, true};
        } else if (*start == '[') {
            section = section_of(start);
            key = NULL;
            if (!section)
                return result;
        } else {
            char *equals = strchr(start, '=');
            if (!equals)
                return result;
            *equals = '\0';
            key = trim(start);
            if (!take(user, section, key, trim(equals + 1)))
                return (struct ss_ini_result){result.line, true};
        }
    }
    return (struct ss_ini_result){0};
}
