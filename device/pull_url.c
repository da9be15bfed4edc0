// SPDX-License-Identifier: Apache-2.0
// Which address, and who may see the credential.
#include "device/pull_parts.h"

#include <string.h>

#define TENANT "/DEFAULT"

/// Scheme, host and port of an address: whom it leads to.
struct origin {
    const char *host;
    size_t host_len;
    size_t len; ///< of the address, up to its path
    uint32_t port;
    bool tls;
};

static size_t after_prefix(const char *url, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(url, prefix, len) == 0 ? len : 0;
}

// Digits up to the path. Nothing is the scheme's own port.
static bool read_port(const char *p, size_t len, struct origin *o)
{
    o->port = o->tls ? 443 : 80;
    if (len == 0)
        return true;
    o->port = 0;
    for (size_t i = 1; i < len; i++) {
        if (p[i] < '0' || p[i] > '9' || o->port > 6553)
            return false;
        o->port = o->port * 10 + (uint32_t)(p[i] - '0');
    }
    return p[0] == ':' && o->port > 0 && o->port <= UINT16_MAX;
}

// Host names, addresses, [addresses]. No user, nothing that two readers could understand in two ways.
static bool read_origin(const char *url, struct origin *o)
{
    size_t at = after_prefix(url, "https://");
    o->tls = at > 0;
    if (at == 0)
        at = after_prefix(url, "http://");
    if (at == 0)
        return false;
    o->host = url + at;
    o->host_len = o->host[0] == '[' ? strcspn(o->host, "]/?#") + 1 : strcspn(o->host, ":/?#");
    o->len = at + strcspn(o->host, "/?#");
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '#' || *p == '\\' || (*p == '@' && p < url + o->len))
            return false;
    if (at + o->host_len > o->len || o->host_len == 0)
        return false;
    return read_port(o->host + o->host_len, o->len - at - o->host_len, o);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same_origin(const struct origin *a, const struct origin *b)
{
    if (a->tls != b->tls || a->port != b->port || a->host_len != b->host_len)
        return false;
    for (size_t i = 0; i < a->host_len; i++)
        if (lower(a->host[i]) != lower(b->host[i]))
            return false;
    return true;
}

// The address in use, without slashes at its end, to @p out, with its tenant. A key set that names servers replaces those
// of the configuration.
static bool put_server(const struct ss_pull *p, struct ss_text *out, struct origin *o)
{
    const struct ss_key_set *set = p->agent->identity->ring.current;
    const struct ss_pull_config *config = p->config;
    unsigned count = set->server_count ? set->server_count : config->server_count;
    if (count == 0)
        return false;
    unsigned i = p->server % count;
    struct ss_span server = set->server_count ? set->servers[i] : ss_span_of(config->servers[i]);
    while (server.len > 0 && server.p[server.len - 1] == '/')
        server.len--;
    if (server.len > SS_SERVER_MAX)
        return false;
    ss_text_bytes(out, server.p, server.len);
    if (out->full || memchr(out->p, 0, server.len) || !read_origin(out->p, o) || (!o->tls && !config->plain_http))
        return false;
    if (o->len == server.len)
        ss_text_add(out, TENANT);
    return !out->full;
}

bool ss_pull_ask_device(struct ss_pull *p, struct ss_ask *ask, const char *path)
{
    struct origin o;
    struct ss_span device = p->agent->identity->device;
    struct ss_text url = ss_text_in(ask->url, sizeof ask->url);
    if (!put_server(p, &url, &o))
        return false;
    ss_text_add(&url, "/controller/v1/");
    ss_text_bytes(&url, device.p, device.len);
    ss_text_add(&url, path);
    ask->request.url = ask->url;
    ask->request.credential = true;
    return !url.full;
}

bool ss_pull_ask_anyone(struct ss_pull *p, struct ss_ask *ask, struct ss_text *path)
{
    struct origin o;
    struct ss_text url = ss_text_in(ask->url, sizeof ask->url);
    if (!put_server(p, &url, &o))
        return false;
    ss_text_bytes(&url, path->p, path->len);
    ask->request.url = ask->url;
    ask->request.any_server = p->any_server;
    return !url.full && !path->full;
}

bool ss_pull_ask_link(struct ss_pull *p, struct ss_ask *ask)
{
    struct origin server, link;
    struct ss_text url = ss_text_in(ask->url, sizeof ask->url);
    ask->request.url = p->url;
    ask->request.credential = put_server(p, &url, &server) && read_origin(p->url, &link) && same_origin(&server, &link);
    return true;
}

bool ss_pull_url_ok(const struct ss_pull *p)
{
    struct origin o;
    return read_origin(p->url, &o);
}

bool ss_pull_redirect(struct ss_pull *p, const char *location)
{
    struct origin from, to;
    size_t len = strlen(location), at = 0;
    if (p->redirects >= SS_PULL_REDIRECTS_MAX || !read_origin(p->url, &from))
        return false;
    if (location[0] == '/' && location[1] != '/')
        at = from.len;
    if (at + len > SS_HTTP_URL_MAX)
        return false;
    p->redirects++;
    memcpy(p->url + at, location, len + 1);
    return read_origin(p->url, &to) && (to.tls || !from.tls || p->config->plain_http);
}
