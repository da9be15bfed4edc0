// SPDX-License-Identifier: Apache-2.0
// A load generator for HTTP/1.1 servers on this machine: many kept-alive connections on one thread, prepared requests
// one after the other, bodies thrown away. It does as little as it can, since it shares the cores with what it measures.
#ifndef SS_BENCH_HTTP_LOAD_H
#define SS_BENCH_HTTP_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_load {
    uint16_t port;               ///< on 127.0.0.1
    bool tls;                    ///< TLS 1.3, nothing verified
    unsigned connections;        ///< open at once, 1 to 1,024
    const char *const *requests; ///< whole requests, used in turn by all connections
    size_t request_count;
    double seconds; ///< how long
    double rate;    ///< requests per second, evenly spaced; 0: as many as come back
};

struct http_result {
    uint64_t answers;          ///< with status 200, 206 or 304
    uint64_t errors;           ///< other statuses, broken connections
    uint64_t bytes;            ///< of bodies
    double seconds;            ///< wall time
    double p50, p99, slowest;  ///< from the moment a request was due to its last byte, seconds
    uint64_t connections_lost; ///< closed by the server between two requests
};

/// Runs it. False, with a message on stderr, if no connection can be made at all.
bool http_load_run(const struct http_load *load, struct http_result *result);

#endif
