// SPDX-License-Identifier: Apache-2.0
// device/http.h on esp_http_client. Bytes are taken from its events: what its read function gives back is wrong before
// v4.4 if several chunks of a body came together with the headers, and what v4.0 keeps of a header that came in two
// pieces is its first piece, so the buffer is large.
#include <inttypes.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "esp_http_client.h"
#include "esp_tls.h"

#include "device/port/espidf/idf.h"

#define BUFFER      2048 ///< bytes, of each direction: more than a request, or all headers of an answer
#define PIECE       256  ///< bytes that are waited for at once: nothing else can be looked at meanwhile
#define HEADER_SIZE 128
#define PATIENCE    60 ///< seconds that an exchange may take
#define SLOWEST     64 ///< bytes a second that make it longer

struct exchange {
    const struct ss_http_sink *sink;
    esp_http_client_handle_t client;
    bool told, stopped, refused; ///< head was given; the sink wants no more; the server's certificate does not verify
    uint64_t received;
    char etag[HEADER_SIZE], content_range[HEADER_SIZE], retry_after[HEADER_SIZE];
    char location[SS_HTTP_URL_MAX + 1];
    char piece[PIECE];
};

// Keeps a header that fits; one that does not is as if it had not come.
static void keep(char *to, size_t size, const char *value)
{
    size_t len = strlen(value);
    to[0] = '\0';
    if (len < size)
        memcpy(to, value, len + 1);
}

static void take_header(struct exchange *x, const char *key, const char *value)
{
    if (strcasecmp(key, "ETag") == 0)
        keep(x->etag, sizeof x->etag, value);
    else if (strcasecmp(key, "Content-Range") == 0)
        keep(x->content_range, sizeof x->content_range, value);
    else if (strcasecmp(key, "Retry-After") == 0)
        keep(x->retry_after, sizeof x->retry_after, value);
    else if (strcasecmp(key, "Location") == 0)
        keep(x->location, sizeof x->location, value);
}

static const char *or_none(const char *text)
{
    return *text ? text : NULL;
}

// A body without a length is -1 to esp_http_client.
static void tell_head(struct exchange *x)
{
    int64_t length = esp_http_client_get_content_length(x->client);
    const struct ss_http_head head = {.status = (uint16_t)esp_http_client_get_status_code(x->client),
                                      .length = length < 0 ? SS_HTTP_LENGTH_UNKNOWN : (uint64_t)length,
                                      .etag = or_none(x->etag),
                                      .content_range = or_none(x->content_range),
                                      .location = or_none(x->location),
                                      .retry_after = or_none(x->retry_after)};
    x->told = true;
    x->stopped = !x->sink->head(x->sink->context, &head);
}

static void take_body(struct exchange *x, const uint8_t *bytes, int len)
{
    if (len <= 0 || x->stopped)
        return;
    x->received += (uint64_t)len;
    if (!x->told)
        tell_head(x);
    if (!x->stopped)
        x->stopped = !x->sink->body(x->sink->context, bytes, (size_t)len);
}

// Why a connection failed; the handle is only good for one question. Flags are those of mbedTLS, -1 before it had looked
// at a certificate.
static void take_error(struct exchange *x, void *handle)
{
    int code = 0, flags = 0;
    if (!handle)
        return;
    esp_tls_get_and_clear_last_error(handle, &code, &flags);
    if (flags > 0 || code == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || code == -MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
        x->refused = true;
}

static esp_err_t on_event(esp_http_client_event_t *event)
{
    struct exchange *x = event->user_data;
    switch (event->event_id) {
    case HTTP_EVENT_ON_HEADER:
        take_header(x, event->header_key, event->header_value);
        break;
    case HTTP_EVENT_ON_DATA:
        take_body(x, event->data, event->data_len);
        break;
    case HTTP_EVENT_ERROR:
    case HTTP_EVENT_DISCONNECTED:
        take_error(x, event->data);
        break;
    default:
        break;
    }
    return ESP_OK;
}

#if SS_IDF_FROM(4, 3) && defined(CONFIG_MBEDTLS_CERTIFICATE_BUNDLE)
// From v4.3 on a connection without certificates to compare with is refused, unless that is allowed to the whole app.
// This hook is called with the configuration of one connection.
static esp_err_t take_any_server(void *conf)
{
    mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_NONE);
    return ESP_OK;
}
#endif

// SS_ERROR_INVALID_SIGNATURE: there is nothing to verify the server with.
static ss_status_t set_trust(const struct ss_idf *idf, const struct ss_http_request *request,
                             esp_http_client_config_t *config)
{
    if (strncasecmp(request->url, "https://", 8) != 0)
        return SS_OK;
    if (!request->any_server) {
        config->cert_pem = (const char *)idf->trusted.p;
        return idf->trusted.p ? SS_OK : SS_ERROR_INVALID_SIGNATURE;
    }
#if !SS_IDF_FROM(4, 3)
    return SS_OK; // no certificate, no verification
#elif defined(CONFIG_MBEDTLS_CERTIFICATE_BUNDLE)
    config->crt_bundle_attach = take_any_server;
    return SS_OK;
#else
    ESP_LOGW(SS_IDF_TAG, "key sets and certificates come from known servers only without "
                         "CONFIG_MBEDTLS_CERTIFICATE_BUNDLE");
    return SS_ERROR_INVALID_SIGNATURE;
#endif
}

