// SPDX-License-Identifier: Apache-2.0
// The server, as a function from request to answer, and the client's side of it.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "support/pull_bench.h"

#define BASE "/DEFAULT/controller/v1/dev1"

void pull_note(struct pull_bench *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(b->log + b->log_len, sizeof b->log - b->log_len, format, args);
    va_end(args);
    if (len < 0 || b->log_len + (size_t)len + 2 > sizeof b->log)
        return; // a long story; the fuzzer does not read it
    b->log_len += (size_t)len;
    memcpy(b->log + b->log_len, "\n", 2);
    b->log_len++;
}

// -- Answers ----------------------------------------------------------------------------------------------------------

static void add(struct pull_bench *b, const char *format, ...) SS_PRINTF(2, 3);

static void add(struct pull_bench *b, const char *format, ...)
{
    size_t used = strlen(b->json);
    va_list args;
    va_start(args, format);
    vsnprintf(b->json + used, sizeof b->json - used, format, args);
    va_end(args);
}

static void add_base64url(struct pull_bench *b, const struct pull_statement *s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < s->len; i += 3) {
        uint32_t v = (uint32_t)s->bytes[i] << 16;
        v |= i + 1 < s->len ? (uint32_t)s->bytes[i + 1] << 8 : 0;
        v |= i + 2 < s->len ? s->bytes[i + 2] : 0;
        size_t count = s->len - i < 3 ? s->len - i + 1 : 4;
        for (size_t j = 0; j < count; j++)
            add(b, "%c", digits[v >> (18 - 6 * j) & 63]);
    }
}

static void add_link(struct pull_bench *b, const char *host, const char *name, const char *path, uint64_t id)
{
    add(b, "%s\"%s\":{\"href\":\"https://%s.example" BASE "/%s", b->json[strlen(b->json) - 1] == '}' ? "," : "", name,
        host, path);
    if (id)
        add(b, "/%" PRIu64, id);
    add(b, "\"}");
}

static void say_json(struct pull_bench *b, struct pull_answer *a)
{
    a->head.status = 200;
    a->body = (const uint8_t *)b->json;
    a->len = strlen(b->json);
    a->head.length = a->len;
}

static void answer_poll(struct pull_bench *b, const char *host, struct pull_answer *a)
{
    b->json[0] = 0;
    add(b, "{\"config\":{\"polling\":{\"sleep\":\"%s\"}},\"_links\":{", b->sleep);
    if (b->cancel && !b->canceled)
        add_link(b, host, "cancelAction", "cancelAction", b->cancel);
    else if (b->offer && !b->ended)
        add_link(b, host, "deploymentBase", "deploymentBase", b->action);
    if (b->wants_config)
        add_link(b, host, "configData", "configData", 0);
    if (b->key_set_link)
        add_link(b, host, "keySet", "anything", 0);
    if (b->freshness_link)
        add_link(b, host, "freshness", "freshness", 0);
    add(b, "}}");
    say_json(b, a);
}

static void answer_deployment(struct pull_bench *b, const char *host, struct pull_answer *a)
{
    b->json[0] = 0;
    add(b, "{\"id\":\"%" PRIu64 "\",\"deployment\":{\"download\":\"forced\",\"update\":\"%s\",", b->action,
        b->update ? b->update : "forced");
    if (b->window)
        add(b, "\"maintenanceWindow\":\"%s\",", b->window);
    add(b, "\"chunks\":[{");
    add(b,
        "\"part\":\"os\",\"version\":\"2\",\"name\":\"fw\",\"metadata\":[{\"key\":\"slotseal.release\",\"value\":\"");
    add_base64url(b, &b->offer->release);
    add(b, "\"},{\"key\":\"slotseal.delivery\",\"value\":\"");
    add_base64url(b, &b->offer->delivery);
    add(b,
        "\"},{\"key\":\"slotseal.slot\",\"value\":\"ota_1\"}],\"artifacts\":[{\"filename\":\"app.bin\",\"size\":%u,"
        "\"hashes\":{\"sha256\":\"00\"},\"_links\":{\"download-http\":{\"href\":\"http://%s.example/plain\"},"
        "\"download\":{\"href\":\"https://%s.example" BASE "/artifact\"}}}]}]}}",
        PULL_IMAGE, host, host);
    say_json(b, a);
}

