// SPDX-License-Identifier: Apache-2.0
// What the parts of the front share. Internal to the front.
#ifndef SS_SERVER_FRONT_PARTS_H
#define SS_SERVER_FRONT_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/config.h"
#include "server/front.h"
#include "server/http.h"
#include "server/limit.h"
#include "server/metrics.h"
#include "server/sealer.h"
#include "server/store.h"
#include "server/store_content.h"
#include "server/tls.h"

struct MHD_Daemon;
struct ss_workers;
struct ss_download;
struct ss_registry;
struct ss_presealed;

/// What SIGHUP changes while requests read it.
struct ss_front_limits {
    atomic_uint device_rate, address_rate, guesses, new_devices, timeout, request_timeout, downloads,
        downloads_per_device;
    atomic_uint_fast64_t upload;
};

/// A connection, known from its first byte to its last.
struct ss_http_connection {
    struct ss_front *front;
    struct ss_http_connection *next, **link; ///< list of all
    int fd;
    atomic_uint_fast64_t deadline; ///< ns, monotonic; then it is shut down
    struct ss_tls_use *tls;        ///< NULL: plain
    struct ss_tls_transport transport;
    atomic_bool waits; ///< suspended until its handshake can go on
    bool watched;      ///< known to the acceptor's epoll
    bool peer_known;   ///< the certificate was looked at
    struct ss_tls_peer peer;
    uint8_t address[16]; ///< of the other end
    struct ss_http_request request;
};

struct ss_front {
    const struct ss_server_config *config;
    struct ss_store *store;
    struct ss_presealed *presealed; ///< NULL: there is a sealer
    pthread_rwlock_t sealer_lock;   ///< held for reading around calls
    struct ss_sealer *sealer;       ///< NULL: pre-sealed or opaque products only, or the front ends
    struct ss_sealer *sealer_kept;  ///< the same until it is stopped; gives windows back
    struct ss_tls *tls;             ///< NULL: plain HTTP
    struct ss_workers *workers;
    struct ss_limit *limit;
    struct ss_front_limits limits;
    struct ss_metrics metrics;
    struct MHD_Daemon *daemons[SS_FRONT_LISTENERS_MAX]; ///< by listener
    unsigned daemon_count;
    unsigned connections_max; ///< at once: as many as configured, if so many files may be open
    struct ss_front_listeners *listeners;
    pthread_t acceptor;
    int acceptor_epoll, acceptor_wake; ///< epoll and eventfd of the thread; -1: there is none
    atomic_int acceptor_state;
    bool acceptor_runs;
    bool has_gateway;
    uint8_t gateway[32];           ///< SHA-256 of the gateway token
    struct ss_download *downloads; ///< list of all, by downloads_lock
    pthread_mutex_t downloads_lock;
    pthread_mutex_t connections_lock;
    struct ss_http_connection *connections;
    atomic_uint suspended;          ///< connections that wait for a worker, the store, the sealer or a handshake
    atomic_bool unwritable;         ///< /readyz has said that the store is
    atomic_bool stopping;           ///< connections end with their answer
    atomic_bool stopping_downloads; ///< nobody waits for bytes any more
    atomic_bool ending;             ///< nothing is suspended any more
};

/// The connection that @p request is part of.
static inline struct ss_http_connection *ss_http_owner(struct ss_http_request *request)
{
    return (struct ss_http_connection *)(void *)((char *)request - offsetof(struct ss_http_connection, request));
}

/// Nanoseconds and microseconds of the monotonic clock at the kernel's last tick, a few milliseconds ago: for deadlines
/// and rates, where reading it exactly costs more than all the rest.
uint64_t ss_front_now(void);
static inline uint64_t ss_front_now_us(void)
{
    return ss_front_now() / 1000;
}

// http.c, http_head.c: the callbacks of libmicrohttpd

