// SPDX-License-Identifier: Apache-2.0
// What pull mode has of a simulated device: network, clock, certificates, self test.
#include <stdio.h>
#include <stdlib.h>

#include "sim/device_parts.h"

static struct ss_curl_blob borrowed(const struct ss_sim_blob *blob)
{
    return (struct ss_curl_blob){blob->data, blob->len};
}

// A device without a credential is one that only fetches what needs none.
static ss_status_t give_credential(struct ss_sim_device *d)
{
    const struct ss_sim_identity *id = &d->identity;
    if (!*id->token && !id->client_key.data)
        return SS_OK;
    return ss_curl_credential(d->curl, *id->token ? id->token : NULL, borrowed(&id->client_key),
                              borrowed(&id->client_certificate));
}

ss_status_t ss_sim_net_start(struct ss_sim_device *d)
{
    d->curl = ss_curl_new(&d->options.limits);
    d->trust_stale = true;
    if (!d->curl)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    ss_curl_stop_on(d->curl, d->options.stop);
    return give_credential(d);
}

void ss_sim_net_end(struct ss_sim_device *d)
{
    if (!d->curl)
        return;
    struct ss_curl_count n = ss_curl_count(d->curl);
    d->net.requests += n.requests;
    d->net.bodies += n.bodies;
    d->net.received += n.received;
    d->net.sent += n.sent;
    ss_curl_free(d->curl);
    d->curl = NULL;
}

static ss_status_t renew_trust(struct ss_sim_device *d)
{
    struct ss_sim_blob trusted[SS_SIM_TRUSTED_MAX];
    struct ss_curl_blob blobs[SS_SIM_TRUSTED_MAX];
    unsigned count;
    ss_status_t status = ss_sim_trusted(&d->identity, trusted, &count);
    for (unsigned i = 0; i < count; i++)
        blobs[i] = borrowed(&trusted[i]);
    if (status == SS_OK)
        status = ss_curl_trust(d->curl, blobs, count);
    for (unsigned i = 0; i < count; i++)
        free(trusted[i].data);
    d->trust_stale = status != SS_OK;
    return status;
}

// -- Exchanges, and what is told of them ------------------------------------------------------------------------------

struct watched {
    const struct ss_http_sink *sink;
    unsigned http;
    uint64_t bytes;
};

static bool on_head(void *context, const struct ss_http_head *head)
{
    struct watched *w = context;
    w->http = head->status;
    return w->sink->head(w->sink->context, head);
}

static bool on_body(void *context, const uint8_t *bytes, size_t len)
{
    struct watched *w = context;
    w->bytes += len;
    return w->sink->body(w->sink->context, bytes, len);
}

static ss_status_t exchange(void *context, const struct ss_http_request *request, const struct ss_http_sink *sink)
{
    static const char *const methods[] = {[SS_HTTP_GET] = "GET", [SS_HTTP_PUT] = "PUT", [SS_HTTP_POST] = "POST"};
    struct ss_sim_device *d = context;
    struct watched watched = {.sink = sink};
    const struct ss_http_sink outer = {on_head, on_body, &watched};
    char what[SS_HTTP_URL_MAX + 8]; // the request need not stay
    snprintf(what, sizeof what, "%s %s", methods[request->method], request->url);
    ss_status_t status = d->trust_stale ? renew_trust(d) : SS_OK;
    if (status == SS_OK)
        status = ss_curl_exchange(d->curl, request, &outer);
    d->answered = status == SS_OK && watched.http / 100 == 2;
    const struct ss_sim_event event = {
        .kind = SS_SIM_EXCHANGED, .text = what, .status = status, .http = watched.http, .bytes = watched.bytes};
    ss_sim_tell(d, &event);
    return status;
}

// -- The rest of the table --------------------------------------------------------------------------------------------

static uint32_t uptime(void *context)
{
    const struct ss_sim_device *d = context;
    return (uint32_t)((ss_sim_elapsed_ms(d) - d->reset_ms) / 1000);
}

// splitmix64: a device's own, so that no two do the same at the same time.
static uint32_t random_bits(void *context)
{
    struct ss_sim_device *d = context;
    uint64_t z = d->random += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (uint32_t)(z >> 32);
}

// An app that reaches its server can be replaced by a better one: that is what it is tested for.
static enum ss_self_test self_test(void *context)
{
    struct ss_sim_device *d = context;
    if (d->options.unfit && (int)d->identity.agent.running != d->home)
        return SS_SELF_TEST_FAILED;
    return ss_pull_reached(&d->ram.pull) ? SS_SELF_TEST_PASSED : SS_SELF_TEST_PENDING;
}

static bool has_ca(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE])
{
    struct ss_sim_device *d = context;
    d->trust_stale = true; // asked after the key set in force has changed
    return ss_sim_has_ca(&d->identity, sha256);
}

static ss_status_t store_ca(void *context, const uint8_t sha256[SS_STATEMENT_DIGEST_SIZE], const uint8_t *der,
                            size_t len)
{
    struct ss_sim_device *d = context;
    (void)sha256;
    d->trust_stale = true;
    return ss_sim_store_ca(&d->identity, der, len);
}

const struct ss_pull_port ss_sim_pull_port = {.http.exchange = exchange,
                                              .uptime = uptime,
                                              .random = random_bits,
                                              .self_test = self_test,
                                              .has_ca = has_ca,
                                              .store_ca = store_ca};
