// SPDX-License-Identifier: Apache-2.0
// Virtual chips whose apps are the agent, against a server.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "core/hex.h"
#include "json.h"
#include "sim_option.h"

static const struct cli_option options[] = {
    {OPT_UNTIL, "until", 0, false, "STATE", "end when nothing is left to do, or an update has been proved",
     "idle installed", COMPLETE_CHOICE},
    {OPT_TIMEOUT, "timeout", 0, false, "SECONDS", "fail if that has not come by then (no limit)", NULL,
     COMPLETE_NOTHING},
    {OPT_INTERVAL, "interval", 0, false, "SECONDS", "sleep at most so long; the rest passes on the device's clock only",
     NULL, COMPLETE_NOTHING},
    {OPT_STALL, "stall", 0, false, "SECONDS", "give up on a server that sends less than 64 bytes/s (30)", NULL,
     COMPLETE_NOTHING},
    {OPT_SPREAD, "spread", 0, false, "SECONDS", "wait up to so long before the first request (0)", NULL,
     COMPLETE_NOTHING},
    OPTIONS_SIM,
    OPTIONS_PROFILE,
    {OPT_UART, "uart", 0, false, NULL, "also print what mask ROM and bootloader say", NULL, COMPLETE_NOTHING},
    {OPT_JSON, "json", 0, false, NULL, "print events as JSON objects, one a line", NULL, COMPLETE_NOTHING},
    OPTION_END,
};

enum until { UNTIL_STOPPED, UNTIL_IDLE, UNTIL_INSTALLED };

/// What all devices of a run share; only `stop` changes.
struct fleet {
    struct ss_sim_options sim;
    enum until until;
    uint64_t timeout, interval; ///< seconds; 0, UINT64_MAX: none
    bool json, uart, several;
    pthread_mutex_t output;
    struct timespec began;
};

struct one {
    struct fleet *fleet;
    const char *folder;
    struct ss_sim_device *device;
    struct ss_error err;
    bool failed, late;
};

static atomic_bool stop;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop, true);
}

static void stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

// -- Output -----------------------------------------------------------------------------------------------------------

static double seconds_since(const struct timespec *began)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

static const char *event_name(enum ss_sim_event_kind kind)
{
    static const char *const names[] = {
        [SS_SIM_LINE] = "uart",       [SS_SIM_STARTED] = "started", [SS_SIM_EXCHANGED] = "http",
        [SS_SIM_REFUSED] = "refused", [SS_SIM_RESET] = "reset",     [SS_SIM_POWER_LOST] = "power-lost"};
    return names[kind];
}

static json_t *state_json(const struct ss_sim_state *s)
{
    char slot[8], digest[2 * SS_STATEMENT_DIGEST_SIZE + 1];
    snprintf(slot, sizeof slot, "ota_%u", s->slot & 15);
    ss_put_hex(s->record.accepted, sizeof s->record.accepted, digest);
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:i}", "slot", slot, "version", json_text(s->version),
                     "state", ss_agent_state_name(s->state), "cause",
                     ss_agent_cause_name((enum ss_agent_cause)s->record.cause), "accepted", digest, "epoch",
                     (json_int_t)s->record.epoch, "sequence", (json_int_t)s->record.sequence, "key_set",
                     (json_int_t)s->key_set, "failures", (int)s->record.failures);
}

static json_t *event_json(const struct one *one, const struct ss_sim_event *e)
{
    json_t *object = json_pack("{s:f, s:o, s:s}", "time", seconds_since(&one->fleet->began), "chip",
                               json_text(one->folder), "event", event_name(e->kind));
    json_t *more = NULL;
    if (e->kind == SS_SIM_STARTED) {
        struct ss_sim_state state = ss_sim_state(one->device);
        more = state_json(&state);
        json_object_set_new(more, "found", json_string(ss_sim_found_name(e->found)));
    } else if (e->kind == SS_SIM_EXCHANGED) {
        more = json_pack("{s:o, s:o, s:I, s:s}", "request", json_text(e->text), "status",
                         e->http ? json_integer(e->http) : json_null(), "bytes", (json_int_t)e->bytes, "result",
                         ss_status_name(e->status));
    } else if (*e->text) {
        more = json_pack("{s:o, s:o}", "text", json_text(e->text), "reason",
                         *e->detail ? json_text(e->detail) : json_null());
    }
    if (more)
        json_object_update(object, more);
    json_decref(more);
    return object;
}

