// SPDX-License-Identifier: Apache-2.0
// Why a chip does not boot, and how to repair it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip/chip.h"
#include "commands.h"
#include "core/crypto.h"
#include "doctor_text.h"
#include "file.h"
#include "json.h"
#include "port_option.h"
#include "profile_option.h"
#include "provision/doctor.h"
#include "provision/plan.h"

enum { LOG_LIMIT = 16 << 20, PLAN_LIMIT = 1 << 20, FLASH_KEY_LIMIT = 4096 };

static const struct cli_option options[] = {
    {OPT_EFUSE, "efuse", 0, false, "FILE", "eFuses: espefuse dump --format joint, or summary --format json", NULL,
     COMPLETE_FILE},
    {OPT_FLASH, "flash", 0, false, "FILE", "flash from address 0: esptool read_flash 0 ALL", NULL, COMPLETE_FILE},
    OPTION_PORT(false),
    OPTIONS_PORT,
    {OPT_LOG, "log", 0, false, "FILE", "a UART log alone", NULL, COMPLETE_FILE},
    {OPT_PLAN, "plan", 0, false, "FILE", "commands of esptool, espefuse and espsecure that nobody has run yet", NULL,
     COMPLETE_FILE},
    OPTIONS_PROFILE,
    {OPT_FLASH_KEY, "flash-key", 'k', false, "FILE", "flash encryption key; not needed, but it sees more", NULL,
     COMPLETE_FILE},
    {OPT_REV, "rev", 0, false, "REVISION", "with --plan: revision of the chip (not known)", "0.0 1.0 1.1 2.0 3.0 3.1",
     COMPLETE_CHOICE},
    {OPT_TABLE_OFFSET, "table-offset", 0, false, "N", "flash address of the partition table (0x8000)", NULL,
     COMPLETE_NOTHING},
    OPTION_JSON,
    OPTION_END,
};

struct visit {
    struct ss_doctor_input in;
    struct ss_doctor_report *report;
    struct profile_option profile;
    struct ss_vchip *chip;
    struct ss_efuse efuse;
    uint8_t *port_flash; ///< read over a serial port
    size_t port_flash_len;
    struct input efuse_file, flash_file, key_file, log_file;
};

static int usage(const struct cli_args *args)
{
    unsigned chip = args->operand_count, dumps = args->options[OPT_EFUSE] || args->options[OPT_FLASH];
    unsigned log = args->options[OPT_LOG] != NULL, plan = args->options[OPT_PLAN] != NULL;
    unsigned port = args->options[OPT_PORT] != NULL;
    if (chip + dumps + log + plan + port > 1)
        return cli_usage(NULL, "a chip's folder, dumps, a port, a log and a plan exclude each other");
    if (args->options[OPT_REV] && !plan)
        return cli_usage(NULL, "--rev goes with --plan; a chip and its dumps say themselves");
    if (chip + dumps + log + plan + port == 0 && !args->options[OPT_BUILD_DIR])
        return cli_usage("slotseal help doctor", "nothing to examine");
    int code = port_check(args);
    return code == CLI_OK ? profile_option_check(args) : code;
}

static ss_status_t read_dumps(const struct cli_args *args, struct visit *v, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    if (args->options[OPT_EFUSE]) {
        status = file_read(args->options[OPT_EFUSE], 1 << 20, &v->efuse_file, err);
        if (status == SS_OK)
            status = ss_doctor_read_efuses(v->efuse_file.data, v->efuse_file.len, &v->efuse, err);
        v->in.efuse = &v->efuse;
    }
    if (status == SS_OK && args->options[OPT_FLASH]) {
        status = file_read(args->options[OPT_FLASH], FILE_LIMIT, &v->flash_file, err);
        v->in.flash = v->flash_file.data;
        v->in.flash_len = v->flash_file.len;
    }
    return status;
}

static ss_status_t read_chip(const char *folder, struct visit *v, struct ss_error *err)
{
    ss_status_t status = ss_chip_open(folder, &v->chip, err);
    if (status != SS_OK)
        return status;
    v->in.flash = v->chip->flash.data;
    v->in.flash_len = v->chip->flash.size;
    v->in.flash_whole = true;
    v->in.efuse = v->chip->silicon;
    v->in.silicon = true;
    return SS_OK;
}

/// What software reads: key blocks that are protected stay unknown.
static ss_status_t read_connected(struct port_session *s, struct visit *v, struct ss_error *err)
{
    struct ss_link_efuses efuses;
    struct ss_link_flash flash;
    ss_status_t status = ss_link_efuse_read(s->link, &efuses, err);
    v->efuse = efuses.window;
    ss_wipe(&efuses, sizeof efuses);
    if (status == SS_OK)
        status = ss_link_flash_identify(s->link, &flash, err);
    if (status != SS_OK)
        return status;
    v->port_flash = malloc(flash.size);
    v->port_flash_len = flash.size;
    if (!v->port_flash)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory");
    return ss_link_flash_read(s->link, 0, v->port_flash, flash.size, err);
}

static ss_status_t read_port(const struct cli_args *args, struct visit *v, struct ss_error *err)
{
    struct port_session s = {0};
    ss_status_t status = port_connect(args, &s, err);
    if (status == SS_OK)
        status = read_connected(&s, v, err);
    port_close(args, &s);
    v->in.efuse = &v->efuse;
    v->in.flash = v->port_flash;
    v->in.flash_len = v->port_flash_len;
    v->in.flash_whole = true;
    return status;
}

