// SPDX-License-Identifier: Apache-2.0
// The life of a front: start, reload, stop.
#include "server/front.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/crypto.h"
#include "server/front_parts.h"
#include "server/log.h"
#include "server/notify.h"
#include "server/presealed.h"

/// How long requests may go on after SIGTERM, seconds.
#define GRACE 20
/// Somebodies whose rates are kept.
#define LIMIT_ENTRIES  262144
#define TOKEN_FILE_MAX 256
/// Files that may be open beside the connections: of the store, the sealer, the threads' own; and connections above the
/// limit, see front_accept.c.
#define OTHER_FILES 1024u

static void set_limits(struct ss_front_limits *limits, const struct ss_server_config *config)
{
    atomic_store(&limits->device_rate, config->limits.device_rate);
    atomic_store(&limits->address_rate, config->limits.address_rate);
    atomic_store(&limits->guesses, config->limits.guesses);
    atomic_store(&limits->new_devices, config->limits.new_devices);
    atomic_store(&limits->timeout, config->limits.timeout);
    atomic_store(&limits->request_timeout, config->limits.request_timeout);
    atomic_store(&limits->downloads, config->limits.downloads);
    atomic_store(&limits->downloads_per_device, config->limits.downloads_per_device);
    atomic_store(&limits->upload, config->limits.upload);
}

/// A download's block (BLOCK_NOW of download.c) is freed at its end. By itself glibc gives such an amount back to the
/// kernel each time, and the next download pays 40 page faults for it. Kept are up to 4 MiB, for each of the few heaps.
static void keep_memory(void)
{
#ifdef M_TRIM_THRESHOLD
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_MMAP_THRESHOLD, 256 << 10); // which glibc does not adapt any more, once one of them is set
#endif
}

/// As many files as connections need. Where that is not allowed there are fewer connections: with the last file gone, it
/// would be the store that fails.
static unsigned allow_connections(unsigned wanted)
{
    struct rlimit limit;
    char most[16];
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    rlim_t need = (rlim_t)wanted + OTHER_FILES, was = limit.rlim_cur;
    if (was < need) {
        limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            limit.rlim_cur = was;
    }
    if (limit.rlim_cur >= need)
        return wanted;
    unsigned files = (unsigned)limit.rlim_cur, allowed = files / 2;
    if (files > 2 * OTHER_FILES)
        allowed = files - OTHER_FILES;
    if (allowed >= wanted)
        return wanted;
    snprintf(most, sizeof most, "%u", allowed);
    ss_log(SS_LOG_WARNING, "fewer connections than configured", "most", most, "reason",
           "so few files may be open (RLIMIT_NOFILE, ulimit -n)", NULL);
    return allowed;
}

/// Keeps the gateway token's digest alone.
static ss_status_t read_gateway(struct ss_front *front, struct ss_error *err)
{
    const char *path = front->config->server.gateway_token;
    char text[TOKEN_FILE_MAX];
    if (!path)
        return SS_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    if (len < 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "cannot read %s: %s", path, strerror(saved));
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    front->has_gateway =
        len >= 20 && len <= 128 && ss_hash_once(SS_HASH_SHA256, text, (size_t)len, front->gateway) == SS_OK;
    ss_wipe(text, sizeof text);
    if (front->has_gateway)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "%s has to hold a token of 20 to 128 characters",
                        path);
}

static ss_status_t start_sealer(struct ss_front *front, int control, struct ss_error *err)
{
    const struct ss_server_config *config = front->config;
    struct ss_sealer_options options = {.control = control,
                                        .listen = config->sealer.listen,
                                        .certificate = config->sealer.certificate,
                                        .key = config->sealer.key,
                                        .ca = config->sealer.ca,
                                        .lanes = ss_http_threads(config) * front->listeners->count,
                                        .windows = 2 * config->limits.downloads}; // what each may hold
    if (control < 0 && !config->sealer.listen)
        return SS_OK;
    ss_registry_options(front, &options);
    ss_status_t status = ss_sealer_start(&options, &front->sealer_kept, err);
    front->sealer = front->sealer_kept;
    return status;
}

