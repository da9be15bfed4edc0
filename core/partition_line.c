// SPDX-License-Identifier: Apache-2.0
#include "core/partition_line.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const int64_t held_at = (int64_t)1 << 40;

ss_status_t ss_table_fail_at(struct ss_table_reader *r, ss_status_t status, uint32_t column, const char *format, ...)
{
    char text[SS_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ss_error_set(r->err, status, SS_AREA_PARTITION_TABLE, "line %u, column %u: %.200s", r->line,
                        (unsigned)column, text);
}

const char *ss_table_quote(const struct ss_table_reader *r, struct ss_table_span s, char out[SS_TABLE_QUOTE_SIZE])
{
    return ss_table_printable(r->text + s.at, s.len, out, SS_TABLE_QUOTE_SIZE);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct ss_table_span trim(const char *text, size_t at, size_t end)
{
    while (at < end && is_blank(text[at]))
        at++;
    while (end > at && is_blank(text[end - 1]))
        end--;
    return (struct ss_table_span){at, end - at};
}

static bool is_comment(const char *text, size_t len)
{
    struct ss_table_span s = trim(text, 0, len);
    return s.len == 0 || text[s.at] == '#';
}

// Lines end in LF, CR LF or CR.
static bool next_line(struct ss_table_reader *r, const char **line, size_t *len)
{
    if (r->next >= r->len)
        return false;
    size_t i = r->next;
    while (i < r->len && r->csv[i] != '\n' && r->csv[i] != '\r')
        i++;
    *line = r->csv + r->next;
    *len = i - r->next;
    r->next = i + (i + 1 < r->len && r->csv[i] == '\r' && r->csv[i + 1] == '\n' ? 2 : 1);
    r->line++;
    return true;
}

static ss_status_t append(struct ss_table_reader *r, const char *bytes, size_t len, uint32_t column)
{
    if (len >= SS_TABLE_LINE_SIZE - r->used)
        return ss_table_fail_at(r, SS_ERROR_INSUFFICIENT_SPACE, column, "row is longer than %u bytes",
                                SS_TABLE_LINE_SIZE - 1);
    memcpy(r->text + r->used, bytes, len);
    for (size_t i = 0; i < len; i++)
        r->column[r->used + i] = column;
    r->used += len;
    return SS_OK;
}

// $NAME or ${NAME}, given what follows the `$`. Returns the length of the name, 0 if this is no reference.
static size_t variable_name(const char *text, size_t len, const char **name, size_t *total)
{
    bool braces = len > 0 && text[0] == '{';
    size_t i = 0;
    *name = text + braces;
    for (size_t max = len - braces; i < max; i++) {
        char c = (*name)[i];
        if (c != '_' && !isalpha((unsigned char)c) && (i == 0 || !isdigit((unsigned char)c)))
            break;
    }
    if (braces && (i + 1 >= len || text[i + 1] != '}'))
        return 0;
    *total = i + (braces ? 2u : 0);
    return i;
}

static ss_status_t append_variable(struct ss_table_reader *r, const char *name, size_t len, uint32_t column)
{
    const struct ss_table_options *o = &r->options;
    const char *value = o->getenv_fn ? o->getenv_fn(o->getenv_context, name, len) : NULL;
    if (value)
        return append(r, value, strlen(value), column);
    return ss_table_fail_at(r, SS_ERROR_DOES_NOT_EXIST, column, "environment variable '%.*s' is not set",
                            (int)(len < SS_TABLE_QUOTE_SIZE ? len : SS_TABLE_QUOTE_SIZE), name);
}

// Copies a line to r->text with its variables replaced. `\$` stays, as in the generator.
static ss_status_t expand(struct ss_table_reader *r, const char *line, size_t len)
{
    r->used = 0;
    for (size_t i = 0; i < len;) {
        const char *name;
        size_t total, name_len = 0;
        uint32_t column = (uint32_t)i + 1;
        if (line[i] == '$' && (i == 0 || line[i - 1] != '\\'))
            name_len = variable_name(line + i + 1, len - i - 1, &name, &total);
        ss_status_t status = name_len ? append_variable(r, name, name_len, column) : append(r, line + i, 1, column);
        if (status != SS_OK)
            return status;
        i += name_len ? total + 1 : 1;
    }
    r->column[r->used] = (uint32_t)len + 1;
    return SS_OK;
}

ss_status_t ss_table_next_row(struct ss_table_reader *r, bool *found)
{
    const char *line;
    size_t len;
    *found = false;
    while (next_line(r, &line, &len)) {
        if (is_comment(line, len))
            continue;
        ss_status_t status = expand(r, line, len);
        if (status != SS_OK)
            return status;
        *found = !is_comment(r->text, r->used);
        if (*found)
            break;
    }
    return SS_OK;
}

void ss_table_split(const struct ss_table_reader *r, struct ss_table_span fields[SS_COLUMNS])
{
    size_t at = 0;
    for (int i = 0; i < SS_COLUMNS; i++) {
        const char *comma = memchr(r->text + at, ',', r->used - at);
        size_t end = comma ? (size_t)(comma - r->text) : r->used;
        fields[i] = trim(r->text, at, end);
        at = comma ? end + 1 : r->used;
    }
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

// The base named by a prefix such as 0x, which is skipped; 10 without one.
static int number_base(const char *s, size_t len, size_t *i)
{
    if (len - *i <= 2 || s[*i] != '0')
        return 10;
    char c = (char)tolower((unsigned char)s[*i + 1]);
    int base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
    if (base != 10)
        *i += s[*i + 2] == '_' ? 3 : 2;
    return base;
}

// Sign, prefix, digits with single underscores between them; decimal numbers other than 0 do not begin with 0.
static bool parse_integer(const char *s, size_t len, int64_t *out)
{
    size_t i = len > 0 && (s[0] == '-' || s[0] == '+') ? 1 : 0;
    int base = number_base(s, len, &i);
    bool zero_first = base == 10 && i < len && s[i] == '0';
    bool after_digit = false;
    int64_t value = 0;
    for (; i < len; i++) {
        if (s[i] == '_' && after_digit) {
            after_digit = false;
            continue;
        }
        if (digit_value(s[i]) >= base)
            return false;
        value = value * base + digit_value(s[i]);
        value = value > held_at ? held_at : value;
        after_digit = true;
    }
    *out = s[0] == '-' ? -value : value;
    return after_digit && !(zero_first && value != 0);
}

bool ss_table_integer(const char *text, size_t len, int64_t *out)
{
    unsigned kilos = 0;
    struct ss_table_span s = {0, len};
    for (; s.len > 0; s = trim(text, s.at, s.at + s.len - 1)) {
        char c = (char)tolower((unsigned char)text[s.at + s.len - 1]);
        if (c != 'k' && c != 'm')
            break;
        kilos += c == 'k' ? 1 : 2;
    }
    if (s.len == 0 || !parse_integer(text + s.at, s.len, out))
        return false;
    for (; kilos > 0; kilos--) {
        int64_t more = *out * 1024;
        *out = more > held_at ? held_at : more < -held_at ? -held_at : more;
    }
    return true;
}
