// SPDX-License-Identifier: Apache-2.0
// A request's head: what is asked, whether it may be.
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "server/auth.h"
#include "server/ddi.h"
#include "server/front_parts.h"
#include "server/log.h"

#define NAME(text)                                                                                                     \
    {                                                                                                                  \
        text, sizeof text - 1                                                                                          \
    }
static const struct {
    const char *text;
    size_t len;
} header_names[SS_HTTP_HEADERS] = {
    [SS_HTTP_ACCEPT] = NAME("Accept"),
    [SS_HTTP_AUTHORIZATION] = NAME("Authorization"),
    [SS_HTTP_CONTENT_LENGTH] = NAME("Content-Length"),
    [SS_HTTP_CONTENT_TYPE] = NAME("Content-Type"),
    [SS_HTTP_IF_MATCH] = NAME("If-Match"),
    [SS_HTTP_IF_NONE_MATCH] = NAME("If-None-Match"),
    [SS_HTTP_IF_RANGE] = NAME("If-Range"),
    [SS_HTTP_RANGE] = NAME("Range"),
    [SS_HTTP_TRANSFER_ENCODING] = NAME("Transfer-Encoding"),
    [SS_HTTP_X_AUTHORITY] = NAME("X-Authority"),
    [SS_HTTP_X_CONTROLLER_ID] = NAME("X-Controller-Id"),
};

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name, size_t len,
                                   const char *value, size_t value_len)
{
    (void)kind, (void)value_len;
    struct ss_http_request *request = context;
    for (unsigned i = 0; i < SS_HTTP_HEADERS; i++) {
        if (len != header_names[i].len || strncasecmp(name, header_names[i].text, len) != 0)
            continue;
        request->doubled |= request->headers[i] != NULL;
        request->headers[i] = value ? value : "";
        break;
    }
    return MHD_YES;
}

static enum ss_http_method method_from(const char *name)
{
    static const char *const names[SS_HTTP_OTHER] = {"GET", "HEAD", "PUT", "POST", "DELETE"};
    unsigned i = 0;
    while (i < SS_HTTP_OTHER && strcmp(name, names[i]) != 0)
        i++;
    return (enum ss_http_method)i;
}

/// Cuts the path into its parts. False: it is none, too long or has too many.
static bool cut(struct ss_http_request *request)
{
    char *query = strchr(request->uri, '?');
    request->part_count = 0;
    request->query = "";
    if (query) {
        *query = '\0';
        request->query = query + 1;
    }
    if (request->uri[0] != '/')
        return false;
    for (char *at = request->uri; at;) {
        *at++ = '\0';
        if (request->part_count == SS_HTTP_PARTS_MAX)
            return false;
        request->parts[request->part_count++] = at;
        at = strchr(at, '/');
    }
    return true;
}

static void say_allowed(struct ss_http_request *request)
{
    static const char *const names[SS_HTTP_OTHER] = {"GET", "HEAD", "PUT", "POST", "DELETE"};
    char allow[40] = "";
    for (unsigned i = 0; i < SS_HTTP_OTHER; i++)
        if (request->route->handlers[i] || (i == SS_HTTP_HEAD && request->route->handlers[SS_HTTP_GET]))
            snprintf(allow + strlen(allow), sizeof allow - strlen(allow), "%s%s", allow[0] ? ", " : "", names[i]);
    ss_http_answer_error(request, 405, "another method is needed here");
    ss_http_add_header(request, "Allow", allow);
}

static ss_http_handler handler_of(const struct ss_http_request *request)
{
    if (request->method == SS_HTTP_OTHER)
        return NULL;
    ss_http_handler handler = request->route->handlers[request->method];
    return handler || request->method != SS_HTTP_HEAD ? handler : request->route->handlers[SS_HTTP_GET];
}

#define FORWARDED_MAX 8u

/// Lines of one header: the last FORWARDED_MAX of them.
struct lines {
    const char *text[FORWARDED_MAX];
    unsigned count;
};

static enum MHD_Result take_forwarded(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct lines *lines = context;
    if (!strcasecmp(name, "X-Forwarded-For"))
        lines->text[lines->count++ % FORWARDED_MAX] = value ? value : "";
    return MHD_YES;
}

