// SPDX-License-Identifier: Apache-2.0
// Whole programs against each other.
#include "bench/harness.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS 100

extern char **environ;

/// Wall time in milliseconds, negative on failure.
static double run_once(const struct bench_process *p)
{
    posix_spawn_file_actions_t quiet;
    struct timespec start, end;
    pid_t pid;
    int status = -1;
    unlink(p->output);
    if (posix_spawn_file_actions_init(&quiet) != 0)
        return -1;
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    clock_gettime(CLOCK_MONOTONIC_RAW, &start);
    // posix_spawn's argv is not const for historical reasons only.
    if (posix_spawn(&pid, p->argv[0], &quiet, NULL, (char *const *)(uintptr_t)p->argv, environ) == 0)
        if (waitpid(pid, &status, 0) != pid)
            status = -1;
    clock_gettime(CLOCK_MONOTONIC_RAW, &end);
    posix_spawn_file_actions_destroy(&quiet);
    if (status != 0)
        return -1;
    return (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) * 1e-6;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool bench_run_processes(struct bench_process *processes, unsigned count, unsigned rounds, unsigned *failed)
{
    double ms[8][MAX_ROUNDS];
    if (count > 8 || rounds < 1 || rounds > MAX_ROUNDS)
        abort();
    for (unsigned round = 0; round < rounds; round++)
        for (*failed = 0; *failed < count; ++*failed)
            if ((ms[*failed][round] = run_once(&processes[*failed])) < 0)
                return false;
    for (unsigned i = 0; i < count; i++) {
        qsort(ms[i], rounds, sizeof ms[i][0], compare_doubles);
        processes[i].ms_median = ms[i][rounds / 2];
        processes[i].ms_min = ms[i][0];
        processes[i].ms_max = ms[i][rounds - 1];
    }
    return true;
}
