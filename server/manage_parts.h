// SPDX-License-Identifier: Apache-2.0
// The handlers of the management API (server/manage.h), called by a worker, and what they share. Internal to the front.
#ifndef SS_SERVER_MANAGE_PARTS_H
#define SS_SERVER_MANAGE_PARTS_H

#include "server/front_parts.h"
#include "server/manage.h"

/// Number of the part of a path that is an id or a name: /api/v1/things/ID.
#define SS_MANAGE_PART_ID 3

enum ss_http_result ss_manage_status(struct ss_http_request *request);
enum ss_http_result ss_manage_product_list(struct ss_http_request *request);
enum ss_http_result ss_manage_product_put(struct ss_http_request *request);
enum ss_http_result ss_manage_device_list(struct ss_http_request *request);
enum ss_http_result ss_manage_device_get(struct ss_http_request *request);
enum ss_http_result ss_manage_device_put(struct ss_http_request *request);
enum ss_http_result ss_manage_attribute_list(struct ss_http_request *request);
enum ss_http_result ss_manage_attribute_ask(struct ss_http_request *request);
enum ss_http_result ss_manage_device_actions(struct ss_http_request *request);
enum ss_http_result ss_manage_assign(struct ss_http_request *request);
enum ss_http_result ss_manage_action_list(struct ss_http_request *request);
enum ss_http_result ss_manage_action_get(struct ss_http_request *request);
enum ss_http_result ss_manage_action_history(struct ss_http_request *request);
enum ss_http_result ss_manage_action_cancel(struct ss_http_request *request);
enum ss_http_result ss_manage_release_list(struct ss_http_request *request);
enum ss_http_result ss_manage_release_add(struct ss_http_request *request);
enum ss_http_result ss_manage_release_get(struct ss_http_request *request);
enum ss_http_result ss_manage_release_revoke(struct ss_http_request *request);
enum ss_http_result ss_manage_upload_begin(struct ss_http_request *request);
enum ss_http_result ss_manage_upload_get(struct ss_http_request *request);
enum ss_http_result ss_manage_upload_append(struct ss_http_request *request);
enum ss_http_result ss_manage_upload_refuse(struct ss_http_request *request);
enum ss_http_result ss_manage_key_set_put(struct ss_http_request *request);
enum ss_http_result ss_manage_ca_put(struct ss_http_request *request);
enum ss_http_result ss_manage_operator_list(struct ss_http_request *request);
enum ss_http_result ss_manage_operator_add(struct ss_http_request *request);
enum ss_http_result ss_manage_operator_remove(struct ss_http_request *request);

// manage.c

/// A body whose fields are those of @p format, as json_unpack() has it, and no others. The caller frees *@p body, to
/// which what was read points. False, and answered, otherwise; *@p body is NULL then.
bool ss_manage_read(struct ss_http_request *request, json_t **body, const char *format, ...);
/// The id in the path as a number; answered with 404 otherwise.
bool ss_manage_number(struct ss_http_request *request, int64_t *out);
/// Lower-case hex; NULL without memory.
json_t *ss_manage_hex(const uint8_t *bytes, size_t len);
/// Reads 64 hex digits.
bool ss_manage_digest(const char *text, uint8_t out[32]);
/// What was collected under @p name, or the failure that ended collecting. Consumes @p list.
enum ss_http_result ss_manage_answer_list(struct ss_http_request *request, const char *name, json_t *list,
                                          ss_status_t status, const struct ss_error *err);
/// Appends and consumes @p item (may be NULL: no memory).
ss_status_t ss_manage_append(json_t *list, json_t *item, struct ss_error *err);
/// N, or null for 0.
json_t *ss_manage_id(int64_t id);

#endif