static void answer_bytes(struct pull_answer *a, const uint8_t *bytes, size_t len)
{
    a->head.status = len ? 200 : 404;
    a->body = bytes;
    a->len = a->head.length = len;
}

static void answer_artifact(struct pull_bench *b, const struct ss_http_request *r, struct pull_answer *a)
{
    static char range[64];
    uint32_t from = r->if_range && strcmp(r->if_range, b->etag) != 0 ? 0 : r->from;
    answer_bytes(a, b->offer->image + from, PULL_IMAGE - from);
    a->head.etag = b->etag;
    if (from == 0)
        return;
    snprintf(range, sizeof range, "bytes %u-%u/%u", from, PULL_IMAGE - 1, PULL_IMAGE);
    a->head.status = 206;
    a->head.content_range = range;
}

static void take_feedback(struct pull_bench *b, const struct ss_http_request *r, const char *path,
                          struct pull_answer *a)
{
    uint64_t id = 0;
    bool closed = strstr(r->body, "\"closed\"") != NULL;
    a->head.status = 404;
    if (sscanf(path, "deploymentBase/%" SCNu64 "/feedback", &id) == 1 && id == b->action) {
        a->head.status = b->ended ? 410 : 200;
        b->ended = b->ended || closed;
    } else if (sscanf(path, "cancelAction/%" SCNu64 "/feedback", &id) == 1 && id == b->cancel) {
        a->head.status = b->canceled ? 410 : 200;
        b->canceled = true;
        b->ended = b->ended || (closed && id == b->action);
    }
}

static void answer_device(struct pull_bench *b, const struct ss_http_request *r, const char *host, const char *path,
                          struct pull_answer *a)
{
    bool offered = b->offer && !b->ended;
    if (r->method == SS_HTTP_POST) {
        take_feedback(b, r, path, a);
    } else if (r->method == SS_HTTP_PUT) {
        must(strcmp(path, "configData") == 0 && r->body_len < sizeof b->config_body);
        memcpy(b->config_body, r->body, r->body_len + 1);
        a->head.status = 200;
        b->wants_config = false;
    } else if (!*path) {
        answer_poll(b, host, a);
    } else if (strncmp(path, "deploymentBase/", 15) == 0 && offered) {
        answer_deployment(b, host, a);
    } else if (strcmp(path, "artifact") == 0 && offered) {
        answer_artifact(b, r, a);
    } else if (strncmp(path, "cancelAction/", 13) == 0 && b->cancel && !b->canceled) {
        snprintf(b->json, sizeof b->json, "{\"id\":\"%" PRIu64 "\",\"cancelAction\":{\"stopId\":\"%" PRIu64 "\"}}",
                 b->cancel, b->cancel);
        say_json(b, a);
    } else if (strcmp(path, "freshness") == 0) {
        answer_bytes(a, b->freshness.bytes, b->freshness.len);
    } else {
        a->head.status = 404;
    }
}

// What anyone may ask for; 404 for anything else.
static void answer_anyone(struct pull_bench *b, const char *path, struct pull_answer *a)
{
    unsigned after;
    a->head.status = 404;
    if (sscanf(path, "/DEFAULT/keyset/v1/p/after/%u", &after) == 1 && after < PULL_KEY_SETS)
        answer_bytes(a, b->newer[after].bytes, b->newer[after].len);
    else if (strncmp(path, "/DEFAULT/ca/v1/", 15) == 0 && strlen(path) == 15 + 64)
        answer_bytes(a, b->ca, b->ca_len);
}

// -- The client -------------------------------------------------------------------------------------------------------

// "POST a deploymentBase/7/feedback closed success confirmed"
static void note_request(struct pull_bench *b, const struct ss_http_request *r, const char *host, const char *path)
{
    static const char *const methods[] = {"GET", "PUT", "POST"};
    char execution[32] = "", finished[32] = "", details[128] = "", from[128] = "";
    if (r->method == SS_HTTP_POST) {
        must(sscanf(r->body,
                    "{\"status\":{\"execution\":\"%31[a-z]\",\"result\":{\"finished\":\"%31[a-z]\"},"
                    "\"details\":[%127[^]]]}}",
                    execution, finished, details) == 3);
        must(r->body_len == strlen(r->body) && strcmp(r->body + r->body_len - 3, "]}}") == 0);
    }
    if (r->from)
        snprintf(from, sizeof from, " from %u%s%s", r->from, r->if_range ? " if " : "", r->if_range ? r->if_range : "");
    pull_note(b, "%s %s %s%s%s%s%s%s%s%s%s", methods[r->method], host, *path ? path : ".", *execution ? " " : "",
              execution, *finished ? " " : "", finished, *details ? " " : "", details, from,
              r->any_server   ? " any"
              : r->credential ? ""
                              : " bare");
}

