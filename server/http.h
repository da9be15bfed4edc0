// SPDX-License-Identifier: Apache-2.0
// One HTTP request, from its first line to the last byte of its answer; on libmicrohttpd. Internal to the front.
//
// A request's head is read on a thread of libmicrohttpd, which waits for nothing but its sockets: who asks is told from
// the store's memory, and a route's handler `at_once` answers from there (polls, heads of downloads). What is not in
// memory, and everything else, is handed to a worker: the connection is suspended, the handler runs and ends with one
// of the ss_http_answer…() calls, and the connection goes on. A handler that has to wait for an event (the store's
// writer, the sealer) returns SS_HTTP_WAIT and does not touch the request any more; whoever brings the event calls
// ss_http_continue().
//
//   MHD thread    head → route, limits → credential ───────→ body → at_once ────────────→ answer queued
//                                        └→ suspend ┐ resume ┘        └→ suspend ┐          ┌ resume ┘
//   worker                                          credential                   handler → answer
//   store, sealer                                                                 └ waiting ┘
#ifndef SS_SERVER_HTTP_H
#define SS_SERVER_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "server/store.h"

struct MHD_Connection;
struct MHD_Response;
struct ss_front;
struct ss_http_request;

/// Longest path with query, bytes. Longer ones get 414.
#define SS_HTTP_URI_MAX 1023u
/// Most parts of a path.
#define SS_HTTP_PARTS_MAX 10u
/// Largest JSON body, bytes. hawkBit clients send up to 50 messages.
#define SS_HTTP_BODY_MAX 65536u

enum ss_http_method {
    SS_HTTP_GET,
    SS_HTTP_HEAD,
    SS_HTTP_PUT,
    SS_HTTP_POST,
    SS_HTTP_DELETE,
    SS_HTTP_OTHER,
};

/// The headers that mean something here.
enum ss_http_header {
    SS_HTTP_ACCEPT,
    SS_HTTP_AUTHORIZATION,
    SS_HTTP_CONTENT_LENGTH,
    SS_HTTP_CONTENT_TYPE,
    SS_HTTP_IF_MATCH,
    SS_HTTP_IF_NONE_MATCH,
    SS_HTTP_IF_RANGE,
    SS_HTTP_RANGE,
    SS_HTTP_TRANSFER_ENCODING,
    SS_HTTP_X_AUTHORITY,
    SS_HTTP_X_CONTROLLER_ID,
    SS_HTTP_HEADERS,
};

/// Whom a route is for.
enum ss_http_audience {
    SS_HTTP_ANYBODY,
    SS_HTTP_DEVICE,   ///< the device named in the path, authenticated
    SS_HTTP_OPERATOR, ///< with a token
    SS_HTTP_MONITOR,  ///< addresses of `metrics`
};

enum ss_http_result {
    SS_HTTP_DONE,  ///< the answer is there
    SS_HTTP_WAIT,  ///< not yet: ss_http_continue() was or will be called, from whatever thread
    SS_HTTP_LATER, ///< nothing was done: it takes what a thread of libmicrohttpd may not wait for
};
typedef enum ss_http_result (*ss_http_handler)(struct ss_http_request *request);

/// A row of the table of routes. `*` in the pattern stands for one part of the path.
struct ss_http_route {
    const char *pattern; ///< below the tenant, or from the root if it begins with '/'
    const char *name;    ///< in metrics and logs
    enum ss_http_audience audience;
    bool admits;                             ///< an unknown device may register itself here
    ss_http_handler at_once;                 ///< tried first, on libmicrohttpd's thread: DONE or LATER; NULL: none
    uint32_t body_max;                       ///< 0: SS_HTTP_BODY_MAX
    ss_http_handler handlers[SS_HTTP_OTHER]; ///< by method; HEAD is GET's if NULL
};

/// Something for a worker to do; part of a larger struct.
struct ss_job {
    struct ss_job *queue; ///< the next one that waits
    void (*run)(struct ss_job *job);
};

