// SPDX-License-Identifier: Apache-2.0
// The poll: answered from memory, on the thread that read it; by a worker if memory does not tell.
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "server/ddi.h"
#include "server/range.h"

/// Room for the body of a poll: seven links.
#define BODY_SIZE (7 * SS_DDI_LINK_SIZE)

/// FNV-1a: no secret, and nobody gains by two bodies of one device having the same ETag.
static uint64_t fnv(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001B3);
    return hash;
}
#define FNV_START UINT64_C(0xCBF29CE484222325)

uint32_t ss_ddi_sleep(const struct ss_polling *polling, const char *device)
{
    // From -jitter to +jitter percent in steps of a second, the same on every node: bodies and ETags stay as they are.
    uint32_t width = (uint32_t)((uint64_t)polling->seconds * polling->jitter / 100);
    uint64_t hash = fnv(FNV_START, device, strlen(device));
    hash ^= hash >> 29;
    uint32_t seconds = polling->seconds - width + (uint32_t)(hash % (2 * (uint64_t)width + 1));
    return seconds < 1 ? 1 : seconds > 86399 ? 86399 : seconds;
}

uint32_t ss_ddi_action_hash(const struct ss_store_device *device)
{
    int64_t parts[] = {device->open.action, device->open.release, device->open.forced, (int64_t)device->open.state};
    uint64_t hash = fnv(FNV_START, parts, sizeof parts);
    return (uint32_t)(hash ^ hash >> 32) & 0x7FFFFFFF;
}

void ss_ddi_link(const struct ss_server_config *config, const char *device, const char *rest, char *out, size_t size)
{
    snprintf(out, size, "%s/%s/controller/v1/%s/%s", config->server.url, config->server.tenant, device, rest);
}

/// A body being made.
struct text {
    char *out;
    size_t size, len;
    bool links; ///< there was one already
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *text, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text->out + text->len, text->size - text->len, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= text->size - text->len)
        text->size = text->len; // full: says so at the end
    else
        text->len += (size_t)n;
}

static void put_link(struct text *text, const char *name, const struct ss_server_config *config, const char *device,
                     const char *rest)
{
    put(text, "%s\"%s\":{\"href\":\"%s/%s/controller/v1/%s/%s\"}", text->links ? "," : "", name, config->server.url,
        config->server.tenant, device, rest);
    text->links = true;
}

static bool offers(const struct ss_store_device *device)
{
    // Sealed for the other slot than the one that runs: without knowing that, there is nothing to offer.
    return device->kind == SS_STORE_OPAQUE || device->told.slot[0];
}

static void put_action(struct text *text, const struct ss_server_config *config, const struct ss_store_device *device)
{
    const char *id = device->registration.id;
    char rest[64];
    if (!device->open.action)
        return;
    if (device->open.state == SS_STORE_CANCELING) {
        snprintf(rest, sizeof rest, "cancelAction/%" PRId64, device->open.action);
        put_link(text, "cancelAction", config, id, rest);
    } else if (offers(device)) {
        bool waits = device->open.state == SS_STORE_WAIT_FOR_CONFIRMATION;
        const char *name = waits ? "confirmationBase" : "deploymentBase";
        snprintf(rest, sizeof rest, "%s/%" PRId64 "?c=%" PRIu32, name, device->open.action, ss_ddi_action_hash(device));
        put_link(text, name, config, id, rest);
    }
}

size_t ss_ddi_poll_body(const struct ss_server_config *config, const struct ss_store_device *device, uint32_t key_set,
                        char *out, size_t size)
{
    struct text text = {.out = out, .size = size};
    const char *id = device->registration.id;
    uint32_t sleep = ss_ddi_sleep(&config->server.polling, id);
    char rest[64];
    put(&text, "{\"config\":{\"polling\":{\"sleep\":\"%02u:%02u:%02u\"}},\"_links\":{", sleep / 3600, sleep / 60 % 60,
        sleep % 60);
    put_action(&text, config, device);
    if (device->installed.action) {
        snprintf(rest, sizeof rest, "installedBase/%" PRId64, device->installed.action);
        put_link(&text, "installedBase", config, id, rest);
    }
    if (device->wants_attributes || (device->open.action && !offers(device)))
        put_link(&text, "configData", config, id, "configData");
    if (device->told.key_set && key_set > device->told.key_set) {
        put(&text, "%s\"keySet\":{\"href\":\"%s/%s/keyset/v1/%s/after/%" PRIu32 "\"}", text.links ? "," : "",
            config->server.url, config->server.tenant, device->registration.product, device->told.key_set);
        text.links = true;
    }
    if (device->freshness > device->freshness_fetched)
        put_link(&text, "freshness", config, id, "freshness");
    put(&text, "}}");
    return text.len < text.size ? text.len : 0;
}

static enum ss_http_result answer(struct ss_http_request *request, uint32_t key_set)
{
    char body[BODY_SIZE], etag[24];
    size_t len = ss_ddi_poll_body(request->front->config, &request->device, key_set, body, sizeof body);
    snprintf(etag, sizeof etag, "\"%016" PRIx64 "\"", fnv(FNV_START, body, len));
    const char *accept = request->headers[SS_HTTP_ACCEPT];
    if (ss_etag_in(request->headers[SS_HTTP_IF_NONE_MATCH], etag, true))
        ss_http_answer_empty(request, 304);
    else
        ss_http_answer_bytes(
            request, 200, accept && !strcmp(accept, "application/json") ? "application/json" : "application/hal+json",
            body, len);
    ss_http_add_header(request, "ETag", etag);
    return SS_HTTP_DONE;
}

enum ss_http_result ss_ddi_poll_at_once(struct ss_http_request *request)
{
    struct ss_store *store = request->front->store;
    const struct ss_store_device *device = &request->device;
    struct ss_store_product product = {0};
    if (!ss_http_accepts_json(request))
        return SS_HTTP_DONE;
    if (device->told.key_set && !ss_store_product_peek(store, device->registration.product, &product))
        return SS_HTTP_LATER;
    if (!ss_store_device_saw(store, device->registration.id))
        return SS_HTTP_LATER;
    return answer(request, product.key_set);
}

enum ss_http_result ss_ddi_poll(struct ss_http_request *request)
{
    struct ss_store *store = request->front->store;
    struct ss_store_product product = {0};
    if (!ss_http_accepts_json(request))
        return SS_HTTP_DONE;
    ss_status_t status = ss_store_device_touch(store, request->device.registration.id, &request->device, NULL);
    if (status == SS_OK && request->device.told.key_set)
        status = ss_store_product_get(store, request->device.registration.product, &product, NULL);
    return status == SS_OK ? answer(request, product.key_set) : ss_http_answer_failure(request, status, NULL);
}