static bool is_server(const struct pull_bench *b, const char *url)
{
    static const char *const hosts[] = {"https://a.example", "https://b.example", "http://a.example"};
    for (unsigned i = 0; i < 3; i++) {
        size_t len = strlen(hosts[i]);
        bool known = memmem(b->key_sets[0].bytes, b->key_sets[0].len, hosts[i], len) != NULL;
        for (unsigned j = 0; j < b->config.server_count; j++)
            known = known || strncmp(b->config.servers[j], hosts[i], len) == 0;
        if (known && strncasecmp(url, hosts[i], len) == 0 && (url[len] == '/' || url[len] == '?'))
            return i < 2 || b->config.plain_http;
        if (known && i < 2 && strncasecmp(url, hosts[i], len) == 0 && strncmp(url + len, ":443/", 5) == 0)
            return true;
    }
    return false;
}

// Never a credential to someone who is not the server, and nothing else that would be wrong in every test.
static void check_request(const struct pull_bench *b, const struct ss_http_request *r, const char *path)
{
    must(strlen(r->url) <= SS_HTTP_URL_MAX && r->accept);
    must(!r->credential || (is_server(b, r->url) && !r->any_server));
    must(!r->credential || (!strstr(path, "/keyset/v1/") && !strstr(path, "/ca/v1/")));
    must((r->method == SS_HTTP_GET) == (r->body == NULL));
    must(r->method == SS_HTTP_GET || (r->credential && strlen(r->body) == r->body_len));
    must(r->if_range == NULL || r->from);
}

static void power(struct pull_bench *b, int place)
{
    if (b->cut_at == b->exchanges && b->cut_place == place)
        longjmp(b->out, 1);
}

static ss_status_t deliver(struct pull_bench *b, const struct pull_answer *a, const struct ss_http_sink *sink,
                           bool artifact)
{
    size_t end = a->cut && a->cut < a->len ? a->cut : a->len;
    if (a->silent)
        return a->status;
    if (!sink->head(sink->context, &a->head))
        return SS_OK;
    for (size_t at = 0; at < end; at += b->chunk) {
        size_t n = end - at < b->chunk ? end - at : b->chunk;
        if (at + n > end / 2)
            power(b, 1);
        b->downloaded += artifact ? n : 0;
        if (!sink->body(sink->context, a->body + at, n))
            return SS_OK;
    }
    for (unsigned i = 0; a->endless && a->len; i++) {
        must(i < 70000);
        if (!sink->body(sink->context, a->body, a->len))
            return SS_OK;
    }
    return end < a->len ? SS_ERROR_IO : a->status;
}

ss_status_t pull_exchange(void *context, const struct ss_http_request *request, const struct ss_http_sink *sink)
{
    struct pull_bench *b = context;
    struct pull_answer a = {.head = {.length = SS_HTTP_LENGTH_UNKNOWN}};
    const char *host = strstr(request->url, "://") + 3, *path = host + strcspn(host, "/?");
    char name[64] = "";
    b->exchanges++;
    snprintf(name, sizeof name, "%.*s", (int)(path - host), host);
    if (strstr(name, ".example"))
        *strstr(name, ".example") = 0;
    bool device = strncmp(path, BASE, strlen(BASE)) == 0;
    if (device)
        path += strlen(BASE) + (path[strlen(BASE)] == '/');
    check_request(b, request, path);
    note_request(b, request, name, path);
    power(b, 0);
    bool artifact = strcmp(path, "artifact") == 0;
    if (b->no_tls && !request->any_server)
        a = (struct pull_answer){.silent = true, .status = SS_ERROR_INVALID_SIGNATURE};
    else if (device)
        answer_device(b, request, name, path, &a);
    else
        answer_anyone(b, path, &a);
    if (b->hook)
        b->hook(b, b->exchanges, request, path, &a);
    ss_status_t status = deliver(b, &a, sink, artifact);
    power(b, 2);
    return status;
}
