// SPDX-License-Identifier: Apache-2.0
// Confirmation by the device's user, and what is public: key sets and CA certificates; freshness records.
#include <string.h>
#include <time.h>

#include "server/ddi.h"
#include "slotseal/key_set.h"

enum ss_http_result ss_ddi_confirmation_base(struct ss_http_request *request)
{
    const struct ss_server_config *config = request->front->config;
    const struct ss_store_device *device = &request->device;
    const char *id = device->registration.id;
    char change[SS_DDI_LINK_SIZE], base[SS_DDI_LINK_SIZE], rest[64];
    if (!ss_http_accepts_json(request))
        return SS_HTTP_DONE;
    const char *name = device->auto_confirm ? "deactivateAutoConfirm" : "activateAutoConfirm";
    snprintf(rest, sizeof rest, "confirmationBase/%s", name);
    ss_ddi_link(config, id, rest, change, sizeof change);
    json_t *links = json_pack("{s:{s:s}}", name, "href", change);
    if (device->open.action && device->open.state == SS_STORE_WAIT_FOR_CONFIRMATION) {
        snprintf(rest, sizeof rest, "confirmationBase/%lld?c=%u", (long long)device->open.action,
                 ss_ddi_action_hash(device, time(NULL)));
        ss_ddi_link(config, id, rest, base, sizeof base);
        links = ss_http_json_with(links, "confirmationBase", json_pack("{s:s}", "href", base));
    }
    return ss_http_answer_json(
        request, 200, json_pack("{s:{s:b}, s:o}", "autoConfirm", "active", (int)device->auto_confirm, "_links", links));
}

static enum ss_http_result set_auto_confirm(struct ss_http_request *request, bool on)
{
    json_t *body = NULL;
    struct ss_error err = {0};
    if (request->body_len && !(body = ss_http_body_json(request)))
        return SS_HTTP_DONE;
    const char *initiator = json_string_value(json_object_get(body, "initiator"));
    const char *remark = json_string_value(json_object_get(body, "remark"));
    ss_status_t status = ss_store_auto_confirm(request->front->store, request->device.registration.id, on,
                                               initiator ? initiator : "", remark ? remark : "", &err);
    json_decref(body);
    // hawkBit: 409 for switching on twice; switching off twice is no error.
    if (status == SS_ERROR_BAD_STATE)
        return on ? ss_http_answer_error(request, 409, "auto-confirmation is active already")
                  : ss_http_answer_empty(request, 200);
    return status == SS_OK ? ss_http_answer_empty(request, 200) : ss_http_answer_failure(request, status, &err);
}

enum ss_http_result ss_ddi_confirm_on(struct ss_http_request *request)
{
    return set_auto_confirm(request, true);
}

enum ss_http_result ss_ddi_confirm_off(struct ss_http_request *request)
{
    return set_auto_confirm(request, false);
}

enum ss_http_result ss_ddi_freshness(struct ss_http_request *request)
{
    uint8_t record[SS_FRESHNESS_MAX];
    size_t len = 0;
    struct ss_error err = {0};
    ss_status_t status = ss_store_freshness_fetch(request->front->store, request->device.registration.id, record,
                                                  sizeof record, &len, &err);
    return status == SS_OK ? ss_http_answer_bytes(request, 200, "application/cose", record, len)
                           : ss_http_answer_failure(request, status, &err);
}

/// Decimal, up to UINT32_MAX, also 0.
static bool read_version(const char *text, uint32_t *out)
{
    int64_t value = 0;
    if (strcmp(text, "0") != 0 && (!ss_http_part_number(text, &value) || value > UINT32_MAX))
        return false;
    *out = (uint32_t)value;
    return true;
}

enum ss_http_result ss_ddi_key_set(struct ss_http_request *request)
{
    uint8_t set[SS_KEY_SET_MAX];
    uint32_t after;
    size_t len = 0;
    struct ss_error err = {0};
    ss_status_t status =
        read_version(request->parts[5], &after)
            ? ss_store_key_set_after(request->front->store, request->parts[3], after, set, sizeof set, &len, &err)
            : SS_ERROR_DOES_NOT_EXIST;
    return status == SS_OK ? ss_http_answer_bytes(request, 200, "application/cose", set, len)
                           : ss_http_answer_failure(request, status, &err);
}

/// 64 lower- or upper-case hex digits.
static bool read_digest(const char *text, uint8_t out[32])
{
    if (strlen(text) != 64 || strspn(text, "0123456789abcdefABCDEF") != 64)
        return false;
    for (int i = 0; i < 32; i++)
        sscanf(text + (ptrdiff_t)2 * i, "%2hhx", &out[i]);
    return true;
}

enum ss_http_result ss_ddi_ca(struct ss_http_request *request)
{
    uint8_t digest[32], der[SS_STORE_CA_MAX];
    size_t len = 0;
    struct ss_error err = {0};
    ss_status_t status = read_digest(request->parts[3], digest)
                             ? ss_store_ca_get(request->front->store, digest, der, sizeof der, &len, &err)
                             : SS_ERROR_DOES_NOT_EXIST;
    return status == SS_OK ? ss_http_answer_bytes(request, 200, "application/pkix-cert", der, len)
                           : ss_http_answer_failure(request, status, &err);
}