struct ss_http_request {
    struct ss_front *front;
    struct MHD_Connection *connection;
    enum ss_http_method method;
    char uri[SS_HTTP_URI_MAX + 1];        ///< as sent; cut into parts and query in place
    const char *parts[SS_HTTP_PARTS_MAX]; ///< of the path, without slashes; nothing is unescaped
    unsigned part_count;
    const char *query;                    ///< behind '?'; "" without one
    const char *headers[SS_HTTP_HEADERS]; ///< NULL: not sent
    bool doubled;                         ///< one of them was sent twice
    const struct ss_http_route *route;
    uint8_t address[16]; ///< of the client, as far as it is known: a proxy's word counts
    bool proxied;        ///< the connection comes from a listed proxy

    char *body;
    size_t body_len, body_size;

    struct ss_store_device device;          ///< audience DEVICE
    bool newcomer;                          ///< nobody knows it yet; `device` is what it may register as
    char operator_name[SS_STORE_NAME_SIZE]; ///< audience OPERATOR

    // The answer.
    unsigned status;               ///< 0: none yet
    struct MHD_Response *response; ///< owned until it is queued
    ss_http_handler next;          ///< what a worker runs
    void *state;                   ///< of the handler, across waiting
    struct ss_job job;             ///< while a worker is to run `next`
    ss_status_t result;            ///< of what the handler waited for
    struct ss_error failure;
    uint64_t answer_len; ///< of an answer that is made while it is sent: how long it may take
    uint64_t started;    ///< ns, monotonic
    enum ss_http_phase {
        SS_HTTP_HEAD_PHASE,
        SS_HTTP_IDENTIFY_PHASE, ///< a worker finds out who asks
        SS_HTTP_BODY_PHASE,
        SS_HTTP_WORK_PHASE,
        SS_HTTP_ANSWERED,
    } phase;
};

// What a handler ends with: all return SS_HTTP_DONE. They set request->status and request->response; a later call
// replaces an earlier one. Without memory the answer is an empty 500.

/// No body.
enum ss_http_result ss_http_answer_empty(struct ss_http_request *request, unsigned status);
/// @p len bytes, copied.
enum ss_http_result ss_http_answer_bytes(struct ss_http_request *request, unsigned status, const char *type,
                                         const void *bytes, size_t len);
/// Puts @p value into @p object, consumes it and returns the object; NULL, and both are freed, where memory is short or
/// one of them is NULL for that reason.
json_t *ss_http_json_with(json_t *object, const char *key, json_t *value);
/// Consumes @p json; NULL is answered as being without memory. The type is what the client accepts.
enum ss_http_result ss_http_answer_json(struct ss_http_request *request, unsigned status, json_t *json);
/// hawkBit's error body, or for the management API its own, made from @p status and @p message.
enum ss_http_result ss_http_answer_error(struct ss_http_request *request, unsigned status, const char *message);
/// The same from a failed call: 404, 400, 403, 409, 410 … as server/manage.h lists them. Server errors are logged.
enum ss_http_result ss_http_answer_failure(struct ss_http_request *request, ss_status_t status,
                                           const struct ss_error *err);
/// One more header of the answer. Header values must be free of control characters.
void ss_http_add_header(struct ss_http_request *request, const char *name, const char *value);

/// Has a worker run @p next. From any thread, once, for a request whose handler returns SS_HTTP_WAIT.
void ss_http_continue(struct ss_http_request *request, ss_http_handler next);

/// The body as a JSON object; NULL after having answered 400 or 415. Freed by json_decref().
json_t *ss_http_body_json(struct ss_http_request *request);
/// Whether jansson has lacked memory on this thread since: then what it says of the body's fields counts for nothing.
bool ss_http_json_lacks_memory(void);
/// The value of @p name in the query, copied and terminated; false if it is not there or does not fit. Nothing is
/// unescaped: values with % are not needed here.
bool ss_http_query(const struct ss_http_request *request, const char *name, char *out, size_t size);
/// The same as a decimal number up to INT64_MAX. True with @p fallback if it is not there; false if it is no number.
bool ss_http_query_number(const struct ss_http_request *request, const char *name, int64_t fallback, int64_t *out);
/// A part of a path as a decimal number above 0. False if it is none.
bool ss_http_part_number(const char *part, int64_t *out);
/// True if the client takes JSON; answered with 406 otherwise.
bool ss_http_accepts_json(struct ss_http_request *request);

#endif