/// The address that counts: what a listed proxy says, else that of the connection. A proxy adds to the line that it was
/// sent, or a line of its own behind it: the last word is that of the nearest.
static void find_address(struct ss_http_connection *connection)
{
    struct ss_http_request *request = &connection->request;
    const struct ss_address_blocks *proxies = &request->front->config->server.proxies;
    struct lines lines = {.count = 0};
    memcpy(request->address, connection->address, sizeof request->address);
    request->proxied = ss_address_in(proxies, connection->address);
    if (request->proxied)
        MHD_get_connection_values(request->connection, MHD_HEADER_KIND, take_forwarded, &lines);
    unsigned oldest = lines.count > FORWARDED_MAX ? lines.count - FORWARDED_MAX : 0;
    for (unsigned i = lines.count; i > oldest; i--)
        if (!ss_auth_forwarded(lines.text[(i - 1) % FORWARDED_MAX], proxies, request->address))
            break;
}

/// A body that could be read in two ways is how requests are smuggled past a proxy (RFC 9112 §11.2). libmicrohttpd would
/// read one with another coding than this until the client ends the connection.
static bool ambiguous(const struct ss_http_request *request)
{
    const char *coding = request->headers[SS_HTTP_TRANSFER_ENCODING];
    return request->doubled ||
           (coding && (request->headers[SS_HTTP_CONTENT_LENGTH] || strcasecmp(coding, "chunked") != 0));
}

/// False, and answered, if this address asks too often.
static bool may_ask(struct ss_http_request *request)
{
    struct ss_rate rate = {atomic_load(&request->front->limits.address_rate) * 10, 10};
    uint8_t network[16];
    ss_address_network(request->address, network);
    if (ss_limit_take(request->front->limit, network, sizeof network, rate, ss_front_now_us()))
        return true;
    ss_metrics_add(&request->front->metrics, SS_COUNT_LIMITED, 1);
    ss_http_answer_error(request, 429, "too many requests from this address");
    ss_http_add_header(request, "Retry-After", "10");
    return false;
}

enum ss_http_result ss_http_identify(struct ss_http_connection *connection, bool wait)
{
    struct ss_http_request *request = &connection->request;
    switch (request->route->audience) {
    case SS_HTTP_DEVICE:
        return ss_auth_device(connection, wait);
    case SS_HTTP_OPERATOR: // before its body is kept: only operators send large ones
        if (!wait)
            return SS_HTTP_LATER;
        (void)ss_auth_operator(request);
        break;
    case SS_HTTP_MONITOR:
        if (!ss_address_in(&request->front->config->server.metrics, connection->address) ||
            !ss_address_in(&request->front->config->server.metrics, request->address))
            ss_http_answer_error(request, 404, "there is nothing here");
        break;
    case SS_HTTP_ANYBODY:
        break;
    }
    return SS_HTTP_DONE;
}

enum ss_http_result ss_http_head(struct ss_http_connection *connection, const char *method)
{
    struct ss_http_request *request = &connection->request;
    memset(request->headers, 0, sizeof request->headers);
    request->doubled = false;
    request->method = method_from(method);
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, take_header, request);
    find_address(connection);
    bool fits = request->uri[0] != '\0';
    bool ok = fits && cut(request);
    request->route = ok ? ss_route_find(request->parts, request->part_count) : NULL;
    if (request->route && request->route->pattern[0] != '/' &&
        strcasecmp(request->parts[0], request->front->config->server.tenant) != 0)
        request->route = NULL;
    if (!fits)
        ss_http_answer_error(request, 414, "the path is too long");
    else if (!request->route)
        ss_http_answer_error(request, 404, "there is nothing here");
    else if (!handler_of(request))
        say_allowed(request);
    else if (ambiguous(request)) {
        ss_http_answer_error(request, 400, "a header stands twice, or it is not certain where the body ends");
        ss_http_add_header(request, "Connection", "close");
    } else if (may_ask(request))
        return ss_http_identify(connection, false);
    return SS_HTTP_DONE;
}

enum ss_http_result ss_http_dispatch(struct ss_http_request *request)
{
    return request->newcomer ? ss_ddi_join(request) : handler_of(request)(request);
}
