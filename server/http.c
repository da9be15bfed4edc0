// SPDX-License-Identifier: Apache-2.0
// The callbacks of libmicrohttpd 0.9.75. Three of its rules shape this file: an answer that is queued at the handler's
// first call closes the connection; a connection that is suspended then gets another first call when it goes on; and a
// connection is suspended by its own thread and resumed by any, but always before its daemon is stopped.
#include "server/http.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/front_parts.h"
#include "server/log.h"

/// Head and answer's head of one connection, bytes. More than a head may have gets 431 from the library.
#define CONNECTION_MEMORY 16384u
/// A body of this size is read to its end although it is refused: then the client sees why, and the connection goes on.
#define DRAIN_MAX 65536u
/// Bytes a second that a client has to take or send at least.
#define SLOWEST 512u

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t ss_front_now(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

static struct ss_http_connection *connection_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/// Gives the connection @p seconds, and what @p bytes take at the slowest.
static void allow(struct ss_http_connection *connection, unsigned seconds, uint64_t bytes)
{
    uint64_t deadline = ss_front_now() + (seconds + bytes / SLOWEST) * UINT64_C(1000000000);
    atomic_store_explicit(&connection->deadline, deadline, memory_order_relaxed);
}

/// Frees what belongs to the last request.
static void reset(struct ss_http_request *request)
{
    if (request->response)
        MHD_destroy_response(request->response);
    free(request->body);
    request->response = NULL;
    request->body = NULL;
    request->body_len = request->body_size = 0;
    request->status = 0;
    request->route = NULL;
    request->state = NULL;
    request->answer_len = 0;
    request->newcomer = false;
    request->operator_name[0] = '\0';
    request->phase = SS_HTTP_HEAD_PHASE;
}

bool ss_http_suspend(struct ss_front *front, struct MHD_Connection *connection)
{
    atomic_fetch_add(&front->suspended, 1); // before it looks: whoever ends the front looks the other way round
    if (atomic_load(&front->ending)) {
        atomic_fetch_sub(&front->suspended, 1);
        return false;
    }
    MHD_suspend_connection(connection);
    return true;
}

void ss_http_resume(struct ss_front *front, struct MHD_Connection *connection)
{
    MHD_resume_connection(connection);
    atomic_fetch_sub(&front->suspended, 1);
}

// Connections

/// libmicrohttpd 0.9.75 with epoll asks again and again while a handshake waits for its client: who sends half of one
/// would have a processor for himself.
static void wait_for_handshake(struct ss_tls_transport *transport)
{
    struct ss_http_connection *connection =
        (struct ss_http_connection *)(void *)((char *)transport - offsetof(struct ss_http_connection, transport));
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->request.connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED);
    if (info && info->suspended)
        return; // it asks twice before it looks whether it is suspended
    atomic_store(&connection->waits, true);
    if (ss_http_suspend(connection->front, connection->request.connection)) {
        ss_front_accept_watch(connection->front, connection);
    } else {
        atomic_store(&connection->waits, false);
        shutdown(connection->fd, SHUT_RDWR);
    }
}

static void open_connection(struct ss_front *front, struct MHD_Connection *mhd, void **context)
{
    struct ss_http_connection *connection = calloc(1, sizeof *connection);
    *context = connection;
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!connection || !fd) {
        if (fd)
            shutdown(fd->connect_fd, SHUT_RDWR);
        return;
    }
    connection->front = front;
    connection->fd = fd->connect_fd;
    connection->request.front = front;
    connection->request.connection = mhd;
    const union MHD_ConnectionInfo *address = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    ss_address_bytes(address ? address->client_addr : NULL, connection->address);
    allow(connection, atomic_load(&front->limits.request_timeout), 0);
    const union MHD_ConnectionInfo *session = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (front->tls) {
        connection->transport = (struct ss_tls_transport){
            .fd = connection->fd, .session = session ? session->tls_session : NULL, .waits = wait_for_handshake};
        connection->tls = session ? ss_tls_begin(front->tls, &connection->transport) : NULL;
        if (!connection->tls)
            shutdown(connection->fd, SHUT_RDWR);
    }
    ss_metrics_add(&front->metrics, SS_COUNT_CONNECTIONS, 1);
    pthread_mutex_lock(&front->connections_lock);
    connection->next = front->connections;
    connection->link = &front->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    front->connections = connection;
    pthread_mutex_unlock(&front->connections_lock);
}

