// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "cli/remote/remote.h"
#include "cli/statement_file.h"

enum { MINUTES_A_DAY = 24 * 60 };

/// Minutes of HH:MM, two digits each; -1 for anything else.
static int clock_time(const char *text)
{
    static const char form[] = "00:00";
    for (unsigned i = 0; i < sizeof form - 1; i++)
        if (form[i] == ':' ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return -1;
    int hours = (text[0] - '0') * 10 + text[1] - '0', minutes = (text[3] - '0') * 10 + text[4] - '0';
    return text[5] || minutes > 59 ? -1 : hours * 60 + minutes;
}

bool remote_window(const char *text, json_t **out)
{
    char start[32];
    uint64_t point = 0;
    const char *slash = strrchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : 0;
    bool fits = len && len < sizeof start;
    snprintf(start, sizeof start, "%.*s", fits ? (int)len : 0, text);
    int seconds = fits ? clock_time(slash + 1) * 60 : 0, day = clock_time(start);
    bool daily = day >= 0 && day < MINUTES_A_DAY && seconds <= MINUTES_A_DAY * 60;
    *out = NULL;
    if (seconds <= 0 || (!daily && !cli_time(start, &point))) {
        cli_usage("for example 02:00/03:30 for each night (UTC), or 2027-01-31T02:00:00Z/04:00 for one",
                  "--window %s is not START/DURATION", text);
        return false;
    }
    *out = json_pack("{s:I, s:i, s:b}", "start", daily ? (json_int_t)day * 60 : (json_int_t)point, "seconds", seconds,
                     "daily", (int)daily);
    if (!*out)
        cli_fail(&(struct ss_error){.status = SS_ERROR_INSUFFICIENT_MEMORY});
    return *out != NULL;
}

const char *remote_window_text(const json_t *window)
{
    static char text[64];
    int minutes = (int)(remote_number(window, "seconds") / 60);
    int day = (int)(remote_number(window, "start") / 60);
    if (!json_is_object(window))
        return "";
    if (json_is_true(json_object_get(window, "daily")))
        snprintf(text, sizeof text, "daily from %02d:%02d for %02d:%02d", day / 60, day % 60, minutes / 60,
                 minutes % 60);
    else
        snprintf(text, sizeof text, "from %s for %02d:%02d", remote_time(window, "start"), minutes / 60, minutes % 60);
    return text;
}
