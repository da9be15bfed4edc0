// SPDX-License-Identifier: Apache-2.0
#include "server/auth.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "core/crypto.h"
#include "server/log.h"

/// hawkBit's limit of a device's id.
#define ID_MAX 256u
/// How many more wrong credentials an address may show for all devices together than for one.
#define GUESSES_ALL 10u

static bool names(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_';
}

bool ss_auth_device_id(const char *id)
{
    size_t len = 0;
    while (names(id[len]))
        len++;
    return len >= 1 && len < SS_STORE_NAME_SIZE && !id[len] && strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

const char *ss_auth_token(const char *header, const char *scheme)
{
    size_t len = strlen(scheme);
    if (!header || strncasecmp(header, scheme, len) != 0 || header[len] != ' ')
        return NULL;
    const char *token = header + len + 1;
    token += strspn(token, " ");
    size_t size = 0;
    while (token[size] > ' ' && token[size] < 0x7F)
        size++;
    return size >= 1 && size <= SS_AUTH_TOKEN_MAX && !token[size] ? token : NULL;
}

bool ss_auth_forwarded(const char *header, const struct ss_address_blocks *proxies, uint8_t address[16])
{
    for (const char *end = header + strlen(header); end > header;) {
        const char *start = end;
        while (start > header && start[-1] != ',')
            start--;
        char text[64];
        struct ss_address_block one;
        const char *first = start + strspn(start, " \t");
        size_t len = first < end ? (size_t)(end - first) : 0;
        while (len && (first[len - 1] == ' ' || first[len - 1] == '\t'))
            len--;
        if (!len || len >= sizeof text)
            return false;
        memcpy(text, first, len);
        text[len] = '\0';
        if (strchr(text, '/') || !ss_address_block_parse(text, &one))
            return false;
        memcpy(address, one.address, 16);
        if (!ss_address_in(proxies, address))
            return false;
        end = start > header ? start - 1 : header;
    }
    return true;
}

bool ss_auth_authority(const char *header, const struct ss_config_list *authorities)
{
    for (const char *p = header; p && *(p += strspn(p, ";, \t"));) {
        size_t len = strcspn(p, ";, \t");
        for (unsigned i = 0; i < authorities->count; i++)
            if (strlen(authorities->items[i]) == len && !strncmp(p, authorities->items[i], len))
                return true;
        p += len;
    }
    return false;
}

/// False, and answered, if that cannot be found out.
static bool token_is(struct ss_http_request *request, const char *token, const uint8_t digest[32])
{
    uint8_t own[32];
    ss_status_t status = token ? ss_hash_once(SS_HASH_SHA256, token, strlen(token), own) : SS_OK;
    bool ok = token && status == SS_OK && ss_equal(own, digest, 32);
    ss_wipe(own, sizeof own);
    if (status != SS_OK)
        ss_http_answer_failure(request, status, NULL);
    return ok;
}

/// The certificate of the connection, looked at once.
static const struct ss_tls_peer *peer_of(struct ss_http_connection *connection)
{
    if (!connection->peer_known && connection->tls) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection->request.connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        if (info)
            ss_tls_peer(info->tls_session, &connection->peer);
        connection->peer_known = true;
    }
    return &connection->peer;
}

static bool certificate_fits(struct ss_http_connection *connection, const struct ss_store_registration *device)
{
    if (!connection->tls ||
        (device->credential != SS_STORE_CERTIFICATE && device->credential != SS_STORE_ANY_CERTIFICATE))
        return false;
    const struct ss_tls_peer *peer = peer_of(connection);
    if (!peer->present || strcmp(peer->name, device->id) != 0)
        return false;
    return device->credential == SS_STORE_ANY_CERTIFICATE || ss_equal(peer->digest, device->credential_hash, 32) ||
           ss_equal(peer->pem, device->credential_hash, 32);
}

