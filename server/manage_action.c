// SPDX-License-Identifier: Apache-2.0
// Assigning releases, and what became of it.
#include <stdlib.h>
#include <string.h>

#include "server/auth.h"
#include "server/log.h"
#include "server/manage_parts.h"

static json_t *window_json(const struct ss_store_window *w)
{
    return w->seconds ? json_pack("{s:I, s:I, s:b}", "start", (json_int_t)w->start, "seconds", (json_int_t)w->seconds,
                                  "daily", (int)w->daily)
                      : json_null();
}

static json_t *json_of(const struct ss_store_action *a)
{
    return json_pack("{s:I, s:s, s:I, s:s, s:s, s:s, s:b, s:b, s:b, s:o, s:b, s:o, s:s, s:I, s:I}", "id",
                     (json_int_t)a->id, "device", a->device, "release", (json_int_t)a->release, "version", a->version,
                     "state", ss_store_state_name(a->state), "last", ss_store_state_name(a->last), "active",
                     (int)a->active, "forced", (int)a->forced, "download_only", (int)a->download_only, "window",
                     window_json(&a->window), "retrieved", (int)a->retrieved, "code",
                     a->has_code ? json_integer(a->code) : json_null(), "operator", a->operator_name, "created",
                     (json_int_t)a->created, "changed", (json_int_t)a->changed);
}

static ss_status_t add_action(void *list, const struct ss_store_action *action, struct ss_error *err)
{
    return ss_manage_append(list, json_of(action), err);
}

static enum ss_http_result list_actions(struct ss_http_request *request, const char *device)
{
    int64_t before, limit;
    struct ss_error err = {0};
    if (!ss_http_query_number(request, "before", 0, &before) || before < 0)
        return ss_http_answer_error(request, 400, "before is no number of an action");
    if (!ss_http_query_number(request, "limit", 100, &limit) || limit < 1 || limit > 1000)
        return ss_http_answer_error(request, 400, "limit has to be 1 to 1000");
    json_t *list = json_array();
    ss_status_t status =
        ss_store_action_list(request->front->store, device, before, (unsigned)limit, add_action, list, &err);
    return ss_manage_answer_list(request, "actions", list, status, &err);
}

enum ss_http_result ss_manage_action_list(struct ss_http_request *request)
{
    return list_actions(request, NULL);
}

enum ss_http_result ss_manage_device_actions(struct ss_http_request *request)
{
    const char *id = request->parts[SS_MANAGE_PART_ID];
    struct ss_error err = {0};
    ss_status_t status = ss_store_device_get(request->front->store, id, &request->device, &err);
    return status == SS_OK ? list_actions(request, id) : ss_http_answer_failure(request, status, &err);
}

enum ss_http_result ss_manage_action_get(struct ss_http_request *request)
{
    int64_t id;
    struct ss_store_action action;
    struct ss_error err = {0};
    if (!ss_manage_number(request, &id))
        return SS_HTTP_DONE;
    ss_status_t status = ss_store_action_get(request->front->store, NULL, id, &action, &err);
    return status == SS_OK ? ss_http_answer_json(request, 200, json_of(&action))
                           : ss_http_answer_failure(request, status, &err);
}

static ss_status_t add_status(void *list, const struct ss_store_status *s, struct ss_error *err)
{
    json_t *messages = json_array(), *progress = json_null();
    for (size_t i = 0; i < s->message_count; i++)
        if (json_array_append_new(messages, json_string(s->messages[i])) != 0) {
            json_decref(messages);
            return ss_manage_append(list, NULL, err);
        }
    if (s->has_progress)
        progress = json_pack("{s:I, s:I}", "count", (json_int_t)s->count, "of", (json_int_t)s->of);
    return ss_manage_append(list,
                            json_pack("{s:I, s:I, s:s, s:o, s:o, s:o}", "number", (json_int_t)s->number, "time",
                                      (json_int_t)s->time, "state", ss_store_state_name(s->state), "code",
                                      s->has_code ? json_integer(s->code) : json_null(), "progress", progress,
                                      "messages", messages),
                            err);
}

enum ss_http_result ss_manage_action_history(struct ss_http_request *request)
{
    int64_t id, limit;
    struct ss_store_action action;
    struct ss_error err = {0};
    if (!ss_manage_number(request, &id))
        return SS_HTTP_DONE;
    if (!ss_http_query_number(request, "limit", 0, &limit) || limit < 0 || limit > SS_STORE_STATUSES_MAX)
        return ss_http_answer_error(request, 400, "limit has to be 0 to 1000");
    ss_status_t status = ss_store_action_get(request->front->store, NULL, id, &action, &err);
    json_t *list = json_array();
    if (status == SS_OK)
        status = ss_store_status_list(request->front->store, id, (unsigned)limit, add_status, list, &err);
    return ss_manage_answer_list(request, "history", list, status, &err);
}

enum ss_http_result ss_manage_action_cancel(struct ss_http_request *request)
{
    json_t *body;
    int force = 0;
    int64_t id;
    struct ss_error err = {0};
    if (!ss_manage_number(request, &id) || !ss_manage_read(request, &body, "{s?b}", "force", &force))
        return SS_HTTP_DONE;
    json_decref(body);
    ss_status_t status = ss_store_cancel(request->front->store, id, force, request->operator_name, &err);
    return status == SS_OK ? ss_manage_action_get(request) : ss_http_answer_failure(request, status, &err);
}

