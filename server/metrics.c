// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <inttypes.h>

static const uint32_t limits[SS_METRICS_BUCKETS] = {500, 2000, 20000, 100000, 1000000, 10000000};

static const struct {
    const char *name, *type, *help;
} counters[SS_COUNTERS] = {
    [SS_COUNT_REFUSED_CREDENTIALS] = {"refused_credentials_total", "counter",
                                      "Requests with a wrong credential or none."},
    [SS_COUNT_LIMITED] = {"limited_total", "counter", "Requests above a rate."},
    [SS_COUNT_BUSY] = {"busy_total", "counter", "Requests refused because too many were waiting."},
    [SS_COUNT_CONNECTIONS] = {"connections", "gauge", "Open connections."},
    [SS_COUNT_DOWNLOADS] = {"downloads", "gauge", "Downloads under way."},
    [SS_COUNT_SEALED_BYTES] = {"sealed_bytes_total", "counter", "Bytes sent that the sealer made."},
    [SS_COUNT_STORED_BYTES] = {"stored_bytes_total", "counter", "Bytes sent from the store."},
    [SS_COUNT_CUT_DOWNLOADS] = {"cut_downloads_total", "counter", "Downloads that did not end."},
    [SS_COUNT_DELIVERIES] = {"deliveries_total", "counter", "Deliveries handed out."},
    [SS_COUNT_REFUSED_DELIVERIES] = {"refused_deliveries_total", "counter", "Deliveries that the sealer refused."},
    [SS_COUNT_TIMED_OUT] = {"timed_out_total", "counter", "Connections closed for being slow."},
    [SS_COUNT_RELOADS] = {"reloads_total", "counter", "Reloads of the configuration."},
};

void ss_metrics_answer(struct ss_metrics *metrics, unsigned route, unsigned status, uint64_t microseconds)
{
    unsigned bucket = 0;
    if (route >= SS_METRICS_ROUTES_MAX)
        return;
    while (bucket < SS_METRICS_BUCKETS && microseconds > limits[bucket])
        bucket++;
    unsigned class = status / 100 < 6 ? status / 100 : 0;
    atomic_fetch_add_explicit(&metrics->routes[route].statuses[class], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->routes[route].buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics->routes[route].microseconds, microseconds, memory_order_relaxed);
}

static void print_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP slotseal_%s %s\n# TYPE slotseal_%s %s\n", name, help, name, type);
}

static void print_value(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    print_head(out, name, type, help);
    fprintf(out, "slotseal_%s %" PRIu64 "\n", name, value);
}

static void print_statuses(struct ss_metrics *metrics, const char *const *names, FILE *out)
{
    print_head(out, "requests_total", "counter", "Answers by route and class of status.");
    for (unsigned r = 0; names[r]; r++)
        for (unsigned s = 1; s < 6; s++) {
            uint64_t n = atomic_load(&metrics->routes[r].statuses[s]);
            if (n)
                fprintf(out, "slotseal_requests_total{route=\"%s\",status=\"%uxx\"} %" PRIu64 "\n", names[r], s, n);
        }
}

static void print_durations(struct ss_metrics *metrics, const char *const *names, FILE *out)
{
    print_head(out, "request_seconds", "histogram", "From a request's first line to its answer.");
    for (unsigned r = 0; names[r]; r++) {
        uint64_t sum = 0, total = 0;
        for (unsigned b = 0; b <= SS_METRICS_BUCKETS; b++)
            total += atomic_load(&metrics->routes[r].buckets[b]);
        for (unsigned b = 0; total && b < SS_METRICS_BUCKETS; b++) {
            sum += atomic_load(&metrics->routes[r].buckets[b]);
            fprintf(out, "slotseal_request_seconds_bucket{route=\"%s\",le=\"%g\"} %" PRIu64 "\n", names[r],
                    limits[b] / 1e6, sum);
        }
        if (total)
            fprintf(out,
                    "slotseal_request_seconds_bucket{route=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
                    "slotseal_request_seconds_sum{route=\"%s\"} %.6f\n"
                    "slotseal_request_seconds_count{route=\"%s\"} %" PRIu64 "\n",
                    names[r], total, names[r], (double)atomic_load(&metrics->routes[r].microseconds) / 1e6, names[r],
                    total);
    }
}

static void print_store(const struct ss_store_counts *counts, FILE *out)
{
    print_value(out, "devices", "gauge", "Devices in the store.", counts->devices);
    print_value(out, "releases", "gauge", "Releases in the store.", counts->releases);
    print_head(out, "actions", "gauge", "Actions in the store by state.");
    fprintf(out,
            "slotseal_actions{state=\"open\"} %" PRIu64 "\nslotseal_actions{state=\"finished\"} %" PRIu64
            "\nslotseal_actions{state=\"error\"} %" PRIu64 "\nslotseal_actions{state=\"canceled\"} %" PRIu64 "\n",
            counts->actions_open, counts->actions_finished, counts->actions_failed, counts->actions_canceled);
    print_value(out, "cache_hits_total", "counter", "Devices answered from memory.", counts->cache_hits);
    print_value(out, "cache_misses_total", "counter", "Devices read from the database.", counts->cache_misses);
    print_value(out, "cached_devices", "gauge", "Devices in memory.", counts->cached);
    print_value(out, "store_writes_total", "counter", "Writes to the store.", counts->writes);
    print_value(out, "store_commits_total", "counter", "Transactions they took.", counts->commits);
    print_value(out, "store_queued", "gauge", "Writes that wait.", counts->queued);
}

void ss_metrics_print(struct ss_metrics *metrics, const char *const *names, const struct ss_store_counts *counts,
                      bool sealer, FILE *out)
{
    for (unsigned i = 0; i < SS_COUNTERS; i++)
        print_value(out, counters[i].name, counters[i].type, counters[i].help, atomic_load(&metrics->counters[i]));
    print_value(out, "sealer_connected", "gauge", "1 while a sealer is there.", sealer);
    print_statuses(metrics, names, out);
    print_durations(metrics, names, out);
    if (counts)
        print_store(counts, out);
}
