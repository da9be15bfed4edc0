// SPDX-License-Identifier: Apache-2.0
// Products, key sets, operators, state of the server; and what all handlers of the API share.
#include "server/manage.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "core/hex.h"
#include "server/manage_parts.h"

bool ss_manage_read(struct ss_http_request *request, json_t **body, const char *format, ...)
{
    json_error_t error;
    *body = ss_http_body_json(request);
    if (!*body)
        return false;
    va_list list;
    va_start(list, format);
    int code = json_vunpack_ex(*body, &error, JSON_STRICT, format, list);
    va_end(list);
    if (code == 0)
        return true;
    json_decref(*body);
    *body = NULL;
    if (ss_http_json_lacks_memory())
        ss_http_answer_failure(request, SS_ERROR_INSUFFICIENT_MEMORY, NULL);
    else
        ss_http_answer_error(request, 400, error.text);
    return false;
}

bool ss_manage_number(struct ss_http_request *request, int64_t *out)
{
    if (ss_http_part_number(request->parts[SS_MANAGE_PART_ID], out))
        return true;
    ss_http_answer_error(request, 404, "there is nothing with this number");
    return false;
}

json_t *ss_manage_hex(const uint8_t *bytes, size_t len)
{
    char text[129];
    ss_put_hex(bytes, len, text);
    return json_stringn(text, 2 * len);
}

bool ss_manage_digest(const char *text, uint8_t out[32])
{
    if (strlen(text) != 64 || strspn(text, "0123456789abcdefABCDEF") != 64)
        return false;
    for (int i = 0; i < 32; i++)
        sscanf(text + (ptrdiff_t)2 * i, "%2hhx", &out[i]);
    return true;
}

enum ss_http_result ss_manage_answer_list(struct ss_http_request *request, const char *name, json_t *list,
                                          ss_status_t status, const struct ss_error *err)
{
    if (status == SS_OK)
        return ss_http_answer_json(request, 200, json_pack("{s:o}", name, list));
    json_decref(list);
    return ss_http_answer_failure(request, status, err);
}

