// SPDX-License-Identifier: Apache-2.0
#include "doctor_text.h"

#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "json.h"

enum { WIDTH = 79, INDENT = 11 };

static void wrapped(const char *label, const char *raw)
{
    unsigned at = INDENT;
    char shown[SS_DOCTOR_TEXT + 64];
    const char *text = cli_shown(raw, shown, sizeof shown);
    if (!*text)
        return;
    printf("   %-8s", label);
    while (*text) {
        unsigned len = (unsigned)strcspn(text, " ");
        if (at > INDENT && at + 1 + len > WIDTH) {
            printf("\n%*s", INDENT, "");
            at = INDENT;
        } else if (at > INDENT) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)len, text);
        at += len;
        text += len;
        text += *text == ' ';
    }
    putchar('\n');
}

static const char *prospect(enum ss_doctor_repair repair)
{
    static const char *const text[] = {"yes, by writing flash: ", "yes, by burning, which cannot be undone: ",
                                       "yes, with another build: ", "no: ", ""};
    return text[repair];
}

static void print_finding(const struct ss_doctor_finding *f, unsigned number)
{
    const struct ss_doctor_rule *rule = ss_doctor_rule(f->id);
    char how[SS_DOCTOR_TEXT + 64];
    printf("%u. %s\n   [%s, %s, %s]\n", number, rule->title, rule->id, f->certain ? "certain" : "likely", rule->basis);
    if (f->line)
        printf("   %-8s%u\n", "line", f->line);
    wrapped("seen", f->seen);
    wrapped("why", rule->why);
    snprintf(how, sizeof how, "%s%s", prospect(f->repair), f->how);
    wrapped(f->repair == SS_REPAIR_NONE ? "next" : "repair", how);
    for (unsigned i = 0; i < f->command_count; i++)
        printf("     %s\n", cli_shown(f->commands[i], how, sizeof how));
}

void doctor_print(const struct ss_doctor_report *report)
{
    static const char *const headings[] = {"Stops the boot", "Risks", "Could not be checked"};
    unsigned counts[3] = {0}, number = 0;
    for (unsigned i = 0; i < report->count; i++)
        counts[report->findings[i].severity]++;
    for (unsigned severity = 0; severity < 3; severity++) {
        if (counts[severity])
            printf("%s\n\n", headings[severity]);
        for (unsigned i = 0; i < report->count; i++)
            if (report->findings[i].severity == severity) {
                print_finding(&report->findings[i], ++number);
                putchar('\n');
            }
    }
    if (counts[0])
        printf("%u %s the boot%s.\n", counts[0], counts[0] == 1 ? "thing stops" : "things stop",
               report->cut ? ", and more that are not listed" : "");
    else
        printf("Nothing stops the boot%s.\n", counts[2] ? ", as far as it could be checked" : "");
}

static json_t *json_finding(const struct ss_doctor_finding *f)
{
    const struct ss_doctor_rule *rule = ss_doctor_rule(f->id);
    json_t *commands = json_array();
    for (unsigned i = 0; i < f->command_count; i++)
        json_array_append_new(commands, json_text(f->commands[i]));
    json_t *object = json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:s, s:s, s:o, s:o}", "id", rule->id, "title",
                               rule->title, "severity", ss_doctor_severity_name(f->severity), "certain", f->certain,
                               "basis", rule->basis, "seen", json_text(f->seen), "why", rule->why, "repair",
                               ss_doctor_repair_name(f->repair), "how", json_text(f->how), "commands", commands);
    if (object && f->line)
        json_object_set_new(object, "line", json_integer(f->line));
    return object;
}

json_t *doctor_json(const struct ss_doctor_report *report)
{
    json_t *findings = json_array();
    for (unsigned i = 0; i < report->count; i++)
        json_array_append_new(findings, json_finding(&report->findings[i]));
    return json_pack("{s:b, s:b, s:s, s:o}", "boots", !ss_doctor_stops(report), "cut", report->cut, "profile",
                     ss_profile_source_name(report->profile.source), "findings", findings);
}
