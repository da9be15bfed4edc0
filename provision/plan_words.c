// SPDX-License-Identifier: Apache-2.0
// A plan's text: lines, variables, words, and what of them are options.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/plan_internal.h"

static ss_status_t bad(struct ss_error *err, unsigned line, const char *what)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "line %u: %s", line, what);
}

/// A line with its continuations, comments left in. False at the end.
static bool raw_line(struct plan_text *t, char out[PLAN_LINE], unsigned *first, bool *too_long)
{
    size_t n = 0;
    *too_long = false;
    if (t->at == t->end)
        return false;
    *first = ++t->line;
    while (t->at < t->end && *t->at != '\n') {
        bool more = *t->at == '\\' && t->at + 1 < t->end && (t->at[1] == '\n' || t->at[1] == '\r');
        if (more) {
            t->at += t->at[1] == '\r' && t->at + 2 < t->end && t->at[2] == '\n' ? 3 : 2;
            t->line++;
            continue;
        }
        if (n == PLAN_LINE - 1)
            *too_long = true;
        else if (*t->at && *t->at != '\r')
            out[n++] = *t->at;
        t->at++;
    }
    out[n] = 0;
    t->at += t->at < t->end;
    return true;
}

static const char *lookup(const struct plan_text *t, const char *name, size_t len)
{
    for (unsigned i = t->variables; i-- > 0;)
        if (strlen(t->name[i]) == len && !memcmp(t->name[i], name, len))
            return t->value[i];
    return NULL;
}

static size_t name_length(const char *p)
{
    size_t n = 0;
    if (isalpha((unsigned char)*p) || *p == '_')
        while (isalnum((unsigned char)p[n]) || p[n] == '_')
            n++;
    return n;
}

/// Copies the value of the variable at @p *p to @p *out.
static ss_status_t expand_one(const struct plan_text *t, const char **p, char **out, const char *limit, unsigned line,
                              struct ss_error *err)
{
    bool braces = (*p)[1] == '{';
    const char *name = *p + 1 + braces;
    size_t len = name_length(name);
    if (len == 0 || (braces && name[len] != '}'))
        return bad(err, line, "'$' without a variable");
    const char *value = lookup(t, name, len);
    if (!value)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "line %u: variable %.*s is not set", line,
                            (int)(len < 64 ? len : 64), name);
    if (strlen(value) >= (size_t)(limit - *out))
        return bad(err, line, "too long");
    *out = stpcpy(*out, value);
    *p = name + len + braces;
    return SS_OK;
}

/// Puts values in the place of variables, comments left out. Values are split into words like the rest of the line,
/// unless they stand in double quotes.
static ss_status_t expand(const struct plan_text *t, const char *p, char out[PLAN_LINE], unsigned line,
                          struct ss_error *err)
{
    const char *limit = out + PLAN_LINE - 1;
    char quote = 0;
    for (bool start = true; *p && !(*p == '#' && start && !quote);) {
        start = *p == ' ' || *p == '\t';
        if ((*p == '"' || *p == '\'') && (!quote || quote == *p))
            quote = quote ? 0 : *p;
        if (*p == '$' && quote != '\'') {
            ss_status_t status = expand_one(t, &p, &out, limit, line, err);
            if (status != SS_OK)
                return status;
            continue;
        }
        if (out == limit)
            return bad(err, line, "too long");
        *out++ = *p++;
    }
    *out = 0;
    return SS_OK;
}

static ss_status_t split(const char *p, struct plan_words *w, struct ss_error *err)
{
    char *out = w->text;
    w->count = 0;
    for (;;) {
        char quote = 0;
        while (*p == ' ' || *p == '\t')
            p++;
        if (!*p)
            return SS_OK;
        if (w->count == PLAN_WORDS)
            return bad(err, w->line, "too many words");
        w->word[w->count++] = out;
        for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
            if ((*p == '"' || *p == '\'') && (!quote || quote == *p))
                quote = quote ? 0 : *p;
            else
                *out++ = *p;
        }
        if (quote)
            return bad(err, w->line, "a quote without end");
        *out++ = 0;
    }
}

/// NAME=value as the only word.
static ss_status_t assign(struct plan_text *t, const struct plan_words *w, bool *done, struct ss_error *err)
{
    size_t len = name_length(w->word[0]);
    *done = w->count == 1 && len > 0 && w->word[0][len] == '=';
    if (!*done)
        return SS_OK;
    const char *value = w->word[0] + len + 1;
    if (t->variables == PLAN_VARIABLES || len >= sizeof t->name[0] || strlen(value) >= sizeof t->value[0])
        return bad(err, w->line, "too many variables, or one that is too long");
    memcpy(t->name[t->variables], w->word[0], len);
    t->name[t->variables][len] = 0;
    strcpy(t->value[t->variables++], value);
    return SS_OK;
}

