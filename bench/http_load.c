// SPDX-License-Identifier: Apache-2.0
#include "bench/http_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define HEAD_MAX      8192
#define DISCARD_PIECE (1u << 20)
#define SAMPLES_MAX   (1u << 22)

enum waiting { IDLE, SENDING, HEAD, BODY };

struct connection {
    int fd;
    SSL *ssl;
    enum waiting waiting;
    const char *request;
    size_t sent, request_len;
    char head[HEAD_MAX];
    size_t head_len;
    uint64_t body_left;
    bool good, close_after;
    double due;
};

struct run {
    const struct http_load *load;
    struct http_result *result;
    struct connection *connections;
    SSL_CTX *tls;
    int epoll;
    size_t next_request;
    double start, end, next_due;
    float *latencies;
    size_t latency_count;
    uint8_t *discard;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// Reading and writing, with and without TLS. 0 at the end, -1 on errors, -2 if it would block.

static ssize_t tls_result(struct connection *c, int n)
{
    if (n > 0)
        return n;
    int why = SSL_get_error(c->ssl, n);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -2 : why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t plain_result(ssize_t n)
{
    return n >= 0 ? n : errno == EAGAIN ? -2 : -1;
}

static ssize_t put(struct connection *c, const void *in, size_t len)
{
    return c->ssl ? tls_result(c, SSL_write(c->ssl, in, (int)len)) : plain_result(send(c->fd, in, len, MSG_NOSIGNAL));
}

static ssize_t get(struct connection *c, void *out, size_t len)
{
    return c->ssl ? tls_result(c, SSL_read(c->ssl, out, (int)len)) : plain_result(recv(c->fd, out, len, 0));
}

/// What nobody looks at need not be copied out of the kernel.
static ssize_t discard(struct run *run, struct connection *c, uint64_t len)
{
    size_t piece = len < DISCARD_PIECE ? (size_t)len : DISCARD_PIECE;
    return c->ssl ? get(c, run->discard, piece) : plain_result(recv(c->fd, run->discard, piece, MSG_TRUNC));
}

static bool handshake(struct run *run, struct connection *c)
{
    c->ssl = SSL_new(run->tls);
    return c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1;
}

static bool connection_open(struct run *run, struct connection *c)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(run->load->port), .sin_addr = {htonl(0x7F000001)}};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->waiting = IDLE;
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 || (run->tls && !handshake(run, c)))
        return false;
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = c};
    return epoll_ctl(run->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

static void connection_close(struct connection *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void reconnect(struct run *run, struct connection *c)
{
    connection_close(c);
    if (!connection_open(run, c))
        run->result->errors++;
}

static uint64_t header_number(const char *head, const char *name, uint64_t fallback)
{
    const char *found = strcasestr(head, name);
    return found ? strtoull(found + strlen(name), NULL, 10) : fallback;
}

static void finished(struct run *run, struct connection *c)
{
    double took = now() - c->due;
    if (c->good)
        run->result->answers++;
    else
        run->result->errors++;
    if (run->latency_count < SAMPLES_MAX)
        run->latencies[run->latency_count++] = (float)took;
    c->waiting = IDLE;
    if (c->close_after) {
        run->result->connections_lost++;
        reconnect(run, c);
    }
}

/// Reads status and length from a complete head; what follows it already belongs to the body.
static void take_head(struct run *run, struct connection *c, size_t end)
{
    c->head[end - 1] = '\0';
    int status = c->head_len > 12 ? atoi(c->head + 9) : 0;
    c->good = status == 200 || status == 206 || status == 304;
    c->close_after = strcasestr(c->head, "\nconnection: close") != NULL;
    c->body_left = status == 304 ? 0 : header_number(c->head, "\ncontent-length:", 0);
    uint64_t here = c->head_len - end;
    run->result->bytes += here;
    c->body_left -= here < c->body_left ? here : c->body_left;
    c->waiting = BODY;
}

static ssize_t read_head(struct run *run, struct connection *c)
{
    ssize_t n = get(c, c->head + c->head_len, sizeof c->head - c->head_len);
    if (n <= 0)
        return n;
    c->head_len += (size_t)n;
    const char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
    if (end)
        take_head(run, c, (size_t)(end - c->head) + 4);
    return end || c->head_len < sizeof c->head ? 1 : -1;
}

static ssize_t read_body(struct run *run, struct connection *c)
{
    if (c->body_left == 0)
        return 1;
    ssize_t n = discard(run, c, c->body_left);
    if (n > 0) {
        run->result->bytes += (uint64_t)n;
        c->body_left -= (uint64_t)n;
    }
    return n;
}

static ssize_t write_request(struct connection *c)
{
    ssize_t n = put(c, c->request + c->sent, c->request_len - c->sent);
    if (n > 0)
        c->sent += (size_t)n;
    if (c->sent == c->request_len) {
        c->waiting = HEAD;
        c->head_len = 0;
    }
    return n;
}

/// Goes on with one connection until it would block or its answer is complete.
static void advance(struct run *run, struct connection *c)
{
    ssize_t n = 1;
    while (n > 0 && c->waiting != IDLE) {
        if (c->waiting == SENDING)
            n = write_request(c);
        else if (c->waiting == HEAD)
            n = read_head(run, c);
        else
            n = read_body(run, c);
        if (c->waiting == BODY && c->body_left == 0 && n > 0)
            finished(run, c);
    }
    if (n == 0 || n == -1) {
        run->result->errors++;
        reconnect(run, c);
    }
}

static void start_request(struct run *run, struct connection *c, double due)
{
    c->request = run->load->requests[run->next_request++ % run->load->request_count];
    c->request_len = strlen(c->request);
    c->sent = 0;
    c->due = due;
    c->waiting = SENDING;
    advance(run, c);
}

/// Without a rate every idle connection asks again; with one, as many as are due.
static void start_due(struct run *run)
{
    double t = now();
    for (unsigned i = 0; i < run->load->connections; i++) {
        struct connection *c = &run->connections[i];
        if (c->waiting != IDLE || c->fd < 0)
            continue;
        if (run->load->rate == 0) {
            start_request(run, c, now());
            continue;
        }
        if (run->next_due > t)
            return;
        start_request(run, c, run->next_due);
        run->next_due += 1 / run->load->rate;
    }
}

static int wait_ms(const struct run *run)
{
    if (run->load->rate == 0)
        return 100;
    double ms = (run->next_due - now()) * 1e3;
    return ms <= 0 ? 0 : ms > 100 ? 100 : (int)ms;
}

static void loop(struct run *run)
{
    struct epoll_event events[64];
    run->start = run->next_due = now();
    run->end = run->start + run->load->seconds;
    while (now() < run->end) {
        start_due(run);
        int count = epoll_wait(run->epoll, events, 64, wait_ms(run));
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            advance(run, c);
            if (c->waiting == IDLE && c->fd >= 0 && run->load->rate == 0)
                start_request(run, c, now());
        }
    }
    run->result->seconds = now() - run->start;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void latencies(struct run *run)
{
    size_t n = run->latency_count;
    if (n == 0)
        return;
    qsort(run->latencies, n, sizeof *run->latencies, by_value);
    run->result->p50 = run->latencies[n / 2];
    run->result->p99 = run->latencies[n * 99 / 100];
    run->result->slowest = run->latencies[n - 1];
}

static bool prepare(struct run *run)
{
    run->connections = calloc(run->load->connections, sizeof *run->connections);
    run->latencies = malloc(SAMPLES_MAX * sizeof *run->latencies);
    run->discard = malloc(DISCARD_PIECE);
    run->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (run->load->tls) {
        run->tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(run->tls, SSL_MODE_ENABLE_PARTIAL_WRITE);
    }
    if (!run->connections || !run->latencies || !run->discard || run->epoll < 0)
        return false;
    for (unsigned i = 0; i < run->load->connections; i++)
        run->connections[i].fd = -1;
    for (unsigned i = 0; i < run->load->connections; i++)
        if (!connection_open(run, &run->connections[i]))
            return false;
    return true;
}

bool http_load_run(const struct http_load *load, struct http_result *result)
{
    memset(result, 0, sizeof *result);
    struct run run = {.load = load, .result = result, .epoll = -1};
    bool ready = prepare(&run);
    if (ready) {
        loop(&run);
        latencies(&run);
    } else {
        fprintf(stderr, "no connection to 127.0.0.1:%u: %s\n", load->port, strerror(errno));
    }
    for (unsigned i = 0; run.connections && i < load->connections; i++)
        connection_close(&run.connections[i]);
    SSL_CTX_free(run.tls);
    if (run.epoll >= 0)
        close(run.epoll);
    free(run.connections);
    free(run.latencies);
    free(run.discard);
    return ready;
}
