// SPDX-License-Identifier: Apache-2.0
#include "confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool ask(const char *id, const char *what)
{
    char line[256];
    fprintf(stderr, "This %s %s. Type its id to go on: ", what, id);
    fflush(stderr);
    if (!fgets(line, sizeof line, stdin))
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return !strcmp(line, id);
}

bool cli_confirm(const char *given, const char *id, const char *what)
{
    char shown[96];
    if (given) {
        if (!strcmp(given, id))
            return true;
        cli_error("--confirm %s is not %s: nothing was done", cli_shown(given, shown, sizeof shown), id);
        return false;
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cli_error("this %s %s, which has to be confirmed", what, id);
        cli_hint("--confirm %s", id);
        return false;
    }
    if (ask(id, what))
        return true;
    cli_error("that was not %s: nothing was done", id);
    return false;
}