static ss_status_t examine(const struct cli_args *args, struct visit *v, struct ss_error *err)
{
    ss_status_t status = profile_option_read(args, &v->profile, err);
    v->in.profile = v->profile.profile;
    if (status == SS_OK && args->options[OPT_FLASH_KEY]) {
        status = file_read(args->options[OPT_FLASH_KEY], FLASH_KEY_LIMIT, &v->key_file, err);
        v->in.key = v->key_file.data;
        v->in.key_len = v->key_file.len;
        file_warn_readable(&v->key_file);
    }
    if (status == SS_OK && args->operand_count)
        status = read_chip(args->operands[0], v, err);
    else if (status == SS_OK && args->options[OPT_PORT])
        status = read_port(args, v, err);
    else if (status == SS_OK)
        status = read_dumps(args, v, err);
    if (status == SS_OK && v->profile.build.flash_len && !v->in.flash && !v->in.efuse) {
        v->in.flash = v->profile.build.flash;
        v->in.flash_len = v->profile.build.flash_len;
    } else if (status == SS_OK && v->profile.build.flash_len > v->profile.build.profile.table_offset) {
        v->in.table = v->profile.build.flash + v->profile.build.profile.table_offset;
        v->in.table_len = v->profile.build.flash_len - v->profile.build.profile.table_offset;
    }
    return status == SS_OK ? ss_doctor_examine(&v->in, v->report, err) : status;
}

static ss_status_t read_log(const char *path, struct visit *v, struct ss_error *err)
{
    ss_status_t status = file_read(path, LOG_LIMIT, &v->log_file, err);
    if (status == SS_OK)
        ss_doctor_read_log((const char *)v->log_file.data, v->log_file.len, v->report);
    return status;
}

/// Files of a plan lie beside it.
static ss_status_t read_plan(const struct cli_args *args, struct visit *v, struct ss_error *err)
{
    const char *path = args->options[OPT_PLAN], *slash = strrchr(path, '/');
    struct ss_plan_options plan = {.table_offset = v->in.table_offset};
    static const unsigned revisions[] = {0, 100, 101, 200, 300, 301};
    if (args->options[OPT_REV])
        plan.revision = &revisions[cli_option_choice(args, options, OPT_REV, 0)];
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_FILE, "out of memory");
    ss_status_t status = profile_option_read(args, &v->profile, err);
    v->in.profile = v->profile.profile;
    if (status == SS_OK)
        status = file_read(path, PLAN_LIMIT, &v->log_file, err);
    if (status == SS_OK) {
        plan.folder = folder;
        plan.profile = v->in.profile;
        status = ss_plan_rehearse((const char *)v->log_file.data, v->log_file.len, &plan, v->report, err);
    }
    free(folder);
    return status;
}

static void leave(struct visit *v)
{
    ss_chip_free(v->chip);
    if (v->port_flash)
        ss_wipe(v->port_flash, v->port_flash_len);
    free(v->port_flash);
    ss_wipe(&v->efuse, sizeof v->efuse);
    profile_option_free(&v->profile);
    file_free(&v->efuse_file);
    file_free(&v->flash_file);
    file_free(&v->key_file);
    file_free(&v->log_file);
    free(v->report);
}

static int run(const struct cli_args *args)
{
    struct visit v = {0};
    struct ss_error err = {0};
    uint64_t offset;
    int code = usage(args);
    if (code != CLI_OK)
        return code;
    if (!cli_option_number(args, options, OPT_TABLE_OFFSET, 0xFFF000, 0, &offset))
        return CLI_USAGE;
    v.in.table_offset = (uint32_t)offset;
    v.report = malloc(sizeof *v.report);
    if (!v.report) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    ss_status_t status = args->options[OPT_LOG]    ? read_log(args->options[OPT_LOG], &v, &err)
                         : args->options[OPT_PLAN] ? read_plan(args, &v, &err)
                                                   : examine(args, &v, &err);
    if (status != SS_OK) {
        code = port_fail(&err);
    } else {
        code = ss_doctor_stops(v.report) ? CLI_REFUSED : CLI_OK;
        if (args->options[OPT_JSON])
            code = json_print(doctor_json(v.report), code);
        else
            doctor_print(v.report);
    }
    leave(&v);
    return code;
}

const struct cli_command command_doctor = {
    .path = "doctor",
    .summary = "say why a chip does not boot, and how to repair it",
    .description =
        "Examines a virtual chip's folder, a real chip on a serial port, dumps of one, a build folder, a UART log "
        "alone, or a plan "
        "that it rehearses on a chip in memory, and names every cause, not only the first: each finding is taken for "
        "repaired, and the examination goes on. For each: what was seen, why it matters, whether it is certain, and "
        "the commands that "
        "repair it. Nothing is changed.\n\n"
        "The flash key is not needed; with it, or with a virtual chip, ciphertext is read as well. What "
        "cannot be read is reported as not checked, never passed. Options compiled into the bootloader "
        "come from --profile or --build-dir, else they are guessed; a command that cannot be undone and "
        "rests on a guess is given as a comment. Commands of esptool, espefuse and espsecure are spelled as all "
        "versions take them up to 5.x; 5.x calls that deprecated.\n\n"
        "In a plan, what neither esptool 4.x nor 5.x takes is a command that fails.\n\n"
        "Exit status 3 means that something stops the boot.",
    .operands = "[DIR]",
    .options = options,
    .example = "slotseal doctor my-chip\n"
               "slotseal doctor --port /dev/ttyUSB0 --build-dir build\n"
               "slotseal doctor --efuse efuse.bin --flash flash.bin\n"
               "slotseal doctor --log uart.txt --json\n"
               "slotseal doctor --plan procedure.plan --profile bootloader.profile\n",
    .run = run,
};
