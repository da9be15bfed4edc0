// SPDX-License-Identifier: Apache-2.0
// Command lines through argp: it permutes, abbreviates and joins as users of GNU tools expect; words of errors are
// ours.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum {
    MAX_OPTIONS = 40,
    KEY_HELP = 'h',
    KEY_BASE = 256, ///< keys that argp does not take for letters
};

struct parse {
    const struct cli_command *command;
    struct cli_args *args;
    bool help;
    bool reported;
    bool hinted;
    int next; ///< where argp stopped at an error
};

/// How many operands are named up to @p end.
static unsigned count_words(const char *text, const char *end)
{
    unsigned n = 0;
    for (const char *p = text; p < end; p++)
        n += *p != ' ' && (p == text || p[-1] == ' ');
    return n;
}

static unsigned operand_limit(const struct cli_command *command)
{
    const char *names = command->operands ? command->operands : "";
    size_t len = strlen(names);
    bool more = len >= 3 && !strcmp(names + len - 3, "...");
    return more ? CLI_MAX_OPERANDS : count_words(names, names + len);
}

/// Operands that are required: those without brackets, which come first.
static unsigned operand_minimum(const struct cli_command *command)
{
    const char *names = command->operands ? command->operands : "";
    return count_words(names, names + strcspn(names, "["));
}

static const struct cli_option *option_by_name(const struct cli_command *command, const char *name)
{
    for (const struct cli_option *o = command->options; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

static const struct cli_option *option_by_key(const struct cli_command *command, int key)
{
    for (const struct cli_option *o = command->options; o && o->name; o++)
        if (key == (o->letter ? o->letter : KEY_BASE + (int)o->id))
            return o;
    return NULL;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *p = choices; *p;) {
        size_t n = strcspn(p, " ");
        if (n == len && !memcmp(p, value, len))
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

static error_t take_option(struct parse *parse, const struct cli_option *o, const char *value)
{
    if (parse->args->options[o->id]) {
        cli_usage(NULL, "--%s is given twice", o->name);
    } else if (o->choices && !is_choice(o->choices, value)) {
        cli_error("--%s %s is not known", o->name, value);
        cli_hint("one of: %s", o->choices);
        parse->hinted = true;
    } else {
        parse->args->options[o->id] = value && *value ? value : "";
        return 0;
    }
    parse->reported = true;
    return EINVAL;
}

static error_t take_operand(struct parse *parse, const char *value)
{
    struct cli_args *args = parse->args;
    if (args->operand_count == operand_limit(parse->command)) {
        cli_error("%s: unexpected argument %s", parse->command->path, value);
        parse->reported = true;
        return EINVAL;
    }
    args->operands[args->operand_count++] = value;
    return 0;
}

static error_t on_key(int key, char *value, struct argp_state *state)
{
    struct parse *parse = state->input;

    if (key == ARGP_KEY_ARG)
        return take_operand(parse, value);
    if (key == ARGP_KEY_ERROR)
        parse->next = state->next;
    if (key == KEY_HELP) {
        parse->help = true;
        return 0;
    }
    const struct cli_option *o = option_by_key(parse->command, key);
    return o ? take_option(parse, o, value) : ARGP_ERR_UNKNOWN;
}

static void report_long(struct parse *parse, const char *word)
{
    const struct cli_command *command = parse->command;
    char name[64];
    const struct cli_option *match = NULL;
    unsigned matches = 0;

    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (const struct cli_option *o = command->options; o && o->name; o++)
        if (!strncmp(o->name, name, strlen(name))) {
            match = o;
            matches++;
        }
    const struct cli_option *exact = option_by_name(command, name);
    if (exact || matches == 1) {
        match = exact ? exact : match;
        cli_error(match->value ? "--%s needs a value" : "--%s takes no value", match->name);
    } else if (matches > 1) {
        cli_error("--%s could be several options of slotseal %s", name, command->path);
    } else {
        const char *near = cli_suggest_option(command, name);
        cli_error("slotseal %s has no option --%s", command->path, name);
        if (near)
            cli_hint("did you mean --%s?", near);
        parse->hinted = near != NULL;
    }
}

static bool report_short(const struct cli_command *command, const char *word)
{
    for (const char *p = word + 1; word[0] == '-' && *p; p++) {
        const struct cli_option *o = option_by_key(command, *p);
        if (!o && *p != KEY_HELP) {
            cli_error("slotseal %s has no option -%c", command->path, *p);
            return true;
        }
        if (o && o->value && !p[1]) {
            cli_error("-%c needs a value", *p);
            return true;
        }
    }
    return false;
}

static void report_bad_option(struct parse *parse, int argc, char **argv)
{
    const char *word = argv[parse->next - 1];
    if (!strncmp(word, "--", 2))
        report_long(parse, word);
    else if (!report_short(parse->command, word) && parse->next < argc)
        report_short(parse->command, argv[parse->next]); // getopt is still inside a cluster of letters
}

static unsigned argp_options(const struct cli_command *command, struct argp_option *out)
{
    unsigned n = 0;
    for (const struct cli_option *o = command->options; o && o->name; o++)
        out[n++] = (struct argp_option){
            .name = o->name, .key = o->letter ? o->letter : KEY_BASE + (int)o->id, .arg = o->value, .doc = o->help};
    out[n++] = (struct argp_option){.name = "help", .key = KEY_HELP, .doc = "print this help"};
    return n;
}

static bool complete(const struct parse *parse)
{
    const struct cli_command *command = parse->command;
    if (parse->args->operand_count < operand_minimum(command)) {
        cli_error("slotseal %s needs %s", command->path, command->operands);
        return false;
    }
    for (const struct cli_option *o = command->options; o && o->name; o++)
        if (o->required && !parse->args->options[o->id]) {
            cli_error("slotseal %s needs --%s %s", command->path, o->name, o->value);
            return false;
        }
    return true;
}

/// True if nothing at @p i could be an option's value: the end, or the next option.
static bool no_value(int argc, char **argv, int i)
{
    return i >= argc || argv[i][0] == '-';
}

/// "--pty" without a value becomes "--pty=" if its value is optional, so that argp does not look for one. A command has
/// at most one such option, which @p joined has room for.
static void join_optional_value(const struct cli_command *command, int argc, char **argv, char *joined, size_t size)
{
    const struct cli_option *o = command->options;
    while (o && o->name && !(o->value && o->value[0] == '['))
        o++;
    if (!o || !o->name)
        return;
    snprintf(joined, size, "--%s=", o->name);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strncmp(argv[i], "--", 2) && !strcmp(argv[i] + 2, o->name) && no_value(argc, argv, i + 1))
            argv[i] = joined;
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *args, bool *help)
{
    struct argp_option options[MAX_OPTIONS + 2] = {0};
    char joined[32];
    struct parse parse = {.command = command, .args = args};

    argp_options(command, options);
    join_optional_value(command, argc, argv, joined, sizeof joined);
    const struct argp argp = {.options = options, .parser = on_key};
    error_t failed = argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &parse);
    *help = parse.help;
    if (failed && !parse.reported)
        report_bad_option(&parse, argc, argv);
    if (!failed && (parse.help || complete(&parse)))
        return CLI_OK;
    if (!parse.hinted)
        cli_hint("slotseal help %s", command->path);
    return CLI_USAGE;
}
