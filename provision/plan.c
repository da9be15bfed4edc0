// SPDX-License-Identifier: Apache-2.0
// A plan, command by command; then the chip that it leaves behind.
#include "provision/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "provision/plan_internal.h"

/// A public key as PEM, which is what openssl writes.
enum { PEM_PUBLIC_KEY_LEN = 178 };

struct ss_doctor_finding *plan_finding(struct rehearsal *r, const struct plan_command *c, enum ss_doctor_id id,
                                       enum ss_doctor_severity severity)
{
    struct ss_doctor_finding *f = finding_add(r->out, id, severity, true);
    f->line = c ? c->line : 0;
    return f;
}

void plan_refused(struct rehearsal *r, const struct plan_command *c, const char *why)
{
    struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_REFUSED, SS_DOCTOR_STOPS);
    finding_seen(f, "%s: %s", c->verb, why);
    finding_repair(f, SS_REPAIR_NONE, "correct it, or the order of steps");
}

bool plan_number(const char *text, uint32_t *out)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 0);
    if (end == text || *end || *text == '-' || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

ss_status_t plan_not_modelled(struct rehearsal *r, const struct plan_command *c, const char *tool, const char *verb)
{
    struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_NOT_MODELLED, SS_DOCTOR_UNKNOWN);
    finding_seen(f, "%s%s%s", tool, *verb ? " " : "", verb);
    finding_repair(f, SS_REPAIR_NONE, "look at what it does yourself");
    return SS_OK;
}

static ss_status_t openssl(struct rehearsal *r, const struct plan_command *c)
{
    const char *out = plan_option(c, "out");
    if (!out)
        return SS_OK;
    if (!plan_option(c, "pubout")) {
        struct plan_file *f = plan_file_get(r, out, FILE_SIGNING_KEY);
        if (f)
            f->stand_in = false;
        return f ? SS_OK : r->err->status;
    }
    struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_KEY_FORMAT, SS_DOCTOR_RISK);
    f->certain = false; // it may be for another purpose than the bootloader
    finding_seen(f, "openssl writes %s as text or DER", out);
    finding_repair(f, SS_REPAIR_NONE, "extract it with espsecure");
    finding_command(f, "espsecure.py extract_public_key --version 1 --keyfile signing-key.pem %s", out);
    r->openssl_key = true;
    return SS_OK;
}

static ss_status_t run_one(struct rehearsal *r, const struct plan_command *c, const char *first_word)
{
    if (*c->wrong) {
        plan_refused(r, c, c->wrong);
        return SS_OK;
    }
    switch (c->tool) {
    case TOOL_ESPSECURE:
        return plan_espsecure(r, c);
    case TOOL_ESPEFUSE:
        return plan_espefuse(r, c);
    case TOOL_ESPTOOL:
        return plan_esptool(r, c);
    case TOOL_SLOTSEAL:
        return plan_slotseal(r, c);
    case TOOL_OPENSSL:
        return openssl(r, c);
    case TOOL_HARMLESS:
        return SS_OK;
    default:
        return plan_not_modelled(r, c, first_word, "");
    }
}

