// SPDX-License-Identifier: Apache-2.0
// What supervisors and monitoring ask.
#ifndef SS_SERVER_STATUS_PAGE_H
#define SS_SERVER_STATUS_PAGE_H

#include "server/http.h"

/// 200 as long as the process answers.
enum ss_http_result ss_page_healthz(struct ss_http_request *request);
/// 200 if the store answers and, where one is configured, a sealer is there; else 503 with the reason.
enum ss_http_result ss_page_readyz(struct ss_http_request *request);
enum ss_http_result ss_page_metrics(struct ss_http_request *request);

#endif
