// SPDX-License-Identifier: Apache-2.0
// The poll: answered from memory, on the thread that read it; by a worker if memory does not tell.
#include <string.h>
#include <time.h>

#include "core/bytes.h"
#include "core/hex.h"
#include "server/ddi.h"
#include "server/range.h"

/// Room for the body of a poll: seven links.
#define BODY_SIZE (7 * SS_DDI_LINK_SIZE)
/// Room for an ETag, terminated: 16 digits in quotes.
#define ETAG_SIZE 19
/// A window may make a device ask so often, seconds: hawkBit's shortest time.
#define SLEEP_LEAST 30u

/// Of what is no secret: the same on every node, and nobody gains by two things having the same.
static uint64_t hash(const void *bytes, size_t len)
{
    static const uint64_t key[2];
    return ss_siphash(key, bytes, len);
}

uint32_t ss_ddi_sleep(const struct ss_polling *polling, const char *device)
{
    // From -jitter to +jitter percent in steps of a second, the same on every node: bodies and ETags stay as they are.
    uint32_t width = (uint32_t)((uint64_t)polling->seconds * polling->jitter / 100);
    uint64_t place = hash(device, strlen(device)) % (2 * (uint64_t)width + 1);
    uint32_t seconds = polling->seconds - width + (uint32_t)place;
    return seconds < 1 ? 1 : seconds > 86399 ? 86399 : seconds;
}

uint32_t ss_ddi_action_hash(const struct ss_store_device *device, int64_t now)
{
    int64_t parts[] = {device->open.action, device->open.release, device->open.forced, (int64_t)device->open.state,
                       ss_store_window_is_open(&device->open.window, now)};
    return (uint32_t)hash(parts, sizeof parts) & 0x7FFFFFFF;
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

static void put_bytes(struct text *text, const char *bytes, size_t len)
{
    if (len >= text->size - text->len) {
        text->size = text->len; // full: says so at the end
        return;
    }
    memcpy(text->out + text->len, bytes, len);
    text->len += len;
}

static inline void put(struct text *text, const char *string)
{
    put_bytes(text, string, strlen(string));
}

static void put_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    put_bytes(text, digits + at, sizeof digits - at);
}

/// "HH:MM:SS"
static void put_time(struct text *text, uint32_t seconds)
{
    uint32_t parts[] = {seconds / 3600, seconds / 60 % 60, seconds % 60};
    char out[8] = "00:00:00";
    for (unsigned i = 0; i < 3; i++) {
        out[3 * i] = (char)('0' + parts[i] / 10 % 10);
        out[3 * i + 1] = (char)('0' + parts[i] % 10);
    }
    put_bytes(text, out, sizeof out);
}

/// Begins link @p name with what all addresses have in common.
static void open_link(struct text *text, const char *name, const struct ss_server_config *config)
{
    put(text, text->links ? ",\"" : "\"");
    put(text, name);
    put(text, "\":{\"href\":\"");
    put(text, config->server.url);
    put(text, "/");
    put(text, config->server.tenant);
    text->links = true;
}

static void close_link(struct text *text)
{
    put(text, "\"}");
}

/// Begins a link to @p resource of @p device, which is also its name.
static void open_resource(struct text *text, const struct ss_server_config *config, const char *device,
                          const char *resource)
{
    open_link(text, resource, config);
    put(text, "/controller/v1/");
    put(text, device);
    put(text, "/");
    put(text, resource);
}

/// A link to @p resource number @p number; without one if that is 0.
static void put_resource(struct text *text, const struct ss_server_config *config, const char *device,
                         const char *resource, int64_t number)
{
    open_resource(text, config, device, resource);
    if (number) {
        put(text, "/");
        put_number(text, (uint64_t)number);
    }
    close_link(text);
}

static bool offers(const struct ss_store_device *device)
{
    // Sealed for the other slot than the one that runs: without knowing that, there is nothing to offer.
    return device->kind == SS_STORE_OPAQUE || device->told.slot[0];
}

static void put_action(struct text *text, const struct ss_server_config *config, const struct ss_store_device *device,
                       int64_t now)
{
    const char *id = device->registration.id;
    if (!device->open.action)
        return;
    if (device->open.state == SS_STORE_CANCELING) {
        put_resource(text, config, id, "cancelAction", device->open.action);
    } else if (offers(device)) {
        bool waits = device->open.state == SS_STORE_WAIT_FOR_CONFIRMATION;
        open_resource(text, config, id, waits ? "confirmationBase" : "deploymentBase");
        put(text, "/");
        put_number(text, (uint64_t)device->open.action);
        put(text, "?c=");
        put_number(text, ss_ddi_action_hash(device, now));
        close_link(text);
    }
}

/// Before a window opens, devices ask after a third of the time that is left, so that they are there when it does.
static uint32_t sleep_of(const struct ss_polling *polling, const struct ss_store_device *device, int64_t now)
{
    uint32_t sleep = ss_ddi_sleep(polling, device->registration.id);
    uint32_t wait = device->open.action ? ss_store_window_wait(&device->open.window, now) : 0;
    uint32_t third = wait / 3 > SLEEP_LEAST ? wait / 3 : SLEEP_LEAST;
    return wait && third < sleep ? third : sleep;
}

size_t ss_ddi_poll_body(const struct ss_server_config *config, const struct ss_store_device *device, uint32_t key_set,
                        int64_t now, char *out, size_t size)
{
    struct text text = {.out = out, .size = size};
    const char *id = device->registration.id;
    put(&text, "{\"config\":{\"polling\":{\"sleep\":\"");
    put_time(&text, sleep_of(&config->server.polling, device, now));
    put(&text, "\"}},\"_links\":{");
    put_action(&text, config, device, now);
    if (device->installed.action)
        put_resource(&text, config, id, "installedBase", device->installed.action);
    if (device->wants_attributes || (device->open.action && !offers(device)))
        put_resource(&text, config, id, "configData", 0);
    if (device->told.key_set && key_set > device->told.key_set) {
        open_link(&text, "keySet", config);
        put(&text, "/keyset/v1/");
        put(&text, device->registration.product);
        put(&text, "/after/");
        put_number(&text, device->told.key_set);
        close_link(&text);
    }
    if (device->freshness && device->freshness != device->freshness_fetched)
        put_resource(&text, config, id, "freshness", 0);
    put(&text, "}}");
    return text.len < text.size ? text.len : 0;
}

/// Changes when the body does.
static void make_etag(const char *body, size_t len, char etag[ETAG_SIZE])
{
    uint8_t bytes[8];
    ss_put_le64(bytes, hash(body, len));
    etag[0] = '"';
    ss_put_hex(bytes, sizeof bytes, etag + 1);
    etag[17] = '"';
    etag[18] = '\0';
}

static enum ss_http_result answer(struct ss_http_request *request, uint32_t key_set)
{
    char body[BODY_SIZE], etag[ETAG_SIZE];
    size_t len = ss_ddi_poll_body(request->front->config, &request->device, key_set, time(NULL), body, sizeof body);
    make_etag(body, len, etag);
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
