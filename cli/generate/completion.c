// SPDX-License-Identifier: Apache-2.0
// Shell completions. Commands have one or two words; options follow them.
#include "generate.h"

#include <string.h>

/// True for the first command that starts with this word: groups are listed once.
static bool first_of_group(const struct cli_command *command)
{
    size_t len = strcspn(command->path, " ");
    for_each_command (c)
        if (!strncmp(c->path, command->path, len) && (!c->path[len] || c->path[len] == ' '))
            return c == command;
    return false;
}

static void put_first_words(FILE *f)
{
    for_each_command (c)
        if (first_of_group(c))
            fprintf(f, "%.*s ", (int)strcspn(c->path, " "), c->path);
    fputs("help", f);
}

static void put_second_words(FILE *f, const struct cli_command *first)
{
    size_t len = strcspn(first->path, " ");
    for_each_command (c)
        if (!strncmp(c->path, first->path, len) && c->path[len] == ' ')
            fprintf(f, "%s ", c->path + len + 1);
}

/// What follows the words of @p c: values of the option before, or options.
static void put_bash_case(FILE *f, const struct cli_command *c)
{
    fprintf(f, "        \"%s\"%s)\n            case $prev in\n", c->path, strchr(c->path, ' ') ? "" : "\" \"*");
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        if (o->completion == COMPLETE_CHOICE)
            fprintf(f, "            --%s) words=\"%s\" ;;\n", o->name, o->choices);
        else if (o->value && o->completion == COMPLETE_FILE && o->letter)
            fprintf(f, "            --%s|-%c) compopt -o default; return ;;\n", o->name, o->letter);
        else if (o->value && o->completion == COMPLETE_FILE)
            fprintf(f, "            --%s) compopt -o default; return ;;\n", o->name);
        else if (o->value)
            fprintf(f, "            --%s) return ;;\n", o->name);
    }
    fputs("            *) if [[ $cur == -* ]]; then words=\"", f);
    for (const struct cli_option *o = c->options; o && o->name; o++)
        fprintf(f, "--%s ", o->name);
    fputs("--help\"; fi ;;\n            esac ;;\n", f);
}

void complete_bash(FILE *f)
{
    fputs("# bash completion for slotseal, generated from its command table\n"
          "_slotseal() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]-}\n"
          "    local one=${COMP_WORDS[1]-} two=${COMP_WORDS[2]-} words=\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        words=\"",
          f);
    put_first_words(f);
    fputs("\"\n    elif [ \"$COMP_CWORD\" -eq 2 ]; then\n        case $one in\n", f);
    for_each_command (c)
        if (first_of_group(c) && strchr(c->path, ' ')) {
            fprintf(f, "        %.*s) words=\"", (int)strcspn(c->path, " "), c->path);
            put_second_words(f, c);
            fputs("\" ;;\n", f);
        }
    fputs("        help) words=\"", f);
    put_first_words(f);
    fputs("\" ;;\n        esac\n    fi\n    if [ -z \"$words\" ]; then\n"
          "        case \"$one $two\" in\n",
          f);
    for_each_command (c)
        put_bash_case(f, c);
    fputs("        esac\n    fi\n"
          "    if [ -n \"$words\" ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
          "    else\n"
          "        compopt -o default\n"
          "    fi\n"
          "}\n"
          "complete -F _slotseal slotseal\n",
          f);
}

/// Inside '…[…]' of zsh: brackets, colons and quotes have meanings.
static void put_zsh_text(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            fputs("'\\''", f);
            continue;
        }
        if (strchr("[]:", *text))
            fputc('\\', f);
        fputc(*text, f);
    }
}

static void put_zsh_option(FILE *f, const struct cli_option *o)
{
    if (o->letter)
        fprintf(f, "            '(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, o->value ? "+" : "",
                o->name, o->value ? "=" : "");
    else
        fprintf(f, "            '--%s%s[", o->name, o->value ? "=" : "");
    put_zsh_text(f, o->help);
    fputc(']', f);
    if (o->value)
        fprintf(f, ":%s:", o->value);
    if (o->completion == COMPLETE_CHOICE)
        fprintf(f, "(%s)", o->choices);
    else if (o->completion == COMPLETE_FILE)
        fputs("_files", f);
    fputs("' \\\n", f);
}

void complete_zsh(FILE *f)
{
    fputs("#compdef slotseal\n"
          "# zsh completion for slotseal, generated from its command table\n"
          "_slotseal() {\n"
          "    local one=${words[2]} two=${words[3]}\n"
          "    if (( CURRENT == 2 )); then\n"
          "        compadd -- ",
          f);
    put_first_words(f);
    fputs("\n        return\n    fi\n    if (( CURRENT == 3 )); then\n        case $one in\n", f);
    for_each_command (c)
        if (first_of_group(c) && strchr(c->path, ' ')) {
            fprintf(f, "        %.*s) compadd -- ", (int)strcspn(c->path, " "), c->path);
            put_second_words(f, c);
            fputs("; return ;;\n", f);
        }
    fputs("        help) compadd -- ", f);
    put_first_words(f);
    fputs("; return ;;\n        esac\n    fi\n    case \"$one $two\" in\n", f);
    for_each_command (c) {
        fprintf(f, "    \"%s\"%s)\n        _arguments -s \\\n", c->path, strchr(c->path, ' ') ? "" : "\" \"*");
        for (const struct cli_option *o = c->options; o && o->name; o++)
            put_zsh_option(f, o);
        fputs("            '(-h --help)'{-h,--help}'[print help]' \\\n            '*:file:_files' ;;\n", f);
    }
    fputs("    esac\n}\n_slotseal \"$@\"\n", f);
}

/// Inside '…' of fish only the quote and the backslash have meanings.
static void put_fish_text(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
}

static void put_fish_option(FILE *f, const char *condition, const struct cli_option *o)
{
    fprintf(f, "complete -c slotseal -n '%s' -l %s", condition, o->name);
    if (o->letter)
        fprintf(f, " -s %c", o->letter);
    if (o->completion == COMPLETE_CHOICE)
        fprintf(f, " -x -a '%s'", o->choices);
    else if (o->completion == COMPLETE_FILE)
        fputs(" -r -F", f);
    else if (o->value)
        fputs(" -x", f);
    fputs(" -d '", f);
    put_fish_text(f, o->help);
    fputs("'\n", f);
}

void complete_fish(FILE *f)
{
    fputs("# fish completion for slotseal, generated from its command table\n"
          "complete -c slotseal -n __fish_use_subcommand -f -a '",
          f);
    put_first_words(f);
    fputs("'\n", f);
    for_each_command (c) {
        char condition[160];
        int len = (int)strcspn(c->path, " ");
        if (first_of_group(c) && c->path[len]) {
            fprintf(f,
                    "complete -c slotseal -n '__fish_seen_subcommand_from %.*s; and not "
                    "__fish_seen_subcommand_from ",
                    len, c->path);
            put_second_words(f, c);
            fputs("' -f -a '", f);
            put_second_words(f, c);
            fputs("'\n", f);
        }
        snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %.*s%s%s", len, c->path,
                 c->path[len] ? "; and __fish_seen_subcommand_from " : "", c->path[len] ? c->path + len + 1 : "");
        for (const struct cli_option *o = c->options; o && o->name; o++)
            put_fish_option(f, condition, o);
    }
}
