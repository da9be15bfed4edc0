// SPDX-License-Identifier: Apache-2.0
// The agent's HTTP client on libcurl, against a server that says exactly what a test wants.
#include "support/unit.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device/port/posix/http_curl.h"
#include "device/port/posix/pem.h"

// -- A server of one answer a connection ------------------------------------------------------------------------------

struct server {
    int fd;
    char url[64];
    const char *answer; ///< sent once a request has come
    size_t answer_len;
    unsigned answers; ///< of so many requests on one connection
    bool holds;       ///< keeps the connection open, silent
    char request[4096];
    pthread_t thread;
};

static size_t body_length(const char *request)
{
    const char *at = strcasestr(request, "content-length:");
    return at ? (size_t)strtoul(at + 15, NULL, 10) : 0;
}

// False if the client has gone.
static bool read_request(struct server *s, int fd)
{
    size_t len = 0;
    const char *end = NULL;
    memset(s->request, 0, sizeof s->request);
    while (!end || len < (size_t)(end + 4 - s->request) + body_length(s->request)) {
        ssize_t n = read(fd, s->request + len, sizeof s->request - 1 - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
        end = strstr(s->request, "\r\n\r\n");
    }
    return true;
}

static void *serve(void *context)
{
    struct server *s = context;
    int fd = accept(s->fd, NULL, NULL);
    for (unsigned i = 0; i < s->answers && read_request(s, fd); i++) {
        size_t sent = 0;
        while (sent < s->answer_len) {
            ssize_t n = send(fd, s->answer + sent, s->answer_len - sent, MSG_NOSIGNAL);
            if (n <= 0)
                break;
            sent += (size_t)n;
        }
    }
    char byte;
    while (s->holds && read(fd, &byte, 1) > 0)
        ;
    close(fd);
    return NULL;
}

static void serve_bytes(struct server *s, const char *answer, size_t len, unsigned answers, bool holds)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *s = (struct server){.answer = answer, .answer_len = len, .answers = answers, .holds = holds};
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->fd, 1), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &size), 0);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/x?c=1", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void end_server(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->fd);
}

// -- A sink that keeps what it gets -----------------------------------------------------------------------------------

struct got {
    unsigned heads, status;
    uint64_t length;
    char etag[129], content_range[129], location[SS_HTTP_URL_MAX + 2], retry_after[129];
    size_t len;
    uint64_t sum;
    bool refuse_head;
    size_t stop_at; ///< 0: never
    jmp_buf *jump;
    char body[64];
};

static void note(char *out, const char *value)
{
    strcpy(out, value ? value : "-");
}

static bool on_head(void *context, const struct ss_http_head *head)
{
    struct got *g = context;
    g->heads++;
    g->status = head->status;
    g->length = head->length;
    note(g->etag, head->etag);
    note(g->content_range, head->content_range);
    note(g->location, head->location);
    note(g->retry_after, head->retry_after);
    assert_int_equal(g->len, 0);
    return !g->refuse_head;
}

static bool on_body(void *context, const uint8_t *bytes, size_t len)
{
    struct got *g = context;
    assert_int_equal(g->heads, 1);
    assert_true(len > 0);
    for (size_t i = 0; i < len; i++, g->len++) {
        g->sum += (uint64_t)bytes[i] * (g->len + 1);
        if (g->len < sizeof g->body - 1)
            g->body[g->len] = (char)bytes[i];
    }
    if (g->jump)
        longjmp(*g->jump, 1);
    return !g->stop_at || g->len < g->stop_at;
}

static ss_status_t exchange(struct server *s, struct ss_http_request r, struct got *g)
{
    static const struct ss_curl_limits limits = {.connect = 5, .stall = 1, .least = 1000};
    struct ss_curl *c = ss_curl_new(&limits);
    const struct ss_http_sink sink = {on_head, on_body, g};
    assert_non_null(c);
    assert_int_equal(ss_curl_credential(c, "secret-token", (struct ss_curl_blob){0}, (struct ss_curl_blob){0}), SS_OK);
    r.url = r.url ? r.url : s->url;
    ss_status_t status = ss_curl_exchange(c, &r, &sink);
    ss_curl_free(c);
    end_server(s);
    return status;
}

