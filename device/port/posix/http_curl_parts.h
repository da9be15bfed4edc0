// SPDX-License-Identifier: Apache-2.0
// Between the files of the HTTP client on libcurl.
#ifndef SS_DEVICE_PORT_POSIX_HTTP_CURL_PARTS_H
#define SS_DEVICE_PORT_POSIX_HTTP_CURL_PARTS_H

#include <curl/curl.h>

#include "device/port/posix/http_curl.h"

#define SS_CURL_SHORT_HEADER 128u
/// What libcurl hands over at a time; more than that makes it wait.
#define SS_CURL_PIECE CURL_MAX_WRITE_SIZE

struct ss_curl_text {
    char *bytes; ///< NUL-terminated; NULL: none
    size_t len;
};

struct ss_curl {
    CURLM *multi; ///< keeps the connection from one request to the next
    CURL *easy;
    struct ss_curl_limits limits;
    struct ss_curl_count count;
    struct ss_curl_text trust, token, key, certificate;
    const char *key_type, *certificate_type;
    const atomic_bool *stop;

    // The exchange.
    unsigned status; ///< of the answer whose header comes; 0 before its first line
    bool headers_end, head_given;
    struct curl_slist *headers; ///< of the request
    char etag[SS_CURL_SHORT_HEADER], content_range[SS_CURL_SHORT_HEADER], retry_after[SS_CURL_SHORT_HEADER],
        location[SS_HTTP_URL_MAX + 1];
    size_t filled;
    bool paused;
    uint8_t piece[SS_CURL_PIECE];
};

/// Of the request; also after a sink was left by longjmp.
void ss_curl_free_headers(struct ss_curl *c);

#endif