static esp_http_client_method_t method_of(const struct ss_http_request *request)
{
    return request->method == SS_HTTP_PUT    ? HTTP_METHOD_PUT
           : request->method == SS_HTTP_POST ? HTTP_METHOD_POST
                                             : HTTP_METHOD_GET;
}

static esp_err_t set_headers(const struct ss_idf *idf, const struct ss_http_request *request,
                             esp_http_client_handle_t client)
{
    char range[sizeof "bytes=4294967295-"];
    esp_err_t err = ESP_OK;
    if (request->accept)
        err = esp_http_client_set_header(client, "Accept", request->accept);
    if (err == ESP_OK && request->body)
        err = esp_http_client_set_header(client, "Content-Type", "application/json");
    if (err == ESP_OK && request->from) {
        snprintf(range, sizeof range, "bytes=%" PRIu32 "-", request->from);
        err = esp_http_client_set_header(client, "Range", range);
    }
    if (err == ESP_OK && request->from && request->if_range)
        err = esp_http_client_set_header(client, "If-Range", request->if_range);
    if (err == ESP_OK && request->credential && idf->authorization.p)
        err = esp_http_client_set_header(client, "Authorization", (const char *)idf->authorization.p);
    return err;
}

static ss_status_t send_request(struct exchange *x, const struct ss_http_request *request)
{
    size_t len = request->body ? request->body_len : 0;
    if (esp_http_client_open(x->client, (int)len) != ESP_OK)
        return SS_ERROR_IO;
    for (size_t sent = 0; sent < len;) {
        int n = esp_http_client_write(x->client, request->body + sent, (int)(len - sent));
        if (n <= 0)
            return SS_ERROR_IO;
        sent += (size_t)n;
    }
    return SS_OK;
}

// An answer that drips is given up: its bytes have to come at some pace, all in all.
static bool too_slow(const struct exchange *x, int64_t since)
{
    int64_t seconds = (esp_timer_get_time() - since) / 1000000;
    return seconds > (int64_t)(PATIENCE + x->received / SLOWEST);
}

static ss_status_t receive(struct exchange *x)
{
    int64_t since = esp_timer_get_time();
    int64_t fetched = esp_http_client_fetch_headers(x->client);
    if (fetched < 0)
        return fetched == -ESP_ERR_HTTP_EAGAIN ? SS_ERROR_TIMEOUT : SS_ERROR_IO; // told apart from v5.0 on
    int status = esp_http_client_get_status_code(x->client);
    if (status < 100 || status > 599)
        return SS_ERROR_IO;
    if (!x->told)
        tell_head(x);
    while (!x->stopped && !esp_http_client_is_complete_data_received(x->client)) {
        uint64_t before = x->received;
        int n = esp_http_client_read(x->client, x->piece, sizeof x->piece);
        if (n == -ESP_ERR_HTTP_EAGAIN || too_slow(x, since))
            return SS_ERROR_TIMEOUT;
        if (n < 0 || (n == 0 && x->received == before))
            break;
    }
    return x->stopped || esp_http_client_is_complete_data_received(x->client) ? SS_OK : SS_ERROR_IO;
}

static ss_status_t run(const struct ss_idf *idf, const struct ss_http_request *request, struct exchange *x)
{
    esp_http_client_config_t config = {.url = request->url,
                                       .method = method_of(request),
                                       .timeout_ms = CONFIG_SLOTSEAL_HTTP_TIMEOUT_MS,
                                       .disable_auto_redirect = true,
                                       .event_handler = on_event,
                                       .buffer_size = BUFFER,
                                       .buffer_size_tx = BUFFER,
                                       .user_data = x};
    if (request->credential && idf->client_key.p && idf->client_cert.p) {
        config.client_key_pem = (const char *)idf->client_key.p;
        config.client_cert_pem = (const char *)idf->client_cert.p;
    }
    ss_status_t status = set_trust(idf, request, &config);
    if (status != SS_OK)
        return status;
    x->client = esp_http_client_init(&config);
    if (!x->client)
        return SS_ERROR_IO;
    status = set_headers(idf, request, x->client) == ESP_OK ? send_request(x, request) : SS_ERROR_IO;
    if (status == SS_OK)
        status = receive(x);
    bool before_request = !x->told;
    // Both tell of errors once more, also what the connection failed of in v4.0.
    esp_http_client_close(x->client);
    esp_http_client_cleanup(x->client);
    bool refused = x->refused && before_request && !request->any_server; // there mbedTLS notes that it did not look
    return status == SS_ERROR_IO && refused ? SS_ERROR_INVALID_SIGNATURE : status;
}

ss_status_t ss_idf_exchange(void *context, const struct ss_http_request *request, const struct ss_http_sink *sink)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return SS_ERROR_IO;
    x->sink = sink;
    ss_status_t status = run(context, request, x);
    free(x);
    return status;
}