static void close_connection(struct ss_front *front, struct ss_http_connection *connection)
{
    if (!connection)
        return;
    if (connection->front) { // then it is in the list; its links are not to be looked at without the lock
        pthread_mutex_lock(&front->connections_lock);
        *connection->link = connection->next;
        if (connection->next)
            connection->next->link = connection->link;
        pthread_mutex_unlock(&front->connections_lock);
        ss_metrics_sub(&front->metrics, SS_COUNT_CONNECTIONS, 1);
    }
    ss_tls_end(front->tls, connection->tls, &connection->transport);
    reset(&connection->request);
    free(connection);
}

static void notify_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                              enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        open_connection(context, mhd, socket_context);
    } else {
        close_connection(context, *socket_context);
        *socket_context = NULL;
    }
}

void ss_http_sweep(struct ss_front *front)
{
    uint64_t now = ss_front_now();
    pthread_mutex_lock(&front->connections_lock);
    for (struct ss_http_connection *c = front->connections; c; c = c->next)
        if (atomic_load(&c->deadline) < now) {
            ss_metrics_add(&front->metrics, SS_COUNT_TIMED_OUT, 1);
            atomic_store(&c->deadline, UINT64_MAX);
            shutdown(c->fd, SHUT_RDWR);
        }
    pthread_mutex_unlock(&front->connections_lock);
}

// Requests

/// The first line has been read: keeps it as it was sent, before the library unescapes anything.
static void *take_uri(void *context, const char *uri, struct MHD_Connection *mhd)
{
    (void)context;
    struct ss_http_connection *connection = connection_of(mhd);
    if (!connection)
        return NULL;
    struct ss_http_request *request = &connection->request;
    reset(request);
    request->started = read_clock(CLOCK_MONOTONIC);
    size_t len = strlen(uri);
    bool fits = len <= SS_HTTP_URI_MAX;
    memcpy(request->uri, fits ? uri : "", fits ? len + 1 : 1);
    allow(connection, atomic_load(&connection->front->limits.request_timeout), 0);
    return request;
}

static size_t body_max(const struct ss_http_request *request)
{
    return request->route->body_max ? request->route->body_max : SS_HTTP_BODY_MAX;
}

/// Appends a piece of the body, or answers the request.
static void take_body(struct ss_http_request *request, const char *data, size_t len)
{
    if (len > body_max(request) - request->body_len) {
        ss_http_answer_error(request, 413, "the body is too large");
        return;
    }
    if (len > request->body_size - request->body_len) {
        size_t size = request->body_size ? request->body_size * 2 : 4096;
        while (size < request->body_len + len)
            size *= 2;
        char *body = realloc(request->body, size);
        if (!body) {
            ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
            return;
        }
        request->body = body;
        request->body_size = size;
    }
    memcpy(request->body + request->body_len, data, len);
    request->body_len += len;
}

#define CHUNKED UINT64_MAX

/// How many bytes of body are announced, or CHUNKED.
static uint64_t announced(const struct ss_http_request *request)
{
    const char *length = request->headers[SS_HTTP_CONTENT_LENGTH];
    if (request->headers[SS_HTTP_TRANSFER_ENCODING])
        return CHUNKED;
    return length ? strtoull(length, NULL, 10) : 0;
}

static enum MHD_Result queue_answer(struct ss_http_request *request)
{
    struct ss_http_connection *connection = ss_http_owner(request);
    if (!request->status)
        ss_http_answer_error(request, 500, "no answer");
    if (!request->response)
        return MHD_NO;
    uint64_t took = (read_clock(CLOCK_MONOTONIC) - request->started) / 1000;
    unsigned route = request->route ? (unsigned)(request->route - ss_routes) : SS_METRICS_ROUTES_MAX - 1;
    ss_metrics_answer(&request->front->metrics, route, request->status, took);
    if (atomic_load_explicit(&request->front->stopping, memory_order_relaxed))
        ss_http_add_header(request, "Connection", "close");
    allow(connection, atomic_load(&request->front->limits.timeout), request->answer_len);
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, request->response);
    MHD_destroy_response(request->response);
    request->response = NULL;
    request->phase = SS_HTTP_ANSWERED;
    return result;
}

/// A worker's part.
static void run(struct ss_job *job)
{
    struct ss_http_request *request =
        (struct ss_http_request *)(void *)((char *)job - offsetof(struct ss_http_request, job));
    struct ss_front *front = request->front;
    if (request->next(request) == SS_HTTP_DONE)
        ss_http_resume(front, request->connection);
}

void ss_http_continue(struct ss_http_request *request, ss_http_handler next)
{
    request->next = next;
    ss_workers_push(request->front->workers, &request->job, true);
}