ss_status_t plan_next(struct plan_text *text, struct plan_words *words, struct ss_error *err)
{
    char line[PLAN_LINE], expanded[PLAN_LINE];
    bool too_long, assigned;
    while (raw_line(text, line, &words->line, &too_long)) {
        if (too_long)
            return bad(err, words->line, "too long");
        ss_status_t status = expand(text, line, expanded, words->line, err);
        if (status == SS_OK)
            status = split(expanded, words, err);
        if (status == SS_OK && words->count)
            status = assign(text, words, &assigned, err);
        if (status != SS_OK)
            return status;
        if (words->count && !assigned)
            return SS_OK;
    }
    words->count = 0;
    return SS_OK;
}

static int tool_of(const char *word)
{
    static const struct {
        const char *name;
        int tool;
    } tools[] = {
        {"esptool", TOOL_ESPTOOL},   {"espefuse", TOOL_ESPEFUSE}, {"espsecure", TOOL_ESPSECURE},
        {"slotseal", TOOL_SLOTSEAL}, {"openssl", TOOL_OPENSSL},   {"idf.py", TOOL_HARMLESS},
        {"make", TOOL_HARMLESS},     {"cmake", TOOL_HARMLESS},    {"ninja", TOOL_HARMLESS},
        {"echo", TOOL_HARMLESS},     {"sleep", TOOL_HARMLESS},    {"cd", TOOL_HARMLESS},
        {"set", TOOL_HARMLESS},
    };
    const char *base = strrchr(word, '/');
    base = base ? base + 1 : word;
    size_t len = strlen(base);
    if (len > 3 && !strcmp(base + len - 3, ".py") && strncmp(base, "idf", 3) != 0)
        len -= 3;
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
        if (strlen(tools[i].name) == len && !strncmp(base, tools[i].name, len))
            return tools[i].tool;
    return TOOL_NONE;
}

/// Options and operands of what is not in the table of commands: openssl.
static void parse_loosely(struct plan_command *c, char *const *word, unsigned count)
{
    static const char switches[] = " noout pubout genkey pubin text ";
    for (unsigned i = 0; i < count; i++) {
        char *name = word[i], quoted[66];
        if (name[0] != '-' || !name[1] || !strcmp(name, "--")) {
            c->operand[c->operand_count++] = name;
            continue;
        }
        name += 1 + (name[1] == '-');
        snprintf(quoted, sizeof quoted, " %.60s ", name);
        bool has_value = !strstr(switches, quoted) && i + 1 < count;
        c->option[c->option_count] = name;
        c->option_len[c->option_count] = strlen(name);
        c->value[c->option_count++] = has_value ? word[++i] : "";
    }
}

static bool in_table(const struct plan_command *c)
{
    return c->tool == TOOL_ESPTOOL || c->tool == TOOL_ESPEFUSE || c->tool == TOOL_ESPSECURE || c->tool == TOOL_SLOTSEAL;
}

/// The verb at word[*at] and what belongs to it.
static void parse_verb(const struct plan_words *w, unsigned *at, struct plan_command *c)
{
    if (*at == w->count)
        return;
    snprintf(c->verb, sizeof c->verb, "%s", w->word[(*at)++]);
    // slotseal's commands have one word or two.
    static const char groups[] = " key table otadata image chip ";
    char group[44];
    snprintf(group, sizeof group, " %.40s ", c->verb);
    if (c->tool == TOOL_SLOTSEAL && *at < w->count && strstr(groups, group))
        snprintf(c->verb + strlen(c->verb), sizeof c->verb - strlen(c->verb), " %s", w->word[(*at)++]);
    plan_underscores(c->verb);
    if (in_table(c))
        *at += plan_take_command(c, w->word + *at, w->count - *at);
    else
        parse_loosely(c, w->word + *at, w->count - *at);
}

void plan_parse(const struct plan_words *w, unsigned *at, struct plan_command *c)
{
    unsigned i = 0;
    memset(c, 0, sizeof *c);
    c->line = w->line;
    // python -m esptool, python3 ../esptool.py, sudo …
    while (i + 1 < w->count &&
           (!strncmp(w->word[i], "python", 6) || !strcmp(w->word[i], "-m") || !strcmp(w->word[i], "sudo")))
        i++;
    c->tool = tool_of(w->word[i++]);
    if (in_table(c))
        i += plan_take_options(c, w->word + i, w->count - i);
    parse_verb(w, &i, c);
    *at = i;
}

bool plan_parse_next(const struct plan_words *w, unsigned *at, struct plan_command *c)
{
    if (c->tool != TOOL_ESPEFUSE || *c->wrong || *at >= w->count)
        return false;
    struct plan_command next = {.tool = c->tool, .line = c->line};
    *c = next;
    parse_verb(w, at, c);
    return true;
}

const char *plan_option(const struct plan_command *c, const char *names)
{
    for (const char *p = names; *p; p += *p == ' ') {
        size_t len = strcspn(p, " ");
        for (unsigned i = 0; i < c->option_count; i++)
            if (c->option_len[i] == len && !memcmp(c->option[i], p, len))
                return c->value[i];
        p += len;
    }
    return NULL;
}
