// SPDX-License-Identifier: Apache-2.0
// Man pages in mdoc(7).
#include "generate.h"

#include <string.h>

/// Text of a macro argument or line, with what roff would take for its own escaped.
static void put_text(FILE *f, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';
        if (line_start && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", f);
        if (text[i] == '\\')
            fputs("\\e", f);
        else if (text[i] == '-')
            fputs("\\-", f);
        else
            fputc(text[i], f);
    }
}

/// Sentences start on new lines in roff source; "\n\n" separates paragraphs.
static void put_paragraphs(FILE *f, const char *text)
{
    while (*text) {
        const char *end = strstr(text, ". ");
        const char *paragraph = strstr(text, "\n\n");
        if (paragraph && (!end || paragraph < end)) {
            put_text(f, text, (size_t)(paragraph - text));
            fputs("\n.Pp\n", f);
            text = paragraph + 2;
        } else if (end) {
            put_text(f, text, (size_t)(end + 1 - text));
            fputc('\n', f);
            text = end + 2;
        } else {
            put_text(f, text, strlen(text));
            fputc('\n', f);
            break;
        }
    }
}

static void put_head(FILE *f, const char *date, const char *path, const char *summary)
{
    char upper[80], name[80];
    size_t n = (size_t)snprintf(name, sizeof name, "slotseal%s%s", *path ? "-" : "", path);
    for (size_t i = 0; i <= n; i++) {
        name[i] = name[i] == ' ' ? '-' : name[i];
        upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32) : name[i];
    }
    fprintf(f, ".Dd %s\n.Dt %s 1\n.Os slotseal " SS_VERSION "\n.Sh NAME\n.Nm %s\n.Nd %s\n", date, upper, name, summary);
}

static void put_flag(FILE *f, const struct cli_option *o, const char *macro)
{
    fprintf(f, "%s ", macro);
    if (o->letter)
        fprintf(f, "Fl %c ", o->letter);
    else
        fprintf(f, "Fl \\-%s ", o->name);
    if (o->value)
        fprintf(f, "Ar %s", o->value);
    fputc('\n', f);
}

static void put_synopsis(FILE *f, const struct cli_command *c)
{
    fprintf(f, ".Sh SYNOPSIS\n.Nm slotseal %s\n", c->path);
    for (const struct cli_option *o = c->options; o && o->name; o++)
        put_flag(f, o, o->required ? "." : ".Op");
    if (c->own_parser)
        fputs(".Ar ...\n", f);
    else if (c->operands)
        fprintf(f, ".Ar %s\n", c->operands);
}

static void put_option(FILE *f, const struct cli_option *o)
{
    fputs(".It ", f);
    if (o->letter)
        fprintf(f, "Fl %c , ", o->letter);
    fprintf(f, "Fl \\-%s", o->name);
    if (o->value)
        fprintf(f, " Ar %s", o->value);
    fputc('\n', f);
    put_text(f, o->help, strlen(o->help));
    if (o->choices) {
        fputs(":\n", f);
        put_text(f, o->choices, strlen(o->choices));
    }
    fputs(".\n", f);
    if (o->required)
        fputs("Required.\n", f);
}

static void put_exit_status(FILE *f)
{
    fputs(".Sh EXIT STATUS\n"
          ".Bl -tag -width 3n\n"
          ".It 0\nDone.\n"
          ".It 1\nFailed; the reason is on standard error.\n"
          ".It 2\nThe command line is wrong.\n"
          ".It 3\nVerification refused what was looked at.\n"
          ".El\n",
          f);
}

static void put_examples(FILE *f, const char *example)
{
    fputs(".Sh EXAMPLES\n.Bd -literal -offset indent\n", f);
    put_text(f, example, strlen(example));
    fputs(".Ed\n", f);
}

void man_command(FILE *f, const struct cli_command *c, const char *date)
{
    put_head(f, date, c->path, c->summary);
    put_synopsis(f, c);
    fputs(".Sh DESCRIPTION\n", f);
    put_paragraphs(f, c->description);
    if (c->options && c->options->name) {
        fputs(".Pp\nThe options are as follows:\n.Bl -tag -width Ds\n", f);
        for (const struct cli_option *o = c->options; o->name; o++)
            put_option(f, o);
        fputs(".El\n", f);
    }
    put_exit_status(f);
    put_examples(f, c->example);
    fputs(".Sh SEE ALSO\n.Xr slotseal 1\n", f);
}

/// The command behind @p c in alphabetical order; behind NULL, the first.
static const struct cli_command *next_by_path(const struct cli_command *c)
{
    const struct cli_command *next = NULL;
    for_each_command (other)
        if ((!c || strcmp(other->path, c->path) > 0) && (!next || strcmp(other->path, next->path) < 0))
            next = other;
    return next;
}

/// In alphabetical order, as mandoc wants it.
static void put_see_also(FILE *f)
{
    const struct cli_command *next;
    fputs(".Sh SEE ALSO\n", f);
    for (const struct cli_command *c = next_by_path(NULL); c; c = next) {
        next = next_by_path(c);
        fputs(".Xr slotseal\\-", f);
        for (const char *p = c->path; *p; p++)
            fputs(*p == ' ' ? "\\-" : (char[]){*p, 0}, f);
        fprintf(f, " 1%s\n", next ? " ," : "");
    }
}

void man_overview(FILE *f, const char *date)
{
    put_head(f, date, "", "seal ESP32 firmware for one device and one flash slot");
    fputs(".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar option ...\n.Op Ar\n"
          ".Sh DESCRIPTION\n"
          "A sealed image is the ciphertext that one device expects at one flash address:\n"
          "encrypted with the flash encryption key of that device, for the slot it will be written to.\n"
          ".Nm\n"
          "makes such images, and everything that goes into them.\n"
          ".Pp\n"
          "Order matters: sign the plaintext, pad with 0xFF, then seal.\n"
          ".Xr slotseal\\-seal 1\n"
          "with\n.Fl \\-sign\\-key\ndoes the three in one step and refuses what was done in another order.\n"
          ".Pp\n"
          "Files are read and written whole;\n.Ar \\-\n"
          "stands for standard input or standard output.\n"
          "Output files appear complete or not at all.\n"
          "Key files are never overwritten.\n"
          "No secret is ever taken from the command line or printed.\n"
          ".Pp\n"
          "The commands are as follows:\n"
          ".Bl -tag -width Ds\n",
          f);
    for_each_command (c)
        fprintf(f, ".It Cm %s\n%s.\n", c->path, c->summary);
    fputs(".It Cm help Op Ar command\nprint the list of commands, or the options of one.\n"
          ".El\n",
          f);
    put_exit_status(f);
    put_see_also(f);
}
