// SPDX-License-Identifier: Apache-2.0
// Findings in words, and the commands of their repair.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "provision/doctor_internal.h"

/// Bytes at the start of a slot that tell whether anything was written.
enum { SAMPLE = 256 };

static void SS_PRINTF(3, 0) format_into(char *out, size_t size, const char *format, va_list args)
{
    vsnprintf(out, size, format, args);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7F)
            *p = '?';
}

struct ss_doctor_finding *finding_add(struct ss_doctor_report *report, enum ss_doctor_id id,
                                      enum ss_doctor_severity severity, bool certain)
{
    // With a full report the last finding gives way: the earlier a finding, the nearer it is to the first cause.
    if (report->count == SS_DOCTOR_MAX_FINDINGS)
        report->cut = true;
    else
        report->count++;
    struct ss_doctor_finding *f = &report->findings[report->count - 1];
    memset(f, 0, sizeof *f);
    f->id = id;
    f->severity = severity;
    f->certain = certain;
    f->repair = SS_REPAIR_NONE;
    return f;
}

void finding_seen(struct ss_doctor_finding *f, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_into(f->seen, sizeof f->seen, format, args);
    va_end(args);
}

void finding_repair(struct ss_doctor_finding *f, enum ss_doctor_repair repair, const char *format, ...)
{
    va_list args;
    f->repair = repair;
    va_start(args, format);
    format_into(f->how, sizeof f->how, format, args);
    va_end(args);
}

void finding_command(struct ss_doctor_finding *f, const char *format, ...)
{
    if (f->command_count == SS_DOCTOR_MAX_COMMANDS)
        return;
    va_list args;
    va_start(args, format);
    format_into(f->commands[f->command_count++], SS_DOCTOR_COMMAND, format, args);
    va_end(args);
}

void finding_burn(const struct doctor *d, struct ss_doctor_finding *f, bool rests_on_profile, const char *what)
{
    bool hold = rests_on_profile && d->guessed;
    if (hold)
        finding_command(f, "# cannot be undone, and the build was guessed: repeat with --profile or --build-dir");
    finding_command(f, "%sespefuse.py --port PORT %s", hold ? "# " : "", what);
}

/// With DISABLE_DL_ENCRYPT burned esptool refuses to write while encryption is on: it cannot tell ciphertext.
static const char *force(const struct doctor *d)
{
    return d->encrypts && d->in->efuse && doctor_get(d, "DISABLE_DL_ENCRYPT") ? "--force " : "";
}

static void write_file(const struct doctor *d, struct ss_doctor_finding *f, uint32_t address, const char *file)
{
    finding_command(f, "esptool.py --port PORT write_flash %s--flash_size keep 0x%x %s", force(d), (unsigned)address,
                    file);
}

static const char *file_of(const struct place *place)
{
    static const char *const names[] = {"bootloader.bin", "partitions.bin", "otadata.bin", "app.bin"};
    return names[place->kind];
}

/// The app that otadata is to select: the first that is there, and without any the first slot.
static const char *label_to_select(const struct doctor *d)
{
    const struct ss_partition *first = NULL;
    for (size_t i = 0; i < d->table.count; i++) {
        const struct ss_partition *row = &d->table.rows[i];
        if (row->type != SS_PARTITION_APP || row->subtype == SS_PARTITION_APP_TEST)
            continue;
        if (ss_range_ok(row->offset, SAMPLE, d->in->flash_len) &&
            !ss_all_bytes(d->in->flash + row->offset, SAMPLE, 0xFF))
            return row->label;
        if (!first)
            first = row;
    }
    return first ? first->label : "ota_0";
}

void finding_rewrite(const struct doctor *d, struct ss_doctor_finding *f, const struct place *place)
{
    char target[64] = "", offset[40] = "", sealed[32], config[32] = "";
    bool sign = place->kind == PLACE_APP &&
                (d->profile->secure_boot != SS_PROFILE_SECURE_BOOT_NONE || d->profile->signed_on_boot);
    const char *signing = sign ? " --sign-key signing-key.pem" : "";
    const char *file = file_of(place);

    if (d->table_at != 0x8000 && place->kind != PLACE_BOOTLOADER && (place->kind != PLACE_APP || d->has_table))
        snprintf(offset, sizeof offset, " --table-offset 0x%x", (unsigned)d->table_at);
    if (d->settled_config != CONFIG_FULL)
        snprintf(config, sizeof config, " --crypt-config 0x%X", d->settled_config);
    if (place->kind == PLACE_OTADATA)
        finding_command(f, "slotseal otadata build --table partitions.bin%s --select %s -o otadata.bin", offset,
                        label_to_select(d));
    if (!d->expects) {
        if (sign)
            finding_command(f, "espsecure.py sign_data --keyfile signing-key.pem --version %d app.bin",
                            d->profile->secure_boot == SS_PROFILE_SECURE_BOOT_V2 ? 2 : 1);
        write_file(d, f, place->address, file);
        return;
    }
    if (place->kind == PLACE_APP && !d->has_table)
        snprintf(target, sizeof target, "--address 0x%x", (unsigned)place->address);
    else if (place->kind == PLACE_APP)
        snprintf(target, sizeof target, "--table partitions.bin --slot %s", place->name);
    else
        snprintf(target, sizeof target, "--region %s",
                 place->kind == PLACE_BOOTLOADER ? "bootloader"
                 : place->kind == PLACE_TABLE    ? "table"
                                                 : "otadata --table partitions.bin");
    snprintf(sealed, sizeof sealed, "%.*s.sealed", (int)strcspn(file, "."), file);
    finding_command(f, "slotseal seal %s %s%s%s%s --flash-key flash-key.bin -o %s", file, target, offset, config,
                    signing, sealed);
    write_file(d, f, place->address, sealed);
}
