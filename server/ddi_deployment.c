// SPDX-License-Identifier: Apache-2.0
// deploymentBase, installedBase, confirmationBase, cancelAction: what a device is to do, had done, may do, is to stop.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/ddi.h"
#include "server/log.h"

/// A deployment being put together; across the wait for the sealer.
struct deployment {
    struct ss_store_action action;
    struct ss_store_release release;
    struct ss_store_delivery delivery; ///< device "" : none
    char text[SS_SEALER_TEXT_SIZE];    ///< why the sealer refuses
};

static enum ss_http_result no_action(struct ss_http_request *request)
{
    return ss_http_answer_error(request, 404, "there is no such action");
}

/// The action in the path, if it is this device's. Answered otherwise.
static bool find_action(struct ss_http_request *request, struct ss_store_action *action)
{
    int64_t id;
    struct ss_error err = {0};
    if (!ss_http_accepts_json(request))
        return false;
    if (!ss_http_part_number(request->parts[SS_DDI_PART_NUMBER], &id)) {
        no_action(request);
        return false;
    }
    ss_status_t status = ss_store_action_get(request->front->store, request->device.registration.id, id, action, &err);
    if (status != SS_OK)
        ss_http_answer_failure(request, status, &err);
    return status == SS_OK;
}

static void base64url(const uint8_t *in, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i < 3 ? len - i : 3;
        uint32_t word = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        for (size_t n = 0; n <= left; n++)
            *out++ = digits[word >> (18 - 6 * n) & 63];
    }
    *out = '\0';
}

static int add_metadata(json_t *list, const char *key, const char *value)
{
    return json_array_append_new(list, json_pack("{s:s, s:s}", "key", key, "value", value));
}

