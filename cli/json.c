// SPDX-License-Identifier: Apache-2.0
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "core/hex.h"

static int print(json_t *value, size_t flags, int status)
{
    if (!value || json_dumpf(value, stdout, flags) != 0) {
        cli_error("out of memory");
        status = CLI_FAILED;
    } else {
        putchar('\n');
    }
    json_decref(value);
    return status;
}

int json_print(json_t *value, int status)
{
    return print(value, JSON_INDENT(2), status);
}

int json_print_line(json_t *value, int status)
{
    return print(value, JSON_COMPACT, status);
}

json_t *json_hex(const uint8_t *bytes, size_t len)
{
    char text[2 * 128 + 1];
    if (len > sizeof text / 2)
        len = sizeof text / 2;
    ss_put_hex(bytes, len, text);
    return json_string(text);
}

json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *copy = strdup(text);
    if (!copy)
        return NULL;
    for (char *p = copy; *p; p++)
        if (*p & 0x80)
            *p = '?';
    value = json_string(copy);
    free(copy);
    return value;
}