/// Before the first daemon starts: for ss_http_body_json().
void ss_http_json_setup(void);
/// Starts the daemon of the next listener; it is given its connections.
SS_MUST_USE ss_status_t ss_http_start(struct ss_front *front, struct ss_error *err);
/// Shuts connections down that took longer than they may.
void ss_http_sweep(struct ss_front *front);
/// Reads the request's first line and headers; finds the route and, if memory tells, who asks. An answer is there if
/// that was refused. SS_HTTP_LATER: ss_http_identify() is to be called on a worker.
enum ss_http_result ss_http_head(struct ss_http_connection *connection, const char *method);
/// Finds out who asks. An answer is there if that was refused. SS_HTTP_LATER, only without @p wait: not from memory.
enum ss_http_result ss_http_identify(struct ss_http_connection *connection, bool wait);
/// Runs the handler that the head led to.
enum ss_http_result ss_http_dispatch(struct ss_http_request *request);
/// As the library's, and counted. False, and nothing is suspended, where the front ends; on the connection's thread.
bool ss_http_suspend(struct ss_front *front, struct MHD_Connection *connection);
void ss_http_resume(struct ss_front *front, struct MHD_Connection *connection);

/// Threads that answer requests of one listener.
unsigned ss_http_threads(const struct ss_server_config *config);

// front_accept.c

enum ss_front_acceptor_state {
    SS_FRONT_ACCEPTS,
    SS_FRONT_WATCHES, ///< handshakes alone
    SS_FRONT_ENDS,
};

/// Thread that accepts connections and deals them out to the threads of the daemons, one after the other. It also
/// waits for what handshakes need.
SS_MUST_USE ss_status_t ss_front_accept_start(struct ss_front *front, struct ss_error *err);
/// Resumes the connection when something has come from the other end. On the connection's thread, once it is suspended.
void ss_front_accept_watch(struct ss_front *front, struct ss_http_connection *connection);
/// No connection is accepted any more: the listeners are closed. Handshakes go on.
void ss_front_accept_stop(struct ss_front *front);
/// Ends the thread. No handshake may be under way.
void ss_front_accept_free(struct ss_front *front);

// work.c

/// @p count threads. NULL without memory or threads.
struct ss_workers *ss_workers_new(unsigned count);
/// Finishes what is queued and ends the threads. NULL is allowed.
void ss_workers_free(struct ss_workers *workers);
/// False if too many are waiting already, unless it is to be taken @p always.
bool ss_workers_push(struct ss_workers *workers, struct ss_job *job, bool always);

// front_confine.c

/// Gives up everything but the store, what SIGHUP reads again and the network. With @p required, SS_ERROR_NOT_PERMITTED
/// where neither another user nor Landlock is to be had; also where a folder holds secrets of the sealer and the store, or a
/// certificate or its key.
SS_MUST_USE ss_status_t ss_front_confine(const struct ss_front *front, const char *config_path, bool required,
                                         struct ss_error *err);

// download.c

/// Ends downloads that wait for bytes; others end when they are to wait.
void ss_downloads_stop(struct ss_front *front);

// routes.c

/// The table; a route without a pattern ends it.
extern const struct ss_http_route ss_routes[];
/// The route of a path; NULL: none. Parts behind the tenant are the route's own.
const struct ss_http_route *ss_route_find(const char *const *parts, unsigned count);
/// Names of all routes, ended by NULL, in the order of the table; the last is "none".
const char *const *ss_route_names(void);

// registry.c: what the sealer tells and wants

/// Says in the log what became of a pinned key set (server/store_content.h).
void ss_front_log_trusted(ss_status_t status, const struct ss_store_trusted *done, const struct ss_error *err);
/// Whether a sealer is connected.
bool ss_front_sealer_there(struct ss_front *front);
/// Fills the callbacks of @p options.
void ss_registry_options(struct ss_front *front, struct ss_sealer_options *options);
/// Thread that offers uploads to the sealer and asks it for freshness records.
struct ss_registry *ss_registry_start(struct ss_front *front);
void ss_registry_stop(struct ss_registry *registry);

#endif
