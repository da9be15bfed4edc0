// SPDX-License-Identifier: Apache-2.0
// What a UART log alone tells. Lines of the mask ROM (recorded logs, ESP-IDF docs) and of the second-stage bootloader
// (ESP-IDF v3.2 to v5.x, components/bootloader_support), found by the part of them that did not change.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/doctor_internal.h"

enum { LINE = 256 };

enum about { ABOUT_CHIP, ABOUT_APP, ABOUT_OTADATA };

struct pattern {
    const char *text; ///< found anywhere in a line
    enum ss_doctor_id id;
    bool certain;
    enum about about;
    enum ss_doctor_repair repair;
    const char *how;
};

#define ENCRYPTED                                                                                                      \
    "with flash encryption on: plaintext, or sealed for another address, key or FLASH_CRYPT_CONFIG; "                  \
    "slotseal doctor --efuse --flash tells which"

static const struct pattern patterns[] = {
    {"flash read err, 1000", SS_DOCTOR_BOOTLOADER_UNREADABLE, true, ABOUT_CHIP, SS_REPAIR_FLASH, ENCRYPTED},
    {"csum err:", SS_DOCTOR_BOOTLOADER_DAMAGED, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "write the bootloader again; if it is larger than the room before the table, move the table"},
    {"secure boot check fail", SS_DOCTOR_SECURE_BOOT_DIGEST, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "write bootloader and digest that belong together; only with the key of BLOCK2"},
    {"signed with untrusted key", SS_DOCTOR_SECURE_BOOT_V2_KEY, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "sign the bootloader with the key whose digest is in BLOCK2"},
    {"secure boot verification failed", SS_DOCTOR_SECURE_BOOT_V2_UNSIGNED, false, ABOUT_CHIP, SS_REPAIR_FLASH,
     "sign the bootloader"},
    {"invalid magic number 0xffff", SS_DOCTOR_TABLE_MISSING, true, ABOUT_CHIP, SS_REPAIR_FLASH, "write the table"},
    {"invalid magic number", SS_DOCTOR_TABLE_UNREADABLE, true, ABOUT_CHIP, SS_REPAIR_FLASH, ENCRYPTED},
    {"Incorrect MD5 checksum", SS_DOCTOR_TABLE_DAMAGED, true, ABOUT_CHIP, SS_REPAIR_FLASH, "write the table again"},
    {"Only one MD5 checksum is allowed", SS_DOCTOR_TABLE_DAMAGED, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "write the table again"},
    {"has no terminating entry", SS_DOCTOR_TABLE_DAMAGED, true, ABOUT_CHIP, SS_REPAIR_FLASH, "write the table again"},
    {"exceeds flash chip size", SS_DOCTOR_BOOTLOADER_FLASH_SIZE, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "the size is that of the bootloader's header: build for the right flash size, or let esptool write_flash "
     "--flash_size set it before the bootloader is sealed"},
    {"has invalid magic byte", SS_DOCTOR_APP_UNREADABLE, true, ABOUT_APP, SS_REPAIR_FLASH, ENCRYPTED},
    {"Checksum failed. Calculated", SS_DOCTOR_APP_DAMAGED, true, ABOUT_APP, SS_REPAIR_FLASH, "write the app again"},
    {"Image hash failed", SS_DOCTOR_APP_DAMAGED, true, ABOUT_APP, SS_REPAIR_FLASH, "write the app again"},
    {"doesn't fit in partition length", SS_DOCTOR_APP_DAMAGED, true, ABOUT_APP, SS_REPAIR_BUILD,
     "make the app smaller or its partition larger"},
    {"invalid segment length", SS_DOCTOR_APP_DAMAGED, true, ABOUT_APP, SS_REPAIR_FLASH, "write the app again"},
    {"unaligned segment length", SS_DOCTOR_APP_DAMAGED, true, ABOUT_APP, SS_REPAIR_FLASH, "write the app again"},
    {"doesn't match data", SS_DOCTOR_APP_DAMAGED, true, ABOUT_APP, SS_REPAIR_BUILD,
     "app partitions begin at multiples of 64 KiB: correct the table, or the address it was written to"},
    {"exceeds max 16", SS_DOCTOR_APP_DAMAGED, true, ABOUT_APP, SS_REPAIR_FLASH, "write the app again"},
    {"invalid signature version field", SS_DOCTOR_APP_UNSIGNED, true, ABOUT_APP, SS_REPAIR_FLASH,
     "sign the plaintext; a signature put behind ciphertext reads as noise: sign first, then seal"},
    {"signature verification failed", SS_DOCTOR_APP_SIGNATURE_WRONG, true, ABOUT_APP, SS_REPAIR_FLASH,
     "sign with the key whose public half is in the bootloader, before sealing"},
    {"verification key has wrong length", SS_DOCTOR_PUBLIC_KEY_LENGTH, true, ABOUT_CHIP, SS_REPAIR_BUILD,
     "espsecure extract_public_key --version 1 writes the 64 bytes; build the bootloader anew"},
    {"ota data partition invalid", SS_DOCTOR_OTADATA_UNREADABLE, true, ABOUT_OTADATA, SS_REPAIR_FLASH,
     "with flash encryption on: seal two sectors of 0xFF for its address, or a record"},
    {"ota_info partition size", SS_DOCTOR_TABLE_INVALID, true, ABOUT_CHIP, SS_REPAIR_BUILD,
     "otadata takes two sectors, 0x2000"},
    {"has to be either unset or both read and write protected", SS_DOCTOR_KEY_READABLE, true, ABOUT_CHIP,
     SS_REPAIR_BURN, "protect BLOCK1: espefuse read_protect_efuse BLOCK1, write_protect_efuse BLOCK1"},
    {"Cannot re-encrypt data", SS_DOCTOR_COUNT_USED_UP, true, ABOUT_CHIP, SS_REPAIR_NO,
     "FLASH_CRYPT_CNT is write-protected: use a bootloader without flash encryption"},
    {"not plaintext?", SS_DOCTOR_LOG_REFUSED_ENCRYPTION, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "write the table in plaintext: the bootloader encrypts it itself"},
    {"Flash encryption check failed", SS_DOCTOR_LOG_REFUSED_ENCRYPTION, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "the line before says what"},
    {"Pre-loaded key is not read protected", SS_DOCTOR_SECURE_BOOT_KEY_OPEN, true, ABOUT_CHIP, SS_REPAIR_BURN,
     "espefuse read_protect_efuse BLOCK2"},
    {"Pre-loaded key is not write protected", SS_DOCTOR_SECURE_BOOT_KEY_OPEN, true, ABOUT_CHIP, SS_REPAIR_BURN,
     "espefuse write_protect_efuse BLOCK2"},
    {"digest generation for secure boot failed", SS_DOCTOR_LOG_REFUSED_SECURE_BOOT, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "the line before says what"},
    {"FAILED TO ENABLE SECURE BOOT", SS_DOCTOR_LOG_REFUSED_SECURE_BOOT, true, ABOUT_CHIP, SS_REPAIR_FLASH,
     "the line before says what"},
    {"mismatch chip ID", SS_DOCTOR_LOG_CHIP, true, ABOUT_APP, SS_REPAIR_BUILD, "build for this chip"},
    {"can't run on lower chip revision", SS_DOCTOR_LOG_CHIP, true, ABOUT_APP, SS_REPAIR_BUILD,
     "build for the revision of this chip"},
    {"boot:0x3 (DOWNLOAD_BOOT", SS_DOCTOR_LOG_DOWNLOAD, true, ABOUT_CHIP, SS_REPAIR_NONE,
     "let GPIO0 go and reset; nothing is wrong with flash or eFuses so far"},
    {"waiting for download", SS_DOCTOR_LOG_DOWNLOAD, true, ABOUT_CHIP, SS_REPAIR_NONE,
     "let GPIO0 go and reset; nothing is wrong with flash or eFuses so far"},
};

