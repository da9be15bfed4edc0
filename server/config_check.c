// SPDX-License-Identifier: Apache-2.0
// What belongs together in a front's configuration.
#include <stdlib.h>
#include <string.h>

#include "server/config.h"

static ss_status_t bad(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "%s", what);
}

static ss_status_t check_listen(const struct ss_server_config *config, struct ss_error *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    for (unsigned i = 0; i < config->server.listen.count; i++)
        if (!ss_address_parse(config->server.listen.items[i], &address, &len))
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER,
                                "listen = %.64s is not ADDRESS:PORT or [ADDRESS]:PORT", config->server.listen.items[i]);
    return SS_OK;
}

static ss_status_t check_tls(const struct ss_server_config *config, struct ss_error *err)
{
    if (!config->server.certificate != !config->server.key)
        return bad(err, "certificate and key in [server] belong together");
    if (!config->server.certificate && !config->server.plain_http)
        return bad(err, "[server] needs certificate and key, or plain_http = yes");
    if (config->server.client_certificates == SS_CLIENT_CERTIFICATES_NO)
        return SS_OK;
    if (!config->server.certificate)
        return bad(err, "client_certificates needs certificate and key");
    if (!config->server.client_ca)
        return bad(err, "client_certificates needs client_ca");
    return SS_OK;
}

/// Nobody can register itself who has nothing to show.
static ss_status_t check_new_devices(const struct ss_server_config *config, struct ss_error *err)
{
    bool shown = config->server.gateway_token || config->server.proxy_authorities.count ||
                 config->server.client_certificates != SS_CLIENT_CERTIFICATES_NO;
    return config->server.new_devices && !shown
               ? bad(err, "new_devices needs gateway_token, client_certificates or proxy_authorities")
               : SS_OK;
}

/// True without a port, too.
static bool port_ok(const char *host)
{
    const char *colon = strrchr(host, ':');
    char *end;
    if (!colon || strchr(colon, ']'))
        return true;
    unsigned long port = strtoul(colon + 1, &end, 10);
    return strspn(colon + 1, "0123456789") && !*end && port >= 1 && port <= 65535;
}

/// Links are made of it, so it has to be a plain origin.
static bool url_ok(const char *url)
{
    const char *host = !strncmp(url, "https://", 8) ? url + 8 : !strncmp(url, "http://", 7) ? url + 7 : "";
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]";
    size_t len = strspn(host, allowed);
    return len && len <= 128 && !host[len] && port_ok(host);
}

/// Tenants stand in paths.
static bool tenant_ok(const char *tenant)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t len = strspn(tenant, allowed);
    return len && len <= 64 && !tenant[len];
}

ss_status_t ss_server_config_check_front(const struct ss_server_config *config, struct ss_error *err)
{
    if (!config->server.url || !url_ok(config->server.url))
        return bad(err, "[server] needs url = https://HOST[:PORT], without a path");
    if (!tenant_ok(config->server.tenant))
        return bad(err, "tenant has to be 1 to 64 characters of A-Z a-z 0-9 _ -");
    if (!config->server.store)
        return bad(err, "[server] needs store = sqlite:PATH or postgresql://HOST/DATABASE");
    if (config->presealed.folder && (config->sealer.vault || config->sealer.listen))
        return bad(err, "with a [presealed] folder there is no [sealer]");
    if (config->presealed.folder && !config->presealed.key_set)
        return bad(err, "[presealed] needs key_set =, the root-signed key set by which the folder is judged");
    ss_status_t status = check_listen(config, err);
    if (status == SS_OK)
        status = check_new_devices(config, err);
    return status == SS_OK ? check_tls(config, err) : status;
}
