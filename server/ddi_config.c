// SPDX-License-Identifier: Apache-2.0
// What devices tell: attributes, feedback, what they have. The answer waits until it is on disk; for the first two no
// thread does.
#include "server/ddi.h"
#include "server/ddi_body.h"

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

enum ss_http_result ss_ddi_config_data(struct ss_http_request *request)
{
    struct ss_ddi_attributes attributes;
    struct ss_error err = {0};
    json_t *body = ss_http_body_json(request);
    if (!body)
        return SS_HTTP_DONE;
    ss_status_t status = ss_ddi_read_attributes(body, &attributes, &err);
    if (status == SS_OK)
        status = ss_store_attributes_put_start(request->front->store, request->device.registration.id, attributes.mode,
                                               attributes.items, attributes.count, written, request, &err);
    json_decref(body);
    // The writer may be done by now: the request is not ours any more, unless it was not taken.
    return started(request, status, &err);
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
    ss_status_t status = to == SS_STORE_TO_CONFIRMATION ? ss_ddi_read_confirmation(body, messages, &out, &err)
                                                        : ss_ddi_read_feedback(body, messages, &out, &err);
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

enum ss_http_result ss_ddi_installed_put(struct ss_http_request *request)
{
    const char *name, *version;
    bool recorded = false;
    struct ss_error err = {0};
    json_t *body = ss_http_body_json(request);
    if (!body)
        return SS_HTTP_DONE;
    ss_status_t status = ss_ddi_read_installed(body, &name, &version, &err);
    if (status == SS_OK)
        status = ss_store_installed_put(request->front->store, request->device.registration.id, name, version,
                                        &recorded, &err);
    json_decref(body);
    return status == SS_OK ? ss_http_answer_empty(request, recorded ? 201 : 200)
                           : ss_http_answer_failure(request, status, &err);
}
