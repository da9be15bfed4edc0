// SPDX-License-Identifier: Apache-2.0
// The agent's HTTP client (device/http.h) on libcurl. Keys and certificates are bytes in memory, never files, and what
// the host is configured for (proxies, .netrc, its certificate store) is not looked at: a device that runs on a host
// trusts what its own storage says and nothing else.
//
// Every client is on its own: threads may use one each. One client serves one device.
#ifndef SS_DEVICE_PORT_POSIX_HTTP_CURL_H
#define SS_DEVICE_PORT_POSIX_HTTP_CURL_H

#include <stdatomic.h>

#include "device/http.h"

/// Time limits, seconds. Zeros are the defaults.
struct ss_curl_limits {
    unsigned connect; ///< until TCP and TLS stand; 20
    unsigned stall;   ///< with fewer than `least` bytes a second; 30
    unsigned least;   ///< 64
};

/// Bytes and requests so far, headers and TLS' own not counted in the bytes of bodies.
struct ss_curl_count {
    uint64_t requests;
    uint64_t bodies;   ///< bytes of answers' bodies
    uint64_t received; ///< the same, and headers
    uint64_t sent;     ///< requests with headers and bodies
};

/// PEM (several certificates, a closing NUL is no harm) or DER (one).
struct ss_curl_blob {
    const void *data; ///< NULL: none
    size_t len;
};

struct ss_curl;

/// A client that trusts nobody and has no credential. NULL without memory.
struct ss_curl *ss_curl_new(const struct ss_curl_limits *limits);
/// Closes connections, wipes and frees. NULL is allowed. Also after a sink was left by longjmp.
void ss_curl_free(struct ss_curl *curl);

/// The certificates that servers' certificates have to end in; copied. They replace those before.
/// SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_DATA_INVALID: what looks like no certificate; those before stay.
SS_MUST_USE ss_status_t ss_curl_trust(struct ss_curl *curl, const struct ss_curl_blob *certificates, unsigned count);
/// The credential: a token, or a private key with its certificate; copied. SS_ERROR_INSUFFICIENT_MEMORY,
/// SS_ERROR_INVALID_ARGUMENT: both or neither half.
SS_MUST_USE ss_status_t ss_curl_credential(struct ss_curl *curl, const char *token, struct ss_curl_blob key,
                                           struct ss_curl_blob certificate);
/// Ends exchanges with SS_ERROR_IO as soon as *@p stop is true; from any thread. NULL: nothing does. Borrowed.
void ss_curl_stop_on(struct ss_curl *curl, const atomic_bool *stop);
struct ss_curl_count ss_curl_count(const struct ss_curl *curl);
/// Closes the connection that is kept for the next request: what a device does before it sleeps.
void ss_curl_rest(struct ss_curl *curl);

/// ss_http.exchange. @p curl is the client. A sink may leave by longjmp: it is called outside of libcurl; after that the
/// client can only be freed.
SS_MUST_USE ss_status_t ss_curl_exchange(struct ss_curl *curl, const struct ss_http_request *request,
                                         const struct ss_http_sink *sink);

#endif
