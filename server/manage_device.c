// SPDX-License-Identifier: Apache-2.0
// Devices and actions.
#include <string.h>

#include "server/auth.h"
#include "server/log.h"
#include "server/manage_parts.h"

static const char *credential_name(enum ss_store_credential credential)
{
    static const char *const names[] = {"none", "token", "certificate", "any_certificate"};
    return names[credential];
}

static json_t *row_json(const struct ss_store_device_row *row)
{
    const struct ss_store_registration *r = &row->registration;
    return json_pack("{s:s, s:s, s:b, s:s, s:I, s:s, s:s, s:o, s:s?}", "id", r->id, "product", r->product, "active",
                     (int)r->active, "credential", credential_name(r->credential), "seen", (json_int_t)row->seen,
                     "slot", row->slot, "version", row->version, "action", ss_manage_id(row->action), "state",
                     row->action ? ss_store_state_name(row->state) : NULL);
}

static ss_status_t add_row(void *list, const struct ss_store_device_row *row, struct ss_error *err)
{
    return ss_manage_append(list, row_json(row), err);
}

enum ss_http_result ss_manage_device_list(struct ss_http_request *request)
{
    char product[SS_STORE_NAME_SIZE], after[SS_STORE_NAME_SIZE];
    struct ss_error err = {0};
    int64_t limit;
    bool has_product = ss_http_query(request, "product", product, sizeof product);
    bool has_after = ss_http_query(request, "after", after, sizeof after);
    if (!ss_http_query_number(request, "limit", 1000, &limit) || limit < 1 || limit > 1000)
        return ss_http_answer_error(request, 400, "limit has to be 1 to 1000");
    struct ss_store_device_filter filter = {has_product ? product : NULL, has_after ? after : NULL, (unsigned)limit};
    json_t *list = json_array();
    ss_status_t status = ss_store_device_list(request->front->store, &filter, add_row, list, &err);
    if (status != SS_OK)
        return ss_manage_answer_list(request, "devices", list, status, &err);
    size_t count = json_array_size(list);
    const char *next =
        count == (size_t)limit ? json_string_value(json_object_get(json_array_get(list, count - 1), "id")) : NULL;
    json_t *last = next ? json_string(next) : json_null();
    return ss_http_answer_json(request, 200, json_pack("{s:o, s:o}", "devices", list, "next", last));
}

static json_t *told_json(const struct ss_store_told *told)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "slot", told->slot, "version",
                     told->version, "state", told->state, "cause", told->cause, "digest",
                     told->has_digest ? ss_manage_hex(told->digest, 32) : json_null(), "table",
                     told->has_table ? ss_manage_hex(told->table, 32) : json_null(), "epoch", (json_int_t)told->epoch,
                     "sequence", (json_int_t)told->sequence, "key_set", (json_int_t)told->key_set, "secure_version",
                     (json_int_t)told->secure_version, "bootloader", (json_int_t)told->bootloader);
}

static json_t *device_json(const struct ss_store_device *device, int64_t seen)
{
    const struct ss_store_registration *r = &device->registration;
    json_t *open = json_null(), *installed = json_null();
    if (device->open.action)
        open = json_pack("{s:I, s:I, s:s, s:b}", "action", (json_int_t)device->open.action, "release",
                         (json_int_t)device->open.release, "state", ss_store_state_name(device->open.state), "forced",
                         (int)device->open.forced);
    if (device->installed.action)
        installed = json_pack("{s:I, s:I}", "action", (json_int_t)device->installed.action, "release",
                              (json_int_t)device->installed.release);
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:I, s:b, s:o, s:o, s:o}", "id", r->id, "product", r->product, "kind",
                     ss_store_kind_name(device->kind), "active", (int)r->active, "credential",
                     credential_name(r->credential), "seen", (json_int_t)seen, "auto_confirm",
                     (int)device->auto_confirm, "told", told_json(&device->told), "open", open, "installed", installed);
}

