// SPDX-License-Identifier: Apache-2.0
// What the figures were measured with: cycle counter, CPU, compiler, library.
#include "bench/harness.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "core/kernels/cpu.h"

#if defined(__x86_64__)
#include <x86intrin.h>
static uint64_t time_stamp(void)
{
    return __rdtsc();
}
#elif defined(__aarch64__)
static uint64_t time_stamp(void)
{
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}
#else
static uint64_t time_stamp(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
#endif

/// Descriptor of the cycle counter of this thread; -1 where there is none, as in most virtual machines.
static int cycle_counter(void)
{
    static int fd = -2;
    if (fd != -2)
        return fd;
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_HW_CPU_CYCLES,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    return fd;
}

const char *bench_cycles_source(void)
{
    return cycle_counter() < 0 ? "tsc" : "perf";
}

static double time_stamp_hz(void)
{
    static double hz;
    struct timespec start, end;
    if (hz != 0)
        return hz;
    clock_gettime(CLOCK_MONOTONIC_RAW, &start);
    uint64_t ticks = time_stamp();
    usleep(50000);
    ticks = time_stamp() - ticks;
    clock_gettime(CLOCK_MONOTONIC_RAW, &end);
    hz = (double)ticks / ((double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9);
    return hz;
}

double bench_cycles(double seconds)
{
    uint64_t cycles;
    int fd = cycle_counter();
    if (fd < 0 || read(fd, &cycles, sizeof cycles) != sizeof cycles)
        return seconds * time_stamp_hz();
    return (double)cycles;
}

static json_t *cpu_model(void)
{
    char line[256], model[256] = "unknown";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %255[^\n]", model) == 1)
            break;
    if (f)
        fclose(f);
    return json_string(model);
}

static json_t *cpu_features(void)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {
        {SS_CPU_SSSE3, "ssse3"},  {SS_CPU_AESNI, "aes-ni"},       {SS_CPU_AVX, "avx"},           {SS_CPU_AVX2, "avx2"},
        {SS_CPU_VAES, "vaes"},    {SS_CPU_VPCLMUL, "vpclmulqdq"}, {SS_CPU_AVX512, "avx512"},     {SS_CPU_GFNI, "gfni"},
        {SS_CPU_SHANI, "sha-ni"}, {SS_CPU_ARM_AES, "arm-aes"},    {SS_CPU_ARM_SHA2, "arm-sha2"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ss_cpu_has(names[i].bit))
            json_array_append_new(list, json_string(names[i].name));
    return list;
}

json_t *bench_machine(void)
{
#if defined(__clang__)
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    return json_pack("{s:o, s:o, s:f, s:s, s:s, s:s}", "cpu", cpu_model(), "features", cpu_features(), "tsc_mhz",
                     time_stamp_hz() * 1e-6, "cycles_by", bench_cycles_source(), "compiler", compiler, "openssl",
                     OpenSSL_version(OPENSSL_VERSION));
}
