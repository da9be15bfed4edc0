// SPDX-License-Identifier: Apache-2.0
// How fast firmware is sealed: every kernel in both directions, the peers, digests, and whole processes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness.h"
#include "bench/peers.h"
#include "bench/seal_cases.h"

static const char what[] =
    "Measures sealing: slotseal's kernels, OpenSSL, digests, and the programs slotseal and espsecure.\v"
    "Medians of many rounds in which every variant has its turn, in CPU time of one thread; of whole programs in wall "
    "time. GB are 10^9 bytes; the buffer is 1.3 MiB.";

/// a / b, or null where b was not measured.
static json_t *ratio(double a, const struct bench_case *b)
{
    return b ? json_real(a / bench_gb_per_s(b)) : json_null();
}

static json_t *entry(const struct bench_case *c, const struct bench_case *ecb, const struct bench_case *rekeyed)
{
    double speed = bench_gb_per_s(c), bytes = (double)c->bytes;
    return json_pack("{s:f, s:f, s:o, s:o, s:s, s:f, s:f, s:I, s:i}", "gb_per_s", speed, "cycles_per_byte",
                     bench_cycles_per_byte(c), "ratio_vs_openssl_ecb", ratio(speed, ecb), "ratio_vs_evp_rekeyed",
                     ratio(speed, rekeyed), "kernel", c->kernel, "gb_per_s_min", bytes / c->seconds_max / 1e9,
                     "gb_per_s_max", bytes / c->seconds_min / 1e9, "bytes", (json_int_t)c->bytes, "samples",
                     (int)c->count);
}

static void print_row(const char *name, const json_t *e)
{
    const char *kernel;
    double speed, cycles, ecb, rekeyed;
    if (!json_object_get(e, "ms") &&
        json_unpack((json_t *)(uintptr_t)e, "{s:s, s:f, s:f, s:f, s:f}", "kernel", &kernel, "gb_per_s", &speed,
                    "cycles_per_byte", &cycles, "ratio_vs_openssl_ecb", &ecb, "ratio_vs_evp_rekeyed", &rekeyed) == 0)
        printf("%-24s %-10s %8.2f %8.3f %8.2f %8.1f\n", name, kernel, speed, cycles, ecb, rekeyed);
}

static void print_process(const char *name, json_t *e)
{
    const char *program;
    double ms, cpu_ms, ratio = 0;
    if (json_unpack(e, "{s:s, s:f, s:f, s?f}", "kernel", &program, "ms", &ms, "cpu_ms", &cpu_ms, "ratio", &ratio) != 0)
        return;
    printf("%-24s %-10s %8.1f ms, of which CPU %.1f ms", name, program, ms, cpu_ms);
    if (ratio > 0)
        printf("; speed %.3g x the other", ratio);
    putchar('\n');
}

static void print_table(json_t *report)
{
    json_t *machine = json_object_get(report, "machine"), *value;
    const char *name, *cpu, *compiler, *openssl, *source;
    double mhz;
    size_t i;
    if (json_unpack(machine, "{s:s, s:s, s:s, s:s, s:f}", "cpu", &cpu, "compiler", &compiler, "openssl", &openssl,
                    "cycles_by", &source, "tsc_mhz", &mhz) != 0)
        return;
    printf("%s, time-stamp counter %.0f MHz, cycles by %s\n%s, %s\n\n", cpu, mhz, source, compiler, openssl);
    printf("%-24s %-10s %8s %8s %8s %8s\n", "", "kernel", "GB/s", "cyc/B", "x ECB", "x rekey");
    json_object_foreach(report, name, value) print_row(name, value);
    json_object_foreach(report, name, value) print_process(name, value);
    json_array_foreach(json_object_get(report, "notes"), i, value) printf("note: %s\n", json_string_value(value));
}

int main(int argc, char **argv)
{
    static struct bench_case cases[BENCH_MAX_CASES];
    struct bench_options o;
    bench_parse(argc, argv, what, &o);
    json_t *report = json_object(), *notes = json_array();
    json_object_set_new(report, "machine", bench_machine());
    bool same = true;

    unsigned count = seal_cases_init(cases, notes);
    bench_run(&o, cases, count);
    const struct bench_case *ecb = bench_find(cases, count, "openssl_ecb");
    const struct bench_case *rekeyed = bench_find(cases, count, "evp_rekeyed");
    for (unsigned i = 0; i < count; i++)
        if (cases[i].count && bench_wanted(&o, cases[i].name))
            json_object_set_new(report, cases[i].name, entry(&cases[i], ecb, rekeyed));
    seal_cases_free();

    if (bench_wanted(&o, "process_slotseal") || bench_wanted(&o, "process_espsecure"))
        same = seal_processes(&o, report, notes);
    json_object_set_new(report, "notes", notes);
    bool delivered = bench_deliver(&o, report, print_table);
    json_decref(report);
    if (!same)
        fprintf(stderr, "bench_seal: error: slotseal and espsecure wrote different files\n");
    return same && delivered ? 0 : 1;
}