enum ss_http_result ss_manage_device_get(struct ss_http_request *request)
{
    const char *id = request->parts[SS_MANAGE_PART_ID];
    struct ss_store *store = request->front->store;
    struct ss_error err = {0};
    int64_t seen = 0;
    ss_status_t status = ss_store_device_get(store, id, &request->device, &err);
    if (status == SS_OK)
        status = ss_store_device_seen(store, id, &seen, &err);
    return status == SS_OK ? ss_http_answer_json(request, 200, device_json(&request->device, seen))
                           : ss_http_answer_failure(request, status, &err);
}

/// Reads the credential of a registration: at most one of the three.
static bool read_credential(const char *token, const char *certificate, int any, struct ss_store_registration *out)
{
    const char *digest = token ? token : certificate;
    if (!!token + !!certificate + !!any > 1 || (digest && !ss_manage_digest(digest, out->credential_hash)))
        return false;
    out->credential = token         ? SS_STORE_TOKEN
                      : certificate ? SS_STORE_CERTIFICATE
                      : any         ? SS_STORE_ANY_CERTIFICATE
                                    : SS_STORE_NO_CREDENTIAL;
    return true;
}

/// Reads the body of a registration. Answered if it is wrong.
static bool read_registration(struct ss_http_request *request, struct ss_store_registration *out)
{
    json_t *body;
    const char *product, *token = NULL, *certificate = NULL;
    int active = 1, any = 0;
    if (!ss_manage_read(request, &body, "{s:s, s?b, s?s, s?s, s?b}", "product", &product, "active", &active,
                        "token_sha256", &token, "certificate_sha256", &certificate, "any_certificate", &any))
        return false;
    snprintf(out->id, sizeof out->id, "%s", request->parts[SS_MANAGE_PART_ID]);
    snprintf(out->product, sizeof out->product, "%s", product);
    out->active = active;
    bool ok = strlen(product) < sizeof out->product && strlen(request->parts[SS_MANAGE_PART_ID]) < sizeof out->id &&
              read_credential(token, certificate, any, out);
    json_decref(body);
    if (!ok)
        ss_http_answer_error(request, 400, "a name is too long, a digest is none, or there are several credentials");
    return ok;
}

enum ss_http_result ss_manage_device_put(struct ss_http_request *request)
{
    struct ss_store_registration registration = {0};
    struct ss_error err = {0};
    if (!ss_auth_device_id(request->parts[SS_MANAGE_PART_ID]))
        return ss_http_answer_error(request, 400, "an id has 1 to 64 characters of A-Z a-z 0-9 . _ -");
    if (!read_registration(request, &registration))
        return SS_HTTP_DONE;
    ss_status_t status = ss_store_device_register(request->front->store, &registration, &err);
    return status == SS_OK ? ss_manage_device_get(request) : ss_http_answer_failure(request, status, &err);
}

static ss_status_t add_attribute(void *object, const char *key, const char *value, struct ss_error *err)
{
    if (json_object_set_new(object, key, json_string(value)) == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
}

enum ss_http_result ss_manage_attribute_list(struct ss_http_request *request)
{
    const char *id = request->parts[SS_MANAGE_PART_ID];
    struct ss_error err = {0};
    ss_status_t status = ss_store_device_get(request->front->store, id, &request->device, &err);
    json_t *object = json_object();
    if (status == SS_OK)
        status = ss_store_attribute_list(request->front->store, id, add_attribute, object, &err);
    return ss_manage_answer_list(request, "attributes", object, status, &err);
}

enum ss_http_result ss_manage_attribute_ask(struct ss_http_request *request)
{
    struct ss_error err = {0};
    ss_status_t status = ss_store_attributes_ask(request->front->store, request->parts[SS_MANAGE_PART_ID], &err);
    return status == SS_OK ? ss_http_answer_json(request, 200, json_object())
                           : ss_http_answer_failure(request, status, &err);
}
