// SPDX-License-Identifier: Apache-2.0
// Who a request comes from. Fails closed: a credential is accepted in one place, everything else is 401.
#ifndef SS_SERVER_AUTH_H
#define SS_SERVER_AUTH_H

#include "server/front_parts.h"

/// Longest token, bytes.
#define SS_AUTH_TOKEN_MAX 128u

/// Puts the device that the path names in request->device, if the request shows its credential: its token, its client
/// certificate, a listed proxy's word or the gateway token. An unknown one that polls, and may register itself, is a
/// newcomer. Answers 400, 401, 429 or 503 otherwise. SS_HTTP_LATER, only without @p wait: the device is not in memory.
enum ss_http_result ss_auth_device(struct ss_http_connection *connection, bool wait);
/// Sets request->operator_name by the bearer token. Answers 401, 429 or 503 and returns false otherwise. Blocks.
bool ss_auth_operator(struct ss_http_request *request);

/// Finds the client's address in a line of X-Forwarded-For: the last one that is no listed proxy's. Leaves @p address
/// as it is if there is none. True if it is that of a proxy still, and a line before this one may say more.
bool ss_auth_forwarded(const char *header, const struct ss_address_blocks *proxies, uint8_t address[16]);
/// The token of `SCHEME TOKEN`, 1 to SS_AUTH_TOKEN_MAX printable characters without blanks; NULL for another scheme or
/// form.
const char *ss_auth_token(const char *header, const char *scheme);
/// True if the list @p header (separated by ';' or ',') has one of @p authorities.
bool ss_auth_authority(const char *header, const struct ss_config_list *authorities);
/// True for an id that a device may have: [A-Za-z0-9._-]{1,64}, but not "." or "..".
bool ss_auth_device_id(const char *id);

#endif