/// Has a worker run @p next, while the connection waits in @p phase.
static enum MHD_Result hand_over(struct ss_http_request *request, enum ss_http_phase phase, ss_http_handler next)
{
    struct ss_front *front = request->front;
    request->phase = phase;
    request->next = next;
    request->job.run = run;
    atomic_store(&ss_http_owner(request)->deadline, UINT64_MAX); // it is our turn
    if (!ss_http_suspend(front, request->connection))
        return MHD_NO;
    if (ss_workers_push(front->workers, &request->job, false))
        return MHD_YES;
    ss_metrics_add(&front->metrics, SS_COUNT_BUSY, 1);
    ss_http_answer_error(request, 503, "too many requests are waiting");
    ss_http_add_header(request, "Retry-After", "10");
    ss_http_resume(front, request->connection);
    return MHD_YES;
}

/// The whole request is there.
static enum MHD_Result work_on(struct ss_http_request *request)
{
    ss_http_handler at_once = request->status || request->newcomer ? NULL : request->route->at_once;
    if (request->status || (at_once && at_once(request) == SS_HTTP_DONE))
        return queue_answer(request);
    return hand_over(request, SS_HTTP_WORK_PHASE, ss_http_dispatch);
}

static enum ss_http_result identify(struct ss_http_request *request)
{
    return ss_http_identify(ss_http_owner(request), true);
}

/// The head has been read, and it is known who asks: the body may come.
static enum MHD_Result go_on(struct ss_http_request *request)
{
    uint64_t body = announced(request);
    request->phase = SS_HTTP_BODY_PHASE;
    if (!request->status && body != CHUNKED && body > body_max(request))
        ss_http_answer_error(request, 413, "the body is too large");
    allow(ss_http_owner(request), atomic_load(&request->front->limits.request_timeout),
          request->status || body >= (1u << 30) ? 0 : body);
    return request->status && body > DRAIN_MAX ? queue_answer(request) : MHD_YES;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *data, size_t *len, void **state)
{
    (void)context, (void)url, (void)mhd, (void)version;
    struct ss_http_request *request = *state;
    if (!request)
        return MHD_NO;
    switch (request->phase) {
    case SS_HTTP_HEAD_PHASE:
        if (ss_http_head(ss_http_owner(request), method) == SS_HTTP_LATER)
            return hand_over(request, SS_HTTP_IDENTIFY_PHASE, identify);
        return go_on(request);
    case SS_HTTP_IDENTIFY_PHASE:
        return go_on(request);
    case SS_HTTP_BODY_PHASE:
        if (!*len)
            return work_on(request);
        if (!request->status)
            take_body(request, data, *len);
        *len = 0;
        return MHD_YES;
    case SS_HTTP_WORK_PHASE:
        return queue_answer(request);
    default:
        return MHD_YES;
    }
}

static void completed(void *context, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code)
{
    (void)mhd, (void)code;
    struct ss_front *front = context;
    struct ss_http_request *request = *state;
    if (!request)
        return;
    // A connection that sends request after request stays; one that drips bytes does not.
    allow(ss_http_owner(request), atomic_load(&front->limits.timeout) + atomic_load(&front->limits.request_timeout), 0);
    reset(request);
    *state = NULL;
}

/// Of the URL, only what take_uri() kept is looked at: nothing is unescaped.
static size_t leave(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context, (void)mhd;
    return strlen(text);
}

static void mhd_log(void *context, const char *format, va_list list)
{
    (void)context;
    char text[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    vsnprintf(text, sizeof text, format, list);
#pragma GCC diagnostic pop
    text[strcspn(text, "\n")] = '\0';
    ss_log(SS_LOG_DEBUG, "http", "detail", text, NULL);
}

unsigned ss_http_threads(const struct ss_server_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return config->server.threads ? config->server.threads : processors > 0 ? (unsigned)processors : 1;
}

ss_status_t ss_http_start(struct ss_front *front, struct ss_error *err)
{
    const struct ss_server_config *config = front->config;
    unsigned threads = ss_http_threads(config);
    // front_accept.c listens, and sees to how many there are: libmicrohttpd 0.9.75 ends in a lock that nobody gives up
    // when one of its threads refuses a connection for being too many.
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
                     MHD_USE_ERROR_LOG | (front->tls ? MHD_USE_TLS : 0u);
    struct MHD_OptionItem options[20] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)mhd_log, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, INT_MAX, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)config->limits.timeout, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)config->limits.connections_per_address, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)notify_connection, front},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)completed, front},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)take_uri, front},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave, NULL},
    };
    unsigned n = 10;
    if (threads > 1)
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL};
    if (front->tls) {
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)ss_tls_priorities};
        options[n++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)ss_tls_certificate(front->tls)};
        options[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)ss_tls_key(front->tls)};
    }
    options[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    struct MHD_Daemon *daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, handle, front, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!daemon)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "the HTTP server does not start: %s", strerror(errno));
    front->daemons[front->daemon_count++] = daemon;
    return SS_OK;
}
