// SPDX-License-Identifier: Apache-2.0
// What every benchmark shares: options, measuring all variants in turns, the machine's description, table and JSON.
#ifndef SS_BENCH_HARNESS_H
#define SS_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <jansson.h>

#define BENCH_MAX_CASES 64

/// Command line of every benchmark.
struct bench_options {
    double seconds;        ///< measuring time for all in-process cases together, default 5
    bool json;             ///< JSON to stdout instead of the table
    const char *json_file; ///< JSON also to this file, or NULL
    const char *only;      ///< glob of entry names, default "*"
    const char *espsecure; ///< the original espsecure program, or NULL
    const char *esptool;   ///< the original esptool program, or NULL
    const char *slotseal;  ///< our own program, or NULL
};

/// One thing to measure.
struct bench_case {
    const char *name;
    const char *kernel;     ///< which implementation runs
    bool yardstick;         ///< measured even if not asked for: ratios need it
    size_t bytes;           ///< work done by one call of run
    void (*run)(void *arg); ///< does the same work at every call
    void *arg;

    unsigned count; ///< samples taken; below: of one call
    double seconds_median, seconds_min, seconds_max;
    double cycles_median; ///< of the counter that bench_cycles_source() names
    unsigned repeat;      ///< private: calls in a turn
    double *samples;      ///< private: pairs of seconds and cycles
};

/// Reads the command line; exits on --help and on wrong use.
void bench_parse(int argc, char **argv, const char *what, struct bench_options *o);

/// True if @p name is among the cases asked for.
bool bench_wanted(const struct bench_options *o, const char *name);

/// Measures all cases round robin until the time is used up, at least five rounds, so that a change of clock speed or
/// load meets all of them alike. Cases not wanted keep count 0.
void bench_run(const struct bench_options *o, struct bench_case *cases, unsigned count);

/// The case called @p name that was measured, or NULL.
const struct bench_case *bench_find(const struct bench_case *cases, unsigned count, const char *name);

/// What @p clock shows, seconds.
double bench_seconds(clockid_t clock);

/// Resident memory of this process, bytes.
double bench_resident(void);

/// For qsort(): doubles, the least first.
int bench_by_value(const void *a, const void *b);

/// 10^9 bytes a second, by the median.
double bench_gb_per_s(const struct bench_case *c);
double bench_cycles_per_byte(const struct bench_case *c);

/// Cycles of this thread in user mode by the CPU's counter ("perf"); where there is none, as in most virtual machines,
/// @p seconds of this thread's time in ticks of the time-stamp counter ("tsc"), whose rate is not the core's clock.
double bench_cycles(double seconds);
const char *bench_cycles_source(void);

/// CPU model, features, time-stamp frequency, compiler, OpenSSL. The caller owns the reference.
json_t *bench_machine(void);

/// The report as JSON or by @p print, and as JSON to o->json_file. False with a message if that cannot be written.
bool bench_deliver(const struct bench_options *o, json_t *report, void (*print)(json_t *report));

/// A program to run as a whole, start-up included.
struct bench_process {
    const char *const *argv;          ///< NULL-terminated, argv[0] is the path
    const char *output;               ///< the file it writes; removed before every run
    double ms_median, ms_min, ms_max; ///< wall time
    double cpu_ms;                    ///< of the median run, user and system
};

/// Measures the wall time of all processes in turns, their stdout and stderr thrown away. False if one cannot be run or
/// exits with another status than 0; it is then stored in *failed.
bool bench_run_processes(struct bench_process *processes, unsigned count, unsigned rounds, unsigned *failed);

#endif