ss_status_t ss_manage_append(json_t *list, json_t *item, struct ss_error *err)
{
    if (item && json_array_append_new(list, item) == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
}

json_t *ss_manage_id(int64_t id)
{
    return id ? json_integer(id) : json_null();
}

enum ss_http_result ss_manage_status(struct ss_http_request *request)
{
    struct ss_store_counts c;
    struct ss_error err = {0};
    struct ss_front *front = request->front;
    ss_status_t status = ss_store_count(front->store, &c, &err);
    if (status != SS_OK)
        return ss_http_answer_failure(request, status, &err);
    pthread_rwlock_rdlock(&front->sealer_lock);
    bool sealer = front->sealer && ss_sealer_connected(front->sealer);
    pthread_rwlock_unlock(&front->sealer_lock);
    return ss_http_answer_json(request, 200,
                               json_pack("{s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:b}", "counts", "devices",
                                         (json_int_t)c.devices, "releases", (json_int_t)c.releases, "actions_open",
                                         (json_int_t)c.actions_open, "actions_finished", (json_int_t)c.actions_finished,
                                         "actions_failed", (json_int_t)c.actions_failed, "actions_canceled",
                                         (json_int_t)c.actions_canceled, "sealer", (int)sealer));
}

// Products

static json_t *product_json(const struct ss_store_product *product)
{
    return json_pack("{s:s, s:s, s:I}", "name", product->name, "kind", ss_store_kind_name(product->kind), "key_set",
                     (json_int_t)product->key_set);
}

static ss_status_t add_product(void *list, const struct ss_store_product *product, struct ss_error *err)
{
    return ss_manage_append(list, product_json(product), err);
}

enum ss_http_result ss_manage_product_list(struct ss_http_request *request)
{
    struct ss_error err = {0};
    json_t *list = json_array();
    ss_status_t status = ss_store_product_list(request->front->store, add_product, list, &err);
    return ss_manage_answer_list(request, "products", list, status, &err);
}

enum ss_http_result ss_manage_product_put(struct ss_http_request *request)
{
    json_t *body;
    const char *kind;
    struct ss_error err = {0};
    struct ss_store_product product;
    if (!ss_manage_read(request, &body, "{s:s}", "kind", &kind))
        return SS_HTTP_DONE;
    bool opaque = !strcmp(kind, "opaque");
    json_decref(body);
    if (!opaque)
        return ss_http_answer_error(request, 400, "only opaque products are made here; the vault has the sealed ones");
    const char *name = request->parts[SS_MANAGE_PART_ID];
    ss_status_t status = ss_store_product_add_opaque(request->front->store, name, &err);
    if (status == SS_OK)
        status = ss_store_product_get(request->front->store, name, &product, &err);
    return status == SS_OK ? ss_http_answer_json(request, 200, product_json(&product))
                           : ss_http_answer_failure(request, status, &err);
}

// Key sets and certificates

/// True if the body is of type @p type. Answered with 415 otherwise.
static bool body_is(struct ss_http_request *request, const char *type)
{
    const char *is = request->headers[SS_HTTP_CONTENT_TYPE];
    if (is && !strcasecmp(is, type))
        return true;
    ss_http_answer_error(request, 415, "the body is of another type");
    return false;
}

enum ss_http_result ss_manage_key_set_put(struct ss_http_request *request)
{
    uint32_t version = 0;
    struct ss_error err = {0};
    if (!body_is(request, "application/cose"))
        return SS_HTTP_DONE;
    ss_status_t status =
        ss_store_key_set_put(request->front->store, (const uint8_t *)request->body, request->body_len, &version, &err);
    return status == SS_OK ? ss_http_answer_json(request, 201, json_pack("{s:I}", "version", (json_int_t)version))
                           : ss_http_answer_failure(request, status, &err);
}

enum ss_http_result ss_manage_ca_put(struct ss_http_request *request)
{
    uint8_t digest[32];
    struct ss_error err = {0};
    if (!body_is(request, "application/pkix-cert"))
        return SS_HTTP_DONE;
    ss_status_t status =
        ss_store_ca_put(request->front->store, (const uint8_t *)request->body, request->body_len, digest, &err);
    return status == SS_OK ? ss_http_answer_json(request, 201, json_pack("{s:o}", "sha256", ss_manage_hex(digest, 32)))
                           : ss_http_answer_failure(request, status, &err);
}

// Operators

static ss_status_t add_operator(void *list, const char *name, int64_t created, struct ss_error *err)
{
    return ss_manage_append(list, json_pack("{s:s, s:I}", "name", name, "created", (json_int_t)created), err);
}

enum ss_http_result ss_manage_operator_list(struct ss_http_request *request)
{
    struct ss_error err = {0};
    json_t *list = json_array();
    ss_status_t status = ss_store_operator_list(request->front->store, add_operator, list, &err);
    return ss_manage_answer_list(request, "operators", list, status, &err);
}

enum ss_http_result ss_manage_operator_add(struct ss_http_request *request)
{
    json_t *body;
    const char *name;
    char token[SS_STORE_TOKEN_SIZE];
    struct ss_error err = {0};
    if (!ss_manage_read(request, &body, "{s:s}", "name", &name))
        return SS_HTTP_DONE;
    ss_status_t status = ss_store_operator_add(request->front->store, name, token, &err);
    if (status == SS_OK)
        ss_http_answer_json(request, 201, json_pack("{s:s, s:s}", "name", name, "token", token));
    else
        ss_http_answer_failure(request, status, &err);
    explicit_bzero(token, sizeof token);
    json_decref(body);
    return SS_HTTP_DONE;
}

enum ss_http_result ss_manage_operator_remove(struct ss_http_request *request)
{
    struct ss_error err = {0};
    ss_status_t status = ss_store_operator_remove(request->front->store, request->parts[SS_MANAGE_PART_ID], &err);
    return status == SS_OK ? ss_http_answer_json(request, 200, json_object())
                           : ss_http_answer_failure(request, status, &err);
}
