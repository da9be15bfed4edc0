// SPDX-License-Identifier: Apache-2.0
// What devices tell: attributes and feedback. The answer waits until it is on disk; the thread does not.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "server/ddi.h"

static enum ss_http_result answer_written(struct ss_http_request *request)
{
    if (request->result != SS_OK)
        return ss_http_answer_failure(request, request->result, &request->failure);
    return ss_http_answer_empty(request, 200);
}

/// On the store's writer.
static void written(void *context, ss_status_t status, const struct ss_error *err)
{
    struct ss_http_request *request = context;
    request->result = status;
    request->failure = err ? *err : (struct ss_error){0};
    ss_http_continue(request, answer_written);
}

/// After a _start() call: waits if it was taken.
static enum ss_http_result started(struct ss_http_request *request, ss_status_t status, const struct ss_error *err)
{
    return status == SS_OK ? SS_HTTP_WAIT : ss_http_answer_failure(request, status, err);
}

static bool read_mode(const json_t *mode, enum ss_store_attribute_mode *out)
{
    static const char *const names[] = {"merge", "replace", "remove"};
    *out = SS_STORE_MERGE;
    if (!mode || json_is_null(mode))
        return true;
    for (int i = 0; i < 3 && json_is_string(mode); i++)
        if (!strcmp(json_string_value(mode), names[i])) {
            *out = (enum ss_store_attribute_mode)i;
            return true;
        }
    return false;
}

/// One value as text; numbers as they were written. False for what is no scalar.
static bool read_value(const json_t *value, bool removed, char *room, size_t size, const char **out)
{
    *out = "";
    if (removed)
        return true;
    if (json_is_string(value))
        *out = json_string_value(value);
    else if (json_is_integer(value))
        snprintf(room, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value)), *out = room;
    else if (json_is_real(value))
        snprintf(room, size, "%.17g", json_real_value(value)), *out = room;
    else if (json_is_boolean(value))
        *out = json_is_true(value) ? "true" : "false";
    else
        return false;
    return true;
}

static ss_status_t put_attributes(struct ss_http_request *request, json_t *data, enum ss_store_attribute_mode mode,
                                  struct ss_error *err)
{
    // A few more than a device may have, so that it is the store that counts them.
    struct ss_store_attribute attributes[SS_STORE_ATTRIBUTES_MAX + 1];
    char rooms[SS_STORE_ATTRIBUTES_MAX + 1][32];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(data, key, value)
    {
        if (count > SS_STORE_ATTRIBUTES_MAX)
            break;
        attributes[count].key = key;
        if (!read_value(value, mode == SS_STORE_REMOVE, rooms[count], sizeof *rooms, &attributes[count].value))
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "a value of data is no text");
        count++;
    }
    if (!count)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "data is empty");
    return ss_store_attributes_put_start(request->front->store, request->device.registration.id, mode, attributes,
                                         count, written, request, err);
}

enum ss_http_result ss_ddi_config_data(struct ss_http_request *request)
{
    json_t *body = ss_http_body_json(request);
    enum ss_store_attribute_mode mode;
    struct ss_error err = {0};
    if (!body)
        return SS_HTTP_DONE;
    json_t *data = json_object_get(body, "data");
    ss_status_t status = SS_ERROR_INVALID_ARGUMENT;
    if (!read_mode(json_object_get(body, "mode"), &mode))
        ss_error_set(&err, status, SS_AREA_SERVER, "mode has to be merge, replace or remove");
    else if (!json_is_object(data))
        ss_error_set(&err, status, SS_AREA_SERVER, "data is missing");
    else
        status = put_attributes(request, data, mode, &err);
    // The writer may be done by now: the request is not ours any more, unless it failed.
    json_decref(body);
    return started(request, status, &err);
}

// Feedback

static ss_status_t lacks(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "%s is missing or wrong", what);
}

static ss_status_t read_code(const json_t *code, struct ss_store_feedback *out, struct ss_error *err)
{
    if (!code || json_is_null(code))
        return SS_OK;
    json_int_t value = json_integer_value(code);
    if (!json_is_integer(code) || value < INT32_MIN || value > INT32_MAX)
        return lacks(err, "code");
    out->has_code = true;
    out->code = (int32_t)value;
    return SS_OK;
}

