// SPDX-License-Identifier: Apache-2.0
// Whole programs against each other.
#include "bench/harness.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS 100

extern char **environ;

struct cost {
    double ms;     ///< wall time
    double cpu_ms; ///< of the program itself, user and system
};

static double milliseconds(const struct timeval *t)
{
    return (double)t->tv_sec * 1e3 + (double)t->tv_usec * 1e-3;
}

static bool run_once(const struct bench_process *p, struct cost *cost)
{
    struct rusage usage;
    posix_spawn_file_actions_t quiet;
    struct timespec start, end;
    pid_t pid;
    int status = -1;
    unlink(p->output);
    if (posix_spawn_file_actions_init(&quiet) != 0)
        return false;
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    clock_gettime(CLOCK_MONOTONIC_RAW, &start);
    // posix_spawn's argv is not const for historical reasons only.
    if (posix_spawn(&pid, p->argv[0], &quiet, NULL, (char *const *)(uintptr_t)p->argv, environ) == 0)
        if (wait4(pid, &status, 0, &usage) != pid)
            status = -1;
    clock_gettime(CLOCK_MONOTONIC_RAW, &end);
    posix_spawn_file_actions_destroy(&quiet);
    if (status != 0)
        return false;
    cost->ms = (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) * 1e-6;
    cost->cpu_ms = milliseconds(&usage.ru_utime) + milliseconds(&usage.ru_stime);
    return true;
}

/// By wall time.
static int compare_costs(const void *a, const void *b)
{
    const struct cost *x = a, *y = b;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

bool bench_run_processes(struct bench_process *processes, unsigned count, unsigned rounds, unsigned *failed)
{
    struct cost costs[8][MAX_ROUNDS];
    if (count > 8 || rounds < 1 || rounds > MAX_ROUNDS)
        abort();
    for (unsigned round = 0; round < rounds; round++)
        for (*failed = 0; *failed < count; ++*failed)
            if (!run_once(&processes[*failed], &costs[*failed][round]))
                return false;
    for (unsigned i = 0; i < count; i++) {
        qsort(costs[i], rounds, sizeof costs[i][0], compare_costs);
        processes[i].ms_median = costs[i][rounds / 2].ms;
        processes[i].cpu_ms = costs[i][rounds / 2].cpu_ms;
        processes[i].ms_min = costs[i][0].ms;
        processes[i].ms_max = costs[i][rounds - 1].ms;
    }
    return true;
}
