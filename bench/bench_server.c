// SPDX-License-Identifier: Apache-2.0
// The update server beside nginx, in the same run: polls, sealed downloads, both with everything that belongs to them.
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/chip_device.h"
#include "bench/harness.h"
#include "bench/http_load.h"
#include "bench/server_processes.h"

#define DEVICES     1000
#define ROUNDS      5
#define CONNECTIONS 32
#define FLEET_RATE  (1e6 / 300) ///< a million devices, every five minutes

static const char what[] = "Measures the update server beside nginx: polls of devices, downloads of 1.3 MiB sealed for "
                           "each of 1,000 devices, and the "
                           "same over TLS.\v"
                           "Both servers run as they are used; the load comes from one thread of this program. Polls: "
                           "each server has one processor of "
                           "its own, the load another. Downloads: all processors are shared. Medians of rounds in "
                           "turns; ratios are slotseal's figure "
                           "divided by nginx's.";

/// One kind of load on both servers.
struct contest {
    bool tls;
    uint16_t ports[2]; ///< slotseal, nginx
    char **requests[2];
    size_t counts[2];
    bool one_cpu;
    double rates[2][ROUNDS]; ///< answers or bytes a second
    double cpu[2][ROUNDS];   ///< processor seconds for each answer or byte
    uint64_t errors[2];
};

static char *request(const struct fleet_device *d, const char *format_path, const char *extra)
{
    char path[256], *text;
    snprintf(path, sizeof path, "/DEFAULT/controller/v1/%s%s", d->id, format_path);
    if (asprintf(&text,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: TargetToken %s\r\nAccept: "
                 "application/json, application/octet-stream\r\n%s\r\n",
                 path, d->token, extra) < 0)
        abort();
    return text;
}

static char **poll_requests(const struct fleet *fleet)
{
    char **all = calloc(fleet->count, sizeof *all);
    for (unsigned i = 0; i < fleet->count; i++)
        all[i] = request(&fleet->devices[i], "", "");
    return all;
}

static char **deployment_requests(const struct fleet *fleet)
{
    char **all = calloc(fleet->count, sizeof *all), path[64];
    for (unsigned i = 0; i < fleet->count; i++) {
        snprintf(path, sizeof path, "/deploymentBase/%lld", (long long)fleet->devices[i].action);
        all[i] = request(&fleet->devices[i], path, "");
    }
    return all;
}

static char **download_requests(const struct fleet *fleet)
{
    char **all = calloc(fleet->count, sizeof *all), path[96];
    for (unsigned i = 0; i < fleet->count; i++) {
        snprintf(path, sizeof path, "/softwaremodules/%lld/artifacts/%s", (long long)fleet->devices[i].release,
                 "ota_1.bin");
        all[i] = request(&fleet->devices[i], path, "");
    }
    return all;
}

static char **file_request(const char *path)
{
    char **one = calloc(1, sizeof *one);
    if (asprintf(one, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n", path) < 0)
        abort();
    return one;
}

static void free_requests(struct contest *c)
{
    for (unsigned which = 0; which < 2; which++) {
        for (size_t i = 0; i < c->counts[which]; i++)
            free(c->requests[which][i]);
        free(c->requests[which]);
    }
}

static double median(const double *values)
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, bench_by_value);
    return sorted[ROUNDS / 2];
}

static struct http_result load(const struct contest *c, unsigned which, double seconds, double rate)
{
    struct http_load l = {.port = c->ports[which],
                          .tls = c->tls,
                          .connections = CONNECTIONS,
                          .requests = (const char *const *)c->requests[which],
                          .request_count = c->counts[which],
                          .seconds = seconds,
                          .rate = rate};
    struct http_result result;
    if (!http_load_run(&l, &result))
        exit(1);
    return result;
}