static ss_status_t read_progress(const json_t *progress, struct ss_store_feedback *out, struct ss_error *err)
{
    if (!progress || json_is_null(progress))
        return SS_OK;
    json_int_t count = json_integer_value(json_object_get(progress, "cnt"));
    const json_t *of = json_object_get(progress, "of");
    if (!json_is_object(progress) || count < 0 || count > UINT32_MAX || json_integer_value(of) < 0 ||
        json_integer_value(of) > UINT32_MAX)
        return lacks(err, "progress");
    out->has_progress = true;
    out->count = (uint32_t)count;
    out->of = (uint32_t)json_integer_value(of);
    return SS_OK;
}

/// Points to the texts of @p details; those beyond the limit are dropped.
static ss_status_t read_details(const json_t *details, const char **messages, struct ss_store_feedback *out,
                                struct ss_error *err)
{
    size_t i;
    json_t *detail;
    out->messages = messages;
    if (!details || json_is_null(details))
        return SS_OK;
    if (!json_is_array(details))
        return lacks(err, "details");
    json_array_foreach(details, i, detail)
    {
        if (!json_is_string(detail))
            return lacks(err, "details");
        if (out->message_count < SS_STORE_MESSAGES_MAX)
            messages[out->message_count++] = json_string_value(detail);
    }
    return SS_OK;
}

static ss_status_t read_feedback(const json_t *body, const char **messages, struct ss_store_feedback *out,
                                 struct ss_error *err)
{
    const json_t *status = json_object_get(body, "status"), *result = json_object_get(status, "result");
    const char *execution = json_string_value(json_object_get(status, "execution"));
    const char *finished = json_string_value(json_object_get(result, "finished"));
    if (!json_is_object(status))
        return lacks(err, "status");
    if (!execution || !ss_store_execution_from_name(execution, &out->execution))
        return lacks(err, "status.execution");
    if (!finished || !ss_store_finished_from_name(finished, &out->finished))
        return lacks(err, "status.result.finished");
    ss_status_t done = read_code(json_object_get(status, "code"), out, err);
    if (done == SS_OK)
        done = read_progress(json_object_get(result, "progress"), out, err);
    return done == SS_OK ? read_details(json_object_get(status, "details"), messages, out, err) : done;
}

static ss_status_t read_confirmation(const json_t *body, const char **messages, struct ss_store_feedback *out,
                                     struct ss_error *err)
{
    const char *confirmation = json_string_value(json_object_get(body, "confirmation"));
    if (!confirmation || (strcmp(confirmation, "confirmed") != 0 && strcmp(confirmation, "denied") != 0))
        return lacks(err, "confirmation");
    out->finished = !strcmp(confirmation, "confirmed") ? SS_STORE_FINISHED_SUCCESS : SS_STORE_FINISHED_FAILURE;
    ss_status_t status = read_code(json_object_get(body, "code"), out, err);
    return status == SS_OK ? read_details(json_object_get(body, "details"), messages, out, err) : status;
}

static enum ss_http_result feedback(struct ss_http_request *request, enum ss_store_feedback_to to)
{
    const char *messages[SS_STORE_MESSAGES_MAX];
    struct ss_store_feedback out = {.device = request->device.registration.id, .to = to};
    struct ss_error err = {0};
    if (!ss_http_part_number(request->parts[SS_DDI_PART_NUMBER], &out.action))
        return ss_http_answer_error(request, 404, "there is no such action");
    json_t *body = ss_http_body_json(request);
    if (!body)
        return SS_HTTP_DONE;
    ss_status_t status = to == SS_STORE_TO_CONFIRMATION ? read_confirmation(body, messages, &out, &err)
                                                        : read_feedback(body, messages, &out, &err);
    if (status == SS_OK)
        status = ss_store_feedback_start(request->front->store, &out, written, request, &err);
    json_decref(body);
    return started(request, status, &err);
}

enum ss_http_result ss_ddi_deployment_feedback(struct ss_http_request *request)
{
    return feedback(request, SS_STORE_TO_DEPLOYMENT);
}

enum ss_http_result ss_ddi_cancel_feedback(struct ss_http_request *request)
{
    return feedback(request, SS_STORE_TO_CANCEL);
}

enum ss_http_result ss_ddi_confirmation_feedback(struct ss_http_request *request)
{
    return feedback(request, SS_STORE_TO_CONFIRMATION);
}
