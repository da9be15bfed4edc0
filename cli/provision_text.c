// SPDX-License-Identifier: Apache-2.0
#include "provision_text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "json.h"

static const char *const state_names[] = {"pending", "done", "refused"};

static void print_commands(const struct ss_provision *run, size_t index)
{
    char commands[4096], *rest = NULL;
    ss_step_commands(ss_provision_procedure(run), ss_provision_parts(run), index, commands, sizeof commands);
    for (char *line = strtok_r(commands, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        printf("        $ %s\n", line);
}

static void print_place(const struct ss_provision *run, const struct ss_step *s)
{
    const struct ss_part *part = &ss_provision_parts(run)->parts[s->part];
    printf(": %s, 0x%x to 0x%zx", part->name, (unsigned)part->address, part->address + part->len);
}

void provision_print_procedure(const struct ss_provision *run)
{
    const struct ss_procedure *p = ss_provision_procedure(run);
    const struct ss_provision_chip *chip = ss_provision_chip(run);
    printf("device %s: ESP32 revision v%u.%u, %u MiB of flash\n", ss_provision_device(run), chip->revision / 100,
           chip->revision % 100, (unsigned)(chip->flash_size >> 20));
    printf("plan %s, level %s, secure boot %s, %zu steps\n\n", ss_procedure_kind_name(p->options.kind),
           ss_procedure_level_name(p->options.level), ss_secure_boot_scheme_name(p->options.secure_boot), p->count);
    for (size_t i = 0; i < p->count; i++) {
        const struct ss_step *s = &p->steps[i];
        printf("%3zu %s %-24s %s", i + 1, s->irreversible ? "!" : " ", s->id, s->title);
        if (s->kind == SS_STEP_WRITE)
            print_place(run, s);
        printf("%s\n", ss_provision_state(run, i) == SS_STEP_DONE && s->kind != SS_STEP_CHECK ? " (done)" : "");
        if (s->irreversible)
            printf("        to undo: %s\n", s->undo);
        print_commands(run, i);
    }
    printf("\n! cannot be undone\n");
}

void provision_print_warnings(const struct ss_provision *run)
{
    const struct ss_procedure_warnings *w = ss_provision_warnings(run);
    for (unsigned i = 0; i < w->count; i++)
        cli_warning("%s", w->text[i]);
}

static void print_app(const struct ss_boot_result *boot)
{
    char project[64], version[64];
    if (boot->has_app)
        printf(": %s %s", cli_shown(boot->project, project, sizeof project),
               cli_shown(boot->version, version, sizeof version));
    printf(", at 0x%x\n", (unsigned)boot->address);
}

void provision_print_rehearsal(const struct ss_rehearsal *rehearsal)
{
    if (rehearsal->skipped) {
        printf("rehearsal: not needed, this chip has armed secure boot by itself; only protection is left to burn\n");
        return;
    }
    printf("rehearsal: every step done on a virtual chip with these eFuses, and an app started there");
    print_app(&rehearsal->boot);
    printf("           of %u checks of that boot the weakest is %s\n", rehearsal->boot.stage_count,
           ss_boot_basis_name(rehearsal->basis));
}

static const char *protection(const struct ss_efuse *window, unsigned block)
{
    bool read = ss_efuse_block_read_protected(window, block), write = ss_efuse_block_write_protected(window, block);
    return read && write ? "read- and write-protected" : read ? "read-protected" : write ? "write-protected" : "open";
}

static void print_bit(const struct ss_efuse *window, const char *field, const char *closed, const char *open)
{
    printf("  %-24s %s\n", field, ss_efuse_get_name(window, field) ? closed : open);
}

void provision_print_result(const struct ss_provision *run)
{
    const struct ss_efuse *w = &ss_provision_chip(run)->efuses.window;
    struct ss_crypt_count count;
    ss_efuse_crypt_count(w, &count);
    printf("device %s is provisioned; it has booted, and eFuses and flash are what they should be\n",
           ss_provision_device(run));
    printf("  %-24s 0x%02x, flash encryption on%s\n", "FLASH_CRYPT_CNT", count.value,
           count.write_protected ? " for good" : "");
    printf("  %-24s 0x%x\n", "FLASH_CRYPT_CONFIG", (unsigned)ss_efuse_get_name(w, "FLASH_CRYPT_CONFIG"));
    printf("  %-24s %s\n", "BLOCK1, flash key", protection(w, 1));
    if (ss_efuse_get_name(w, "ABS_DONE_0") || ss_efuse_get_name(w, "ABS_DONE_1")) {
        printf("  %-24s %s\n", "BLOCK2, secure boot", protection(w, 2));
        printf("  %-24s secure boot %s is on\n", ss_efuse_get_name(w, "ABS_DONE_0") ? "ABS_DONE_0" : "ABS_DONE_1",
               ss_efuse_get_name(w, "ABS_DONE_0") ? "V1" : "V2");
    }
    print_bit(w, "DISABLE_DL_ENCRYPT", "closed", "open: plaintext can be flashed, encrypted on the way");
    print_bit(w, "DISABLE_DL_DECRYPT", "closed", "OPEN");
    print_bit(w, "DISABLE_DL_CACHE", "closed", "OPEN");
    print_bit(w, "JTAG_DISABLE", "closed", "OPEN");
    print_bit(w, "UART_DOWNLOAD_DIS", "no download mode", "sealed images can be written over serial");
    if (ss_provision_closed(run))
        printf("what came after the boot was not checked: download mode is closed\n");
}

static const char *kind_of(const struct ss_step *s)
{
    static const char *const names[] = {"key", "burn", "count", "write", "verify", "boot", "check"};
    return names[s->kind];
}

static json_t *step_json(const struct ss_provision *run, size_t index)
{
    char commands[4096], *rest = NULL;
    const struct ss_step *s = &ss_provision_procedure(run)->steps[index];
    json_t *list = json_array();
    ss_step_commands(ss_provision_procedure(run), ss_provision_parts(run), index, commands, sizeof commands);
    for (char *line = strtok_r(commands, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        json_array_append_new(list, json_string(line));
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:o}", "id", s->id, "title", s->title, "kind", kind_of(s),
                     "irreversible", s->irreversible, "state", state_names[ss_provision_state(run, index)], "commands",
                     list);
}

static json_t *rehearsal_json(const struct ss_rehearsal *r)
{
    if (!r)
        return json_null();
    return json_pack("{s:b, s:s, s:s, s:i, s:o, s:o}", "skipped", r->skipped, "outcome",
                     ss_boot_outcome_name(r->boot.outcome), "basis", ss_boot_basis_name(r->basis), "checks",
                     (int)r->boot.stage_count, "project", json_text(r->boot.project), "version",
                     json_text(r->boot.version));
}

json_t *provision_json(const struct ss_provision *run, const struct ss_rehearsal *rehearsal, bool done)
{
    const struct ss_procedure *p = ss_provision_procedure(run);
    const struct ss_procedure_warnings *w = ss_provision_warnings(run);
    json_t *steps = json_array(), *warnings = json_array();
    for (size_t i = 0; i < p->count; i++)
        json_array_append_new(steps, step_json(run, i));
    for (unsigned i = 0; i < w->count; i++)
        json_array_append_new(warnings, json_string(w->text[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:b, s:o, s:o, s:o}", "device", ss_provision_device(run), "plan",
                     ss_procedure_kind_name(p->options.kind), "level", ss_procedure_level_name(p->options.level),
                     "secure_boot", ss_secure_boot_scheme_name(p->options.secure_boot), "revision",
                     (int)ss_provision_chip(run)->revision, "provisioned", done, "closed", ss_provision_closed(run),
                     "warnings", warnings, "steps", steps, "rehearsal", rehearsal_json(rehearsal));
}

json_t *provision_failure_json(const struct ss_provision *run, bool rehearsed, const char *step,
                               const struct ss_error *err)
{
    return json_pack("{s:s?, s:b, s:b, s:s?, s:o}", "device", run ? ss_provision_device(run) : NULL, "provisioned", 0,
                     "rehearsed", rehearsed, "step", step && *step ? step : NULL, "error",
                     json_text(*err->message ? err->message : ss_status_name(err->status)));
}

void provision_show_step(void *context, size_t index, const struct ss_step *step, enum ss_journal_phase phase)
{
    (void)context;
    if (!isatty(STDERR_FILENO))
        return;
    if (phase == SS_JOURNAL_BEFORE)
        fprintf(stderr, "%3zu %-24s ...\n", index + 1, step->id);
    else
        fprintf(stderr, "%3zu %-24s %s\n", index + 1, step->id, phase == SS_JOURNAL_AFTER ? "done" : "was done");
}
