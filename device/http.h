// SPDX-License-Identifier: Apache-2.0
// What the agent's pull mode needs of an HTTP client: one blocking function that the port provides, on libcurl,
// esp_http_client or anything else. Everything that decides stays on this side: which address, redirects, ranges,
// lengths, how often. The client moves bytes, verifies the server, and gives up when nothing moves.
#ifndef SS_DEVICE_HTTP_H
#define SS_DEVICE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

enum ss_http_method { SS_HTTP_GET, SS_HTTP_PUT, SS_HTTP_POST };

/// `length` of an answer that does not say how long it is.
#define SS_HTTP_LENGTH_UNKNOWN UINT64_MAX

/// One request. All text ends in NUL. It, and what it points to, stays as it is until the first call of the sink;
/// `body` until the end of the exchange. HTTP/1.1 or later.
struct ss_http_request {
    enum ss_http_method method;
    const char *url; ///< absolute, http:// or https://, at most SS_HTTP_URL_MAX characters, without user and fragment
    const char *accept; ///< value of `Accept`
    const char
        *body;       ///< of PUT and POST, sent as `Content-Type: application/json` with its `Content-Length`; else NULL
    size_t body_len; ///< bytes
    uint32_t from;   ///< not 0: `Range: bytes={from}-`
    const char *if_range; ///< value of `If-Range`, or NULL: none
    /// Present what the device has: `Authorization: TargetToken …`, or its client certificate. Without this, neither may
    /// leave the device: no header, and no certificate in the handshake even if the server asks for one.
    bool credential;
    /// Take whatever certificate the server shows. Only ever set for what proves itself (signed key sets, certificates
    /// that are pinned by digest), and never together with `credential`.
    bool any_server;
};

/// Longest `url`, characters.
#define SS_HTTP_URL_MAX 511u

/// The final answer's beginning (no 1xx). Text ends in NUL; a header that did not come, or is longer than the client
/// cares to keep (it keeps at least 127 characters, of `Location` SS_HTTP_URL_MAX), is NULL.
struct ss_http_head {
    uint16_t status;           ///< 100 to 599; anything else is SS_ERROR_IO
    uint64_t length;           ///< bytes of the body (`Content-Length`), or SS_HTTP_LENGTH_UNKNOWN
    const char *etag;          ///< `ETag`, with its quotes
    const char *content_range; ///< `Content-Range`
    const char *location;      ///< `Location`
    const char *retry_after;   ///< `Retry-After`
};

/// Where an answer goes: `head` once, then `body` with the bytes as they come, any number at a time, never 0. Either
/// returns false to stop: the client closes the connection, calls neither again, and returns SS_OK.
struct ss_http_sink {
    bool (*head)(void *context, const struct ss_http_head *head);
    bool (*body)(void *context, const uint8_t *bytes, size_t len);
    void *context;
};

/// The client. Redirects are never followed, nothing is tried again, no content is decoded (`Accept-Encoding` is not
/// sent), no cookie kept. Time is the client's: connecting, and every stretch in which nothing arrives or leaves, has a
/// limit; so has an exchange that drips (ESP-IDF: `timeout_ms`; libcurl: CURLOPT_LOW_SPEED_TIME). It verifies the chain
/// and the name of an https server by the device's certificates, unless `any_server`.
struct ss_http {
    ///   SS_OK                        a whole answer came, whatever its status, or the sink stopped it
    ///   SS_ERROR_INVALID_SIGNATURE   the server's certificate does not verify, so no request was sent
    ///   SS_ERROR_TIMEOUT             too slow
    ///   SS_ERROR_IO                  no connection, not HTTP, or ended before `length` bytes or the last chunk; the
    ///                                sink may have been called. Also any other status
    ss_status_t (*exchange)(void *context, const struct ss_http_request *request, const struct ss_http_sink *sink);
};

#endif
