// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static void print(const char *label, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void print(const char *label, const char *format, va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    // What belongs before the message on a terminal must not come after it.
    fflush(stdout);
    fprintf(stderr, "slotseal: %s: %s\n", label, cli_printable(text));
}

void cli_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("error", format, args);
    va_end(args);
}

void cli_hint(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("hint", format, args);
    va_end(args);
}

void cli_warning(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("warning", format, args);
    va_end(args);
}

int cli_usage(const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("error", format, args);
    va_end(args);
    if (hint)
        cli_hint("%s", hint);
    return CLI_USAGE;
}

int cli_fail(const struct ss_error *err)
{
    cli_error("%s", err->message[0] ? err->message : ss_status_name(err->status));
    return CLI_FAILED;
}

bool cli_flush(void)
{
    bool failed = ferror(stdout) != 0;
    if (fclose(stdout) != 0 || failed) {
        cli_error("standard output: %s", strerror(errno));
        return false;
    }
    return true;
}
