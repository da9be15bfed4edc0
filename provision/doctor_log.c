// SPDX-License-Identifier: Apache-2.0
// What a UART log alone tells, also when it begins in the middle, has what a terminal put before each line, or goes on
// for many resets.
#include "provision/doctor_log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE = 256,
    STRAP_GPIO12 = 0x20, ///< of the number behind "boot:" (register GPIO_STRAP): MTDI was high
};

struct log {
    struct ss_doctor_report *out;
    unsigned number; ///< of the line, from 1
    bool about_app[SS_DOCTOR_MAX_FINDINGS];
    bool reset; ///< the last line that said anything was the ROM's reset line …
    unsigned reset_line;
    bool stalled;          ///< … and so it was at the end of a cycle
    bool second_stage;     ///< the mask ROM has handed over since the last reset
    bool rom_refused;      ///< the mask ROM has said in this cycle what is wrong with a signature
    bool loaded;           ///< an app was started, and no reset seen since
    bool gpio12;           ///< it was high at a reset
    unsigned unread;       ///< line of the first thing that the mask ROM could not read; 0: none
    unsigned encrypting;   ///< line at which the bootloader began to encrypt in place; 0: it has not, or is through
    char rom_value[2][16]; ///< first "invalid header" and "csum err" that were seen whole
    int erased;            ///< finding about an image whose first bytes may turn out to be erased; -1 for none
    bool rows;             ///< the table has rows
    bool table_said;       ///< the table was printed
};

static struct ss_doctor_finding *add(struct log *log, const struct log_pattern *p, const char *seen)
{
    enum ss_doctor_severity severity = p->about == ABOUT_OTADATA ? SS_DOCTOR_RISK : SS_DOCTOR_STOPS;
    struct ss_doctor_finding *f = finding_add(log->out, p->id, severity, p->certain);
    f->line = log->number;
    finding_seen(f, "%s", seen);
    finding_repair(f, p->repair, "%s", p->how);
    log->about_app[f - log->out->findings] = p->about == ABOUT_APP;
    return f;
}

/// Each finding once: what is the same in every cycle is said once, and of a chip that reads differently each time the
/// first is enough.
static struct ss_doctor_finding *note(struct log *log, const struct log_pattern *p, const char *seen)
{
    for (unsigned i = 0; i < log->out->count; i++) {
        struct ss_doctor_finding *f = &log->out->findings[i];
        if (f->id == p->id && (p->about == ABOUT_CHIP || !strcmp(f->seen, seen)))
            return f;
    }
    return add(log, p, seen);
}

/// Where a line begins for the chip: behind what a terminal has put before it. NULL unless it is one of ESP-IDF's log,
/// "E (123) tag: …", or begins a cycle.
static const char *log_line(const char *line)
{
    for (const char *p = line; *p; p++)
        if (strchr("EWIDV", *p) && !strncmp(p + 1, " (", 2) && isdigit((unsigned char)p[3]))
            return p;
    return NULL;
}

static const char *reset_line(const char *line)
{
    const char *ets = strstr(line, "ets J"), *rst = strstr(line, "rst:0x");
    return ets ? ets : rst;
}

/// Without level and time: they change from run to run.
static const char *message(const char *line, const char *hit)
{
    const char *p = log_line(line), *end = p ? strchr(p, ')') : NULL;
    return end ? end + 1 + (end[1] == ' ') : hit;
}