/// What a device decides by: docs/device-protocol.md.
static json_t *metadata(const struct deployment *d)
{
    char text[4 * SS_DELIVERY_MAX / 3 + 4 * SS_RELEASE_MAX / 3 + 8], address[16];
    json_t *list = json_array();
    snprintf(address, sizeof address, "0x%" PRIx32, d->delivery.address);
    base64url(d->release.statement, d->release.statement_len, text);
    int bad = add_metadata(list, "slotseal.release", text);
    base64url(d->delivery.statement, d->delivery.statement_len, text);
    bad |= add_metadata(list, "slotseal.delivery", text);
    bad |= add_metadata(list, "slotseal.slot", d->delivery.slot);
    bad |= add_metadata(list, "slotseal.address", address);
    if (!bad)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *chunk(struct ss_http_request *request, const struct deployment *d, ss_status_t *status,
                     struct ss_error *err)
{
    const struct ss_store_delivery *delivery = d->delivery.device[0] ? &d->delivery : NULL;
    json_t *artifacts = ss_ddi_artifact_array(request->front, &request->device, d->release.id, delivery, status, err);
    if (!artifacts)
        return NULL;
    json_t *one = json_pack("{s:s, s:s, s:s, s:o}", "part", "os", "version", d->release.version, "name",
                            d->release.product, "artifacts", artifacts);
    if (d->delivery.device[0])
        one = ss_http_json_with(ss_http_json_with(one, "encrypted", json_true()), "metadata", metadata(d));
    return one;
}

/// What the device is to do with @p chunks.
static json_t *orders(const struct ss_store_action *a, json_t *chunks)
{
    bool open = ss_store_window_is_open(&a->window, time(NULL));
    const char *download = a->forced || a->download_only ? "forced" : "attempt";
    const char *update = a->download_only || !open ? "skip" : download;
    const char *window = !a->window.seconds ? NULL : open ? "available" : "unavailable";
    return json_pack("{s:s, s:s, s:s*, s:[o]}", "download", download, "update", update, "maintenanceWindow", window,
                     "chunks", chunks);
}

static enum ss_http_result answer_deployment(struct ss_http_request *request, const struct deployment *d,
                                             const char *name)
{
    struct ss_error err = {0};
    ss_status_t status = SS_OK;
    int64_t count = 0;
    char id[24];
    if (!ss_http_query_number(request, "actionHistory", 0, &count))
        return ss_http_answer_error(request, 400, "actionHistory is no number");
    json_t *history = count ? ss_ddi_history(request->front, d->action.id, count, &status, &err) : NULL;
    json_t *chunks = status == SS_OK ? chunk(request, d, &status, &err) : NULL;
    if (status != SS_OK) {
        json_decref(history);
        return ss_http_answer_failure(request, status, &err);
    }
    snprintf(id, sizeof id, "%" PRId64, d->action.id);
    return ss_http_answer_json(
        request, 200,
        json_pack("{s:s, s:o, s:o*}", "id", id, name, orders(&d->action, chunks), "actionHistory", history));
}

// Sealed releases: the sealer is asked each time, it knows best whether the delivery is still what the device needs.

static enum ss_http_result answer_sealed(struct ss_http_request *request)
{
    struct deployment *d = request->state;
    enum ss_http_result result = answer_deployment(request, d, "deployment");
    if (request->status == 200)
        ss_metrics_add(&request->front->metrics, SS_COUNT_DELIVERIES, 1);
    free(d);
    return result;
}

/// A refusal that no repetition changes ends the action, with the reason in its history.
static void fail_action(struct ss_http_request *request, const struct deployment *d)
{
    const char *messages[] = {"refused by the sealer", d->text};
    struct ss_store_feedback feedback = {.device = d->action.device,
                                         .action = d->action.id,
                                         .to = SS_STORE_TO_DEPLOYMENT,
                                         .execution = SS_STORE_EXECUTION_CLOSED,
                                         .finished = SS_STORE_FINISHED_FAILURE,
                                         .messages = messages,
                                         .message_count = 2};
    struct ss_error err = {0};
    ss_metrics_add(&request->front->metrics, SS_COUNT_REFUSED_DELIVERIES, 1);
    ss_log(SS_LOG_WARNING, "the sealer refuses a delivery", "device", d->action.device, "release", d->release.version,
           "reason", d->text, NULL);
    if (ss_store_feedback(request->front->store, &feedback, &err) != SS_OK)
        ss_log(SS_LOG_WARNING, "an action could not be ended", "device", d->action.device, "reason", err.message, NULL);
}

static enum ss_http_result answer_refused(struct ss_http_request *request)
{
    struct deployment *d = request->state;
    if (request->result == SS_ERROR_NOT_PERMITTED) {
        fail_action(request, d);
        no_action(request);
    } else {
        ss_log(SS_LOG_INFO, "no delivery yet", "device", d->action.device, "release", d->release.version, "reason",
               d->text[0] ? d->text : ss_status_name(request->result), NULL);
        ss_http_answer_error(request, 503, "the update is not ready yet");
        ss_http_add_header(request, "Retry-After", "60");
    }
    free(d);
    return SS_HTTP_DONE;
}

static enum ss_http_result keep_delivery(struct ss_http_request *request)
{
    struct deployment *d = request->state;
    struct ss_store_download before;
    struct ss_error err = {0};
    struct ss_store *store = request->front->store;
    ss_status_t status =
        ss_store_download_get(store, d->delivery.device, d->delivery.release, d->delivery.slot, &before, &err);
    bool there = status == SS_OK && !strcmp(before.etag, d->delivery.etag);
    if (!there && (status == SS_OK || status == SS_ERROR_DOES_NOT_EXIST))
        status = ss_store_delivery_put(store, &d->delivery, status == SS_OK ? before.etag : NULL, &d->delivery, &err);
    if (status == SS_OK)
        return answer_sealed(request);
    free(d);
    return ss_http_answer_failure(request, status, &err);
}

static void copy_delivery(struct deployment *d, const struct ss_sealer_delivery *from)
{
    struct ss_store_delivery *to = &d->delivery;
    struct ss_statement statement;
    struct ss_delivery fields;
    *to = (struct ss_store_delivery){.release = d->release.id,
                                     .statement_len = from->statement_len,
                                     .address = from->address,
                                     .length = from->length};
    snprintf(to->device, sizeof to->device, "%s", d->action.device);
    snprintf(to->slot, sizeof to->slot, "%s", from->slot);
    snprintf(to->etag, sizeof to->etag, "%s", from->etag);
    memcpy(to->statement, from->statement, from->statement_len);
    memcpy(to->sha256, from->sha256, sizeof to->sha256);
    if (ss_statement_parse(from->statement, from->statement_len, &statement, NULL) == SS_OK &&
        ss_delivery_parse(&statement, &fields, NULL) == SS_OK) {
        to->epoch = fields.epoch;
        to->sequence = fields.sequence;
        to->expiry = fields.expiry;
    }
}

/// On the sealer client's thread.
static void delivered(void *context, ss_status_t status, const struct ss_sealer_delivery *delivery, const char *text)
{
    struct ss_http_request *request = context;
    struct deployment *d = request->state;
    request->result = status;
    snprintf(d->text, sizeof d->text, "%s", text ? text : "");
    if (status == SS_OK)
        copy_delivery(d, delivery);
    ss_http_continue(request, status == SS_OK ? keep_delivery : answer_refused);
}

static void fill_order(const struct ss_http_request *request, const struct deployment *d, struct ss_sealer_order *order)
{
    const struct ss_store_told *told = &request->device.told;
    *order = (struct ss_sealer_order){.told = {.epoch = told->epoch,
                                               .sequence = told->sequence,
                                               .secure_version = told->secure_version,
                                               .bootloader = told->bootloader,
                                               .key_set = told->key_set,
                                               .has_table = told->has_table}};
    snprintf(order->device, sizeof order->device, "%s", d->action.device);
    snprintf(order->version, sizeof order->version, "%s", d->release.version);
    snprintf(order->told.slot, sizeof order->told.slot, "%s", told->slot);
    memcpy(order->told.table, told->table, sizeof order->told.table);
}

/// Without a sealer: what was sealed elsewhere.
static enum ss_http_result use_presealed(struct ss_http_request *request)
{
    struct deployment *d = request->state;
    struct ss_error err = {0};
    request->result = ss_ddi_find_delivery(request->front->store, &request->device, d->release.id, &d->delivery, &err);
    if (request->result == SS_OK)
        return answer_sealed(request);
    snprintf(d->text, sizeof d->text, "%s", err.message);
    return answer_refused(request);
}

static enum ss_http_result order_delivery(struct ss_http_request *request, const struct deployment *from)
{
    struct ss_front *front = request->front;
    struct ss_sealer_order order;
    struct deployment *d = malloc(sizeof *d);
    if (!d)
        return ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
    *d = *from;
    request->state = d;
    fill_order(request, d, &order);
    ss_status_t status = SS_OK;
    pthread_rwlock_rdlock(&front->sealer_lock);
    bool sealer = front->sealer != NULL;
    if (sealer)
        status = ss_sealer_deliver(front->sealer, &order, delivered, request);
    pthread_rwlock_unlock(&front->sealer_lock);
    if (!sealer)
        return use_presealed(request);
    if (status == SS_OK)
        return SS_HTTP_WAIT;
    request->result = status;
    return answer_refused(request);
}

/// Whether the action's window was over before the device used it. It is to be cancelled then, as with hawkBit; a device
/// that has refused that once is not asked again.
static bool ended_unused(struct ss_http_request *request, const struct ss_store_action *action)
{
    struct ss_error err = {0};
    if (!ss_store_window_is_over(&action->window, time(NULL)))
        return false;
    bool again = action->last == SS_STORE_CANCEL_REJECTED || action->last == SS_STORE_ERROR;
    ss_status_t status = ss_store_cancel(request->front->store, action->id, again, "maintenance-window", &err);
    ss_log(SS_LOG_INFO, "a maintenance window is over", "device", action->device, "cancelled",
           status == SS_OK ? "yes" : err.message, NULL);
    return true;
}

enum ss_http_result ss_ddi_deployment(struct ss_http_request *request)
{
    struct deployment d = {0};
    struct ss_error err = {0};
    struct ss_front *front = request->front;
    if (!find_action(request, &d.action))
        return SS_HTTP_DONE;
    if (d.action.state != SS_STORE_RUNNING || ended_unused(request, &d.action))
        return no_action(request);
    ss_status_t status = ss_store_release_get(front->store, d.action.release, &d.release, &err);
    if (status != SS_OK)
        return ss_http_answer_failure(request, status, &err);
    bool sealed = request->device.kind == SS_STORE_SEALED;
    if (sealed && !request->device.told.slot[0])
        return no_action(request);
    if (!d.action.retrieved)
        ss_store_action_retrieved(front->store, d.action.device, d.action.id);
    return sealed ? order_delivery(request, &d) : answer_deployment(request, &d, "deployment");
}

/// Release and, if one is known, delivery of an action that is looked at only.
static ss_status_t look_up(struct ss_http_request *request, struct deployment *d, struct ss_error *err)
{
    ss_status_t status = ss_store_release_get(request->front->store, d->action.release, &d->release, err);
    if (status != SS_OK || request->device.kind != SS_STORE_SEALED)
        return status;
    status = ss_ddi_find_delivery(request->front->store, &request->device, d->release.id, &d->delivery, err);
    if (status == SS_OK)
        return SS_OK;
    d->delivery = (struct ss_store_delivery){0};
    return status == SS_ERROR_DOES_NOT_EXIST ? SS_OK : status;
}

static enum ss_http_result answer_looked_up(struct ss_http_request *request, struct deployment *d, const char *name)
{
    struct ss_error err = {0};
    ss_status_t status = look_up(request, d, &err);
    return status == SS_OK ? answer_deployment(request, d, name) : ss_http_answer_failure(request, status, &err);
}

enum ss_http_result ss_ddi_installed(struct ss_http_request *request)
{
    struct deployment d = {0};
    if (!find_action(request, &d.action))
        return SS_HTTP_DONE;
    return d.action.state == SS_STORE_FINISHED ? answer_looked_up(request, &d, "deployment") : no_action(request);
}

enum ss_http_result ss_ddi_confirmation(struct ss_http_request *request)
{
    struct deployment d = {0};
    if (!find_action(request, &d.action))
        return SS_HTTP_DONE;
    return d.action.state == SS_STORE_WAIT_FOR_CONFIRMATION ? answer_looked_up(request, &d, "confirmation")
                                                            : no_action(request);
}

enum ss_http_result ss_ddi_cancel(struct ss_http_request *request)
{
    struct ss_store_action action;
    char id[24];
    if (!find_action(request, &action))
        return SS_HTTP_DONE;
    if (action.state != SS_STORE_CANCELING)
        return no_action(request);
    snprintf(id, sizeof id, "%" PRId64, action.id);
    return ss_http_answer_json(request, 200, json_pack("{s:s, s:{s:s}}", "id", id, "cancelAction", "stopId", id));
}
