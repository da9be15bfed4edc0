// SPDX-License-Identifier: Apache-2.0
// What a boot says, and what it records.
#include <stdarg.h>
#include <stdio.h>

#include "chip/boot_parts.h"

#define LINE 320

const char *ss_boot_outcome_name(enum ss_boot_outcome outcome)
{
    static const char *const names[] = {"app", "bootloader", "rom", "download", "unknown", "power-lost"};
    return (unsigned)outcome < 6 ? names[outcome] : "unknown";
}

const char *ss_boot_basis_name(enum ss_boot_basis basis)
{
    static const char *const names[] = {"observed", "source", "inferred", "not-checkable"};
    return (unsigned)basis < 4 ? names[basis] : "inferred";
}

const struct ss_boot_stage *ss_boot_first_failure(const struct ss_boot_result *result)
{
    unsigned last = result->stage_count ? result->stages[result->stage_count - 1].cycle : 0;
    for (unsigned i = 0; i < result->stage_count; i++)
        if (result->stages[i].cycle == last && !result->stages[i].ok)
            return &result->stages[i];
    return NULL;
}

void ss_boot_say(struct ss_boot *b, const char *format, ...)
{
    char text[LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (b->line)
        b->line(b->context, text);
}

void ss_boot_log(struct ss_boot *b, char level, const char *tag, const char *format, ...)
{
    char text[LINE];
    enum ss_profile_log needed = level == 'E'   ? SS_PROFILE_LOG_ERROR
                                 : level == 'W' ? SS_PROFILE_LOG_WARN
                                                : SS_PROFILE_LOG_INFO;
    if (b->profile->log < needed)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ss_boot_say(b, "%c (T) %s: %s", level, tag, text);
}

static void record(struct ss_boot *b, enum ss_boot_rule_id id, bool ok, enum ss_boot_basis basis, const char *format,
                   va_list args) SS_PRINTF(5, 0);

static void record(struct ss_boot *b, enum ss_boot_rule_id id, bool ok, enum ss_boot_basis basis, const char *format,
                   va_list args)
{
    struct ss_boot_result *r = b->result;
    if (r->stage_count == SS_BOOT_MAX_STAGES) {
        r->stages_cut = true;
        return;
    }
    struct ss_boot_stage *stage = &r->stages[r->stage_count++];
    *stage = (struct ss_boot_stage){.rule = ss_boot_rule_at(id), .basis = basis, .ok = ok, .cycle = b->cycle};
    vsnprintf(stage->reason, sizeof stage->reason, format, args);
}

void ss_boot_stage(struct ss_boot *b, enum ss_boot_rule_id rule, bool ok, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(b, rule, ok, ss_boot_rule_at(rule)->basis, format, args);
    va_end(args);
}

void ss_boot_unknown(struct ss_boot *b, enum ss_boot_rule_id rule, const char *format, ...)
{
    va_list args;
    b->unchecked = true;
    va_start(args, format);
    record(b, rule, false, SS_BASIS_NOT_CHECKABLE, format, args);
    va_end(args);
}
