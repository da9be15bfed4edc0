// SPDX-License-Identifier: Apache-2.0
// Maintenance windows.
#include "server/store_internal.h"

enum { MINUTE = 60, DAY = 86400 };

/// Where in its day, or after its start, @p now lies: 0 is the moment that it opens. Negative: it has not come yet.
static int64_t position(const struct ss_store_window *w, int64_t now)
{
    return w->daily ? ((now - w->start) % DAY + DAY) % DAY : now - w->start;
}

bool ss_store_window_is_open(const struct ss_store_window *window, int64_t now)
{
    int64_t at = position(window, now);
    return !window->seconds || (at >= 0 && at < window->seconds);
}

bool ss_store_window_is_over(const struct ss_store_window *window, int64_t now)
{
    return window->seconds && !window->daily && position(window, now) >= window->seconds;
}

uint32_t ss_store_window_wait(const struct ss_store_window *window, int64_t now)
{
    if (ss_store_window_is_open(window, now) || ss_store_window_is_over(window, now))
        return 0;
    int64_t wait = window->daily ? DAY - position(window, now) : -position(window, now);
    return wait < UINT32_MAX ? (uint32_t)wait : UINT32_MAX;
}

ss_status_t ss_store_window_check(const struct ss_store_window *window, int64_t now, struct ss_error *err)
{
    uint32_t most = window->daily ? DAY : SS_STORE_WINDOW_MAX;
    if (!window->seconds && !window->start && !window->daily)
        return SS_OK;
    if (window->seconds < MINUTE || window->seconds > most)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                            "a window of %u seconds, it has to be %d to %u", window->seconds, MINUTE, most);
    if (window->daily && (window->start < 0 || window->start >= DAY))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                            "a daily window starts at a second of the day, below %d", DAY);
    if (window->start < 0 || window->start > INT64_MAX / 2 || ss_store_window_is_over(window, now))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "the window is over already");
    return SS_OK;
}