struct log {
    struct ss_doctor_report *out;
    unsigned number; ///< of the line, from 1
    bool about_app[SS_DOCTOR_MAX_FINDINGS];
    bool reset; ///< the last line that said anything was the ROM's reset line …
    unsigned reset_line;
    bool stalled;    ///< … and so it was at the end of a cycle
    bool loaded;     ///< an app was started, and no reset seen since
    int erased;      ///< finding about an image whose first bytes may turn out to be erased; -1 for none
    bool rows;       ///< the table has rows
    bool table_said; ///< the table was printed
};

static struct ss_doctor_finding *note(struct log *log, const struct pattern *p, const char *line)
{
    for (unsigned i = 0; i < log->out->count; i++)
        if (!strcmp(log->out->findings[i].seen, line))
            return &log->out->findings[i];
    enum ss_doctor_severity severity = p->about == ABOUT_OTADATA ? SS_DOCTOR_RISK : SS_DOCTOR_STOPS;
    struct ss_doctor_finding *f = finding_add(log->out, p->id, severity, p->certain);
    f->line = log->number;
    finding_seen(f, "%s", line);
    finding_repair(f, p->repair, "%s", p->how);
    log->about_app[f - log->out->findings] = p->about == ABOUT_APP;
    return f;
}

/// Without level, time and tag: they change from run to run, and the same finding counts once.
static const char *message(const char *line)
{
    const char *p = line;
    if (strchr("EWIDV", *p) && p[1] == ' ' && p[2] == '(') {
        const char *end = strchr(p, ')');
        p = end ? end + 1 + (end[1] == ' ') : p;
    }
    return p;
}

