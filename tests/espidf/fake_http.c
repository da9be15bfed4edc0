// SPDX-License-Identifier: Apache-2.0
#include "espidf/fake_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_tls.h"
#include "espidf/fake_idf.h"
#include "support/unit.h"

struct fake_http fake_http;
static unsigned at;
static int client;

static void tell(esp_http_client_event_t *event)
{
    event->user_data = fake_http.config.user_data;
    assert_int_equal(fake_http.config.event_handler(event), ESP_OK);
}

static void tell_error(esp_http_client_event_id_t id)
{
    tell(&(esp_http_client_event_t){.event_id = id, .data = &fake_http.tls_code});
}

// One step; its bytes are gone when it has been told.
static void play(const struct fake_step *step)
{
    char name[64], text[256];
    esp_http_client_event_t event = {.event_id = step->header ? HTTP_EVENT_ON_HEADER : HTTP_EVENT_ON_DATA};
    if (!step->header && !step->body)
        return;
    snprintf(name, sizeof name, "%s", step->header ? step->header : "");
    snprintf(text, sizeof text, "%s", step->header ? step->value : step->body);
    if (step->header) {
        event.header_key = name;
        event.header_value = text;
    } else {
        event.data = text;
        event.data_len = (int)strlen(text);
    }
    tell(&event);
}

esp_http_client_handle_t esp_http_client_init(const esp_http_client_config_t *config)
{
    fake_http.config = *config;
    at = 0;
    return (esp_http_client_handle_t)(void *)&client;
}

esp_err_t esp_http_client_set_header(esp_http_client_handle_t c, const char *key, const char *value)
{
    (void)c;
    size_t len = strlen(fake_http.headers);
    snprintf(fake_http.headers + len, sizeof fake_http.headers - len, "%s: %s\n", key, value);
    return ESP_OK;
}

esp_err_t esp_http_client_open(esp_http_client_handle_t c, int write_len)
{
    (void)c;
    fake_http.opens++;
    fake_http.announced = write_len;
    if (fake_http.opened != ESP_OK)
        tell_error(HTTP_EVENT_ERROR);
    return fake_http.opened;
}

// Takes a body in pieces.
int esp_http_client_write(esp_http_client_handle_t c, const char *buffer, int len)
{
    (void)c;
    int n = len < 5 ? len : 5;
    if (strlen(fake_http.body) + (size_t)n < sizeof fake_http.body)
        strncat(fake_http.body, buffer, (size_t)n);
    return n;
}

int64_t esp_http_client_fetch_headers(esp_http_client_handle_t c)
{
    (void)c;
    if (fake_http.status < 0)
        return fake_http.status;
    while (at < fake_http.count) {
        const struct fake_step *step = &fake_http.steps[at++];
        play(step);
        if (step->last)
            break;
    }
    return fake_http.length < 0 ? 0 : fake_http.length;
}

int esp_http_client_read(esp_http_client_handle_t c, char *buffer, int len)
{
    (void)c;
    memset(buffer, 'X', (size_t)len); // what it gives back is not to be looked at
    fake.time_us += fake_http.seconds * 1000000;
    if (at >= fake_http.count)
        return fake_http.complete ? 0 : fake_http.read_end;
    const struct fake_step *step = &fake_http.steps[at++];
    play(step);
    return step->body ? (int)strlen(step->body) : 0;
}

int esp_http_client_get_status_code(esp_http_client_handle_t c)
{
    (void)c;
    return fake_http.status;
}

int64_t esp_http_client_get_content_length(esp_http_client_handle_t c)
{
    (void)c;
    return fake_http.length;
}

bool esp_http_client_is_complete_data_received(esp_http_client_handle_t c)
{
    (void)c;
    return fake_http.complete && at >= fake_http.count;
}

esp_err_t esp_http_client_close(esp_http_client_handle_t c)
{
    (void)c;
    fake_http.closes++;
    if (fake_http.opened != ESP_OK)
        tell_error(HTTP_EVENT_DISCONNECTED);
    return ESP_OK;
}

esp_err_t esp_http_client_cleanup(esp_http_client_handle_t c)
{
    (void)c;
    fake_http.cleanups++;
    return ESP_OK;
}

esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *code, int *flags)
{
    assert_ptr_equal(h, &fake_http.tls_code);
    *code = fake_http.tls_code;
    *flags = fake_http.tls_flags;
    fake_http.tls_code = fake_http.tls_flags = 0;
    return ESP_FAIL;
}