static void bind_self(int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (cpu < 0 || i == cpu)
            CPU_SET(i, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
}

static void run_contest(struct contest *c, const struct server servers[2], double seconds)
{
    bool apart = c->one_cpu && sysconf(_SC_NPROCESSORS_ONLN) > 1;
    for (unsigned i = 0; i < 2; i++)
        server_bind(&servers[i], apart ? 0 : -1);
    bind_self(apart ? 1 : -1);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < 2; i++) {
            double before = server_cpu_seconds(&servers[i]);
            struct http_result r = load(c, i, seconds / (2 * ROUNDS), 0);
            double work = c->one_cpu ? (double)r.answers : (double)r.bytes;
            c->rates[i][round] = work / r.seconds;
            c->cpu[i][round] = (server_cpu_seconds(&servers[i]) - before) / (work > 0 ? work : 1);
            c->errors[i] += r.errors;
        }
}

static json_t *contest_entry(const struct contest *c)
{
    double ours = median(c->rates[0]), theirs = median(c->rates[1]);
    double cpu = median(c->cpu[0]), their_cpu = median(c->cpu[1]);
    double scale = c->one_cpu ? 1 : 1e-9, cpu_scale = c->one_cpu ? 1e6 : 1e9;
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "ratio_vs_nginx", ours / theirs,
        c->one_cpu ? "per_second" : "gb_per_s", ours * scale, c->one_cpu ? "nginx_per_second" : "nginx_gb_per_s",
        theirs * scale, c->one_cpu ? "cpu_us_each" : "cpu_seconds_per_gb", cpu * cpu_scale,
        c->one_cpu ? "nginx_cpu_us_each" : "nginx_cpu_seconds_per_gb", their_cpu * cpu_scale, "cpu_ratio_vs_nginx",
        their_cpu / cpu, "errors", (json_int_t)c->errors[0], "nginx_errors", (json_int_t)c->errors[1]);
}

/// Every device's first deploymentBase: sealed and digested once, signed, kept.
static json_t *first_fetch(const struct fleet *fleet, const struct server *server)
{
    struct contest c = {
        .ports = {FLEET_PLAIN_PORT}, .requests = {deployment_requests(fleet)}, .counts = {fleet->count}};
    double before = server_cpu_seconds(server), seconds = 0, slowest = 0;
    uint64_t answers = 0, errors = 0;
    for (int tries = 0; answers < fleet->count && tries < 600; tries++) {
        // One after the other over few connections, until each was asked once.
        struct http_load l = {.port = FLEET_PLAIN_PORT,
                              .connections = 8,
                              .requests = (const char *const *)c.requests[0] + answers % fleet->count,
                              .request_count = fleet->count - answers % fleet->count,
                              .seconds = 0.2};
        struct http_result r;
        if (!http_load_run(&l, &r))
            exit(1);
        answers += r.answers;
        errors += r.errors;
        seconds += r.seconds;
        slowest = r.slowest > slowest ? r.slowest : slowest;
    }
    double cpu = server_cpu_seconds(server) - before;
    free_requests(&c);
    return json_pack("{s:I, s:I, s:f, s:f, s:f}", "devices", (json_int_t)answers, "errors", (json_int_t)errors,
                     "ms_each", seconds * 1e3 / (double)(answers ? answers : 1), "cpu_ms_each",
                     cpu * 1e3 / (double)(answers ? answers : 1), "slowest_ms", slowest * 1e3);
}

/// nginx gets files of the same sizes as what slotseal answers.
static void make_www(const struct fleet *fleet, size_t poll_size)
{
    char command[512];
    snprintf(command, sizeof command,
             "cd %s && mkdir www && cp plain.bin www/plain.bin && head -c %zu /dev/zero >www/poll.json", fleet->folder,
             poll_size);
    if (system(command) != 0)
        exit(1);
}

static void paced_polls(const struct contest *polls, json_t *entry)
{
    struct http_result r = load(polls, 0, 3, FLEET_RATE);
    json_object_set_new(entry, "p50_ms_at_3333", json_real(r.p50 * 1e3));
    json_object_set_new(entry, "p99_ms_at_3333", json_real(r.p99 * 1e3));
    json_object_set_new(entry, "per_second_at_3333", json_real((double)r.answers / r.seconds));
}

