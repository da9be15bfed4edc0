// SPDX-License-Identifier: Apache-2.0
// What --help prints, made from the command table, at most 79 columns wide.
#include <stdio.h>
#include <string.h>

#include "cli.h"

enum { WIDTH = 79, HELP_COLUMN = 30 };

/// Prints @p text from column @p at on, wrapped, further lines indented by @p indent. "\n" breaks a line.
static void wrap(const char *text, unsigned at, unsigned indent)
{
    while (*text) {
        unsigned len = (unsigned)strcspn(text, " \n");
        if (at > indent && at + 1 + len > WIDTH) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)len, text);
        at += len;
        text += len;
        for (; *text == '\n'; at = indent, text++)
            printf("\n%*s", text[1] == '\n' ? 0 : (int)indent, "");
        text += *text == ' ';
    }
    putchar('\n');
}

static void print_option(const struct cli_option *o)
{
    char left[80];
    int n = o->letter ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
                      : snprintf(left, sizeof left, "      --%s", o->name);
    if (o->value)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", o->value);
    fputs(left, stdout);
    if (n + 2 > HELP_COLUMN) {
        putchar('\n');
        n = 0;
    }
    printf("%*s", HELP_COLUMN - n, "");

    char text[512];
    snprintf(text, sizeof text, "%s%s%s%s", o->help, o->choices ? ": " : "", o->choices ? o->choices : "",
             o->required ? " (required)" : "");
    wrap(text, HELP_COLUMN, HELP_COLUMN);
}

void cli_help_command(const struct cli_command *command)
{
    printf("slotseal %s - %s\n\nUsage: slotseal %s%s%s%s\n\n", command->path, command->summary, command->path,
           command->options && command->options->name ? " [OPTION]..." : "", command->operands ? " " : "",
           command->operands ? command->operands : "");
    wrap(command->description, 0, 0);
    if (!command->own_parser) {
        fputs("\nOptions:\n", stdout);
        for (const struct cli_option *o = command->options; o && o->name; o++)
            print_option(o);
        fputs("  -h, --help                  print this help\n", stdout);
    }
    fputs("\nExample:\n", stdout);
    for (const char *p = command->example; *p; p += strcspn(p, "\n") + 1)
        printf("  %.*s\n", (int)strcspn(p, "\n"), p);
    fputs("\nExit status: 0 done, 1 failed, 2 wrong command line, 3 verification refused.\n", stdout);
}

static bool in_group(const struct cli_command *command, const char *group)
{
    size_t len = group ? strlen(group) : 0;
    return !group || (!strncmp(command->path, group, len) && (command->path[len] == ' ' || !command->path[len]));
}

void cli_help_list(const char *group)
{
    if (!group)
        fputs("slotseal - seals ESP32 firmware for one device and one flash slot\n\n", stdout);
    fputs("Usage: slotseal COMMAND [OPTION]... [FILE]...\n\nCommands:\n", stdout);
    for_each_command (c)
        if (in_group(c, group))
            printf("  %-19s  %s\n", c->path, c->summary);
    if (!group)
        printf("  %-19s  %s\n  %-19s  %s\n", "help [COMMAND]", "this list, or the options of one command", "--version",
               "print the version");
    fputs("\nOrder matters: sign the plaintext, pad with 0xFF, then seal. `slotseal seal`\n"
          "with --sign-key does the three in one step.\n\n"
          "Example:\n"
          "  slotseal provision --product lamp --port /dev/ttyUSB0 --build-dir build \\\n"
          "      --bootloader build/bootloader/bootloader.bin --app build/lamp.bin\n"
          "  slotseal seal app.bin --table partitions.csv --slot ota_1 \\\n"
          "      --flash-key flash.key -o app.ota_1.sealed\n",
          stdout);
}

/// Edit distance, with neighbours swapped counting as one edit. Words here are short.
static unsigned distance(const char *a, const char *b)
{
    enum { MAX = 40 };
    unsigned d[MAX + 1][MAX + 1];
    size_t m = strlen(a), n = strlen(b);

    if (m > MAX || n > MAX)
        return MAX;
    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            if (!i || !j) {
                d[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[m][n];
}

static void keep_nearer(const char *typed, const char *candidate, const char **best, unsigned *best_distance)
{
    // What was typed may just be short of its end.
    unsigned d = !strncmp(typed, candidate, strlen(typed)) ? 1 : distance(typed, candidate);
    if (d < *best_distance) {
        *best = candidate;
        *best_distance = d;
    }
}

const char *cli_suggest(const char *typed)
{
    const char *best = NULL;
    unsigned limit = 4;
    for_each_command (c)
        keep_nearer(typed, c->path, &best, &limit);
    return best;
}

const char *cli_suggest_option(const struct cli_command *command, const char *typed)
{
    const char *best = NULL;
    unsigned limit = 4;
    for (const struct cli_option *o = command->options; o && o->name; o++)
        keep_nearer(typed, o->name, &best, &limit);
    return best;
}