static bool is_hex(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

/// Values that the mask ROM prints of flash: other ones after a reset mean that reading is not reliable.
static void compare(struct log *log, unsigned which, const char *value, size_t len)
{
    static const struct log_pattern differs = {
        .id = SS_DOCTOR_LOG_FLASH_UNSTABLE,
        .certain = false,
        .repair = SS_REPAIR_NONE,
        .how = "read the flash twice with esptool and compare: power, wiring, flash mode and frequency, then the flash "
               "itself"};
    char *first = log->rom_value[which], seen[80];
    if (!*first) {
        snprintf(first, sizeof log->rom_value[0], "%.*s", (int)len, value);
    } else if (strncmp(first, value, len) != 0) {
        snprintf(seen, sizeof seen, "%.*s, and %s before a reset", (int)len, value, first);
        note(log, &differs, seen);
    }
}

/// The mask ROM of revision 3 shows the first word instead of an image.
static void rom_header(struct log *log, const char *hit, const char *value)
{
    bool whole = !strncmp(value, "0x", 2) && is_hex(value + 2, 8);
    bool erased = whole && !strncmp(value + 2, "ffffffff", 8);
    const struct log_pattern p = {.id = erased ? SS_DOCTOR_BOOTLOADER_MISSING : SS_DOCTOR_BOOTLOADER_UNREADABLE,
                                  .certain = true,
                                  .repair = SS_REPAIR_FLASH,
                                  .how = erased ? "write the bootloader to 0x1000" : LOG_ENCRYPTED};
    if (!whole) // the line was cut off
        return;
    note(log, &p, hit);
    compare(log, 0, value, 10);
}

/// The header fields that follow a bad magic tell erased flash from noise.
static void header_field(struct log *log, const char *line)
{
    if (log->erased < 0)
        return;
    struct ss_doctor_finding *f = &log->out->findings[log->erased];
    if (strstr(line, "SPI mode 255") || strstr(line, "nothing flashed here"))
        f->id = SS_DOCTOR_APP_MISSING;
    if (f->id == SS_DOCTOR_APP_MISSING)
        finding_repair(f, SS_REPAIR_FLASH, "the slot is erased: write an app to it, or let otadata select another");
}

static const struct log_pattern interrupted = {
    .id = SS_DOCTOR_LOG_INTERRUPTED,
    .certain = true,
    .repair = SS_REPAIR_FLASH,
    .how = "write bootloader, table, otadata and apps in plaintext again, all of them, and let it run to the end; this "
           "uses up no bit of FLASH_CRYPT_CNT"};

static void cycle_ends(struct log *log)
{
    log->stalled = log->stalled || log->reset;
    log->reset = log->second_stage = log->rom_refused = false;
    log->erased = -1;
}

static void reset_seen(struct log *log, const char *reset)
{
    const char *boot = strstr(reset, "boot:0x");
    if (reset[0] == 'e' || !log->reset)
        cycle_ends(log);
    if (log->encrypting)
        note(log, &interrupted, "a reset while the bootloader encrypts flash in place");
    log->encrypting = 0;
    log->loaded = false;
    if (boot && strstr(reset, "FLASH_BOOT")) {
        log->gpio12 = log->gpio12 || strtoul(boot + 5, NULL, 16) & STRAP_GPIO12;
        log->reset = true;
        log->reset_line = log->number;
    }
}

static void progress(struct log *log, const char *line)
{
    const char *reset = reset_line(line);
    if (reset) {
        reset_seen(log, reset);
        return;
    }
    if (*line)
        log->reset = false;
    if (strstr(line, "entry 0x") || log_line(line))
        log->second_stage = true;
    if (strstr(line, "Loaded app from partition"))
        log->loaded = true;
    if (strstr(line, "Partition Table:"))
        log->table_said = true;
    if (log->table_said && strstr(line, "boot:  0 "))
        log->rows = true;
    if (strstr(line, "flash_encrypt: Encrypting ") && !log->encrypting)
        log->encrypting = log->number;
    if (strstr(line, "Flash encryption completed") || strstr(line, "Resetting with flash encryption"))
        log->encrypting = 0;
}

static bool speaks(const struct log *log, const struct log_pattern *p)
{
    // What the ROM says last adds nothing to what it said before.
    if (log->rom_refused && p->where == IN_ROM && !p->certain)
        return false;
    return p->where == IN_BOTH || (p->where == IN_SECOND_STAGE) == log->second_stage;
}

static void match(struct log *log, const char *line)
{
    for (const struct log_pattern *p = log_patterns; p->text; p++) {
        const char *hit = strstr(line, p->text);
        if (!hit || !speaks(log, p))
            continue;
        struct ss_doctor_finding *f = note(log, p, message(line, hit));
        bool rom = p->id == SS_DOCTOR_BOOTLOADER_UNREADABLE || p->id == SS_DOCTOR_BOOTLOADER_DAMAGED;
        if (rom && !log->unread)
            log->unread = log->number;
        log->rom_refused = log->rom_refused || p->where == IN_ROM;
        if (!strncmp(hit, "csum err:0x", 11))
            compare(log, 1, hit + 9, strcspn(hit + 9, " \t"));
        log->erased =
            p->about == ABOUT_APP && strstr(line, "invalid magic byte") ? (int)(f - log->out->findings) : log->erased;
        header_field(log, line);
        return;
    }
}

static void read_line(struct log *log, const char *line)
{
    const char *header = strstr(line, "invalid header: 0x");
    progress(log, line);
    if (header) {
        rom_header(log, header, header + strlen("invalid header: "));
        log->unread = log->unread ? log->unread : log->number;
    }
    if (strstr(line, "has invalid SPI"))
        header_field(log, line);
    match(log, line);
    if (strstr(line, "No bootable app partitions") && log->table_said && !log->rows) {
        const struct log_pattern p = {.id = SS_DOCTOR_TABLE_MISSING,
                                      .certain = true,
                                      .repair = SS_REPAIR_FLASH,
                                      .how = "the table has no rows: it is erased; write it"};
        note(log, &p, message(line, line));
    }
    if (strstr(line, "ESP-ROM:esp32")) {
        const struct log_pattern p = {.id = SS_DOCTOR_LOG_OTHER_CHIP,
                                      .certain = true,
                                      .repair = SS_REPAIR_NONE,
                                      .how = "take what is said here with care: it is about the ESP32"};
        note(log, &p, strstr(line, "ESP-ROM:"))->severity = SS_DOCTOR_UNKNOWN;
    }
}

/// Copies a line without its end, control characters and ANSI sequences. False at the end of the text.
static bool next_line(const char **at, const char *end, char out[LINE])
{
    size_t n = 0;
    const char *p = *at;
    if (p == end)
        return false;
    while (p < end && *p != '\n' && *p != '\r') {
        if (*p == 0x1B) {
            for (p++; p < end && !((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '\n'); p++)
                ;
            p += p < end && *p != '\n';
            continue;
        }
        // Logs are ASCII; what else is in them is noise on the line, and some of it commands to a terminal.
        if ((unsigned char)*p >= ' ' && n < LINE - 1)
            out[n++] = (unsigned char)*p < 0x7F ? *p : '?';
        p++;
    }
    out[n] = 0;
    *at = p < end ? p + 1 : p;
    return true;
}

/// What no single line says.
static void add_conclusions(struct log *log)
{
    static const struct log_pattern voltage = {
        .id = SS_DOCTOR_LOG_FLASH_VOLTAGE,
        .certain = false,
        .repair = SS_REPAIR_BURN,
        .how = "keep GPIO12 low at reset, or fix the voltage: espefuse.py set_flash_voltage 3.3V, if the flash is one "
               "for 3.3 V"};
    static const struct log_pattern silent = {.id = SS_DOCTOR_LOG_SILENT,
                                              .certain = false,
                                              .repair = SS_REPAIR_FLASH,
                                              .how = LOG_ENCRYPTED "; GPIO15 low at reset also silences the ROM"};
    struct ss_doctor_report *out = log->out;
    if ((log->stalled || log->reset) && !ss_doctor_stops(out) && !log->loaded)
        add(log, &silent, "the log stops, or the chip resets, after the reset line")->line = log->reset_line;
    if (log->gpio12 && log->unread)
        add(log, &voltage, "boot:0x2. or 0x3.: GPIO12 was high at reset, and flash could not be read")->line =
            log->unread;
    if (log->encrypting) {
        struct ss_doctor_finding *f =
            add(log, &interrupted, "the log ends while the bootloader encrypts flash in place");
        f->severity = SS_DOCTOR_UNKNOWN;
        f->certain = false;
        f->line = log->encrypting;
        finding_repair(f, SS_REPAIR_NONE, "wait: it takes about a minute for each MiB, and must not lose power");
    }
}

static void conclude(struct log *log)
{
    struct ss_doctor_report *out = log->out;
    // An erased slot is no cause where another one failed for a better reason.
    bool better = false;
    for (unsigned i = 0; i < out->count; i++)
        better = better || (log->about_app[i] && out->findings[i].id != SS_DOCTOR_APP_MISSING);
    for (unsigned i = 0; better && i < out->count; i++)
        if (out->findings[i].id == SS_DOCTOR_APP_MISSING)
            out->findings[i].severity = SS_DOCTOR_RISK;
    // When an app runs in the end, the slots that were passed over are no reason to be alarmed.
    for (unsigned i = 0; log->loaded && i < out->count; i++) {
        if (out->findings[i].severity == SS_DOCTOR_STOPS)
            out->findings[i].severity = SS_DOCTOR_RISK;
        if (log->about_app[i] && out->findings[i].id == SS_DOCTOR_APP_MISSING)
            out->findings[i].id = SS_DOCTOR_OTADATA_SELECTS_BAD;
    }
    add_conclusions(log);
}

void ss_doctor_read_log(const char *text, size_t len, struct ss_doctor_report *report)
{
    struct log log = {.out = report, .erased = -1};
    char line[LINE];
    memset(report, 0, sizeof *report);
    for (const char *at = text; next_line(&at, text + len, line);) {
        log.number++;
        read_line(&log, line);
        log.number -= at < text + len && at[-1] == '\r' && *at == '\n'; // one line end of two characters
    }
    cycle_ends(&log);
    conclude(&log);
}