/// The mask ROM of revision 3 shows the first word instead of an image.
static void rom_header(struct log *log, const char *line, const char *value)
{
    bool erased = strtoul(value, NULL, 16) == 0xFFFFFFFFul;
    struct pattern p = {.id = erased ? SS_DOCTOR_BOOTLOADER_MISSING : SS_DOCTOR_BOOTLOADER_UNREADABLE,
                        .certain = true,
                        .repair = SS_REPAIR_FLASH,
                        .how = erased ? "write the bootloader to 0x1000" : ENCRYPTED};
    note(log, &p, line);
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

static void cycle_ends(struct log *log)
{
    log->stalled = log->stalled || log->reset;
    log->reset = false;
    log->erased = -1;
}

static void progress(struct log *log, const char *line)
{
    if (!strncmp(line, "ets ", 4) || !strncmp(line, "rst:", 4)) {
        if (line[0] == 'e' || !log->reset)
            cycle_ends(log);
        log->loaded = false;
        if (line[0] == 'r' && strstr(line, "FLASH_BOOT")) {
            log->reset = true;
            log->reset_line = log->number;
        }
        return;
    }
    if (*line)
        log->reset = false;
    if (strstr(line, "Loaded app from partition"))
        log->loaded = true;
    if (strstr(line, "Partition Table:"))
        log->table_said = true;
    if (log->table_said && strstr(line, "boot:  0 "))
        log->rows = true;
}

static void read_line(struct log *log, const char *line)
{
    const char *text = message(line), *header = strstr(line, "invalid header: 0x");
    progress(log, line);
    if (header)
        rom_header(log, header, header + strlen("invalid header: "));
    if (strstr(line, "has invalid SPI"))
        header_field(log, line);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (!strstr(line, patterns[i].text))
            continue;
        struct ss_doctor_finding *f = note(log, &patterns[i], text);
        log->erased = strstr(line, "invalid magic byte") ? (int)(f - log->out->findings) : log->erased;
        header_field(log, line);
        break;
    }
    if (strstr(line, "No bootable app partitions") && log->table_said && !log->rows) {
        const struct pattern p = {.id = SS_DOCTOR_TABLE_MISSING,
                                  .certain = true,
                                  .repair = SS_REPAIR_FLASH,
                                  .how = "the table has no rows: it is erased; write it"};
        note(log, &p, text);
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
        if ((unsigned char)*p >= ' ' && n < LINE - 1)
            out[n++] = *p;
        p++;
    }
    out[n] = 0;
    *at = p < end ? p + 1 : p;
    return true;
}

static void conclude(struct log *log)
{
    struct ss_doctor_report *out = log->out;
    bool silent = log->stalled || log->reset;
    if (silent && !ss_doctor_stops(out) && !log->loaded) {
        struct ss_doctor_finding *f = finding_add(out, SS_DOCTOR_LOG_SILENT, SS_DOCTOR_STOPS, false);
        f->line = log->reset_line;
        finding_seen(f, "the log stops, or the chip resets, after the reset line");
        finding_repair(f, SS_REPAIR_FLASH, "%s; GPIO15 low at reset also silences the ROM", ENCRYPTED);
    }
    // An erased slot is no cause where another one failed for a better reason.
    bool better = false;
    for (unsigned i = 0; i < out->count; i++)
        better = better || (log->about_app[i] && out->findings[i].id != SS_DOCTOR_APP_MISSING);
    for (unsigned i = 0; better && i < out->count; i++)
        if (out->findings[i].id == SS_DOCTOR_APP_MISSING)
            out->findings[i].severity = SS_DOCTOR_RISK;
    // When an app runs in the end, the slots that were passed over are no reason to be alarmed.
    for (unsigned i = 0; log->loaded && i < out->count; i++) {
        out->findings[i].severity = SS_DOCTOR_RISK;
        if (log->about_app[i] && out->findings[i].id == SS_DOCTOR_APP_MISSING)
            out->findings[i].id = SS_DOCTOR_OTADATA_SELECTS_BAD;
    }
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
