// SPDX-License-Identifier: Apache-2.0
// Letting the chip run, and what its log says. The marker is the bootloader's last line before it starts an app
// (ESP-IDF, components/bootloader_support: bootloader_utility.c).
#include <stdlib.h>
#include <string.h>

#include "provision/doctor.h"
#include "provision/engine_internal.h"

#define STARTED "Disabling RNG early entropy source"
#define RESET   "rst:0x"

enum {
    QUIET_MS = 8000,              ///< longer than the bootloader's watchdog takes to bite twice
    QUIET_ENCRYPTING_MS = 120000, ///< a slot of several MiB is encrypted without a word
    LIMIT_MS = 60000,
    LIMIT_ENCRYPTING_MS = 900000,
    AFTER_MS = 1500, ///< what the app says, and whether it falls over
};

static const char *last_reset(const char *log)
{
    const char *last = log;
    for (const char *at = strstr(log, RESET); at; at = strstr(at + 1, RESET))
        last = at;
    return last;
}

static void show(const struct engine_work *w)
{
    if (!w->observer || !w->observer->log)
        return;
    char line[256];
    for (const char *at = w->log; *at;) {
        size_t len = strcspn(at, "\r\n");
        size_t n = len < sizeof line - 1 ? len : sizeof line - 1;
        memcpy(line, at, n);
        line[n] = '\0';
        if (n)
            w->observer->log(w->observer->context, line);
        at += len + strspn(at + len, "\r\n");
    }
}

static ss_status_t collect(struct engine_work *w, struct ss_error *err)
{
    bool encrypts = w->procedure->options.kind == SS_PROCEDURE_DEVICE_ENCRYPTS && !engine_encrypts(&w->chip);
    struct ss_link_log_options first = {.quiet_ms = encrypts ? QUIET_ENCRYPTING_MS : QUIET_MS,
                                        .limit_ms = encrypts ? LIMIT_ENCRYPTING_MS : LIMIT_MS,
                                        .marker = STARTED};
    struct ss_link_log_options rest = {.quiet_ms = AFTER_MS, .limit_ms = 2 * AFTER_MS};
    enum ss_link_log_end end;
    size_t len, more;
    w->log[0] = '\0';
    ss_status_t status = ss_link_run(w->link, err);
    if (status == SS_OK)
        status = ss_link_boot_log(w->link, &first, w->log, sizeof w->log, &len, &end, err);
    if (status == SS_OK && end == SS_LINK_LOG_MARKER)
        status = ss_link_boot_log(w->link, &rest, w->log + len, sizeof w->log - len, &more, &end, err);
    return status;
}

/// The doctor's first word on a log that shows no start.
static ss_status_t diagnose(struct engine_work *w, struct ss_error *err)
{
    struct ss_doctor_report *report = malloc(sizeof *report);
    if (!report)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory to read a log");
    ss_doctor_read_log(w->log, strlen(w->log), report);
    ss_status_t status = SS_OK;
    if (ss_doctor_stops(report))
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_PROVISION, "the chip does not boot: %s",
                              ss_doctor_rule(report->findings[0].id)->title);
    else if (w->profile->log == SS_PROFILE_LOG_INFO)
        status = ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_PROVISION,
                              "the chip's log does not show that an app was started");
    free(report);
    return status;
}

ss_status_t engine_boot(struct engine_work *w, struct ss_error *err)
{
    ss_status_t status = collect(w, err);
    if (status != SS_OK)
        return status;
    show(w);
    const char *last = last_reset(w->log);
    return strstr(last, STARTED) ? SS_OK : diagnose(w, err);
}
