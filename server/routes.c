// SPDX-License-Identifier: Apache-2.0
// Which path leads where.
#include <string.h>

#include "server/ddi.h"
#include "server/front_parts.h"
#include "server/manage_parts.h"
#include "server/status_page.h"

#define GET(f)    .handlers[SS_HTTP_GET] = (f)
#define PUT(f)    .handlers[SS_HTTP_PUT] = (f)
#define POST(f)   .handlers[SS_HTTP_POST] = (f)
#define DELETE(f) .handlers[SS_HTTP_DELETE] = (f)

#define DEVICE(path, called, ...)                                                                                      \
    {                                                                                                                  \
        .pattern = "controller/v1/*" path, .name = called, .audience = SS_HTTP_DEVICE, __VA_ARGS__                     \
    }
#define MANAGE(path, called, ...)                                                                                      \
    {                                                                                                                  \
        .pattern = SS_MANAGE_PREFIX path, .name = called, .audience = SS_HTTP_OPERATOR, __VA_ARGS__                    \
    }
#define PUBLIC(path, called, ...)                                                                                      \
    {                                                                                                                  \
        .pattern = path, .name = called, .audience = SS_HTTP_ANYBODY, __VA_ARGS__                                      \
    }

const struct ss_http_route ss_routes[] = {
    DEVICE("", "poll", .admits = true, .at_once = ss_ddi_poll_at_once, GET(ss_ddi_poll)),
    DEVICE("/configData", "config_data", PUT(ss_ddi_config_data)),
    DEVICE("/deploymentBase/*", "deployment", GET(ss_ddi_deployment)),
    DEVICE("/deploymentBase/*/feedback", "deployment_feedback", POST(ss_ddi_deployment_feedback)),
    DEVICE("/cancelAction/*", "cancel", GET(ss_ddi_cancel)),
    DEVICE("/cancelAction/*/feedback", "cancel_feedback", POST(ss_ddi_cancel_feedback)),
    DEVICE("/installedBase", "installed_put", PUT(ss_ddi_installed_put)),
    DEVICE("/installedBase/*", "installed", GET(ss_ddi_installed)),
    DEVICE("/confirmationBase", "confirmation_base", GET(ss_ddi_confirmation_base)),
    DEVICE("/confirmationBase/activateAutoConfirm", "confirm_on", POST(ss_ddi_confirm_on)),
    DEVICE("/confirmationBase/deactivateAutoConfirm", "confirm_off", POST(ss_ddi_confirm_off)),
    DEVICE("/confirmationBase/*", "confirmation", GET(ss_ddi_confirmation)),
    DEVICE("/confirmationBase/*/feedback", "confirmation_feedback", POST(ss_ddi_confirmation_feedback)),
    DEVICE("/softwaremodules/*/artifacts", "artifacts", GET(ss_ddi_artifacts)),
    DEVICE("/softwaremodules/*/artifacts/*", "download", .at_once = ss_ddi_download_at_once, GET(ss_ddi_download)),
    DEVICE("/freshness", "freshness", GET(ss_ddi_freshness)),
    PUBLIC("keyset/v1/*/after/*", "key_set", GET(ss_ddi_key_set)),
    PUBLIC("ca/v1/*", "ca", GET(ss_ddi_ca)),
    PUBLIC("/healthz", "healthz", .at_once = ss_page_healthz, GET(ss_page_healthz)),
    PUBLIC("/readyz", "readyz", GET(ss_page_readyz)),
    {.pattern = "/metrics", .name = "metrics", .audience = SS_HTTP_MONITOR, GET(ss_page_metrics)},
    MANAGE("/status", "manage_status", GET(ss_manage_status)),
    MANAGE("/products", "manage_products", GET(ss_manage_product_list)),
    MANAGE("/products/*", "manage_product", PUT(ss_manage_product_put)),
    MANAGE("/devices", "manage_devices", GET(ss_manage_device_list)),
    MANAGE("/devices/*", "manage_device", GET(ss_manage_device_get), PUT(ss_manage_device_put)),
    MANAGE("/devices/*/attributes", "manage_attributes", GET(ss_manage_attribute_list), POST(ss_manage_attribute_ask)),
    MANAGE("/devices/*/actions", "manage_device_actions", GET(ss_manage_device_actions), POST(ss_manage_assign)),
    MANAGE("/actions", "manage_actions", GET(ss_manage_action_list)),
    MANAGE("/actions/*", "manage_action", GET(ss_manage_action_get)),
    MANAGE("/actions/*/history", "manage_history", GET(ss_manage_action_history)),
    MANAGE("/actions/*/cancel", "manage_cancel", POST(ss_manage_action_cancel)),
    MANAGE("/releases", "manage_releases", GET(ss_manage_release_list), POST(ss_manage_release_add)),
    MANAGE("/releases/*", "manage_release", GET(ss_manage_release_get)),
    MANAGE("/releases/*/revoke", "manage_revoke", POST(ss_manage_release_revoke)),
    MANAGE("/uploads", "manage_uploads", POST(ss_manage_upload_begin)),
    MANAGE("/uploads/*", "manage_upload", .body_max = SS_MANAGE_PART_MAX, GET(ss_manage_upload_get),
           PUT(ss_manage_upload_append), DELETE(ss_manage_upload_refuse)),
    MANAGE("/keysets", "manage_key_sets", POST(ss_manage_key_set_put)),
    MANAGE("/cas", "manage_cas", POST(ss_manage_ca_put)),
    MANAGE("/operators", "manage_operators", GET(ss_manage_operator_list), POST(ss_manage_operator_add)),
    MANAGE("/operators/*", "manage_operator", DELETE(ss_manage_operator_remove)),
    {.pattern = NULL},
};

enum { ROUTES = sizeof ss_routes / sizeof *ss_routes - 1 };
_Static_assert(ROUTES < SS_METRICS_ROUTES_MAX, "room for their metrics");

/// True if the parts of @p pattern are those of the path.
static bool fits(const char *pattern, const char *const *parts, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        const char *part = parts[n];
        if (*pattern == '*' && *part) {
            pattern++;
        } else {
            while (*part && *part == *pattern)
                part++, pattern++;
            if (*part)
                return false;
        }
        if (*pattern++ != (n + 1 < count ? '/' : '\0'))
            return false;
    }
    return count > 0;
}

const struct ss_http_route *ss_route_find(const char *const *parts, unsigned count)
{
    for (const struct ss_http_route *route = ss_routes; route->pattern; route++) {
        bool rooted = route->pattern[0] == '/';
        if (rooted ? fits(route->pattern + 1, parts, count)
                   : count > 1 && *parts[0] && fits(route->pattern, parts + 1, count - 1))
            return route;
    }
    return NULL;
}

const char *const *ss_route_names(void)
{
    static const char *names[SS_METRICS_ROUTES_MAX + 1];
    // Always the same values: it does not matter who writes them last.
    for (unsigned i = 0; i < SS_METRICS_ROUTES_MAX; i++)
        names[i] = i < ROUTES ? ss_routes[i].name : "none";
    return names;
}
