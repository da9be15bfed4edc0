// SPDX-License-Identifier: Apache-2.0
// Answers, and what requests hold beside their head.
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/front_parts.h"
#include "server/log.h"

#define HAL  "application/hal+json"
#define JSON "application/json"

static void set_answer(struct ss_http_request *request, unsigned status, struct MHD_Response *response)
{
    if (request->response)
        MHD_destroy_response(request->response);
    request->response = response;
    request->status = response ? status : 500;
    if (!response)
        request->response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
}

void ss_http_add_header(struct ss_http_request *request, const char *name, const char *value)
{
    if (!request->response || MHD_add_response_header(request->response, name, value) == MHD_YES)
        return;
    // An answer that lacks a header says something else.
    set_answer(request, 500, NULL);
}

enum ss_http_result ss_http_answer_empty(struct ss_http_request *request, unsigned status)
{
    set_answer(request, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
    return SS_HTTP_DONE;
}

enum ss_http_result ss_http_answer_bytes(struct ss_http_request *request, unsigned status, const char *type,
                                         const void *bytes, size_t len)
{
    // The library copies; its argument is not const.
    set_answer(request, status, MHD_create_response_from_buffer(len, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY));
    ss_http_add_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return SS_HTTP_DONE;
}

static bool is_type(const char *range, size_t size, const char *type)
{
    return size == strlen(type) && !strncasecmp(range, type, size);
}

/// What a list of media ranges says of two types of one family ("application/json").
static bool takes(const char *accept, const char *type, const char *or_type)
{
    for (const char *p = accept; *(p += strspn(p, ", \t"));) {
        size_t size = strcspn(p, ",; \t");
        if (is_type(p, size, type) || is_type(p, size, or_type) || is_type(p, size, "*/*") ||
            is_type(p, size, "application/*"))
            return true;
        p += strcspn(p, ",");
    }
    return false;
}

static const char *type_of_json(const struct ss_http_request *request)
{
    const char *accept = request->headers[SS_HTTP_ACCEPT];
    bool ddi = request->route && request->route->pattern[0] != '/';
    return ddi && (!accept || takes(accept, HAL, HAL)) ? HAL : JSON;
}

bool ss_http_accepts_json(struct ss_http_request *request)
{
    const char *accept = request->headers[SS_HTTP_ACCEPT];
    if (!accept || !*accept || takes(accept, HAL, JSON))
        return true;
    ss_http_answer_error(request, 406, "only JSON is spoken here");
    return false;
}

json_t *ss_http_json_with(json_t *object, const char *key, json_t *value)
{
    if (object && value && json_object_set(object, key, value) == 0) {
        json_decref(value);
        return object;
    }
    json_decref(object);
    json_decref(value);
    return NULL;
}

// Without memory jansson 2.14 takes texts for wrong ones, and writes some that are.
static _Thread_local bool json_lacked_memory;

static void *json_memory(size_t size)
{
    void *p = malloc(size);
    json_lacked_memory |= !p;
    return p;
}

bool ss_http_json_lacks_memory(void)
{
    return json_lacked_memory;
}

void ss_http_json_setup(void)
{
    json_set_alloc_funcs(json_memory, free);
}

enum ss_http_result ss_http_answer_json(struct ss_http_request *request, unsigned status, json_t *json)
{
    json_lacked_memory = false;
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (json_lacked_memory) {
        free(text);
        text = NULL;
    }
    set_answer(request, status,
               text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL);
    if (text && request->status != status)
        free(text);
    ss_http_add_header(request, MHD_HTTP_HEADER_CONTENT_TYPE, type_of_json(request));
    return SS_HTTP_DONE;
}

/// hawkBit's error of a status; Spring's where hawkBit leaves it to that.
static const struct {
    unsigned status;
    ss_status_t failed; ///< only when such a call failed; SS_OK: always
    const char *exception, *code;
} errors[] = {
    {400, SS_OK, "MessageNotReadableException", "hawkbit.server.error.rest.body.notReadable"},
    {401, SS_OK, "InsufficientAuthenticationException", "hawkbit.server.error.insufficientPermission"},
    {403, SS_OK, "InsufficientPermissionException", "hawkbit.server.error.insufficientPermission"},
    {404, SS_OK, "EntityNotFoundException", "hawkbit.server.error.repo.entityNotFound"},
    {405, SS_ERROR_NOT_SUPPORTED, "CancelActionNotAllowedException", "hawkbit.server.error.action.notCancelable"},
    {405, SS_OK, "HttpRequestMethodNotSupportedException", NULL},
    {406, SS_OK, "HttpMediaTypeNotAcceptableException", NULL},
    {409, SS_OK, "AutoConfirmationAlreadyActiveException", "hawkbit.server.error.repo.autoConfAlreadyActive"},
    {410, SS_OK, "ActionNotActiveException", NULL},
    {415, SS_OK, "HttpMediaTypeNotSupportedException", NULL},
    {429, SS_OK, "AssignmentQuotaExceededException", "hawkbit.server.error.quota.tooManyEntries"},
};

static json_t *ddi_error(unsigned status, ss_status_t failed, const char *message)
{
    size_t i = 0, count = sizeof errors / sizeof *errors;
    while (i < count && (errors[i].status != status || (errors[i].failed != SS_OK && errors[i].failed != failed)))
        i++;
    const char *code = i < count ? errors[i].code : NULL;
    return json_pack("{s:s, s:s, s:s}", "exceptionClass", i < count ? errors[i].exception : "GenericServerException",
                     "errorCode", code ? code : "hawkbit.server.error.repo.genericError", "message", message);
}

/// Name of the status that an error of the management API shows, when there was no failed call.
static const char *status_name(unsigned status)
{
    return status == 401   ? "not authenticated"
           : status == 404 ? ss_status_name(SS_ERROR_DOES_NOT_EXIST)
           : status == 429 ? "too many requests"
           : status == 503 ? "not available"
           : status < 500  ? ss_status_name(SS_ERROR_INVALID_ARGUMENT)
                           : ss_status_name(SS_ERROR_GENERIC);
}

/// @p failed: the status of the call that this comes from; SS_OK: none.
static enum ss_http_result answer_error(struct ss_http_request *request, unsigned status, ss_status_t failed,
                                        const char *message)
{
    bool ddi = !request->route || request->route->pattern[0] != '/';
    const char *name = failed == SS_OK ? status_name(status) : ss_status_name(failed);
    ss_http_answer_json(request, status,
                        ddi ? ddi_error(status, failed, message)
                            : json_pack("{s:{s:s, s:s}}", "error", "status", name, "message", message));
    return SS_HTTP_DONE;
}

enum ss_http_result ss_http_answer_error(struct ss_http_request *request, unsigned status, const char *message)
{
    return answer_error(request, status, SS_OK, message);
}

static unsigned http_status(const struct ss_http_request *request, ss_status_t status)
{
    bool ddi = request->route && request->route->pattern[0] != '/';
    switch (status) {
    case SS_ERROR_INVALID_ARGUMENT:
    case SS_ERROR_DATA_INVALID:
        return 400;
    case SS_ERROR_NOT_PERMITTED:
    case SS_ERROR_INVALID_SIGNATURE:
        return 403;
    case SS_ERROR_DOES_NOT_EXIST:
        return 404;
    case SS_ERROR_NOT_SUPPORTED:
        return ddi ? 405 : 400;
    case SS_ERROR_ALREADY_EXISTS:
        return 409;
    case SS_ERROR_BAD_STATE:
        return ddi ? 410 : 409;
    case SS_ERROR_INSUFFICIENT_SPACE:
        return 429;
    case SS_ERROR_DATA_CORRUPT:
        return 422;
    case SS_ERROR_IO:
    case SS_ERROR_TIMEOUT:
        return 503;
    default:
        return 500;
    }
}

enum ss_http_result ss_http_answer_failure(struct ss_http_request *request, ss_status_t status,
                                           const struct ss_error *err)
{
    const char *message = err && err->message[0] ? err->message : ss_status_name(status);
    unsigned code = http_status(request, status);
    if (code >= 500) // what is inside stays inside
        ss_log(SS_LOG_WARNING, "request failed", "route", request->route ? request->route->name : "none", "reason",
               message, NULL);
    answer_error(request, code, status, code >= 500 ? ss_status_name(status) : message);
    if (code == 503)
        ss_http_add_header(request, "Retry-After", "10");
    return SS_HTTP_DONE;
}

static bool is_json(const char *type)
{
    static const char *const types[] = {"application/json", "application/hal+json"};
    for (size_t i = 0; type && i < 2; i++) {
        size_t len = strlen(types[i]);
        if (!strncasecmp(type, types[i], len) && (!type[len] || type[len] == ';' || type[len] == ' '))
            return true;
    }
    return false;
}

json_t *ss_http_body_json(struct ss_http_request *request)
{
    if (!is_json(request->headers[SS_HTTP_CONTENT_TYPE])) {
        ss_http_answer_error(request, 415, "the body has to be application/json");
        return NULL;
    }
    json_lacked_memory = false;
    json_t *json = json_loadb(request->body ? request->body : "", request->body_len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    if (json_lacked_memory)
        ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
    else
        ss_http_answer_error(request, 400, "the body is no JSON object");
    return NULL;
}

bool ss_http_query(const struct ss_http_request *request, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    for (const char *p = request->query; *p; p += strcspn(p, "&"), p += *p == '&') {
        size_t all = strcspn(p, "&");
        if (all <= len || strncmp(p, name, len) != 0 || p[len] != '=')
            continue;
        size_t value = all - len - 1;
        if (value >= size)
            return false;
        memcpy(out, p + len + 1, value);
        out[value] = '\0';
        return true;
    }
    return false;
}

/// A decimal number up to INT64_MAX with an optional '-'.
static bool number(const char *text, int64_t *out)
{
    uint64_t value = 0;
    const char *p = text + (*text == '-');
    if (!*p)
        return false;
    for (; *p; p++) {
        if (*p < '0' || *p > '9' || value > (INT64_MAX - (uint64_t)(*p - '0')) / 10)
            return false;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    *out = *text == '-' ? -(int64_t)value : (int64_t)value;
    return true;
}

bool ss_http_query_number(const struct ss_http_request *request, const char *name, int64_t fallback, int64_t *out)
{
    char text[24];
    *out = fallback;
    if (!strstr(request->query, name) || !ss_http_query(request, name, text, sizeof text))
        return true;
    return number(text, out);
}

bool ss_http_part_number(const char *part, int64_t *out)
{
    return part[0] >= '1' && part[0] <= '9' && number(part, out);
}