static void log_presealed(void *context, ss_status_t status, const char *text)
{
    (void)context;
    if (status == SS_OK)
        ss_log(SS_LOG_INFO, "pre-sealed files loaded", "folder", text, NULL);
    else
        ss_log(SS_LOG_ERROR, "pre-sealed files not loaded", "reason", text, NULL);
}

/// The store, with what is trusted in it. Files are read while they can be.
static ss_status_t open_store(struct ss_front *front, const struct ss_front_options *options, struct ss_error *err)
{
    const struct ss_server_config *config = front->config;
    struct ss_key_sets *sets = NULL;
    ss_status_t status = SS_OK;
    if (config->presealed.folder)
        status = ss_key_sets_load(config->presealed.key_set, &sets, err);
    if (status == SS_OK) // the last moment with one thread
        status = ss_front_confine(front, options->config_path, !options->unconfined_too, err);
    if (status == SS_OK)
        status = ss_store_open(config->server.store, true, NULL, &front->store, err);
    if (status == SS_OK)
        ss_store_set_history(front->store, config->limits.history, config->limits.history_device);
    if (status == SS_OK && sets)
        status = ss_presealed_trust(front->store, sets, ss_front_log_trusted, err);
    ss_key_sets_free(sets);
    return status;
}

static ss_status_t start(struct ss_front *front, const struct ss_front_options *options, struct ss_error *err)
{
    const struct ss_server_config *config = front->config;
    ss_status_t status = read_gateway(front, err);
    if (status == SS_OK && config->server.certificate)
        status = ss_tls_new(config, &front->tls, err);
    if (status == SS_OK)
        status = open_store(front, options, err);
    if (status == SS_OK && config->server.new_devices) {
        status = ss_store_product_add_opaque(front->store, config->server.new_devices, err);
        if (status != SS_OK)
            return ss_error_prefix(err, status, "new_devices");
    }
    if (status != SS_OK)
        return status;
    front->limit = ss_limit_new(LIMIT_ENTRIES);
    front->workers = ss_workers_new(config->server.workers);
    if (!front->limit || !front->workers)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
    status = start_sealer(front, options->sealer, err);
    if (status == SS_OK && config->presealed.folder)
        status =
            ss_presealed_start(front->store, config->presealed.folder, log_presealed, NULL, &front->presealed, err);
    for (unsigned i = 0; status == SS_OK && i < options->listeners->count; i++)
        status = ss_http_start(front, err);
    return status == SS_OK ? ss_front_accept_start(front, err) : status;
}

static unsigned downloads(struct ss_front *front)
{
    return (unsigned)atomic_load(&front->metrics.counters[SS_COUNT_DOWNLOADS]);
}

/// Everything that waits for the sealer is answered; windows go back to it.
static void stop_sealer(struct ss_front *front)
{
    pthread_rwlock_wrlock(&front->sealer_lock);
    front->sealer = NULL;
    pthread_rwlock_unlock(&front->sealer_lock);
    ss_downloads_stop(front); // none begins any more
    for (unsigned ms = 0; downloads(front) && ms < 5000; ms += 10) {
        // A connection that takes nothing any more would hold its window.
        pthread_mutex_lock(&front->connections_lock);
        for (struct ss_http_connection *c = front->connections; ms > 1000 && c; c = c->next)
            shutdown(c->fd, SHUT_RDWR);
        pthread_mutex_unlock(&front->connections_lock);
        usleep(10000);
    }
    if (!downloads(front))
        ss_sealer_stop(front->sealer_kept);
}

/// Those that wait for their client would wait on.
static void end_handshakes(struct ss_front *front)
{
    pthread_mutex_lock(&front->connections_lock);
    for (struct ss_http_connection *c = front->connections; c; c = c->next)
        if (atomic_load(&c->waits))
            shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_unlock(&front->connections_lock);
}

/// Until no connection is suspended, and with @p sending nothing is downloaded either; at most @p ms milliseconds.
static void wait_until_idle(struct ss_front *front, bool sending, unsigned ms)
{
    for (; ms && ((sending && downloads(front)) || atomic_load(&front->suspended)); ms -= 10) {
        end_handshakes(front);
        usleep(10000);
    }
}

