// SPDX-License-Identifier: Apache-2.0
// One file sealed by slotseal and by the original espsecure, start-up included.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/seal_cases.h"
#include "core/crypto.h"

#define FILE_SIZE (333 * 4096u)
#define ROUNDS    7

struct files {
    char dir[64], key[96], in[96], ours[96], theirs[96];
};

static bool write_random(const char *path, size_t len)
{
    uint8_t *bytes = malloc(len);
    FILE *f = bytes && ss_random(bytes, len) == SS_OK ? fopen(path, "wb") : NULL;
    bool ok = f && fwrite(bytes, 1, len, f) == len && chmod(path, 0600) == 0;
    if (f && fclose(f) != 0)
        ok = false;
    free(bytes);
    return ok;
}

static bool make_files(struct files *f)
{
    const char *base = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%.40s/ss-bench-XXXXXX", base && strlen(base) <= 40 ? base : "/tmp");
    if (!mkdtemp(f->dir))
        return false;
    snprintf(f->key, sizeof f->key, "%s/key.bin", f->dir);
    snprintf(f->in, sizeof f->in, "%s/in.bin", f->dir);
    snprintf(f->ours, sizeof f->ours, "%s/slotseal.bin", f->dir);
    snprintf(f->theirs, sizeof f->theirs, "%s/espsecure.bin", f->dir);
    return write_random(f->key, 32) && write_random(f->in, FILE_SIZE);
}

static void remove_files(const struct files *f)
{
    unlink(f->key);
    unlink(f->in);
    unlink(f->ours);
    unlink(f->theirs);
    rmdir(f->dir);
}

static bool equal_files(const char *a, const char *b)
{
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    size_t len = 0;
    int c = 0;
    bool same = x && y;
    while (same && (c = getc(x)) != EOF) {
        same = c == getc(y);
        len++;
    }
    same = same && getc(y) == EOF && len == FILE_SIZE;
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    return same;
}

static void note(json_t *notes, const char *program, const char *why)
{
    json_array_append_new(notes, json_sprintf("whole processes: %s %s", program, why));
}

static void set_ratio(json_t *e, const char *name, const json_t *report, const char *peer)
{
    double other = json_number_value(json_object_get(json_object_get(report, peer), "gb_per_s"));
    double own = json_number_value(json_object_get(e, "gb_per_s"));
    json_object_set_new(e, name, other > 0 ? json_real(own / other) : json_null());
}

/// @p ratio: how many times as fast as the other program, 0 if there was none. The other figures are as those of the
/// kernels, start-up and writing of the file included.
static json_t *entry(const struct bench_process *p, const char *kernel, double ratio, const json_t *report)
{
    json_t *e = json_pack("{s:f, s:f, s:f, s:f, s:f, s:s, s:I, s:i}", "ms", p->ms_median, "cpu_ms", p->cpu_ms, "ms_min",
                          p->ms_min, "ms_max", p->ms_max, "gb_per_s", FILE_SIZE / p->ms_median / 1e6, "kernel", kernel,
                          "bytes", (json_int_t)FILE_SIZE, "samples", ROUNDS);
    double tsc_mhz = json_number_value(json_object_get(json_object_get(report, "machine"), "tsc_mhz"));
    json_object_set_new(e, "cycles_per_byte", json_real(p->ms_median * 1e3 * tsc_mhz / FILE_SIZE));
    set_ratio(e, "ratio_vs_openssl_ecb", report, "openssl_ecb");
    set_ratio(e, "ratio_vs_evp_rekeyed", report, "evp_rekeyed");
    if (ratio > 0)
        json_object_set_new(e, "ratio", json_real(ratio));
    return e;
}

static bool measure(const struct bench_options *o, const struct files *f, json_t *report, json_t *notes)
{
    const char *ours[] = {o->slotseal, "seal",   f->in, "--address", "0x10000", "--flash-key",
                          f->key,      "--data", "-o",  f->ours,     NULL};
    const char *theirs[] = {o->espsecure, "encrypt-flash-data", "--keyfile", f->key, "--address",
                            "0x10000",    "--output",           f->theirs,   f->in,  NULL};
    struct bench_process processes[2] = {{.argv = ours, .output = f->ours}, {.argv = theirs, .output = f->theirs}};
    bool with_peer = o->espsecure && access(o->espsecure, X_OK) == 0;
    unsigned failed;
    if (!bench_run_processes(processes, with_peer ? 2 : 1, ROUNDS, &failed)) {
        note(notes, processes[failed].argv[0], "failed");
        return true;
    }
    double ratio = with_peer ? processes[1].ms_median / processes[0].ms_median : 0;
    json_object_set_new(report, "process_slotseal", entry(&processes[0], "slotseal", ratio, report));
    if (!with_peer) {
        note(notes, "espsecure", "is not there, give its path with --espsecure");
        return true;
    }
    json_object_set_new(report, "process_espsecure", entry(&processes[1], "espsecure", 1 / ratio, report));
    if (equal_files(f->ours, f->theirs))
        return true;
    note(notes, o->slotseal, "and espsecure wrote different files");
    return false;
}

bool seal_processes(const struct bench_options *o, json_t *report, json_t *notes)
{
    struct files f = {0};
    if (!o->slotseal || access(o->slotseal, X_OK) != 0) {
        note(notes, "slotseal", "is not there, give its path with --slotseal");
        return true;
    }
    bool same = true;
    if (make_files(&f))
        same = measure(o, &f, report, notes);
    else
        note(notes, "temporary files", strerror(errno));
    if (f.dir[0])
        remove_files(&f);
    return same;
}
