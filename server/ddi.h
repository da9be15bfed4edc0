// SPDX-License-Identifier: Apache-2.0
// hawkBit's Direct Device Integration API, version 1, with the additions of docs/device-protocol.md. One handler a
// resource and method; which path leads to which is the table in routes.c. What ends in _at_once answers from memory or
// returns SS_HTTP_LATER; the others run on a worker.
#ifndef SS_SERVER_DDI_H
#define SS_SERVER_DDI_H

#include "server/front_parts.h"

/// Room for a link, terminated: origin, tenant, device, file.
#define SS_DDI_LINK_SIZE 640
/// Number of the part of a path that follows `…/{id}/resource/`.
#define SS_DDI_PART_NUMBER 5

enum ss_http_result ss_ddi_poll_at_once(struct ss_http_request *request);
enum ss_http_result ss_ddi_poll(struct ss_http_request *request);
/// The first poll of a device that may register itself.
enum ss_http_result ss_ddi_join(struct ss_http_request *request);
enum ss_http_result ss_ddi_config_data(struct ss_http_request *request);
enum ss_http_result ss_ddi_deployment(struct ss_http_request *request);
enum ss_http_result ss_ddi_deployment_feedback(struct ss_http_request *request);
enum ss_http_result ss_ddi_cancel(struct ss_http_request *request);
enum ss_http_result ss_ddi_cancel_feedback(struct ss_http_request *request);
enum ss_http_result ss_ddi_installed(struct ss_http_request *request);
enum ss_http_result ss_ddi_installed_put(struct ss_http_request *request);
enum ss_http_result ss_ddi_confirmation_base(struct ss_http_request *request);
enum ss_http_result ss_ddi_confirmation(struct ss_http_request *request);
enum ss_http_result ss_ddi_confirmation_feedback(struct ss_http_request *request);
enum ss_http_result ss_ddi_confirm_on(struct ss_http_request *request);
enum ss_http_result ss_ddi_confirm_off(struct ss_http_request *request);
enum ss_http_result ss_ddi_artifacts(struct ss_http_request *request);
enum ss_http_result ss_ddi_download_at_once(struct ss_http_request *request);
enum ss_http_result ss_ddi_download(struct ss_http_request *request);
enum ss_http_result ss_ddi_freshness(struct ss_http_request *request);
enum ss_http_result ss_ddi_key_set(struct ss_http_request *request);
enum ss_http_result ss_ddi_ca(struct ss_http_request *request);

// What they share.

/// How often @p device is to ask: the configured time, off by a part of it that is always the same for a device.
/// Seconds.
uint32_t ss_ddi_sleep(const struct ss_polling *polling, const char *device);

/// The links and times of a poll's answer at @p now (seconds since 1970); what ETag and 304 hang on. Its length; 0 if
/// @p size is too small.
size_t ss_ddi_poll_body(const struct ss_server_config *config, const struct ss_store_device *device, uint32_t key_set,
                        int64_t now, char *out, size_t size);
/// A number that changes when forced, state or release of the open action change, or its window opens or closes: `c` of
/// its link.
uint32_t ss_ddi_action_hash(const struct ss_store_device *device, int64_t now);

/// The delivery that a device gets of @p release; SS_ERROR_DOES_NOT_EXIST: none is known here.
SS_MUST_USE ss_status_t ss_ddi_find_delivery(struct ss_store *store, const struct ss_store_device *device,
                                             int64_t release, struct ss_store_delivery *delivery, struct ss_error *err);
/// {origin}/{tenant}/controller/v1/{device}/{rest}, terminated.
void ss_ddi_link(const struct ss_server_config *config, const char *device, const char *rest, char *out, size_t size);

/// Artifacts of @p release as a JSON array, for @p device; NULL without memory or after a failure in @p status.
/// @p delivery: of a sealed one, if the caller knows it; NULL: it is looked up.
json_t *ss_ddi_artifact_array(struct ss_front *front, const struct ss_store_device *device, int64_t release,
                              const struct ss_store_delivery *delivery, ss_status_t *status, struct ss_error *err);
/// The messages of an action's history and its state, newest first; NULL as above.
json_t *ss_ddi_history(struct ss_front *front, int64_t action, int64_t count, ss_status_t *status,
                       struct ss_error *err);

#endif
