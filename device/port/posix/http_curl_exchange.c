// SPDX-License-Identifier: Apache-2.0
// One exchange: what libcurl hands over is kept until it has returned, and then given to the sink, which may leave by
// longjmp.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/crypto.h"
#include "device/port/posix/http_curl_parts.h"

/// Time without any event after which is asked anew whether to stop.
#define WAIT_MS 100

static void keep_header(char *out, size_t size, const char *value, size_t len)
{
    while (len > 0 && (*value == ' ' || *value == '\t'))
        value++, len--;
    while (len > 0 && strchr(" \t\r\n", value[len - 1]))
        len--;
    *out = 0;
    if (len >= size || memchr(value, 0, len))
        return;
    memcpy(out, value, len);
    out[len] = 0;
}

static void take_status(struct ss_curl *c, const char *line, size_t len)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)(len < sizeof text ? len : sizeof text - 1), line);
    const char *number = strchr(text, ' ');
    c->status = number ? (unsigned)strtoul(number, NULL, 10) : 0;
    *c->etag = *c->content_range = *c->retry_after = *c->location = 0;
}

static void take_header(struct ss_curl *c, const char *line, size_t len)
{
    const struct {
        const char *name;
        char *out;
        size_t size;
    } wanted[] = {{"etag:", c->etag, sizeof c->etag},
                  {"content-range:", c->content_range, sizeof c->content_range},
                  {"retry-after:", c->retry_after, sizeof c->retry_after},
                  {"location:", c->location, sizeof c->location}};
    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        size_t n = strlen(wanted[i].name);
        if (len >= n && strncasecmp(line, wanted[i].name, n) == 0)
            keep_header(wanted[i].out, wanted[i].size, line + n, len - n);
    }
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct ss_curl *c = context;
    size_t len = size * count;
    if (c->headers_end)
        return len; // trailers of a chunked body
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
        take_status(c, line, len);
    else if (line[0] == '\r' || line[0] == '\n')
        c->headers_end = c->status >= 200; // those of a 1xx are followed by others
    else
        take_header(c, line, len);
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct ss_curl *c = context;
    size_t len = size * count;
    if (len > SS_CURL_PIECE - c->filled) {
        c->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    memcpy(c->piece + c->filled, bytes, len);
    c->filled += len;
    return len;
}

// -- The exchange -----------------------------------------------------------------------------------------------------

static void set_blob(CURL *easy, CURLoption option, const struct ss_curl_text *t)
{
    struct curl_blob blob = {.data = t->bytes, .len = t->len, .flags = CURL_BLOB_NOCOPY};
    curl_easy_setopt(easy, option, &blob);
}

static void set_tls(struct ss_curl *c, const struct ss_http_request *r)
{
    curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c->easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, r->any_server ? 0L : 1L);
    curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, r->any_server ? 0L : 2L);
    if (!r->any_server)
        set_blob(c->easy, CURLOPT_CAINFO_BLOB, &c->trust);
    if (!r->credential || !c->key.bytes)
        return;
    curl_easy_setopt(c->easy, CURLOPT_SSLKEYTYPE, c->key_type);
    curl_easy_setopt(c->easy, CURLOPT_SSLCERTTYPE, c->certificate_type);
    set_blob(c->easy, CURLOPT_SSLKEY_BLOB, &c->key);
    set_blob(c->easy, CURLOPT_SSLCERT_BLOB, &c->certificate);
}

static void set_limits(struct ss_curl *c)
{
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT, (long)c->limits.connect);
    curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_TIME, (long)c->limits.stall);
    curl_easy_setopt(c->easy, CURLOPT_LOW_SPEED_LIMIT, (long)c->limits.least);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static void set_method(struct ss_curl *c, const struct ss_http_request *r)
{
    if (r->method == SS_HTTP_GET)
        return;
    curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, r->body ? r->body : "");
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)(r->body ? r->body_len : 0));
    if (r->method == SS_HTTP_PUT)
        curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, "PUT");
}