static bool proxy_vouches(const struct ss_http_request *request, const struct ss_store_registration *device)
{
    const char *id = request->headers[SS_HTTP_X_CONTROLLER_ID];
    if (!request->proxied || !id || strcmp(id, device->id) != 0)
        return false;
    if (device->credential != SS_STORE_CERTIFICATE && device->credential != SS_STORE_ANY_CERTIFICATE)
        return false;
    return ss_auth_authority(request->headers[SS_HTTP_X_AUTHORITY], &request->front->config->server.proxy_authorities);
}

static bool credential_holds(struct ss_http_connection *connection, const struct ss_store_registration *device)
{
    struct ss_http_request *request = &connection->request;
    const char *authorization = request->headers[SS_HTTP_AUTHORIZATION];
    if (!device->active || device->credential == SS_STORE_NO_CREDENTIAL)
        return false;
    if (device->credential == SS_STORE_TOKEN &&
        token_is(request, ss_auth_token(authorization, "TargetToken"), device->credential_hash))
        return true;
    if (certificate_fits(connection, device) || proxy_vouches(request, device))
        return true;
    return request->front->has_gateway &&
           token_is(request, ss_auth_token(authorization, "GatewayToken"), request->front->gateway);
}

/// What guesses are counted by: an address and what it guesses about, or the address alone; never as long as an address,
/// which has a rate of its own.
struct guess_key {
    uint8_t address[16];
    char about[SS_STORE_NAME_SIZE];
    size_t len; ///< of the two above: up to the terminator
};

static struct ss_rate guess_rate(const struct ss_http_request *request, unsigned times)
{
    return (struct ss_rate){atomic_load(&request->front->limits.guesses) * times, 60};
}

/// @p about fits: a device's id or a name of ours.
static void guess_key(const struct ss_http_request *request, const char *about, struct guess_key *key)
{
    size_t size = strlen(about) + 1;
    ss_address_network(request->address, key->address);
    memcpy(key->about, about, size);
    key->len = offsetof(struct guess_key, about) + size;
}

typedef bool (*guess_fn)(struct ss_limit *limit, const void *key, size_t len, struct ss_rate rate, uint64_t now);

/// Looks at, or takes, what is left of both rates.
static bool each_guess(const struct ss_http_request *request, const char *about, guess_fn each)
{
    struct guess_key one, all;
    guess_key(request, about, &one);
    guess_key(request, "", &all);
    uint64_t now = ss_front_now_us();
    bool ok = each(request->front->limit, &one, one.len, guess_rate(request, 1), now);
    return each(request->front->limit, &all, all.len, guess_rate(request, GUESSES_ALL), now) && ok;
}

/// False, and answered, if this address has guessed too often.
static bool may_guess(struct ss_http_request *request, const char *about)
{
    if (each_guess(request, about, ss_limit_left))
        return true;
    ss_metrics_add(&request->front->metrics, SS_COUNT_LIMITED, 1);
    ss_http_answer_error(request, 429, "too many wrong credentials");
    ss_http_add_header(request, "Retry-After", "60");
    return false;
}

static void refuse(struct ss_http_request *request, const char *about, const char *challenge, bool guessed)
{
    if (request->status)
        return; // whether the credential is wrong is not known
    char address[INET6_ADDRSTRLEN] = "";
    if (guessed && request->headers[SS_HTTP_AUTHORIZATION]) // a request without any credential is no guess
        (void)each_guess(request, about, ss_limit_take);
    ss_metrics_add(&request->front->metrics, SS_COUNT_REFUSED_CREDENTIALS, 1);
    ss_address_text(request->address, address, sizeof address);
    ss_log(SS_LOG_INFO, "credential refused", "for", about, "address", address, NULL);
    ss_http_answer_error(request, 401, "the credential is missing or wrong");
    ss_http_add_header(request, "WWW-Authenticate", challenge);
}