static void stop(struct ss_front *front)
{
    atomic_store(&front->stopping, true);
    ss_front_accept_stop(front);
    wait_until_idle(front, true, GRACE * 1000);
    stop_sealer(front);
    // What is suspended now waits for the store, which always answers, or for a client's handshake; nobody else is.
    atomic_store(&front->ending, true);
    wait_until_idle(front, false, 60000);
    ss_front_accept_free(front);
    for (unsigned i = 0; i < front->daemon_count; i++)
        MHD_stop_daemon(front->daemons[i]);
    ss_workers_free(front->workers);
    ss_presealed_stop(front->presealed);
    ss_store_close(front->store);
    ss_limit_free(front->limit);
    ss_tls_free(front->tls);
}

static void reload(struct ss_front *front, const char *path)
{
    struct ss_server_config *config;
    struct ss_error err = {0};
    ss_notify("RELOADING=1");
    ss_status_t status = ss_server_config_read(path, &config, &err);
    if (status == SS_OK)
        status = ss_server_config_check_front(config, &err);
    if (status == SS_OK && front->tls && config->server.certificate)
        status = ss_tls_reload(front->tls, config, &err);
    if (status == SS_OK) {
        set_limits(&front->limits, config);
        ss_store_set_history(front->store, config->limits.history, config->limits.history_device);
        ss_log_setup(config->log.format, config->log.level);
        ss_metrics_add(&front->metrics, SS_COUNT_RELOADS, 1);
        ss_log(SS_LOG_INFO, "reloaded", "takes effect", "certificates, limits, log", NULL);
    } else {
        ss_log(SS_LOG_ERROR, "not reloaded, everything stays as it was", "reason", err.message, NULL);
    }
    ss_server_config_free(config);
    ss_notify("READY=1");
}

/// Port of the first listener, for those who asked for any.
static unsigned first_port(const struct ss_front_listeners *listeners)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    if (!listeners->count || getsockname(listeners->fds[0], (struct sockaddr *)&address, &len) != 0)
        return 0;
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)(void *)&address)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
}

/// Until a signal says that it is over.
static void serve(struct ss_front *front, const char *path, const sigset_t *signals)
{
    const struct timespec second = {1, 0};
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &second);
        if (signal == SIGHUP)
            reload(front, path);
        else if (signal == SIGTERM || signal == SIGINT)
            return;
        ss_http_sweep(front);
    }
}

ss_status_t ss_front_run(const struct ss_front_options *options, struct ss_error *err)
{
    sigset_t signals;
    struct ss_front *front = calloc(1, sizeof *front);
    if (!front)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); // a file that may not grow is a failed write
    keep_memory();
    front->config = options->config;
    front->listeners = options->listeners;
    front->acceptor_epoll = front->acceptor_wake = -1;
    pthread_mutex_init(&front->connections_lock, NULL);
    pthread_mutex_init(&front->downloads_lock, NULL);
    pthread_rwlock_init(&front->sealer_lock, NULL);
    set_limits(&front->limits, options->config);
    ss_log_setup(options->config->log.format, options->config->log.level);
    front->connections_max = allow_connections(options->config->limits.connections);
    ss_notify_open();
    ss_http_json_setup();
    unsigned port = first_port(options->listeners);
    struct ss_registry *registry = NULL;
    ss_status_t status = start(front, options, err);
    if (status == SS_OK && front->sealer_kept)
        registry = ss_registry_start(front);
    if (status == SS_OK) {
        ss_log(SS_LOG_INFO, "serving", "url", options->config->server.url, NULL);
        if (options->ready)
            options->ready(options->context, port);
        ss_notify("READY=1");
        serve(front, options->config_path, &signals);
        ss_notify("STOPPING=1");
        ss_log(SS_LOG_INFO, "stopping", NULL);
    }
    ss_registry_stop(registry);
    stop(front);
    pthread_rwlock_destroy(&front->sealer_lock);
    pthread_mutex_destroy(&front->downloads_lock);
    pthread_mutex_destroy(&front->connections_lock);
    free(front);
    return status;
}