static ss_status_t run_all(struct rehearsal *r, const char *text, size_t len)
{
    struct plan_text *t = calloc(1, sizeof *t);
    struct plan_words *words = calloc(1, sizeof *words);
    struct plan_command c;
    ss_status_t status = SS_OK;
    if (!t || !words)
        status = ss_error_set(r->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory for a plan");
    else
        *t = (struct plan_text){.at = text, .end = text + len};
    while (status == SS_OK) {
        status = plan_next(t, words, r->err);
        if (status != SS_OK || words->count == 0)
            break;
        unsigned at;
        plan_parse(words, &at, &c);
        do
            status = run_one(r, &c, words->word[0]);
        while (status == SS_OK && plan_parse_next(words, &at, &c));
    }
    free(words);
    free(t);
    return status;
}

/// Sealed for something, and then neither flashed nor signed.
static void unused(struct rehearsal *r)
{
    for (unsigned i = 0; i < r->file_count; i++) {
        const struct plan_file *file = &r->files[i];
        if (!file->sealed || !file->sealed_line || file->used)
            continue;
        struct ss_doctor_finding *f = plan_finding(r, NULL, SS_DOCTOR_PLAN_UNUSED, SS_DOCTOR_RISK);
        f->line = file->sealed_line;
        finding_seen(f, "%s, sealed for 0x%x, is written nowhere", file->name, (unsigned)file->sealed_for);
        finding_repair(f, SS_REPAIR_NONE, "write it to 0x%x", (unsigned)file->sealed_for);
    }
}

static void stand_ins(struct rehearsal *r)
{
    char names[SS_DOCTOR_TEXT] = "";
    for (unsigned i = 0; i < r->file_count; i++)
        if (r->files[i].stand_in && strlen(names) + strlen(r->files[i].name) + 3 < sizeof names)
            strcat(strcat(names, *names ? ", " : ""), r->files[i].name);
    if (!*names)
        return;
    struct ss_doctor_finding *f = plan_finding(r, NULL, SS_DOCTOR_PLAN_STAND_IN, SS_DOCTOR_UNKNOWN);
    finding_seen(f, "%s", names);
    finding_repair(f, SS_REPAIR_NONE,
                   "rehearse again when they are built: size, flash parameters and signatures of the "
                   "real files were not checked");
}

/// The bootloader is linked with the public key of whoever signs, unless the profile says more.
static void link_key(struct rehearsal *r)
{
    struct ss_boot_profile *p = &r->profile;
    if (!r->has_profile || p->has_public_key || p->secure_boot != SS_PROFILE_SECURE_BOOT_V1)
        return;
    if (r->signer && r->signer->key && ss_signing_key_raw_public(r->signer->key, p->public_key, NULL) == SS_OK) {
        p->has_public_key = true;
        p->public_key_len = SS_RAW_PUBLIC_KEY_SIZE;
    } else if (r->openssl_key) {
        p->has_public_key = true;
        p->public_key_len = PEM_PUBLIC_KEY_LEN;
    }
}

/// The chip's findings behind those of the commands.
static ss_status_t examine(struct rehearsal *r)
{
    struct ss_doctor_report *chip = malloc(sizeof *chip);
    struct ss_doctor_input in = {.flash = r->flash,
                                 .flash_len = PLAN_FLASH,
                                 .efuse = &r->silicon,
                                 .silicon = true,
                                 .profile = r->has_profile ? &r->profile : NULL,
                                 .table_offset = r->options->table_offset};
    if (!chip)
        return ss_error_set(r->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a report");
    ss_status_t status = ss_doctor_examine(&in, chip, r->err);
    for (unsigned i = 0; status == SS_OK && i < chip->count; i++) {
        const struct ss_doctor_finding *f = &chip->findings[i];
        *finding_add(r->out, f->id, f->severity, f->certain) = *f;
    }
    r->out->profile = chip->profile;
    free(chip);
    return status;
}

ss_status_t ss_plan_rehearse(const char *text, size_t len, const struct ss_plan_options *options,
                             struct ss_doctor_report *report, struct ss_error *err)
{
    struct ss_error own = {0};
    struct rehearsal *r = calloc(1, sizeof *r);
    uint8_t *flash = malloc(PLAN_FLASH);
    ss_status_t status;
    memset(report, 0, sizeof *report);
    if (r && flash) {
        memset(flash, 0xFF, PLAN_FLASH);
        *r = (struct rehearsal){.options = options, .out = report, .err = err ? err : &own, .flash = flash, .seed = 1};
        r->err->status = SS_OK;
        r->has_profile = options->profile != NULL;
        r->profile = options->profile ? *options->profile : (struct ss_boot_profile)SS_BOOT_PROFILE_DEFAULT;
        if (options->table_offset)
            r->profile.table_offset = options->table_offset;
        status = run_all(r, text, len);
        if (status == SS_OK) {
            unused(r);
            stand_ins(r);
            link_key(r);
            status = examine(r);
        }
        plan_files_free(r);
        ss_wipe(&r->silicon, sizeof r->silicon);
    } else {
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a rehearsal");
    }
    free(flash);
    free(r);
    if (status != SS_OK)
        report->count = 0;
    return status;
}
