// SPDX-License-Identifier: Apache-2.0
// Leaving the loader, and listening to what the chip says then.
#include <string.h>

#include "link/link_parts.h"

enum { QUIET_MS = 2000, LIMIT_MS = 15000, EN_LOW_MS = 100 };

/// EN low with GPIO0 high, then both high. Both lines together would pull neither pin.
static ss_status_t reset_by_lines(struct ss_link *l, struct ss_error *err)
{
    ss_status_t status = l->port->ops->set_lines(l->port, false, true, err);
    link_sleep(l, EN_LOW_MS);
    return status == SS_OK ? l->port->ops->set_lines(l->port, false, false, err) : status;
}

bool ss_link_can_run(const struct ss_link *l)
{
    return l->options.reset || l->port->ops->set_lines;
}

ss_status_t ss_link_run(struct ss_link *l, struct ss_error *err)
{
    if (!ss_link_can_run(l))
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_LINK, "the port has no way to reset the chip");
    l->connected = l->attached = false;
    ss_status_t status = ss_link_set_baud(l, SS_LINK_BAUD, err);
    if (status == SS_OK)
        status = ss_link_discard(l, err);
    if (status != SS_OK)
        return status;
    return l->options.reset ? l->options.reset(l->options.reset_context, SS_LINK_BOOT_RUN, err)
                            : reset_by_lines(l, err);
}

/// True if a line that has ended contains the marker; looks at what came since @p *seen only.
static bool has_marker(const char *log, size_t *seen, const char *marker)
{
    const char *end;
    while ((end = strchr(log + *seen, '\n'))) {
        const char *at = strstr(log + *seen, marker);
        *seen = (size_t)(end - log) + 1;
        if (at && at < end)
            return true;
    }
    return false;
}

ss_status_t ss_link_boot_log(struct ss_link *l, const struct ss_link_log_options *options, char *out, size_t size,
                             size_t *len, enum ss_link_log_end *end, struct ss_error *err)
{
    static const struct ss_link_log_options defaults;
    const struct ss_link_log_options *o = options ? options : &defaults;
    unsigned quiet = o->quiet_ms ? o->quiet_ms : QUIET_MS;
    uint64_t now = link_now(l), last = now + (o->limit_ms ? o->limit_ms : LIMIT_MS);
    size_t n = 0, seen = 0;
    ss_status_t status = SS_OK;
    *len = 0;
    out[0] = '\0';
    for (*end = SS_LINK_LOG_FULL; status == SS_OK && *len + 1 < size; now = link_now(l)) {
        if (now >= last) {
            *end = SS_LINK_LOG_TIME;
            break;
        }
        unsigned wait = last - now < quiet ? (unsigned)(last - now) : quiet;
        status = l->port->ops->read(l->port, wait, (uint8_t *)out + *len, size - 1 - *len, &n, err);
        n = status == SS_OK ? n : 0;
        for (size_t i = *len; i < *len + n; i++)
            if (!out[i])
                out[i] = '?'; // the log ends at the first zero byte, not at noise
        *len += n;
        out[*len] = '\0';
        if (status == SS_OK && n == 0 && wait == quiet) {
            *end = SS_LINK_LOG_QUIET;
            break;
        }
        if (o->marker && has_marker(out, &seen, o->marker)) {
            *end = SS_LINK_LOG_MARKER;
            break;
        }
    }
    return status;
}