static void print(json_t *report)
{
    const char *name;
    json_t *entry, *value;
    const char *key;
    json_object_foreach(report, name, entry)
    {
        if (!json_object_get(entry, "errors"))
            continue;
        printf("%s\n", name);
        json_object_foreach(entry, key, value) printf("  %-28s %12.4g\n", key, json_number_value(value));
    }
}

/// Everything over plain HTTP.
static bool measure_plain(const struct bench_options *o, const struct fleet *fleet, struct server servers[2],
                          json_t *report)
{
    struct contest polls = {.ports = {FLEET_PLAIN_PORT, NGINX_PLAIN_PORT},
                            .requests = {poll_requests(fleet), file_request("/poll.json")},
                            .counts = {DEVICES, 1},
                            .one_cpu = true};
    struct contest downloads = {.ports = {FLEET_PLAIN_PORT, NGINX_PLAIN_PORT},
                                .requests = {download_requests(fleet), file_request("/plain.bin")},
                                .counts = {DEVICES, 1}};
    if (!server_start_slotseal(&servers[0], o->slotseal, fleet->config_plain, FLEET_PLAIN_PORT))
        return false;
    json_object_set_new(report, "first_fetch", first_fetch(fleet, &servers[0]));
    struct http_result sample = load(&polls, 0, 0.3, 0);
    make_www(fleet, sample.answers ? (size_t)(sample.bytes / sample.answers) : 1);
    if (!server_start_nginx(&servers[1], fleet))
        return false;
    if (bench_wanted(o, "polls")) {
        run_contest(&polls, servers, o->seconds);
        json_t *entry = contest_entry(&polls);
        paced_polls(&polls, entry);
        json_object_set_new(report, "polls", entry);
    }
    if (bench_wanted(o, "sealed_download")) {
        run_contest(&downloads, servers, o->seconds);
        json_t *entry = contest_entry(&downloads);
        json_object_set_new(entry, "resident_mb", json_real(server_resident(&servers[0]) * 1e-6));
        json_object_set_new(report, "sealed_download", entry);
    }
    server_stop(&servers[0]);
    free_requests(&polls);
    free_requests(&downloads);
    return true;
}

static bool measure_tls(const struct bench_options *o, const struct fleet *fleet, struct server servers[2],
                        json_t *report)
{
    struct contest downloads = {.tls = true,
                                .ports = {FLEET_TLS_PORT, NGINX_TLS_PORT},
                                .requests = {download_requests(fleet), file_request("/plain.bin")},
                                .counts = {DEVICES, 1}};
    bool ok = server_start_slotseal(&servers[0], o->slotseal, fleet->config_tls, FLEET_TLS_PORT);
    if (ok && bench_wanted(o, "sealed_download_tls")) {
        run_contest(&downloads, servers, o->seconds);
        json_object_set_new(report, "sealed_download_tls", contest_entry(&downloads));
    }
    free_requests(&downloads);
    return ok;
}

int main(int argc, char **argv)
{
    struct bench_options o;
    struct fleet fleet;
    struct server servers[2] = {{0}};
    bench_parse(argc, argv, what, &o);
    if (!o.slotseal) {
        fprintf(stderr, "bench_server: error: which server? Give the program's path with --slotseal\n");
        return 2;
    }
    fleet_make(&fleet, DEVICES);
    json_t *report = json_pack("{s:o}", "machine", bench_machine());
    bool ok = measure_plain(&o, &fleet, servers, report) && measure_tls(&o, &fleet, servers, report);
    server_stop(&servers[0]);
    server_stop(&servers[1]);
    ok = bench_deliver(&o, report, print) && ok;
    json_decref(report);
    fleet_remove(&fleet);
    return ok ? 0 : 1;
}
