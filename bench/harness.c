// SPDX-License-Identifier: Apache-2.0
#include "bench/harness.h"

#include <argp.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIN_ROUNDS   5
#define MAX_ROUNDS   2000
#define TURN_SECONDS 0.001

enum { OPTION_JSON = 1, OPTION_ONLY, OPTION_SECONDS, OPTION_ESPSECURE, OPTION_ESPTOOL, OPTION_SLOTSEAL };

static const struct argp_option options[] = {
    {"json", OPTION_JSON, NULL, 0, "Print JSON instead of a table", 0},
    {"json-file", 'o', "FILE", 0, "Also write the JSON to FILE", 0},
    {"only", OPTION_ONLY, "GLOB", 0, "Measure only what GLOB matches, such as 'seal_*'", 0},
    {"seconds", OPTION_SECONDS, "N", 0, "Measuring time of all together (default 5)", 0},
    {"espsecure", OPTION_ESPSECURE, "PATH", 0, "The original espsecure to compare with, as a process", 0},
    {"esptool", OPTION_ESPTOOL, "PATH", 0, "The original esptool to measure virtual chips with", 0},
    {"slotseal", OPTION_SLOTSEAL, "PATH", 0, "The slotseal program to compare it to", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct bench_options *o = state->input;
    char *end = NULL;
    switch (key) {
    case OPTION_JSON:
        o->json = true;
        return 0;
    case 'o':
        o->json_file = arg;
        return 0;
    case OPTION_ONLY:
        o->only = arg;
        return 0;
    case OPTION_SECONDS:
        o->seconds = strtod(arg, &end);
        if (end == arg || *end || !(o->seconds > 0 && o->seconds <= 3600))
            argp_error(state, "--seconds is '%s', must be a number above 0 and up to 3600", arg);
        return 0;
    case OPTION_ESPSECURE:
        o->espsecure = arg;
        return 0;
    case OPTION_ESPTOOL:
        o->esptool = arg;
        return 0;
    case OPTION_SLOTSEAL:
        o->slotseal = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void bench_parse(int argc, char **argv, const char *what, struct bench_options *o)
{
    *o = (struct bench_options){.seconds = 5, .only = "*"};
    const struct argp argp = {.options = options, .parser = parse_option, .doc = what};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, o);
}

bool bench_wanted(const struct bench_options *o, const char *name)
{
    return fnmatch(o->only, name, 0) == 0;
}

double bench_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_resident(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*u %lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/// Time that this thread ran: on a busy machine the wall clock would count the neighbours' turns too.
static double now(void)
{
    return bench_seconds(CLOCK_THREAD_CPUTIME_ID);
}

/// One turn: an untimed call, which brings caches and clock to the state that this case makes for itself, then as many
/// as take TURN_SECONDS. A sample is their mean.
static void measure(struct bench_case *c)
{
    if (c->repeat > 1)
        c->run(c->arg);
    double start = now(), cycles = bench_cycles(start);
    for (unsigned i = 0; i < c->repeat; i++)
        c->run(c->arg);
    double end = now();
    c->samples[2 * c->count] = (end - start) / c->repeat;
    c->samples[2 * c->count + 1] = (bench_cycles(end) - cycles) / c->repeat;
    c->count++;
}

/// Page faults, lazy set-up, and how often the case fits in a turn.
static void prepare(struct bench_case *c)
{
    c->samples = calloc(2 * MAX_ROUNDS, sizeof *c->samples);
    if (!c->samples)
        abort();
    c->run(c->arg);
    double start = now();
    c->run(c->arg);
    double repeat = TURN_SECONDS / (now() - start);
    c->repeat = repeat > 1 ? (unsigned)repeat + 1 : 1;
}

int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/// Sorted copy of every second sample from @p offset on; the caller frees it.
static double *sorted(const struct bench_case *c, unsigned offset)
{
    double *values = malloc(c->count * sizeof *values);
    if (!values)
        abort();
    for (unsigned i = 0; i < c->count; i++)
        values[i] = c->samples[2 * i + offset];
    qsort(values, c->count, sizeof *values, bench_by_value);
    return values;
}

static void summarise(struct bench_case *c)
{
    double *seconds = sorted(c, 0), *cycles = sorted(c, 1);
    c->seconds_median = seconds[c->count / 2];
    c->seconds_min = seconds[0];
    c->seconds_max = seconds[c->count - 1];
    c->cycles_median = cycles[c->count / 2];
    free(seconds);
    free(cycles);
}

void bench_run(const struct bench_options *o, struct bench_case *cases, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (cases[i].yardstick || bench_wanted(o, cases[i].name))
            prepare(&cases[i]);
    double end = bench_seconds(CLOCK_MONOTONIC) + o->seconds;
    for (unsigned round = 0; round < MAX_ROUNDS && (round < MIN_ROUNDS || bench_seconds(CLOCK_MONOTONIC) < end);
         round++)
        for (unsigned i = 0; i < count; i++)
            if (cases[i].samples)
                measure(&cases[i]);
    for (unsigned i = 0; i < count; i++) {
        if (!cases[i].samples)
            continue;
        summarise(&cases[i]);
        free(cases[i].samples);
        cases[i].samples = NULL;
    }
}

const struct bench_case *bench_find(const struct bench_case *cases, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (cases[i].count && strcmp(cases[i].name, name) == 0)
            return &cases[i];
    return NULL;
}

double bench_gb_per_s(const struct bench_case *c)
{
    return (double)c->bytes / c->seconds_median / 1e9;
}

double bench_cycles_per_byte(const struct bench_case *c)
{
    return c->cycles_median / (double)c->bytes;
}

bool bench_deliver(const struct bench_options *o, json_t *report, void (*print)(json_t *report))
{
    if (o->json) {
        json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
    } else {
        print(report);
    }
    if (!o->json_file || json_dump_file(report, o->json_file, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0)
        return true;
    fprintf(stderr, "bench: error: cannot write %s\n", o->json_file);
    return false;
}