static ss_status_t answered(const char *answer, struct got *g)
{
    struct server s;
    struct got fresh = {.refuse_head = g->refuse_head, .stop_at = g->stop_at};
    *g = fresh;
    serve_bytes(&s, answer, strlen(answer), 1, false);
    return exchange(&s, (struct ss_http_request){.accept = "application/json"}, g);
}

// -- Tests ------------------------------------------------------------------------------------------------------------

static void what_is_sent(void **state)
{
    (void)state;
    struct server s;
    struct got g = {0};
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    setenv("http_proxy", "http://127.0.0.1:1", 1); // the host's, not the device's
    serve_bytes(&s, ok, strlen(ok), 1, false);
    assert_int_equal(
        exchange(&s,
                 (struct ss_http_request){
                     .accept = "application/octet-stream", .from = 4096, .if_range = "\"tag\"", .credential = true},
                 &g),
        SS_OK);
    assert_memory_equal(s.request, "GET /x?c=1 HTTP/1.1\r\n", 21);
    assert_non_null(strstr(s.request, "\r\nRange: bytes=4096-\r\n"));
    assert_non_null(strstr(s.request, "\r\nIf-Range: \"tag\"\r\n"));
    assert_non_null(strstr(s.request, "\r\nAccept: application/octet-stream\r\n"));
    assert_non_null(strstr(s.request, "\r\nAuthorization: TargetToken secret-token\r\n"));
    assert_null(strcasestr(s.request, "accept-encoding"));
    serve_bytes(&s, ok, strlen(ok), 1, false);
    assert_int_equal(
        exchange(&s,
                 (struct ss_http_request){.method = SS_HTTP_PUT, .accept = "*/*", .body = "{\"a\":1}", .body_len = 7},
                 &g),
        SS_OK);
    assert_memory_equal(s.request, "PUT /x?c=1 HTTP/1.1\r\n", 21);
    assert_non_null(strstr(s.request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(s.request, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(s.request, "\r\n\r\n{\"a\":1}"));
    assert_null(strcasestr(s.request, "authorization"));
    assert_null(strcasestr(s.request, "range"));
    serve_bytes(&s, ok, strlen(ok), 1, false);
    assert_int_equal(exchange(&s, (struct ss_http_request){.method = SS_HTTP_POST, .body = "[]", .body_len = 2}, &g),
                     SS_OK);
    assert_memory_equal(s.request, "POST /x?c=1 HTTP/1.1\r\n", 22);
    unsetenv("http_proxy");
}

static void what_is_answered(void **state)
{
    (void)state;
    struct got g = {0};
    assert_int_equal(answered("HTTP/1.1 206 Partial\r\neTag:  \"a b\" \r\nContent-Range: bytes 4-8/9\r\n"
                              "Retry-After: 7\r\nContent-Length: 5\r\n\r\nhello",
                              &g),
                     SS_OK);
    assert_int_equal(g.status, 206);
    assert_int_equal(g.length, 5);
    assert_string_equal(g.etag, "\"a b\"");
    assert_string_equal(g.content_range, "bytes 4-8/9");
    assert_string_equal(g.retry_after, "7");
    assert_string_equal(g.location, "-");
    assert_string_equal(g.body, "hello");
    // Those of an interim answer are not the answer's, nor are trailers.
    assert_int_equal(answered("HTTP/1.1 103 Early\r\nETag: \"no\"\r\nLocation: /no\r\n\r\n"
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "2\r\nhe\r\n3\r\nllo\r\n0\r\nETag: \"late\"\r\n\r\n",
                              &g),
                     SS_OK);
    assert_int_equal(g.heads, 1);
    assert_int_equal(g.status, 200);
    assert_true(g.length == SS_HTTP_LENGTH_UNKNOWN);
    assert_string_equal(g.etag, "-");
    assert_string_equal(g.body, "hello");
    // Redirects are told, not followed.
    assert_int_equal(answered("HTTP/1.1 302 Found\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n", &g),
                     SS_OK);
    assert_int_equal(g.status, 302);
    assert_string_equal(g.location, "https://elsewhere/");
}

static void headers_that_are_too_long(void **state)
{
    (void)state;
    char answer[2048], url[SS_HTTP_URL_MAX + 2];
    struct got g = {0};
    for (unsigned more = 0; more < 2; more++) {
        memset(url, 'u', sizeof url);
        url[SS_HTTP_URL_MAX + more] = 0;
        snprintf(answer, sizeof answer, "HTTP/1.1 302 F\r\nLocation: %s\r\nETag: %.*s\r\nContent-Length: 0\r\n\r\n",
                 url, 127 + (int)more, url);
        assert_int_equal(answered(answer, &g), SS_OK);
        assert_string_equal(g.location, more ? "-" : url);
        assert_int_equal(strlen(g.etag), more ? 1 : 127);
    }
}

static void answers_that_are_none(void **state)
{
    (void)state;
    struct got g = {0};
    assert_int_equal(answered("", &g), SS_ERROR_IO);
    assert_int_equal(answered("SSH-2.0-OpenSSH\r\n", &g), SS_ERROR_IO);
    assert_int_equal(g.heads, 0);
    assert_int_equal(answered("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", &g), SS_ERROR_IO);
    assert_string_equal(g.body, "hello"); // what had come was given
    assert_int_equal(answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", &g), SS_ERROR_IO);
    assert_int_equal(answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", &g), SS_ERROR_IO);
    assert_int_equal(answered("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", &g), SS_ERROR_IO);
    assert_int_equal(g.heads, 0);
    struct server s = {.url = "http://127.0.0.1:1/"};
    struct ss_curl *c = ss_curl_new(NULL);
    const struct ss_http_sink sink = {on_head, on_body, &g};
    assert_int_equal(ss_curl_exchange(c, &(struct ss_http_request){.url = s.url}, &sink), SS_ERROR_IO);
    assert_int_equal(ss_curl_exchange(c, &(struct ss_http_request){.url = "file:///etc/passwd"}, &sink), SS_ERROR_IO);
    // Nobody is trusted: nobody is asked.
    assert_int_equal(ss_curl_exchange(c, &(struct ss_http_request){.url = "https://127.0.0.1:1/"}, &sink),
                     SS_ERROR_INVALID_SIGNATURE);
    ss_curl_free(c);
}

static void a_server_that_stalls(void **state)
{
    (void)state;
    struct server s;
    struct got g = {0};
    static const char some[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    serve_bytes(&s, some, strlen(some), 1, true);
    assert_int_equal(exchange(&s, (struct ss_http_request){0}, &g), SS_ERROR_TIMEOUT);
    assert_string_equal(g.body, "hello");
}

static void the_sink_stops_it(void **state)
{
    (void)state;
    struct got g = {.refuse_head = true};
    assert_int_equal(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", &g), SS_OK);
    assert_int_equal(g.len, 0);
    g = (struct got){.stop_at = 1};
    assert_int_equal(answered("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nhello", &g), SS_OK);
    assert_int_equal(g.heads, 1);
}

// More than the client keeps at a time; twice over one connection.
static void a_large_body(void **state)
{
    (void)state;
    static char answer[900000];
    struct server s;
    int head = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Length: 800000\r\n\r\n");
    uint64_t sum = 0;
    for (unsigned i = 0; i < 800000; i++) {
        answer[head + (int)i] = (char)(i * 7 + i / 256);
        sum += (uint64_t)(uint8_t)answer[head + (int)i] * (i + 1);
    }
    serve_bytes(&s, answer, (size_t)head + 800000, 2, false);
    struct ss_curl *c = ss_curl_new(NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct got g = {0};
        const struct ss_http_sink sink = {on_head, on_body, &g};
        assert_int_equal(ss_curl_exchange(c, &(struct ss_http_request){.url = s.url}, &sink), SS_OK);
        assert_int_equal(g.len, 800000);
        assert_true(g.sum == sum);
    }
    struct ss_curl_count n = ss_curl_count(c);
    assert_int_equal(n.requests, 2);
    assert_int_equal(n.bodies, 1600000);
    assert_int_equal(n.received, 1600000 + 2 * head);
    ss_curl_free(c);
    end_server(&s);
}

static void left_by_longjmp(void **state)
{
    (void)state;
    struct server s;
    jmp_buf off;
    static const char some[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    struct got g = {.jump = &off};
    const struct ss_http_sink sink = {on_head, on_body, &g};
    serve_bytes(&s, some, strlen(some), 1, true);
    struct ss_curl *volatile c = ss_curl_new(NULL);
    if (setjmp(off) == 0) {
        ss_status_t status = ss_curl_exchange(c, &(struct ss_http_request){.url = s.url}, &sink);
        fail_msg("status %d", (int)status);
    }
    ss_curl_free(c);
    end_server(&s);
}

static void stopped_from_outside(void **state)
{
    (void)state;
    struct server s;
    atomic_bool stop = true;
    struct got g = {0};
    const struct ss_http_sink sink = {on_head, on_body, &g};
    static const char some[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    serve_bytes(&s, some, strlen(some), 1, true);
    struct ss_curl *c = ss_curl_new(NULL);
    ss_curl_stop_on(c, &stop);
    assert_int_equal(ss_curl_exchange(c, &(struct ss_http_request){.url = s.url}, &sink), SS_ERROR_IO);
    ss_curl_free(c);
    shutdown(s.fd, SHUT_RDWR);
    end_server(&s);
}

static void credentials_are_one_thing(void **state)
{
    (void)state;
    struct ss_curl *c = ss_curl_new(NULL);
    const struct ss_curl_blob some = {"x", 1}, none = {0};
    assert_int_equal(ss_curl_credential(c, NULL, none, none), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_curl_credential(c, "t", some, some), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_curl_credential(c, NULL, some, none), SS_ERROR_INVALID_ARGUMENT);
    assert_int_equal(ss_curl_trust(c, &some, 1), SS_ERROR_DATA_INVALID);
    ss_curl_free(c);
    ss_curl_free(NULL);
}

static void certificates_become_text(void **state)
{
    (void)state;
    char *pem = NULL;
    size_t len = 0;
    uint8_t der[50];
    memset(der, 0x30, sizeof der);
    assert_int_equal(ss_pem_append(&pem, &len, "-----BEGIN X-----\n", 19), SS_OK);
    assert_int_equal(ss_pem_append(&pem, &len, der, 49), SS_OK);
    assert_int_equal(ss_pem_append(&pem, &len, der, 47), SS_OK);
    assert_string_equal(pem, "-----BEGIN X-----\n\n"
                             "-----BEGIN CERTIFICATE-----\n"
                             "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw\nMA==\n"
                             "-----END CERTIFICATE-----\n"
                             "-----BEGIN CERTIFICATE-----\n"
                             "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=\n"
                             "-----END CERTIFICATE-----\n");
    assert_int_equal(len, strlen(pem));
    assert_int_equal(ss_pem_append(&pem, &len, "nothing", 7), SS_ERROR_DATA_INVALID);
    free(pem);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(what_is_answered),
        cmocka_unit_test(headers_that_are_too_long),
        cmocka_unit_test(answers_that_are_none),
        cmocka_unit_test(a_server_that_stalls),
        cmocka_unit_test(the_sink_stops_it),
        cmocka_unit_test(a_large_body),
        cmocka_unit_test(left_by_longjmp),
        cmocka_unit_test(stopped_from_outside),
        cmocka_unit_test(credentials_are_one_thing),
        cmocka_unit_test(certificates_become_text),
    };
    return ss_test_main(argc, argv, tests);
}
