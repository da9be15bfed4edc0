// SPDX-License-Identifier: Apache-2.0
// Servers under load: slotseal and nginx, as they are used, with the processor time of all their processes.
#ifndef SS_BENCH_SERVER_PROCESSES_H
#define SS_BENCH_SERVER_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/server_fleet.h"

#define NGINX_PLAIN_PORT 18481
#define NGINX_TLS_PORT   18444

struct server {
    const char *name;
    pid_t group; ///< process group of everything that it started; 0: not running
};

/// `slotseal serve` with this configuration file. False, with a message, if it does not answer within ten seconds.
bool server_start_slotseal(struct server *server, const char *slotseal, const char *config, uint16_t port);
/// nginx serving the fleet's folder on both ports. False if there is none.
bool server_start_nginx(struct server *server, const struct fleet *fleet);
void server_stop(struct server *server);

/// Processor time of all its processes so far, user and system, seconds.
double server_cpu_seconds(const struct server *server);
/// Binds all its threads to processor @p cpu; -1: to all.
void server_bind(const struct server *server, int cpu);
/// Resident memory of all its processes, bytes.
double server_resident(const struct server *server);

#endif
