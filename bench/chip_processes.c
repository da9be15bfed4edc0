// SPDX-License-Identifier: Apache-2.0
#include "bench/chip_processes.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/chip_device.h"
#include "chip/serve.h"

#define ROUNDS 3

static struct ss_error err;

static void note(json_t *notes, const char *program, const char *why)
{
    json_array_append_new(notes, json_sprintf("whole processes: %s %s", program, why));
}

static bool make_folder(char *path, size_t size, json_t *notes)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, size, "%.40s/ss-bench-XXXXXX", base && strlen(base) <= 40 ? base : "/tmp");
    if (mkdtemp(path))
        return true;
    note(notes, "temporary folder", strerror(errno));
    return false;
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = {"flash.bin", "efuse.bin", "chip.conf", "out.bin"};
    char path[96];
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static json_t *entry(const struct bench_process *p)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:I, s:i}", "ms", p->ms_median, "cpu_ms", p->cpu_ms, "ms_min", p->ms_min,
                     "ms_max", p->ms_max, "bytes", (json_int_t)DEVICE_APP_SIZE, "samples", ROUNDS);
}

void chip_process_boot(const struct bench_options *o, json_t *report, json_t *notes)
{
    char folder[64], out[96];
    struct ss_chip_options options = device_options(1);
    struct ss_vchip *chip;
    unsigned failed;
    if (!o->slotseal || access(o->slotseal, X_OK) != 0) {
        note(notes, "slotseal", "is not there, give its path with --slotseal");
        return;
    }
    if (!make_folder(folder, sizeof folder, notes))
        return;
    snprintf(out, sizeof out, "%s/out.bin", folder);
    device_check(ss_chip_create(folder, &options, &err), &err);
    device_check(ss_chip_open(folder, &chip, &err), &err);
    device_lay(chip, 1, true);
    ss_chip_free(chip);
    const char *argv[] = {o->slotseal, "chip", "boot", folder, NULL};
    struct bench_process process = {.argv = argv, .output = out};
    if (bench_run_processes(&process, 1, ROUNDS, &failed))
        json_object_set_new(report, "process_boot", entry(&process));
    else
        note(notes, o->slotseal, "chip boot failed");
    remove_folder(folder);
}

static void *serve_thread(void *arg)
{
    device_check(ss_serve_run(arg, &err), &err);
    return NULL;
}

static double cpu_ms(pthread_t thread)
{
    clockid_t clock;
    struct timespec t = {0};
    if (pthread_getcpuclockid(thread, &clock) == 0)
        clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool file_equals(const char *path, const uint8_t *data, size_t len)
{
    uint8_t *bytes = malloc(len + 1);
    FILE *f = fopen(path, "rb");
    bool same = bytes && f && fread(bytes, 1, len + 1, f) == len && memcmp(bytes, data, len) == 0;
    if (f)
        fclose(f);
    free(bytes);
    return same;
}

/// Reads the slot of @p chip, served at @p port by @p thread.
static bool read_slot(const char *esptool, const char *port, const struct ss_vchip *chip, pthread_t thread,
                      json_t *report, json_t *notes)
{
    char folder[64], out[96], address[16], size[16];
    unsigned failed;
    if (!make_folder(folder, sizeof folder, notes))
        return true;
    snprintf(out, sizeof out, "%s/out.bin", folder);
    snprintf(address, sizeof address, "0x%x", DEVICE_SLOT);
    snprintf(size, sizeof size, "0x%x", DEVICE_APP_SIZE);
    const char *argv[] = {esptool,    "--chip",     "esp32", "--port", port, "--before",
                          "no-reset", "read-flash", address, size,     out,  NULL};
    struct bench_process process = {.argv = argv, .output = out};
    double before = cpu_ms(thread);
    bool ran = bench_run_processes(&process, 1, ROUNDS, &failed), same = true;
    if (ran) {
        json_t *e = entry(&process);
        json_object_set_new(e, "chip_cpu_ms", json_real((cpu_ms(thread) - before) / ROUNDS));
        json_object_set_new(report, "process_read_flash", e);
        same = file_equals(out, chip->flash.data + DEVICE_SLOT, DEVICE_APP_SIZE);
    } else {
        note(notes, esptool, "failed");
    }
    remove_folder(folder);
    return same;
}

bool chip_process_read(const struct bench_options *o, json_t *report, json_t *notes)
{
    static const struct ss_serve_options options = {.kind = SS_SERVE_PTY, .download = true};
    char port[SS_SERVE_ADDRESS_SIZE];
    struct ss_serve *serve;
    pthread_t thread;
    if (!o->esptool || access(o->esptool, X_OK) != 0) {
        note(notes, "esptool", "is not there, give its path with --esptool");
        return true;
    }
    struct ss_vchip *chip = device_new(1, true);
    device_check(ss_serve_new(&serve, &err), &err);
    device_check(ss_serve_add(serve, chip, &options, port, &err), &err);
    if (pthread_create(&thread, NULL, serve_thread, serve) != 0)
        abort();
    bool same = read_slot(o->esptool, port, chip, thread, report, notes);
    ss_serve_stop(serve);
    pthread_join(thread, NULL);
    ss_serve_free(serve);
    ss_chip_free(chip);
    return same;
}
