// SPDX-License-Identifier: Apache-2.0
// espsecure's command lines. Both spellings, a_b and a-b, are one here: the dialect was decided before.
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/espsecure/internal.h"

enum { MAX_OPTIONS = 16, KEY_BASE = 256 };

struct parse {
    const struct esp_command *command;
    struct esp_args *args;
    struct esp_list *open; ///< the list that further arguments go to
    bool help;
    bool reported;
};

static int option_key(const struct esp_option *o)
{
    return o->letter ? o->letter : KEY_BASE + (int)o->id;
}

static const struct esp_option *find(const struct esp_command *command, int key)
{
    for (const struct esp_option *o = command->options; o->name; o++)
        if (option_key(o) == key)
            return o;
    return NULL;
}

/// Takes the exit code of esp_usage(), so that a report and its consequence are one expression.
static error_t refuse(struct parse *p, int reported)
{
    p->reported = reported != 0;
    return EINVAL;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *p = choices; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == len && !memcmp(p, value, len))
            return true;
    return false;
}

static error_t append(struct parse *p, struct esp_list *list, const char *value)
{
    if (list->count == ESP_MAX_FILES)
        return refuse(p, esp_usage("%s: more than %d files: %s", p->command->name, ESP_MAX_FILES, value));
    list->items[list->count++] = value;
    return 0;
}

static error_t take_option(struct parse *p, const struct esp_option *o, const char *value)
{
    p->open = NULL;
    if (o->choices && !is_choice(o->choices, value))
        return refuse(p, esp_usage("argument --%s: invalid choice: %s", o->name, value));
    p->args->values[o->id] = value ? value : "";
    if (o->kind != ESP_MANY)
        return 0;
    p->open = &p->args->lists[o->id];
    // A repeated list starts afresh in 4.x and goes on in 5.x.
    if (esp_is_v4())
        p->open->count = 0;
    return append(p, p->open, value);
}

static error_t take_argument(struct parse *p, const char *value)
{
    if (p->open)
        return append(p, p->open, value);
    if (!p->command->operand || p->args->operand)
        return refuse(p, esp_usage("%s: unrecognized arguments: %s", p->command->name, value));
    p->args->operand = value;
    return 0;
}

static error_t on_key(int key, char *value, struct argp_state *state)
{
    struct parse *p = state->input;
    if (key == ARGP_KEY_ARG) {
        // What follows "--" is no longer part of a list.
        if (state->quoted && state->next > state->quoted)
            p->open = NULL;
        return take_argument(p, value);
    }
    if (key == 'h') {
        p->help = true;
        return EINVAL;
    }
    const struct esp_option *o = find(p->command, key);
    return o ? take_option(p, o, value) : ARGP_ERR_UNKNOWN;
}

/// Options spelled with underscores get dashes; their values stay.
static void respell(char **argv)
{
    for (char **arg = argv; *arg; arg++)
        if (!strncmp(*arg, "--", 2))
            for (char *c = *arg; *c && *c != '='; c++)
                if (*c == '_')
                    *c = '-';
}

static bool complete(const struct esp_command *command, const struct esp_args *args)
{
    const char *missing = command->operand && !args->operand ? command->operand : NULL;
    for (const struct esp_option *o = command->options; o->name && !missing; o++)
        missing = o->required && !args->values[o->id] ? o->name : NULL;
    if (missing)
        esp_usage("the following arguments are required: %s", missing);
    return !missing;
}

bool esp_parse(const struct esp_command *command, int argc, char **argv, struct esp_args *args, bool *help)
{
    struct argp_option options[MAX_OPTIONS] = {0};
    unsigned n = 0;
    for (const struct esp_option *o = command->options; o->name; o++)
        options[n++] = (struct argp_option){
            .name = o->name, .key = option_key(o), .arg = o->kind == ESP_SWITCH ? NULL : "VALUE", .doc = o->help};
    options[n++] = (struct argp_option){.name = "help", .key = 'h', .doc = "print this help"};

    struct parse p = {.command = command, .args = args};
    const struct argp argp = {.options = options, .parser = on_key};
    int stopped = 0;
    respell(argv + 1);
    error_t e = argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_EXIT | ARGP_NO_HELP | ARGP_NO_ERRS, &stopped, &p);
    *help = p.help;
    if (p.help)
        return true;
    if (e && !p.reported)
        esp_usage("%s: unrecognized or incomplete arguments near %s", command->name,
                  stopped < argc ? argv[stopped] : argv[argc - 1]);
    return !e && complete(command, args);
}

bool esp_number(const char *option, const char *text, uint64_t max, uint64_t *out)
{
    const char *digits = text;
    int base = 10;
    if (text[0] == '0' && text[1]) {
        const char *bases = "xXoObB", *which = strchr(bases, text[1]);
        base = which ? (const int[]){16, 8, 2}[(which - bases) / 2] : 10;
        digits += which ? 2 : 0;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(digits, &end, base);
    bool signs = *digits == '-' || *digits == '+' || *digits == ' ';
    if (signs || end == digits || *end || errno || n > max) {
        esp_usage("argument --%s: '%s' is not a number from 0 to %#llx", option, text, (unsigned long long)max);
        return false;
    }
    *out = n;
    return true;
}
