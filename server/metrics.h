// SPDX-License-Identifier: Apache-2.0
// Counters of this process, as Prometheus reads them (text exposition format 0.0.4). From any thread.
#ifndef SS_SERVER_METRICS_H
#define SS_SERVER_METRICS_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "server/store.h"

/// Most routes.
#define SS_METRICS_ROUTES_MAX 64
/// Limits of the buckets of durations, microseconds; one more is open.
#define SS_METRICS_BUCKETS 6

enum ss_counter {
    SS_COUNT_REFUSED_CREDENTIALS, ///< 401
    SS_COUNT_LIMITED,             ///< 429 by rate or guesses
    SS_COUNT_BUSY,                ///< 503 for a full queue
    SS_COUNT_CONNECTIONS,         ///< gauge
    SS_COUNT_DOWNLOADS,           ///< gauge
    SS_COUNT_SEALED_BYTES,
    SS_COUNT_STORED_BYTES, ///< of opaque and pre-sealed artifacts
    SS_COUNT_CUT_DOWNLOADS,
    SS_COUNT_DELIVERIES,
    SS_COUNT_REFUSED_DELIVERIES,
    SS_COUNT_TIMED_OUT, ///< connections that took too long
    SS_COUNT_RELOADS,
    SS_COUNTERS,
};

struct ss_metrics {
    atomic_uint_fast64_t counters[SS_COUNTERS];
    struct {
        atomic_uint_fast64_t statuses[6]; ///< by its first digit
        atomic_uint_fast64_t buckets[SS_METRICS_BUCKETS + 1];
        atomic_uint_fast64_t microseconds;
    } routes[SS_METRICS_ROUTES_MAX];
};

static inline void ss_metrics_add(struct ss_metrics *metrics, enum ss_counter counter, uint64_t n)
{
    atomic_fetch_add_explicit(&metrics->counters[counter], n, memory_order_relaxed);
}
static inline void ss_metrics_sub(struct ss_metrics *metrics, enum ss_counter counter, uint64_t n)
{
    atomic_fetch_sub_explicit(&metrics->counters[counter], n, memory_order_relaxed);
}
/// An answer of route number @p route, after @p microseconds.
void ss_metrics_answer(struct ss_metrics *metrics, unsigned route, unsigned status, uint64_t microseconds);
/// Prints everything; @p names are the routes'; NULL ends them. @p counts may be NULL.
void ss_metrics_print(struct ss_metrics *metrics, const char *const *names, const struct ss_store_counts *counts,
                      bool sealer, FILE *out);

#endif
