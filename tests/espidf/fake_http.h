// SPDX-License-Identifier: Apache-2.0
// esp_http_client with an answer that a test has written down, event by event.
#ifndef SS_TESTS_ESPIDF_FAKE_HTTP_H
#define SS_TESTS_ESPIDF_FAKE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "esp_http_client.h"

/// What happens in one call of fetch_headers (the first steps, up to `last`) or of read (each one step).
struct fake_step {
    const char *header, *value; ///< a header comes
    const char *body;           ///< or bytes of the body do
    bool last;                  ///< of the headers
};

struct fake_http {
    // The answer.
    esp_err_t opened;
    int tls_code, tls_flags; ///< why it was not
    int status;
    int64_t length; ///< -1: not said
    bool complete;  ///< once all steps are done
    int read_end;   ///< what a read gives then if not
    const struct fake_step *steps;
    unsigned count;
    int64_t seconds; ///< that each read takes
    // What was asked.
    esp_http_client_config_t config;
    char headers[1024]; ///< "Name: value\n" each
    char body[2048];
    int announced; ///< length of the body
    unsigned opens, closes, cleanups;
};
extern struct fake_http fake_http;

#endif
