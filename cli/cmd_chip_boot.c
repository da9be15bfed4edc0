// SPDX-License-Identifier: Apache-2.0
// Switches a virtual ESP32 on and says how far it gets.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip/boot.h"
#include "commands.h"
#include "json.h"
#include "profile_option.h"
#include "slotseal/otadata.h"

static const struct cli_option options[] = {
    {OPT_MAX_RESETS, "max-resets", 0, false, "N", "stop after so many resets by the chip itself (10)", NULL,
     COMPLETE_NOTHING},
    OPTIONS_PROFILE,
    OPTION_JSON,
    OPTION_END,
};

static const char *slot_name(int slot, char out[8])
{
    if (slot == SS_BOOT_FACTORY)
        return "factory";
    if (slot == SS_BOOT_TEST)
        return "test";
    snprintf(out, 8, "ota_%d", slot & 15);
    return out;
}

static void print_line(void *context, const char *line)
{
    (void)context;
    puts(line);
}

/// A NULL entry for a line that found no memory: json_print() reports it.
static void keep_line(void *context, const char *line)
{
    json_array_append_new(context, json_text(line));
}

/// What it was that ended the boot: the last thing that failed.
static const struct ss_boot_stage *last_failure(const struct ss_boot_result *result)
{
    for (unsigned i = result->stage_count; i-- > 0;)
        if (!result->stages[i].ok)
            return &result->stages[i];
    return NULL;
}

static void print_app(const struct ss_boot_result *result)
{
    char slot[8], project[33], version[33];
    memcpy(project, result->project, sizeof project);
    memcpy(version, result->version, sizeof version);
    printf("\napp%s%s%s%s runs from %s at 0x%x\n", result->has_app ? " " : "",
           result->has_app ? cli_printable(project) : "", result->has_app ? " " : "",
           result->has_app ? cli_printable(version) : "", slot_name(result->slot, slot), result->address);
}

static void print_end(const struct ss_boot_result *result)
{
    const struct ss_boot_stage *failure = last_failure(result);
    if (result->outcome == SS_OUTCOME_APP)
        print_app(result);
    else if (result->outcome == SS_OUTCOME_POWER_LOST)
        printf("\nno app runs (power-lost): the power failed where slotseal chip cut had planned it\n");
    else
        printf("\nno app runs (%s): %s%s%s%s\n", ss_boot_outcome_name(result->outcome),
               failure ? failure->reason : "the chip waits for commands", failure ? " [" : "",
               failure ? ss_boot_basis_name(failure->basis) : "", failure ? "]" : "");
    if (result->profile.source == SS_PROFILE_GUESSED)
        cli_hint("the bootloader's options were guessed; --profile or --build-dir gives them");
}

static json_t *json_stages(const struct ss_boot_result *result)
{
    json_t *stages = json_array();
    for (unsigned i = 0; i < result->stage_count; i++) {
        const struct ss_boot_stage *s = &result->stages[i];
        json_array_append_new(stages, json_pack("{s:s, s:b, s:o, s:s, s:i}", "stage", s->rule->id, "ok", s->ok,
                                                "reason", json_text(s->reason), "basis", ss_boot_basis_name(s->basis),
                                                "cycle", (int)s->cycle));
    }
    return stages;
}

static json_t *json_result(const struct ss_boot_result *result, json_t *log)
{
    char slot[8];
    bool runs = result->outcome == SS_OUTCOME_APP;
    json_t *app = result->has_app ? json_pack("{s:o, s:o}", "project", json_text(result->project), "version",
                                              json_text(result->version))
                                  : json_null();
    return json_pack("{s:s, s:o, s:o, s:o, s:i, s:b, s:s, s:o, s:o}", "outcome", ss_boot_outcome_name(result->outcome),
                     "slot", runs ? json_string(slot_name(result->slot, slot)) : json_null(), "address",
                     runs ? json_integer(result->address) : json_null(), "app", app, "resets", (int)result->resets,
                     "loops", result->loops, "profile", ss_profile_source_name(result->profile.source), "stages",
                     json_stages(result), "log", log);
}

static int boot(const struct cli_args *args, struct ss_vchip *chip, const struct ss_boot_profile *profile,
                unsigned max_resets, struct ss_error *err)
{
    const struct ss_boot_options how = {.max_resets = max_resets};
    bool json = args->options[OPT_JSON] != NULL;
    json_t *log = json ? json_array() : NULL;
    struct ss_boot_result *result = calloc(1, sizeof *result);
    int code = CLI_FAILED;
    if (!result) {
        cli_error("out of memory");
    } else if (ss_chip_boot(chip, profile, &how, json ? keep_line : print_line, log, result, err) != SS_OK) {
        code = cli_fail(err);
    } else {
        code = result->outcome == SS_OUTCOME_APP ? CLI_OK : CLI_REFUSED;
        if (json)
            code = json_print(json_result(result, json_incref(log)), code);
        else
            print_end(result);
    }
    json_decref(log);
    free(result);
    return code;
}

static int run(const struct cli_args *args)
{
    struct profile_option option = {0};
    struct ss_vchip *chip = NULL;
    struct ss_error err = {0};
    uint64_t max_resets;
    int code = profile_option_check(args);
    if (code == CLI_OK && !cli_option_number(args, options, OPT_MAX_RESETS, 1000, 10, &max_resets))
        code = CLI_USAGE;
    if (code != CLI_OK)
        return code;
    ss_status_t status = profile_option_read(args, &option, &err);
    if (status == SS_OK)
        status = ss_chip_open(args->operands[0], &chip, &err);
    code = status == SS_OK ? boot(args, chip, option.profile, (unsigned)max_resets, &err) : cli_fail(&err);
    ss_chip_free(chip);
    profile_option_free(&option);
    return code;
}

const struct cli_command command_chip_boot = {
    .path = "chip boot",
    .summary = "switch a virtual ESP32 on",
    .description =
        "Prints the UART log of mask ROM and bootloader, times as (T), and in the last line what runs or where "
        "it stopped, and whether that was observed on real ones, read in source or documents, or inferred. "
        "What the bootloader does to flash and eFuses stays done, as on a real chip.\n\n"
        "What is compiled into the bootloader comes from --profile or --build-dir, else it is guessed from "
        "the bootloader itself. Exit status 3 means that no app runs; slotseal doctor says why.\n\n"
        "--json prints one object. outcome is app; bootloader or rom, for the stage that gave up; download, if the "
        "mask ROM's loader waits on the UART; unknown, if it depends on a key block that is read-protected and not "
        "known, or holds what no rule covers, which is never taken as passed; or power-lost, where `slotseal chip cut` "
        "had planned it. slot and "
        "address (a number) are those of the app, else null, as is app (project, version) without a descriptor. "
        "resets counts what the chip did by itself, loops says that it does so for ever. profile is given, build or "
        "guessed. stages lists what was checked: stage, ok, reason, basis (observed, source, inferred or "
        "not-checkable) and cycle, 0 up to the first reset. log lists the lines of the UART, times as (T).",
    .operands = "DIR",
    .options = options,
    .example = "slotseal chip boot device1\n"
               "slotseal chip boot device1 --profile bootloader.profile --json\n",
    .run = run,
};