/// "@p name: @p value" behind those of *@p list. False without memory.
static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 3;
    char *line = malloc(size);
    if (!line)
        return false;
    snprintf(line, size, *value ? "%s: %s" : "%s:%s", name, value);
    struct curl_slist *longer = curl_slist_append(*list, line);
    ss_wipe(line, size);
    free(line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool add_token(struct curl_slist **list, const struct ss_curl_text *token)
{
    char value[256];
    bool added = snprintf(value, sizeof value, "TargetToken %s", token->bytes) < (int)sizeof value &&
                 add_header(list, "Authorization", value);
    ss_wipe(value, sizeof value);
    return added;
}

static bool make_headers(struct ss_curl *c, const struct ss_http_request *r)
{
    struct curl_slist **list = &c->headers;
    char range[32];
    snprintf(range, sizeof range, "bytes=%u-", (unsigned)r->from);
    return add_header(list, "Accept", r->accept ? r->accept : "*/*") && add_header(list, "Expect", "") &&
           (r->method == SS_HTTP_GET || add_header(list, "Content-Type", "application/json")) &&
           (!r->from || add_header(list, "Range", range)) &&
           (!r->if_range || add_header(list, "If-Range", r->if_range)) &&
           (!r->credential || !c->token.bytes || add_token(list, &c->token));
}

static void begin(struct ss_curl *c, const struct ss_http_request *r)
{
    c->status = 0;
    c->headers_end = c->head_given = c->paused = false;
    c->filled = 0;
    *c->etag = *c->content_range = *c->retry_after = *c->location = 0;
    curl_easy_reset(c->easy);
    curl_easy_setopt(c->easy, CURLOPT_URL, r->url);
    curl_easy_setopt(c->easy, CURLOPT_USERAGENT, "slotseal");
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    set_tls(c, r);
    set_limits(c);
    set_method(c, r);
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static bool give_head(struct ss_curl *c, const struct ss_http_sink *sink)
{
    curl_off_t length = -1;
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    const struct ss_http_head head = {.status = (uint16_t)c->status,
                                      .length = length < 0 ? SS_HTTP_LENGTH_UNKNOWN : (uint64_t)length,
                                      .etag = or_null(c->etag),
                                      .content_range = or_null(c->content_range),
                                      .location = or_null(c->location),
                                      .retry_after = or_null(c->retry_after)};
    c->head_given = true;
    return sink->head(sink->context, &head);
}

// Hands on what has come. False: the sink wants no more.
static bool give(struct ss_curl *c, const struct ss_http_sink *sink)
{
    if (c->headers_end && !c->head_given && !give_head(c, sink))
        return false;
    size_t n = c->filled;
    c->filled = 0;
    return n == 0 || sink->body(sink->context, c->piece, n);
}

static ss_status_t status_of(const struct ss_curl *c, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return c->head_given && c->status <= 599 ? SS_OK : SS_ERROR_IO;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
        return SS_ERROR_INVALID_SIGNATURE;
    case CURLE_OPERATION_TIMEDOUT:
        return SS_ERROR_TIMEOUT;
    default:
        return SS_ERROR_IO;
    }
}

// True once the transfer has ended; *@p code says how.
static bool ended(struct ss_curl *c, CURLcode *code)
{
    int left;
    CURLMsg *message = curl_multi_info_read(c->multi, &left);
    if (!message || message->msg != CURLMSG_DONE)
        return false;
    *code = message->data.result;
    return true;
}

static ss_status_t transfer(struct ss_curl *c, const struct ss_http_sink *sink)
{
    int running = 1;
    for (;;) {
        CURLcode code = CURLE_OK;
        if (curl_multi_perform(c->multi, &running) != CURLM_OK)
            return SS_ERROR_IO;
        bool done = ended(c, &code);
        if (c->headers_end && c->status > 599)
            return SS_ERROR_IO;
        if (!give(c, sink))
            return SS_OK;
        if (done)
            return status_of(c, code);
        if (c->stop && atomic_load(c->stop))
            return SS_ERROR_IO;
        if (c->paused) {
            c->paused = false;
            if (curl_easy_pause(c->easy, CURLPAUSE_CONT) != CURLE_OK)
                return SS_ERROR_IO;
        } else if (curl_multi_poll(c->multi, NULL, 0, WAIT_MS, NULL) != CURLM_OK) {
            return SS_ERROR_IO;
        }
    }
}

static void count(struct ss_curl *c)
{
    curl_off_t body = 0, sent = 0;
    long header = 0, request = 0;
    curl_easy_getinfo(c->easy, CURLINFO_SIZE_DOWNLOAD_T, &body);
    curl_easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(c->easy, CURLINFO_HEADER_SIZE, &header);
    curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &request);
    c->count.requests++;
    c->count.bodies += (uint64_t)body;
    c->count.received += (uint64_t)body + (uint64_t)header;
    c->count.sent += (uint64_t)sent + (uint64_t)request;
}

ss_status_t ss_curl_exchange(struct ss_curl *c, const struct ss_http_request *request, const struct ss_http_sink *sink)
{
    ss_status_t status = SS_ERROR_IO;
    bool https = strncasecmp(request->url, "https:", 6) == 0;
    if (https && !request->any_server && !c->trust.bytes)
        return SS_ERROR_INVALID_SIGNATURE;
    if (make_headers(c, request)) {
        begin(c, request);
        if (curl_multi_add_handle(c->multi, c->easy) == CURLM_OK) {
            status = transfer(c, sink);
            count(c);
            curl_multi_remove_handle(c->multi, c->easy);
        }
    }
    ss_curl_free_headers(c);
    return status;
}
