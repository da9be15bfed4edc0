// SPDX-License-Identifier: Apache-2.0
// What an update costs beside what the flash itself takes, and what many devices in one process cost.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/agent_device.h"
#include "bench/harness.h"

#define ROUNDS    5
#define FLEET     500
#define CHUNK     1460u // of a TCP segment
#define SECTORS   (DEVICE_SLOT_SIZE / SS_FLASH_SECTOR)
#define PAGES     (DEVICE_APP_SIZE / SS_FLASH_PAGE)
#define OTADATA_S ((double)(SS_FLASH_ERASE_US + SS_FLASH_PROGRAM_US) / 1e6)

static const char what[] =
    "Measures an update of 1.3 MiB on virtual chips: the modelled time of its flash operations, the least that any "
    "agent could need for them, and the CPU time of everything; and devices at rest, many in one process.\v"
    "Flash takes 45 ms to erase a sector and 0.7 ms to program a page; that time is counted, not waited for.";

static double cpu_seconds(void)
{
    return bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static struct ss_sim_device *new_device(struct ss_vchip *chip)
{
    const struct ss_sim_options options = {.pushed = true};
    struct ss_sim_device *d;
    struct ss_error err = {0};
    device_check(ss_sim_new(chip, &options, &d, &err), &err);
    device_check(ss_sim_boot(d, &err), &err);
    return d;
}

struct measured {
    double cpu, flash;
    uint64_t erases, programs;
};

// From a running device to the new app, confirmed: statements, ciphertext, verification, switch, boot.
static struct measured one_update(bool used, const struct agent_update *update)
{
    struct ss_error err = {0};
    enum ss_agent_cause cause;
    struct ss_sim_device *d = new_device(agent_chip(1, used));
    const struct ss_flash *flash = &ss_sim_chip(d)->flash;
    uint64_t erases = flash->erases, programs = flash->programs, before = ss_sim_state(d).flash_us;
    double cpu = cpu_seconds();
    device_check(ss_sim_push(d, &update->parcel, CHUNK, &cause, &err), &err);
    struct measured m = {.cpu = cpu_seconds() - cpu,
                         .flash = (double)(ss_sim_state(d).flash_us - before) / 1e6,
                         .erases = flash->erases - erases,
                         .programs = flash->programs - programs};
    if (ss_sim_state(d).slot != 1) {
        fprintf(stderr, "bench_agent: error: the update is not what runs\n");
        exit(1);
    }
    ss_sim_close(d);
    return m;
}

static void measure_update(json_t *report, const char *name, bool used)
{
    static struct agent_update update;
    double cpu[ROUNDS], least = PAGES * SS_FLASH_PROGRAM_US / 1e6 + OTADATA_S;
    struct measured m;
    if (used)
        least += SECTORS * SS_FLASH_ERASE_US / 1e6;
    ss_chip_free(agent_chip(1, used)); // what the fleet has in common is made once
    agent_update(1, &update);
    for (unsigned i = 0; i < ROUNDS; i++) {
        m = one_update(used, &update);
        cpu[i] = m.cpu;
    }
    qsort(cpu, ROUNDS, sizeof *cpu, bench_by_value);
    double median = cpu[ROUNDS / 2];
    json_object_set_new(report, name,
                        json_pack("{s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "flash_s", m.flash, "least_flash_s",
                                  least, "cpu_s", median, "overhead", (m.flash + median) / least - 1, "cpu_overhead",
                                  median / m.flash, "erases", (json_int_t)m.erases, "programs", (json_int_t)m.programs,
                                  "bytes", (json_int_t)DEVICE_APP_SIZE));
}

/// Devices that run and sleep until their next poll: what each takes beside its chip.
static void measure_fleet(json_t *report)
{
    static struct ss_sim_device *devices[FLEET];
    double free_bytes = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) * 0.75;
    unsigned count =
        free_bytes / (DEVICE_FLASH * 1.05) < FLEET ? (unsigned)(free_bytes / (DEVICE_FLASH * 1.05)) : FLEET;
    struct ss_error err = {0};
    const struct ss_sim_options options = {.clock = 1};
    if (count == 0)
        return;
    for (unsigned i = 0; i < count; i++)
        device_check(ss_sim_new(agent_chip(i + 1, false), &options, &devices[i], &err), &err);
    double memory = bench_resident(), cpu = cpu_seconds();
    for (unsigned i = 0; i < count; i++)
        device_check(ss_sim_boot(devices[i], &err), &err);
    cpu = cpu_seconds() - cpu;
    memory = bench_resident() - memory;
    for (unsigned i = 0; i < count; i++)
        ss_sim_close(devices[i]);
    json_object_set_new(report, "fleet",
                        json_pack("{s:i, s:f, s:f}", "devices", (int)count, "boots_per_s", count / cpu,
                                  "kib_beside_chip", memory / count / 1024));
}

static void print_entry(const char *name, json_t *e)
{
    double flash, least, cpu, overhead, cpu_overhead, rate, kib;
    int devices;
    if (json_unpack(e, "{s:f, s:f, s:f, s:f, s:f}", "flash_s", &flash, "least_flash_s", &least, "cpu_s", &cpu,
                    "overhead", &overhead, "cpu_overhead", &cpu_overhead) == 0)
        printf("%-14s %7.3f s of flash (at least %.3f s), %.3f s of CPU: overhead %.2f %%, of it CPU %.2f %%\n", name,
               flash, least, cpu, overhead * 100, cpu_overhead * 100);
    else if (json_unpack(e, "{s:i, s:f, s:f}", "devices", &devices, "boots_per_s", &rate, "kib_beside_chip", &kib) == 0)
        printf("%-14s %d devices: %.0f boots/s of CPU time, %.0f KiB each beside the chip\n", name, devices, rate, kib);
}

static void print_table(json_t *report)
{
    const char *name, *cpu, *compiler;
    json_t *value;
    if (json_unpack(report, "{s:{s:s, s:s}}", "machine", "cpu", &cpu, "compiler", &compiler) == 0)
        printf("%s, %s\n\n", cpu, compiler);
    json_object_foreach(report, name, value) print_entry(name, value);
}

int main(int argc, char **argv)
{
    struct bench_options o;
    bench_parse(argc, argv, what, &o);
    json_t *report = json_object();
    if (bench_wanted(&o, "update_used"))
        measure_update(report, "update_used", true);
    if (bench_wanted(&o, "update_blank"))
        measure_update(report, "update_blank", false);
    if (bench_wanted(&o, "fleet"))
        measure_fleet(report);
    json_object_set_new(report, "machine", bench_machine());
    bool delivered = bench_deliver(&o, report, print_table);
    json_decref(report);
    return delivered ? 0 : 1;
}
