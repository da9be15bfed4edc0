// SPDX-License-Identifier: Apache-2.0
// An update that is carried to a virtual chip by hand.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "file.h"
#include "json.h"
#include "sim_option.h"

#define CHUNK 512u

static const struct cli_option options[] = {
    {OPT_RELEASE, "release", 0, true, "FILE", "release statement", NULL, COMPLETE_FILE},
    {OPT_DELIVERY, "delivery", 0, true, "FILE", "delivery statement", NULL, COMPLETE_FILE},
    {OPT_SEALED, "sealed", 0, true, "FILE", "the sealed image", NULL, COMPLETE_FILE},
    {OPT_CHUNK, "chunk", 0, false, "N", "write so many bytes at a time (512)", NULL, COMPLETE_NOTHING},
    OPTIONS_SIM,
    OPTIONS_PROFILE,
    OPTION_JSON,
    OPTION_END,
};

struct job {
    struct input release, delivery, sealed;
    struct profile_option profile;
    struct ss_sim_options sim;
    struct ss_sim_device *device;
    char reason[32]; ///< why a statement is refused
    bool power_lost;
};

static void on_event(void *context, const struct ss_sim_event *event)
{
    struct job *job = context;
    job->power_lost |= event->kind == SS_SIM_POWER_LOST;
    if (event->kind == SS_SIM_REFUSED)
        snprintf(job->reason, sizeof job->reason, "%s", event->detail);
}

static json_t *result_json(const struct job *job, const struct ss_sim_state *s, enum ss_agent_cause cause)
{
    char slot[8];
    snprintf(slot, sizeof slot, "ota_%u", s->slot & 15);
    return json_pack("{s:b, s:s, s:o, s:s, s:o, s:s, s:f}", "installed",
                     s->updates > 0 && s->state == SS_STATE_CONFIRMED, "cause", ss_agent_cause_name(cause), "reason",
                     *job->reason ? json_string(job->reason) : json_null(), "slot", slot, "version",
                     json_text(s->version), "state", ss_agent_state_name(s->state), "flash_seconds",
                     (double)s->flash_us / 1e6);
}

static int tell(const struct cli_args *args, const struct job *job, enum ss_agent_cause cause)
{
    char version[40];
    struct ss_sim_state s = ss_sim_state(job->device);
    bool installed = s.updates > 0 && s.state == SS_STATE_CONFIRMED;
    if (cause == SS_CAUSE_NONE)
        cause = (enum ss_agent_cause)s.record.cause;
    if (args->options[OPT_JSON])
        return json_print(result_json(job, &s, cause), installed ? CLI_OK : CLI_REFUSED);
    if (job->power_lost && !s.runs)
        printf("the power was lost: the same command goes on\n");
    else if (installed)
        printf("version %s runs from ota_%u, confirmed\n", cli_shown(s.version, version, sizeof version), s.slot);
    else
        printf("not installed: %s%s%s; version %s runs from ota_%u\n", ss_agent_cause_name(cause),
               *job->reason ? ", " : "", job->reason, cli_shown(s.version, version, sizeof version), s.slot);
    return installed ? CLI_OK : CLI_REFUSED;
}

static ss_status_t read_files(const struct cli_args *args, struct job *job, struct ss_error *err)
{
    ss_status_t status = file_read(args->options[OPT_RELEASE], SS_STATEMENT_MAX, &job->release, err);
    if (status == SS_OK)
        status = file_read(args->options[OPT_DELIVERY], SS_STATEMENT_MAX, &job->delivery, err);
    return status == SS_OK ? file_read(args->options[OPT_SEALED], FILE_LIMIT, &job->sealed, err) : status;
}

static int push(const struct cli_args *args, struct job *job, uint32_t chunk)
{
    enum ss_agent_cause cause = SS_CAUSE_NONE;
    struct ss_error err = {0};
    ss_status_t status = read_files(args, job, &err);
    if (status == SS_OK)
        status = ss_sim_open(args->operands[0], &job->sim, &job->device, &err);
    if (status != SS_OK)
        return cli_fail(&err);
    const struct ss_sim_parcel parcel = {.release = job->release.data,
                                         .release_len = job->release.len,
                                         .delivery = job->delivery.data,
                                         .delivery_len = job->delivery.len,
                                         .sealed = job->sealed.data,
                                         .sealed_len = job->sealed.len};
    status = ss_sim_push(job->device, &parcel, chunk, &cause, &err);
    return status == SS_OK || cause != SS_CAUSE_NONE ? tell(args, job, cause) : cli_fail(&err);
}

static int run(const struct cli_args *args)
{
    struct job job = {.sim = {.pushed = true, .event = on_event}};
    uint64_t chunk;
    if (!cli_option_number(args, options, OPT_CHUNK, FILE_LIMIT, CHUNK, &chunk))
        return CLI_USAGE;
    if (chunk == 0)
        return cli_usage(NULL, "--chunk 0 would never end");
    job.sim.context = &job;
    int code = sim_options(args, options, &job.profile, &job.sim);
    if (code == CLI_OK)
        code = push(args, &job, (uint32_t)chunk);
    ss_sim_close(job.device);
    profile_option_free(&job.profile);
    file_free(&job.release);
    file_free(&job.delivery);
    file_free(&job.sealed);
    return code;
}

const struct cli_command command_sim_push = {
    .path = "sim push",
    .summary = "push an update into a virtual chip's agent",
    .description =
        "As a phone, a cable or a gateway does it: the statements, then the sealed image in pieces, from where an "
        "update "
        "that was interrupted goes on. The chip then boots the new app, which confirms itself. Exit status 3 if that "
        "does not run in the end: refused, taken back, or the power was lost.\n\n"
        "--json prints one object: installed, cause (none if all is well), reason (of a statement that is refused, "
        "else "
        "null), slot, version and state of the app that runs, flash_seconds that the chip's flash would have taken.",
    .operands = "DIR",
    .options = options,
    .example = "slotseal sim push device1 --release firmware.release \\\n"
               "    --delivery update.delivery --sealed update.bin\n",
    .run = run,
};
