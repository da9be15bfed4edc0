// SPDX-License-Identifier: Apache-2.0
// How fast virtual chips boot and answer: one in this process, a thousand at once, and whole programs on one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/chip_device.h"
#include "bench/chip_processes.h"
#include "bench/harness.h"

#define FLEET 1000

static const char what[] =
    "Measures virtual chips: boots of an app of 1.3 MiB, a thousand chips in one process, and esptool reading over a "
    "pseudo-terminal.\v"
    "In-process times are CPU time of one thread, those of whole programs wall time; medians. MB are 10^6 bytes.";

static void run_boot(void *arg)
{
    device_boot(arg);
}

static json_t *boot_entry(const struct bench_case *c)
{
    return json_pack("{s:f, s:f, s:f, s:I, s:i}", "ms", c->seconds_median * 1e3, "ms_min", c->seconds_min * 1e3,
                     "ms_max", c->seconds_max * 1e3, "bytes", (json_int_t)c->bytes, "samples", (int)c->count);
}

static void measure_boots(const struct bench_options *o, json_t *report)
{
    struct ss_vchip *plain = device_new(1, false), *sealed = device_new(1, true);
    struct bench_case cases[] = {
        {.name = "boot_plain", .kernel = "", .bytes = DEVICE_APP_SIZE, .run = run_boot, .arg = plain},
        {.name = "boot_encrypted", .kernel = "", .bytes = DEVICE_APP_SIZE, .run = run_boot, .arg = sealed},
    };
    const unsigned count = sizeof cases / sizeof *cases;
    bench_run(o, cases, count);
    for (unsigned i = 0; i < count; i++)
        if (cases[i].count)
            json_object_set_new(report, cases[i].name, boot_entry(&cases[i]));
    ss_chip_free(plain);
    ss_chip_free(sealed);
}

/// As many as three quarters of the free memory hold, with a little for each beside its flash.
static unsigned fleet_size(void)
{
    double bytes = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) * 0.75;
    double chips = bytes / (DEVICE_FLASH * 1.02);
    return chips < FLEET ? (unsigned)chips : FLEET;
}

/// All chips are there at the same time, each sealed for a key of its own.
static void measure_fleet(json_t *report, json_t *notes)
{
    static struct ss_vchip *chips[FLEET];
    unsigned count = fleet_size();
    if (count < FLEET)
        json_array_append_new(notes, json_sprintf("fleet: memory for %u chips only", count));
    if (count == 0)
        return;
    ss_chip_free(device_new(1, true)); // the images are made once
    double memory = bench_resident(), wall = bench_seconds(CLOCK_MONOTONIC),
           start = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < count; i++)
        chips[i] = device_new(i + 1, true);
    double made = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < count; i++)
        device_boot(chips[i]);
    double end = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
    wall = bench_seconds(CLOCK_MONOTONIC) - wall;
    memory = (bench_resident() - memory) / count;
    for (unsigned i = 0; i < count; i++)
        ss_chip_free(chips[i]);
    json_object_set_new(report, "fleet",
                        json_pack("{s:i, s:f, s:f, s:f, s:f, s:f}", "chips", (int)count, "chips_per_s",
                                  count / (end - start), "make_ms", (made - start) / count * 1e3, "boot_ms",
                                  (end - made) / count * 1e3, "mib_per_chip", memory / (1 << 20), "wall_s", wall));
}

static void print_entry(const char *name, json_t *e)
{
    double ms, cpu_ms, chip_cpu_ms, rate, make_ms, boot_ms, mib, wall;
    int chips;
    if (json_unpack(e, "{s:i, s:f, s:f, s:f, s:f, s:f}", "chips", &chips, "chips_per_s", &rate, "make_ms", &make_ms,
                    "boot_ms", &boot_ms, "mib_per_chip", &mib, "wall_s", &wall) == 0)
        printf("%-20s %d chips: %.0f chips/s of CPU time (make %.2f ms, boot %.2f ms), %.2f MiB a chip, %.1f s\n", name,
               chips, rate, make_ms, boot_ms, mib, wall);
    else if (json_unpack(e, "{s:f, s:f, s:f}", "ms", &ms, "cpu_ms", &cpu_ms, "chip_cpu_ms", &chip_cpu_ms) == 0)
        printf("%-20s %8.2f ms, of which CPU %.1f ms; CPU of the chip %.1f ms; %.2f MB/s\n", name, ms, cpu_ms,
               chip_cpu_ms, DEVICE_APP_SIZE / ms / 1e3);
    else if (json_unpack(e, "{s:f, s:f}", "ms", &ms, "cpu_ms", &cpu_ms) == 0)
        printf("%-20s %8.2f ms, of which CPU %.1f ms\n", name, ms, cpu_ms);
    else if (json_unpack(e, "{s:f}", "ms", &ms) == 0)
        printf("%-20s %8.2f ms\n", name, ms);
}

static void print_table(json_t *report)
{
    const char *name, *cpu, *compiler;
    json_t *value;
    size_t i;
    if (json_unpack(report, "{s:{s:s, s:s}}", "machine", "cpu", &cpu, "compiler", &compiler) == 0)
        printf("%s, %s\n\n", cpu, compiler);
    json_object_foreach(report, name, value) print_entry(name, value);
    json_array_foreach(json_object_get(report, "notes"), i, value) printf("note: %s\n", json_string_value(value));
}

int main(int argc, char **argv)
{
    struct bench_options o;
    bench_parse(argc, argv, what, &o);
    json_t *report = json_object(), *notes = json_array();
    bool same = true;
    measure_boots(&o, report);
    if (bench_wanted(&o, "fleet"))
        measure_fleet(report, notes);
    if (bench_wanted(&o, "process_boot"))
        chip_process_boot(&o, report, notes);
    if (bench_wanted(&o, "process_read_flash"))
        same = chip_process_read(&o, report, notes);
    json_object_set_new(report, "machine", bench_machine());
    json_object_set_new(report, "notes", notes);
    bool delivered = bench_deliver(&o, report, print_table);
    json_decref(report);
    if (!same)
        fprintf(stderr, "bench_chip: error: esptool read other bytes than the chip holds\n");
    return same && delivered ? 0 : 1;
}