// Assigning

/// An assignment that waits for the sealer's word.
struct assignment {
    struct ss_store_assignment fields;
    char text[SS_SEALER_TEXT_SIZE];
};

static enum ss_http_result assign(struct ss_http_request *request, const struct ss_store_assignment *assignment)
{
    int64_t action = 0;
    bool created = false;
    struct ss_error err = {0};
    ss_status_t status = ss_store_assign(request->front->store, assignment, &action, &created, &err);
    if (status != SS_OK)
        return ss_http_answer_failure(request, status, &err);
    ss_log(SS_LOG_INFO, "assigned", "device", assignment->device, "operator", request->operator_name, NULL);
    return ss_http_answer_json(request, created ? 201 : 200,
                               json_pack("{s:I, s:b}", "id", (json_int_t)action, "created", (int)created));
}

static enum ss_http_result assign_opaque(struct ss_http_request *request)
{
    struct assignment *a = request->state;
    struct ss_error err = {0};
    enum ss_http_result result;
    if (request->result == SS_OK) {
        result = assign(request, &a->fields);
    } else {
        ss_error_set(&err, request->result, SS_AREA_SERVER, "%s",
                     a->text[0] ? a->text : ss_status_name(request->result));
        result = ss_http_answer_failure(request, request->result, &err);
    }
    free(a);
    return result;
}

/// On the sealer client's thread.
static void judged(void *context, ss_status_t status, const struct ss_sealer_delivery *delivery, const char *text)
{
    (void)delivery;
    struct ss_http_request *request = context;
    struct assignment *a = request->state;
    request->result = status;
    snprintf(a->text, sizeof a->text, "%s", text ? text : "");
    ss_http_continue(request, assign_opaque);
}

/// The sealer has the last word on whether a device may get what is not sealed for it.
static enum ss_http_result ask_sealer(struct ss_http_request *request, const struct ss_store_assignment *fields)
{
    struct ss_front *front = request->front;
    struct assignment *a = calloc(1, sizeof *a);
    if (!a)
        return ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
    a->fields = *fields;
    request->state = a;
    pthread_rwlock_rdlock(&front->sealer_lock);
    ss_status_t status =
        front->sealer ? ss_sealer_may_be_opaque(front->sealer, fields->device, judged, request) : SS_ERROR_IO;
    pthread_rwlock_unlock(&front->sealer_lock);
    if (status == SS_OK)
        return SS_HTTP_WAIT;
    free(a);
    return ss_http_answer_failure(request, status, NULL);
}

/// The release that is meant, by its number or by the version of the device's product.
static ss_status_t find_release(struct ss_http_request *request, int64_t id, const char *version,
                                struct ss_store_release *release, struct ss_error *err)
{
    struct ss_store *store = request->front->store;
    ss_status_t status = ss_store_device_get(store, request->parts[SS_MANAGE_PART_ID], &request->device, err);
    if (status != SS_OK)
        return status;
    if (!version == !id)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "either version or release is needed");
    return id ? ss_store_release_get(store, id, release, err)
              : ss_store_release_find(store, request->device.registration.product, version, release, err);
}

/// Reads an object of window; NULL is none.
static bool read_window(json_t *window, struct ss_store_window *out)
{
    json_int_t start, seconds;
    int daily = 0;
    if (!window || json_is_null(window))
        return true;
    if (json_unpack_ex(window, NULL, JSON_STRICT, "{s:I, s:I, s?b}", "start", &start, "seconds", &seconds, "daily",
                       &daily) != 0 ||
        seconds < 1 || seconds > SS_STORE_WINDOW_MAX)
        return false;
    *out = (struct ss_store_window){.start = start, .seconds = (uint32_t)seconds, .daily = daily};
    return true;
}

enum ss_http_result ss_manage_assign(struct ss_http_request *request)
{
    json_t *body;
    const char *version = NULL;
    json_int_t id = 0;
    json_t *window = NULL;
    int forced = 1, confirm = 0, download_only = 0;
    struct ss_store_assignment assignment = {.device = request->parts[SS_MANAGE_PART_ID],
                                             .operator_name = request->operator_name};
    struct ss_error err = {0};
    struct ss_store_release release;
    if (!ss_manage_read(request, &body, "{s?s, s?I, s?b, s?b, s?b, s?o}", "version", &version, "release", &id, "forced",
                        &forced, "confirm", &confirm, "download_only", &download_only, "window", &window))
        return SS_HTTP_DONE;
    ss_status_t status = read_window(window, &assignment.window)
                             ? find_release(request, id, version, &release, &err)
                             : ss_error_set(&err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                                            "window has start, seconds from 1 to %u, and daily", SS_STORE_WINDOW_MAX);
    json_decref(body);
    if (status != SS_OK)
        return ss_http_answer_failure(request, status, &err);
    assignment.release = release.id;
    assignment.forced = forced;
    assignment.confirm = confirm;
    assignment.download_only = download_only;
    if (release.kind == SS_STORE_OPAQUE && request->front->sealer_kept)
        return ask_sealer(request, &assignment);
    return assign(request, &assignment);
}