static void print_started(const struct one *one, const struct ss_sim_event *e)
{
    struct ss_sim_state s = ss_sim_state(one->device);
    char version[40];
    printf("runs version %s from ota_%u, %s", cli_shown(s.version, version, sizeof version), s.slot,
           ss_agent_state_name(s.state));
    if (e->found == SS_FOUND_ROLLED_BACK)
        printf(" (%s)", ss_agent_cause_name((enum ss_agent_cause)s.record.cause));
    printf(", key set %u\n", s.key_set);
}

static const char *failure_text(ss_status_t status)
{
    if (status == SS_ERROR_INVALID_SIGNATURE)
        return "the server's certificate does not verify";
    return status == SS_ERROR_IO ? "no connection, or no whole answer" : ss_status_name(status);
}

static void print_exchange(const char *text, const struct ss_sim_event *e)
{
    printf("%s: ", text);
    if (e->http)
        printf("%u, %llu bytes%s", e->http, (unsigned long long)e->bytes, e->status == SS_OK ? "" : ", ");
    printf("%s\n", e->status == SS_OK ? "" : failure_text(e->status));
}

static void print_event(const struct one *one, const struct ss_sim_event *e)
{
    char text[SS_HTTP_URL_MAX + 8];
    printf("%9.3f  ", seconds_since(&one->fleet->began));
    if (one->fleet->several)
        printf("%s  ", one->folder);
    cli_shown(e->text, text, sizeof text);
    if (e->kind == SS_SIM_STARTED)
        print_started(one, e);
    else if (e->kind == SS_SIM_EXCHANGED)
        print_exchange(text, e);
    else if (e->kind == SS_SIM_REFUSED)
        printf("the agent refuses: %s%s%s\n", text, *e->detail ? ", " : "", e->detail);
    else if (e->kind == SS_SIM_RESET)
        printf("reset: %s\n", text);
    else if (e->kind == SS_SIM_POWER_LOST)
        printf("the power is lost, and comes back\n");
    else
        printf("%s\n", text);
}

static void on_event(void *context, const struct ss_sim_event *event)
{
    struct one *one = context;
    struct fleet *f = one->fleet;
    if (event->kind == SS_SIM_LINE && !f->uart)
        return;
    pthread_mutex_lock(&f->output);
    if (f->json)
        (void)json_print_line(event_json(one, event), CLI_OK);
    else
        print_event(one, event);
    fflush(stdout);
    pthread_mutex_unlock(&f->output);
}

// -- A device ---------------------------------------------------------------------------------------------------------

static void sleep_in_parts(double seconds)
{
    struct timespec began, part = {.tv_nsec = 50000000};
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (double left; !atomic_load(&stop) && (left = seconds - seconds_since(&began)) > 0;) {
        part.tv_nsec = left < 0.05 ? (long)(left * 1e9) : 50000000;
        nanosleep(&part, NULL);
    }
}

static bool reached(const struct one *one, uint32_t seconds)
{
    if (one->fleet->until == UNTIL_STOPPED || seconds == 0 || !ss_sim_idle(one->device))
        return false;
    struct ss_sim_state s = ss_sim_state(one->device);
    return one->fleet->until == UNTIL_IDLE ? s.net.requests > 0 : s.updates > 0 && s.state == SS_STATE_CONFIRMED;
}

static bool is_late(const struct fleet *f)
{
    return f->timeout && seconds_since(&f->began) >= (double)f->timeout;
}

static void pass(const struct fleet *f, struct ss_sim_device *device, uint32_t seconds)
{
    uint32_t sleeps = seconds < f->interval ? seconds : (uint32_t)f->interval;
    double left = f->timeout ? (double)f->timeout - seconds_since(&f->began) : sleeps;
    sleep_in_parts(left < sleeps ? left : sleeps);
    ss_sim_slept(device, seconds - sleeps);
}

static void *live(void *context)
{
    struct one *one = context;
    struct ss_sim_options sim = one->fleet->sim;
    sim.event = on_event;
    sim.context = one;
    sim.stop = &stop;
    ss_status_t status = ss_sim_open(one->folder, &sim, &one->device, &one->err);
    while (status == SS_OK && !atomic_load(&stop)) {
        uint32_t seconds;
        status = ss_sim_step(one->device, &seconds, &one->err);
        if (status == SS_OK && reached(one, seconds))
            break;
        one->late = is_late(one->fleet);
        if (status != SS_OK || one->late)
            break;
        pass(one->fleet, one->device, seconds);
    }
    one->failed = status != SS_OK;
    return NULL;
}

static json_t *ended_json(const struct one *one, const struct ss_sim_state *s)
{
    json_t *object =
        json_pack("{s:f, s:o, s:s, s:i, s:i, s:I, s:I, s:I, s:f}", "time", seconds_since(&one->fleet->began), "chip",
                  json_text(one->folder), "event", "ended", "updates", (int)s->updates, "resets", (int)s->resets,
                  "requests", (json_int_t)s->net.requests, "received", (json_int_t)s->net.received, "sent",
                  (json_int_t)s->net.sent, "flash_seconds", (double)s->flash_us / 1e6);
    json_t *more = s->runs ? state_json(s) : NULL;
    if (more)
        json_object_update(object, more);
    json_decref(more);
    return object;
}