/// Whether an unknown device may become one of the product for those: if it polls, and shows what would let it in then.
/// @p id is NULL for one that none can have. Into *@p holds goes whether the credential is a good one, for that or for
/// nothing.
static bool may_join(struct ss_http_connection *connection, const char *id, bool *holds)
{
    struct ss_http_request *request = &connection->request;
    struct ss_store_registration *device = &request->device.registration;
    const char *product = request->front->config->server.new_devices;
    bool asks = product && id && request->method == SS_HTTP_GET && request->route->admits;
    request->device = (struct ss_store_device){.registration = {.active = true, .credential = SS_STORE_TOKEN}};
    if (asks) {
        device->credential = SS_STORE_ANY_CERTIFICATE;
        snprintf(device->id, sizeof device->id, "%s", id);
        snprintf(device->product, sizeof device->product, "%s", product);
    }
    // The same work as for a device that exists, also where it is in vain.
    *holds = credential_holds(connection, device);
    return *holds && asks;
}

/// Lets a newcomer in, or answers 429.
static void welcome(struct ss_http_request *request)
{
    static const char all[] = "new devices"; // no device has a blank in its id
    struct ss_rate rate = {atomic_load(&request->front->limits.new_devices), 3600};
    request->newcomer = ss_limit_take(request->front->limit, all, sizeof all, rate, ss_front_now_us());
    if (request->newcomer)
        return;
    ss_metrics_add(&request->front->metrics, SS_COUNT_LIMITED, 1);
    ss_http_answer_error(request, 429, "too many new devices");
    ss_http_add_header(request, "Retry-After", "60");
}

/// Answers 429 if the device asks too often.
static void limit_device(struct ss_http_request *request, const char *id)
{
    struct ss_rate rate = {atomic_load(&request->front->limits.device_rate) * 10, 10};
    if (!ss_limit_take(request->front->limit, id, strlen(id), rate, ss_front_now_us())) {
        ss_metrics_add(&request->front->metrics, SS_COUNT_LIMITED, 1);
        ss_http_answer_error(request, 429, "too many requests of this device");
        ss_http_add_header(request, "Retry-After", "10");
    }
}

enum ss_http_result ss_auth_device(struct ss_http_connection *connection, bool wait)
{
    struct ss_http_request *request = &connection->request;
    const char *id = request->parts[3];
    if (strlen(id) > ID_MAX)
        return ss_http_answer_error(request, 400, "the device's id is too long");
    bool named = ss_auth_device_id(id);
    const char *about = named ? id : "(no id)";
    if (!may_guess(request, about))
        return SS_HTTP_DONE;
    struct ss_store *store = request->front->store;
    if (named && !wait && !ss_store_device_peek(store, id, &request->device))
        return SS_HTTP_LATER;
    ss_status_t status = !named ? SS_ERROR_DOES_NOT_EXIST
                         : wait ? ss_store_device_get(store, id, &request->device, NULL)
                                : SS_OK;
    bool holds = false;
    if (status == SS_ERROR_DOES_NOT_EXIST && may_join(connection, named ? id : NULL, &holds))
        welcome(request);
    else if (status != SS_OK && status != SS_ERROR_DOES_NOT_EXIST)
        ss_http_answer_failure(request, status, NULL);
    else if (status != SS_OK || !credential_holds(connection, &request->device.registration))
        refuse(request, about, "TargetToken", !holds);
    else
        limit_device(request, id);
    return SS_HTTP_DONE;
}

bool ss_auth_operator(struct ss_http_request *request)
{
    const char *token = ss_auth_token(request->headers[SS_HTTP_AUTHORIZATION], "Bearer");
    if (!may_guess(request, "(operator)"))
        return false;
    struct ss_error err = {0};
    ss_status_t status =
        token ? ss_store_operator_find(request->front->store, token, strlen(token), request->operator_name, &err)
              : SS_ERROR_DOES_NOT_EXIST;
    if (status == SS_ERROR_DOES_NOT_EXIST)
        refuse(request, "(operator)", "Bearer", true);
    else if (status != SS_OK)
        ss_http_answer_failure(request, status, &err);
    return status == SS_OK;
}