static int report(struct one *one)
{
    int code = CLI_OK;
    if (one->failed) {
        ss_error_prefix(&one->err, one->err.status, "%s", one->folder);
        code = cli_fail(&one->err);
    } else if (one->late) {
        cli_error("%s: that has not come within --timeout", one->folder);
        code = CLI_FAILED;
    }
    if (!one->device || !one->fleet->json)
        return code;
    struct ss_sim_state s = ss_sim_state(one->device);
    return json_print_line(ended_json(one, &s), code);
}

static int run_all(struct fleet *f, const struct cli_args *args)
{
    struct one *all = calloc(args->operand_count, sizeof *all);
    pthread_t *threads = calloc(args->operand_count, sizeof *threads);
    unsigned started = 0;
    int code = CLI_OK;
    for (unsigned i = 0; all && threads && i < args->operand_count; i++) {
        all[i] = (struct one){.fleet = f, .folder = args->operands[i]};
        if (pthread_create(&threads[i], NULL, live, &all[i]) != 0)
            break;
        started++;
    }
    if (started < args->operand_count) {
        atomic_store(&stop, true);
        cli_error("cannot start a thread for each chip");
        code = CLI_FAILED;
    }
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < started; i++) {
        int one = report(&all[i]);
        code = one == CLI_OK ? code : one;
        ss_sim_close(all[i].device);
    }
    free(threads);
    free(all);
    return code;
}

static int run(const struct cli_args *args)
{
    struct profile_option profile = {0};
    struct fleet f = {.several = args->operand_count > 1,
                      .json = args->options[OPT_JSON] != NULL,
                      .uart = args->options[OPT_UART] != NULL,
                      .output = PTHREAD_MUTEX_INITIALIZER};
    uint64_t stall, spread;
    clock_gettime(CLOCK_MONOTONIC, &f.began);
    if (!cli_option_number(args, options, OPT_TIMEOUT, 1000000, 0, &f.timeout) ||
        !cli_option_number(args, options, OPT_INTERVAL, 1000000, UINT64_MAX, &f.interval) ||
        !cli_option_number(args, options, OPT_STALL, 3600, 0, &stall) ||
        !cli_option_number(args, options, OPT_SPREAD, 86400, 0, &spread))
        return CLI_USAGE;
    if (args->options[OPT_UNTIL])
        f.until = cli_option_choice(args, options, OPT_UNTIL, 0) ? UNTIL_INSTALLED : UNTIL_IDLE;
    int code = sim_options(args, options, &profile, &f.sim);
    f.sim.limits.stall = (unsigned)stall;
    f.sim.spread_seconds = (uint32_t)spread;
    if (code == CLI_OK) {
        stop_on_signals();
        code = run_all(&f, args);
    }
    profile_option_free(&profile);
    return code;
}

const struct cli_command command_sim_run = {
    .path = "sim run",
    .summary = "let virtual chips be devices of a fleet",
    .description =
        "Each chip boots what is in its flash; its app is the agent, which polls the servers that it was provisioned "
        "with, takes updates, switches, proves them and reports. Who it is comes from the chip alone: product and "
        "first key set from the image (`slotseal keyset embed`), id, token and servers from its NVS partition, table "
        "and slots from its flash. RAM is lost at every reset. What the app itself would keep in NVS is in agent.nvs "
        "of the chip's folder, unless the table has a data partition named slotseal: then it is a journal in flash.\n\n"
        "A new app finds itself fit once it has reached the server. Whether the bootloader can roll back cannot be "
        "seen in its bytes: --profile or --build-dir says it.\n\n"
        "Flash takes no time here; what it would take is counted. Power that `slotseal chip cut` has planned to fail "
        "fails, and comes back.\n\n"
        "--json prints an object a line: time (seconds), chip and event, which is started (slot, version, state, "
        "cause, "
        "accepted, epoch, sequence, key_set, failures, found), http (request, status or null, bytes, result), refused "
        "or reset (text, reason), power-lost, uart (text), and ended (updates, resets, requests, received and sent in "
        "bytes, flash_seconds, and what started has, found aside, if it runs). Without --until it runs until it gets a "
        "signal.",
    .operands = "DIR...",
    .options = options,
    .example = "slotseal sim run device1 device2 --until installed\n"
               "slotseal sim run device1 --profile bootloader.profile --json\n",
    .run = run,
};
